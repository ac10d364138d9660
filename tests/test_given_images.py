"""Images as people have them, given to whatever takes images: each kind works, or is
refused in one sentence whose remedy works.
"""

from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf
from ebm_nb.applications import denoise, either, inpaint, outlier_scores, product
from ebm_nb.energy import energy_cnn
from ebm_nb.images import to_images
from ebm_nb.langevin import Langevin
from ebm_nb.pictures import image_grid
from ebm_nb.recipe import STABLE
from ebm_nb.sampling import sample, sample_trajectory
from ebm_nb.training import EnergyModel

GREY = np.random.default_rng(0).integers(0, 256, (6, 32, 32, 1), "uint8")
FLOATS = to_images(GREY)
GIVEN = {
    "uint8, 28 pixels": GREY[:, 2:30, 2:30, 0],
    "uint8, 32 pixels": GREY,
    "float64": FLOATS.astype("float64"),
    "float16": FLOATS.astype("float16"),
}
# without noise, so that two types of numbers can be compared
WALK = {"steps": 2, "sampler": Langevin(10.0, 0.0, grad_clip=0.03, bounds=(-1.0, 1.0))}
TINY = replace(STABLE, batch_size=4, capacity=8, chain_steps=1)


@pytest.fixture(scope="module")
def energy():
    keras.utils.set_random_seed(0)
    return energy_cnn((32, 32, 1), width=1)


def dark(x):
    "A wish, computed in the type of x; a network answers in float32."
    return tf.reduce_mean(x**2, axis=[1, 2, 3])


def walked(energy, x):
    return sample(energy, x, **WALK)


def recorded(energy, x):
    return sample_trajectory(energy, x, **WALK, keep=2).x[-1]


def mended(energy, x):
    return denoise(energy, x, pull=0.1, **WALK)


def filled(energy, x):
    return inpaint(energy, x, np.arange(np.shape(x)[2])[:, None] < 16, **WALK)


def of_both(energy, x):
    return sample(product(dark, energy, weights=[2.0, 1.0]), x, **WALK)


def of_one(energy, x):
    return sample(either(dark, energy), x, **WALK)


def drawn(energy, x):
    return image_grid(x).axes[0].images[0].get_array().filled(0)


def trained(energy, x):
    model = EnergyModel(keras.models.clone_model(energy), TINY)
    model.energy.set_weights(energy.get_weights())
    model.compile()
    model.fit(x, steps_per_epoch=1, verbose=0)
    return model.averaged(x)


USES = [
    walked,
    recorded,
    mended,
    filled,
    of_both,
    of_one,
    outlier_scores,
    drawn,
    trained,
]


def remedy(use, x):
    "Words of the refusal and what they tell to do; None where x is taken as it is."
    if x.dtype == np.uint8:
        return "ebm_nb.to_images turns grey levels into floats", to_images
    if use is trained:
        return "convert it with np.float32(x)", np.float32
    return None


@pytest.mark.parametrize("name", GIVEN)
@pytest.mark.parametrize("use", USES, ids=lambda use: use.__name__)
def test_given(use, name, energy):
    x = GIVEN[name]
    if told := remedy(use, x):
        words, mend = told
        with pytest.raises(ValueError) as caught:
            use(energy, x)
        message = str(caught.value)
        assert words in message and message.count(". ") == message.count("\n") == 0
        x = mend(x)
    found, expected = np.asarray(use(energy, x)), np.asarray(use(energy, np.float32(x)))
    assert np.isfinite(found).all()
    assert np.allclose(found, expected, atol=5e-3)  # float16 has three digits


def test_every_score_is_infinite(energy):
    "Floats from 0 to 255 have a score, and it says nothing."
    with pytest.warns(UserWarning, match=r"bounds \(-1.0, 1.0\).*rescale"):
        assert np.isinf(outlier_scores(energy, GREY.astype("float32"))).all()


def test_images_keep_their_type():
    "They do where the energy answers in another."
    x = np.full((2, 3), 0.5)
    found = denoise(
        lambda x: tf.cast(tf.reduce_sum(x**2, axis=1), tf.float32),
        x,
        pull=2.0,
        steps=200,
        sampler=Langevin(0.1, 0.0),
    )
    assert found.dtype == np.float64 and np.allclose(found, 0.25, atol=1e-6)
