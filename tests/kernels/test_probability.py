"""Means over uncertain classes."""

import numpy as np

from soilloss.kernels.probability import expectation


def test_expectation():
    shares = np.array([[0.2, 0.3, 0.0], [0, 0, 0], [0.1, np.nan, 0.9]], "f4")
    out = expectation(shares, np.array([1, 2, np.nan]))
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, [1.6, np.nan, np.nan], rtol=1e-6)
    assert np.isnan(expectation(np.array([0.5, 0.5]), np.array([1, np.nan])))
