"""Bad input ends in one sentence: arguments, words of the command line, files that are
cut, flipped, pickled or far larger than they look.

The number of cases tried is printed at the end of a run of pytest.
"""

import ast
import io
import json
import random
import tracemalloc
import zipfile

import h5py
import numpy as np
import pytest
from conftest import TRIED
from hypothesis import HealthCheck, given, settings, strategies as st
from house import ROOT, modules

MANY = settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(st.integers(), max_size=3),
)
TYPES = (
    "bool",
    "uint8",
    "int64",
    "float16",
    "float32",
    "float64",
    "complex64",
    "U3",
    "datetime64[s]",
    "O",
)
IMAGES = np.random.default_rng(0).integers(0, 256, (20, 28, 28), dtype=np.uint8)


def attempt(act, right, name):
    "The action ends in a ValueError of one sentence, or its result is right."
    TRIED[name] += 1
    try:
        result = act()
    except ValueError as error:
        assert str(error) and "\n" not in str(error) and len(str(error)) < 600, error
    else:
        assert right(result)


def images(pair):
    return all(
        x.dtype == np.float32
        and x.shape[1:] == (32, 32, 1)
        and len(x)
        and abs(x).max() <= 1
        for x in pair
    )


def spoilt(data, chance):
    """A copy of a file with something wrong: cut, flipped bits, a piece left out or
    doubled.
    """
    at, other = sorted(chance.sample(range(len(data)), 2))
    flipped = bytearray(data)
    for place in chance.sample(range(len(data)), chance.randint(1, 8)):
        flipped[place] ^= 1 << chance.randrange(8)
    return chance.choice(
        [
            data[:at],
            bytes(flipped),
            data[:at] + data[other:],
            data[:other] + data[at:],
            b"",
        ]
    )


def test_nothing_is_executed():
    """No module of the package unpickles or evaluates; the one that loads a Keras
    archive does so in safe mode, once.
    """
    never = (
        "eval",
        "exec",
        "pickle",
        "marshal",
        "load_model",
        "custom_object_scope",
        "enable_unsafe_deserialization",
    )
    for path in modules(ROOT):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node, "attr", getattr(node, "id", getattr(node, "name", "")))
            allowed = {"load_model"} & {name} and path.name == "archives.py"
            assert name not in never or allowed, path
            if isinstance(node, ast.Call) and getattr(node.func, "attr", "") in (
                "load_model",
                "deserialize_keras_object",
            ):
                assert "safe_mode" in {word.arg for word in node.keywords}, path
            if isinstance(node, ast.keyword) and node.arg in (
                "allow_pickle",
                "custom_objects",
                "safe_mode",
            ):
                assert isinstance(node.value, ast.Constant) and node.value.value is (
                    node.arg == "safe_mode"
                ), path


@MANY
@given(
    shape=st.lists(st.sampled_from([0, 1, 2, 28, 32]), max_size=5),
    dtype=st.sampled_from(TYPES),
    fill=st.sampled_from([0, 1, 2, -1, np.nan, np.inf]),
)
def test_arrays(shape, dtype, fill):
    from ebm_nb.images import to_images
    from ebm_nb.stream import batches

    with np.errstate(invalid="ignore"):
        x = (
            np.full(shape, fill, "float64").astype(dtype)
            if dtype != "datetime64[s]"
            else np.zeros(shape, dtype)
        )
    attempt(lambda: to_images(x), lambda out: images([out]), "arrays")
    attempt(
        lambda: batches(x, 1),
        lambda stream: stream.element_spec.shape[1:] == x.shape[1:],
        "arrays",
    )


@MANY
@given(batch_size=JUNK, seed=JUNK, start=JUNK, source=JUNK)
def test_arguments_of_data(batch_size, seed, start, source):
    from ebm_nb.images import load_images, load_labels
    from ebm_nb.stream import batches

    x = np.zeros((4, 2), "float32")
    for words in (
        {"batch_size": batch_size},
        {"batch_size": 2, "seed": seed},
        {"batch_size": 2, "start": start},
    ):
        attempt(
            lambda: batches(x, **words),
            lambda stream: len(stream.element_spec.shape) == 2,
            "arguments",
        )
    attempt(lambda: load_images(source), lambda pair: False, "arguments")
    attempt(lambda: load_labels(source), lambda pair: False, "arguments")


@pytest.mark.parametrize("ending", ["npz", "npy"])
def test_spoilt_images(tmp_path, ending):
    from ebm_nb.images import load_images

    good, chance = io.BytesIO(), random.Random(0)
    np.savez_compressed(good, x_train=IMAGES) if ending == "npz" else np.save(
        good, IMAGES
    )
    for number in range(300):
        path = tmp_path / f"{number}.{ending}"
        path.write_bytes(spoilt(good.getvalue(), chance))
        attempt(lambda: load_images(path), images, "files of images")


def header(shape, dtype="|u1"):
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        file, {"descr": dtype, "fortran_order": False, "shape": shape}
    )
    return file.getvalue()


