"""Saved weights under other settings of Keras, and what is said of files that are not
loaded: "damaged" only of a file that is.
"""

import json
import os
import subprocess
import sys
import warnings

import h5py
import numpy as np
import pytest
from house import ROOT

SHIPPED = """
import keras
import numpy as np
import tensorflow as tf
from ebm_nb.energy import energy_cnn, energy_mlp
from ebm_nb.files import load_pretrained
from ebm_nb.langevin import energy_and_grad

energy = load_pretrained("digits")
x = np.linspace(-1, 1, 2048, dtype="float32").reshape(2, 32, 32, 1)
print([float(e) for e in energy(x)], energy.weights[0].dtype, energy(x).dtype.name)
residual = energy_cnn((16, 16, 2), residual=True)
assert residual(x[:, ::2, ::2].repeat(2, -1)).shape == (2,)
assert energy_mlp(2)(x[0, :5, :2, 0]).dtype == energy(x).dtype
assert energy_and_grad(energy, tf.constant(x))[1].shape == x.shape
"""


def run(code, folder, **keras):
    "Python code in a process of its own, with these settings in keras.json."
    (folder / "keras.json").write_text(json.dumps(keras))
    given = {k: v for k, v in os.environ.items() if not k.startswith("KERAS")}
    given |= {"KERAS_HOME": str(folder), "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, "-c", code], env=given, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    "The energies of two images under the settings that Keras comes with."
    done = run(SHIPPED, tmp_path_factory.mktemp("keras"))
    assert not done.returncode, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "setting",
    [
        {"image_data_format": "channels_first"},
        {"floatx": "float64"},
        {"floatx": "float16"},
    ],
    ids=str,
)
def test_settings_of_keras(plain, tmp_path, setting):
    "The same numbers of the same type, whatever keras.json says."
    done = run(SHIPPED, tmp_path, **setting)
    assert done.stdout == plain, done.stderr


