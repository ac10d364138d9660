"""Faults of a training that once passed as successes, or ended in many lines: each is
one sentence now, or a warning that loses nothing.
"""

import os
import re
import warnings
from dataclasses import replace

import keras
import numpy as np
import pytest
import tensorflow as tf

from ebm_nb.energy import energy_cnn, energy_mlp
from ebm_nb.checkpoints import Progress, Stopped, load_checkpoint, save_checkpoint
from ebm_nb.monitor import HealthMonitor, changing, restore, slow_down, snapshot
from ebm_nb.runs import train
from ebm_nb.recipe import BOOK, Recipe
from ebm_nb.training import EnergyModel

RECIPE = Recipe(
    batch_size=8,
    chain=replace(BOOK.chain, step_size=0.1),
    chain_steps=2,
    capacity=16,
    learning_rate=1e-3,
    alpha=0.0,
)
POINTS = np.random.default_rng(0).uniform(-1, 1, (32, 2)).astype("float32")


def model_of(recipe=RECIPE, energy=None, compiled=True, **settings):
    keras.utils.set_random_seed(0)
    model = EnergyModel(energy or energy_mlp(2, (8,)), recipe)
    if compiled:
        model.compile(**settings)
    return model


def dataset(x, size=8):
    data = tf.data.Dataset.from_tensor_slices(x)
    return data.batch(size) if size else data


def refused(action, words):
    "One sentence on one line, in which the words stand."
    with pytest.raises(ValueError, match=words) as caught:
        action()
    text = str(caught.value)
    assert "\n" not in text and text.endswith(".") and not re.search(r"\. [A-Z]", text)


# ends that are no successes


def with_nan(row):
    x = POINTS.copy()
    x[row] = np.nan
    return x


def test_nan_in_a_later_batch():
    refused(lambda: model_of().fit(dataset(with_nan(20)), verbose=0), "not finite.*NaN")


def test_nan_in_a_later_batch_of_the_validation():
    fit = lambda: model_of().fit(
        POINTS, validation_data=dataset(with_nan(20)), verbose=0
    )
    refused(fit, r"not finite \(val_cdiv, val_real\)")


def test_nan_that_arises():
    wild = replace(RECIPE, learning_rate=1e30)
    fit = lambda: model_of(wild).fit(POINTS, epochs=3, verbose=0)
    refused(fit, "not finite.*learning_rate or its chain's step_size")


def test_nan_that_the_monitor_mends():
    model, monitor = model_of(), HealthMonitor(every=1, warm_up=100)
    data = dataset(with_nan(20)).repeat()
    model.fit(data, steps_per_epoch=4, callbacks=[monitor], verbose=0)
    assert monitor.said and all(np.isfinite(value).all() for value in snapshot(model))


# a Dataset is looked at as an array is

STRANGE = {
    "bounds": (dataset(2 * POINTS), "from -1 to 1"),
    "nan": (dataset(with_nan(0)), "finite"),
    "pairs": (dataset((POINTS, POINTS)), "one of a tuple"),
    "names": (dataset({"x": POINTS}), "one of a dict"),
    "no batches": (dataset(POINTS, 0), r"one of float32 \(2,\)"),
    "float64": (dataset(POINTS.astype("float64")), "one of float64"),
    "whole numbers": (dataset(POINTS.astype("int32")), "one of int32"),
    "width": (dataset(np.zeros((8, 3), "float32")), r"\(B, 2\), got.*\(None, 3\)"),
    "empty": (dataset(POINTS[:0]), "empty"),
    "unknown shape": (
        dataset(np.zeros((8, 3), "float32")).map(
            lambda x: tf.ensure_shape(
                tf.py_function(lambda x: x, [x], tf.float32), None
            )
        ),
        r"got float32 \(8, 3\)",
    ),
}


@pytest.mark.parametrize("name", STRANGE)
@pytest.mark.parametrize("where", ["fit", "validation", "evaluate"])
def test_strange_dataset(name, where):
    (data, words), model = STRANGE[name], model_of()
    action = {
        "fit": lambda: model.fit(data, verbose=0),
        "validation": lambda: model.fit(POINTS, validation_data=data, verbose=0),
        "evaluate": lambda: model.evaluate(data, verbose=0),
    }[where]
    refused(action, words)
    assert int(model.optimizer.iterations) == 0


def test_strange_array_to_evaluate():
    refused(lambda: model_of().evaluate(2 * POINTS, verbose=0), "from -1 to 1")


@pytest.mark.parametrize(
    "data, size",
    [
        (dataset(POINTS, 32), None),
        (dataset(POINTS, 32).take(1).cache().batch(1).unbatch(), None),
        (POINTS, 32),
    ],
    ids=["Dataset", "Dataset of known size", "array"],
)
def test_batch_above_the_buffer(data, size):
    fit = lambda: model_of().fit(data, batch_size=size, verbose=0)
    refused(fit, "the buffer, 16, got 32")


