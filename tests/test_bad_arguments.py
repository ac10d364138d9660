"""Wrong arguments of the functions that others may rely on: one sentence, or a right result. Files and commands: test_bad_input.py."""
import functools
from dataclasses import asdict

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from test_bad_input import MANY, attempt

SMALL = st.one_of(st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=5), st.lists(st.integers(-3, 3), max_size=3))
WRONG = st.one_of(SMALL, st.sampled_from([float("nan"), float("inf"), -1, 0, 2.5, "text", {}, (1, 2, 3), (2.0, 1.0), ("a", "b"), object]),
                  st.sampled_from([np.zeros(()), np.zeros(2), np.array(["a", "b"]), np.array([None, 1])]))
STARTS = st.sampled_from([np.zeros(()), np.zeros((0, 2), "float32"), np.zeros(2, "float32"), np.zeros((2, 2), complex),
                          np.zeros((2, 2), int), np.full((2, 2), np.nan, "float32"), np.full((2, 2), 1e30, "float32"),
                          np.array([["a", "b"]]), np.zeros((2, 2, 2))])


def bowl(x):
    import tensorflow as tf
    return tf.reduce_sum(x**2, axis=tuple(range(1, len(x.shape))))


@functools.cache
def functions():
    "Name: the function and arguments that it likes."
    from ebm_nb import contrastive_divergence as cd, energy, langevin, replay
    walk = {"energy": bowl, "x0": np.zeros((2, 2), "float32"), "steps": 2, "step_size": 0.1, "bounds": (-1.0, 1.0), "seed": 0}
    kernel = {**walk, "noise_scale": 0.1, "grad_clip": 1.0, "settle": 5}
    model = {"energy": energy.energy_mlp(2, (4,)), "recipe": cd.Recipe(batch_size=2, capacity=4), "seed": 0}
    return {"sample": (langevin.sample, {**kernel, "batch_size": 512}),
            "sample_trajectory": (langevin.sample_trajectory, {**kernel, "keep": 2}),
            "sample_mala": (langevin.sample_mala, {**walk, "temperature": 1.0}), "Recipe": (cd.Recipe, asdict(cd.STABLE)),
            "EnergyModel": (cd.EnergyModel, model), "energy_mlp": (energy.energy_mlp, {"dim": 2, "units": (4,)}),
            "load_pretrained": (energy.load_pretrained, {"name": "digits"}),
            "ReplayBuffer": (functools.partial(replay.ReplayBuffer, (2,)), {"capacity": 4, "fresh": 0.1})}


@pytest.mark.parametrize("name", ["sample", "sample_trajectory", "sample_mala", "Recipe", "EnergyModel", "energy_mlp", "load_pretrained",
                                  "ReplayBuffer"])
@settings(MANY, max_examples=100)
@given(data=st.data())
def test_arguments(name, data):
    function, good = functions()[name]
    argument = data.draw(st.sampled_from(sorted(good)))
    value = data.draw(st.one_of(WRONG, STARTS) if argument == "x0" else WRONG)
    finite = lambda out: not isinstance(out, np.ndarray) or (out.shape == np.shape(good["x0"] if argument != "x0" else value)
                                                             and np.isfinite(out).all())
    attempt(lambda: function(**{**good, argument: value}), finite, "arguments")
