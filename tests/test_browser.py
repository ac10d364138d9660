"""The scrubber under a reader's hand: in a plain page, in JupyterLab, and each chapter's laboratory."""
import re

import numpy as np
import pytest
from browser import chromium, cut, faults, finished, jupyterlab, opened, pixels, running, shot, until
from ebm_nb.trajectory import Scrubber, read, readout
from house import ROOT, code_cells, notebooks

pytestmark = pytest.mark.browser

PLAYABLE = [path.stem for path in notebooks(ROOT) if any("interact(" in "".join(cell["source"]) for cell in code_cells(path))]


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


def walk(seed=0, steps=121, chains=6):
    "A made-up trajectory: images that slowly turn from noise into blobs, with energies that fall."
    rng = np.random.default_rng(seed)
    part = np.linspace(0, 1, steps)[:, None, None, None]
    blob = np.hanning(32)[:, None] * np.hanning(32) * 2 - 1
    x = (1 - part) * rng.uniform(-1, 1, (1, chains, 32, 32)) + part * np.roll(blob, 8 * seed, 0)
    energy = 40 * np.exp(-5 * part[..., 0, 0]) + rng.normal(0, 0.3, (steps, chains))
    return x.astype(np.float32), energy.astype(np.float32)


# ---- a plain page ----

@pytest.fixture(scope="module")
def page_file(tmp_path_factory):
    "A page with two equal scrubbers and a different one."
    same, other = Scrubber(*walk(), frames=60), Scrubber(*walk(seed=1, chains=3), frames=30, spacing="log")
    path = tmp_path_factory.mktemp("page") / "three.html"
    same.save(path)
    path.write_text(path.read_text().replace("</main>", f"{same.static()}{other.static()}</main>"))
    return path


@pytest.fixture
def page(browser, page_file, request):
    with opened(browser, page_file.as_uri(), **getattr(request, "param", {})) as page:
        page.locator(".ebm-view").nth(2).wait_for()
        yield page
        page.watch.check()


def parts(page, i=0):
    view = page.locator(".ebm-view").nth(i)
    return view, view.get_by_role("slider", name="Langevin step").first, view.locator(".ebm-curve")


def frame(page, i=0):
    return int(parts(page, i)[2].get_attribute("aria-valuenow"))


def rate(view):
    "Frames a second while it plays, by the page's own clock."
    return view.locator(".ebm-curve").evaluate("""curve => new Promise(done => {
        const times = [];
        const watch = new MutationObserver(() => {
            if (times.push(performance.now()) < 11) return;
            watch.disconnect();
            done(10_000 / (times[10] - times[0]));
        });
        watch.observe(curve, {attributeFilter: ["aria-valuetext"]});
    })""")


def test_plain_page_shows_the_frames(page):
    frames = read(*walk(), frames=60)
    view, slider, curve = parts(page)
    for index in (0, 17, 59):
        slider.fill(str(index))
        assert frame(page) == index
        assert np.abs(pixels(view.locator("canvas").nth(4)) - frames.x[index, 4]).mean() < 0.12
        assert curve.get_attribute("aria-valuetext") == slider.get_attribute("aria-valuetext") == readout(frames, index)
        assert readout(frames, index) in view.get_by_role("img").get_attribute("aria-label")
        assert view.locator(".ebm-readout").inner_text().startswith(readout(frames, index))
    assert frame(page, 1) == frame(page, 2) == 0, "the other scrubbers stay where they are"
    shot(page, "page", full_page=True)


