"""Train and sample for half an hour in one process: `python benchmarks/soak.py` writes
soak.json and soak.png (Linux).

It fails if resident memory still grows after a third of the time, if TensorFlow traces
anew or if file handles are lost.
"""

import argparse
import json
import os
import sys
import tempfile
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
from ebm_nb.plot import curves, save  # noqa: E402
from ebm_nb.checkpoints import Progress, load_checkpoint, save_checkpoint  # noqa: E402

# MB a minute after warm-up, 15 MB an hour; one small TensorFlow graph kept a turn is
# twice as much
MOST_GROWTH = 0.25


class Counted(EnergyModel):
    """Counts how often TensorFlow traces its update and its energy for sampling: that
    is when Python runs them.
    """

    updates_traced = chains_traced = 0

    def averaged(self, x):
        Counted.chains_traced += 1
        return super().averaged(x)

    def train_step(self, x):
        Counted.updates_traced += 1
        return super().train_step(x)


def held(model):
    """What the process holds now: MB of memory, open files, graphs traced for training
    and for sampling.

    Resident memory has pages of program files, which the kernel drops and reads again
    as it likes; "MB" is without them.
    """
    kept = dict(
        line.split(":") for line in Path("/proc/self/status").read_text().splitlines()
    )
    resident, program = (
        int(kept[name].split()[0]) / 1024 for name in ("VmRSS", "RssFile")
    )
    return {
        "MB": resident - program,
        "MB of program files": program,
        "files": len(os.listdir("/proc/self/fd")),
        "updates traced": Counted.updates_traced,
        "chains traced": Counted.chains_traced,
    }


def turn(model, images, folder, number):
    "One turn: 20 updates, a checkpoint written and read, 64 samples."
    model.fit(images, steps_per_epoch=20, verbose=0)
    save_checkpoint(model, folder, Progress(seen=number))
    load_checkpoint(model, folder)
    model.sample(64, steps=20, seed=number)


def soak(minutes):
    keras.utils.set_random_seed(0)
    model = Counted(
        energy_cnn(), replace(STABLE, batch_size=32, capacity=512, decay_steps=None)
    )
    model.compile()
    images, rows, start = load_images("digits")[0], [], time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        while not rows or rows[-1]["minutes"] < minutes:
            turn(model, images, folder, len(rows))
            rows.append({"minutes": (time.monotonic() - start) / 60, **held(model)})
    return rows


def verdict(rows):
    """What is wrong, in words, and the growth in MB a minute over the last two thirds
    of the time.
    """
    late = [row for row in rows if row["minutes"] > rows[-1]["minutes"] / 3]
    growth = np.polyfit(
        [row["minutes"] for row in late], [row["MB"] for row in late], 1
    )[0]
    wrong = {f"memory grows by {growth:.2f} MB a minute": growth > MOST_GROWTH}
    for name in ("files", "updates traced", "chains traced"):
        wrong[f"{name} went from {late[0][name]} to {late[-1][name]}"] = (
            late[-1][name] > late[0][name]
        )
    return growth, [words for words, true in wrong.items() if true]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    args = parser.parse_args()
    rows = soak(args.minutes)
    growth, wrong = verdict(rows)
    (HERE / "soak.json").write_text(
        json.dumps({"minutes": args.minutes, "MB a minute": growth, "rows": rows})
        + "\n"
    )
    save(
        curves(
            [row["minutes"] for row in rows],
            {"resident memory": [row["MB"] for row in rows]},
            "minutes",
            "MB",
        ),
        HERE / "soak.png",
    )
    last = rows[-1]
    print(
        f"{len(rows)} turns in {last['minutes']:.1f} minutes: {last['MB']:.0f} MB, "
        f"growing by {growth:.2f} MB a minute after warm-up; "
        f"{last['files']} files open; graphs traced: {last['updates traced']} of the "
        f"update, {last['chains traced']} of the chain."
    )
    sys.exit("; ".join(wrong) or 0)


if __name__ == "__main__":
    main()
