"""The change of a product shared out among its factors, cell by cell.

``divisia(before, after, out)`` and ``shapley(before, after, out)`` take float64 factors of shape (factors, cells) and
write what each contributed; NaN where a factor is missing, negative or infinite.
"""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(nogil=True, cache=True)
def _product(factors, cell):
    """Product of the factors of a cell; NaN where one is missing, negative or infinite."""
    product = 1.0
    for factor in range(factors.shape[0]):
        value = factors[factor, cell]
        if not (0.0 <= value < np.inf):
            return np.nan
        product *= value
    return product


@njit(nogil=True, cache=True)
def divisia(before, after, out):
    """Share out by the logarithmic mean; a product that is or becomes 0 gives its change to the factors that are 0."""
    count, cells = before.shape
    for cell in range(cells):
        started, ended = _product(before, cell), _product(after, cell)
        if np.isnan(started) or np.isnan(ended):
            out[:, cell] = np.nan
        elif started == 0.0 or ended == 0.0:
            empty = before if started == 0.0 else after
            zeros = 0
            for factor in range(count):
                zeros += empty[factor, cell] == 0.0
            for factor in range(count):
                out[factor, cell] = (ended - started) / zeros if empty[factor, cell] == 0.0 else 0.0
        else:
            total = 0.0
            for factor in range(count):
                one, other = before[factor, cell], after[factor, cell]
                growth = 0.0 if one == other else np.log(other / one)
                out[factor, cell] = growth
                total += growth
            # the logarithmic mean of A0 and A0 exp(x) is A0 expm1(x) / x
            weight = started if total == 0.0 else started * np.expm1(total) / total
            for factor in range(count):
                out[factor, cell] *= weight


@njit(nogil=True, cache=True)
def shapley(before, after, out):
    """Share out by the mean over all orders in which the factors may change."""
    count, cells = before.shape
    subsets = 1 << count
    weights = np.ones(count)  # of a step from a subset of this size: size! (count - 1 - size)! / count!
    for size in range(count):
        for number in range(1, size + 1):
            weights[size] *= number / (count - number + 1)
        weights[size] /= count - size
    products = np.empty(subsets)
    for cell in range(cells):
        out[:, cell] = 0.0
        if np.isnan(_product(before, cell)) or np.isnan(_product(after, cell)):
            out[:, cell] = np.nan
            continue
        for subset in range(subsets):
            products[subset] = 1.0
            for factor in range(count):
                products[subset] *= (after if subset >> factor & 1 else before)[factor, cell]
        for subset in range(subsets):
            size = 0
            for factor in range(count):
                size += subset >> factor & 1
            for factor in range(count):
                if not subset >> factor & 1:
                    step = products[subset | 1 << factor] - products[subset]
                    out[factor, cell] += weights[size] * step
