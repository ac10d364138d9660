"""Tests that can fail: each mistake of tests/mutants.py, put into a copy of the
checkout, makes a cell of its chapter fail.
"""

import json
from shutil import copytree, ignore_patterns

import house
import pytest
from mutants import CHAPTERS, MUTANTS
from warm import Warm


def test_mutants_fit():
    "Each old text stands in its module exactly once, and the mutant is Python."
    names = [(mutant.module, mutant.name) for mutant in MUTANTS]
    assert len(set(names)) == len(names)
    for mutant in MUTANTS:
        source = (house.ROOT / f"ebm_nb/{mutant.module}.py").read_text(encoding="utf-8")
        assert source.count(mutant.old) == 1 and mutant.old != mutant.new, mutant
        compile(source.replace(mutant.old, mutant.new), mutant.name, "exec")


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    skip = ignore_patterns(".*", "__pycache__", "demo", "docs", "runs", "build")
    root = tmp_path_factory.mktemp("mutants") / "copy"
    return copytree(house.ROOT, root, ignore=skip)


@pytest.fixture(scope="module")
def warm(copy):
    warm = Warm(copy)
    yield warm
    warm.end()


def notebook(root, module):
    return root / f"nbs/{CHAPTERS[module]}.ipynb"


@pytest.fixture(scope="module")
def sound(copy, warm):
    "Whether a module's chapter passes as it is; looked at once."
    seen = {}

    def look(module):
        if module not in seen:
            seen[module] = warm.passes(notebook(copy, module))
        assert seen[module], f"{CHAPTERS[module]} fails without a mutant, too"

    return look


def mutate(root, mutant):
    """Into the module, which other modules import, and into the chapter, which defines
    the same in its exported cells.
    """
    module = root / f"ebm_nb/{mutant.module}.py"
    text = module.read_text(encoding="utf-8")
    module.write_text(text.replace(mutant.old, mutant.new), encoding="utf-8")
    path, found = notebook(root, mutant.module), 0
    book = json.loads(path.read_text(encoding="utf-8"))
    for cell in book["cells"]:
        source = "".join(cell["source"])
        if source.startswith("#| export") and mutant.old.strip("\n") in source + "\n":
            # the module's last line of a cell ends in a newline, the cell's may not
            source = (source + "\n").replace(mutant.old, mutant.new)
            cell["source"], found = source.splitlines(keepends=True), found + 1
    path.write_text(json.dumps(book), encoding="utf-8")
    assert found == 1


@pytest.mark.mutants
@pytest.mark.parametrize(
    "mutant", MUTANTS, ids=[f"{mutant.module}: {mutant.name}" for mutant in MUTANTS]
)
def test_mutant_is_caught(mutant, copy, warm, sound):
    sound(mutant.module)
    paths = copy / f"ebm_nb/{mutant.module}.py", notebook(copy, mutant.module)
    whole = [path.read_bytes() for path in paths]
    try:
        mutate(copy, mutant)
        caught = not warm.passes(paths[1])
    finally:
        for path, data in zip(paths, whole):
            path.write_bytes(data)
    assert caught, f"no cell of {CHAPTERS[mutant.module]} fails"
