"""One contestant in a process of its own: `python worker.py NAME FOLDER`, commands as
JSON lines on stdin, answers on stdout.

A contestant is a module with `load(folder)`, `versions()`, `energies(x)`, `sample(x,
steps, chain)`, where a chain is the settings of a `Langevin`, and `trainer(recipe,
images)`, which returns a function that does one training step and waits for it. FOLDER
holds weights.npz (TensorFlow's layout), recipes.json, start.npy and images.npy.
"""

import importlib
import json
import os
import sys
import time
from pathlib import Path

import numpy as np


def timed(action, steps):
    "Seconds of a step by the clock, and those of all cores together."
    clock, cores = time.perf_counter(), time.process_time()
    action()
    return [
        (time.perf_counter() - clock) / steps,
        (time.process_time() - cores) / steps,
    ]


def answer(contestant, folder, trainers, do, **given):
    """The answer to one command; every one that times does its work once before, so
    that nothing is traced or compiled on the clock.
    """
    x = np.load(folder / "start.npy")
    if do == "versions":
        return contestant.versions()
    if do == "check":
        walk = lambda chain: contestant.sample(x[:32], 20, chain).ravel().tolist()
        found = {name: walk(chain) for name, chain in given["chains"].items()}
        return {"energies": contestant.energies(x).tolist(), **found}
    if do == "warm":
        contestant.sample(x, 2, given["chain"])
        for name, recipe in json.loads((folder / "recipes.json").read_text()).items():
            trainers[name] = contestant.trainer(recipe, np.load(folder / "images.npy"))
            trainers[name]()
        return "warm"
    if do == "sample":
        steps = given["steps"]
        return timed(lambda: contestant.sample(x, steps, given["chain"]), steps)
    if do == "draw":
        return contestant.sample(x[:64], given["steps"], given["chain"]).shape
    if do == "draw many":
        noise = np.random.default_rng(1).uniform(-1, 1, (given["n"], 32, 32, 1))
        x = contestant.sample(noise.astype("float32"), given["steps"], given["chain"])
        return np.save(folder / "drawn.npy", x)
    if do == "train":
        return timed(
            lambda: [trainers[given["recipe"]]() for _ in range(given["steps"])],
            given["steps"],
        )
    if do == "matmul":
        return contestant.matmul(given["n"])
    raise ValueError(f"unknown command {do!r}.")


def main():
    name, folder, trainers = sys.argv[1], Path(sys.argv[2]), {}
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    try:
        contestant = importlib.import_module(name)
        contestant.load(folder)
    except ModuleNotFoundError as error:
        print(json.dumps({"missing": error.name}), file=answers, flush=True)
        return
    print(json.dumps({"ready": name}), file=answers, flush=True)
    for line in sys.stdin:
        print(
            json.dumps(answer(contestant, folder, trainers, **json.loads(line))),
            file=answers,
            flush=True,
        )
    os._exit(0)  # taking TensorFlow's data threads down can hang


if __name__ == "__main__":
    main()
