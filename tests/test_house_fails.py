"""Each rule of the house really fails when it is broken: in a copy of the checkout, one
break at a time.
"""

import json
from shutil import copytree, ignore_patterns

import house
import pytest
from chapters import run_chapter
from execnb.nbio import nb2str

pytestmark = pytest.mark.slow

TRACEBACK = {
    "output_type": "error",
    "ename": "ValueError",
    "evalue": "",
    "traceback": [],
}
WIDGET = {
    "output_type": "display_data",
    "metadata": {},
    "data": {"application/vnd.jupyter.widget-view+json": {}},
}
WARNING = {
    "output_type": "stream",
    "name": "stderr",
    "text": ["<cell>:1: UserWarning: nobody speaks of this\n"],
}
LOG = {
    "output_type": "stream",
    "name": "stdout",
    "text": ["INFO:tensorflow:Using MirroredStrategy\n"],
}
PATH = {"output_type": "stream", "name": "stdout", "text": ["/home/somebody/file\n"]}


@pytest.fixture
def copy(tmp_path):
    skip = ignore_patterns(
        ".venv",
        ".git",
        ".pytest_cache",
        ".ruff_cache",
        ".mypy_cache",
        "__pycache__",
        "demo",
        "runs",
        "build",
    )
    return copytree(house.ROOT, tmp_path / "copy", ignore=skip)


def append(path, text):
    path.write_text(path.read_text(encoding="utf-8") + text, encoding="utf-8")


def replace(path, old, new):
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


def edit(root, change, name="31_plot"):
    path = root / f"nbs/{name}.ipynb"
    nb = json.loads(path.read_text(encoding="utf-8"))
    change(nb)
    path.write_text(nb2str(nb), encoding="utf-8")


def add_cell(root, source, outputs=(), **changes):
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": "0000",
        "metadata": {},
        "outputs": list(outputs),
    }
    edit(
        root,
        lambda nb: nb["cells"].append(
            cell | {"source": source.splitlines(keepends=True)} | changes
        ),
    )


