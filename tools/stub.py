"""Write ebm_nb/__init__.pyi, which says to editors and type checkers what `import
ebm_nb` offers, from the table of chapter 41. --check only compares.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import ebm_nb  # noqa: E402


def stub() -> str:
    "The stub's text."
    lines = ["# Written by tools/stub.py from nbs/41_package.ipynb.", ""]
    lines += [f"from . import {name} as {name}" for name in sorted(ebm_nb._MODULES)]
    for module, names in sorted(ebm_nb._NAMES.items()):
        lines += [f"from .{module} import {name} as {name}" for name in names]
    return "\n".join([*lines, "", "__version__: str", ""])


if __name__ == "__main__":
    path, text = ROOT / "ebm_nb/__init__.pyi", stub()
    if "--check" in sys.argv[1:]:
        sys.exit(path.read_text(encoding="utf-8") != text)
    path.write_text(text, encoding="utf-8")
