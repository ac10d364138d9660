"""Pictures of the kinds that people have: each is read as the digits that it holds,
or refused in one sentence, and the reader is told what was made of it.
"""

import gzip

import numpy as np
import pytest
from ebm_nb.cli import app
from ebm_nb.datasets import digits
from ebm_nb.images import load_labels, read_as, read_images, to_images
from ebm_nb.sources import held_out
from PIL import Image
from typer.testing import CliRunner

N, TESTS = 160, 40
levels, labels = digits()
GREYS = np.uint8((levels[: N + TESTS] + 1) * 127.5)
X, XT = GREYS[:N], GREYS[N:]
Y, YT = labels[:N].astype("uint8"), labels[N : N + TESTS].astype("uint8")
HELD = held_out(N)
INK = np.zeros((N, 28, 28, 4), "uint8")
INK[..., 3] = X
WHITE = INK.copy()
WHITE[..., :3] = 255


def pages(folder, arrays, ending="png"):
    "One file each."
    folder.mkdir(parents=True)
    for i, array in enumerate(arrays):
        Image.fromarray(array).save(folder / f"{i:04d}.{ending}", lossless=True)


def idx(array):
    sizes = np.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.tobytes()


def idx_folder(path, pack=bytes, ending=""):
    path.mkdir()
    for name, array in {
        "train-images-idx3-ubyte": X,
        "train-labels-idx1-ubyte": Y,
        "t10k-images-idx3-ubyte": XT,
        "t10k-labels-idx1-ubyte": YT,
    }.items():
        (path / (name + ending)).write_bytes(pack(idx(array)))


def table(path, first=()):
    with open(path, "w") as file:
        print(*first, *(f"pixel{i}" for i in range(784)), sep=",", file=file)
        for label, image in zip(Y, X):
            print(*[label] * len(first), *image.ravel(), sep=",", file=file)


def mixed(folder):
    pages(folder, X[:100])
    for i, image in enumerate(X[100:], 100):
        ending = "bmp" if i < 130 else "webp"
        Image.fromarray(image).save(folder / f"{i:04d}.{ending}", lossless=True)
    (folder / ".DS_Store").write_bytes(bytes(100))
    (folder / "._0000.png").write_bytes(bytes(100))
    (folder / "notes.txt").write_text("of my grandfather")


def classes(folder):
    for label in range(10):
        pages(folder / str(label), X[Y == label])


def medmnist(path):
    arrays = {"train_images": X, "val_images": X[:40], "test_images": XT}
    np.savez_compressed(path, **arrays, train_labels=Y[:, None])


