import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soilloss.kernels import product

factors = arrays(np.float32, (6, 3), elements=st.floats(0, 1e3, width=32))


@given(st.lists(factors, min_size=7, max_size=7))
def test_products_are_those_of_numpy(values):
    wide = [value.astype("f8") for value in values]
    for function, count in ((product.product_of_5, 5), (product.product_of_7, 7)):
        out = function(*values[:count])
        assert out.dtype == np.float32
        np.testing.assert_allclose(out, np.prod(wide[:count], axis=0), rtol=1e-6, atol=1e-37)


@pytest.mark.parametrize("bad", [np.nan, -1e-9, np.inf, -np.inf])
def test_what_means_nothing_is_missing(bad):
    for function, count in ((product.product_of_5, 5), (product.product_of_7, 7)):
        for position in range(count):
            values = [np.ones(2, "f4") for _ in range(count)]
            values[position][1] = bad
            assert np.isnan(function(*values)).tolist() == [False, True]


def test_a_step_settles_to_what_it_adds_up_to():
    nan = np.nan
    loss = np.array([[1.5, nan, 3], [nan, nan, 7]], "f4")
    zero = np.array([[False, True, False], [False, False, False]])
    inside = np.array([[True, True, True], [True, True, False]])
    found = product.settle(loss, zero, inside, np.array([900.0, 950.0]))
    np.testing.assert_array_equal(loss, [[1.5, 0, 3], [nan, nan, nan]])
    assert found == (2, 2 * 950_000, 3 * 900_000, 4.5 * 900 * 100)
    rows, columns = np.empty((2, found[0]), np.int64)
    product.find_missing(loss, inside, rows, columns)
    assert list(zip(rows.tolist(), columns.tolist(), strict=True)) == [(1, 0), (1, 1)]


def test_nowhere_is_zero_without_a_mask():
    loss = np.array([[np.nan, 2]], "f4")
    product.settle(loss, np.zeros((0, 0), bool), np.ones((1, 2), bool), np.ones(1))
    np.testing.assert_array_equal(loss, [[np.nan, 2]])
