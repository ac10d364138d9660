"""Training on several devices and by several processes: what needs processes of their
own. Chapter 30 tests the rest.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

EBM_NB = Path(sys.executable).with_name("ebm_nb")
TRAIN = [
    "train",
    "--data",
    "digits",
    "--batch-size",
    "32",
    "--steps-per-epoch",
    "2",
    "--out",
    "run",
]


def environment(index=None, ports=()):
    "This one's, and TF_CONFIG for a worker; an index of None is no worker."
    task = {
        "cluster": {"worker": [f"127.0.0.1:{port}" for port in ports]},
        "task": {"type": "worker", "index": index},
    }
    config = {} if index is None else {"TF_CONFIG": json.dumps(task)}
    return {
        **{name: value for name, value in os.environ.items() if name != "TF_CONFIG"},
        **config,
    }


def ebm_nb(folder, *words):
    return subprocess.run(
        [EBM_NB, *map(str, words)],
        cwd=folder,
        env=environment(),
        text=True,
        capture_output=True,
    )


def free_ports(n):
    listening = [socket.create_server(("127.0.0.1", 0)) for _ in range(n)]
    ports = [server.getsockname()[1] for server in listening]
    for server in listening:
        server.close()
    return ports


def start(folder, *words, workers=2):
    "The same command in so many workers that share a folder."
    ports = free_ports(workers)
    return [
        subprocess.Popen(
            [EBM_NB, *map(str, words)],
            cwd=folder,
            env=environment(index, ports),
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        for index in range(workers)
    ]


def ended(processes, limit=240):
    "(exit code, standard error) of each."
    try:
        return [
            (process.returncode, error)
            for process in processes
            for _, error in [process.communicate(timeout=limit)]
        ]
    finally:
        for process in processes:
            process.kill()


def epochs(folder):
    "The epochs in the training's history."
    return [
        int(line.split(",")[0])
        for line in (folder / "run/history.csv").read_text().splitlines()[1:]
    ]


def test_more_devices_and_fewer(tmp_path):
    "A training on two devices goes on upon one."
    for words in (
        ["--devices", 2, "--epochs", 1],
        ["--devices", 1, "--epochs", 2, "--resume"],
    ):
        done = ebm_nb(tmp_path, *TRAIN, *words)
        assert (done.returncode, done.stderr) == (0, "")
    assert epochs(tmp_path) == [1, 2]


def test_sampled_on_two_devices(tmp_path):
    """Where there is a portion for each device, as on one; fewer chains are shared
    evenly, and drawn with other noise.
    """
    for words in (
        ["-n", 1100, "--devices", 2, "--out", "two.npy"],
        ["-n", 1100, "--out", "one.npy"],
        ["-n", 6, "--devices", 2, "--out", "few.npy"],
    ):
        done = ebm_nb(tmp_path, "sample", "--steps", 1, *words)
        assert done.returncode == 0, done.stderr
    assert (tmp_path / "two.npy").read_bytes() == (tmp_path / "one.npy").read_bytes()
    assert np.load(tmp_path / "few.npy", allow_pickle=False).shape == (6, 32, 32, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "few.npy",
        "one.npy",
        "two.npy",
    ]
    done = ebm_nb(tmp_path, "sample", "--devices", 2, "--trajectory", "walk.html")
    assert (
        done.returncode == 2 and "leave --devices 2 or --trajectory out" in done.stderr
    )


def test_refused(tmp_path):
    done = ebm_nb(tmp_path, *TRAIN, "--devices", 3)
    assert (
        done.returncode == 2
        and "multiple of the 3 replicas" in done.stderr
        and done.stderr.count("\n") == 1
    )
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("victim", [1, pytest.param(0, marks=pytest.mark.slow)])
def test_killed_worker(tmp_path, victim):
    "The other one ends with a sentence and exit code 1; both go on with --resume."
    workers = start(tmp_path, *TRAIN, "--epochs", 1000)
    while not list((tmp_path / "run/checkpoints").glob("*.ckpt")) and all(
        worker.poll() is None for worker in workers
    ):
        time.sleep(0.1)
    workers[victim].send_signal(signal.SIGKILL)
    codes = ended(workers)
    assert codes[victim][0] == -signal.SIGKILL, codes
    code, error = codes[1 - victim]
    assert (
        code == 1
        and "has lost another worker" in error
        and "--resume" in error
        and "Traceback" not in error
    )
    last = max(epochs(tmp_path)) + 1
    assert ended(start(tmp_path, *TRAIN, "--epochs", last, "--resume")) == [
        (0, ""),
        (0, ""),
    ]
    assert epochs(tmp_path) == list(range(1, last + 1))


@pytest.mark.slow
def test_workers_repeat_themselves(tmp_path):
    "Two workers, stopped and resumed or not, end with the same bits."
    hashes = []
    for name, rounds in (("straight", [2]), ("broken", [1, 2])):
        (tmp_path / name).mkdir()
        for last in rounds:
            assert ended(
                start(
                    tmp_path / name,
                    *TRAIN,
                    "--recipe",
                    "book",
                    "--epochs",
                    last,
                    "--resume",
                )
            ) == [(0, ""), (0, "")]
        hashes.append(
            json.loads((tmp_path / name / "run/config.json").read_text())["sha256"]
        )
    assert hashes[0] == hashes[1]
