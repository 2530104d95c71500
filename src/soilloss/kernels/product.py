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


@njit(nogil=True, cache=True)
def settle(loss, zero, inside, area):
    """Make soil loss 0 where `zero` and missing where not `inside`, in place; return what a step adds up to.

    Parameters
    ----------
    loss : float32 (rows, columns)
    zero, inside : bool (rows, columns)
        `zero` may be empty (0, 0): nowhere.
    area : float64 (rows,)
        Area of a cell of each row, m2.

    Returns
    -------
    missing : int
        Cells inside without a value.
    gone, known : int
        Area of the missing and of the other cells inside, in thousandths of a square metre.
    mass : int
        Soil loss in grams.
    """
    missing = gone = known = mass = 0
    some = zero.size > 0
    for row in range(loss.shape[0]):
        holes = members = 0
        for column in range(loss.shape[1]):
            value = loss[row, column]
            value = np.float32(0) if some and zero[row, column] else value
            value = value if inside[row, column] else np.float32(np.nan)
            loss[row, column] = value
            members += np.int64(inside[row, column])
            holes += np.int64(inside[row, column] & (value != value))
            mass += np.int64(np.rint(value * area[row] * 1e2 if value == value else 0.0))
        own = np.int64(np.rint(area[row] * 1e3))
        missing += holes
        gone += own * holes
        known += own * (members - holes)
    return missing, gone, known, mass


@njit(nogil=True, cache=True)
def find_missing(loss, inside, row, column):
    """Fill `row` and `column` (int64) with the cells inside that have no value, as many as `settle` has counted."""
    found = 0
    for y in range(loss.shape[0]):
        for x in range(loss.shape[1]):
            if loss[y, x] != loss[y, x] and inside[y, x]:
                row[found], column[found] = y, x
                found += 1
