"""Run chapters again and store what they print: `python tools/notebooks.py [NAME...]`;
no NAME means all.

The same cells run as under nbdev_test; the others (`#| slow`, `#| eval: false`) keep
the outputs they have.
`--flags slow` runs the slow ones too. `--check` stores nothing and fails where a
picture is not, byte for byte, the stored one.
"""

import argparse
import asyncio
import json
import os
import re
import sys
import time
from pathlib import Path
from subprocess import DEVNULL

import nbformat
from execnb.nbio import nb2str
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbdev.clean import clean_nb
from nbdev.config import get_config
from nbdev.frontmatter import FrontmatterProc
from nbdev.process import NBProcessor

ROOT = Path(__file__).resolve().parent.parent
SKIP = "skip-execution"  # nbclient's tag; cleaning removes it
WIDGET = "application/vnd.jupyter.widget-view+json"
CHATTER = re.compile(
    r"""
    ^(\d{4}-\d\d-\d\d\ [\d:.]+:\ [IWEF]\ (external|tensorflow)/  # TensorFlow's C++ log
    |[IWEF]\d{4}\ [\d:.]+\ +\d+\ .*\.(cc|h):\d+\]                # absl's
    |WARNING:\ All\ log\ messages\ before\ absl
    |To\ enable\ the\ following\ instructions)""",
    re.X,
)
ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
CELL_FILE = re.compile(r"\S*ipykernel_\d+/\d+\.py")


def skipped(path, force):
    """Indices of the code cells that nbdev_test would not run, by its own rules; None
    if it skips the whole notebook.
    """
    nb = NBProcessor(path, procs=FrontmatterProc, process=True).nb
    if str(getattr(nb, "frontmatter_", {}).get("skip_exec", "")).lower() == "true":
        return None
    flags = set(get_config(path=path.parent).tst_flags.split()) - set(force)
    return {
        i
        for i, cell in enumerate(nb.cells)
        if cell.cell_type == "code"
        and (
            cell.directives_.get("eval:", [""])[0].lower() == "false"
            or flags & cell.directives_.keys()
        )
    }


def collapse(line):
    """The last state of a progress bar that was redrawn with backspaces or carriage
    returns.
    """
    return next(
        (part for part in reversed(re.split("[\b\r]+", line)) if part.strip()), ""
    )


def tidy_text(text, stderr=False):
    text = ANSI.sub("", CELL_FILE.sub("<cell>", text.replace(f"{ROOT}/", "")))
    lines = [line for line in text.split("\n") if not (stderr and CHATTER.match(line))]
    return "\n".join(collapse(line) for line in lines)


def tidy(outputs):
    """Outputs without start-up chatter, widget views (their state is not stored) and
    progress bars' history.
    """
    kept = []
    for out in outputs:
        data = out.get("data", {})
        if data.pop(WIDGET, None) is not None and not data.keys() - {"text/plain"}:
            continue
        if out.output_type == "stream":
            same = (
                kept and kept[-1].output_type == "stream" and kept[-1].name == out.name
            )
            text, out = (kept.pop().text + out.text, out) if same else (out.text, out)
            out.text = text
        kept.append(out)
    for out in kept:
        if out.output_type == "stream":
            out.text = tidy_text(out.text, out.name == "stderr")
        if "image/png" in out.get("data", {}):
            out.data.pop("image/jpeg", None)  # Pillow shows both
        for kind in ("text/plain", "text/html"):
            if kind in out.get("data", {}):
                out.data[kind] = tidy_text(out.data[kind])
    return [out for out in kept if out.output_type != "stream" or out.text.strip()]


def pictures(nb):
    return {
        (cell.id, i): out.data["image/png"].strip()
        for cell in nb.cells
        for i, out in enumerate(cell.get("outputs", []))
        if "image/png" in out.get("data", {})
    }


def run(path, timeout, force=(), check=False):
    """Run a notebook and store its outputs, or only check them; the cells whose
    pictures differ from the stored ones.
    """
    nb = nbformat.read(path, as_version=4)
    skip, before = skipped(path, force), pictures(nb)
    if skip is None:
        return []
    for i in skip:
        nb.cells[i].metadata["tags"] = [SKIP]
    client = NotebookClient(
        nb,
        kernel_name="python3",
        timeout=timeout,
        record_timing=False,
        resources={"metadata": {"path": str(path.parent)}},
    )
    asyncio.run(asyncio.wait_for(client.async_execute(stderr=DEVNULL), timeout))
    nb.metadata.pop("widgets", None)
    for i, cell in enumerate(nb.cells):
        if cell.cell_type == "code" and i not in skip:
            cell.outputs = tidy(cell.outputs)
    after = pictures(nb)
    if not check:
        write(path, json.loads(nbformat.writes(nb)))
    return sorted(
        {key[0] for key in before | after if before.get(key) != after.get(key)}
    )


def write(path, nb):
    """Clean as nbdev_clean does, write beside and rename: a stop leaves the old
    notebook whole.
    """
    cfg = get_config(path=path.parent)
    clean_nb(
        nb,
        clean_ids=cfg.clean_ids,
        allowed_metadata_keys=cfg.get("allowed_metadata_keys", "").split(),
        allowed_cell_metadata_keys=cfg.get("allowed_cell_metadata_keys", "").split(),
    )
    beside = path.with_suffix(".ipynb.tmp")
    beside.write_text(nb2str(nb), encoding="utf-8")
    beside.replace(path)


def environment():
    os.environ |= {
        "TF_CPP_MIN_LOG_LEVEL": "2",
        "PYTHONHASHSEED": "0",
        "PYTHONPATH": str(ROOT),
    }
    if os.environ.get("EBM_NB_DATA"):
        os.environ["EBM_NB_DATA"] = str(Path(os.environ["EBM_NB_DATA"]).resolve())


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help="such as 04_langevin")
    parser.add_argument(
        "--flags", default="", help="flags of cells to run that are normally left out"
    )
    parser.add_argument(
        "--check",
        action="store_true",
        help="store nothing; fail where a picture differs from the stored one",
    )
    parser.add_argument(
        "--timeout", type=int, default=600, help="seconds for one notebook"
    )
    args = parser.parse_args()
    environment()
    nbs = ROOT / "nbs"
    paths = [nbs / f"{Path(name).stem}.ipynb" for name in args.names] or sorted(
        nbs.glob("[!_.]*.ipynb")
    )
    failed = 0
    for path in paths:
        start, problem, differing = time.time(), "", []
        try:
            differing = run(path, args.timeout, args.flags.split(), args.check)
        except (CellExecutionError, DeadKernelError, FileNotFoundError) as error:
            problem = f"  FAILED, left as it was\n{error}"
        except TimeoutError:
            problem = f"  FAILED, left as it was: over {args.timeout} s"
        told = (
            f"  other pictures than before: cells {', '.join(differing)}"
            if differing
            else ""
        )
        print(f"{path.stem:28} {time.time() - start:6.1f} s{told}{problem}", flush=True)
        failed += bool(problem or (args.check and differing))
    sys.exit(bool(failed))


if __name__ == "__main__":
    main()
