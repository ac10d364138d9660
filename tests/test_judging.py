"""Evaluate and score through the command line, for data that is no MNIST."""

import json

import numpy as np
import pandas as pd
import pytest
from ebm_nb.cli import app
from ebm_nb.energy import energy_cnn
from ebm_nb.files import save_energy
from typer.testing import CliRunner


def terminal(*words):
    done = CliRunner().invoke(app, [str(word) for word in words], prog_name="ebm_nb")
    return done.exit_code, done.output


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    "A folder with table.csv and a short training on it in run/."
    folder = tmp_path_factory.mktemp("table")
    rng = np.random.default_rng(0)
    heat = rng.normal(50, 10, 300)
    rows = np.c_[heat, 0.2 * heat + rng.normal(0, 1, 300), rng.integers(0, 9, 300)]
    frame = pd.DataFrame(rows, columns=["heat", "load", "crew"]).round(3)
    frame.to_csv(folder / "table.csv", index=False)
    short = ["--epochs", 1, "--steps-per-epoch", 60, "--out", folder / "run"]
    code, said = terminal("train", "--data", folder / "table.csv", *short)
    assert code == 0, said
    return folder


def test_evaluate_a_table(table):
    words = ["evaluate", "--weights", table / "run", "--out", table / "judged"]
    code, said = terminal(*words)
    assert code == 2 and "--data" in said and said.count("\n") == 1
    few = ["-n", 64, "--steps", 20]
    code, said = terminal(*words, "--data", table / "table.csv", *few)
    assert code == 0 and "300 rows" in said, said
    assert all(name in said for name in ("heat", "load", "crew"))
    report = json.loads((table / "judged/report.json").read_text())
    assert {"mmd2", "copies"} <= report["figures"].keys()
    assert (table / "judged/report.png").stat().st_size > 10_000


def test_evaluate_colours(tmp_path):
    "The judge of digits is not asked, and that is said."
    save_energy(energy_cnn((16, 16, 3)), tmp_path / "run")
    grey = np.random.default_rng(0).integers(0, 256, (80, 16, 16, 3), "uint8")
    np.save(tmp_path / "mine.npy", grey)
    words = ["evaluate", "--weights", tmp_path / "run", "--data", tmp_path / "mine.npy"]
    words += ["-n", 64, "--steps", 2, "--out", tmp_path / "judged"]
    code, said = terminal(*words)
    assert code == 0 and "The judge of digits knows digits only" in said, said
    assert "80 images" in said
    code, said = terminal(*words, "--judge", "digits")
    assert code == 2 and "leave --judge out" in said


def test_score_places_and_flags(table):
    "Percentile and flag among the training's energies, the file's columns beside."
    strange = pd.DataFrame({"load": [10.0, 60.0], "heat": [50.0, 50.0], "crew": [3, 3]})
    strange["note"] = ["usual", "odd"]
    strange.to_csv(table / "new.csv", index=False)
    words = ["score", "--weights", table / "run", "--out", table / "scores.csv"]
    code, said = terminal(*words, "--data", table / "new.csv", "--contamination", 0.05)
    assert code == 0 and "flagged: " in said and "95 %" in said, said
    scores = pd.read_csv(table / "scores.csv")
    assert [*scores][:4] == ["row", "energy", "percentile", "flag"]
    assert scores["flag"].tolist() == [0, 1]
    assert scores["percentile"].between(0, 100).all()
    code, _ = terminal(*words, "--data", table / "table.csv", "--contamination", 0.1)
    share = pd.read_csv(table / "scores.csv")["flag"].mean()
    # nine rows in ten are the training's own
    assert code == 0 and abs(share - 0.1) < 0.03
    (table / "run/percentiles.json").rename(table / "kept.json")
    code, said = terminal(*words, "--data", table / "new.csv")
    assert code == 0 and "percentile and flag are left out" in said
    (table / "kept.json").rename(table / "run/percentiles.json")
