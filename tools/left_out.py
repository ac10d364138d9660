"""Print which cells nbdev_test leaves out, past its capture of what cells print. A
hidden cell of index.ipynb runs this.
"""

import sys
from configparser import ConfigParser
from pathlib import Path

from nbdev.process import NBProcessor

ROOT = Path(__file__).resolve().parent.parent


def left_out(root=ROOT):
    """For each flag of settings.ini the notebooks with such cells: {'slow':
    {'07_training': 2}}.
    """
    settings = ConfigParser(delimiters=["="])
    settings.read(root / "settings.ini", encoding="utf-8")
    found = {flag: {} for flag in settings["DEFAULT"]["tst_flags"].split()}
    for path in sorted(root.glob("nbs/[!_.]*.ipynb")):
        for cell in NBProcessor(path, process=True).nb.cells:
            for flag in found.keys() & cell.directives_.keys():
                found[flag][path.stem] = found[flag].get(path.stem, 0) + 1
    return found


if __name__ == "__main__":
    for flag, cells in left_out().items():
        which = ", ".join(f"{name} {n}" for name, n in cells.items()) or "none"
        print(
            f"Cells flagged `{flag}` are left out (run them with --flags {flag}): "
            f"{which}",
            file=sys.__stdout__,
            flush=True,
        )
