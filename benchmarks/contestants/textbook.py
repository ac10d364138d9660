"""The textbook's loop, written plainly: eager TensorFlow, one Python step at a time, a
Python list of images for a buffer.
"""

import random

import keras
import numpy as np
import tensorflow as tf


def build():
    layers = [keras.layers.Conv2D(16, 5, strides=2, padding="same", activation="swish")]
    layers += [
        keras.layers.Conv2D(n, 3, strides=2, padding="same", activation="swish")
        for n in (32, 64, 64)
    ]
    layers += [
        keras.layers.Flatten(),
        keras.layers.Dense(64, activation="swish"),
        keras.layers.Dense(1),
    ]
    return keras.Sequential([keras.Input((32, 32, 1)), *layers])


def load(folder):
    global model, weights
    model = build()
    with np.load(folder / "weights.npz") as arrays:
        weights = [arrays[name] for name in sorted(arrays.files)]
    model.set_weights(weights)


def versions():
    return {"TensorFlow": tf.__version__, "Keras": keras.__version__}


def energies(x):
    return model(x).numpy()[:, 0]


def langevin(model, x, steps, step_size, noise_scale, grad_clip):
    for _ in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = model(x)
        grads = tf.clip_by_value(tape.gradient(out, x), -grad_clip, grad_clip)
        x += -step_size * grads + tf.random.normal(x.shape, 0.0, noise_scale)
        x = tf.clip_by_value(x, -1.0, 1.0)
    return x


def settling(model, x, steps, chain, done):
    "Our sampler in the textbook's loop; each chain has done some steps before."
    velocity = tf.zeros_like(x)
    for i in range(steps):
        with tf.GradientTape() as tape:
            tape.watch(x)
            out = model(x)
        clip = chain["grad_clip"]
        grads = tf.clip_by_value(tape.gradient(out, x), -clip, clip)
        root = tf.minimum(chain["settle"] / tf.constant(done + i + 1, x.dtype), 1.0)
        root = tf.reshape(root, [-1, 1, 1, 1])
        velocity = chain["momentum"] * velocity - root**2 * chain["step_size"] * grads
        noise = tf.random.normal(x.shape, 0.0, chain["noise_scale"])
        x = tf.clip_by_value(x + velocity + root * noise, -1.0, 1.0)
    return x


def walk(model, x, steps, chain, done):
    if chain["settle"]:
        return settling(model, x, steps, chain, done)
    plain = chain["step_size"], chain["noise_scale"], chain["grad_clip"]
    return langevin(model, x, steps, *plain)


def sample(x, steps, chain):
    return walk(model, tf.constant(x), steps, chain, np.zeros(len(x))).numpy()


def trainer(recipe, images):
    model = build()
    model.set_weights(weights)
    rate = recipe["learning_rate"]
    rate = (
        keras.optimizers.schedules.CosineDecay(rate, recipe["decay_steps"])
        if recipe["decay_steps"]
        else rate
    )
    optimizer = keras.optimizers.Adam(
        rate, beta_1=recipe["beta_1"], global_clipnorm=recipe["clipnorm"]
    )
    average = [weight.numpy() for weight in model.trainable_variables]
    size, life = recipe["batch_size"], recipe["life"] or np.inf
    noise = lambda: (tf.random.uniform((1, 32, 32, 1), -1, 1), 0)
    examples = [noise() for _ in range(size)]

    def step():
        nonlocal examples, average
        fresh = np.random.binomial(size, recipe["fresh"])
        drawn = [noise() for _ in range(fresh)]
        drawn += random.choices(examples, k=size - fresh)
        drawn = [noise() if done >= life else (x, done) for x, done in drawn]
        done = np.array([done for _, done in drawn])
        x = tf.concat([x for x, _ in drawn], 0)
        x_neg = walk(model, x, recipe["chain_steps"], recipe["chain"], done)
        left = zip(tf.split(x_neg, size), done + recipe["chain_steps"])
        examples = (list(left) + examples)[: recipe["capacity"]]
        x_pos = images[np.random.choice(len(images), size, replace=False)]
        x_pos = tf.clip_by_value(
            x_pos + recipe["data_noise"] * tf.random.normal(x_pos.shape), -1, 1
        )
        with tf.GradientTape() as tape:
            real, fake = tf.split(model(tf.concat([x_pos, x_neg], 0), training=True), 2)
            reg = recipe["alpha"] * tf.reduce_mean(real**2 + fake**2)
            loss = tf.reduce_mean(real) - tf.reduce_mean(fake) + reg
        grads = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(grads, model.trainable_variables))
        if keep := recipe["averaging"]:
            average = [
                keep * mean + (1 - keep) * weight
                for mean, weight in zip(average, model.trainable_variables)
            ]
        return float(loss)

    return step