def test_sound_datasets():
    model, passed = model_of(), lambda x: tf.py_function(lambda x: x, [x], tf.float32)
    model.fit(dataset(POINTS), validation_data=dataset(POINTS, 32), verbose=0)
    model.fit(dataset(POINTS, 0).batch(8, drop_remainder=True), verbose=0)
    model.fit(dataset(POINTS).map(passed), verbose=0)
    assert int(model.optimizer.iterations) == 12


# mixed precision


@pytest.fixture
def half():
    keras.mixed_precision.set_global_policy("mixed_float16")
    yield
    keras.mixed_precision.set_global_policy("float32")


def falling(steps=60):
    "A model of points of the corner after some updates."
    recipe = replace(RECIPE, alpha=0.1, learning_rate=1e-2)
    keras.utils.set_random_seed(0)
    model = model_of(recipe, energy_mlp(2, (32,)))
    corner = np.full((64, 2), 0.8, "float32")
    model.fit(corner, steps_per_epoch=steps, validation_data=corner, verbose=0)
    return model


def test_half_trains_as_whole(request):
    whole = falling().history.history["val_cdiv"][-1]
    request.getfixturevalue("half")
    model = falling()
    assert isinstance(model.optimizer, keras.optimizers.LossScaleOptimizer)
    assert int(model.optimizer.iterations) == 60
    assert np.isclose(model.history.history["val_cdiv"][-1], whole, rtol=0.02)


def test_half_is_kept_and_slowed(half, tmp_path):
    model = falling(3)
    before = snapshot(model)
    save_checkpoint(model, tmp_path, Progress(seen=3))
    slow_down(model, 0.5)
    assert np.isclose(model.optimizer.learning_rate, 0.5e-2)
    model.fit(POINTS, steps_per_epoch=3, verbose=0)
    after = snapshot(model)
    restore(model, before)
    assert all(map(np.array_equal, before, snapshot(model)))
    other = model_of(model.recipe, energy_mlp(2, (32,)))
    assert load_checkpoint(other, tmp_path).seen == 3
    assert int(other.optimizer.iterations) == 3
    slow_down(model, 0.5)
    model.fit(POINTS, steps_per_epoch=3, verbose=0)
    assert all(map(np.array_equal, after, snapshot(model)))


def test_half_of_a_plain_rate(half):
    model = model_of(optimizer=keras.optimizers.SGD(1e-3))
    slow_down(model, 0.5)
    assert np.isclose(model.optimizer.learning_rate, 0.5e-3)


# what only decorates


def in_channels(channels):
    recipe = replace(RECIPE, batch_size=4, chain_steps=1)
    shape, rng = (16, 16, channels), np.random.default_rng(0)
    x = rng.uniform(-1, 1, (8, *shape)).astype("float32")
    return model_of(recipe, energy_cnn(shape)), x, x


