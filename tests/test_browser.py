"""The scrubber under a reader's hand: in a plain page, in JupyterLab, and each
chapter's laboratory.
"""

import re

import numpy as np
import pytest
from browser import (
    chromium,
    cut,
    faults,
    finished,
    jupyterlab,
    opened,
    pixels,
    running,
    shot,
    until,
)
from ebm_nb.frames import read, readout
from ebm_nb.scrubber import Scrubber
from house import ROOT, code_cells, notebooks

pytestmark = pytest.mark.browser

PLAYABLE = [
    path.stem
    for path in notebooks(ROOT)
    if any("interact(" in "".join(cell["source"]) for cell in code_cells(path))
]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def walk(seed=0, steps=121, chains=6):
    """A made-up trajectory: images that slowly turn from noise into blobs, with
    energies that fall.
    """
    rng = np.random.default_rng(seed)
    part = np.linspace(0, 1, steps)[:, None, None, None]
    blob = np.hanning(32)[:, None] * np.hanning(32) * 2 - 1
    x = (1 - part) * rng.uniform(-1, 1, (1, chains, 32, 32)) + part * np.roll(
        blob, 8 * seed, 0
    )
    energy = 40 * np.exp(-5 * part[..., 0, 0]) + rng.normal(0, 0.3, (steps, chains))
    return x.astype(np.float32), energy.astype(np.float32)


# ---- a plain page ----


@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    "A page with two equal scrubbers and a different one."
    same, other = (
        Scrubber(*walk(), frames=60),
        Scrubber(*walk(seed=1, chains=3), frames=30, spacing="log"),
    )
    path = tmp_path_factory.mktemp("page") / "three.html"
    same.save(path)
    path.write_text(
        path.read_text().replace("</main>", f"{same.static()}{other.static()}</main>")
    )
    return path


@pytest.fixture
def page(browser, page_file, request):
    with opened(browser, page_file.as_uri(), **getattr(request, "param", {})) as page:
        page.locator(".ebm-view").nth(2).wait_for()
        yield page
        page.watch.check()


def parts(page, i=0):
    view = page.locator(".ebm-view").nth(i)
    return (
        view,
        view.get_by_role("slider", name="Langevin step").first,
        view.locator(".ebm-curve"),
    )


def frame(page, i=0):
    return int(parts(page, i)[2].get_attribute("aria-valuenow"))


def test_plain_page_shows_the_frames(page):
    frames = read(*walk(), frames=60)
    view, slider, curve = parts(page)
    for index in (0, 17, 59):
        slider.fill(str(index))
        assert frame(page) == index
        assert (
            np.abs(pixels(view.locator("canvas").nth(4)) - frames.x[index, 4]).mean()
            < 0.12
        )
        assert (
            curve.get_attribute("aria-valuetext")
            == slider.get_attribute("aria-valuetext")
            == readout(frames, index)
        )
        assert readout(frames, index) in view.get_by_role("img").get_attribute(
            "aria-label"
        )
        assert (
            view.locator(".ebm-readout").inner_text().startswith(readout(frames, index))
        )
    assert frame(page, 1) == frame(page, 2) == 0, (
        "the other scrubbers stay where they are"
    )
    shot(page, "page", full_page=True)


def test_plain_page_keys(page):
    view, _, curve = parts(page)
    curve.focus()
    for key, index in [
        ("ArrowRight", 1),
        ("ArrowRight", 2),
        ("ArrowLeft", 1),
        ("PageUp", 7),
        ("PageDown", 1),
        ("End", 59),
        ("Home", 0),
        ("ArrowLeft", 0),
    ]:
        page.keyboard.press(key)
        assert frame(page) == index, key
    page.keyboard.press("ArrowDown")
    assert "chain 1: energy" in view.locator(".ebm-readout").inner_text()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert "chain 5: energy" in view.locator(".ebm-readout").inner_text()
    page.keyboard.press(" ")
    until(lambda: frame(page) > 3)
    page.keyboard.press(" ")
    stopped = frame(page)
    page.wait_for_timeout(300)
    assert frame(page) == stopped and curve.evaluate(
        "e => e === document.activeElement"
    )


