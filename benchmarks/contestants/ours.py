"""ebm_nb from Python, with TensorFlow's default threads."""

import time
from dataclasses import asdict

import keras
import numpy as np
import tensorflow as tf

from ebm_nb import sampling
from ebm_nb.stream import batches
from ebm_nb.energy import energy_cnn
from ebm_nb.files import load_pretrained
from ebm_nb.langevin import Langevin
from ebm_nb.recipe import BOOK, STABLE, recipe_of
from ebm_nb.training import EnergyModel

energy = load_pretrained("mnist")


def write_weights(folder):
    "What every contestant starts from: our weights and our recipes."
    names = [f"{i:02d}" for i in range(len(energy.trainable_variables))]
    np.savez(
        folder / "weights.npz",
        **{
            name: weight.numpy()
            for name, weight in zip(names, energy.trainable_variables)
        },
    )
    return {"BOOK": asdict(BOOK), "STABLE": asdict(STABLE)}


def load(folder):
    pass  # the weights are ours


def versions():
    return {"TensorFlow": tf.__version__, "Keras": keras.__version__}


def energies(x):
    return energy(x).numpy()


def sample(x, steps, chain):
    sampler = Langevin(**{**chain, "bounds": tuple(chain["bounds"])})
    return sampling.sample(energy, x, steps, sampler, batch_size=len(x))


def trainer(recipe, images):
    network = energy_cnn()
    network.set_weights(energy.get_weights())
    model = EnergyModel(network, recipe_of(recipe))
    model.compile()
    data = iter(batches(images, recipe["batch_size"]))
    step = model.make_train_function() or model.train_function
    return lambda: step(data)["loss"].numpy()


def matmul(n):
    "GFLOP/s of a large matrix product."
    a = tf.random.normal([n, n])
    tf.matmul(a, a).numpy()
    start = time.perf_counter()
    tf.matmul(a, a).numpy()
    return 2e-9 * n**3 / (time.perf_counter() - start)
