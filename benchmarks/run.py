"""Compare speeds, side by side in one run: `python benchmarks/run.py` writes speed.json
and speed.png beside itself.

Each contestant works in a process of its own, all with the same network, weights,
formula, dtype and cores. Rounds alternate, so that only one works at a time and a busy
minute of the machine hits all alike. Before the clock starts all must give the same
energies, and with the noise off the same 20-step walks, of the textbook's chain and of
ours, to 1e-4. (Those walks take steps of 2: with steps of 10 a trained energy magnifies
rounding itself, to 1.1e-4 between TensorFlow and PyTorch.) PyTorch and JAX are the
extra `bench`; one that is missing is left out.

Last comes what a user waits for: the seconds for 64 digits with our sampler's default
number of steps, and the Frechet distance of 1,024 that each contestant draws so. The
textbook's own chain is judged after several numbers of steps.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import date
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent), str(HERE / "contestants")]

from ebm_nb.evaluation import frechet_distance  # noqa: E402
from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.plot import bars, save  # noqa: E402

BATCH = 128
# name: its module, Langevin steps and BOOK and STABLE training steps a round
CONTESTANTS = {
    "ebm_nb, command line": ("ours_cli", 120, 2, 10),
    "ebm_nb, from Python": ("ours", 120, 2, 10),
    "textbook loop": ("textbook", 20, 1, 2),
    "PyTorch, eager": ("pytorch_eager", 60, 1, 6),
    "PyTorch, compiled": ("pytorch_compiled", 60, 1, 6),
    "JAX, jit": ("jax_jit", 30, 1, 4),
}
# outputs a side, kernel, channels in and out
LAYERS = [(16, 5, 1, 16), (8, 3, 16, 32), (4, 3, 32, 64), (2, 3, 64, 64)]
CLOSE = 1e-4
TRIED = 60, 256, 1000  # steps of the textbook's own chain


def operations(batch=BATCH):
    """Additions and multiplications of a Langevin step: convolutions and products,
    forward and once more for the gradient in x.
    """
    forward = sum(
        2 * side**2 * kernel**2 * c * f for side, kernel, c, f in LAYERS
    ) + 2 * (256 * 64 + 64)
    return 2 * forward * batch


class Worker:
    "A contestant's process: `ask` sends a command and waits for the answer."

    def __init__(self, module, folder):
        env = {
            **os.environ,
            "OMP_WAIT_POLICY": "PASSIVE",
            "TF_CPP_MIN_LOG_LEVEL": "3",
            "PYTHONPATH": str(HERE.parent),
        }
        command = [
            sys.executable,
            str(HERE / "contestants" / "worker.py"),
            module,
            str(folder),
        ]
        self.log = open(folder / f"{module}.log", "w+")
        self.process = subprocess.Popen(
            command,
            env=env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
        )

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            sys.exit(f"A contestant ended:\n{self.log.read()[-3000:]}")
        return json.loads(line)

    def ask(self, do, **given):
        self.process.stdin.write(json.dumps({"do": do, **given}) + "\n")
        self.process.stdin.flush()
        return self.answer()

    def end(self):
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


def prepare(folder):
    "What all start from: weights, recipes, a batch of noise, images."
    code = (
        "import ours, json, pathlib, sys; at = pathlib.Path(sys.argv[1]); "
        "(at / 'recipes.json').write_text(json.dumps(ours.write_weights(at)))"
    )
    env = {
        **os.environ,
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "PYTHONPATH": os.pathsep.join(sys.path[:2]),
    }
    subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env=env,
        check=True,
        stderr=subprocess.DEVNULL,
    )
    rng = np.random.default_rng(0)
    np.save(
        folder / "start.npy", rng.uniform(-1, 1, (BATCH, 32, 32, 1)).astype("float32")
    )
    np.save(
        folder / "images.npy", rng.uniform(-1, 1, (1024, 32, 32, 1)).astype("float32")
    )


def check(workers, recipes):
    """The largest differences to the textbook loop in energy (relative to the largest)
    and on the walks; ends the run above 1e-4.
    """
    calm = {"noise_scale": 0.0, "step_size": 2.0}
    chains = {
        "textbook's walk": recipes["BOOK"]["chain"] | calm,
        "our walk": recipes["STABLE"]["sampler"] | calm | {"settle": 10},
    }
    answers = {
        name: worker.ask("check", chains=chains) for name, worker in workers.items()
    }
    truth, found = answers["textbook loop"], {}
    for name, one in answers.items():
        apart = {key: np.abs(np.subtract(one[key], truth[key])).max() for key in one}
        apart["energies"] /= np.abs(truth["energies"]).max()
        if not max(apart.values()) <= CLOSE:
            sys.exit(f"{name} computes something else than the textbook loop: {apart}")
        found[name] = {key: float(value) for key, value in apart.items()}
    return found


def measure(workers, recipes, rounds, train_rounds):
    "Seconds of every round: {name: {what: [...]}}, and GFLOP/s of a large product."
    chain = recipes["BOOK"]["chain"]
    times = {
        name: {"step": [], "step, all cores": [], "BOOK": [], "STABLE": []}
        for name in workers
    }
    peak = []
    for number in range(max(rounds, train_rounds)):
        peak.append(workers["ebm_nb, from Python"].ask("matmul", n=2048))
        for name, worker in workers.items():
            _, steps, book, stable = CONTESTANTS[name]
            if number < rounds:
                taken = worker.ask("sample", steps=steps, chain=chain)
                for what, seconds in zip(("step", "step, all cores"), taken):
                    times[name][what].append(seconds)
            if number < train_rounds:
                times[name]["BOOK"].append(
                    worker.ask("train", recipe="BOOK", steps=book)[0]
                )
                times[name]["STABLE"].append(
                    worker.ask("train", recipe="STABLE", steps=stable)[0]
                )
        print(
            f"round {number + 1}",
            {name: round(1e3 * t["step"][-1], 2) for name, t in times.items()},
            flush=True,
        )
    return times, peak


def digits(workers, recipes, folder, rounds, judge, real):
    """Seconds for 64 digits with our sampler and the distance of 1,024 of each
    contestant; and the distances that the textbook's chain reaches.
    """
    ours = {"chain": recipes["STABLE"]["sampler"]}
    ours["steps"] = recipes["STABLE"]["sampler_steps"]

    def distance(worker, **way):
        worker.ask("draw many", n=1024, **way)
        drawn = np.load(folder / "drawn.npy")
        return frechet_distance(judge.features(drawn), real)

    found = {
        name: {"distance": distance(worker, **ours), "seconds": []}
        for name, worker in workers.items()
    }
    for _ in range(rounds + 1):
        for name, worker in workers.items():
            start = time.perf_counter()
            worker.ask("draw", **ours)
            found[name]["seconds"].append(time.perf_counter() - start)
    for one in found.values():
        one["first"], *one["seconds"] = one["seconds"]  # traced, compiled
    fast, book = workers["ebm_nb, from Python"], recipes["BOOK"]["chain"]
    reached = {steps: distance(fast, chain=book, steps=steps) for steps in TRIED}
    return {"contestants": found, "the textbook's chain": reached, **ours}


def summary(times):
    "Median and quartiles of each list of seconds."
    quartiles = lambda seconds: dict(
        zip(("low", "median", "high"), np.percentile(seconds, [25, 50, 75]).tolist())
    )
    return {
        name: {
            what: {**quartiles(seconds), "rounds": seconds}
            for what, seconds in parts.items()
        }
        for name, parts in times.items()
    }


def ratios(results):
    "How many times faster ours is than the others, by medians."
    step = {name: one["step"]["median"] for name, one in results.items()}
    torch = min(
        (seconds for name, seconds in step.items() if name.startswith("PyTorch")),
        default=None,
    )
    others = {
        "textbook loop": step["textbook loop"],
        "the faster PyTorch": torch,
        "JAX": step.get("JAX, jit"),
    }
    train = {
        f"training, {name}": results["textbook loop"][name]["median"]
        for name in ("BOOK", "STABLE")
    }
    found = {}
    for ours in ("ebm_nb, from Python", "ebm_nb, command line"):
        found[ours] = {
            name: seconds / step[ours] for name, seconds in others.items() if seconds
        }
        found[ours] |= {
            name: seconds / results[ours][name.split(", ")[1]]["median"]
            for name, seconds in train.items()
        }
    return found


def cpu():
    lines = (
        Path("/proc/cpuinfo").read_text().splitlines()
        if Path("/proc/cpuinfo").exists()
        else []
    )
    named = [
        line.split(":")[1].strip() for line in lines if line.startswith("model name")
    ]
    cores = (
        len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count()
    )
    return {
        "cpu": named[0] if named else platform.processor(),
        "cores": cores,
        "load before": os.getloadavg()[0],
        "python": platform.python_version(),
        "system": platform.system(),
    }


def picture(results):
    labels = [
        name.replace(", ", ",\n").replace("textbook ", "textbook\n") for name in results
    ]
    return bars(
        labels,
        {
            "ms for a Langevin step": [
                1e3 * one["step"]["median"] for one in results.values()
            ]
        },
        f"ms for a step of {BATCH} chains",
    )


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=9, help="rounds of sampling")
    parser.add_argument(
        "--train-rounds", type=int, default=5, help="rounds of training steps"
    )
    parser.add_argument(
        "--out",
        type=Path,
        default=HERE / "speed.json",
        help="a .json; the chart gets the same name as .png",
    )
    args = parser.parse_args()
    judge = load_judge()
    real = judge.features(load_images("mnist")[1])
    with tempfile.TemporaryDirectory() as folder:
        folder, machine = Path(folder), cpu()
        prepare(folder)
        recipes = json.loads((folder / "recipes.json").read_text())
        workers = {
            name: Worker(module, folder) for name, (module, *_) in CONTESTANTS.items()
        }
        for worker in workers.values():
            worker.missing = worker.answer().get("missing")
        left_out = {
            name: f"{workers.pop(name).missing} is not installed"
            for name in CONTESTANTS
            if workers[name].missing
        }
        for name, why in left_out.items():
            print(f"{name} is left out: {why}. pip install -e '.[bench]' brings it.")
        versions = {
            key: value
            for worker in workers.values()
            for key, value in worker.ask("versions").items()
        }
        same = check(workers, recipes)
        print("all give the same energies and the same walks:", same, flush=True)
        for worker in workers.values():
            worker.ask("warm", chain=recipes["BOOK"]["chain"])
        times, peak = measure(workers, recipes, args.rounds, args.train_rounds)
        drawn = digits(workers, recipes, folder, args.train_rounds, judge, real)
        for worker in workers.values():
            worker.end()
    results = summary(times)
    for one in results.values():
        one["images per second, 60 steps"] = BATCH / 60 / one["step"]["median"]
        one["share of the peak"] = (
            operations() / one["step"]["median"] / 1e9 / float(np.median(peak))
        )
    report = {
        "date": date.today().isoformat(),
        "machine": machine,
        "versions": versions,
        "batch": BATCH,
        "left out": left_out,
        "differences to the textbook loop": same,
        "operations of a step": operations(),
        "GFLOP/s of a large product": {
            "median": float(np.median(peak)),
            "rounds": peak,
        },
        "seconds": results,
        "times faster": ratios(results),
        "64 digits": drawn,
    }
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    save(picture(results), args.out.with_suffix(".png"))
    table(report)


def table(report):
    print(
        f"\n{'':22s}{'ms a step':>10s}{'quartiles':>16s}{'all cores':>10s}"
        f"{'images/s':>10s}{'BOOK s':>8s}{'STABLE s':>9s}{'peak':>6s}"
    )
    for name, one in report["seconds"].items():
        step = one["step"]
        print(
            f"{name:22s}{1e3 * step['median']:10.2f}{1e3 * step['low']:9.2f} "
            f"-{1e3 * step['high']:5.2f}"
            f"{1e3 * one['step, all cores']['median']:10.2f}"
            f"{one['images per second, 60 steps']:10.0f}"
            f"{one['BOOK']['median']:8.2f}{one['STABLE']['median']:9.3f}"
            f"{one['share of the peak']:6.0%}"
        )
    for ours, found in report["times faster"].items():
        print(
            f"{ours}: "
            + ", ".join(f"{value:.1f} x {name}" for name, value in found.items())
        )
    drawn = report["64 digits"]
    print(f"\n64 digits, {drawn['steps']} steps of our sampler: seconds, distance")
    for name, one in drawn["contestants"].items():
        print(f"{name:22s}{np.median(one['seconds']):8.2f}{one['distance']:8.1f}")
    print("the textbook's own chain, distance by steps:", drawn["the textbook's chain"])


if __name__ == "__main__":
    main()
