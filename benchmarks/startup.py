"""Where the seconds of `ebm_nb sample -n 16` go: `python benchmarks/startup.py` writes
startup.json beside itself.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
PARTS = """
import json, sys, time
clock = [time.perf_counter()]
lap = lambda: clock.append(time.perf_counter())
import ebm_nb.cli
lap()
from pathlib import Path
from ebm_nb import terminal
with terminal.quiet():
    import tensorflow as tf
lap()
terminal.start_tensorflow()
from ebm_nb import outputs, sampling, scrubber, weights
energy, sampler = weights.energy_of("mnist")
noise = weights.noise((16, 32, 32, 1), 0)
lap()
sampling.sample(energy, noise, 1, sampler)
lap()
x = sampling.sample(energy, noise, 1000, sampler)
lap()
outputs.write(x, Path(sys.argv[1]) / "samples.png")
lap()
names = ["ebm_nb.cli", "import tensorflow", "modules and weights", "trace"]
names += ["run 1000 steps", "picture"]
print(json.dumps({name: b - a for name, a, b in zip(names, clock, clock[1:])}))
"""


def seconds(*command):
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, *command],
        check=True,
        cwd=HERE.parent,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    return time.perf_counter() - start


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "startup.json")
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    parts, whole, alone = [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(args.rounds):
            alone.append(seconds("-c", "import tensorflow"))
            whole.append(
                seconds(
                    "-c",
                    "from ebm_nb.cli import main; main()",
                    "sample",
                    "-n",
                    "16",
                    "--out",
                    f"{folder}/samples.png",
                )
            )
            out = subprocess.run(
                [sys.executable, "-c", PARTS, folder],
                check=True,
                cwd=HERE.parent,
                text=True,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            ).stdout
            parts.append(json.loads(out.splitlines()[-1]))
    report = {
        "parts": {
            name: statistics.median(part[name] for part in parts) for name in parts[0]
        },
        "ebm_nb sample -n 16": statistics.median(whole),
        "import tensorflow alone": statistics.median(alone),
        "rounds": parts,
    }
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
