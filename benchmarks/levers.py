"""What each lever of the sampler gives, and where a step's time goes: `python
benchmarks/levers.py` writes levers.json beside itself.

Every variant is the same network with the same weights; the plain one is the ladder's
foot. Rounds alternate between variants. Threads
must be chosen before TensorFlow starts, so the script runs itself twice: with
TensorFlow's default, and with the command line's.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "contestants")]
BATCH, HALF = 128, 64
# side and channels in, kernel, channels out
LAYERS = [(32, 1, 5, 16), (16, 16, 3, 32), (8, 32, 3, 64), (4, 64, 3, 64)]


def network(tf, weights, act, first):
    """The energy written with plain operations, its first convolution and its
    activation to be chosen.
    """

    def energy(x):
        for i in (0, 2, 4, 6):
            x = act(
                (first if i == 0 else lambda x, w: tf.nn.conv2d(x, w, 2, "SAME"))(
                    x, weights[i]
                )
                + weights[i + 1]
            )
        x = act(tf.reshape(x, [-1, 256]) @ weights[8] + weights[9])
        return tf.squeeze(x @ weights[10] + weights[11], -1)

    return energy


def noise_of_16_bits(tf, shape, key):
    "Normal numbers by Box and Muller's formula, two from each 32 random bits."
    bits = tf.random.stateless_uniform(
        [math.prod(shape) // 2], key, None, None, tf.int32
    )
    angle = (math.pi / 2**15) * tf.cast(tf.bitwise.right_shift(bits, 16), tf.float32)
    radius = tf.sqrt(
        -2
        * tf.math.log(
            (tf.cast(tf.bitwise.bitwise_and(bits, 2**16 - 1), tf.float32) + 0.5) / 2**16
        )
    )
    return tf.reshape(
        tf.concat([radius * tf.cos(angle), radius * tf.sin(angle)], 0), shape
    )


def variants(tf):
    "Functions x -> x of so many steps, by name: {name: (function, steps)}."
    import textbook
    from ebm_nb.langevin import Langevin, energy_and_grad, fold
    from ebm_nb.graphs import run as walk
    from ebm_nb.files import load_pretrained
    from ebm_nb.layers import conv_5x5_halving
    from ebm_nb.swish import swish

    pretrained = load_pretrained("mnist")
    weights = [tf.constant(weight.numpy()) for weight in pretrained.trainable_variables]
    plain_conv = lambda x, kernel: tf.nn.conv2d(x, kernel, 2, "SAME")
    kernel = Langevin(10.0, 0.005, grad_clip=0.03, bounds=(-1.0, 1.0))
    plain, fast = (
        network(tf, weights, swish, plain_conv),
        network(tf, weights, swish, conv_5x5_halving),
    )

    @tf.custom_gradient
    def by_hand(x):
        gate = tf.sigmoid(x)
        y = x * gate
        return y, lambda upstream: upstream * (gate + y * (1 - gate))

    def halves(energy, x, key, start, stop, parts=2, told=True):
        state = kernel.init(energy, x)
        return walk(energy, kernel, state, key, start, stop, parts, told)[0].x

    def counted_at_times(energy, x, key, start, stop):
        def chains(part, key):
            def ten(i, state):
                state, _ = walk(energy, kernel, state, key, i, i + 9, told=False)
                return i + 10, walk(energy, kernel, state, key, i + 9, i + 10)[0]

            first = start, kernel.init(energy, part)
            return tf.while_loop(lambda i, _: i < stop, ten, first)[1].x

        halves = enumerate((x[:HALF], x[HALF:]))
        return tf.concat([chains(half, fold(key, i)) for i, half in halves], 0)

    def loop(energy, steps, run=halves, **options):
        graph = tf.function(
            lambda x: run(energy, x, tf.constant([0, 1]), 0, steps),
            autograph=False,
            **options,
        )
        return lambda x: graph(x).numpy(), steps

    def whole(*way):
        return halves(*way, parts=1)

    def moved(energy, x, noise):
        grad = tf.clip_by_value(energy_and_grad(energy, x)[1], -0.03, 0.03)
        return tf.clip_by_value(x - 10.0 * grad + 0.005 * noise, -1.0, 1.0)

    def other_noise(draw):
        def run(energy, x, key, start, stop):
            def body(i, x):
                return i + 1, moved(energy, x, draw(x.shape, fold(key, i)))

            parts = [
                tf.while_loop(lambda i, _: i < stop, body, (start, part))[1]
                for part in (x[:HALF], x[HALF:])
            ]
            return tf.concat(parts, 0)

        return run

    def noise_ahead(energy, x, key, start, stop):
        def ten(i, x):
            noise = tf.random.stateless_normal([10, *x.shape], fold(key, i))

            def body(j, x):
                return j + 1, moved(energy, x, noise[j])

            return i + 10, tf.while_loop(lambda j, _: j < 10, body, (0, x))[1]

        parts = [
            tf.while_loop(lambda i, _: i < stop, ten, (start, part))[1]
            for part in (x[:HALF], x[HALF:])
        ]
        return tf.concat(parts, 0)

    one = tf.function(
        lambda x, i: whole(plain, x, tf.constant([0, 1]), i, i + 1),
        autograph=False,
    )

    def stepwise(x):
        for i in range(20):
            x = one(x, tf.constant(i))
        return x.numpy()

    return {
        "eager loop": (
            lambda x: textbook.langevin(plain, x, 10, 10.0, 0.005, 0.03).numpy(),
            10,
        ),
        "each step a graph": (stepwise, 20),
        "the loop a graph": loop(plain, 20, whole),
        "fast first gradient": loop(fast, 30, whole),
        "two halves": loop(fast, 30),
        "two halves, plain gradient": loop(plain, 30),
        "swish of tf.nn": loop(network(tf, weights, tf.nn.silu, conv_5x5_halving), 30),
        "swish by hand": loop(network(tf, weights, by_hand, conv_5x5_halving), 30),
        "no noise": loop(fast, 30, other_noise(lambda shape, key: tf.zeros(shape))),
        "noise drawn as now": loop(fast, 30, other_noise(tf.random.stateless_normal)),
        "noise of 16 bits": loop(
            fast, 30, other_noise(lambda shape, key: noise_of_16_bits(tf, shape, key))
        ),
        "noise for ten steps": loop(fast, 30, noise_ahead),
        "clipped not counted": loop(fast, 30, partial(halves, told=False)),
        "clipped counted 1 in 10": loop(fast, 30, counted_at_times),
        "four parts": loop(
            fast,
            30,
            lambda e, x, key, *way: tf.concat(
                [
                    halves(e, half, fold(key, i), *way)
                    for i, half in enumerate((x[:HALF], x[HALF:]))
                ],
                0,
            ),
        ),
        "XLA, plain gradient": loop(plain, 10, whole, jit_compile=True),
        "XLA, fast gradient": loop(fast, 10, whole, jit_compile=True),
    }


def measure(tf, rounds):
    "Milliseconds of a step in every round, for each variant."
    x, found = tf.random.uniform([BATCH, 32, 32, 1], -1, 1, seed=0), {}
    chosen = variants(tf)
    for run, _ in chosen.values():
        run(x)  # traced off the clock
    for _ in range(rounds):
        for name, (run, steps) in chosen.items():
            start = time.perf_counter()
            run(x)
            found.setdefault(name, []).append(
                1e3 * (time.perf_counter() - start) / steps
            )
    return found


def milliseconds(tf, operation, x, *rest, n=30, rounds=5):
    """Median time of an operation on x inside a graph's loop, less that of the loop
    itself.
    """

    def clocked(operation):
        body = lambda i, total, x: (
            i + 1,
            total + tf.reshape(made := operation(x, i, *rest), [-1])[0],
            x + 0 * tf.reshape(made, [-1])[0],
        )
        graph = tf.function(
            lambda x: tf.while_loop(lambda i, *_: i < n, body, (0, 0.0, x))[1],
            autograph=False,
        )
        graph(x)
        times = []
        for _ in range(rounds):
            start = time.perf_counter()
            graph(x).numpy()
            times.append(1e3 * (time.perf_counter() - start) / n)
        return sorted(times)[rounds // 2]

    return max(clocked(operation) - clocked(lambda x, i, *rest: x), 1e-3)


def operations(tf):
    """[{name, ms, operations, bytes}] of each operation of a step, for half a batch on
    one thread; 'plain' rows are not in our step.
    """
    from ebm_nb.layers import conv_5x5_halving
    from ebm_nb.swish import swish

    rows, normal, numbers = (
        [],
        tf.random.normal,
        lambda *shapes: 4 * sum(map(math.prod, shapes)),
    )

    def add(name, operation, x, *rest, flops, moved):
        rows.append(
            {
                "name": name,
                "ms": milliseconds(tf, operation, x, *rest),
                "operations": flops,
                "bytes": moved,
            }
        )

    def gradient(function, x):
        def of(upstream, i):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return tape.gradient(y, x, output_gradients=upstream)

        return of

    for layer, (side, c, k, f) in enumerate(LAYERS, 1):
        x, w, y = (
            normal([HALF, side, side, c]),
            normal([k, k, c, f]),
            normal([HALF, side // 2, side // 2, f]),
        )
        work = dict(
            flops=2 * HALF * (side // 2) ** 2 * k * k * c * f,
            moved=numbers(x.shape, w.shape, y.shape),
        )
        add(
            f"convolution {layer}",
            lambda x, i, w: tf.nn.conv2d(x, w, 2, "SAME"),
            x,
            w,
            **work,
        )
        plain = lambda y, i, w, shape=x.shape: tf.nn.conv2d_transpose(
            y, w, shape, 2, "SAME"
        )
        if layer == 1:
            add("gradient 1, plain", plain, y, w, **work)
            add("gradient 1", gradient(lambda x: conv_5x5_halving(x, w), x), y, **work)
        else:
            add(f"gradient {layer}", plain, y, w, **work)
        add(
            f"swish {layer}",
            lambda y, i: swish(y),
            y,
            flops=4 * math.prod(y.shape),
            moved=numbers(y.shape, y.shape),
        )
        add(
            f"swish {layer} and slope",
            gradient(swish, y),
            y,
            flops=8 * math.prod(y.shape),
            moved=numbers(*[y.shape] * 4),
        )
    x, images = normal([HALF, 256]), normal([HALF, 32, 32, 1])
    add(
        "dense",
        lambda x, i, w: x @ w,
        x,
        normal([256, 64]),
        flops=2 * HALF * 256 * 64,
        moved=numbers(x.shape, [256, 64], [HALF, 64]),
    )
    add(
        "noise",
        lambda x, i: tf.random.stateless_normal(x.shape, tf.stack([1, i])),
        images,
        flops=0,
        moved=numbers(images.shape),
    )
    add(
        "clip, step, clip",
        lambda x, i: tf.clip_by_value(
            x - 10.0 * tf.clip_by_value(x, -0.03, 0.03), -1.0, 1.0
        ),
        images,
        flops=6 * math.prod(images.shape),
        moved=numbers(*[images.shape] * 3),
    )
    return rows


def ceilings(tf):
    """One thread's GFLOP/s in a large product, and the GB/s of adding one to what does
    not fit a cache.
    """
    a, big = tf.random.normal([1536, 1536]), tf.random.normal([2**26])
    product = milliseconds(tf, lambda x, i, a: x @ a, a, a, n=2)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        (big + 1.0)[0].numpy()
        times.append(time.perf_counter() - start)
    return {
        "GFLOP/s": 2e-6 * 1536**3 / product,
        "GB/s": 2 * 4 * 2**26 / min(times) / 1e9,
    }


def child(threads, rounds):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    if threads == "command line":
        from ebm_nb.terminal import start_tensorflow

        start_tensorflow()
    import tensorflow as tf

    result = {"ms": measure(tf, rounds)}
    if threads == "command line":
        result |= {"operations": operations(tf), "ceilings": ceilings(tf)}
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=HERE / "levers.json")
    parser.add_argument("--threads", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.threads:
        args.out.write_text(json.dumps(child(args.threads, args.rounds)))
        return
    report = {"batch": BATCH, "half": HALF}
    with tempfile.TemporaryDirectory() as folder:
        for threads in ("default", "command line"):
            part = Path(folder) / "part.json"
            subprocess.run(
                [
                    sys.executable,
                    __file__,
                    "--threads",
                    threads,
                    "--rounds",
                    str(args.rounds),
                    "--out",
                    str(part),
                ],
                check=True,
            )
            report[threads] = json.loads(part.read_text())
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    for threads in ("default", "command line"):
        print(
            threads,
            {
                name: round(sorted(ms)[len(ms) // 2], 2)
                for name, ms in report[threads]["ms"].items()
            },
        )


if __name__ == "__main__":
    main()
