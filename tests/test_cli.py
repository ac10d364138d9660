"""The command line as a terminal sees it: exit codes, standard error, what a kill
leaves. Its chapter tests the rest in one process.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from shutil import copytree

import numpy as np
import pytest
from house import ROOT

EBM_NB = Path(sys.executable).with_name("ebm_nb")
SHORT = ["--data", "digits", "--epochs", "1", "--steps-per-epoch", "2"]
FILES = {
    "mnist_samples.png",
    "mnist_trajectory.png",
    "samples.png",
    "trajectory.png",
    "training.png",
    "trajectory.html",
}


def ebm_nb(folder, *words):
    """Run the command in folder, where it finds no MNIST; its exit code, standard
    output and standard error.
    """
    env = {**os.environ, "KERAS_HOME": f"{folder}.keras", "EBM_NB_DATA": ""}
    return subprocess.run(
        [EBM_NB, *map(str, words)], cwd=folder, env=env, text=True, capture_output=True
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    "A folder with a training of two batches in run/."
    folder = tmp_path_factory.mktemp("trained")
    done = ebm_nb(folder, "train", *SHORT, "--out", "run")
    assert (done.returncode, done.stderr) == (0, "")
    return folder


def test_help(tmp_path):
    done = ebm_nb(tmp_path, "--help")
    names = ("demo", "train", "sample", "score", "evaluate", "export")
    assert (
        done.returncode == 0
        and done.stderr == ""
        and all(name in done.stdout for name in names)
    )
    assert all("Example" in ebm_nb(tmp_path, name, "--help").stdout for name in names)


def test_version(tmp_path):
    assert ebm_nb(tmp_path, "--version").stdout.split() == [
        "ebm_nb",
        __import__("ebm_nb").__version__,
    ]


@pytest.mark.parametrize(
    "words",
    [
        ["trian"],
        ["train"],
        ["train", "--out", "x", "--recipe", "quick"],
        ["train", "--out", "x", "--epochs", "many"],
        ["train", "--out", "used"],
        ["train", "--out", "used", "--overwrite"],
        ["train", "--out", "used/file"],
        ["train", "--out", "x", "--resume", "--overwrite"],
        ["sample", "-n", "0"],
        ["sample", "--steps", "-1"],
        ["sample", "--out", "x.gif"],
        ["sample", "--out", "used/file/x.png"],
        ["evaluate", "-n", "10"],
        ["evaluate", "--data", "nowhere.npz"],
        ["evaluate", "--data", "digits", "--out", "used/file"],
        ["train", "--out", "x", "--network", "deep"],
        ["demo", "--out", "used/file"],
        ["demo", "--seed", "x"],
    ],
    ids=" ".join,
)
def test_refused_at_once(tmp_path, words):
    (tmp_path / "used").mkdir()
    (tmp_path / "used/file").write_text("mine")
    done = ebm_nb(tmp_path, *words)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("ebm_nb: ") and done.stderr.count("\n") == 1
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")] == [
        "used",
        "used/file",
    ]


@pytest.mark.skipif(
    os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere"
)
def test_folder_without_permission(tmp_path):
    tmp_path.chmod(0o500)
    for words in (
        ["train", *SHORT, "--out", "x"],
        ["sample", "--out", "x.png"],
        ["demo"],
    ):
        done = ebm_nb(tmp_path, *words)
        assert (
            done.returncode == 2
            and "Permission denied" in done.stderr
            and done.stderr.count("\n") == 1
        )


def test_train_leaves_what_the_contract_names(trained):
    names = {
        "energy.weights.h5",
        "config.json",
        "history.csv",
        "training.png",
        "checkpoints",
    }
    assert names <= {path.name for path in (trained / "run").iterdir()}
    assert json.loads((trained / "run/config.json").read_text())["command"].startswith(
        "ebm_nb train --data digits"
    )


def test_sample_is_the_same_in_two_processes(trained):
    for name in ("one.npy", "two.npy"):
        done = ebm_nb(
            trained, "sample", "--weights", "run", "-n", 2, "--steps", 5, "--out", name
        )
        assert done.returncode == 0 and not [
            line for line in done.stderr.split("\r") if line and "sampling" not in line
        ]
    assert (trained / "one.npy").read_bytes() == (trained / "two.npy").read_bytes()
    assert np.load(trained / "one.npy", allow_pickle=False).shape == (2, 32, 32, 1)


def cut(folder, words, file, number):
    """Run the command, send it a signal as soon as the file is there, and return its
    standard error.
    """
    process = subprocess.Popen(
        [EBM_NB, *map(str, words)],
        cwd=folder,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while process.poll() is None and not (folder / file).exists():
            time.sleep(0.02)
        time.sleep(0.1)
        process.send_signal(number)
        error = process.communicate(timeout=300)[1]
    finally:
        process.kill()
    assert process.returncode in (128 + number, -number)
    return error


def test_sample_goes_on(trained):
    """A sampling of three portions, stopped after one and killed after two: the result
    is the same to the byte.
    """
    words = ["sample", "--weights", "run", "-n", 1300, "--steps", 60, "--out"]
    said = cut(trained, [*words, "cut.npy"], "cut.npy.parts/00000.npy", signal.SIGINT)
    assert (
        said.endswith("are kept: add --resume to go on.\n")
        and not (trained / "cut.npy").exists()
    )
    assert "add --resume" in ebm_nb(trained, *words, "cut.npy").stderr
    cut(
        trained,
        [*words, "cut.npy", "--resume"],
        "cut.npy.parts/00001.npy",
        signal.SIGKILL,
    )
    assert (
        "another -n"
        in ebm_nb(trained, *words[:4], 1400, *words[5:], "cut.npy", "--resume").stderr
    )
    for name in (["cut.npy", "--resume"], ["whole.npy"]):
        assert ebm_nb(trained, *words, *name).returncode == 0
    assert (trained / "cut.npy").read_bytes() == (trained / "whole.npy").read_bytes()
    assert not [path for path in trained.iterdir() if "part" in path.name]


def test_auto_says_what_it_took(tmp_path):
    done = ebm_nb(tmp_path, "train", "--out", "run", "--batch-size", 5000)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    fell_back, refused = done.stderr.splitlines()
    assert (
        "embedded digits" in fell_back
        and "--batch-size" in refused
        and not (tmp_path / "run").exists()
    )


def listening(process):
    """Whether the process waits for signals: it has blocked SIGINT for all other
    threads.
    """
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(re.search(r"SigBlk:\s*(\w+)", status)[1], 16) >> (signal.SIGINT - 1) & 1


def loading(process):
    "Whether the process has mapped TensorFlow and is busy importing it."
    return "libtensorflow" in Path(f"/proc/{process.pid}/maps").read_text()


@pytest.mark.skipif(
    not Path("/proc/self/maps").exists(), reason="looks for the moments in /proc"
)
@pytest.mark.parametrize("moment", [listening, loading])
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)
def test_stopped_at_once(tmp_path, moment, number):
    "Ctrl-C and kill end with a word a command that has nothing to save yet."
    # a background job ignores it
    process = subprocess.Popen(
        [EBM_NB, "train", "--data", "digits", "--out", "run"],
        cwd=tmp_path,
        text=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    try:
        while process.poll() is None and not moment(process):
            time.sleep(0.01)
        process.send_signal(number)
        _, error = process.communicate(timeout=300)
    finally:
        process.kill()
    assert (process.returncode, error) == (128 + number, "ebm_nb: stopped.\n") and not (
        tmp_path / "run"
    ).exists()


# what is there by then
MOMENTS = {
    "before the first batch": "run/checkpoints",
    "in the second epoch": "run/history.csv",
}


@pytest.mark.parametrize("moment", MOMENTS)
@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)
def test_stopped_in_a_training(zygote, tmp_path, moment, number):
    "It finishes its step, saves, says so, and can be gone on with."
    words = [
        "train",
        "--data",
        "digits",
        "--batch-size",
        "16",
        "--steps-per-epoch",
        "3",
        "--epochs",
        "1000",
        "--out",
        "run",
    ]
    started = zygote.start(tmp_path, *words)
    while not (tmp_path / MOMENTS[moment]).exists():
        time.sleep(0.01)
    os.kill(started[0], number)
    done = zygote.wait(started)
    assert done.returncode == 128 + number
    assert re.fullmatch(
        r"ebm_nb: stopped after batch \d+, and saved\. Go on with --resume\.\n",
        done.stderr,
    )
    assert len(list((tmp_path / "run/checkpoints").glob("*.ckpt"))) in (1, 2)
    assert "add --resume" in zygote.run(tmp_path, *words).stderr


def test_demo_twice(trained, tmp_path):
    "Over what another demo left: its own files are replaced, others stay."
    copytree(trained / "run", tmp_path / "demo/training")
    for name in ("samples.png", "notes.txt"):
        (tmp_path / "demo" / name).write_text("old")
    done = ebm_nb(tmp_path, "demo", "--epochs", 1, "--steps-per-epoch", 2)
    assert done.returncode == 0, done.stderr
    assert FILES <= {path.name for path in (tmp_path / "demo").iterdir()} and all(
        name in done.stdout for name in FILES
    )
    assert (tmp_path / "demo/samples.png").read_bytes().startswith(b"\x89PNG")
    assert (
        tmp_path / "demo/notes.txt"
    ).read_text() == "old" and "EBM_NB_DATA" in done.stdout


def ship(*words):
    "Run tools/ship_weights.py."
    return subprocess.run(
        [sys.executable, ROOT / "tools/ship_weights.py", *map(str, words)],
        text=True,
        capture_output=True,
    )


def test_ship_weights(trained, tmp_path):
    """A finished training becomes a folder of shipped weights; an unfinished one leaves
    nothing.
    """
    done = ship(trained / "run", "digits", "--steps", 2, 5, "-n", 64, "--to", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {path.name for path in (tmp_path / "digits").iterdir()} == {
        "energy.weights.h5",
        "config.json",
        "history.csv",
        "report.json",
        "percentiles.json",
        "energies.json",
    }
    config, report = (
        json.loads((tmp_path / f"digits/{name}.json").read_text())
        for name in ("config", "report")
    )
    assert report["sha256"] == config["sha256"] and report["reports"].keys() == {
        "2",
        "5",
    }
    assert all(
        figure["real"] is not None
        for found in report["reports"].values()
        for figure in found["figures"].values()
    )
    copytree(trained / "run", tmp_path / "cut")
    (tmp_path / "cut/history.csv").write_text("epoch,seconds\n")
    done = ship(tmp_path / "cut", "mnist", "--to", tmp_path)
    assert (
        done.returncode == 2
        and "0 of 1 epochs" in done.stderr
        and not (tmp_path / "mnist").exists()
    )
