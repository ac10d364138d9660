"""Install a finished training as shipped weights: `python tools/ship_weights.py DIR
NAME`.

DIR is a folder that `ebm_nb train` wrote, NAME is mnist or digits. Its weights,
config.json and history.csv go to ebm_nb/weights/NAME
with an energies.json, the histogram of the energies of the test images, and with a
report.json: what the judge says of samples from uniform noise, drawn with the
defaults of `ebm_nb.sampling.sample`, after each of
--steps, beside real images, and a percentiles.json: the energies of all training images
as quantiles. With DIR = ebm_nb/weights/NAME it only makes these two anew, and with
--percentiles only the second. Nothing is written before all is known.
"""

import argparse
import csv
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from ebm_nb.percentiles import energies_of, save_quantiles  # noqa: E402
from ebm_nb.recipe import recipe_of, sampler_of  # noqa: E402
from ebm_nb.exports import histogram  # noqa: E402
from ebm_nb.applications import outlier_scores  # noqa: E402
from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.files import load_energy  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.reports import compare, evaluate, reference  # noqa: E402
from ebm_nb.langevin import FOR_IMAGES  # noqa: E402
from ebm_nb.sampling import sample_trajectory  # noqa: E402
from ebm_nb.weights import noise  # noqa: E402

LIMIT = 500_000  # bytes of a file in the wheel
NEXT = (
    "Next: python tools/notebooks.py 04_langevin 07_training 08_trajectory "
    "10_evaluation 11_applications 12_log_z 13_classes 24_files 28_scrubber index && "
    "python tools/readme.py"
)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path, help="of the training")
    parser.add_argument("name", choices=("mnist", "digits"))
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        default=[60, 256, 1000],
        help="judge after so many Langevin steps",
    )
    parser.add_argument(
        "-n",
        type=int,
        default=512,
        help="number of samples; the peer's figures are for 512",
    )
    parser.add_argument(
        "--seed", type=int, default=0, help="of the noise and the chains"
    )
    parser.add_argument(
        "--percentiles",
        action="store_true",
        help="of weights in --to/NAME, and no report",
    )
    parser.add_argument(
        "--to",
        type=Path,
        default=ROOT / "ebm_nb/weights",
        help="folder of the shipped weights",
    )
    return parser.parse_args()


def finished(folder):
    "Configuration and rows of history.csv of a training that ran to its end."
    config = json.loads((folder / "config.json").read_text())
    with open(folder / "history.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    if len(rows) != config["epochs"]:
        raise ValueError(
            f"{folder} holds {len(rows)} of {config['epochs']} epochs: let the "
            "training come to its end."
        )
    if (folder / "energy.weights.h5").stat().st_size > LIMIT:
        raise ValueError(
            f"{folder / 'energy.weights.h5'} is over {LIMIT:,} bytes: too large for "
            "the wheel."
        )
    own = sampler_of(recipe_of(config["recipe"]))
    if own != FOR_IMAGES:
        print(
            f"The recipe's {own} is not the default of `sample`, which the report "
            "uses: change the one or the other."
        )
    return config, rows


def judged(energy, data, steps, n, seed):
    """Reports of samples from uniform noise after each of steps, without the pictures'
    indices.
    """
    x_train, x_test = load_images(data)
    judge, start = load_judge(), noise((n, 32, 32, 1), seed)
    walk = sample_trajectory(
        energy, start, max(steps), keep=[0, *steps], seed=seed, progress=True
    )
    ref = reference(x_train, x_test, judge)
    reports = {
        step: evaluate(x, x_train, x_test, judge, ref=ref)
        for step, x in zip(steps, walk.x[1:])
    }
    return {
        step: {name: part for name, part in report.items() if name != "closest"}
        for step, report in reports.items()
    }


def install_percentiles(energy, data, target):
    "The energies of all training images, beside the weights that are in target."
    x_train = load_images(data)[0]
    save_quantiles(target, energies_of(energy, x_train, most=len(x_train)))
    print(f"{target / 'percentiles.json'} holds those of {len(x_train):,} images.")


def put(path, data):
    "Write bytes beside path and rename."
    part = path.with_name(path.name + ".part")
    part.write_bytes(data)
    os.replace(part, path)


def main():
    args = arguments()
    if args.percentiles:
        installed = args.to / args.name
        return install_percentiles(load_energy(installed), args.name, installed)
    config, rows = finished(args.folder)
    energy, steps, target = (
        load_energy(args.folder),
        sorted(args.steps),
        args.to / args.name,
    )
    reports = judged(energy, args.name, steps, args.n, args.seed)
    command = (
        f"python tools/ship_weights.py DIR {args.name} --steps "
        f"{' '.join(map(str, steps))} -n {args.n} --seed {args.seed}"
    )
    report = {
        "command": command,
        "sha256": config["sha256"],
        "data": args.name,
        "n": args.n,
        "seed": args.seed,
        "sampler": asdict(FOR_IMAGES),
        "minutes": round(sum(float(row["seconds"]) for row in rows) / 60, 1),
        "reports": reports,
    }
    files = {
        name: (args.folder / name).read_bytes()
        for name in ("energy.weights.h5", "config.json", "history.csv")
    }
    known = histogram(outlier_scores(energy, load_images(args.name)[1]))
    target.mkdir(parents=True, exist_ok=True)
    for name, data in {
        **files,
        "report.json": (json.dumps(report, indent=1) + "\n").encode(),
        "energies.json": (json.dumps(known) + "\n").encode(),
    }.items():
        put(target / name, data)
    install_percentiles(energy, args.name, target)
    print(compare({f"{step} steps": report for step, report in reports.items()}))
    print(f"\nInstalled in {target}. {NEXT}")


if __name__ == "__main__":
    try:
        main()
    except (OSError, ValueError, KeyError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        sys.exit(2)
