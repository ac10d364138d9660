"""The playground under a visitor's hand: the engine beside TensorFlow, the page over
http and from a disk, and the widget's way into a notebook.
"""

import base64
import http.server
import sys
import threading
from dataclasses import asdict, replace
from functools import partial

import numpy as np
import pytest
import tensorflow as tf
from browser import ROOT, chromium, faults, opened, pixels, shot, until
from ebm_nb.energy import energy_cnn, energy_mlp
from ebm_nb.exports import export_energy, packed
from ebm_nb.files import load_pretrained
from ebm_nb.images import load_images
from ebm_nb.langevin import FOR_IMAGES, energy_and_grad
from ebm_nb.playground import PLAIN
from ebm_nb.sampling import sample

sys.path.insert(0, str(ROOT / "tools"))
pytestmark = pytest.mark.browser

SHELL = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Playground</title>'
    '<link rel="icon" href="data:,"><link rel="stylesheet" href="play.css">'
    '<main class="ebm-page-play"><h1>Playground</h1><div id="ebm-play"></div></main>'
    '<script type="module" src="play.js"></script>'
)


@pytest.fixture(scope="module")
def browser():
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    "The files of the playground as the site has them, and a bare page around them."
    from site_hooks import playground

    folder = tmp_path_factory.mktemp("site") / "playground"
    folder.mkdir()
    for name, content in playground().items():
        content = content.encode() if isinstance(content, str) else content
        (folder / name.rpartition("/")[2]).write_bytes(content)
    (folder / "index.html").write_text(SHELL, encoding="utf-8")
    return folder


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *words):
        pass


@pytest.fixture(scope="module")
def site(folder):
    handler = partial(Silent, directory=str(folder.parent))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/playground/"
    server.shutdown()


def main_button(page):
    return page.locator("button.ebm-main")


def arrived(page):
    "The walk of the panel Dream has come to its end."
    until(lambda: main_button(page).inner_text() == "Play again", what="the last step")


def images(page, count):
    canvases = page.locator(".ebm-tiles canvas")
    assert canvases.count() == count
    return np.stack([pixels(canvases.nth(i)) for i in range(count)])


# ---- the engine ----

EVALUATE = """([text, x, chains, sampler]) => {
    const bytes = (t) => Uint8Array.from(atob(t), (c) => c.charCodeAt(0)).buffer;
    const engine = makeEngine(), { config, energy } = engine.readFile(bytes(text));
    const start = Float64Array.from(new Float32Array(bytes(x)));
    const n = start.length / energy.size, e = new Float64Array(n);
    const g = new Float64Array(start.length);
    energy.evaluate(start, n, e, g);
    const told = { e: [...e], g: [...g], config };
    if (!chains) return told;
    const walk = engine.walk(energy, { sampler, chains });
    walk.x.set(start);
    energy.evaluate(walk.x, chains, walk.energies, walk.grad);
    for (let i = 0; i < 60; i += 1) walk.advance();
    return { ...told, end: [...walk.x] };
}"""


@pytest.fixture(scope="module")
def bare(browser):
    "A page with the engine and nothing else."
    with opened(browser, "about:blank") as page:
        page.add_script_tag(content=PLAIN)
        yield page


def text_of(data):
    return base64.b64encode(data).decode("ascii")


def evaluated(page, energy, x, half=False, sampler=None):
    content = packed(energy, sampler or FOR_IMAGES, 60, half)
    chains = len(x) if sampler else 0
    given = asdict(sampler) if sampler else None
    return page.evaluate(
        EVALUATE, [text_of(content), text_of(x.tobytes()), chains, given]
    )


def halved(energy):
    "The same network with the weights that a file of half precision holds."
    twin = energy_cnn()
    twin.set_weights([w.astype("<f2").astype("f4") for w in energy.get_weights()])
    return twin


def random_weights(energy, seed=0):
    rng = np.random.default_rng(seed)
    energy.set_weights([rng.normal(0, 0.1, w.shape) for w in energy.get_weights()])
    return energy