def test_plain_page_keys(page):
    view, _, curve = parts(page)
    curve.focus()
    for key, index in [("ArrowRight", 1), ("ArrowRight", 2), ("ArrowLeft", 1), ("PageUp", 7), ("PageDown", 1), ("End", 59), ("Home", 0),
                       ("ArrowLeft", 0)]:
        page.keyboard.press(key)
        assert frame(page) == index, key
    page.keyboard.press("ArrowDown")
    assert "chain 1: energy" in view.locator(".ebm-readout").inner_text()
    page.keyboard.press("ArrowUp")
    page.keyboard.press("ArrowUp")
    assert "chain 5: energy" in view.locator(".ebm-readout").inner_text()
    page.keyboard.press(" ")
    until(lambda: frame(page) > 3, 5)
    page.keyboard.press(" ")
    stopped = frame(page)
    page.wait_for_timeout(300)
    assert frame(page) == stopped and curve.evaluate("e => e === document.activeElement")


def test_plain_page_plays(page):
    view, slider, _ = parts(page)
    play, loop = view.get_by_role("button", name="Play"), view.get_by_role("button", name="Loop")
    page.wait_for_timeout(300)
    assert frame(page) == 0, "nothing plays by itself"
    play.click()
    once = rate(view)
    view.get_by_role("button", name="Pause").click()
    assert 5 < once < 13  # 12 a second on an idle machine
    view.get_by_role("button", name="Back to the start").click()
    assert frame(page) == 0
    view.get_by_label("Speed").select_option("4 x")
    play.click()
    assert rate(view) > 1.5 * once
    view.get_by_role("button", name="Pause").click()
    slider.fill("57")
    play.click()
    until(lambda: view.get_by_role("button", name="Play").count() and frame(page) == 59, 5, "the stop at the end")
    loop.click()
    play.click()
    until(lambda: frame(page) > 50, 10)
    until(lambda: 0 < frame(page) < 40, 10, "the way round")


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
    view.locator("canvas").nth(2).hover()
    assert "chain 2: energy" in view.locator(".ebm-readout").inner_text()


@pytest.mark.parametrize("page", [{}, {"color_scheme": "dark"}, {"width": 400}], ids=["light", "dark", "narrow"], indirect=True)
def test_plain_page_is_accessible(page, request):
    parts(page)[1].fill("30")
    assert not faults(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "no scrolling sideways"
    shot(page, f"page-{request.node.callspec.id}", full_page=True)


def test_plain_page_without_scripts(browser, page_file):
    with opened(browser, page_file.as_uri(), java_script_enabled=False) as page:
        assert page.locator("figure img").count() == 3 and page.locator("figcaption").count() == 3
        assert "First: step 0 of 120" in page.locator("figure img").first.get_attribute("alt")
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
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="module")
def lab(folder):
    with jupyterlab(folder) as url:
        yield url


class Box:
    "The first scrubber of the chapter, with ipywidgets' controls."

    def __init__(self, page):
        self.page, self.all = page, page.locator(".ebm-scrubber-box").first
        self.curve, self.handle = self.all.locator(".ebm-curve"), self.all.locator(".noUi-handle")
        self.readout, self.canvas = self.all.locator(".ebm-readout"), self.all.locator("canvas").first

    def frame(self):
        return int(self.curve.get_attribute("aria-valuenow"))

    def drag(self):
        "Drag the slider from end to end: the frames seen on the way, and whether the picture changed with each."
        track, seen, pictures = self.all.locator(".noUi-base").bounding_box(), set(), set()
        at = track["y"] + track["height"] / 2
        self.page.keyboard.press("Home")
        handle = self.handle.bounding_box()
        self.page.mouse.move(handle["x"] + handle["width"] / 2, handle["y"] + handle["height"] / 2)
        self.page.mouse.down()
        for part in np.linspace(0, 1, 21):
            self.page.mouse.move(track["x"] + part * track["width"], at)
            seen.add(self.frame())
            pictures.add(self.canvas.evaluate("c => c.toDataURL()"))
        self.page.mouse.up()
        return seen, pictures


