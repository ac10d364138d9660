"""Outliers in tables: `python benchmarks/outliers.py` writes outliers.json beside
itself, in a few minutes.

Three tables that scikit-learn ships. One class is held out as strangers, the last one
(of the two of breast cancer: malignant), and a fifth of the others to test on. The
energy is trained as `ebm_nb train` does, 1000 batches of `Recipe.for_points`; the
rivals are scikit-learn's with their defaults, fitted to the same points. AUROC of
strangers against the rows to test on, for five seeds of split, training and forest.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.ensemble import IsolationForest
from sklearn.neighbors import LocalOutlierFactor

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import keras  # noqa: E402

from ebm_nb.applications import auroc, outlier_scores  # noqa: E402
from ebm_nb.energy import energy_mlp  # noqa: E402
from ebm_nb.recipe import Recipe  # noqa: E402
from ebm_nb.scaling import robust_scale  # noqa: E402
from ebm_nb.training import EnergyModel  # noqa: E402

# name: the table, and the class of its strangers
TABLES = {
    "wine": (load_wine, 2),
    "breast cancer": (load_breast_cancer, 0),
    "digits": (load_digits, 9),
}


def energy(x, seed):
    "What scores rows: an energy, trained as the command line does."
    recipe = Recipe.for_points(x, batch_size=min(128, len(x)), decay_steps=1000)
    keras.utils.set_random_seed(seed)
    model = EnergyModel(energy_mlp(x.shape[1], (64, 64)), recipe, seed=seed)
    model.compile()
    model.fit(x, steps_per_epoch=1000, verbose=0)
    return lambda rows: outlier_scores(model.averaged, rows, recipe.bounds)


def forest(x, seed):
    fitted = IsolationForest(random_state=seed).fit(x)
    return lambda rows: -fitted.score_samples(rows)


def neighbours(x, seed):
    fitted = LocalOutlierFactor(novelty=True).fit(x)
    return lambda rows: -fitted.score_samples(rows)


RIVALS = {"energy": energy, "forest": forest, "neighbours": neighbours}


def areas(load, stranger, seed):
    "The AUROC of each rival for one seed."
    table = load()
    inside = np.random.default_rng(seed).permutation(
        table.data[table.target != stranger]
    )
    rows, test = np.split(inside, [len(inside) * 4 // 5])
    scale = robust_scale(rows[:, rows.std(0) > 0])
    points = [
        scale.points(each[:, rows.std(0) > 0])
        for each in (rows, test, table.data[table.target == stranger])
    ]
    found = {}
    for name, fit in RIVALS.items():
        score = fit(points[0], seed)
        found[name] = round(float(auroc(score(points[1]), score(points[2]))), 4)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "outliers.json")
    parser.add_argument("--seeds", type=int, default=5)
    args = parser.parse_args()
    start, found = time.perf_counter(), {}
    for name, (load, stranger) in TABLES.items():
        runs = [areas(load, stranger, seed) for seed in range(args.seeds)]
        found[name] = {rival: [run[rival] for run in runs] for rival in RIVALS}
        for rival, values in found[name].items():
            print(f"{name:15s}{rival:12s}{np.mean(values):.3f} +- {np.std(values):.3f}")
    seconds = round(time.perf_counter() - start)
    args.out.write_text(
        json.dumps({"auroc": found, "seconds": seconds}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
