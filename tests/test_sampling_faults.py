"""Ways to sample that once ended silently wrong, or in an error of TensorFlow's."""

import gc
import warnings
from dataclasses import dataclass

import numpy as np
import pytest
import tensorflow as tf
from ebm_nb.applications import denoise
from ebm_nb.langevin import Langevin, energy_and_grad
from ebm_nb.mala import MALA
from ebm_nb.log_z import ais
from ebm_nb.priors import normal_prior
from ebm_nb.graphs import Compiled
from ebm_nb.sampling import sample, sample_trajectory
from ebm_nb.scale import make_strategy, sample_sharded

START = np.full((200, 2), 0.3, "float32")
PLAIN = Langevin(0.01, 0.1, bounds=(-1.0, 1.0))


def square(x):
    return tf.reduce_sum(x**2, axis=1)


@dataclass
class Spring:
    "An energy with an attribute; a plain dataclass can't be hashed."

    k: float = 1.0

    def __call__(self, x):
        return self.k * square(x)


def plain(energy):
    return sample(energy, START, 100, PLAIN)


def traced(energy):
    return sample_trajectory(energy, START, 100, PLAIN, keep=2).x[-1]


def metropolis(energy):
    return sample(energy, START, 100, MALA(0.02))


def sharded(energy):
    return sample_sharded(make_strategy(), energy, START, 100, PLAIN)


def annealed(energy):
    return ais(energy, normal_prior((2,)), n=8, betas=10).x


WALKS = [plain, traced, metropolis, sharded, annealed]


@pytest.mark.parametrize("walk", WALKS)
def test_changed_energy(walk):
    "An attribute or an entry that changed between two calls is heeded."
    spring, entries = Spring(), [1.0]
    listed = lambda x: entries[0] * square(x)
    before = walk(spring), walk(listed)
    spring.k = entries[0] = 9.0
    assert not np.array_equal(walk(spring), before[0])
    assert np.array_equal(walk(spring), walk(listed))


def test_compiled_says_what_it_freezes():
    "Numbers of Python's are frozen, variables are not."
    spring = Spring()
    kept = Compiled(spring)
    before = plain(kept)
    spring.k = 9.0
    assert np.array_equal(plain(kept), before)
    stiffness = tf.Variable(1.0)
    kept = Compiled(lambda x: stiffness * square(x))
    assert np.array_equal(plain(kept), before)
    stiffness.assign(9.0)
    # not to the last bit: of a constant TensorFlow makes another graph
    assert np.allclose(plain(kept), plain(spring), atol=1e-6)


@pytest.mark.parametrize("walk", WALKS)
def test_not_finite(walk):
    "An energy that turns NaN on the way ends in a sentence, or in a warning of MALA's."
    broken = lambda x: tf.where(x[:, 0] > 0.25, np.nan, 1.0) * square(x)
    if walk is metropolis:
        with pytest.warns(UserWarning, match="0.00% were accepted"):
            walk(broken)
    else:
        with pytest.raises(ValueError, match="finite"):
            walk(broken)


def test_explodes():
    "A step too large for the energy, with nothing clipped."
    wild = Langevin(1.5, 0.1)
    with pytest.raises(ValueError, match="left the finite numbers"):
        sample(square, START, 1000, wild)
    with pytest.raises(ValueError, match="left the finite numbers"):
        denoise(square, START, pull=0.1, steps=1000, sampler=wild)


def test_nothing_accepted():
    with pytest.warns(UserWarning, match="take a step_size below 50"):
        sample(lambda x: 10 * square(x), START, 50, MALA(50.0))


def test_stuck():
    with pytest.warns(UserWarning, match="on one of the bounds"):
        sample(lambda x: -50 * square(x), START, 100, PLAIN)
    apart = np.linspace(-0.5, 0.5, 8, dtype="float32").reshape(4, 2)
    with pytest.warns(UserWarning, match="all equal"):
        sample(square, apart, 3, Langevin(0.5, 0.0))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sample(square, apart, 3, PLAIN)


@pytest.mark.parametrize("number", [np.asarray, np.float32, np.float64])
def test_numbers_of_numpy(number):
    "They are the numbers that they are, in an array without axes, too."
    rounded = Langevin(number(0.25), number(0.125), settle=number(3))
    assert rounded == Langevin(0.25, 0.125, settle=3)
    assert type(rounded.step_size) is float
    kept = sample(square, START, np.int64(5), rounded, seed=np.uint8(200))
    assert np.array_equal(kept, sample(square, START, 5, rounded, seed=200))
    for wrong in (True, np.True_, np.array(True), "5", np.array([5]), 5.5):
        with pytest.raises(ValueError, match="^steps must be a whole number"):
            sample(square, START, wrong, PLAIN)
        if not isinstance(wrong, float):
            with pytest.raises(ValueError, match="^step_size must be a finite number"):
                Langevin(wrong, 0.1)


def no_return(x):
    square(x)


def in_numpy(x):
    return np.sum(np.asarray(x) ** 2, axis=1)


@pytest.mark.parametrize(
    "energy, words", [(no_return, "got None"), (in_numpy, "not from NumPy's")]
)
def test_odd_energies(energy, words):
    for act in (plain, traced, lambda energy: energy_and_grad(energy, tf.ones((1, 2)))):
        with pytest.raises(ValueError, match=words) as caught:
            act(energy)
        assert "\n" not in str(caught.value)


def test_many_batch_sizes():
    "One graph serves all; TensorFlow does not warn of retracing, and nothing grows."
    traces = []

    @Compiled
    def counted(x):
        traces.append(x)
        return square(x)

    for n in range(1, 60):
        sample(counted, START[:n], 2, PLAIN)
    assert len(traces) == 1 + 2  # a loop, and a loop for each half from 32 chains on
    gc.collect()
    before = len(gc.get_objects())
    for n in range(1, 30):
        sample(square, START[:n], 2, PLAIN)
    gc.collect()
    assert len(gc.get_objects()) - before < 2000


def test_warnings_name_this_file():
    "The line of the caller, not one of the package."
    steep = lambda x: 1e3 * square(x)
    with pytest.warns(UserWarning) as caught:
        sample(steep, START, 3)
        sample_trajectory(steep, START, 3)
        sample(steep, START, 50, MALA(50.0))
        sample_sharded(make_strategy(), lambda x: -50 * square(x), START, 100, PLAIN)
    assert len(caught) >= 4
    assert {warning.filename for warning in caught} == {__file__}
