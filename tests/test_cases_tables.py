"""Small tables of the kinds that people have: each is read as what it is, or refused in
one sentence that says what to do.
"""

import gzip
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from conftest import TRIED

from ebm_nb.tables import read_table, table_in

NAMES = ["temperature", "pressure", "drift"]
RNG = np.random.default_rng(7)
T = np.c_[RNG.normal(50, 10, 400), RNG.gamma(2, 3, 400), RNG.normal(0, 1e-3, 400)]
T[:, 1] += 0.2 * T[:, 0]
# the first is ordinary, the others are not
STRANGE = np.array([T[5], [50.0, 60.0, 0.0], [5.0, 9.0, 0.0], [50.0, 16.0, 0.02]])


def lines(rows, names=NAMES, separator=",", mark="."):
    "The text of a table; words stay as they are."
    body = [
        separator.join(
            each if isinstance(each, str) else f"{each:.6g}".replace(".", mark)
            for each in row
        )
        for row in rows
    ]
    return (
        "\n".join([separator.join(names), *body]) + "\n" if names else "\n".join(body)
    )


@pytest.fixture
def write(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    def written(name, content):
        data = content if isinstance(content, bytes) else content.encode()
        (tmp_path / name).write_bytes(data)
        return name

    return written


def same(table, rows=T, names=NAMES):
    "The columns of the table, and its numbers to the six digits of the file."
    assert table.learnt == names and np.allclose(table.rows[names], rows, rtol=1e-5)


def refused(name, *words, **how):
    TRIED["tables"] += 1
    with pytest.raises(ValueError) as caught:
        read_table(name, **how)
    said = str(caught.value)
    assert "\n" not in said and all(word in said for word in (name, *words)), said


@pytest.mark.parametrize("mark", ".,")
@pytest.mark.parametrize("separator", [";", "\t", "|", " ", "  "])
def test_separators_and_decimal_marks(write, separator, mark):
    table = read_table(write("t.csv", lines(T, NAMES, separator, mark)))
    same(table)
    told = f"decimals by {'commas' if mark == ',' else 'points'}"
    assert told in str(table.account)


@pytest.mark.parametrize("name", ["t.csv", "T.CSV", "t.tsv", "t.txt", "t.csv.gz"])
def test_endings(write, name):
    text = lines(T, NAMES, "\t" if "tsv" in name else ",")
    same(
        read_table(write(name, gzip.compress(text.encode()) if "gz" in name else text))
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp1252"])
def test_encodings(write, encoding):
    names = ["température", "druck", "drift"]
    table = read_table(write("t.csv", lines(T, names).encode(encoding)))
    same(table, names=names)
    assert encoding[:4].lower() in str(table.account).lower() or "8" in encoding


@pytest.mark.parametrize("names", [["0", "1", "2"], ["400", "410", "420"], None])
def test_names(write, names):
    table = read_table(write("t.csv", lines(T, names)))
    same(table, names=names or ["column 1", "column 2", "column 3"])
    assert "names" in str(table.account)


def test_names_of_pandas_and_r(write):
    frame = pd.DataFrame(T)
    with pytest.warns(UserWarning, match="counts the rows"):
        table = read_table(write("p.csv", frame.to_csv()))
    same(table, names=["0", "1", "2"])
    r = [[str(i + 1), *row] for i, row in enumerate(T)]
    with pytest.warns(UserWarning, match="counts the rows"):
        same(read_table(write("r.txt", lines(r, NAMES, " "))))


def test_array(write):
    np.save("t.npy", T.astype("float32"))
    same(read_table("t.npy"), names=["column 1", "column 2", "column 3"])
    np.save("t.npy", np.where(np.arange(400)[:, None] == 7, np.nan, T))
    refused("t.npy", "row 8", 'missing="drop"')
    np.save("o.npy", np.array([[{}]]), allow_pickle=True)
    refused("o.npy")


@pytest.mark.parametrize("word", ["", "NA", "nan", "?", "-", "inf", "NULL"])
def test_missing(write, word):
    gaps = np.arange(400) % 50 == 7
    rows = [[word if gap else row[0], *row[1:]] for gap, row in zip(gaps, T)]
    name = write("t.csv", lines(rows))
    refused(
        name, "temperature", "lines 9, 59, 109, 159, 209 and 3 more", 'missing="drop"'
    )
    with pytest.raises(ValueError, match="--missing drop"):
        table_in(name)
    table = read_table(name, missing="drop")
    same(table, T[~gaps])
    assert [*table.rows.index[:9]] == [1, 2, 3, 4, 5, 6, 7, 9, 10]
    assert "lines 9, 59" in str(table.account)


def test_the_lines_are_the_files_own(write):
    rows = [[*row, '"two\nlines"'] for row in T]
    rows[5][0] = ""
    text = "\n" + lines(rows, [*NAMES, "note"])
    refused(write("t.csv", text), f"line {3 + 2 * 5}:")


def test_text_and_index_columns_are_left_out(write):
    rows = [[str(i), *row, ("north", "south")[i % 2]] for i, row in enumerate(T)]
    for first in ("", "id", "Index", "row_id"):
        name = write("t.csv", lines(rows, [first, *NAMES, "site"]))
        with pytest.warns(UserWarning) as caught:
            same(table := read_table(name))
        said = " ".join(str(each.message) for each in caught)
        assert "'north'" in said and (first or "unnamed 1") in said
        assert [*table.beside] == [first or "unnamed 1", *NAMES, "site"]
    refused(name, "site", "'north'", columns=["site", "drift"])
    name = write("t.csv", lines(rows, ["hour", *NAMES, "site"]))
    with pytest.warns(UserWarning, match="counts the rows"):
        assert read_table(name, drop=["site"]).learnt == ["hour", *NAMES]


def test_columns_and_drop(write):
    name = write("t.csv", lines(T))
    same(
        read_table(name, columns=["drift", "pressure"]),
        T[:, [2, 1]],
        ["drift", "pressure"],
    )
    same(read_table(name, drop=["pressure"]), T[:, [0, 2]], ["temperature", "drift"])
    refused(name, "weight", "temperature, pressure, drift", drop=["weight"])


def test_columns_come_back_as_they_were(write):
    i = np.arange(400)
    rows = np.c_[T, i % 7, np.where(i % 3, 2, 5), np.full(400, 5)]
    names = [*NAMES, "count", "switch", "constant"]
    name = write("t.csv", lines(rows, names))
    with pytest.warns(UserWarning, match="constant is always 5"):
        table = read_table(name)
    new = table.rows_of(np.random.default_rng(0).normal(size=(200, 5)))
    assert [*new] == names and (new.constant == 5).all() and {*new.switch} == {2, 5}
    assert new["count"].dtype == new.switch.dtype == new.constant.dtype == "int64"
    assert np.allclose(table.rows_of(table.points()), table.rows, rtol=1e-4)


def test_a_gross_value_ruins_nothing(write):
    rows = T.copy()
    rows[3, 0] = 1e6
    with pytest.warns(UserWarning, match=r"temperature has 1e\+06 in line 5"):
        gross = read_table(write("gross.csv", lines(rows)))
    others = np.arange(400) != 3
    clean = read_table(write("clean.csv", lines(T)))
    assert np.allclose(gross.points()[others], clean.points()[others], atol=0.1)
    assert np.ptp(gross.points()) < 2 * np.ptp(clean.points())
    far = clean.scale.points([[50, 60, 0], [50, 600, 0]])
    assert far[1, 1] > far[0, 1] > clean.points()[:, 1].max()


@pytest.mark.parametrize("share", [0.05, 0.8])
def test_quartiles_may_agree(write, share):
    paid = np.where(RNG.random(400) < share, 0, RNG.lognormal(7, 1, 400))
    few = (RNG.random(400) < 0.1).astype(float)
    points = read_table(write("t.csv", lines(np.c_[T, paid, few], [*"abcde"]))).points()
    assert (0.2 < points.std(0)).all() and (points.std(0) < 1.7).all()


HOSTILE = {
    "nothing": b"",
    "only names": b"a,b\n",
    "ragged": b"a,b\n1,2\n3\n4,5\n",
    "too many": b"a,b\n1,2\n3,4,5\n6,7\n",
    "a word": b"a,b\n1,2\n3,x\n4,5\n",
    "one column, decimal commas": b"a\n0,5\n1,5\n2,5\n",
    "only words": b"a,b\nx,y\nz,w\n",
    "zeros": bytes(1000),
    "an archive": b"PK\3\4" + bytes(100),
    "an open quote": b'a,b\n1,"2\n3,4\n',
    "a long field": b"a,b\n1," + b"9" * 200_000,
    "beyond floats": b"a,b\n1,1e200\n2,3\n",
    "one row": b"a,b\n1,2\n",
    "half a utf-16": b"\xff\xfea\0,",
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files(write, kind):
    refused(write("t.csv", HOSTILE[kind]))


def test_a_bomb(write, monkeypatch):
    from ebm_nb import delimited

    monkeypatch.setattr(delimited, "_LARGEST", 2**16)
    refused(write("t.csv.gz", gzip.compress(bytes(2**20))), "more than")
    refused(write("cut.csv.gz", gzip.compress(lines(T).encode())[:100]))
    refused("nowhere.csv", "No such file")


@pytest.mark.parametrize(
    "ending", "xlsx xls ods parquet feather json pkl pickle dta sav sqlite".split()
)
def test_other_endings_say_how_to_get_to_csv(write, ending):
    refused(write(f"t.{ending}", b"x"), "CSV")


# through the command line, in one process


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    "Runs a command in a folder that has the cases; its exit code and what it says."
    from typer.testing import CliRunner

    from ebm_nb.cli import app

    folder = tmp_path_factory.mktemp("cases")
    gross, constant = T.copy(), np.c_[T, np.full(400, 5)]
    gross[3, 0] = 1e6
    for name, text in {
        "clean": lines(T),
        "gross": lines(gross),
        "five": lines(T[:5]),
        "missing": lines([["" if i < 3 else r[0], *r[1:]] for i, r in enumerate(T)]),
        "mixed": lines([["x", *row] for row in constant], ["site", *NAMES, "constant"]),
        "astray": lines(
            [[*row, 5 + i] for i, row in enumerate(STRANGE)], [*NAMES, "constant"]
        ),
        "strange": lines(STRANGE),
        "reordered": lines(
            [[*row, "A"] for row in STRANGE[:, [2, 0, 1]]],
            ["drift", "temperature", "pressure", "energy"],
        ),
        "bare": lines(STRANGE, None),
        "gaps": lines([["", *STRANGE[1, 1:]], STRANGE[0]]),
    }.items():
        (folder / f"{name}.csv").write_text(text)

    def run(line):
        TRIED["command lines"] += 1
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            done = CliRunner().invoke(app, line.split(), prog_name="ebm_nb")
        return done.exit_code, done.output

    run.folder = folder
    return run


def scores(terminal, name, weights, more=""):
    code, said = terminal(
        f"score --weights {weights} --data {name}.csv --out s.csv {more}"
    )
    assert code == 0, said
    return pd.read_csv(terminal.folder / "s.csv"), said


def test_trained_on_a_gross_value(terminal):
    code, said = terminal("train --data gross.csv --out gross")
    assert code == 0 and "1e+06 in line 5" in said and "40 in all" in said
    clean = scores(terminal, "clean", "gross")[0].energy
    found, said = scores(terminal, "strange", "gross")
    assert [*found] == ["row", "energy", "percentile", "flag", *NAMES]
    assert [*found.row] == [1, 2, 3, 4]
    above = [(clean < each).mean() for each in found.energy]
    assert above[0] < 0.97 < min(above[1:]), above
    again, said = scores(terminal, "reordered", "gross")
    assert np.allclose(again.energy, found.energy) and "Ignored columns: energy" in said
    assert [*again][4:] == ["drift", "temperature", "pressure", "energy of the file"]
    bare, said = scores(terminal, "bare", "gross")
    assert np.allclose(bare.energy, found.energy) and "by their places" in said
    assert terminal("score --weights gross --data gaps.csv")[0] == 2
    gaps, said = scores(terminal, "gaps", "gross", "--missing drop")
    assert [*gaps.row] == [2] and "line 2" in said
    assert np.allclose(gaps.energy, found.energy[0])
    code, said = terminal("score --weights gross --data mixed.csv --out s.csv")
    assert code == 0
    code, said = terminal("score --weights digits --data clean.csv")
    assert code == 2 and "rows" in said


def test_constant_and_text_columns(terminal):
    short = "--epochs 1 --steps-per-epoch 2"
    code, said = terminal(f"train --data mixed.csv {short} --out mixed")
    assert code == 0 and "site is left out" in said and "always 5" in said
    config = json.loads((terminal.folder / "mixed/config.json").read_text())
    assert config["energy"]["dim"] == 3
    assert terminal("sample --weights mixed -n 9 --steps 2 --out new.csv")[0] == 0
    new = pd.read_csv(terminal.folder / "new.csv")
    assert [*new] == [*NAMES, "constant"] and (new.constant == 5).all()
    found, said = scores(terminal, "astray", "mixed")
    assert np.isfinite(found.energy).tolist() == [True, False, False, False]
    assert "lines 3, 4, 5" in said and [*found.constant] == [5, 6, 7, 8]
    code, said = terminal("score --weights mixed --data strange.csv")
    assert code == 2 and "constant" in said


def test_refused_in_the_words_of_the_terminal(terminal):
    for line, words in {
        "train --data five.csv --out x": "at least 20",
        "train --data missing.csv --out x": "lines 2, 3, 4: --missing drop",
        "train --data clean.csv --drop site --out x": "no column site",
        "train --data mixed.csv --columns site,drift --out x": "--drop 'site'",
        "train --data digits --columns a --out x": "leave them out",
        "train --data clean.csv --recipe book --out x": "--recipe book",
        "train --data none.csv --out x": "No such file",
        "train --data clean.csv --missing fill --out x": "fill",
    }.items():
        code, said = terminal(line)
        assert code == 2 and words in said and said.count("\n") == 1, said
    assert not (terminal.folder / "x").exists()


def test_chosen_in_the_terminal(terminal):
    short = "--epochs 1 --steps-per-epoch 1"
    drop = f"train --data missing.csv --drop drift --missing drop {short} --out few"
    code, said = terminal(drop)
    assert code == 0 and "397 rows of 2 columns" in said, said
    code, said = terminal(
        f"train --data clean.csv --columns drift,pressure {short} --out two"
    )
    columns = json.loads((terminal.folder / "two/config.json").read_text())["table"]
    assert [each["name"] for each in columns["columns"]] == ["drift", "pressure"]


def test_no_word_where_nothing_is_unusual(write):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        table = read_table(write("t.csv", lines(T)))
    assert len(table.account.said) == 1 + 3 and not table.account.cautions
