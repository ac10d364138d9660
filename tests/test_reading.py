"""Chapters for readers without a kernel: nbconvert's HTML, and the site, in a browser
without a network.
"""

import subprocess
import sys

import pytest
from browser import ROOT, chromium, faults, free_port, opened, served, shot, until
from house import notebooks

pytestmark = pytest.mark.browser

NAMES = [path.stem for path in notebooks(ROOT)]
TOO_WIDE = """() => [...document.querySelectorAll("main *")]
    .filter(e => e.getBoundingClientRect().right > innerWidth + 1
        && getComputedStyle(e).position !== "absolute"
        && !e.closest("pre, .highlight, .formula, svg"))
    .map(e => e.outerHTML.slice(0, 150))"""
UNSEEN = """() => [...document.querySelectorAll("main img, main canvas")]
    .filter(e => !e.closest("details:not([open])")
        && (!e.getBoundingClientRect().height || e.naturalWidth === 0))
    .map(e => e.outerHTML.slice(0, 150))"""

UNTYPESET = """() => [...document.querySelectorAll("main math")]
    .filter(e => !e.closest("details:not([open])"))
    .filter(e => e.getBoundingClientRect().height <= 6
        || e.getBoundingClientRect().width <= 4)
    .map(e => e.textContent)"""


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def run(*command):
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    run("tools/reading.py", folder)
    return folder


def check_chapter(page):
    "Figures described and seen, mathematics typeset, no stale widget."
    silent = page.locator("main img").evaluate_all(
        "all => all.filter(e => e.alt.length < 8 || e.alt.startsWith('No description'))\
        .map(e => [e.alt, e.closest('.jp-Cell')?.innerText.slice(0, 100)])"
    )
    assert not silent, f"figures without a description: {silent}"
    assert not page.evaluate(UNSEEN)
    text = " ".join(page.locator("main .jp-OutputArea").all_inner_texts())
    assert (
        "model not found" not in text
        and "Loading widget" not in text
        and "<IPython" not in text
    )
    prose = " ".join(
        page.locator(
            ".jp-RenderedMarkdown p, .jp-RenderedMarkdown td, .jp-RenderedMarkdown li"
        ).all_inner_texts()
    )
    assert "$" not in prose and "\\\\" not in prose, "a formula was left as LaTeX"
    assert not (lost := page.evaluate(UNTYPESET)), f"formulas without a size: {lost}"


@pytest.mark.parametrize("name", NAMES)
def test_chapter_without_a_kernel(name, browser, pages):
    with opened(browser, (pages / f"{name}.html").as_uri(), width=1000) as page:
        check_chapter(page)
        shot(page, f"read-{name}", full_page=True)
        page.watch.check()
    with opened(
        browser, (pages / f"{name}.html").as_uri(), width=400, height=800
    ) as page:
        assert not (wide := page.evaluate(TOO_WIDE)), wide
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
            "no scrolling sideways but in code"
        )
        shot(page, f"read-{name}-narrow", full_page=True)
        page.watch.check()


def test_scrubber_lives_in_the_chapter(browser, pages):
    with opened(browser, (pages / "08_trajectory.html").as_uri()) as page:
        view = page.locator(".ebm-view").first
        view.get_by_label("Langevin step").first.fill("12")
        assert view.locator(".ebm-curve").get_attribute("aria-valuenow") == "12"
        assert not faults(page, ".ebm-scrubber")


# ---- the site ----


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    run("-m", "mkdocs", "build", "--strict", "--site-dir", folder)
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        "--directory",
        folder,
    ]
    with served(
        command, f"http://127.0.0.1:{port}/", folder.parent / "site.log"
    ) as url:
        yield url


def search(page, word):
    """How many answers there are. What is typed before the index has come is lost, so a
    reader types again.
    """
    page.locator(".md-search__input").fill("")
    page.locator(".md-search__input").press_sequentially(word)
    page.wait_for_timeout(2000)
    return page.locator(".md-search-result__item").count()


def test_site(browser, site):
    with opened(browser, f"{site}08_trajectory/", width=1300) as page:
        nav = page.locator(".md-sidebar--primary")
        for name in NAMES:
            assert (
                name in ("index", "08_trajectory")
                or nav.locator(f"a[href*='{name}/']").count()
            ), f"{name} is not in the navigation"
        view = page.locator(".ebm-view").first
        view.get_by_label("Langevin step").first.fill("12")
        assert view.locator(".ebm-curve").get_attribute("aria-valuenow") == "12"
        assert page.locator("math").count() > 3
        shot(page, "site-light")
        page.get_by_title("Switch to dark mode").click()
        until(
            lambda: page.locator("[data-md-color-scheme=slate]").count(), 5, "dark mode"
        )
        shot(page, "site-dark")
        until(lambda: search(page, "scrubber"), 120, "an answer of the search")
        shot(page, "site-search")
        page.goto(f"{site}api/langevin/")
        assert page.get_by_text("grad_clip").count()
        shot(page, "site-api", full_page=True)
        page.watch.check()
