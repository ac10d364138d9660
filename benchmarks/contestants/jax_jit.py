"""JAX: `jit` around `fori_loop`, and around the whole training step."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np


def load(folder):
    global weights
    with np.load(folder / "weights.npz") as arrays:
        weights = [jnp.asarray(arrays[name]) for name in sorted(arrays.files)]


def versions():
    return {"JAX": jax.__version__}


@jax.jit
def energy(w, x):
    for i in (0, 2, 4, 6):
        x = jax.lax.conv_general_dilated(
            x, w[i], (2, 2), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
        )
        x = jax.nn.swish(x + w[i + 1])
    x = jax.nn.swish(x.reshape(len(x), -1) @ w[8] + w[9])
    return (x @ w[10] + w[11])[:, 0]


def energies(x):
    return np.asarray(energy(weights, x))


@jax.jit
def langevin(w, x, key, steps, step_size, noise_scale, grad_clip):
    def body(i, x):
        grad = jax.grad(lambda x: energy(w, x).sum())(x)
        noise = jax.random.normal(jax.random.fold_in(key, i), x.shape)
        return jnp.clip(
            x - step_size * jnp.clip(grad, -grad_clip, grad_clip) + noise_scale * noise,
            -1,
            1,
        )

    return jax.lax.fori_loop(0, steps, body, x)


@jax.jit
def settling(w, x, key, steps, chain, done):
    "Langevin with momentum that settles by the steps that each chain has done."

    def body(i, state):
        x, velocity = state
        grad = jax.grad(lambda x: energy(w, x).sum())(x)
        grad = jnp.clip(grad, -chain["grad_clip"], chain["grad_clip"])
        root = jnp.minimum(chain["settle"] / (done + i + 1), 1.0).reshape(-1, 1, 1, 1)
        velocity = chain["momentum"] * velocity - root**2 * chain["step_size"] * grad
        noise = jax.random.normal(jax.random.fold_in(key, i), x.shape)
        return jnp.clip(
            x + velocity + root * chain["noise_scale"] * noise, -1, 1
        ), velocity

    return jax.lax.fori_loop(0, steps, body, (x, jnp.zeros_like(x)))[0]


def walk(w, x, key, steps, chain, done):
    if chain["settle"]:
        numbers = {name: chain[name] for name in NUMBERS}
        return settling(w, x, key, steps, numbers, done)
    plain = chain["step_size"], chain["noise_scale"], chain["grad_clip"]
    return langevin(w, x, key, steps, *plain)


NUMBERS = ["step_size", "noise_scale", "momentum", "grad_clip", "settle"]


def sample(x, steps, chain):
    key, done = jax.random.key(0), jnp.zeros(len(x))
    return np.asarray(walk(weights, jnp.asarray(x), key, steps, chain, done))


def loss(w, x_pos, x_neg, alpha):
    real, fake = jnp.split(energy(w, jnp.concatenate([x_pos, x_neg])), 2)
    return real.mean() - fake.mean() + alpha * (real**2 + fake**2).mean()


def adam(recipe, w, grads, m, v, done):
    "Adam with the recipe's schedule and clipping, by hand: no further library."
    one, two, rate = recipe["beta_1"], 0.999, recipe["learning_rate"]
    if recipe["decay_steps"]:
        rate = rate * (1 + jnp.cos(jnp.pi * done / recipe["decay_steps"])) / 2
    if recipe["clipnorm"]:
        norm = jnp.sqrt(sum((g**2).sum() for g in grads))
        grads = [g * jnp.minimum(1, recipe["clipnorm"] / norm) for g in grads]
    m = [one * a + (1 - one) * g for a, g in zip(m, grads)]
    v = [two * a + (1 - two) * g**2 for a, g in zip(v, grads)]
    scale = rate * jnp.sqrt(1 - two ** (done + 1)) / (1 - one ** (done + 1))
    return [a - scale * b / (jnp.sqrt(c) + 1e-7) for a, b, c in zip(w, m, v)], m, v


def trainer(recipe, images):
    size, life = recipe["batch_size"], recipe["life"] or jnp.inf
    zeros = lambda: [jnp.zeros_like(a) for a in weights]
    buffer = jax.random.uniform(
        jax.random.key(1), (recipe["capacity"], 32, 32, 1), minval=-1, maxval=1
    )
    state = (
        [jnp.array(a) for a in weights],
        zeros(),
        zeros(),
        [jnp.array(a) for a in weights],
        buffer,
        jnp.zeros(len(buffer)),
        jnp.zeros((), "int32"),
    )
    images, recipe = jnp.asarray(images), dict(recipe)

    @partial(jax.jit, donate_argnums=0)
    def train_step(state, images):
        w, m, v, average, buffer, steps, done = state
        keys = jax.random.split(jax.random.fold_in(jax.random.key(2), done), 6)
        x_pos = images[jax.random.randint(keys[0], [size], 0, len(images))]
        x_pos = jnp.clip(
            x_pos + recipe["data_noise"] * jax.random.normal(keys[1], x_pos.shape),
            -1,
            1,
        )
        slots = jax.lax.top_k(jax.random.uniform(keys[2], [len(buffer)]), size)[1]
        x, walked = buffer[slots], steps[slots]
        fresh = jax.random.uniform(keys[3], [size]) < recipe["fresh"]
        fresh = (fresh | (walked >= life)).reshape(-1, 1, 1, 1)
        x = jnp.where(
            fresh, jax.random.uniform(keys[4], x.shape, minval=-1, maxval=1), x
        )
        walked = jnp.where(fresh.ravel(), 0, walked)
        x_neg = walk(w, x, keys[5], recipe["chain_steps"], recipe["chain"], walked)
        written = slots if recipe["in_place"] else jnp.arange(size) + done * size
        buffer = buffer.at[written % len(buffer)].set(x_neg)
        steps = steps.at[written % len(buffer)].set(walked + recipe["chain_steps"])
        value, grads = jax.value_and_grad(loss)(w, x_pos, x_neg, recipe["alpha"])
        w, m, v = adam(recipe, w, grads, m, v, done)
        keep = recipe["averaging"]
        average = (
            [keep * a + (1 - keep) * b for a, b in zip(average, w)] if keep else average
        )
        return (w, m, v, average, buffer, steps, done + 1), value

    def step():
        nonlocal state
        state, value = train_step(state, images)
        return float(value)

    return step
