"""Chapters for readers without a kernel: nbconvert's HTML, and the site, in a browser
without a network.
"""

import gzip
import re
import subprocess
import sys
from html.parser import HTMLParser

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

CUT = """() => [...document.querySelectorAll("main pre, main pre > code")]
    .filter(e => e.scrollWidth > e.clientWidth + 1)
    .filter(e => innerWidth > 600 || !(e.style.getPropertyValue("--columns") > 88))
    .map(e => e.innerText.slice(0, 150))"""
SEEN = """() => Promise.all([...document.images].map(image => {
    image.loading = "eager";
    return image.decode();
}))"""


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    run("-m", "mkdocs", "build", "--strict", "--site-dir", folder)
    return folder


@pytest.fixture(scope="module")
def site(built):
    port = free_port()
    command = [
        sys.executable,
        "-m",
        "http.server",
        str(port),
        "--bind",
        "127.0.0.1",
        "--directory",
        built,
    ]
    with served(command, f"http://127.0.0.1:{port}/", built.parent / "site.log") as url:
        yield url


class Places(HTMLParser):
    "The addresses that a page names, those of its pictures, and its own places."

    def __init__(self, path):
        super().__init__()
        self.path, self.links, self.pictures, self.ids = path, [], [], set()
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.ids |= {found.get("id"), found.get("name")}
        address = found.get("href") or found.get("src") or ""
        if address and not re.match("[a-z]+:", address):
            self.links.append(address)
            self.pictures += [self.file(address)] if tag == "img" else []

    def file(self, address):
        target = (self.path.parent / address.partition("#")[0]).resolve()
        target = self.path if address.startswith("#") else target
        return target / "index.html" if target.is_dir() else target


def test_links_of_the_site(built):
    "Every link within the site leads to a page, and to a place on it."
    pages = {path.resolve(): Places(path) for path in built.rglob("index.html")}
    dead = {
        (str(path.relative_to(built)), address)
        for path, page in pages.items()
        for address in page.links
        for target, place in [(page.file(address), address.partition("#")[2])]
        if not target.exists()
        or (place and not place.startswith("__") and place not in pages[target].ids)
    }
    assert not dead, sorted(dead)


@pytest.mark.parametrize("name", NAMES)
def test_weight_of_a_page(name, built):
    """One stylesheet for all: a page carries none but a scrubber's. It has at most
    300 KB, and its pictures, which come when they are looked at, 400 KB.
    """
    path = built / ("" if name == "index" else name) / "index.html"
    text, page = path.read_text(encoding="utf-8"), Places(path)
    assert text.count("<style") == text.count('<figure class="ebm-scrubber"><style')
    assert len(gzip.compress(text.encode())) < 300_000
    assert not re.search('src="data:image/(png|gif)', text)
    still = [path for path in page.pictures if path.suffix != ".gif"]
    assert sum(path.stat().st_size for path in still) < 400_000


@pytest.mark.parametrize("name", NAMES)
def test_chapter_of_the_site(name, browser, site):
    """One heading; nothing is cut at 1280 and 390 pixels but printed tables of over 88
    columns on the narrow page, which scroll; pictures are there.
    """
    url = site if name == "index" else f"{site}{name}/"
    for width, scheme in [(1280, "light"), (390, "dark")]:
        with opened(browser, url, width=width, color_scheme=scheme) as page:
            page.evaluate(SEEN)
            assert page.get_by_role("main").get_by_role("heading", level=1).count() == 1
            assert not (cut := page.evaluate(CUT)), f"{width} pixels cut {cut}"
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert not page.evaluate(UNSEEN)
            shot(page, f"site-{name}-{width}", full_page=True)
            page.watch.check()


def test_index_of_the_site(browser, site):
    "A film and three sentences come first; no cell is shown that makes a table."
    with opened(browser, site, width=1280) as page:
        page.evaluate(SEEN)
        inside = page.locator(".jp-Cell .jp-Cell, .jp-MarkdownCell")
        first, second, third = (inside.nth(i) for i in range(3))
        assert first.inner_text().strip("¶\n ") == "ebm_nb"
        film = second.locator("img")
        assert film.get_attribute("src").endswith(".gif") and "film" in (
            film.get_attribute("alt")
        )
        assert not second.locator("pre").count()
        assert len(re.findall(r"[.](?=\s|$)", third.locator("p").inner_text())) == 3
        code = " ".join(page.locator(".highlight").all_inner_texts())
        assert "load_pretrained" in code and "Markdown(" not in code
        page.watch.check()


def search(page, word):
    """How many answers there are. What is typed before the index has come is lost, so a
    reader types again.
    """
    page.locator(".md-search__input").fill("")
    page.locator(".md-search__input").press_sequentially(word)
    page.wait_for_timeout(2000)
    return page.locator(".md-search-result__item").count()


def test_navigation_of_the_site(browser, site):
    "Each chapter has one entry, which begins with its number."
    with opened(browser, f"{site}08_trajectory/", width=1300) as page:
        entries = page.locator(".md-sidebar--primary a.md-nav__link").evaluate_all(
            "all => all.map(e => [new URL(e.href).pathname.split('/').at(-2), "
            "e.textContent.trim(), e.hash])"
        )
        for name in NAMES:
            words = [
                text for page_, text, place in entries if page_ == name and not place
            ]
            assert name == "index" or (
                len(words) == 1 and words[0].startswith(f"{name[:2]} ")
            ), f"{name} has the entries {words}"
        home = [text for page_, text, _ in entries if page_ == ""]
        assert home == ["Overview"]


def test_site(browser, site):
    with opened(browser, f"{site}08_trajectory/", width=1300) as page:
        view = page.locator(".ebm-view").first
        view.get_by_label("Langevin step").first.fill("12")
        assert view.locator(".ebm-curve").get_attribute("aria-valuenow") == "12"
        assert page.locator("math").count() > 3
        assert not faults(page, "main")
        shot(page, "site-light")
        page.get_by_title("Switch to dark mode").click()
        until(
            lambda: page.locator("[data-md-color-scheme=slate]").count(), 5, "dark mode"
        )
        assert not faults(page, "main")
        shot(page, "site-dark")
        until(lambda: search(page, "scrubber"), 120, "an answer of the search")
        shot(page, "site-search")
        page.goto(f"{site}api/langevin/")
        assert page.get_by_text("grad_clip").count()
        shot(page, "site-api", full_page=True)
        page.watch.check()


def test_playground_of_the_site(browser, site):
    "It is the second entry, dreams by itself, and its button on the first page works."
    with opened(browser, site, width=1280) as page:
        entries = page.locator(".md-nav--primary > .md-nav__list > li > a")
        assert entries.nth(1).inner_text().strip() == "Playground"
        page.get_by_role("button", name="Watch the noise become digits").click()
        curve = page.locator("#ebm-hero .ebm-curve")
        until(lambda: curve.get_attribute("aria-valuenow") == "60", what="step 60")
        shot(page, "site-hero")
        entries.nth(1).click()
        page.wait_for_selector("#ebm-play .ebm-curve")
        shot(page, "site-playground")
        page.watch.check()
