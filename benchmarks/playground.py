"""What the playground costs in Chromium: `python benchmarks/playground.py` writes
playground.json beside itself. Milliseconds of a step for 1, 16 and 64 digits beside the
package's own, the first picture, a walk, a stroke, frames and memory.
"""

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

STEP = """([count, rounds]) => {
    const { engine, energy, sampler } = window.held;
    const walk = engine.walk(energy, { sampler: { ...sampler }, chains: count });
    const times = [];
    for (let i = 0; i < rounds + 10; i += 1) {
        const start = performance.now();
        walk.advance();
        if (i >= 10) times.push(performance.now() - start);
    }
    return times.sort((a, b) => a - b)[rounds >> 1];
}"""
FRAMES = """async () => {  // pictures a second while sixteen digits walk
    const canvas = document.querySelector(".ebm-tiles canvas");
    const start = performance.now();
    let seen = 0, last = "", frames = 0;
    while (document.querySelector(".ebm-main").textContent === "Pause") {
        await new Promise(requestAnimationFrame);
        frames += 1;
        const now = canvas.toDataURL();
        if (now !== last) { seen += 1; last = now; }
    }
    const seconds = (performance.now() - start) / 1000;
    return [seen / seconds, frames / seconds];
}"""
STROKE = """async () => {  // ms from a move of the pen to another number
    const canvas = document.querySelector(".ebm-pad canvas"), times = [];
    const area = canvas.getBoundingClientRect();
    const send = (name, x, y) => canvas.dispatchEvent(new PointerEvent(name, {
        clientX: area.left + x * area.width, clientY: area.top + y * area.height,
        bubbles: true, pointerId: 1, button: 0, buttons: 1 }));
    canvas.setPointerCapture = () => {};
    send("pointerdown", 0.2, 0.2);
    for (let i = 0; i < 30; i += 1) {
        const chart = document.querySelector(".ebm-chart").firstChild;
        const start = performance.now();
        send("pointermove", 0.2 + 0.02 * i, 0.2 + 0.5 * (i % 2));
        while (document.querySelector(".ebm-chart").firstChild === chart)
            await new Promise((done) => setTimeout(done, 0));
        times.push(performance.now() - start);
        await new Promise((done) => setTimeout(done, 60));
    }
    send("pointerup", 0.5, 0.5);
    return times;
}"""
HEAP = "() => performance.memory.usedJSHeapSize / 1e6"


def own(count, rounds=60):
    "Milliseconds of a step of so many digits in TensorFlow."
    import ebm_nb as ebm
    from ebm_nb.weights import noise

    energy, x = ebm.load_pretrained("mnist"), noise((count, 32, 32, 1), 0)
    ebm.sample(energy, x, rounds)
    times = []
    for _ in range(5):
        start = time.perf_counter()
        ebm.sample(energy, x, rounds)
        times.append((time.perf_counter() - start) * 1000 / rounds)
    return statistics.median(times)


def steps(page):
    "Of the engine in the page itself, and of TensorFlow."
    page.evaluate(
        """async () => {
        const engine = page.engine(), content = await page.sources.mnist.bytes();
        const { config, energy } = engine.readFile(content);
        window.held = { engine, energy, sampler: config.sampler };
    }"""
    )
    found = {
        str(n): page.evaluate(STEP, [n, rounds])
        for n, rounds in ((1, 200), (16, 60), (64, 30))
    }
    return {
        n: {"browser": round(ms, 2), "TensorFlow": round(own(int(n)), 2)}
        for n, ms in found.items()
    }


def first_picture(browser, address):
    "Seconds from the opening of a new page to its first picture."
    import browser as b

    with b.opened(browser, "about:blank") as page:
        start = time.perf_counter()
        page.goto(address, wait_until="commit")
        page.wait_for_selector(".ebm-tiles canvas")
        return time.perf_counter() - start


def memory(page, minutes):
    "MB of the heap after the first minute and at the end, the plane walking."
    page.evaluate("() => page.open('plane')")
    page.wait_for_timeout(60_000)
    seen = [page.evaluate(HEAP)]
    for _ in range(minutes):
        page.wait_for_timeout(60_000)
        seen.append(page.evaluate(HEAP))
    return [round(mb, 1) for mb in seen]


def main():
    import browser as b
    from run import cpu

    from ebm_nb.export_command import exported
    from ebm_nb.playground import single_page

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=HERE / "playground.json")
    parser.add_argument("--minutes", type=int, default=30, help="memory is watched")
    args = parser.parse_args()
    energy = exported("mnist", half=True)
    report = {"machine": cpu(), "kB of the file": len(energy[1]) // 1000}
    with tempfile.TemporaryDirectory() as folder, b.chromium() as browser:
        path = Path(folder) / "energy.html"
        path.write_text(single_page({"mnist": energy}), encoding="utf-8")
        report["seconds to the first picture"] = round(
            statistics.median(first_picture(browser, path.as_uri()) for _ in range(5)),
            2,
        )
        with b.opened(browser, path.as_uri()) as page:
            page.wait_for_selector(".ebm-tiles canvas")
            start = time.perf_counter()
            pictures, frames = page.evaluate(FRAMES)
            report["16 digits of 60 steps"] = {
                "seconds": round(time.perf_counter() - start, 2),
                "pictures a second": round(pictures, 1),
                "frames a second": round(frames, 1),
            }
            page.evaluate("() => page.open('draw')")
            page.wait_for_selector(".ebm-chart svg")
            answers = sorted(page.evaluate(STROKE))
            report["stroke to answer, ms"] = {
                "median": round(statistics.median(answers), 1),
                "95 of 100": round(answers[int(0.95 * len(answers))], 1),
            }
            report["milliseconds a step"] = steps(page)
            if args.minutes:
                report[f"MB each minute, {args.minutes} minutes"] = memory(
                    page, args.minutes
                )
    args.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