@pytest.mark.parametrize("half", [False, True])
def test_engine_equals_tensorflow_on_digits(bare, half):
    "A hundred images, with the weights as exported."
    energy, x = load_pretrained("digits"), load_images("digits")[1][:100]
    values, grad = energy_and_grad(halved(energy) if half else energy, tf.constant(x))
    found = evaluated(bare, energy, x, half)
    np.testing.assert_allclose(found["e"], values, atol=1e-4)
    np.testing.assert_allclose(found["g"], np.ravel(grad), atol=1e-4)


@pytest.mark.parametrize(
    "build",
    [
        partial(energy_cnn, residual=True, classes=10),
        partial(energy_cnn, (16, 48, 3)),
        partial(energy_cnn, width=2),
        partial(energy_mlp, 2),
        partial(energy_mlp, 5, (7, 3)),
    ],
)
def test_engine_knows_every_network(bare, build):
    energy = random_weights(build())
    shape = energy.input_shape[1:]
    x = np.random.default_rng(1).uniform(-1, 1, (9, *shape)).astype("float32")
    values, grad = map(np.ravel, energy_and_grad(energy, tf.constant(x)))
    found = evaluated(bare, energy, x)
    scale = max(1, np.abs(grad).max())
    np.testing.assert_allclose(found["e"], values, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(found["g"], grad, atol=1e-4 * scale)


def test_engine_walks_as_the_package(bare):
    "Sixty steps without noise: momentum, clip, bounds and settling."
    energy, still = load_pretrained("mnist"), replace(FOR_IMAGES, noise_scale=0.0)
    x = np.random.default_rng(0).uniform(-1, 1, (8, 32, 32, 1)).astype("float32")
    found = evaluated(bare, energy, x, sampler=still)
    np.testing.assert_allclose(
        found["end"], np.ravel(sample(energy, x, 60, still)), atol=1e-3
    )
    assert found["config"]["sampler"] == {
        **asdict(FOR_IMAGES),
        "noise_scale": 0.0,
        "bounds": [-1, 1],
    }


def test_engine_knows_the_network_of_chapter_00(bare):
    keras = tf.keras
    conv = lambda n, size: keras.layers.Conv2D(n, size, 2, "same", activation="swish")
    dense = [keras.layers.Dense(8, "swish"), keras.layers.Dense(1)]
    last = [keras.layers.Flatten(), *dense, keras.layers.Reshape(())]
    rows = [keras.Input((32, 32, 1)), conv(4, 5), conv(8, 3), *last]
    energy = random_weights(keras.Sequential(rows))
    x = load_images("digits")[1][:5]
    values, grad = map(np.ravel, energy_and_grad(energy, tf.constant(x)))
    found = evaluated(bare, energy, x)
    np.testing.assert_allclose(found["e"], values, atol=1e-4)
    np.testing.assert_allclose(found["g"], grad, atol=1e-4)


WIDGET = """async ([text, code]) => {
    const held = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const values = { weights: new DataView(held.buffer), name: "mine", plane: false };
    const model = { get: (name) => values[name], save_changes: () => {},
        set: (name, value) => { values[name] = value; } };
    const file = new Blob([code], { type: "text/javascript" });
    const module = await import(URL.createObjectURL(file));
    const el = document.body.appendChild(document.createElement("div"));
    window.values = values;
    module.default.render({ model, el });
}"""


def test_widget_sends_the_drawing(browser):
    "What anywidget runs in a notebook, with a model that keeps what is set."
    from ebm_nb.playground import Playground

    widget = Playground(load_pretrained("digits"), name="mine")
    with opened(browser, "about:blank", width=900) as page:
        page.evaluate(WIDGET, [text_of(widget.weights), widget._esm])
        page.get_by_role("tab", name="Draw", exact=True).click()
        number(page)
        page.get_by_role("button", name="Clear").click()
        drag(page, [(0.5, 0.2), (0.5, 0.8)])
        until(lambda: page.evaluate("Boolean(values.drawn)"), what="the drawing")
        page.wait_for_timeout(300)
        sent = page.evaluate("[...new Float32Array(values.drawn.buffer)]")
        widget.set_state({"drawn": np.array(sent, "<f4").tobytes()})
        assert widget.image.shape == (32, 32, 1) and (widget.image > 0.8).sum() > 20
        assert page.url == "about:blank", "a notebook keeps its address"
        page.watch.check()


def test_generator_is_seeded_and_normal(bare):
    draws = bare.evaluate(
        """() => [3, 3, 4].map((seed) => {
            const draw = makeEngine().generator(seed);
            return Array.from({ length: 20000 }, () => draw.normal());
        })"""
    )
    same, again, other = map(np.array, draws)
    assert np.array_equal(same, again) and not np.array_equal(same, other)
    # four standard errors of mean and variance
    assert abs(same.mean()) < 4 / np.sqrt(2e4) and abs(same.var() - 1) < 4 * np.sqrt(
        2 / 2e4
    )


# ---- Dream ----


def test_dream_from_a_disk(browser, folder):
    """Noise becomes digits in a file without a server; it can be scrubbed back; another
    seed gives others; the address brings the same picture back.
    """
    address = (folder / "energy.html").as_uri()
    with opened(browser, address, width=1280) as page:
        arrived(page)
        digits = images(page, 16)
        assert (digits < -0.8).mean() > 0.6 and (digits > 0.8).mean() > 0.03
        assert "step 60 of 60" in page.locator(".ebm-readout").inner_text().lower()
        page.locator(".ebm-curve").focus()
        page.keyboard.press("Home")
        noise = images(page, 16)
        assert noise.std() > 0.3 and (np.abs(noise) < 0.5).mean() > 0.2
        page.keyboard.press("PageUp")
        page.keyboard.press("ArrowRight")
        assert page.locator(".ebm-curve").get_attribute("aria-valuenow") == "11"
        assert "at=11" in page.url
        shown = images(page, 16)
        page.get_by_role("button", name="Again, from other noise").click()
        arrived(page)
        assert np.abs(images(page, 16) - digits).mean() > 0.05
        shot(page, "playground-dream", full_page=True)
        page.watch.check()
    with opened(browser, f"{address}#dream&at=11", width=1280) as page:
        curve = page.locator(".ebm-curve")
        until(lambda: curve.get_attribute("aria-valuenow") == "11", what="step 11")
        assert np.array_equal(images(page, 16), shown), "the address holds the picture"
        assert main_button(page).inner_text() == "Play"


def test_dream_pauses_and_heats(browser, site):
    with opened(browser, site, width=1280) as page:
        curve, step = (
            page.locator(".ebm-curve"),
            lambda: int(curve.get_attribute("aria-valuenow") or 0),
        )
        until(lambda: step() > 3, what="a few steps")
        page.get_by_role("button", name="Pause").click()
        stopped = step()
        page.wait_for_timeout(400)
        assert step() == stopped
        page.get_by_role("button", name="Play").click()
        arrived(page)
        cold = images(page, 16)
        page.get_by_label("Temperature").fill("20")
        arrived(page)
        hot = images(page, 16)
        assert "t=400" in page.url and (hot < -0.8).mean() < (cold < -0.8).mean() - 0.1
        page.watch.check()


def test_reduced_motion(browser, site):
    "Nothing moves by itself."
    with opened(browser, site, reduced_motion="reduce") as page:
        page.wait_for_selector(".ebm-curve")
        page.wait_for_timeout(1000)
        assert page.locator(".ebm-curve").get_attribute("aria-valuenow") == "0"
        main_button(page).click()
        arrived(page)
        page.get_by_role("tab", name="The plane").click()
        words = page.locator(".ebm-plane .ebm-readout")
        until(lambda: words.inner_text().startswith("Step 1."), what="one step")
        page.wait_for_timeout(500)
        assert words.inner_text().startswith("Step 1.")
        page.watch.check()


# ---- Draw and Finish it ----


def drag(page, places):
    "A stroke of the mouse over the pad, its places in shares of the side."
    box = page.locator(".ebm-pad canvas").bounding_box()
    at = lambda x, y: (box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.mouse.move(*at(*places[0]))
    page.mouse.down()
    for place in places[1:]:
        page.mouse.move(*at(*place), steps=4)
    page.mouse.up()


def number(page):
    words = page.locator(".ebm-number")
    until(lambda: words.inner_text(), what="an energy")
    page.wait_for_timeout(200)
    return float(words.inner_text().split()[1].replace("\u2212", "-"))


def test_draw_with_the_mouse_and_finish(browser, site):
    """What is drawn has an energy, is kept between the panels and in the address, and
    stays in every answer.
    """
    with opened(browser, f"{site}#draw", width=1280) as page:
        number(page)
        page.get_by_role("button", name="Clear").click()
        empty = number(page)
        drag(page, [(0.5, 0.2), (0.5, 0.8)])
        one = number(page)
        pad = page.locator(".ebm-pad canvas")
        drawing = pixels(pad)
        assert (drawing > 0.8).sum() > 20 and one < empty, "a stroke is likelier"
        drag(page, [(0.1, 0.1), (0.9, 0.9), (0.9, 0.1), (0.1, 0.9)])
        assert number(page) > one + 0.1, "a tangle is not"
        page.get_by_role("button", name="Undo").click()
        assert number(page) == one and np.array_equal(pixels(pad), drawing)
        assert page.locator(".ebm-chart .mark").count() == 2
        assert page.locator(".ebm-arrows").get_attribute("aria-label")
        shot(page, "playground-draw", full_page=True)
        page.get_by_role("tab", name="Finish it").click()
        assert np.array_equal(pixels(page.locator(".ebm-pad canvas")), drawing)
        words = page.locator(".ebm-finish .ebm-readout")
        until(lambda: "answers, of energies" in words.inner_text(), what="answers")
        answers, held = images(page, 9), drawing > 0.9
        assert (answers[:, held] > 0.8).all(), "what is drawn is held"
        assert np.std(answers, 0).max() > 0.3, "there are several answers"
        page.get_by_label("Hold").select_option("upper")
        until(lambda: "answers, of energies" in words.inner_text(), what="answers")
        shot(page, "playground-finish", full_page=True)
        address = page.url
        page.watch.check()
    assert "ink=" in address and "hold=upper" in address
    with opened(browser, address, width=1280) as page:
        page.wait_for_selector(".ebm-pad canvas")
        seen = pixels(page.locator(".ebm-pad canvas"))
        assert np.abs(seen - drawing).max() < 0.15, "the drawing came with the address"
        assert page.get_by_label("Hold").input_value() == "upper"


def test_touch(browser, site):
    "A finger draws, and the page does not scroll under it."
    with opened(browser, f"{site}#draw", width=390, height=800, has_touch=True) as page:
        number(page)
        page.get_by_role("button", name="Clear").tap()
        box = page.locator(".ebm-pad canvas").bounding_box()
        page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        canvas = page.locator(".ebm-pad canvas")
        until(lambda: (pixels(canvas) > 0.8).any(), what="a dot")
        assert canvas.evaluate("e => getComputedStyle(e).touchAction") == "none"
        page.watch.check()


def test_keyboard_alone(browser, site):
    with opened(browser, site, width=1280) as page:
        page.wait_for_selector(".ebm-curve")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Dream"
        page.keyboard.press("ArrowRight")
        number(page)
        page.get_by_role("button", name="Clear").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Shift+Tab")
        pad = page.locator(".ebm-pad canvas")
        assert pad.evaluate("e => e === document.activeElement")
        page.keyboard.press(" ")
        for _ in range(10):
            page.keyboard.press("ArrowDown")
        page.keyboard.press(" ")
        for _ in range(5):
            page.keyboard.press("ArrowRight")
        assert 15 < (pixels(pad) > 0.5).sum() < 60, "one stroke, and none after it"
        page.keyboard.press("z")
        assert not (pixels(pad) > 0.5).any()
        page.watch.check()


# ---- The plane ----


def told(page):
    return page.locator(".ebm-plane .ebm-readout").inner_text()


def test_plane(browser, site):
    "Small matched steps have no bias; a bold one would be refused by MALA."
    with opened(browser, f"{site}#plane", width=1280) as page:
        far = lambda n: lambda: int((told(page) or "Step 0.").split()[1][:-1]) > n
        page.wait_for_selector(".ebm-map")
        until(far(400), what="400 steps")
        value = lambda: float(
            told(page).split(": ")[1].split(". ")[0].replace("\u2212", "-")
        )
        assert abs(value()) < 0.05 and "accept 9" in told(page)
        page.get_by_label("Step", exact=True).fill("-0.7")
        accepts = lambda: int(told(page).split("accept ")[1].split("%")[0])
        until(lambda: accepts() < 60, what="refusals")
        page.get_by_role("combobox", name="Energy").select_option("well")
        until(lambda: "square" in told(page), what="another energy")
        assert "surface=well" in page.url and "step=-0.7" in page.url
        shot(page, "playground-plane", full_page=True)
        page.watch.check()


# ---- files, tabs, widths ----


def test_open_a_file(browser, site, tmp_path):
    "The reader's own energies, dropped; one sentence for a file that is none."
    cnn = export_energy(load_pretrained("digits"), tmp_path / "a.bin", name="mine")
    flat = export_energy(energy_mlp(2), tmp_path / "b.bin", name="flat")
    export_energy(energy_mlp(5), tmp_path / "c.bin")
    spoilt = bytearray(cnn.read_bytes())
    spoilt[-1] ^= 1
    (tmp_path / "d.bin").write_bytes(spoilt)
    (tmp_path / "e.bin").write_bytes(cnn.read_bytes()[:-100])
    (tmp_path / "f.bin").write_text("no energy")
    with opened(browser, site, width=1280) as page:
        page.wait_for_selector(".ebm-curve")
        alert, field = page.get_by_role("alert"), page.locator("input[type=file]")
        for name, words in [
            ("c.bin", "judges 5 numbers"),
            ("d.bin", "it is damaged"),
            ("e.bin", "it should hold"),
            ("f.bin", "begins otherwise"),
        ]:
            field.set_input_files(tmp_path / name)
            until(lambda: words in alert.inner_text(), what=words)
        data = page.evaluate_handle(
            """(text) => {
                const data = new DataTransfer();
                const bytes = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
                data.items.add(new File([bytes], "a.bin"));
                return data;
            }""",
            text_of(cnn.read_bytes()),
        )
        page.dispatch_event(".ebm-panel", "drop", {"dataTransfer": data})
        until(lambda: "mine is open" in alert.inner_text(), what="the dropped file")
        arrived(page)
        field.set_input_files(flat)
        until(lambda: "flat is open" in alert.inner_text(), what="an energy of a plane")
        assert (
            page.get_by_role("tab", name="The plane").get_attribute("aria-selected")
            == "true"
        )
        page.watch.check()


def test_two_tabs_and_no_worker(browser, site):
    "Two pages don't disturb one another; without workers the same picture comes."
    with opened(browser, f"{site}#dream&seed=5", width=1280) as one:
        other = one.context.new_page()
        other.add_init_script("delete window.Worker")
        other.goto(f"{site}#dream&seed=5")
        arrived(one)
        arrived(other)
        assert other.evaluate("page.app.alone()") and not one.evaluate(
            "page.app.alone()"
        )
        assert np.array_equal(images(one, 16), images(other, 16))
        one.watch.check()


@pytest.mark.parametrize("view", ["dream", "draw", "finish", "plane"])
def test_nothing_is_cut_and_axe_is_content(view, browser, site):
    with opened(browser, f"{site}#{view}", width=360, color_scheme="dark") as page:
        page.wait_for_selector(f".ebm-{view}")
        for width, scheme in [(360, "dark"), (800, "light"), (1600, "dark")]:
            page.set_viewport_size({"width": width, "height": 900})
            page.emulate_media(color_scheme=scheme)
            page.wait_for_timeout(500)
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert not (found := faults(page)), found
            shot(page, f"playground-{view}-{width}-{scheme}", full_page=True)
        page.watch.check()
