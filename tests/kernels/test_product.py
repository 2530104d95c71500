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
