"""Saved weights under other settings of Keras, and what is said of files that are not
loaded: "damaged" only of a file that is.
"""

import io
import json
import os
import pickle
import subprocess
import sys
import warnings
import zipfile

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
        ({"image_shape": "wide"}, "image_shape must be (height, width, channels)"),
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


def in_parts(path, **changed):
    "Write a .keras file anew, with other parts."
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, part in (parts | changed).items():
            archive.writestr(name, part)


@pytest.fixture
def own(tmp_path):
    "A .keras file of a network that is none of this package's."
    import keras

    layers = keras.Input((2,)), keras.layers.Dense(4), keras.layers.Dense(1)
    keras.Sequential(layers).save(tmp_path / "own.keras")
    return tmp_path / "own.keras"


@pytest.mark.parametrize("how", ["keras.models.load_model", "load_energy"])
def test_keras_files_in_a_new_process(tmp_path, how):
    "Every network of the package travels without custom_objects."
    import keras
    from ebm_nb.energy import energy_cnn, energy_mlp

    made = energy_cnn(), energy_cnn((16, 16, 2), 2, 3, True), energy_mlp(3, (8, 8))
    for number, energy in enumerate(made):
        energy.save(tmp_path / f"{number}.keras")
        shape = (2, *energy.input_shape[1:])
        x = np.linspace(-1, 1, np.prod(shape), dtype="float32").reshape(shape)
        np.savez(tmp_path / f"{number}.npz", x=x, energies=energy(x))
    before = "import ebm_nb.energy" if "keras" in how else "import ebm_nb.files"
    how = how if "keras" in how else f"ebm_nb.files.{how}"
    code = (
        f"import keras, numpy\n{before}\n"
        "for i in range(3):\n"
        "    data = numpy.load(f'{i}.npz')\n"
        f"    network = {how}(f'{{i}}.keras')\n"
        "    assert numpy.array_equal(network(data['x']), data['energies'])"
    )
    given = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=given, cwd=tmp_path)
    assert not done.returncode
    assert keras.models.load_model(tmp_path / "2.keras").name == "energy_mlp"


def test_own_network_and_its_hash(own, tmp_path):
    import keras
    from ebm_nb.files import load_energy, save_energy

    energy, x = keras.models.load_model(own), np.ones((3, 2), "float32")
    path = save_energy(energy, tmp_path / "saved", note="mine")
    assert path.name == "energy.keras"
    config = json.loads((tmp_path / "saved/config.json").read_text())
    assert config["note"] == "mine" and config["energy"] == {}
    assert np.array_equal(load_energy(tmp_path / "saved")(x), energy(x))
    energy.layers[0].bias.assign([1.0] * 4)
    energy.save(path)  # sound, and not what config.json was written for
    assert refusal(path).startswith("FILE is damaged: its hash is not the one in")


def test_keras_file_with_a_program(own, tmp_path):
    "A Lambda, a pickle and a helper that fetches files are refused in one sentence."
    import keras
    from ebm_nb.files import save_energy

    doubling = keras.layers.Lambda(lambda x: 2 * x)
    network = keras.Sequential([keras.Input((2,)), doubling])
    with pytest.raises(ValueError, match=r"^The energy can't be saved: .* a Lambda"):
        save_energy(network, tmp_path / "saved")
    assert not list((tmp_path / "saved").glob("*"))
    network.save(tmp_path / "lambda.keras")
    assert "FILE holds a Lambda, which could run" in refusal(tmp_path / "lambda.keras")
    with zipfile.ZipFile(own) as archive:
        config = json.loads(archive.read("config.json"))
    fetch = {"class_name": "function", "module": "keras.utils", "config": "plot_model"}
    for module, name in (("keras.utils", "FeatureSpace"), (None, "Dense"), ("os", "x")):
        config["config"]["layers"][1] |= {"module": module, "class_name": name}
        in_parts(own, **{"config.json": json.dumps(config)})
        assert f"FILE needs {name}, which is not registered" in refusal(own)
    config["config"]["layers"][1] |= {"module": "keras.layers", "class_name": "Dense"}
    config["config"]["layers"][1]["config"]["activation"] = fetch
    in_parts(own, **{"config.json": json.dumps(config)})
    assert "FILE needs function, which is not registered" in refusal(own)
    in_parts(own, **{"x.pkl": pickle.dumps(print)})
    assert "and nothing else, got ['x.pkl']" in refusal(own)


def test_keras_file_that_is_damaged(own):
    good = own.read_bytes()
    for bad in (b"", b"x" * 4_000, good[: len(good) // 2], good[:-1]):
        own.write_bytes(bad)
        assert refusal(own).startswith("FILE is damaged: its ZIP structure can't be")
    own.write_bytes(good)
    in_parts(own, **{"model.weights.h5": b"x" * 500})
    assert refusal(own).startswith("FILE is damaged: its HDF5 structure can't be read")
    bomb = {"shape": (2**34,), "dtype": "float64", "compression": "gzip"}
    with h5py.File(weights := io.BytesIO(), "w") as file:
        file.create_dataset("bomb", chunks=True, **bomb)
    in_parts(own, **{"model.weights.h5": weights.getvalue()})
    assert refusal(own) == "FILE announces weights that are larger than the file."
    in_parts(own, **{"config.json": b"{"})
    assert refusal(own).startswith("FILE is damaged: its ZIP structure can't be read")


def test_model_in_training_is_no_network(own, tmp_path):
    "One sentence, and a file that was there stays."
    import ebm_nb as ebm
    import keras

    model = ebm.EnergyModel(ebm.energy_mlp(2, (4,)), ebm.STABLE)
    before = own.read_bytes()
    with pytest.raises(ValueError, match=r"use save_energy\(model.energy, folder"):
        model.save(own)
    assert own.read_bytes() == before
    with pytest.raises(ValueError, match=r"use save_energy\(model.energy, folder"):
        keras.saving.save_model(model, tmp_path / "other.keras")