def test_plain_page_plays(browser, page_file):
    """The page's clock stands still but for what the test lets pass: 80 ms a frame at 1
    x.
    """
    with opened(browser, page_file.as_uri()) as page:
        page.clock.install(time=0)
        page.reload()
        page.locator(".ebm-view").nth(2).wait_for()
        page.clock.pause_at(3_600_000)
        view, slider, _ = parts(page)
        page.clock.run_for(5000)
        assert frame(page) == 0, "nothing plays by itself"
        play = lambda: view.get_by_role("button", name="Play").click()
        pause = lambda: view.get_by_role("button", name="Pause").click()
        for speed, frames in [("1 x", 10), ("0.5 x", 5), ("2 x", 20), ("4 x", 40)]:
            view.get_by_label("Speed").select_option(speed)
            view.get_by_role("button", name="Back to the start").click()
            assert frame(page) == 0
            play()
            page.clock.run_for(810)
            pause()
            assert frame(page) == frames, speed
            page.clock.run_for(1000)
            assert frame(page) == frames, "a pause"
        slider.fill("57")
        play()
        page.clock.run_for(1000)
        assert frame(page) == 59 and view.get_by_role("button", name="Play").count(), (
            "the stop at the end"
        )
        play()
        page.clock.run_for(190)
        assert frame(page) == 9, "played again from the start"
        view.get_by_role("button", name="Loop").click()
        page.clock.run_for(20 * 60)
        assert frame(page) == 9, "once round"
        page.watch.check()


def test_plain_page_seeks_and_drags(page):
    view, slider, curve = parts(page)
    box = curve.bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 20)
    assert abs(frame(page) - 29.5) <= 1
    box = slider.bounding_box()
    seen = set()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    for part in np.linspace(0.5, 1, 20):
        page.mouse.move(box["x"] + part * box["width"], box["y"] + box["height"] / 2)
        seen.add(frame(page))
    page.mouse.up()
    assert frame(page) == 59 and len(seen) >= 15, "the picture follows the hand"
    box = curve.bounding_box()
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] / 4, box["y"] + 20)
    page.mouse.up()
    assert abs(frame(page) - 14.75) <= 1, "the curve can be dragged, too"
    view.locator("canvas").nth(2).hover()
    assert "chain 2: energy" in view.locator(".ebm-readout").inner_text()


@pytest.mark.parametrize(
    "page",
    [{}, {"color_scheme": "dark"}, {"width": 400}],
    ids=["light", "dark", "narrow"],
    indirect=True,
)
def test_plain_page_is_accessible(page, request):
    parts(page)[1].fill("30")
    assert not faults(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), (
        "no scrolling sideways"
    )
    shot(page, f"page-{request.node.callspec.id}", full_page=True)


@pytest.mark.parametrize("width", [1280, 390])
def test_plain_page_is_for_reading(browser, tmp_path, width):
    """A heading, the whole width, and energies that can be told apart after the fall
    of a walk from noise.
    """
    x, _ = walk()
    steps, rng = np.arange(len(x))[:, None], np.random.default_rng(0)
    energy = 30 * np.exp(-steps) + rng.normal(0, 0.05, (len(x), 6))
    path = Scrubber(x, energy.astype(np.float32)).save(tmp_path / "walk.html")
    with opened(browser, path.as_uri(), width=width) as page:
        page.locator(".ebm-view").wait_for()
        assert page.get_by_role("heading", level=1).inner_text().startswith("6 chains")
        assert page.locator(".ebm-view").bounding_box()["width"] > 0.85 * width
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        spans = page.locator(".ebm-plot").evaluate_all("""all => all.map(plot =>
            [...plot.querySelectorAll("path")].map(path => {
                const y = path.getAttribute("d").slice(1).split("L")
                    .map(point => Number(point.split(",")[1])).slice(12);
                return Math.max(...y) - Math.min(...y);
            }))""")
        assert len(spans) == 2 and max(spans[0]) < 2, "the fall leaves no room"
        assert min(spans[1]) > 30, "in percent of the height of the second plot"
        slider, dots = page.get_by_label("Langevin step").first, page.locator(".dot")
        assert dots.evaluate_all("all => all.map(e => e.hidden)") == [False, True]
        slider.fill("60")
        assert dots.evaluate_all("all => all.map(e => e.hidden)") == [False, False]
        lines = page.locator(".cursor").evaluate_all(
            "all => all.map(e => e.style.left)"
        )
        assert lines[0] == lines[1] == "50.4202%"
        shot(page, f"page-of-a-walk-{width}", full_page=True)
        page.watch.check()


