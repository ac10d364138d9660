"""Time and memory as batch, steps and kept frames grow, and other energies: `python
benchmarks/growth.py` writes growth.json (Linux).
"""

import argparse
import ctypes
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "contestants")]

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
import textbook  # noqa: E402
from ebm_nb.energy import energy_mlp  # noqa: E402
from ebm_nb.files import load_pretrained  # noqa: E402
from ebm_nb.langevin import FOR_IMAGES  # noqa: E402
from ebm_nb.sampling import sample, sample_trajectory  # noqa: E402
from ebm_nb.swish import swish  # noqa: E402


def memory(name):
    "VmRSS, now, or VmHWM, the highest so far, in MB."
    return next(
        int(line.split()[1]) / 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(name)
    )


def noise(n):
    return np.random.default_rng(0).uniform(-1, 1, (n, 32, 32, 1)).astype("float32")


def cost(act, steps):
    """Milliseconds a step of a second call (the first one traces), and the most MB at
    any moment of both, above those before.
    """
    ctypes.CDLL(None).malloc_trim(0)  # hand back what the last measurement has left
    Path("/proc/self/clear_refs").write_text("5")  # and forget its highest mark
    before = memory("VmRSS")
    act()
    start = time.perf_counter()
    act()
    return {
        "ms a step": 1e3 * (time.perf_counter() - start) / steps,
        "MB": memory("VmHWM") - before,
    }


def deeper_cnn():
    "Nine layers of a user's own, in plain Keras."
    x = inputs = keras.Input((32, 32, 1))
    for filters, stride in [
        (16, 1),
        (16, 2),
        (32, 1),
        (32, 2),
        (64, 1),
        (64, 2),
        (64, 1),
    ]:
        x = keras.layers.Conv2D(
            filters, 3, strides=stride, padding="same", activation="silu"
        )(x)
    x = keras.layers.Dense(64, activation="silu")(keras.layers.Flatten()(x))
    return keras.Model(inputs, keras.layers.Reshape(())(keras.layers.Dense(1)(x)))


def callable_energy(x):
    "A ring in the plane: what a user writes first."
    return 2.0 * (tf.norm(x, axis=1) - 2.0) ** 2 + 0.1 * tf.reduce_sum(swish(x), axis=1)


def other_energies(rounds):
    """Milliseconds a step of `sample` and of the eager loop, by turns, for energies
    that know nothing of this package.
    """
    points = np.random.default_rng(0).uniform(-1, 1, (1000, 2)).astype("float32")
    cases = {
        "2-D perceptron, 1000 points": (energy_mlp(), points, 200, 50),
        "plain callable, 1000 points": (callable_energy, points, 200, 50),
        "nine layers, 128 images": (deeper_cnn(), noise(128), 10, 5),
    }
    found = {}
    for name, (energy, x, steps, few) in cases.items():
        ours = lambda: sample(energy, x, steps, replace(FOR_IMAGES, step_size=0.1))
        plain = lambda: textbook.langevin(energy, tf.constant(x), few, 0.1, 0.005, 0.03)
        still = textbook.langevin(energy, tf.constant(x), 20, 0.1, 0.0, 0.03)
        apart = np.abs(
            sample(energy, x, 20, replace(FOR_IMAGES, step_size=0.1, noise_scale=0.0))
            - still
        ).max()
        times = [
            (cost(ours, steps)["ms a step"], cost(plain, few)["ms a step"])
            for _ in range(rounds)
        ]
        found[name] = {
            "sample": [a for a, _ in times],
            "eager loop": [b for _, b in times],
            "apart": float(apart),
        }
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "growth.json")
    args = parser.parse_args()
    energy, report = load_pretrained("mnist"), {}
    sample(energy, noise(16), 2)
    report["steps"] = {
        n: cost(lambda: sample(energy, noise(64), n), n) for n in (10, 100, 1000)
    }
    keep = {"2 frames": [0, 200], "201 frames": list(range(201))}
    report["kept"] = {
        name: cost(lambda: sample_trajectory(energy, noise(64), 200, keep=steps), 200)
        for name, steps in keep.items()
    }
    report["512 at a time"] = {
        n: cost(lambda: sample(energy, noise(n), 8), 8) for n in (1024, 4096, 10_000)
    }
    report["batch at once"] = {
        n: cost(lambda: sample(energy, noise(n), 8, batch_size=n), 8)
        for n in (16, 64, 256, 1024, 4096)
    }
    report["other energies"] = other_energies(3)
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
