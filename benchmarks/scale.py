"""Throughput against replicas, and what a training costs as it grows: `python
benchmarks/scale.py` writes scale.json (Linux).

Each measurement is a training of a few updates in a process of its own; of workers each
has one thread on a core of its own.
Core-seconds are what the operating system charges a process: they depend little on what
else the machine does, seconds a lot.
"""

import argparse
import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

BASE = {
    "replicas": 1,
    "workers": 1,
    "batch_size": 128,
    "steps": 10,
    "side": 32,
    "capacity": 8192,
    "images": 2000,
    "updates": 20,
}
DEVICES = [{"replicas": n} for n in (1, 2, 4)]
WORKERS = [{"workers": 1}, {"workers": 2}, {"workers": 2, "batch_size": 256}]
GROWTH = [
    {},
    {"batch_size": 32},
    {"batch_size": 256},
    {"steps": 2},
    {"steps": 30},
    {"side": 16},
    {"side": 64},
    {"capacity": 1024},
    {"capacity": 65536},
    {"images": 30_000},
    {"replicas": 2},
    {"replicas": 4, "steps": 20},
]
# not used in any fit
APART = [
    {"batch_size": 64, "steps": 5, "side": 48, "capacity": 32768, "images": 10_000},
    {"batch_size": 256, "steps": 4, "side": 16, "capacity": 4096, "images": 40_000},
    {"replicas": 2, "steps": 20, "capacity": 16384},
]
WARM = 4  # updates before the clock counts


def memory(name):
    "VmRSS, now, or VmHWM, the highest so far, in MB."
    return next(
        int(line.split()[1]) / 1024
        for line in Path("/proc/self/status").read_text().splitlines()
        if line.startswith(name)
    )


def make(case):
    import keras
    from ebm_nb.recipe import STABLE
    from ebm_nb.training import EnergyModel
    from ebm_nb.energy import energy_cnn
    from ebm_nb.scale import make_strategy, sharded_model

    recipe = replace(
        STABLE,
        batch_size=case["batch_size"],
        chain_steps=case["steps"],
        capacity=case["capacity"],
    )
    build = lambda: energy_cnn((case["side"], case["side"], 1))
    strategy = (
        make_strategy()
        if case["workers"] > 1
        else make_strategy(case["replicas"])
        if case["replicas"] > 1
        else None
    )
    keras.utils.set_random_seed(0)
    model = (
        sharded_model(build, recipe, strategy=strategy)
        if strategy
        else EnergyModel(build(), recipe)
    )
    model.compile()
    return model, strategy


def all_reduce(strategy, weights, calls=30):
    "Median seconds in which replicas add up gradients, when they do nothing else."
    import numpy as np
    import tensorflow as tf

    if strategy is None:
        return 0.0
    like = [tf.zeros(weight.shape) for weight in weights]
    mean = lambda: tf.distribute.get_replica_context().all_reduce("MEAN", like)[0][
        ..., :1
    ]
    add = tf.function(lambda: strategy.run(mean), autograph=False)
    marks = [(add(), time.perf_counter())[1] for _ in range(calls)]
    return float(np.median(np.diff(marks[5:])))


def measure(case):
    """Seconds and core-seconds of an update, the most MB above those at the start, and
    the seconds of an all-reduce.
    """
    import keras
    import numpy as np

    before, marks = memory("VmRSS"), []
    x = (
        np.random.default_rng(0)
        .uniform(-1, 1, (case["images"], case["side"], case["side"], 1))
        .astype("float32")
    )
    model, strategy = make(case)
    mark = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: marks.append(
            (time.perf_counter(), time.process_time())
        )
    )
    model.fit(x, steps_per_epoch=case["updates"] + WARM, callbacks=[mark], verbose=0)
    wall, core = np.diff(np.array(marks)[WARM - 1 :], axis=0).T
    return {
        "seconds": float(np.median(wall)),
        "core seconds": float(np.mean(core)),
        "MB": memory("VmHWM") - before,
        "all-reduce": all_reduce(strategy, model.energy.trainable_variables),
    }


def run(case, pin=False):
    """Measure a case in a process for each worker; pin: each on one core, with one
    thread.
    """
    case = BASE | case | {"pin": pin}
    servers = [socket.create_server(("127.0.0.1", 0)) for _ in range(case["workers"])]
    cluster = {"worker": [f"127.0.0.1:{server.getsockname()[1]}" for server in servers]}
    for server in servers:
        server.close()
    task = lambda index: {
        "cluster": cluster,
        "task": {"type": "worker", "index": index},
    }
    command = [sys.executable, __file__, "--worker", json.dumps(case)]
    said = [tempfile.TemporaryFile("w+") for _ in servers]
    started = [
        subprocess.Popen(
            [*(["taskset", "-c", str(core)] if pin else []), *command],
            text=True,
            stdout=subprocess.PIPE,
            env=os.environ | {"TF_CONFIG": json.dumps(task(core))},
            stderr=said[core],
        )
        for core in range(case["workers"])
    ]
    try:
        found = [answer(process, file) for process, file in zip(started, said)]
    finally:
        for process in started:
            process.kill()
    each = [row["core seconds"] for row in found]
    return (
        case
        | found[0]
        | {
            "core seconds": sum(each),
            "of the busiest": max(each),
            "load": os.getloadavg()[0],
        }
    )


def answer(process, said):
    "What a worker has measured; where it failed, its last words end this program."
    lines = process.communicate()[0].splitlines()
    if process.returncode or not lines:
        said.seek(0)
        sys.exit(
            f"A worker ended with exit code {process.returncode}:\n"
            + said.read()[-2000:]
        )
    return json.loads(lines[-1])


def worker(case):
    import tensorflow as tf

    if case["pin"]:
        tf.config.threading.set_inter_op_parallelism_threads(1)
        tf.config.threading.set_intra_op_parallelism_threads(1)
    return measure(case)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--worker", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument(
        "--rounds", type=int, default=3, help="the cases of a part take turns"
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=["growth", "apart", "devices", "workers"],
        help="only these; others stay",
    )
    parser.add_argument("--out", type=Path, default=HERE / "scale.json")
    args = parser.parse_args()
    if args.worker:
        return print(json.dumps(worker(args.worker)))
    report = (
        json.loads(args.out.read_text()) if args.parts and args.out.exists() else {}
    )
    report["cores"] = os.cpu_count()
    parts = {"growth": GROWTH, "apart": APART, "devices": DEVICES, "workers": WORKERS}
    for name in args.parts or parts:
        report[name] = []
        for case in parts[name] * args.rounds:
            report[name].append(run(case, pin=name == "workers"))
            print(
                name,
                case,
                {
                    key: round(report[name][-1][key], 4)
                    for key in ("seconds", "core seconds", "MB", "all-reduce")
                },
                flush=True,
            )
            args.out.write_text(json.dumps(report, indent=1) + "\n")


if __name__ == "__main__":
    main()