def test_plain_page_without_scripts(browser, page_file):
    with opened(browser, page_file.as_uri(), java_script_enabled=False) as page:
        assert (
            page.locator("figure img").count() == 3
            and page.locator("figcaption").count() == 3
        )
        assert "First: step 0 of 120" in page.locator("figure img").first.get_attribute(
            "alt"
        )
        shot(page, "page-without-scripts", full_page=True)


# ---- JupyterLab ----

WATCH = """
from pathlib import Path
said = Path("said.txt").open("a", buffering=1)
def listen(change):
    print(change.name, change.new, file=said)
    if change.name == "chain" and change.new == 4:
        scrubber.index = 33
scrubber.observe(listen, ["index", "chain", "playing"])
"""
BUSY = """
import time
Path("busy").touch()
while not Path("go").exists():
    time.sleep(0.1)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    book = tmp_path_factory.mktemp("book")
    # chapters read what was measured from ../benchmarks
    (book / "benchmarks").symlink_to(ROOT / "benchmarks")
    (book / "nbs").mkdir()
    return book / "nbs"


@pytest.fixture(scope="module")
def lab(folder):
    with jupyterlab(folder) as url:
        yield url


class Box:
    "The first scrubber of the chapter, with ipywidgets' controls."

    def __init__(self, page):
        self.page, self.all = page, page.locator(".ebm-scrubber-box").first
        self.curve, self.handle = (
            self.all.locator(".ebm-curve"),
            self.all.locator(".noUi-handle"),
        )
        self.readout, self.canvas = (
            self.all.locator(".ebm-readout"),
            self.all.locator("canvas").first,
        )

    def frame(self):
        return int(self.curve.get_attribute("aria-valuenow"))

    def drag(self):
        """Drag the slider from end to end; at each of 21 places frame and picture have
        followed the hand.
        """
        track, pictures = self.all.locator(".noUi-base").bounding_box(), set()
        at = track["y"] + track["height"] / 2
        self.page.keyboard.press("Home")
        handle = self.handle.bounding_box()
        self.page.mouse.move(
            handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2
        )
        self.page.mouse.down()
        for part in np.linspace(0, 1, 21):
            self.page.mouse.move(track["x"] + part * track["width"], at)
            until(
                lambda: abs(self.frame() - 119 * part) <= 3,
                what=f"frame {119 * part:.0f} under the hand",
            )
            pictures.add(self.canvas.evaluate("c => c.toDataURL()"))
        self.page.mouse.up()
        assert len(pictures) == 21 and self.frame() == 119


def move_everything(box, page):
    "What a reader's hand can do; the same whether the kernel is busy or not."
    box.all.scroll_into_view_if_needed()
    box.curve.focus()
    box.drag()
    box.curve.focus()
    for key, index in [
        ("Home", 0),
        ("ArrowRight", 1),
        ("PageUp", 13),
        ("ArrowLeft", 12),
        ("End", 119),
        ("PageDown", 107),
    ]:
        page.keyboard.press(key)
        assert box.frame() == index, key
    assert box.curve.evaluate("e => e === document.activeElement"), (
        "JupyterLab took the focus"
    )
    area = box.curve.bounding_box()
    page.mouse.click(area["x"] + area["width"] / 4, area["y"] + 30)
    assert abs(box.frame() - 30) <= 1
    until(
        lambda: (
            abs(float(box.handle.get_attribute("aria-valuenow")) - box.frame()) < 0.5
        ),
        what="the slider's move to the curve's frame",
    )
    start = box.frame()
    box.all.get_by_role("button", name="Play or pause").click()
    until(lambda: box.frame() >= start + 5, what="play")
    box.all.get_by_role("button", name="Play or pause").click()
    page.wait_for_timeout(200)
    stopped = box.frame()
    page.wait_for_timeout(400)
    assert box.frame() == stopped, "a pause"
    box.all.get_by_role("button", name="Back to the start").click()
    until(lambda: box.frame() == 0, what="the way back to the start")
    box.all.locator("canvas").nth(3).hover()
    assert "chain 3: energy" in box.readout.inner_text()


def looks(page, box, theme):
    """Keep pictures of the scrubber in this theme, wide and at 400 px; no serious
    fault, nothing cut off.
    """
    for width in (1200, 400):
        box.all.evaluate("(e, width) => { e.style.maxWidth = `${width}px`; }", width)
        box.all.scroll_into_view_if_needed()
        assert not (found := faults(page, ".ebm-scrubber-box")), found
        assert box.all.evaluate("e => e.scrollWidth <= e.clientWidth + 1"), (
            f"cut off at {width} px"
        )
        shot(page, f"lab-08-{theme}-{width}")
    box.all.evaluate("e => { e.style.maxWidth = ''; }")


def test_chapter_8_in_jupyterlab(browser, folder, lab):
    cut("08_trajectory", folder, extra=[WATCH, BUSY, "print('done')"])
    with running(browser, lab, "08_trajectory", width=1200, height=1000) as page:
        until(
            lambda: (folder / "busy").exists() or finished(page),
            900,
            "the run of all cells",
            every=1,
        )
        box = Box(page)
        box.all.locator("canvas").first.wait_for()
        page.wait_for_timeout(1500)
        move_everything(box, page)
        assert not (folder / "said.txt").read_text(), (
            "the kernel was not busy after all"
        )
        (folder / "go").touch()
        until(lambda: finished(page), 300, "the end of the run")
        until(
            lambda: re.search(
                r"index \d+.*chain 3", (folder / "said.txt").read_text(), re.S
            ),
            60,
            "news from the browser",
        )

        move_everything(box, page)
        until(
            lambda: "playing True" in (folder / "said.txt").read_text(),
            30,
            "news that it plays",
        )
        box.all.locator("canvas").nth(4).hover()  # Python answers with index 33
        until(lambda: box.frame() == 33, what="a move from Python")
        looks(page, box, "light")
        twin = page.locator("figure.ebm-scrubber .ebm-view").first
        twin.get_by_label("Langevin step").first.fill("20")
        assert twin.locator(".ebm-curve").get_attribute("aria-valuenow") == "20", (
            "the static twin lives in an output, too"
        )
        page.get_by_role("menuitem", name="Settings", exact=True).click()
        page.get_by_text("Theme", exact=True).first.hover()
        page.get_by_text("JupyterLab Dark", exact=True).click()
        page.locator("body[data-jp-theme-light=false]").wait_for(state="attached")
        looks(page, box, "dark")
        assert not page.watch.outside


@pytest.mark.parametrize("name", PLAYABLE)
def test_laboratory(name, browser, folder, lab):
    """Move the first slider of the chapter's laboratory by one step: the output under
    it changes.
    """
    cut(name, folder, upto="interact(")
    with running(browser, lab, name, width=1200) as page:
        box = page.locator(".widget-interact").last
        until(lambda: box.count() or finished(page), 900, "the laboratory", every=1)
        picture = box.locator(".jp-OutputArea-output").last
        picture.wait_for()
        until(lambda: finished(page), 300, "the end of the run")
        look = lambda: box.locator(".jp-OutputArea").last.evaluate(
            "e => [e.innerText, ...[...e.querySelectorAll('img')].map(i => "
            "i.src)].join()"
        )
        before = look()
        box.scroll_into_view_if_needed()
        box.locator(".noUi-handle").first.focus()
        page.keyboard.press("ArrowRight")
        until(lambda: look() != before, 120, "a new picture")
        page.wait_for_timeout(500)
        assert not box.locator(
            "[data-mime-type='application/vnd.jupyter.stderr'], "
            ".jp-RenderedText[data-mime-type*=error]"
        ).count()
        shot(page, f"lab-{name}")
        assert not page.watch.outside
