"""Judge the published weights of the best-known tutorial of this recipe beside the
shipped ones: `python benchmarks/peer.py`.

The weights (University of Amsterdam, deep-learning tutorial 8, MIT licence) are an .npz
in PyTorch's layout, at
peers/uva_tutorial8_mnist.npz beside MNIST in the folder EBM_NB_DATA, or where --peer
says. They are sampled twice, by their own
sampler, RECIPE, and by the package's, and their figures go to benchmarks/peer.json. The
last table has the shipped weights too, from their report.json
(tools/ship_weights.py), where that is of as many samples. `--table` prints it from the
two files and samples nothing.
"""

import argparse
import json
import os
from dataclasses import asdict
from importlib.resources import files
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ebm_nb.images import load_images  # noqa: E402
from ebm_nb.judge import load_judge  # noqa: E402
from ebm_nb.reports import (  # noqa: E402
    compare,
    evaluate,
    reference,
    report_table,
    save_report,
)
from ebm_nb.langevin import FOR_IMAGES, Langevin  # noqa: E402
from ebm_nb.sampling import sample_trajectory  # noqa: E402
from ebm_nb.pictures import image_grid  # noqa: E402
from ebm_nb.plot import save  # noqa: E402
from ebm_nb.weights import noise  # noqa: E402

FILE = Path("peers") / "uva_tutorial8_mnist.npz"
RECIPE = Langevin(10.0, 0.005, grad_clip=0.03, bounds=(-1.0, 1.0))


def load_peer(path):
    "The peer as an energy: images (B, 28, 28, 1) in [-1, 1] to (B,); its output is -E."
    with np.load(path, allow_pickle=False) as arrays:
        pads = {0: 4, 2: 1, 4: 1, 6: 1}
        convolutions = [
            (arrays[f"{i}.weight"].transpose(2, 3, 1, 0), arrays[f"{i}.bias"], pad)
            for i, pad in pads.items()
        ]
        dense = [(arrays[f"{i}.weight"].T, arrays[f"{i}.bias"]) for i in (9, 11)]

    def energy(x):
        for kernel, bias, pad in convolutions:  # 28 -> 16 -> 8 -> 4 -> 2
            x = tf.pad(x, [[0, 0], [pad, pad], [pad, pad], [0, 0]])
            x = tf.nn.silu(tf.nn.conv2d(x, kernel, 2, "VALID") + bias)
        # PyTorch flattens channels first
        x = tf.reshape(tf.transpose(x, [0, 3, 1, 2]), [-1, 256])
        x = tf.nn.silu(x @ dense[0][0] + dense[0][1])
        return -tf.squeeze(x @ dense[1][0] + dense[1][1], -1)

    return energy


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--peer",
        type=Path,
        default=Path(os.environ.get("EBM_NB_DATA", ".")) / FILE,
        help="the weights",
    )
    parser.add_argument("-n", type=int, default=512, help="number of samples")
    parser.add_argument(
        "--steps",
        type=int,
        nargs="+",
        default=[60, 256, 1000],
        help="judge after so many steps",
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).with_name("peer.json")
    )
    parser.add_argument(
        "--pictures", action="store_true", help="draw 64 samples of each beside it"
    )
    parser.add_argument(
        "--table",
        action="store_true",
        help="only print the table of what was measured before",
    )
    return parser.parse_args()


def table(path):
    """The peer's reports and those of the shipped weights, where they are of as many
    samples, side by side.
    """
    peer = json.loads(path.read_text())["reports"]
    shipped = json.loads((files("ebm_nb") / "weights/mnist/report.json").read_text())[
        "reports"
    ]
    n = {report["counts"]["samples"] for report in peer.values()}
    rows = {f"peer, {name}": report for name, report in peer.items()}
    rows |= {
        f"shipped, {steps}": report
        for steps, report in shipped.items()
        if {report["counts"]["samples"]} == n
    }
    return compare(rows)


def main():
    args = arguments()
    if args.table:
        return print(table(args.out))
    if not args.peer.is_file():
        print(
            f"skipped: {FILE.name} is not there; name it with --peer, or its folder's "
            "parent in EBM_NB_DATA."
        )
        return
    x_train, x_test = load_images("mnist")
    judge, energy = load_judge(), load_peer(args.peer)
    ref = reference(x_train, x_test, judge)
    print(f"energy of test images {np.mean(energy(x_test[:512, 2:-2, 2:-2])):.3f}")
    x0 = noise((args.n, 28, 28, 1), args.seed)
    print(f"energy of uniform noise {np.mean(energy(x0)):.3f}")
    steps, reports = sorted(args.steps), {}
    for name, sampler in {"its own": RECIPE, "our sampler": FOR_IMAGES}.items():
        keep = {"keep": steps, "seed": args.seed, "progress": True}
        states = sample_trajectory(energy, x0, max(steps), sampler, **keep).x
        for step, state in zip(steps, states):
            x = np.pad(state, ((0, 0), (2, 2), (2, 2), (0, 0)), constant_values=-1)
            report = evaluate(x, x_train, x_test, judge, ref=ref)
            reports[f"{name}, {step}"] = report
            print(f"\n{name}, {step} steps\n{report_table(report)}", flush=True)
            if args.pictures:
                file = f"{args.out.stem}_{name.replace(' ', '_')}_{step}.png"
                save(image_grid(x[:64]), args.out.with_name(file))
    save_report(
        {
            "peer": FILE.name,
            "its own": asdict(RECIPE),
            "our sampler": asdict(FOR_IMAGES),
            "seed": args.seed,
            "reports": reports,
        },
        args.out,
    )
    print(f"\n{table(args.out)}\n\nwritten: {args.out}")


if __name__ == "__main__":
    main()
