"""Energies, grids, networks and chains that can't be right are refused, in one sentence
that says what was expected.
"""

import numpy as np
import pytest
import tensorflow as tf

import ebm_nb as ebm
from ebm_nb.boltzmann import (
    double_well,
    exact_samples,
    grid,
    harmonic,
    log_z,
    mixture,
    ring,
    score,
)
from ebm_nb.replay import ReplayBuffer
from ebm_nb.swish import swish

LINE = grid(-3, 3, 60)
NOISE = np.zeros((2, 32, 32, 1), "float32")


def column(x):
    return harmonic(x)[:, None]


def nowhere(x):
    return harmonic(x) * np.nan


REFUSED = {
    "points without an axis": (lambda: harmonic([1.0, 2.0]), "floats of shape"),
    "whole numbers": (lambda: harmonic([[1, 2]]), "floats of shape"),
    "a tilt that is no number": (
        lambda: double_well([[0.0]], tilt=np.nan),
        "tilt must be a finite number, got nan",
    ),
    "means of another width": (lambda: mixture([[1.0]]), "1 coordinates"),
    "a ring without width": (lambda: ring([[1.0, 1.0]], width=0), "width"),
    "a negative scale": (lambda: mixture([[1.0, 1.0]], scale=-1), "scale"),
    "a column of energies": (lambda: log_z(column, LINE), "one number for each point"),
    "energies that are no numbers": (lambda: log_z(nowhere, LINE), "NaN"),
    "no temperature": (lambda: log_z(harmonic, LINE, 0), "temperature must be a fin"),
    "ends in the wrong order": (lambda: grid(1, -1, 10), "below high"),
    "an infinite end": (lambda: grid(0, np.inf, 10), "high"),
    "half a cell": (lambda: grid(0, 1, 2.5), "n must"),
    "cells without number": (lambda: grid(-1, 1, 10, dim=1024), "10\\^1024"),
    "no samples": (lambda: exact_samples(harmonic, LINE, 0), "n must be a whole"),
    "the score of an integer": (lambda: score(harmonic, [[1]]), "floats"),
    "the score of a vector": (lambda: score(lambda x: x, [[1.0]]), "to \\(B,\\)"),
    "swish of integers": (lambda: swish([1, 2]), "floats"),
    "a negative beta": (lambda: swish([1.0], -1), "at least 0"),
    "an image that can't be halved": (
        lambda: ebm.energy_cnn((28, 28, 1)),
        "multiples of 16",
    ),
    "an image without channels": (lambda: ebm.energy_cnn((32, 32)), "multiples of 16"),
    "no width": (lambda: ebm.energy_cnn(width=0), "width"),
    "no classes": (lambda: ebm.energy_cnn(classes=0), "classes"),
    "points without coordinates": (lambda: ebm.energy_mlp(0), "dim"),
    "more than all fresh": (
        lambda: ReplayBuffer((1,), fresh=1.5),
        "fresh must be a finite number from 0 to 1",
    ),
    "energies of each row": (
        lambda: ebm.sample(lambda x: tf.reduce_sum(x, axis=[1, 2]), NOISE, 5),
        "got the shape \\(2, 1\\)",
    ),
    "one energy for all": (
        lambda: ebm.sample(lambda x: tf.reduce_sum(x), NOISE, 5),
        "got the shape \\(\\)",
    ),
    "an energy that does not depend on x": (
        lambda: ebm.sample(lambda x: tf.zeros([2]), NOISE, 5),
        "no gradient",
    ),
    "chains out of bounds": (
        lambda: ebm.sample(lambda x: x[:, 0, 0, 0], NOISE + 2, 5),
        "within the bounds",
    ),
    "negative noise": (lambda: ebm.Langevin(0.1, -1.0), "noise_scale"),
    "no temperature for MALA": (lambda: ebm.MALA(0.1, temperature=0.0), "temperature"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    call, message = REFUSED[what]
    with pytest.raises(ValueError, match=message):
        call()


def test_far_points_have_energies():
    far = [[1e4, -1e4]]  # energies of 1e8 and more: still numbers
    assert all(np.isfinite(energy(far)).all() for energy in (harmonic, mixture, ring))


def test_a_clipped_gradient_is_told():
    with pytest.warns(UserWarning, match="gradient entries were clipped"):
        ebm.sample(harmonic, np.full((4, 1), 0.9, "float32"), 10)