def test_mixed_precision(plain, tmp_path):
    "A policy of mixed precision is obeyed: numbers of 16 bits, weights of 32."
    code = SHIPPED.replace(
        "energy = ", 'keras.config.set_dtype_policy("mixed_float16")\nenergy = '
    )
    done = run(code, tmp_path)
    assert done.stdout.endswith("] float32 float16\n"), done.stderr
    near, exact = (json.loads(out.split("]")[0] + "]") for out in (done.stdout, plain))
    assert np.allclose(near, exact, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("backend", ["jax", "torch"])
@pytest.mark.parametrize("where", ["the environment", "keras.json"])
def test_other_backends(tmp_path, backend, where):
    "One sentence, whether or not that backend is installed."
    code, given = "import ebm_nb.energy", {"backend": backend}
    if where == "the environment":
        code = f"import os; os.environ['KERAS_BACKEND'] = {backend!r}\n{code}"
        given = {}
    done = run(code, tmp_path, **given)
    assert done.stderr.splitlines()[-1] == (
        f"ValueError: ebm_nb needs Keras with the backend tensorflow, got {backend!r}: "
        "set KERAS_BACKEND=tensorflow."
    )


def test_no_keras_before_it_is_needed():
    "Another backend does not keep anybody from the help."
    code = (
        "import sys, ebm_nb, ebm_nb.cli\n"
        "assert not {'keras', 'tensorflow', 'ebm_nb.energy'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"KERAS_BACKEND": "jax"}
    )
    assert not done.returncode


@pytest.fixture
def saved(tmp_path):
    "A file of weights of `energy_cnn()` without a configuration."
    from ebm_nb.energy import energy_cnn

    energy_cnn().save_weights(tmp_path / "some.weights.h5")
    return tmp_path / "some.weights.h5"


def refusal(path):
    from ebm_nb.files import load_energy

    with pytest.raises(ValueError) as caught:
        load_energy(path)
    return str(caught.value).replace(str(path), "FILE")


@pytest.mark.parametrize("category", [DeprecationWarning, FutureWarning, UserWarning])
@pytest.mark.parametrize("action", ["default", "error"])
def test_warnings_of_others(saved, monkeypatch, category, action):
    "A warning about something else does not keep a healthy file from being loaded."
    from ebm_nb.files import load_energy

    read = h5py.Dataset.__array__

    def warning(*args, **kwargs):
        warnings.warn("__array__ will change.", category)
        return read(*args, **kwargs)

    monkeypatch.setattr(h5py.Dataset, "__array__", warning)
    with warnings.catch_warnings():
        warnings.simplefilter(action)
        if action == "default":
            warnings.simplefilter("ignore", category)
        assert load_energy(saved).count_params() == 76_993


def test_layers_without_weights(saved, monkeypatch):
    "The warning of Keras that a layer found no weights is an error as before."
    import keras

    monkeypatch.setattr(
        keras.Model,
        "load_weights",
        lambda *_: warnings.warn("Skipping nested container at 'x': no matching group"),
    )
    assert "another network" in refusal(saved)


def test_saved_of_another_network(tmp_path):
    from ebm_nb.energy import energy_cnn, energy_mlp

    needs = "this one needs 76,993 numbers in 12 arrays"
    for energy, holds in (
        (energy_mlp(), "4,417 numbers in 6 arrays"),
        (energy_cnn(residual=True), "160,097 numbers in 18 arrays"),
        (energy_cnn((16, 16, 1)), "64,705 numbers in 12 arrays"),
        (energy_cnn(width=2), "306,561 numbers in 12 arrays"),
    ):
        path = tmp_path / f"{energy.count_params()}.weights.h5"
        energy.save_weights(path)
        said = refusal(path)
        assert holds in said and needs in said and "damaged" not in said, said


def test_saved_under_other_names(saved):
    with h5py.File(saved, "a") as file:
        file.move("layers/dense", "layers/thick")
    said = refusal(saved)
    assert "as many numbers, under other names" in said and "damaged" not in said


def test_saved_with_another_configuration(tmp_path):
    from ebm_nb.energy import energy_cnn
    from ebm_nb.files import save_energy

    path = save_energy(energy_cnn((16, 16, 1)), tmp_path)
    for described, reason in (
        ({"width": 100_000}, "energy.weights.h5 is too small for it"),
        ({"width": 0}, "width must be a whole number of 1 or more, got 0"),
        ({"image_shape": [28, 28, 1]}, "with multiples of 16"),
        ({"image_shape": "wide"}, "image_shape must be a tuple of whole numbers"),
        ({"dim": 10**9, "units": [10**9]}, "energy.weights.h5 is too small for it"),
    ):
        (tmp_path / "config.json").write_text(json.dumps({"energy": described}))
        said = refusal(path)
        assert reason in said and "config.json describes no network" in said, said


def test_saved_and_damaged(saved):
    "Damaged is what no longer has the structure of HDF5."
    good = saved.read_bytes()
    for bad in (b"", b"x" * 400_000, good[: len(good) // 2], good[:-1]):
        saved.write_bytes(bad)
        assert refusal(saved).startswith("FILE is damaged: its HDF5 structure can't")


def test_saved_with_an_array_that_cannot_be_read(saved):
    "A compressed array with a wrong byte is found when it is unpacked."
    with h5py.File(saved, "a") as file:
        array = file["layers/conv2d/vars/0"][()]
        del file["layers/conv2d/vars/0"]
        file.create_dataset(
            "layers/conv2d/vars/0", data=array, fletcher32=True, chunks=array.shape
        )
        place = file["layers/conv2d/vars/0"].id.get_chunk_info(0).byte_offset
    data = bytearray(saved.read_bytes())
    data[place] ^= 1
    saved.write_bytes(data)
    assert refusal(saved).startswith("FILE is damaged: its HDF5 structure can't")


def test_saved_and_not_to_be_opened(saved, monkeypatch):
    "A file that the system refuses to open is not called damaged."
    from ebm_nb.files import load_energy

    def locked(*_):
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(h5py, "File", locked)
    with pytest.raises(BlockingIOError):
        load_energy(saved)