BREAKS = {
    "unclean notebook": (
        house.clean,
        "is not clean",
        lambda root: add_cell(root, "1 + 1", execution_count=7),
    ),
    "edited module": (
        house.export,
        "differs from its notebook",
        lambda root: append(root / "ebm_nb/plot.py", "\nx = 1\n"),
    ),
    "edited notebook": (
        house.export,
        "differs from its notebook",
        lambda root: add_cell(root, "#| export\nx = 1"),
    ),
    "edited init": (
        house.export,
        "__init__.py differs",
        lambda root: append(root / "ebm_nb/__init__.py", "import keras\n"),
    ),
    "removed notebook": (
        house.export,
        "plot.py has no notebook",
        lambda root: (root / "nbs/31_plot.ipynb").unlink(),
    ),
    "removed module": (
        house.export,
        "plot.py is missing",
        lambda root: (root / "ebm_nb/plot.py").unlink(),
    ),
    "changed README": (
        house.readme,
        "README differs",
        lambda root: append(root / "README.md", "More.\n"),
    ),
    "changed index": (
        house.readme,
        "README differs",
        lambda root: edit(
            root,
            lambda nb: nb["cells"].append(
                {
                    "cell_type": "markdown",
                    "id": "0",
                    "metadata": {},
                    "source": ["More."],
                }
            ),
            "index",
        ),
    ),
    "traceback": (
        house.outputs,
        "is a traceback",
        lambda root: add_cell(root, "f()", [TRACEBACK]),
    ),
    "widget": (
        house.outputs,
        "is a widget",
        lambda root: add_cell(root, "f()", [WIDGET]),
    ),
    "widget state": (
        house.outputs,
        "holds widget state",
        lambda root: edit(root, lambda nb: nb["metadata"].update(widgets={})),
    ),
    "path": (
        house.outputs,
        "/home/somebody/file",
        lambda root: add_cell(root, "f()", [PATH]),
    ),
    "big notebook": (
        house.outputs,
        "over 1 MB",
        lambda root: add_cell(root, "#" * 1_000_001),
    ),
    "warning": (
        house.spoken,
        "says nothing of the UserWarning",
        lambda root: add_cell(root, "f()", [WARNING]),
    ),
    "log": (
        house.spoken,
        "says nothing of the INFO:tensorflow",
        lambda root: add_cell(root, "f()", [LOG]),
    ),
    "long line of code": (
        house.columns,
        "over 88 columns",
        lambda root: add_cell(root, f"x = '{'long' * 22}'"),
    ),
    "long line of code in the text": (
        house.columns,
        "over 88 columns",
        lambda root: edit(
            root,
            lambda nb: nb["cells"][0]["source"].append(f"\n```\n{'long' * 23}\n```\n"),
        ),
    ),
    "wrong direction": (
        house.imports,
        "may not import ebm_nb.images",
        lambda root: append(
            root / "ebm_nb/langevin.py", "from .images import load_images\n"
        ),
    ),
    "importing cli": (
        house.imports,
        "may not import ebm_nb.cli",
        lambda root: append(root / "ebm_nb/plot.py", "from ebm_nb import cli\n"),
    ),
    "TensorFlow in plot": (
        house.imports,
        "may not import tensorflow",
        lambda root: append(root / "ebm_nb/plot.py", "import tensorflow as tf\n"),
    ),
    "private name imported": (
        house.private,
        "uses _kept of another module",
        lambda root: append(root / "ebm_nb/log_z.py", "from .sampling import _kept\n"),
    ),
    "private name reached for": (
        house.private,
        "uses sampling._kept of another module",
        lambda root: append(
            root / "ebm_nb/log_z.py", "from . import sampling\nsampling._kept\n"
        ),
    ),
    "private name under another name": (
        house.private,
        "uses _kept of another module",
        # the second import has the same new name, and must not hide the first
        lambda root: append(
            root / "ebm_nb/log_z.py",
            "from .sampling import _kept as kept\nfrom .langevin import fold as kept\n",
        ),
    ),
    "private name of a module under another name": (
        house.private,
        "uses walks._kept of another module",
        lambda root: append(
            root / "ebm_nb/log_z.py", "import ebm_nb.sampling as walks\nwalks._kept\n"
        ),
    ),
    "private name by its full path": (
        house.private,
        "uses ebm_nb.sampling._kept of another module",
        lambda root: append(
            root / "ebm_nb/log_z.py", "import ebm_nb.sampling\nebm_nb.sampling._kept\n"
        ),
    ),
    "permission that nobody uses": (
        house.rows,
        "MAY_IMPORT permits swish to import backend, which it does not",
        lambda root: replace(root / "ebm_nb/swish.py", "backend", "kinds"),
    ),
    "row without a module": (
        house.rows,
        "MAY_IMPORT has a row for plot, which is no module",
        lambda root: (root / "ebm_nb/plot.py").unlink(),
    ),
    "long module": (
        house.rooms,
        "plot.py has 1",
        lambda root: append(root / "ebm_nb/plot.py", "# more\n" * 1000),
    ),
    "stub left behind": (
        house.stub,
        "__init__.pyi is not up to date",
        lambda root: append(
            root / "ebm_nb/__init__.pyi", "from .energy import nothing as nothing\n"
        ),
    ),
    "undeclared import": (
        house.imports,
        "imports nbdev",
        lambda root: append(root / "ebm_nb/plot.py", "import nbdev.showdoc\n"),
    ),
    "import star": (
        house.ruff,
        "F403",
        lambda root: add_cell(root, "from math import *"),
    ),
    "undefined name": (
        house.ruff,
        "F821",
        lambda root: add_cell(root, "print(nowhere_defined)"),
    ),
    "undefined name in a test": (
        house.ruff,
        "F821",
        lambda root: append(root / "tests/conftest.py", "print(nowhere_defined)\n"),
    ),
    "wrong call": (
        house.annotations,
        'incompatible type "str"; expected "float"',
        lambda root: append(
            root / "ebm_nb/swish.py", '\n\nsteep = swish([0.5], beta="steep")\n'
        ),
    ),
    "second place for versions": (
        house.requirements,
        "keras>=3",
        lambda root: append(root / "Makefile", "# keras>=3\n"),
    ),
}


@pytest.mark.parametrize("name", BREAKS)
def test_break_is_found(name, copy):
    check, sentence, spoil = BREAKS[name]
    assert sentence not in "\n".join(check(copy))
    spoil(copy)
    assert sentence in "\n".join(check(copy))


def test_failing_cell_is_found(copy):
    add_cell(copy, "assert 1 + 1 == 3")
    passed, output, _ = run_chapter(copy / "nbs/31_plot.ipynb")
    assert not passed and "AssertionError" in output


def test_endless_cell_is_stopped(copy):
    edit(copy, lambda nb: nb["cells"].clear())
    add_cell(copy, "import subprocess\nsubprocess.run(['sleep', '600'])")
    passed, output, seconds = run_chapter(copy / "nbs/31_plot.ipynb", limit=8)
    assert not passed and "longer than its limit" in output and seconds < 60
