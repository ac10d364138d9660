"What the benchmarks measure with is still what the package takes."

import importlib

import house
import pytest

SCRIPTS = sorted(path.stem for path in (house.ROOT / "benchmarks").glob("*.py"))


@pytest.fixture
def load(monkeypatch):
    monkeypatch.syspath_prepend(house.ROOT / "benchmarks")
    return importlib.import_module


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_is_imported(load, script):
    assert callable(load(script).main)


def test_each_lever_is_a_recipe(load):
    ablation = load("ablation")
    for lever in ablation.LEVERS:
        recipe, batches = ablation.recipe_of(lever, 2000)
        assert recipe.chain_steps * batches > 0
