"""Moments of the training tiles against NumPy's."""

import numpy as np
import pytest

from soilloss.errors import DataError
from soilloss.landcover.moments import moments
from soilloss.landcover.tiles import NODATA


def images(seed=0):
    random = np.random.default_rng(seed)
    x = random.integers(0, 10_000, (6, 4, 5, 8, 8)).astype(np.int16)
    x[random.random(x.shape) < 0.2] = NODATA
    return x


def test_equal_to_numpy_over_valid_cells_of_the_chosen_tiles():
    x = images()
    valid = np.where(x == NODATA, np.nan, x / 10_000)[[0, 2, 3]]
    expected = [np.nanmean(valid, (0, 1, 3, 4)), np.nanstd(valid, (0, 1, 3, 4))]
    np.testing.assert_allclose(moments(x, [0, 2, 3]), expected, rtol=1e-6)


def test_order_does_not_matter():
    x = images(1)
    np.testing.assert_array_equal(moments(x, range(6)), moments(x, [5, 3, 1, 0, 2, 4]))


@pytest.mark.parametrize(
    ("value", "sentence"), [(NODATA, "band 3 .* no valid cell"), (500, "band 3 .* 0.05 everywhere")]
)
def test_a_band_that_says_nothing_is_refused(value, sentence):
    x = images()
    x[:, :, 2] = value
    with pytest.raises(DataError, match=sentence):
        moments(x, range(6))
