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
import sys
from dataclasses import asdict, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import pandas as pd  # noqa: E402
from ablation import only, real_distance  # noqa: E402
from tqdm import tqdm  # noqa: E402

from ebm_nb.evaluation import class_shares, frechet_distance  # noqa: E402
from ebm_nb.files import load_pretrained  # noqa: E402
from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.langevin import FOR_IMAGES, Langevin  # noqa: E402
from ebm_nb.plot import curves, figure, save  # noqa: E402
from ebm_nb.recipe import BOOK, STABLE  # noqa: E402
from ebm_nb.reports import save_report  # noqa: E402
from ebm_nb.sampling import sample_trajectory  # noqa: E402
from ebm_nb.weights import noise  # noqa: E402

LARGE = Langevin(39.0, 0.09, grad_clip=0.015, bounds=(-1.0, 1.0))
LEVERS = {
    "textbook": BOOK.chain,
    "ten times the noise": STABLE.chain,
    "larger, settles from 150 on (default)": FOR_IMAGES,
    "four times as large": LARGE,
    "and momentum 0.3": replace(LARGE, momentum=0.3),
    "and settles from 60 on": replace(LARGE, momentum=0.3, settle=60),
    "settles, without momentum": replace(LARGE, settle=60),
    "momentum 0.5": replace(LARGE, momentum=0.5, settle=60),
    "fifteen times as large, settles from 16 on": Langevin(
        150.0, 0.0128, 0.226, 0.0032, (-1.0, 1.0), 16.2
    ),
    "settles from 168 on": Langevin(15.0, 0.068, 0.03, 0.03, (-1.0, 1.0), 168),
}

SHOWN = list(LEVERS)[:1] + list(LEVERS)[2:6] + list(LEVERS)[8:9]


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


def read(path):
    return json.loads(path.read_text()) if path.exists() else {"levers": {}}


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
    found = read(args.out)
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
    before = read(args.out)
    if any(before.get(name, value) != value for name, value in how.items()):
        sys.exit(f"{args.out} holds figures of other samples: name another --out.")
    levers = before["levers"]
    for lever in tqdm([lever for lever in args.only if lever not in levers]):
        steps = run(LEVERS[lever], args, energy, judge, real)
        levers[lever] = {"sampler": asdict(LEVERS[lever]), "steps": steps}
        save_report({**how, "levers": levers}, args.out)


if __name__ == "__main__":
    main()
