"""Run a chapter's cells under nbdev_test in a process of its own, with a time limit."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

# seconds for one chapter; they aim at less than 60
LIMIT = float(os.environ.get("EBM_NB_TIME_LIMIT", 300))
RUNNING = set()
SPINE = "00_from_scratch"  # run and judged by test_spine.py


def run_chapter(path, limit=LIMIT):
    """(passed, output, seconds); at the limit the chapter and all it has started are
    ended.
    """
    start = time.monotonic()
    command = [Path(sys.executable).parent / "nbdev_test", "--path", path]
    process = subprocess.Popen(
        command,
        cwd=path.parent.parent,
        text=True,
        start_new_session=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    RUNNING.add(process)
    try:
        output = process.communicate(timeout=limit)[0]
    except subprocess.TimeoutExpired:
        end(process)
        process.communicate()
        output = (
            f"{path.name} was stopped: it ran longer than its limit of {limit:g} s."
        )
    RUNNING.discard(process)
    return process.returncode == 0, output, time.monotonic() - start


def end(process):
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
