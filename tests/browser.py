"""What the browser tests share: Chromium without a network, a JupyterLab of their own,
screenshots in test-output/.
"""

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path
from shutil import which
from urllib.parse import urlparse

import numpy as np
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import TimeoutError, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
TOKEN = "browser-tests"
SHOTS = ROOT / "test-output"
LOOPBACK = {"127.0.0.1", "localhost", "[::1]", ""}
MISSING = (
    "No Chromium was found. Install it with 'apt-get install chromium' (Debian, "
    "Ubuntu), "
    "or with '.venv/bin/playwright install --with-deps chromium' anywhere else."
)


def executable(playwright):
    "The path of a Chromium: the system's, or the one that Playwright has installed."
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    path = next(filter(None, map(which, names)), playwright.chromium.executable_path)
    if not Path(path).exists():
        pytest.fail(MISSING, pytrace=False)
    return path


@contextmanager
def chromium():
    "A headless Chromium that finds no host but this machine."
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=executable(playwright),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE "
                "localhost",
            ],
        )
        yield browser
        browser.close()


class Watch:
    "What a page complained about, and which hosts it asked for."

    def __init__(self, page):
        self.errors, self.outside = [], []
        page.on(
            "console",
            lambda message: (
                message.type == "error" and self.errors.append(message.text)
            ),
        )
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", self.asked)

    def asked(self, request):
        url = urlparse(request.url)
        if (
            url.scheme in ("http", "https", "ws", "wss")
            and url.hostname not in LOOPBACK
        ):
            self.outside.append(request.url)

    def check(self):
        assert not self.outside, f"the page asked the network for {self.outside}"
        assert not self.errors, f"the console shows {self.errors}"


@contextmanager
def opened(browser, url, width=900, height=900, **context):
    "A page at a URL, in a context of its own, with a Watch as `page.watch`."
    context = browser.new_context(
        viewport={"width": width, "height": height}, **context
    )
    context.set_default_timeout(120_000)  # a loaded machine is slow, not wrong
    page = context.new_page()
    page.watch = Watch(page)
    page.goto(url, wait_until="domcontentloaded")
    yield page
    context.close()


def shot(page, name, **options):
    "Keep a screenshot for those who look."
    SHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SHOTS / f"{name}.png", **options)


def faults(page, inside=None, rules=None):
    "Serious and critical faults that axe-core finds, one line each."
    found = Axe().run(page, context=inside, options=rules or {}).response["violations"]
    return [
        f"{fault['id']}: {fault['help']}: {node['html'][:200]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
        for node in fault["nodes"]
    ]


def pixels(canvas):
    "What a canvas shows, (H, W) in [-1, 1]."
    data, width = canvas.evaluate(
        """c => [Array.from(c.getContext('2d')
            .getImageData(0, 0, c.width, c.height).data), c.width]"""
    )
    return np.asarray(data, np.float32).reshape(-1, width, 4)[..., 0] / 127.5 - 1


def until(happens, seconds=60, what="what was waited for", every=0.05):
    "Poll until `happens()` is truthy and return it."
    end = time.monotonic() + seconds
    while not (value := happens()):
        assert time.monotonic() < end, f"{what} did not happen within {seconds} s"
        time.sleep(every)
    return value


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


@contextmanager
def served(command, url, log, **options):
    "A server that answers at url, for as long as the block lasts."
    with log.open("w") as out:
        process = subprocess.Popen(
            command, stdout=out, stderr=subprocess.STDOUT, **options
        )
    try:
        until(
            lambda: process.poll() is not None or answers(url),
            120,
            f"an answer from {url}",
        )
        assert process.poll() is None, log.read_text()
        yield url
    finally:
        process.terminate()
        try:
            process.wait(60)
        except subprocess.TimeoutExpired:
            process.kill()


def answers(url):
    try:
        return urllib.request.urlopen(url, timeout=2).status == 200
    except OSError:
        return False


