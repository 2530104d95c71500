"""The factor product in one pass per cell: no temporary arrays, the arithmetic in float64."""

from __future__ import annotations

import numpy as np
from numba import njit

from soilloss.kernels.ufuncs import ufunc


def _signatures(factors):
    return [f"{kind}({','.join([kind] * factors)})" for kind in ("float32", "float64")]


@njit(nogil=True, cache=True, inline="always")
def _checked(product, lowest):
    """A negative or infinite factor means nothing."""
    return product if lowest >= 0 and product < np.inf else np.nan


@ufunc(_signatures(5), data=5)
def product_of_5(a, b, c, d, e):
    """Product of five factors; NaN where one is missing, negative or infinite."""
    return _checked(np.float64(a) * b * c * d * e, min(a, b, c, d, e))


@ufunc(_signatures(7), data=7)
def product_of_7(a, b, c, d, e, f, g):
    """Product of seven factors; NaN where one is missing, negative or infinite."""
    return _checked(np.float64(a) * b * c * d * e * f * g, min(a, b, c, d, e, f, g))
