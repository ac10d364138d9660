"""Wrong arguments of every public function: one sentence, or a right result. Files and
commands: test_bad_input.py.
"""

import inspect
import os
import sys

import numpy as np
import pytest
from arguments import MODULES, call, good, public
from conftest import TRIED
from hypothesis import given, settings, strategies as st
from test_bad_input import MANY

ARRAYS = [
    np.zeros(()),
    np.zeros(2),
    np.array(["a", "b"]),
    np.array([None, 1]),
    np.zeros((0, 2), "float32"),
    np.zeros((2, 2), complex),
    np.zeros((2, 2), int),
    np.full((2, 2), np.nan, "float32"),
    np.full((2, 2), 1e30, "float32"),
    np.zeros((2, 2, 2)),
]
STRANGE = [
    None,
    True,
    -1,
    0,
    1,
    2.5,
    float("nan"),
    float("inf"),
    2**80,
    "text",
    "",
    b"ab",
    [],
    [1, -2],
    [[1], [2, 3]],
    (1, 2, 3),
    (2.0, 1.0),
    ("a", "b"),
    {},
    {"a": "b"},
    object,
    *ARRAYS,
]
# between them lies what only memory and patience forbid
WHOLE = st.one_of(st.integers(max_value=20), st.integers(min_value=2**62))
JUNK = st.one_of(
    st.none(),
    st.booleans(),
    WHOLE,
    st.floats(),
    st.text(max_size=5),
    st.binary(max_size=5),
    st.lists(WHOLE, max_size=3),
    st.lists(st.floats(width=32), max_size=3).map(np.array),
    st.tuples(st.floats(), st.floats()),
)
# a file that can't be read or written is an OSError, as everywhere in Python
PATHS = ("path", "folder", "pictures")
WALKS = (
    "sampling.sample",
    "scale.sample_sharded",
    "applications.denoise",
    "applications.inpaint",
)


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """(name, argument): the function and what it likes; paths that are made up by a
    case lie in a folder of their own.
    """
    folder = tmp_path_factory.mktemp("arguments")
    np.save(folder / "x.npy", np.ones((3, 2)))
    likes, functions, here = good(folder), dict(public()), os.getcwd()
    assert likes.keys() == functions.keys(), (
        "tests/arguments.py must know every public function, and no other"
    )
    os.chdir(tmp_path_factory.mktemp("made_up"))
    yield {
        (name, argument): (functions[name], likes[name])
        for name in likes
        for argument in likes[name]
    }
    os.chdir(here)


def attempt(table, name, argument, value):
    """The call ends in one sentence that this package wrote, or with a result that is
    right where we can tell.
    """
    function, likes = table[name, argument]
    given = {**likes, argument: value}
    TRIED["arguments"] += 1
    try:
        result = call(function, dict(given))
    except ValueError as error:
        assert str(error) and "\n" not in str(error) and len(str(error)) < 600, error
        assert (
            inspect.getinnerframes(sys.exc_info()[2])[-1]
            .filename.rpartition("ebm_nb")[2]
            .startswith(os.sep)
        ), error
    except OSError:
        assert argument in PATHS
    else:
        if name in WALKS:
            x = result[0] if isinstance(result, tuple) else result
            start = next(given[key] for key in ("x0", "x", "damaged") if key in given)
            assert np.shape(x) == np.shape(start) and np.isfinite(x).all()


def test_good_arguments(table):
    """What the table says is liked is liked; without this the other tests could pass by
    refusing all.
    """
    for (name, argument), (function, likes) in table.items():
        if argument == next(iter(likes)):
            call(function, dict(likes))


@pytest.mark.parametrize("module", MODULES)
def test_strange_values(table, module):
    "Every strange value for every argument of every public function."
    for name, argument in table:
        if name.startswith(f"{module}."):
            for value in STRANGE:
                attempt(table, name, argument, value)


@pytest.mark.parametrize("module", MODULES)
@settings(MANY, max_examples=100)
@given(data=st.data())
def test_arguments(table, module, data):
    name, argument = data.draw(
        st.sampled_from([key for key in table if key[0].startswith(f"{module}.")])
    )
    attempt(table, name, argument, data.draw(JUNK))
