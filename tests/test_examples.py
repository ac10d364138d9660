"The examples in docstrings run, and print what they say."

import doctest
import importlib

import house
import pytest

MODULES = [path.stem for path in house.modules(house.ROOT)]


def examples(module):
    "(name, example) of the public names of a module, methods among them."
    found = importlib.import_module(f"ebm_nb.{module}")
    finder = doctest.DocTestFinder(recurse=False, exclude_empty=True)
    for name in found.__all__:
        value, globs = getattr(found, name), vars(found).copy()
        if callable(value):
            yield from finder.find(value, f"{module}.{name}", globs=globs)


@pytest.mark.parametrize("module", MODULES)
def test_examples(module):
    runner = doctest.DocTestRunner(optionflags=doctest.ELLIPSIS)
    for example in examples(module):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0


def test_there_are_examples():
    told = [one.name for name in MODULES for one in examples(name) if one.examples]
    assert "sampling.sample" in told
