import numpy as np
import pytest

from soilloss.kernels.ufuncs import ufunc


@ufunc(["float32(float32, float32)", "float64(float64, float64)"], data=2)
def ratio(a, b):
    return a / b


@ufunc(
    ["void(float32, float64[:], float32[:])", "void(float64, float64[:], float64[:])"],
    "(),(n)->()",
    data=1,
)
def above(value, edges, out):
    out[0] = np.sum(value > edges)


def test_python_numbers_are_wide_and_arrays_keep_their_type():
    assert ratio(1, 3) == 1 / 3
    assert ratio(np.ones(2, "f4"), 3).dtype == np.float32
    assert ratio(np.ones(2), np.float32(3)).dtype == np.float64


def test_rows_and_columns_broadcast():
    assert ratio(np.ones((3, 1), "f4"), np.ones((2, 1, 4), "f4")).shape == (2, 3, 4)


def test_tables_are_whole():
    assert above(np.array([0.5, 2.5], "f4"), np.array([0.0, 1.0, 2.0])).tolist() == [1, 3]
    assert above(2.5, np.array([0.0, 1.0])) == 2


@pytest.mark.parametrize("value", [0.0, np.nan, np.inf])
def test_missing_cells_make_no_warning(value):
    ratio(np.array([0.0, 1.0]), np.array([value, value]))


def test_help_shows_the_function():
    assert ratio.__name__ == "ratio"
