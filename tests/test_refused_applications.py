"""Scores, masks, pulls and sums of energies that can't be right are refused, in one
sentence that says what was expected.
"""

import numpy as np
import pytest
import tensorflow as tf
from ebm_nb.applications import (
    auroc,
    denoise,
    either,
    inpaint,
    outlier_scores,
    product,
)
from ebm_nb.langevin import Langevin

IMAGES = np.zeros((2, 32, 32, 1), "float32")
EVERYWHERE = np.ones((32, 32, 1), bool)


def dark(x):
    return tf.reduce_mean(x**2, axis=[1, 2, 3])


def nowhere(x):
    return dark(x) * np.nan


REFUSED = {
    "no inliers": (lambda: auroc([], [1.0]), "inside must be"),
    "no outliers": (lambda: auroc([1.0], []), "outside must be"),
    "a score that is no number": (lambda: auroc([np.nan], [1.0]), "inside must be"),
    "an infinite score": (lambda: auroc([1.0], [np.inf]), "outside must be"),
    "a mask of floats": (
        lambda: inpaint(dark, IMAGES, np.ones((32, 32, 1))),
        "True or False",
    ),
    "a mask of another shape": (
        lambda: inpaint(dark, IMAGES, np.ones((28, 28, 1), bool)),
        "expected known as True or False of a shape like",
    ),
    "a mask with more images": (
        lambda: inpaint(dark, IMAGES, np.ones((3, 2, 32, 32, 1), bool)),
        "expected known as True or False of a shape like",
    ),
    "known pixels out of bounds": (
        lambda: inpaint(dark, IMAGES + 2, EVERYWHERE),
        "known pixels of x must lie within the bounds",
    ),
    "a hole without bounds": (
        lambda: inpaint(dark, IMAGES, ~EVERYWHERE, sampler=Langevin(0.1, 0.1)),
        "bounds of the sampler must be",
    ),
    "a negative pull": (lambda: denoise(dark, IMAGES, pull=-1.0), "pull"),
    "noise out of bounds": (lambda: denoise(dark, IMAGES + 2), "within the bounds"),
    "a product of nothing": (lambda: product(), "one energy or more"),
    "one of nothing": (lambda: either(), "one energy or more"),
    "a weight too many": (
        lambda: product(dark, weights=[1.0, 2.0]),
        "one weight for each, got 1 energies and 2 weights",
    ),
    "a weight that is no number": (
        lambda: product(dark, weights=[np.nan]),
        "weights must be",
    ),
    "NaN to score": (lambda: outlier_scores(dark, IMAGES * np.nan), "NaN"),
    "scores of NaN": (lambda: outlier_scores(nowhere, IMAGES), "NaN"),
    "whole numbers to score": (
        lambda: outlier_scores(dark, IMAGES.astype("uint8")),
        "to_images",
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    call, message = REFUSED[what]
    with pytest.raises(ValueError, match=message) as refused:
        call()
    assert "\n" not in str(refused.value)


def test_what_stands_in_a_hole_may_be_anything():
    "It is not looked at, beyond the bounds too."
    known = EVERYWHERE & (np.arange(32)[:, None, None] < 16)
    x = np.where(known, IMAGES, np.float32(9.0))
    found = inpaint(dark, x, known, 3)
    assert np.array_equal(found[:, known], IMAGES[:, known])
    assert np.abs(found).max() <= 1