HOSTILE = {
    "a petabyte": {"x_train.npy": header((2**30, 2**10, 2**10))},
    "negative": {"x_train.npy": header((-1, 28, 28))},
    "a bomb": {"x_train.npy": header((2**21, 32, 32)) + bytes(2**31 + 1)},
    "pickled": {
        "x_train.npy": header((1,), "|O") + b"cos\nsystem\n(S'touch owned'\ntR."
    },
    "path": {"../x_train.npy": b"", "/x_train.npy": b""},
    "nested": {"x_train.npy": b"PK\3\4" * 100},
    "deep header": {"x_train.npy": b"\x93NUMPY\1\0\xff\xff" + b"(" * 65535},
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archives(tmp_path, monkeypatch, name):
    "Refused, nothing executed, and at most a few megabytes used on the way."
    from ebm_nb.images import load_images

    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile(
        "x.npz", "w", zipfile.ZIP_DEFLATED, compresslevel=1
    ) as archive:
        for entry, data in HOSTILE[name].items():
            archive.writestr(entry, data)
    TRIED["hostile archives"] += 1
    tracemalloc.start()
    with pytest.raises(ValueError, match="x.npz (cannot be read|has no array)"):
        load_images("x.npz")
    assert tracemalloc.get_traced_memory()[1] < 2**24 and [
        path.name for path in tmp_path.iterdir()
    ] == ["x.npz"]
    tracemalloc.stop()


def weights(folder):
    from ebm_nb.energy import energy_cnn
    from ebm_nb.files import save_energy

    return save_energy(
        energy_cnn((16, 16, 1)), folder, energy={"image_shape": [16, 16, 1]}
    )


def test_spoilt_weights(tmp_path):
    """With a configuration beside them all are noticed by their hash; alone they are
    refused, or read where the damage is in a number.
    """
    from ebm_nb.files import load_energy

    path, chance = weights(tmp_path), random.Random(0)
    good, config = path.read_bytes(), json.loads((tmp_path / "config.json").read_text())
    del config["sha256"]
    for number in range(60):
        path.write_bytes(spoilt(good, chance))
        if number == 30:
            (tmp_path / "config.json").write_text(json.dumps(config))
        attempt(
            lambda: load_energy(path),
            lambda energy: number >= 30 and energy.count_params() > 0,
            "files of weights",
        )


def link_elsewhere(file):
    del file["layers/dense/vars/0"]
    file["layers/dense/vars/0"] = h5py.ExternalLink("/etc/passwd", "/")


def test_hostile_weights(tmp_path):
    from ebm_nb.energy import energy_cnn
    from ebm_nb.files import load_energy

    energy_cnn().save_weights(tmp_path / "good.weights.h5")
    bomb = {
        "shape": (2**40,),
        "dtype": "float64",
        "compression": "gzip",
        "chunks": (1024,),
    }
    spoilt = (
        (
            lambda file: file.create_dataset("bomb", **bomb),
            "1,099,511,704,769 numbers in 13 arrays",
        ),
        (link_elsewhere, "60,609 numbers in 11 arrays"),
        (lambda file: file.pop("layers/dense"), "60,545 numbers in 10 arrays"),
    )
    for number, (spoil, holds) in enumerate(spoilt):
        path = tmp_path / f"bad{number}.weights.h5"
        path.write_bytes((tmp_path / "good.weights.h5").read_bytes())
        with h5py.File(path, "a") as file:
            spoil(file)
        TRIED["hostile weights"] += 1
        with pytest.raises(ValueError, match=f"of another network, {holds}, and"):
            load_energy(path)


NAMES = st.sampled_from(["width", "classes", "image_shape", "x"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
    ),
)


@settings(MANY, max_examples=60)
@given(energy=JSON, rest=JSON)
def test_odd_configurations(tmp_path, energy, rest):
    from ebm_nb.files import load_energy

    path = weights(tmp_path)
    (tmp_path / "config.json").write_text(
        json.dumps({"energy": energy, "x": rest} if rest else energy)
    )
    attempt(lambda: load_energy(path), lambda energy: False, "configurations")


OPTIONS = {
    "train": [
        "--epochs",
        "--steps-per-epoch",
        "--batch-size",
        "--seed",
        "--recipe",
        "--checkpoint-every",
        "--data",
    ],
    "sample": ["-n", "--steps", "--seed", "--weights"],
    "demo": ["--epochs", "--steps-per-epoch", "--seed"],
    "score": ["--weights", "--data"],
    "export": ["--weights", "--data"],
}


@MANY
@given(
    option=st.sampled_from(
        [(command, option) for command in OPTIONS for option in OPTIONS[command]]
    ),
    value=st.one_of(
        st.text(max_size=8),
        st.integers(max_value=0).map(str),
        st.floats().map(str),
        st.integers(min_value=2**63).map(str),
    ),
)
def test_words_of_the_command_line(tmp_path, option, value):
    """Whatever is said, it is refused in one line: where the value will do, the file of
    the last option does not exist.
    """
    from ebm_nb.cli import app
    from typer.testing import CliRunner

    command, option = option
    last = {
        "train": ["--data", "no.npz", "--out", tmp_path / "x"],
        "sample": ["--weights", "no", "--out", tmp_path / "x.png"],
        "demo": ["--out", tmp_path / "file/x"],
        "score": ["--data", "no.npz", "--out", tmp_path / "x.csv"],
        "export": ["--weights", "no", "--out", tmp_path / "x.bin"],
    }[command]
    (tmp_path / "file").touch()
    TRIED["command lines"] += 1
    done = CliRunner().invoke(
        app, [command, *map(str, last), option, value], prog_name="ebm_nb"
    )
    assert (
        done.exit_code == 2
        and done.stderr.startswith("ebm_nb: ")
        and done.stderr.count("\n") == 1
    ), (done.output, done.exception)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
