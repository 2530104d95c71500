"""Slope length and steepness in one pass per cell, in float64, so that no temporary arrays arise."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from soilloss.kernels.elementary import exp2, exp2m1, log2, sine_cosine
from soilloss.kernels.ufuncs import ufunc

UNIT_PLOT_LENGTH = 22.13
UNIT_PLOT_SINE = 0.0896
STEEP = math.atan(0.09) * (1 - 1e-6)
# cells at a time
PIECE = 512


def desmet_govers(
    area: Any, slope: Any, aspect: Any, dx: Any, dy: Any, max_length: float, channel_area: float
) -> np.ndarray:
    """LS of cells: Desmet-Govers L at the inlet with the exponent of McCool 1989, times S of McCool 1987.

    Arrays broadcast: the metres of a row have shape ``(rows, 1)``. Float32 if slope and aspect are.
    """
    angles = [one.dtype for one in (slope, aspect) if hasattr(one, "dtype")] or [np.float64]
    kind = np.result_type(np.float32, *angles)
    cells = (np.asarray(one, t) for one, t in ((area, float), (slope, kind), (aspect, kind), (dx, float), (dy, float)))
    arrays = np.broadcast_arrays(*cells)
    rows = (np.atleast_1d(one) for one in arrays)
    return _along_rows(*rows, max_length, channel_area).reshape(arrays[0].shape)[()]


@ufunc(
    [
        "void(float64[:], float32[:], float32[:], float64[:], float64[:], float64, float64, float32[:])",
        "void(float64[:], float64[:], float64[:], float64[:], float64[:], float64, float64, float64[:])",
    ],
    "(n),(n),(n),(n),(n),(),()->(n)",
    data=3,
)
def _along_rows(area, slope, aspect, dx, dy, max_length, channel_area, out):
    """Write LS of the cells of a row, piece by piece: what lies side by side can be worked out abreast."""
    copied, made = np.ones((5, PIECE)), np.empty(PIECE)
    for start in range(0, out.size, PIECE):
        n = min(PIECE, out.size - start)
        for i in range(n):
            copied[0, i], copied[1, i], copied[2, i] = area[start + i], slope[start + i], aspect[start + i]
            copied[3, i], copied[4, i] = dx[start + i], dy[start + i]
        _piece(copied[0], copied[1], copied[2], copied[3], copied[4], max_length, channel_area, made)
        for i in range(n):
            out[start + i] = made[i]


@njit(nogil=True, cache=True, error_model="numpy")
def _piece(area, slope, aspect, dx, dy, max_length, channel_area, out):
    for i in range(out.size):
        sine, _ = sine_cosine(slope[i])
        east, north = sine_cosine(aspect[i] if slope[i] != 0 else 0.0)
        own, width = dx[i] * dy[i], dx[i] * north + dy[i] * east
        longest = max_length * width
        within = area[i] if area[i] < longest else longest
        within = within if within > own else own
        m = sine / (sine + UNIT_PLOT_SINE * (3 * exp2(0.8 * log2(sine, 1 - sine)) + 0.56))
        # A^(m+1) - (A - own)^(m+1) over own, by the share of the cell in A: the difference loses no digit
        share, plots = own / within, within / (width * UNIT_PLOT_LENGTH)
        length = exp2(m * log2(plots, 1 - plots)) * -exp2m1((m + 1) * log2(1 - share, share)) / share
        steepness = 16.8 * sine - 0.5 if slope[i] >= STEEP else 10.8 * sine + 0.03
        known = (slope[i] >= 0) & (area[i] >= 0) & (area[i] < np.inf) & (area[i] < channel_area) & (width == width)
        out[i] = length * steepness if known else np.nan
