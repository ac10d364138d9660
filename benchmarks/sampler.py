"""What each lever of a sampler gives: `python benchmarks/sampler.py` draws with the
shipped weights, from the textbook's plain chain to few large steps that settle.

All start from the same uniform noise, and none of the samples is picked. After each of
--steps the judge measures the Frechet distance of all of them to the test images, and
what share the rarest class has. Figures go to benchmarks/sampler.json after every
lever, and a picture beside it; a lever that is already in the file is left out, so an
interruption costs one. `--table` prints what was measured before.
"""

import argparse
import json
import os
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import NamedTuple

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd  # noqa: E402
import tensorflow as tf  # noqa: E402
from ablation import begun, only, real_distance  # noqa: E402
from tqdm import tqdm  # noqa: E402

from ebm_nb.evaluation import class_shares, frechet_distance  # noqa: E402
from ebm_nb.files import load_pretrained  # noqa: E402
from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.langevin import (  # noqa: E402
    FOR_IMAGES,
    Info,
    Langevin,
    energy_and_grad,
)
from ebm_nb.plot import curves, figure, save  # noqa: E402
from ebm_nb.recipe import BOOK  # noqa: E402
from ebm_nb.reports import save_report  # noqa: E402
from ebm_nb.sampling import sample_trajectory  # noqa: E402
from ebm_nb.weights import noise  # noqa: E402

CONSTANT = replace(FOR_IMAGES, settle=None)


@dataclass(frozen=True)
class Nesterov(Langevin):
    "The gradient is taken where momentum alone would lead."

    def step(self, energy, state, key):
        ahead = lambda x: energy(x + self.momentum * state.velocity)
        return super().step(ahead, state, key)


@dataclass(frozen=True)
class Preconditioned(Langevin):
    """Each pixel's step is divided by the root mean square of its gradients (pSGLD, Li
    and others 2016, with 0.9 of the last mean kept), so that all move alike.
    """

    def init(self, energy, x):
        return Preconditions(x, tf.zeros_like(x), tf.zeros([], tf.int32))

    def step(self, energy, state, key):
        grad = energy_and_grad(energy, state.x)[1]
        grad = tf.clip_by_value(grad, -self.grad_clip, self.grad_clip)
        squares = 0.9 * state.squares + 0.1 * grad**2
        step_size, noise_scale = self._settled(state.step, state.x)
        noise = tf.random.stateless_normal(tf.shape(grad), key)
        x = state.x - step_size * grad / (tf.sqrt(squares) + 1e-3)
        low, high = self.bounds[0], self.bounds[1]  # a tensor, inside a graph
        x = tf.clip_by_value(x + noise_scale * noise, low, high)
        zero = tf.zeros(tf.shape(x)[:1])
        return Preconditions(x, squares, state.step + 1), Info(zero, zero + 1, zero)


class Preconditions(NamedTuple):
    x: tf.Tensor
    squares: tf.Tensor  # mean square of the gradients
    step: tf.Tensor


@dataclass(frozen=True)
class Ahead(Langevin):
    "The first step is three times as long."

    def step(self, energy, state, key):
        far = tf.where(state.step == 0, 3.0, 1.0)
        longer = replace(self, step_size=self.step_size * far)
        return Langevin.step(longer, energy, state, key)


LEVERS = {
    "textbook": BOOK.chain,
    "ten times the noise": replace(BOOK.chain, noise_scale=0.05),
    "half as long again, settles from 150 on": Langevin(
        15.0, 0.06, grad_clip=0.03, bounds=(-1.0, 1.0), settle=150
    ),
    "long steps": replace(CONSTANT, momentum=0.0),
    "long steps with momentum": CONSTANT,
    "long steps that settle": replace(FOR_IMAGES, momentum=0.0),
    "long steps with momentum that settle (default)": FOR_IMAGES,
    "default, momentum 0.6": replace(FOR_IMAGES, momentum=0.6),
    "default, no noise": replace(FOR_IMAGES, noise_scale=0.0),
    "default, twice the noise": replace(
        FOR_IMAGES, noise_scale=2 * FOR_IMAGES.noise_scale
    ),
    "default, clipped at three times as much": replace(
        FOR_IMAGES, grad_clip=3 * FOR_IMAGES.grad_clip
    ),
    "default, settles twice as late": replace(FOR_IMAGES, settle=2 * FOR_IMAGES.settle),
    "default, Nesterov's gradient": Nesterov(**vars(FOR_IMAGES)),
    "default, first step three times as long": Ahead(**vars(FOR_IMAGES)),
    "preconditioned": Preconditioned(**(vars(FOR_IMAGES) | {"step_size": 0.3})),
}

SHOWN = list(LEVERS)[:7]


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-n", type=int, default=1024, help="samples that are judged")
    parser.add_argument("--steps", type=int, nargs="+", default=[30, 60, 256, 1000])
    parser.add_argument("--seed", type=int, default=0, help="of starts and noise")
    only(parser, LEVERS)
    parser.add_argument("--table", action="store_true", help="measure nothing")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("sampler.json")
    )
    return parser.parse_args()


def judged(x, judge, real):
    return {
        "frechet": frechet_distance(judge.features(x), real),
        "rarest class": float(class_shares(judge.probabilities(x)).min()),
    }


def run(sampler, args, energy, judge, real):
    "What the judge says after each number of steps."
    x0 = noise((args.n, 32, 32, 1), args.seed)
    walk = sample_trajectory(
        energy, x0, max(args.steps), sampler, keep=sorted(args.steps), seed=args.seed
    )
    return {str(step): judged(x, judge, real) for step, x in zip(walk.step, walk.x)}


def table(found):
    rows = {
        lever: {step: at["frechet"] for step, at in one["steps"].items()}
        for lever, one in found["levers"].items()
    }
    return pd.DataFrame(rows).T


def picture(distances):
    fig, ax = figure(8, 3.5)
    steps = distances.columns.astype(int)
    lines = {lever: distances.loc[lever] for lever in SHOWN if lever in distances.index}
    curves(steps, lines, "steps", "Fréchet distance", "log", "log", ax=ax)
    ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
    return fig


def main():
    args = arguments()
    if not args.table:
        measure(args)
    found = json.loads(args.out.read_text())
    distances = table(found)
    print(f"{distances.round(1)}\nreal images: {found['real']:.1f}")
    save(picture(distances), args.out.with_suffix(".png"))


def measure(args):
    x_train, x_test = load_images("mnist")
    judge, energy = load_judge(), load_pretrained("mnist")
    real = judge.features(x_test)
    how = {
        "samples": args.n,
        "seed": args.seed,
        "real": real_distance(args.n, x_train, judge, real),
    }
    found = begun(args.out, how)
    levers = found["levers"]
    for lever in tqdm([lever for lever in args.only if lever not in levers]):
        steps = run(LEVERS[lever], args, energy, judge, real)
        levers[lever] = {"sampler": asdict(LEVERS[lever]), "steps": steps}
        save_report(found, args.out)


if __name__ == "__main__":
    main()
