"""What each part of the recipe `STABLE` gives: `python benchmarks/ablation.py` trains
once with every lever set back, at equal compute.

Compute is counted in Langevin steps of a batch; the update of the weights costs about
three. Every run has the same budget, and its schedule is cut to it. After each quarter
half of the samples, 60 steps from noise, are judged; at the end all of them after 60,
256 and 1000. Figures go to benchmarks/ablation.json after every run; a run that is
already in the file is left out, so an interruption costs one, and several processes
may share the work. A distance is null where the training diverged.
"""

import argparse
import json
import os
import sys
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tqdm import tqdm  # noqa: E402

from ebm_nb.langevin import Langevin  # noqa: E402
from ebm_nb.recipe import BOOK, STABLE, sampler_of  # noqa: E402
from ebm_nb.training import EnergyModel  # noqa: E402
from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.energy import energy_cnn  # noqa: E402
from ebm_nb.evaluation import class_shares, frechet_distance  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.reports import save_report  # noqa: E402
from ebm_nb.sampling import sample_trajectory  # noqa: E402
from ebm_nb.weights import noise  # noqa: E402

UPDATE = 3  # what an update costs, in Langevin steps
OLD_STEP = Langevin(10.0, 0.05, grad_clip=0.03, bounds=(-1.0, 1.0))
LEVERS = {
    "STABLE": {},
    "BOOK": vars(BOOK),
    "steps of 10, noise 0.05, no momentum, not settling": {
        "chain": OLD_STEP,
        "sampler": STABLE.chain,
    },
    "chains of training don't settle": {
        "chain": replace(STABLE.chain, settle=None),
        "sampler": STABLE.chain,
    },
    "no momentum": {"chain": replace(STABLE.chain, momentum=0.0)},
    "learning rate halved": {"learning_rate": STABLE.learning_rate / 2},
    "learning rate doubled": {"learning_rate": STABLE.learning_rate * 2},
    "learning rate not lowered": {"decay_steps": None},
    "Adam beta_1 0.9": {"beta_1": 0.9},
    "gradient not clipped": {"clipnorm": None},
    "5 % fresh instead of a life of 100 steps": {"fresh": 0.05, "life": None},
    "20 % fresh": {"fresh": 0.2},
    "newest first, oldest dropped": {"in_place": False},
    "1024 chains": {"capacity": 1024},
    "data noise 0.005": {"data_noise": 0.005},
    "10 steps a batch": {"chain_steps": 10},
    "20 steps a batch": {"chain_steps": 20},
}
# of STABLE: no training apart
READINGS = {"weights not averaged": {"averaging": 0.0}}


def only(parser, levers):
    parser.add_argument(
        "--only",
        nargs="+",
        choices=levers,
        default=list(levers),
        metavar="LEVER",
        help="some levers, by name",
    )


def begun(path, how):
    """What an earlier run with the same settings left, or the settings with no
    levers; ends the run where they differ.
    """
    found = json.loads(path.read_text()) if path.exists() else {"levers": {}}
    if any(found.get(name, value) != value for name, value in how.items()):
        sys.exit(f"{path} holds figures of other settings: name another --out.")
    return {**how, "levers": found["levers"]}


def real_distance(n, x_train, judge, real):
    "What n training images have, the best that samples can reach."
    chosen = np.random.default_rng(0).choice(len(x_train), n, replace=False)
    return frechet_distance(judge.features(x_train[chosen]), real)


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--batches",
        type=int,
        default=2000,
        help="batches of STABLE; all others get the same compute",
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    only(parser, LEVERS)
    parser.add_argument("-n", type=int, default=512, help="samples that are judged")
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("ablation.json")
    )
    return parser.parse_args()


def recipe_of(lever, batches):
    "The recipe with the lever set back, and how many batches of it the budget pays."
    recipe = replace(STABLE, **LEVERS[lever])
    batches = (
        batches
        * (STABLE.chain_steps + UPDATE)
        // (recipe.chain_steps + UPDATE)
        // 4
        * 4
    )
    return replace(
        recipe, decay_steps=batches
    ) if recipe.decay_steps else recipe, batches


def judged(model, lever, steps, n, judge, real):
    """Frechet distance and class shares of n samples after each number of steps from
    noise, read as the lever says.
    """
    recipe = replace(model.recipe, **READINGS.get(lever, {}))
    x0 = noise((n, 32, 32, 1), 1)
    energy = model.averaged if recipe.averaging else model.energy
    walk = sample_trajectory(
        energy, x0, max(steps), sampler_of(recipe), keep=steps, seed=1
    )
    return {str(step): figures(x, judge, real) for step, x in zip(walk.step, walk.x)}


def figures(x, judge, real):
    if not np.isfinite(x).all():
        return {"frechet": None, "classes": None}
    share = class_shares(judge.probabilities(x))
    return {
        "frechet": frechet_distance(judge.features(x), real),
        "classes": [float(share.min()), float(share.max())],
    }


def run(lever, seed, args, data, judge, real):
    "Train with a lever set back; a list of results, one for each way to read them."
    recipe, batches = recipe_of(lever, args.batches)
    keras.utils.set_random_seed(seed)
    model = EnergyModel(energy_cnn(), recipe, seed=seed)
    model.compile()
    names = [lever, *READINGS] if lever == "STABLE" else [lever]
    curves = {name: [] for name in names}
    for quarter in range(4):
        model.fit(data, steps_per_epoch=batches // 4, verbose=0)
        for name in names:
            curves[name].append(
                judged(model, name, [60], args.n // 2, judge, real)["60"]["frechet"]
            )
    return [
        {
            "lever": name,
            "seed": seed,
            "batches": batches,
            "curve": curves[name],
            "end": judged(model, name, [60, 256, 1000], args.n, judge, real),
        }
        for name in names
    ]


def read(path):
    return json.loads(path.read_text()) if path.exists() else {"runs": []}


def main():
    args = arguments()
    # one core each, so that several of these may run at once
    tf.config.threading.set_inter_op_parallelism_threads(1)
    tf.config.threading.set_intra_op_parallelism_threads(1)
    x_train, x_test = load_images("mnist")
    judge = load_judge()
    real = judge.features(x_test)
    settings = {
        "batches": args.batches,
        "samples": args.n,
        "real": real_distance(args.n, x_train, judge, real),
    }
    for lever, seed in tqdm(
        [(lever, seed) for seed in args.seeds for lever in args.only]
    ):
        if (lever, seed) in {
            (one["lever"], one["seed"]) for one in read(args.out)["runs"]
        }:
            continue
        found = run(lever, seed, args, x_train, judge, real)
        save_report(settings | {"runs": [*read(args.out)["runs"], *found]}, args.out)
        for one in found:
            distances = ", ".join(
                f"{step} steps {at['frechet'] or np.nan:.1f}"
                for step, at in one["end"].items()
            )
            tqdm.write(f"{one['lever']:32s} seed {seed}: {distances}")


if __name__ == "__main__":
    main()