def move_everything(box, page):
    "What a reader's hand can do; the same whether the kernel is busy or not."
    box.all.scroll_into_view_if_needed()
    box.curve.focus()
    seen, pictures = box.drag()
    assert len(seen) >= 18 and len(pictures) >= 18 and box.frame() == 119, "the picture follows the hand"
    box.curve.focus()
    for key, index in [("Home", 0), ("ArrowRight", 1), ("PageUp", 13), ("ArrowLeft", 12), ("End", 119), ("PageDown", 107)]:
        page.keyboard.press(key)
        assert box.frame() == index, key
    assert box.curve.evaluate("e => e === document.activeElement"), "JupyterLab took the focus"
    area = box.curve.bounding_box()
    page.mouse.click(area["x"] + area["width"] / 4, area["y"] + 30)
    assert abs(box.frame() - 30) <= 1
    until(lambda: abs(float(box.handle.get_attribute("aria-valuenow")) - box.frame()) < 0.5, 5, "the slider's move to the curve's frame")
    box.all.get_by_role("button", name="Play or pause").click()
    pace = rate(box.all)
    box.all.get_by_role("button", name="Play or pause").click()
    page.wait_for_timeout(200)
    stopped = box.frame()
    page.wait_for_timeout(400)
    assert box.frame() == stopped
    box.all.locator("canvas").nth(3).hover()
    assert "chain 3: energy" in box.readout.inner_text()
    return pace


def test_chapter_8_in_jupyterlab(browser, folder, lab):
    cut("08_trajectory", folder, extra=[WATCH, BUSY, "print('done')"])
    with running(browser, lab, "08_trajectory", width=1200, height=1000) as page:
        until(lambda: (folder / "busy").exists() or finished(page), 480, "the run of all cells")
        box = Box(page)
        box.all.locator("canvas").first.wait_for()
        page.wait_for_timeout(1500)
        pace = move_everything(box, page)
        assert pace > 5, f"{pace:.1f} frames a second while the kernel is busy"
        assert not (folder / "said.txt").read_text(), "the kernel was not busy after all"
        (folder / "go").touch()
        until(lambda: finished(page), 120, "the end of the run")
        said = until(lambda: (folder / "said.txt").read_text(), 30, "news from the browser")
        assert "chain 3" in said and re.search(r"index \d+", said)

        move_everything(box, page)
        until(lambda: "playing True" in (folder / "said.txt").read_text(), 30, "news that it plays")
        box.all.locator("canvas").nth(4).hover()  # Python answers with index 33
        until(lambda: box.frame() == 33, 20, "a move from Python")
        shot(page, "lab-08")
        assert not faults(page, ".ebm-scrubber-box"), faults(page, ".ebm-scrubber-box")
        twin = page.locator("figure.ebm-scrubber .ebm-view").first
        twin.get_by_label("Langevin step").first.fill("20")
        assert twin.locator(".ebm-curve").get_attribute("aria-valuenow") == "20", "the static twin lives in an output, too"
        assert not page.watch.outside


@pytest.mark.parametrize("name", PLAYABLE)
def test_laboratory(name, browser, folder, lab):
    "Move the first slider of the chapter's laboratory by one step: the output under it changes."
    cut(name, folder, upto="interact(")
    with running(browser, lab, name, width=1200) as page:
        box = page.locator(".widget-interact").last
        box.wait_for(timeout=480_000)
        picture = box.locator(".jp-OutputArea-output").last
        picture.wait_for()
        until(lambda: finished(page), 120, "the end of the run")
        looks = lambda: box.locator(".jp-OutputArea").last.evaluate(
            "e => [e.innerText, ...[...e.querySelectorAll('img')].map(i => i.src)].join()")
        before = looks()
        box.scroll_into_view_if_needed()
        box.locator(".noUi-handle").first.focus()
        page.keyboard.press("ArrowRight")
        until(lambda: looks() != before, 60, "a new picture")
        page.wait_for_timeout(500)
        assert not box.locator("[data-mime-type='application/vnd.jupyter.stderr'], .jp-RenderedText[data-mime-type*=error]").count()
        shot(page, f"lab-{name}")
        assert not page.watch.outside