@contextmanager
def jupyterlab(folder, theme="JupyterLab Light"):
    """A JupyterLab that serves a folder, with default settings but for those that a
    test needs.
    """
    settings, home = folder / ".settings", folder / ".home"
    for name, values in {
        "notebook-extension/tracker": {
            "windowingMode": "none"
        },  # every cell stays in the page
        "apputils-extension/themes": {"theme": theme},
        "apputils-extension/notification": {
            "fetchNews": "false",
            "checkForUpdates": False,
        },
    }.items():
        path = settings / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    port = free_port()
    env = os.environ | {
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTER_CONFIG_DIR": str(home),
        "JUPYTER_RUNTIME_DIR": str(home / "runtime"),
        "IPYTHONDIR": str(home / "ipython"),
        "PYTHONPATH": str(ROOT),
        "TF_CPP_MIN_LOG_LEVEL": "2",
    }
    command = [
        sys.executable,
        "-m",
        "jupyterlab",
        "--no-browser",
        f"--port={port}",
        "--ip=127.0.0.1",
        "--allow-root",
        f"--ServerApp.root_dir={folder}",
        f"--IdentityProvider.token={TOKEN}",
        "--ServerApp.password=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]
    with served(
        command,
        f"http://127.0.0.1:{port}/api/status?token={TOKEN}",
        folder / ".lab.log",
        cwd=folder,
        env=env,
    ):
        yield f"http://127.0.0.1:{port}"


def api(lab, path, method="GET"):
    return urllib.request.urlopen(
        urllib.request.Request(
            f"{lab}/api/{path}",
            method=method,
            headers={"Authorization": f"token {TOKEN}"},
        ),
        timeout=60,
    )


def cut(name, folder, upto=None, extra=()):
    """Copy a chapter into a folder, without outputs and slow cells, up to and with the
    first cell that contains `upto`.
    """
    nb = json.loads((ROOT / f"nbs/{name}.ipynb").read_text(encoding="utf-8"))
    cells = [cell for cell in nb["cells"] if "#| slow" not in "".join(cell["source"])]
    for i, cell in enumerate(cells):
        if cell["cell_type"] == "code":
            cell["outputs"] = []
            if upto and upto in "".join(cell["source"]):
                cells = cells[: i + 1]
                break
    cells += [
        {
            "cell_type": "code",
            "id": f"extra-{i}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": source,
        }
        for i, source in enumerate(extra)
    ]
    path = folder / f"{name}.ipynb"
    path.write_text(json.dumps(nb | {"cells": cells}), encoding="utf-8")
    return path


@contextmanager
def running(browser, lab, name, **options):
    """A chapter open in JupyterLab, with Run All Cells chosen; its kernel ends with the
    block.
    """
    try:
        with opened(
            browser, f"{lab}/doc/tree/{name}.ipynb?token={TOKEN}", **options
        ) as page:
            page.locator(".jp-Notebook .jp-CodeCell").first.wait_for()
            run_all(page)
            yield page
    finally:
        for kernel in json.load(api(lab, "kernels")):
            api(lab, f"kernels/{kernel['id']}", "DELETE")


def run_all(page):
    """Choose Run All Cells once the kernel is connected. JupyterLab may look ready too
    soon: then it drops the command or asks which
    kernel to start, so the question is answered and the command given again."""
    prompts = page.locator(".jp-CodeCell .jp-InputPrompt")
    page.locator(".jp-Toolbar-kernelName", has_text="Python 3").wait_for()
    page.locator("[data-status=idle]").first.wait_for()
    for _ in range(6):
        if (answer := page.locator("dialog.jp-Dialog button.jp-mod-accept")).count():
            answer.click()
        try:
            page.get_by_role("menuitem", name="Run", exact=True).click(timeout=20_000)
            page.get_by_text("Run All Cells", exact=True).click(timeout=20_000)
            return until(
                lambda: re.search(r"[*\d]", "".join(prompts.all_inner_texts())),
                20,
                "the start of the first cell",
            )
        except (AssertionError, TimeoutError) as error:
            never = error
    raise never


def finished(page):
    "Has every code cell run?  A cell that failed ends the wait with its traceback."
    failed = page.locator("[data-mime-type='application/vnd.jupyter.error']")
    assert not failed.count(), failed.first.inner_text()
    prompts = [
        text for text in page.locator(".jp-CodeCell .jp-InputPrompt").all_inner_texts()
    ]
    return (
        bool(prompts)
        and not any("*" in text for text in prompts)
        and "[ ]" not in prompts[-1]
        and prompts[-1].strip("[]: \n").isdigit()
    )
