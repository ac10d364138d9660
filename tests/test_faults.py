"""What goes wrong around a training: disks, folders, signals, a second training. One
sentence, exit code 2, and what was saved stays.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

SHORT = [
    "train",
    "--data",
    "digits",
    "--batch-size",
    "16",
    "--steps-per-epoch",
    "4",
    "--checkpoint-every",
    "1",
    "--out",
    "run",
]


def wait_for(pattern, folder, seconds=300):
    "The first file in folder that matches, as soon as there is one."
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if found := next(iter(folder.glob(pattern)), None):
            return found
        time.sleep(0.003)
    pytest.fail(f"no {pattern} in {seconds} s")


def checkpoints(folder):
    return sorted(path.name for path in (folder / "run/checkpoints").iterdir())


def refused(done, *words):
    assert (
        done.returncode == 2
        and done.stderr.startswith("ebm_nb: ")
        and done.stderr.count("\n") == 1
    ), done
    assert all(word in done.stderr for word in words), done.stderr


@pytest.fixture
def disk(tmp_path):
    """A disk of 50 MB, room for one checkpoint but not for two; its folder and a
    function that mounts it otherwise.
    """
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = lambda *words: subprocess.run(
        ["mount", *words, folder], capture_output=True, text=True
    )
    if (
        os.geteuid()
        or not shutil.which("mount")
        or mount("-t", "tmpfs", "-o", "size=50m", "tmpfs").returncode
    ):
        pytest.skip("only root can make a small disk, and not everywhere")
    yield folder, lambda options: mount("-o", f"remount,{options}").check_returncode()
    subprocess.run(["umount", "-l", folder], check=True)


def test_full_disk(zygote, disk):
    """The first checkpoint is kept, no half of the second; with more room the training
    goes on.
    """
    folder, remount = disk
    refused(
        zygote.run(folder, *SHORT, "--epochs", 1), "No space left on device", "resume"
    )
    assert checkpoints(folder) == ["batch-00000001.ckpt"]
    remount("size=200m")
    done = zygote.run(folder, *SHORT, "--epochs", 1, "--resume")
    assert (done.returncode, done.stderr) == (0, "") and checkpoints(folder) == [
        "batch-00000003.ckpt",
        "batch-00000004.ckpt",
    ]


def test_disk_full_of_weights(zygote, disk):
    """HDF5 does not survive a full disk, so there must be room before it writes: here
    for the grid of samples, not for the weights.
    """
    folder, _ = disk
    (folder / "filler").write_bytes(bytes(50 * 2**20 - 420_000))
    refused(
        zygote.run(
            folder, *SHORT[:5], "--steps-per-epoch", 1, "--epochs", 1, "--out", "run"
        ),
        "No space left on device",
    )


def test_read_only(zygote, disk):
    folder, remount = disk
    remount("ro")
    refused(zygote.run(folder, *SHORT), "Read-only file system")


@pytest.mark.skipif(
    sys.platform != "linux", reason="what makes root mind permissions is of Linux"
)
def test_no_permission(zygote, tmp_path):
    """A folder that may not be written, from the start or from the second checkpoint
    on; allowed again, the training goes on.
    """
    folder = tmp_path / "run"
    folder.mkdir(0o555)
    refused(zygote.run(tmp_path, *SHORT, obeys=True), "Permission denied")
    assert not list(folder.iterdir())
    folder.chmod(0o755)
    started = zygote.start(tmp_path, *SHORT, obeys=True)
    wait_for("run/checkpoints/*.ckpt", tmp_path)
    (folder / "checkpoints").chmod(0o555)
    refused(zygote.wait(started), "Permission denied", "resume")
    (folder / "checkpoints").chmod(0o755)
    done = zygote.run(tmp_path, *SHORT, "--epochs", 1, "--resume", obeys=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_folder_removed(zygote, tmp_path):
    started = zygote.start(tmp_path, *SHORT)
    wait_for("run/checkpoints/*.ckpt", tmp_path)
    (tmp_path / "run").rename(tmp_path / "gone")
    refused(zygote.wait(started), "No such file or directory")
    assert not (tmp_path / "run").exists()


def test_two_trainings(zygote, tmp_path):
    """The second is refused, whatever it asks for, until the first is gone, however it
    went.
    """
    first = zygote.start(tmp_path, *SHORT)
    wait_for("run/checkpoints/*.ckpt", tmp_path)
    for words in (["--resume"], ["--overwrite"]):
        refused(
            zygote.run(tmp_path, *SHORT, *words), "Another training is at work in run"
        )
    os.kill(first[0], signal.SIGKILL)
    assert zygote.wait(first).returncode == -signal.SIGKILL
    done = zygote.run(tmp_path, *SHORT, "--epochs", 1, "--resume")
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name
)
def test_stopped_while_it_saves(zygote, tmp_path, number):
    started = zygote.start(tmp_path, *SHORT)
    wait_for("run/checkpoints/.batch-*", tmp_path)
    os.kill(started[0], number)
    done = zygote.wait(started)
    assert done.returncode == 128 + number
    said = re.fullmatch(
        r"ebm_nb: stopped after batch (\d+), and saved\. Go on with --resume\.\n",
        done.stderr,
    )
    assert said and checkpoints(tmp_path)[-1] == f"batch-{int(said[1]):08d}.ckpt"


def spoil(path, how):
    data = path.read_bytes()
    path.write_bytes(
        data[: len(data) // 2]
        if how == "cut"
        else data[:100_000] + bytes([data[100_000] ^ 4]) + data[100_001:]
    )


def test_damaged_checkpoints(zygote, tmp_path):
    """The newest is spoilt: the one before it is used, in so many words. Both are:
    nothing begins anew over them.
    """
    words = [
        *SHORT[:5],
        "--steps-per-epoch",
        2,
        "--checkpoint-every",
        1,
        "--out",
        "run",
        "--epochs",
    ]
    assert zygote.run(tmp_path, *words, 1).returncode == 0
    old, new = (tmp_path / "run/checkpoints" / name for name in checkpoints(tmp_path))
    spoil(new, "flip")
    done = zygote.run(tmp_path, *words, 1, "--resume")
    assert (
        done.returncode == 0
        and done.stderr.count("\n") == 1
        and f"{new.name} can't be used" in done.stderr
    )
    for path, how in ((old, "cut"), (new, "flip")):
        spoil(path, how)
    done = zygote.run(tmp_path, *words, 2, "--resume")
    assert (
        done.returncode == 2
        and "will do" in done.stderr.splitlines()[-1]
        and done.stderr.count("\n") == 3
    )
    assert checkpoints(tmp_path) == [old.name, new.name]
    assert Path(tmp_path / "run/history.csv").read_text().count("\n") == 2