CASES = {  # name: how it is written, and words of what is said
    "arr_0.npz": (lambda path: np.savez_compressed(path, X), "background dark"),
    "images.npy": (lambda path: np.save(path, X), "28 x 28, grey"),
    "rows.npy": (lambda path: np.save(path, X.reshape(-1, 784)), "rows of 784"),
    "pixels.csv": (table, "Rows of 784"),
    "label_and_pixels.csv": (lambda path: table(path, ["label"]), "labels from label"),
    "binarised.npz": (lambda path: np.savez(path, x_train=X > 127), "only 2 levels"),
    "floats.npz": (
        lambda path: np.savez(path, x_train=(X / 255).astype("f4")),
        "0 to 1 stretched",
    ),
    "black_ink": (lambda path: pages(path, INK), "laid on white"),
    "white_ink": (lambda path: pages(path, WHITE), "laid on black"),
    "grey_16_bit": (
        lambda path: pages(path, X.astype("uint16") * 257),
        "0 to 65535 stretched",
    ),
    "grey_12_bit": (
        lambda path: pages(path, X.astype("uint16") * 16),
        "more than 8 bits",
    ),
    "black_on_white": (lambda path: pages(path, 255 - X), "turned over"),
    "mixed": (mixed, "3 other files left out: hidden (2), .txt (1)"),
    "grey_as_rgb": (
        lambda path: pages(path, np.stack([X] * 3, -1)),
        "three channels read as grey",
    ),
    "idx": (idx_folder, "labels from train-labels"),
    "idx_gz": (lambda path: idx_folder(path, gzip.compress, ".gz"), "40 to test"),
    "medmnist.npz": (medmnist, "val_images"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_digits_come_out(name, tmp_path):
    write, words = CASES[name]
    write(tmp_path / name)
    found = read_images(tmp_path / name)
    exact = (X > 127) * np.uint8(255) if name == "binarised.npz" else X
    x = to_images(exact)
    own_test = name.startswith(("idx", "medmnist"))
    expected = x if own_test else x[~HELD]
    assert np.abs(found.x_train - expected).max() <= 1 / 127.5
    test = to_images(XT) if own_test else x[HELD]
    assert np.abs(found.x_test - test).max() <= 1 / 127.5
    assert words.lower() in str(found.account).lower()
    assert f"{N} images" in found.account.said[0]


def test_classes(tmp_path):
    classes(tmp_path / "classes")
    found = read_images(tmp_path / "classes")
    assert found.classes == tuple("0123456789")
    order = np.argsort(Y, kind="stable")
    assert np.array_equal(found.y_train, Y[order][~HELD])
    assert np.array_equal(load_labels(tmp_path / "classes")[1], Y[order][HELD])
    assert np.array_equal(found.x_train, to_images(X[order][~HELD]))


COLOURS = np.stack([X, np.roll(X, 2, 1), 255 - X], -1)
SHAPES = {
    "colour_28.npy": (COLOURS, (32, 32, 3)),
    "channels_first.npy": (np.stack([X] * 3, 1), (32, 32, 3)),
    "grey_64.npy": (np.repeat(np.repeat(X, 2, 1), 2, 2), (64, 64, 1)),
    "large.npy": (np.repeat(np.repeat(X[:20], 4, 1), 4, 2), (32, 32, 1)),
    "wide.npy": (X[:, :20], (32, 32, 1)),
}


@pytest.mark.parametrize("name", SHAPES)
def test_colour_and_size(name, tmp_path):
    array, shape = SHAPES[name]
    np.save(tmp_path / name, array)
    found = read_images(tmp_path / name)
    assert found.x_train.shape[1:] == shape == found.form.shape
    assert np.abs(found.x_train).max() <= 1
    if "large" not in name and "first" not in name:
        back = found.form.pictures(found.x_train)
        assert np.array_equal(back, array[~held_out(len(array))])


def test_wishes(tmp_path):
    pages(tmp_path / "paper", 255 - X[:4].repeat(2, 1))  # 56 x 28
    read = lambda **how: read_images(tmp_path / "paper", **how)
    assert read().x_train.shape == (3, 64, 32, 1)
    kept = read(invert=False)
    assert kept.form.inverted is False and "--invert" in str(kept.account)
    assert np.median(kept.x_train) > 0.9  # the frame, too
    assert read(size=32, colour="rgb").x_train.shape == (3, 32, 32, 3)
    crop, stretch = (read(size=28, fit=fit).x_train for fit in ("crop", "stretch"))
    assert crop.shape == stretch.shape and not np.allclose(crop, stretch, atol=0.1)


def test_a_line(tmp_path):
    "A picture of extreme proportions keeps a pixel of its short side."
    pages(tmp_path / "lines", [np.full((2, 400), 9, "uint8"), X[0]])
    assert read_images(tmp_path / "lines").x_train.shape == (1, 32, 32, 1)


def terminal(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], prog_name="ebm_nb")
    return done.exit_code, done.output


def test_a_training_in_colour(tmp_path):
    "From a folder to single pictures of the same size, and scores by file."
    pages(tmp_path / "mine", COLOURS[:40])
    short = ["--epochs", 1, "--steps-per-epoch", 1, "--batch-size", 8]
    code, said = terminal(
        "train", "--data", tmp_path / "mine", *short, "--out", tmp_path / "run"
    )
    assert code == 0 and "40 images" in said and "in colour" in said, said
    few = ["--weights", tmp_path / "run", "-n", 3, "--steps", 2]
    for out in ("grid.png", "new.npz", "pictures", "new.npy"):
        assert terminal("sample", *few, "--out", tmp_path / out)[0] == 0
    made = read_images(tmp_path / "pictures")
    assert made.form.size == (28, 28) and made.form.channels == 3
    assert np.load(tmp_path / "new.npz")["x_train"].shape == (3, 28, 28, 3)
    code, said = terminal(
        *("score", "--weights", tmp_path / "run", "--data", tmp_path / "mine/0007.png"),
        *("--out", tmp_path / "one.csv"),
    )
    assert code == 0 and "1 image" in said
    heading, line = (tmp_path / "one.csv").read_text().splitlines()
    assert heading.startswith("file,energy") and line.startswith("0007.png,")


def test_scored_as_it_was_trained(tmp_path):
    "Later pictures go the way of the training's, whatever they look like alone."
    pages(tmp_path / "paper", 255 - X)
    form = read_images(tmp_path / "paper").form
    Image.fromarray(255 - X[0] // 2).save(tmp_path / "one.png")
    x, names, _ = read_as(str(tmp_path / "one.png"), form)
    assert names == ["one.png"]
    assert np.abs(x - to_images(X[:1] // 2)).max() < 0.02
    pages(tmp_path / "camera", X[:20].astype("uint16") * 16)
    form = read_images(tmp_path / "camera").form
    Image.fromarray(X[0].astype("uint16") * 32).save(tmp_path / "bright.png")
    x, _, account = read_as(str(tmp_path / "bright.png"), form)
    assert x.max() > 1.5 and "leave the training's range" in str(account)


REFUSED = {
    "mnist.pkl.gz": "never opened",
    "data_batch_1": "never opened",
    "mine.pt": "never opened",
    "mine.tar.gz": "unpack it",
    "drawing.svg": "export it as PNG",
    "film.mp4": "frames",
    "words.docx": "save it as one of these",
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(name, tmp_path):
    (tmp_path / name).write_bytes(b"\x80\x04K\x01.")
    code, said = terminal("train", "--data", tmp_path / name, "--out", tmp_path / "run")
    assert code == 2 and said.count("\n") == 1 and REFUSED[name] in said
    assert not (tmp_path / "run").exists()
