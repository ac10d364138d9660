import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from chapters import RUNNING, SPINE, end, run_chapter
from house import ROOT, notebooks

CHAPTERS = [path for path in notebooks(ROOT) if path.stem != SPINE]


@pytest.fixture(scope="module")
def results(request):
    "The chosen chapters, two at a time; a test waits for its own."
    paths = [
        item.callspec.params["path"]
        for item in request.session.items
        if item.originalname == "test_chapter"
    ]
    pool = ThreadPoolExecutor(2)
    yield {path: pool.submit(run_chapter, path) for path in paths}
    pool.shutdown(wait=False, cancel_futures=True)
    for process in list(RUNNING):
        end(process)


@pytest.mark.parametrize("path", CHAPTERS, ids=lambda path: path.stem)
def test_chapter(path, results, record_property):
    passed, output, seconds = results[path].result()
    record_property("seconds", seconds)
    if not passed:
        pytest.fail(output, pytrace=False)


@pytest.mark.slow
@pytest.mark.parametrize("path", notebooks(ROOT), ids=lambda path: path.stem)
def test_figures_repeat(path):
    """In a new process each figure has the bytes that are stored: on the machine that
    stored them, or one that computes alike.
    """
    done = subprocess.run(
        [sys.executable, ROOT / "tools/notebooks.py", "--check", path.stem],
        text=True,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
