"""Judge trainings beside the shipped one: `python benchmarks/trainings.py runs/book
runs/seed1 ...` writes trainings.json.

Each folder was written by `ebm_nb train` on MNIST and is named by recipe, epochs and
seed. Samples start from uniform noise and have the
defaults of `sample`, but for a training with the recipe BOOK, whose own settings are
used. Trainings that are in the file already stay. The table has the shipped weights
too, from their report.json.
"""

import argparse
import json
import os
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from ebm_nb.recipe import BOOK, STABLE, sampler_of  # noqa: E402
from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.files import load_energy  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.reports import compare, evaluate, reference, save_report  # noqa: E402
from ebm_nb.sampling import sample_trajectory  # noqa: E402
from ebm_nb.weights import noise  # noqa: E402


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "folders", type=Path, nargs="+", metavar="DIR", help="of finished trainings"
    )
    parser.add_argument(
        "-n",
        type=int,
        default=512,
        help="number of samples; the shipped weights' figures are for 512",
    )
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        default=[256, 1000],
        help="judge after so many steps",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("trainings.json")
    )
    return parser.parse_args()


def main():
    args = arguments()
    x_train, x_test = load_images("mnist")
    judge, steps = load_judge(), sorted(args.steps)
    ref = reference(x_train, x_test, judge)
    start = noise((args.n, 32, 32, 1), args.seed)
    before = json.loads(args.out.read_text()) if args.out.exists() else {}
    same = (before.get("n"), before.get("seed")) == (args.n, args.seed)
    found = before["trainings"] if same else {}
    for folder in args.folders:
        config = json.loads((folder / "config.json").read_text())
        recipe = "book" if "--recipe book" in config["command"] else "stable"
        sampler = sampler_of(BOOK if recipe == "book" else STABLE)
        walk = sample_trajectory(
            load_energy(folder),
            start,
            steps[-1],
            sampler,
            keep=steps,
            seed=args.seed,
            progress=True,
        )
        reports = [evaluate(x, x_train, x_test, judge, ref=ref) for x in walk.x]
        found[f"{recipe}, {config['epochs']} epochs, seed {config['seed']}"] = {
            "command": config["command"],
            "sampler": asdict(sampler),
            "reports": dict(zip(map(str, walk.step), reports)),
        }
    save_report({"n": args.n, "seed": args.seed, "trainings": found}, args.out)
    shipped = json.loads((files("ebm_nb") / "weights/mnist/report.json").read_text())[
        "reports"
    ]
    rows = {
        f"{name}, {step}": report
        for name, one in found.items()
        for step, report in one["reports"].items()
    }
    print(
        compare(
            rows
            | {
                f"shipped, {step}": report
                for step, report in shipped.items()
                if report["counts"]["samples"] == args.n
            }
        )
    )


if __name__ == "__main__":
    main()