def test_pictures_of_colours(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        train(*in_channels(3), tmp_path, epochs=1, verbose=0)
    assert {"epoch-001.png", "film.gif"} == {
        path.name for path in (tmp_path / "samples").iterdir()
    }


def test_pictures_of_five_channels(tmp_path):
    """No grid can be drawn of them: a warning, and the checkpoint is there."""
    with pytest.warns(UserWarning, match="goes on without epoch-001.png") as said:
        history = train(*in_channels(5), tmp_path, epochs=1, verbose=0)
    assert len(history) == 1 and all("\n" not in str(one.message) for one in said)
    assert list(tmp_path.glob("checkpoints/*.ckpt"))
    assert {"energy.weights.h5", "history.csv", "training.png"} <= {
        path.name for path in tmp_path.iterdir()
    }


def full(*args, **kwargs):
    raise OSError(28, "No space left on device")


def test_disk_full_of_a_picture(tmp_path, monkeypatch):
    monkeypatch.setattr("ebm_nb.runs.save", full)
    with pytest.warns(UserWarning, match="without training.png.*No space left"):
        train(model_of(), POINTS, POINTS, tmp_path, epochs=1, verbose=0)
    assert list(tmp_path.glob("checkpoints/*.ckpt"))


def test_disk_full_of_a_checkpoint(tmp_path, monkeypatch):
    monkeypatch.setattr("ebm_nb.checkpoints.save_checkpoint", full)
    work = lambda: train(model_of(), POINTS, POINTS, tmp_path, epochs=1, verbose=0)
    refused(work, "No space left on device.*resume")


def test_pictures_of_an_epoch_that_is_the_last_before_a_stop(tmp_path):
    "Asked to stop at the end of an epoch, it draws what belongs to that epoch."
    images = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32")
    model = model_of(
        replace(RECIPE, batch_size=4, chain_steps=1), energy_cnn((16, 16, 1))
    )
    stop = lambda: int(model.optimizer.iterations) == 2
    with pytest.raises(Stopped):
        train(model, images, images, tmp_path, epochs=1, stop=stop, verbose=0)
    assert (tmp_path / "samples/epoch-001.png").exists()
    assert (tmp_path / "training.png").exists()


@pytest.mark.parametrize("lost", ["all", "epoch-002.png", "film.gif", "training.png"])
def test_pictures_that_a_kill_left_out(lost, tmp_path):
    "Resumed at the end of an epoch, a training draws what that epoch still lacks."
    images = np.random.default_rng(0).uniform(-1, 1, (8, 16, 16, 1)).astype("float32")
    small = replace(RECIPE, batch_size=4, chain_steps=1)
    go_on = lambda **settings: train(
        model_of(small, energy_cnn((16, 16, 1))),
        images,
        images,
        tmp_path,
        epochs=2,
        verbose=0,
        **settings,
    )
    go_on()
    pictures = {path: path.read_bytes() for path in tmp_path.rglob("*.[pg][ni][gf]")}
    written = {path: path.stat().st_mtime_ns for path in pictures}
    assert len(pictures) == 4
    go_on(resume=True)  # nothing is missing: nothing is drawn
    assert written == {path: path.stat().st_mtime_ns for path in pictures}
    for path in pictures:
        if lost in ("all", path.name) and path.name != "epoch-001.png":
            path.write_bytes(b"of the epoch before")
            os.utime(path, (0, 0))
    go_on(resume=True)
    assert pictures == {path: path.read_bytes() for path in pictures}


# points without a recipe


def test_points_bring_their_recipe(tmp_path):
    """A training killed after its first epoch takes the same recipe when it goes on,
    and ends as a straight one does.
    """

    def trained(folder, *parts):
        for number, epochs in enumerate(parts):
            keras.utils.set_random_seed(0)
            model = EnergyModel(energy_mlp(2, (8,)))
            model.compile()
            lengths = {"epochs": epochs, "steps_per_epoch": 3}
            train(model, x, x, folder, resume=number > 0, verbose=0, **lengths)
        return snapshot(model)

    x = 5 + 10 * POINTS
    straight, broken = trained(tmp_path / "a", 2), trained(tmp_path / "b", 1, 2)
    assert all(map(np.array_equal, straight, broken))


def test_points_without_a_recipe_and_an_optimizer_of_ones_own():
    model = EnergyModel(energy_mlp(2, (8,)))
    model.compile(keras.optimizers.SGD(1e-3))
    model.fit(POINTS, steps_per_epoch=2, verbose=0)
    assert isinstance(model.optimizer, keras.optimizers.SGD)
    assert model.recipe == Recipe.for_points(POINTS)


# a model that is not compiled, an energy that is none

UNCOMPILED = {
    "changing": lambda model, folder: changing(model),
    "snapshot": lambda model, folder: snapshot(model),
    "restore": lambda model, folder: restore(model, []),
    "slow_down": lambda model, folder: slow_down(model, 0.5),
    "save_checkpoint": lambda model, folder: save_checkpoint(model, folder, Progress()),
    "load_checkpoint": lambda model, folder: load_checkpoint(model, folder),
    "train": lambda model, folder: train(model, POINTS, POINTS, folder),
    "fit": lambda model, folder: model.fit(POINTS, verbose=0),
    "evaluate": lambda model, folder: model.evaluate(POINTS, verbose=0),
}


@pytest.mark.parametrize("name", UNCOMPILED)
def test_not_compiled(name, tmp_path):
    model = model_of(compiled=False)
    refused(lambda: UNCOMPILED[name](model, tmp_path), r"model\.compile\(\)")


class Made(keras.Model):
    "An energy of one's own, from a function."

    def __init__(self, function):
        super().__init__()
        self.function, self.layer = function, keras.layers.Dense(1)

    def call(self, x):
        return self.function(self.layer(x))


def fails(x):
    raise RuntimeError("the seventh weight is missing")


SPOILT = {
    "returns nothing": (lambda x: None, "got None.*return"),
    "computes in NumPy": (lambda x: np.sum(x, axis=1), "must return a tensor"),
    "goes through NumPy": (lambda x: tf.constant(np.sum(x, 1)), "no gradient"),
    "half in NumPy": (
        lambda x: tf.reduce_sum(x, 1) * float(x.numpy().max() > 9),
        "inside a TensorFlow graph.*numpy",
    ),
    "a pair": (lambda x: (x, x), "must return a tensor"),
    "fails": (fails, "the seventh weight is missing"),
}


@pytest.mark.parametrize("name", SPOILT)
def test_spoilt_energy(name):
    function, words = SPOILT[name]
    refused(lambda: EnergyModel(Made(function), RECIPE, shape=(2,)), words)


def test_energy_of_another_width():
    refused(lambda: EnergyModel(energy_mlp(3), RECIPE, shape=(2,)), "expected axis|3")


@pytest.mark.parametrize(
    "energy",
    [
        lambda: Made(lambda x: x[:, 0]),
        lambda: keras.Sequential([keras.layers.Dense(1), keras.layers.Flatten()]),
        lambda: keras.Sequential([keras.Input((None,)), keras.layers.Flatten()]),
    ],
    ids=["subclassed", "not built", "any width"],
)
def test_energy_without_a_shape(energy):
    refused(lambda: EnergyModel(energy(), RECIPE), "give `shape`")


def test_energy_of_ones_own():
    model = EnergyModel(Made(lambda x: x[:, 0] ** 2), RECIPE, shape=(2,))
    model.compile()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(POINTS, verbose=0)
