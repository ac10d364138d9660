"""The scrubber's budgets beside matplotlib's `to_jshtml` and a redraw in an Output:
`python benchmarks/scrubber.py` writes scrubber.json
beside itself.  1000 steps of 10 chains of the shipped network; Chromium and JupyterLab
as in the browser tests."""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

CELLS = [
    """
import numpy as np, ipywidgets
from ebm_nb.scrubber import Scrubber
from ebm_nb.pictures import tile
from ebm_nb.plot import curves, figure
walk = np.load("walk.npz")
scrubber = Scrubber(walk["x"], walk["energy"])
scrubber
""",
    """
def redraw(index):
    picture, (top, bottom) = figure(7, 3, rows=2)
    top.imshow(tile(scrubber.frames.x[index], 10), cmap="gray", vmin=-1, vmax=1)
    top.axis("off")
    bottom.plot(scrubber.frames.step, scrubber.frames.energy)
    bottom.axvline(scrubber.frames.step[index])
    return picture

ipywidgets.interact(redraw, index=ipywidgets.IntSlider(0, 0, 119));
""",
    "ipywidgets.interact(redraw, index=ipywidgets.Play(min=0, max=119, interval=80));",
    """
import time
from pathlib import Path
Path("busy").touch()
while not Path("go").exists():
    time.sleep(0.1)
""",
]

# ms from a key on the slider to another picture in the page
LATENCY = """async ([box, shown]) => {
    const handle = box.querySelector(".noUi-handle"), look = () => shown(box);
    const times = [];
    for (let i = 0; i < 30; i++) {
        const before = look(), start = performance.now();
        const key = {key: "ArrowRight", bubbles: true};
        handle.dispatchEvent(new KeyboardEvent("keydown", key));
        while (look() === before && performance.now() - start < 5000)
            await new Promise(requestAnimationFrame);
        times.push(performance.now() - start);
        await new Promise(done => setTimeout(done, 100));
    }
    return times;
}"""
RATE = """async ([box, shown]) => {  // pictures a second while it plays, over 4 seconds
    const start = performance.now();
    let seen = 0, last = shown(box);
    while (performance.now() - start < 4000) {
        await new Promise(requestAnimationFrame);
        if (shown(box) !== last) { seen += 1; last = shown(box); }
    }
    return seen / 4;
}"""
CANVAS = "box => box.querySelector('canvas').toDataURL()"
IMAGE = "box => box.querySelector('.jp-OutputArea img')?.src"


def trajectory():
    """x (1001, 10, 32, 32, 1) and energy (1001, 10): chains of the shipped network from
    noise.
    """
    from ebm_nb.files import load_pretrained
    from ebm_nb.sampling import sample_trajectory

    noise = np.random.default_rng(0).uniform(-1, 1, (10, 32, 32, 1)).astype(np.float32)
    walk = sample_trajectory(
        load_pretrained("mnist"), noise, steps=1000, keep=1001, seed=0
    )
    return {"x": walk.x, "energy": walk.energy}


def jshtml(frames):
    "The same frames by matplotlib's animation."
    from matplotlib.animation import FuncAnimation
    from matplotlib.figure import Figure

    from ebm_nb.pictures import tile

    picture = Figure(figsize=(7, 3))
    top, bottom = picture.subplots(2)
    image = top.imshow(tile(frames.x[0], 10), cmap="gray", vmin=-1, vmax=1)
    bottom.plot(frames.step, frames.energy)
    cursor = bottom.axvline(0)

    def show(index):
        image.set_data(tile(frames.x[index], 10))
        cursor.set_xdata([frames.step[index]] * 2)

    return FuncAnimation(picture, show, len(frames.step)).to_jshtml(fps=12)


def timed(make):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        text = make()
        times.append(time.perf_counter() - start)
    return {
        "MB": round(len(text) / 1e6, 3),
        "seconds to build": round(statistics.median(times), 2),
    }


def measured(page, shown, hand, play):
    """How soon a picture follows the slider of the box `hand`, and how often it changes
    while the box `play` plays.
    """
    run = lambda script, box: page.evaluate(
        f"box => ({script})([box, {shown}])", box.element_handle()
    )
    hand.locator(".noUi-handle").first.press("Home")
    page.wait_for_timeout(1000)
    times = run(LATENCY, hand)
    play.locator(".widget-play button").first.click()
    rate = run(RATE, play)
    play.locator(".widget-play button").first.click()
    page.wait_for_timeout(1000)
    return {
        "slider to picture, median ms": round(statistics.median(times), 1),
        "p95 ms": round(float(np.percentile(times, 95)), 1),
        "pictures a second": round(rate, 1),
    }


def write_notebook(folder, walk):
    np.savez(folder / "walk.npz", **walk)
    cells = [
        {
            "cell_type": "code",
            "id": f"c{i}",
            "metadata": {},
            "outputs": [],
            "execution_count": None,
            "source": cell.strip(),
        }
        for i, cell in enumerate(CELLS)
    ]
    kernel = {
        "kernelspec": {
            "display_name": "python3",
            "language": "python",
            "name": "python3",
        }
    }
    (folder / "bench.ipynb").write_text(
        json.dumps(
            {"cells": cells, "metadata": kernel, "nbformat": 4, "nbformat_minor": 5}
        )
    )


def in_jupyterlab(walk):
    """The scrubber while the kernel is busy and when it is not, and a figure that is
    drawn anew for every step.
    """
    import browser as b

    with tempfile.TemporaryDirectory() as name, b.chromium() as chromium:
        folder = Path(name)
        write_notebook(folder, walk)
        with (
            b.jupyterlab(folder) as lab,
            b.running(chromium, lab, "bench", width=1200, height=1000) as page,
        ):
            b.until((folder / "busy").exists, 120, "the start of the last cell")
            page.locator(".ebm-view canvas").first.wait_for()
            page.wait_for_timeout(2000)
            ours, redraw = (
                page.locator(".ebm-scrubber-box").first,
                page.locator(".widget-interact"),
            )
            busy = measured(page, CANVAS, ours, ours)
            (folder / "go").touch()
            b.until(lambda: b.finished(page), 120, "the end of the run")
            return {
                "scrubber, kernel busy": busy,
                "scrubber": measured(page, CANVAS, ours, ours),
                "redraw in an Output": measured(
                    page, IMAGE, redraw.nth(0), redraw.nth(1)
                ),
            }


def main():
    from run import cpu

    from ebm_nb.frames import read
    from ebm_nb.scrubber import fragment, payload

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "scrubber.json")
    args = parser.parse_args()
    walk = trajectory()

    def static(spacing):
        frames = read(walk["x"], walk["energy"], spacing=spacing)
        return fragment(frames, payload(frames, spacing))

    report = {
        "machine": cpu(),
        "static, linear": timed(lambda: static("linear")),
        "static, log": timed(lambda: static("log")),
        "to_jshtml": timed(lambda: jshtml(read(walk["x"], walk["energy"]))),
        **in_jupyterlab(walk),
    }
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
