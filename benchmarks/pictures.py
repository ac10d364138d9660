"""Colour and larger pictures: `python benchmarks/pictures.py` trains on MNIST's strokes
tinted by class on spotted ground, and on MNIST at 64 x 64 pixels, with the step of 32 x
32 grey pixels and with the step that fits, and judges --n samples, 60 steps from noise.

The judge knows grey digits of 32 x 32 pixels: of a tinted digit it sees the brightest
channel, of a large one the means of 2 x 2 pixels; real images go the same way. Figures
go to benchmarks/pictures.json, samples to a PNG beside it.
"""

import argparse
import os
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import pandas as pd  # noqa: E402
from ablation import begun, only  # noqa: E402
from PIL import Image  # noqa: E402

from ebm_nb.energy import energy_cnn  # noqa: E402
from ebm_nb.evaluation import frechet_distance  # noqa: E402
from ebm_nb.images import read_images  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.pictures import image_grid  # noqa: E402
from ebm_nb.plot import save  # noqa: E402
from ebm_nb.recipe import STABLE, Recipe  # noqa: E402
from ebm_nb.reports import save_report  # noqa: E402
from ebm_nb.training import EnergyModel  # noqa: E402


def tinted(x, labels, seed):
    "Strokes (N, 32, 32, 1) in the hue of their class, on spotted ground."
    rng = np.random.default_rng(seed)
    hues = np.stack([np.cos(labels * 0.7 + k) / 2 + 0.5 for k in (0, 2, 4)], -1)
    hues = (0.35 + 0.65 * hues).astype("float32")[:, None, None]
    spots = rng.uniform(0, 0.35, (len(x), 8, 8, 3)).astype("float32")
    ground, ink = spots.repeat(4, 1).repeat(4, 2), (x + 1) / 2
    return 2 * (ink * hues + (1 - ink) * ground) - 1


def large(x, labels, seed):
    "At 64 x 64 pixels."
    sides = (64, 64)
    grow = lambda image: Image.fromarray(image).resize(sides, Image.Resampling.BICUBIC)
    return np.clip(np.stack([grow(image[..., 0]) for image in x]), -1, 1)[..., None]


def brightest(x):
    return x.max(-1, keepdims=True)


def halved(x):
    return x.reshape(len(x), 32, 2, 32, 2, 1).mean((2, 4))


def as_stable(shape):
    return STABLE


SETS = {"colour": (tinted, brightest), "64 x 64": (large, halved)}
STEPS = {"of 32 x 32": as_stable, "fitted": Recipe.for_images}
LEVERS = {f"{name}, step {step}": (name, step) for name in SETS for step in STEPS}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batches", type=int, default=2000, help="of each training")
    parser.add_argument("-n", type=int, default=512, help="samples that are judged")
    parser.add_argument("--images", type=int, default=20_000, help="to train on")
    only(parser, LEVERS)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("pictures.json")
    )
    return parser.parse_args()


def measured(lever, args, mnist, judge):
    "Seconds of a training, and distances of its samples and of training images."
    name, step = LEVERS[lever]
    make, seen = SETS[name]
    x = make(mnist.x_train[: args.images], mnist.y_train[: args.images], 0)
    x_test = make(mnist.x_test[:2000], mnist.y_test[:2000], 1)
    recipe = replace(STEPS[step](x.shape[1:]), decay_steps=args.batches)
    keras.utils.set_random_seed(0)
    model = EnergyModel(energy_cnn(x.shape[1:]), recipe, seed=0)
    model.compile()
    begin = time.monotonic()
    model.fit(x, steps_per_epoch=args.batches, verbose=0)
    seconds = time.monotonic() - begin
    drawn = model.sample(args.n, seed=1)
    picture = f"pictures_{name.replace(' ', '')}.png"
    if step == "fitted":
        save(image_grid(drawn[:48], columns=16), args.out.with_name(picture))
    real = judge.features(seen(x_test))
    distances = {
        "samples": frechet_distance(judge.features(seen(drawn)), real),
        "real": frechet_distance(judge.features(seen(x[: args.n])), real),
    }
    return {"seconds": seconds, "values": int(np.prod(x.shape[1:])), **distances}


def main():
    args = arguments()
    mnist, judge = read_images("mnist"), load_judge()
    how = {"batches": args.batches, "samples": args.n, "images": args.images}
    found = begun(args.out, how)
    for lever in [lever for lever in args.only if lever not in found["levers"]]:
        found["levers"][lever] = measured(lever, args, mnist, judge)
        save_report(found, args.out)
        print(lever, found["levers"][lever], flush=True)
    print(pd.DataFrame(found["levers"]).T.round(2))


if __name__ == "__main__":
    main()
