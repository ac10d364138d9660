"""What larger networks gain a minute: `python benchmarks/sizes.py` trains each for the
same time and writes sizes.json.

The standard network trains for --batches with the recipe STABLE; the others for as many
as take as long, by the ratio of the times of
a batch, which are measured in turns. Then the judge looks at samples after each of
--steps. It takes three times as long as one training.
"""

import argparse
import json
import os
import sys
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import keras  # noqa: E402
import numpy as np  # noqa: E402
from ebm_nb.recipe import STABLE  # noqa: E402
from ebm_nb.training import EnergyModel  # noqa: E402
from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.energy import energy_cnn  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.reports import compare, evaluate, reference  # noqa: E402

NETWORKS = {"standard": {}, "width=2": {"width": 2}, "residual": {"residual": True}}


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", default="mnist")
    parser.add_argument(
        "--batches", type=int, default=6000, help="of the standard network"
    )
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        default=[256, 1000],
        help="Langevin steps of the samples that are judged",
    )
    parser.add_argument("-n", type=int, default=512, help="number of samples")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--rounds", type=int, default=5, help="in which a batch is timed"
    )
    parser.add_argument("--out", type=Path, default=HERE / "sizes.json")
    return parser.parse_args()


def model_of(settings, batches, seed):
    keras.utils.set_random_seed(seed)
    model = EnergyModel(
        energy_cnn(**settings), replace(STABLE, decay_steps=batches), seed=seed
    )
    model.compile()
    return model


def seconds_a_batch(x, rounds, seed, batches=10):
    "Median seconds of one batch of each network, the networks taking turns."
    models = {
        name: model_of(settings, 100, seed) for name, settings in NETWORKS.items()
    }
    times = {name: [] for name in models}
    # the first round compiles
    for turn in range(rounds + 1):
        for name, model in models.items():
            start = time.perf_counter()
            model.fit(x, epochs=1, steps_per_epoch=batches, verbose=0)
            times[name] += [(time.perf_counter() - start) / batches] if turn else []
    return {name: float(np.median(values)) for name, values in times.items()}


def main():
    args = arguments()
    x_train, x_test = load_images(args.data)
    judge, found, seconds = (
        load_judge(),
        {},
        seconds_a_batch(x_train, args.rounds, args.seed),
    )
    ref = reference(x_train, x_test, judge)
    for name, settings in NETWORKS.items():
        batches = max(1, round(args.batches * seconds["standard"] / seconds[name]))
        model = model_of(settings, batches, args.seed)
        model.fit(x_train, epochs=1, steps_per_epoch=batches, verbose=0)
        reports = {
            steps: evaluate(
                model.sample(args.n, steps, args.seed), x_train, x_test, judge, ref=ref
            )
            for steps in args.steps
        }
        found[name] = {
            "parameters": model.energy.count_params(),
            "time of a batch": seconds[name] / seconds["standard"],
            "batches": batches,
            "figures": {steps: report["figures"] for steps, report in reports.items()},
        }
        cost = (
            f"{name}: {found[name]['parameters']:,} parameters, a batch takes "
            f"{found[name]['time of a batch']:.2f} times as long"
        )
        print(
            f"{cost}, {batches} batches\n"
            f"{compare({f'{step} steps': one for step, one in reports.items()})}\n",
            flush=True,
        )
    how = {
        "data": args.data,
        "n": args.n,
        "seed": args.seed,
        "seconds a batch, standard": seconds["standard"],
    }
    args.out.write_text(json.dumps(how | {"networks": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
