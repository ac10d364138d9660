"""Ten tables of different scale, skewness and dimension, each trained on with
`Recipe.for_points` as `ebm_nb train` does: `python benchmarks/tables.py` writes
tables.json beside itself, in a few minutes.

Of each table: the samples' spread over the data's in every coordinate, and the share
of coordinates on the bounds.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

import keras  # noqa: E402

from ebm_nb.energy import energy_mlp  # noqa: E402
from ebm_nb.recipe import Recipe  # noqa: E402
from ebm_nb.scaling import robust_scale  # noqa: E402
from ebm_nb.training import EnergyModel  # noqa: E402


def mixed(rng, n, d):
    "Normal columns, each a mixture of all."
    return rng.normal(size=(n, d)) @ rng.normal(size=(d, d))


def tables():
    "Name: rows (N, d)."
    rng = np.random.default_rng(0)
    t = rng.normal(20, 8, 400)
    price = rng.lognormal(11, 0.8, 1000)
    two = np.arange(1000) % 2
    return {
        "100 rows, two columns": mixed(rng, 100, 2),
        "prices and areas, lognormal": np.c_[
            price, price**0.5 * rng.lognormal(-1, 0.2, 1000), rng.gamma(2, 3, 1000)
        ],
        "counts": rng.poisson([0.7, 3, 20], (1000, 3)),
        "two-valued columns": np.c_[
            two, rng.random(1000) < 0.1, rng.normal(3 * two, 1), rng.normal(size=1000)
        ],
        "heavy tails, t with 2 degrees": rng.standard_t(2, (2000, 4)),
        "three clusters": rng.normal(size=(1500, 3))
        + 4 * np.eye(3)[np.arange(1500) % 3],
        "mostly zero payments": np.c_[
            np.where(rng.random(1000) < 0.8, 0, rng.lognormal(6, 1, 1000)),
            rng.normal(size=(1000, 2)),
        ],
        "units from 1e-9 to 1e9": np.c_[
            1e-9 * t, 1e9 * (0.1 * t + rng.normal(size=400)), rng.gamma(1, 1, 400)
        ],
        "ten columns": mixed(rng, 1000, 10),
        "thirty columns, 5000 rows": mixed(rng, 5000, 30),
    }


def measured(rows, seed=0):
    "The samples of a training against the data."
    x = robust_scale(rows).points(rows)
    batch, start = min(128, len(x)), time.perf_counter()
    recipe = Recipe.for_points(x, batch_size=batch, decay_steps=1000)
    keras.utils.set_random_seed(seed)
    model = EnergyModel(energy_mlp(x.shape[1], (64, 64)), recipe, seed=seed)
    model.compile()
    model.fit(x, steps_per_epoch=1000, verbose=0)
    samples = model.sample(1000, seed=1)
    low, high = recipe.bounds
    return {
        "rows": len(x),
        "columns": x.shape[1],
        "box": [round(low, 2), round(high, 2)],
        "spread": [round(float(s), 3) for s in samples.std(0) / x.std(0)],
        "on bounds": round(float(((samples <= low) | (samples >= high)).mean()), 4),
        "seconds": round(time.perf_counter() - start, 1),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "tables.json")
    args = parser.parse_args()
    found = {}
    for name, rows in tables().items():
        found[name] = measured(np.asarray(rows, float))
        print(f"{name:30s}", found[name], flush=True)
    args.out.write_text(json.dumps({"tables": found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
