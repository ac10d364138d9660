"""What might make samples more varied: `python benchmarks/variety.py` trains with one
change at a time, each for as many batches, and judges --n samples, 60 steps from noise.

Recall and coverage say how much of the real images is reached, precision and the
Frechet distance what that costs. Figures go to benchmarks/variety.json after every
training; one that is already in the file is left out, so an interruption costs one.
"""

import argparse
import os
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import pandas as pd  # noqa: E402
import tensorflow as tf  # noqa: E402
from ablation import begun, only  # noqa: E402
from tqdm import tqdm  # noqa: E402

from ebm_nb.energy import energy_cnn  # noqa: E402
from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.recipe import STABLE  # noqa: E402
from ebm_nb.reports import evaluate, reference, save_report  # noqa: E402
from ebm_nb.training import EnergyModel  # noqa: E402

FIGURES = ["frechet", "precision", "recall", "coverage"]


def shifted(drawn, key):
    "All drawn chains are moved by a pixel or none, up or down, left or right."
    by = tf.random.stateless_uniform([2], key, -1, 2, tf.int32)
    return drawn._replace(x=tf.roll(drawn.x, by, [1, 2]))


def half_warm(drawn, key):
    "Every second chain gets more noise, so that the buffer has two temperatures."
    warm = tf.cast(drawn.slots % 2, tf.float32)[:, None, None, None]
    noise = 0.15 * tf.random.stateless_normal(tf.shape(drawn.x), key)
    return drawn._replace(x=tf.clip_by_value(drawn.x + warm * noise, -1.0, 1.0))


# name: changes of the recipe, and what happens to chains that leave the buffer
LEVERS = {
    "STABLE": ({}, None),
    "16,384 chains": ({"capacity": 16_384}, None),
    "data noise 0.1": ({"data_noise": 0.1}, None),
    "twice the noise in the chains": (
        {"chain": replace(STABLE.chain, noise_scale=2 * STABLE.chain.noise_scale)},
        None,
    ),
    "chains shifted on leaving": ({}, shifted),
    "two temperatures": ({}, half_warm),
}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=1200, help="of each training")
    parser.add_argument("-n", type=int, default=1024, help="samples that are judged")
    parser.add_argument("--seed", type=int, default=0)
    only(parser, LEVERS)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("variety.json")
    )
    return parser.parse_args()


def trained(lever, args, x_train):
    "A model that was trained with the lever."
    changes, leaving = LEVERS[lever]
    recipe = replace(STABLE, decay_steps=args.batches, **changes)
    keras.utils.set_random_seed(args.seed)
    model = EnergyModel(energy_cnn(), recipe, seed=args.seed)
    if leaving:
        draw = model.buffer.draw
        model.buffer.draw = lambda n, key: leaving(draw(n, key), key)
    model.compile()
    model.fit(x_train, steps_per_epoch=args.batches, verbose=0)
    return model


def main():
    args = arguments()
    x_train, x_test = load_images("mnist")
    ref = reference(x_train, x_test)
    how = {"batches": args.batches, "samples": args.n, "seed": args.seed}
    found = begun(args.out, how)
    levers = found["levers"]
    for lever in tqdm([lever for lever in args.only if lever not in levers]):
        drawn = trained(lever, args, x_train).sample(args.n, seed=1)
        figures = evaluate(drawn, x_train, x_test, ref=ref)["figures"]
        levers[lever] = {
            f"{name}, {of}": figures[name][of]
            for of in ("samples", "real")
            for name in FIGURES
        }
        save_report(found, args.out)
    print(pd.DataFrame(levers).T.round(3))


if __name__ == "__main__":
    main()
