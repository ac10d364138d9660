"""A training that is killed again and again ends as one that was left alone, to the
last bit.
"""

import json
import os
import random
import signal
import time
from contextlib import suppress
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/stat").exists(), reason="looks for the moments in /proc"
)
WORDS = [
    "train",
    "--data",
    "digits",
    "--batch-size",
    "16",
    "--steps-per-epoch",
    "6",
    "--checkpoint-every",
    "2",
    "--out",
    "run",
    "--resume",
]


def ended(process):
    return (
        Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    )


def names(folder):
    return {str(path) for path in folder.rglob("*")}


def killed(zygote, folder, words, changes, pause):
    """Start a training and kill it after so many changes among its files and a pause in
    seconds; its exit code and what lay there.
    """
    before, started = names(folder), zygote.start(folder, *words)
    while changes and not ended(started[0]):
        time.sleep(0.003)
        now = names(folder)
        changes, before = changes - (now != before), now
    time.sleep(pause)
    with suppress(ProcessLookupError):
        os.kill(started[0], signal.SIGKILL)
    code = zygote.wait(started).returncode
    return code, sorted(
        str(path.relative_to(folder))
        for path in folder.rglob("*")
        if path.name[0] == "." and path.name != ".lock"
    )


def left(folder):
    """Every file of a training, and what is in it apart from the seconds it took and
    the hash over them.
    """
    files = {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }
    for name, data in files.items():
        if name.endswith("history.csv"):
            files[name] = [
                line.split(b",")[:1] + line.split(b",")[2:]
                for line in data.splitlines()
            ]
        if name.endswith(".ckpt"):
            head, _, body = data[:-32].partition(b"\n")
            progress = json.loads(head)["progress"]
            files[name] = (
                body,
                {
                    **progress,
                    "seconds": 0,
                    "history": [{**row, "seconds": 0} for row in progress["history"]],
                },
            )
    return files


@pytest.mark.parametrize(
    "kills, epochs", [(4, 3), pytest.param(20, 10, marks=pytest.mark.slow)]
)
def test_killed_at_any_moment(zygote, tmp_path, kills, epochs, seed=0):
    chance, words = random.Random(seed), [*WORDS, "--epochs", epochs]
    for name in ("straight", "broken"):
        (tmp_path / name).mkdir()
    assert zygote.run(tmp_path / "straight", *words).returncode == 0
    moments = [
        (0, chance.uniform(0, 2)),
        *((chance.randint(1, 6), chance.uniform(0, 0.1)) for _ in range(kills - 1)),
    ]
    lives = [killed(zygote, tmp_path / "broken", words, *moment) for moment in moments]
    print(*zip(moments, lives), sep="\n")
    assert [code for code, _ in lives] == [-signal.SIGKILL] * kills
    done = zygote.run(tmp_path / "broken", *words)
    assert (done.returncode, done.stderr) == (0, "")
    straight, broken = left(tmp_path / "straight"), left(tmp_path / "broken")
    assert [
        name for name in straight | broken if straight.get(name) != broken.get(name)
    ] == []
    assert len(straight["run/history.csv"]) == 1 + epochs


def drawn(zygote, folder, seed):
    "All files of a short training and of what is sampled from it."
    folder.mkdir()
    for words in (
        [
            "train",
            "--data",
            "digits",
            "--batch-size",
            16,
            "--steps-per-epoch",
            1,
            "--epochs",
            1,
            "--out",
            "run",
        ],
        [
            "sample",
            "--weights",
            "run",
            "-n",
            3,
            "--steps",
            20,
            "--out",
            "x.png",
            "--trajectory",
            "walk.html",
        ],
        ["sample", "--weights", "run", "-n", 3, "--steps", 20, "--out", "x.npy"],
    ):
        assert zygote.run(folder, *words, "--seed", seed).returncode == 0
    return left(folder)


def test_seed_decides(zygote, tmp_path):
    """Same seed, same bytes, in another process: weights, history, arrays, pictures and
    pages. Another seed, others.
    """
    one, again, other = (
        drawn(zygote, tmp_path / name, seed)
        for name, seed in (("one", 0), ("again", 0), ("other", 1))
    )
    assert [name for name in one | again if one.get(name) != again.get(name)] == []
    assert {name for name in one if one[name] == other[name]} == {"run/.lock"}
