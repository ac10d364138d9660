"""What each part of the recipe `STABLE` gives: `python benchmarks/ablation.py` trains once with every lever set back, at equal compute.

Compute is counted in Langevin steps of a batch; the update of the weights costs about three. Every run has the same budget, and its
schedule is cut to it. After each quarter 128 samples, 256 steps from noise, are judged; at the end twice as many after 60, 256 and 1000.
Figures go to benchmarks/ablation.json after every run; a run that is already in the file is left out, so an interruption costs one.
"""
import argparse
import json
import os
from dataclasses import asdict, replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras  # noqa: E402
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402
from tqdm import tqdm  # noqa: E402

from ebm_nb.contrastive_divergence import BOOK, STABLE, EnergyModel, langevin_settings  # noqa: E402
from ebm_nb.data import load_images  # noqa: E402
from ebm_nb.energy import energy_cnn  # noqa: E402
from ebm_nb.evaluation import class_shares, frechet_distance, load_judge, save_report  # noqa: E402
from ebm_nb.langevin import sample_trajectory  # noqa: E402

UPDATE = 3  # what an update costs, in Langevin steps
LEVERS = {
    "STABLE": {},
    "5 % fresh throughout": {"fresh": 0.05, "last_fresh": None},
    "learning rate 4e-4": {"learning_rate": 4e-4},
    "BOOK": asdict(BOOK),
    "noise 0.005, data noise 0.03": {"noise_scale": 0.005, "data_noise": 0.03},
    "20 steps a batch": {"steps": 20},
    "newest first, oldest dropped": {"in_place": False},
    "Adam beta_1 0.9": {"beta_1": 0.9},
    "gradient not clipped": {"clipnorm": None},
    "weights not averaged": {"averaging": 0.0},
    "sampled as it is trained": {"sampling": None},
    "1024 chains, sampled as trained": {"capacity": 1024, "sampling": None},
    "the same, lives up to 167 draws": {"capacity": 1024, "sampling": None, "last_fresh": 0.006},
    "5 steps a batch": {"steps": 5},
    "alpha 0.01": {"alpha": 0.01},
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=800, help="batches of STABLE; all others get the same compute")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    parser.add_argument("--only", nargs="+", choices=LEVERS, default=list(LEVERS), metavar="LEVER", help="some levers, by name")
    parser.add_argument("-n", type=int, default=256, help="samples that are judged")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("ablation.json"))
    return parser.parse_args()


def recipe_of(lever, batches):
    "The recipe with the lever set back, and how many batches of it the budget pays."
    recipe = replace(STABLE, **LEVERS[lever])
    batches = batches * (STABLE.steps + UPDATE) // (recipe.steps + UPDATE) // 4 * 4
    return replace(recipe, decay_steps=batches) if recipe.decay_steps else recipe, batches


def judged(model, steps, n, judge, real):
    "Frechet distance and class shares of n samples after each number of steps from noise."
    x0 = np.random.default_rng(1).uniform(-1, 1, (n, 32, 32, 1)).astype("float32")
    walk = sample_trajectory(model.averaged, x0, max(steps), keep=steps, seed=1, **langevin_settings(model.recipe))
    shares = [class_shares(judge.probabilities(x)) for x in walk.x]
    return {str(step): {"frechet": frechet_distance(judge.features(x), real), "classes": [float(share.min()), float(share.max())]}
            for step, x, share in zip(walk.step, walk.x, shares)}


def run(lever, seed, args, data, judge, real):
    recipe, batches = recipe_of(lever, args.batches)
    keras.utils.set_random_seed(seed)
    model = EnergyModel(energy_cnn(), recipe, seed=seed)
    model.compile()
    curve = []
    for quarter in range(4):
        model.fit(data, steps_per_epoch=batches // 4, verbose=0)
        curve.append(judged(model, [256], args.n // 2, judge, real)["256"]["frechet"])
    return {"lever": lever, "seed": seed, "batches": batches, "curve": curve, "end": judged(model, [60, 256, 1000], args.n, judge, real)}


def main():
    args = arguments()
    tf.config.threading.set_inter_op_parallelism_threads(1)  # one core each, so that several of these may run at once
    tf.config.threading.set_intra_op_parallelism_threads(1)
    done = json.loads(args.out.read_text()) if args.out.exists() else {"runs": []}
    x_train, x_test = load_images("mnist")
    judge = load_judge()
    real = judge.features(x_test)
    drawn = judge.features(x_train[np.random.default_rng(0).choice(len(x_train), args.n, replace=False)])
    done |= {"batches": args.batches, "samples": args.n, "real": frechet_distance(drawn, real)}
    finished = {(one["lever"], one["seed"]) for one in done["runs"]}
    for lever, seed in tqdm([(lever, seed) for seed in args.seeds for lever in args.only if (lever, seed) not in finished]):
        done["runs"].append(run(lever, seed, args, x_train, judge, real))
        save_report(done, args.out)
        tqdm.write(f"{lever:32s} seed {seed}: " + ", ".join(f"{k} steps {v['frechet']:.1f}" for k, v in done["runs"][-1]["end"].items()))


if __name__ == "__main__":
    main()
