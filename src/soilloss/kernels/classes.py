"""Values by class and by interval: look-up without temporary arrays.

Edges are compared in float64. An interval is closed on the left unless told otherwise, and a value within one part
in a million of an edge belongs to the interval that owns the edge, so that float32 rounding changes no class.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from soilloss.kernels.ufuncs import ufunc

SLACK = 1e-6


def thresholds(edges: Any, closed_right: Any = False) -> Any:
    """Return the numbers to compare with ``value >= threshold``; `closed_right` flags edges of the lower interval.

    Examples
    --------
    >>> thresholds([10.0, 20.0]).round(4).tolist()
    [10.0, 20.0]
    """
    edges = np.asarray(edges, "f8")
    slack = SLACK * np.abs(edges)
    return np.where(closed_right, np.nextafter(edges + slack, np.inf), edges - slack)


@ufunc(
    [
        "void(float32, float64[:], float64[:], float32[:])",
        "void(float64, float64[:], float64[:], float64[:])",
    ],
    "(),(e),(v)->()",
    data=1,
)
def pick(value, edges, values, out):
    """``values[number of edges passed]``; NaN stays NaN."""
    step = 0
    for edge in edges:
        step += value >= edge
    out[0] = values[step] if value == value else np.nan


@ufunc(
    ["void(float32, float64[:], float32[:])", "void(float64, float64[:], float64[:])"],
    "(),(n)->()",
    data=1,
)
def lookup(code, table, out):
    """``table[code]``; NaN where the code is no whole number inside the table."""
    inside = 0 <= code < len(table)
    index = int(code) if inside else 0
    out[0] = table[index] if inside and index == code else np.nan


@ufunc(
    [
        "void(float32, float32, float64[:, :], float64[:], float32[:])",
        "void(float64, float64, float64[:, :], float64[:], float64[:])",
    ],
    "(),(),(n,v),(e)->()",
    data=2,
)
def lookup_steps(code, value, table, edges, out):
    """``table[code, number of edges passed by value]``; NaN where either is missing or the code is unknown."""
    inside = 0 <= code < table.shape[0]
    index = int(code) if inside else 0
    step = 0
    for edge in edges:
        step += value >= edge
    out[0] = table[index, step] if inside and index == code and value == value else np.nan


@ufunc(
    ["void(float32, float64[:], uint8[:])", "void(float64, float64[:], uint8[:])"],
    "(),(e)->()",
    data=1,
)
def classify(value, edges, out):
    """1 + number of edges passed; 0 where the value is missing."""
    grade = 1
    for edge in edges:
        grade += value >= edge
    out[0] = grade if value == value else 0


@njit(nogil=True, cache=True)
def gather(codes, table, out):
    """Fill `out` with ``table[codes]``: unsigned codes, none beyond the table; all (rows, columns)."""
    for row in range(codes.shape[0]):
        for column in range(codes.shape[1]):
            out[row, column] = table[codes[row, column]]


@njit(nogil=True, cache=True)
def count_flagged(codes, flags, cells):
    """Return how many of the `cells` (bool) have a code whose flag (bool) is set; all (rows, columns)."""
    count = 0
    for row in range(codes.shape[0]):
        for column in range(codes.shape[1]):
            count += np.int64(flags[codes[row, column]] & cells[row, column])
    return count
