"""Slope length and steepness in one pass per cell, in float64, so that no temporary arrays arise.

The metres of a row have shape ``(rows, 1)`` and broadcast.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from soilloss.kernels.ufuncs import ufunc

UNIT_PLOT_LENGTH = 22.13
UNIT_PLOT_SINE = 0.0896
STEEP = math.atan(0.09) * (1 - 1e-6)


@njit(nogil=True, cache=True, inline="always")
def _steepness(sine, slope):
    return 16.8 * sine - 0.5 if slope >= STEEP else 10.8 * sine + 0.03


@ufunc(
    [
        "float32(float64, float32, float32, float64, float64, float64, float64)",
        "float64(float64, float64, float64, float64, float64, float64, float64)",
    ],
    data=3,
)
def desmet_govers(area, slope, aspect, dx, dy, max_length, channel_area):
    """LS of a cell: Desmet-Govers L at the inlet with the exponent of McCool 1989, times S of McCool 1987."""
    if slope == 0:
        aspect = 0.0
    if not (slope >= 0 and area >= 0 and aspect == aspect) or area >= channel_area or area == np.inf:
        return np.nan
    angle = float(aspect)
    sine = math.sin(float(slope))
    width = dx * abs(math.cos(angle)) + dy * abs(math.sin(angle))
    own = dx * dy
    inlet = max(min(area, max_length * width) - own, 0.0)
    beta = sine / UNIT_PLOT_SINE / (3 * math.exp(0.8 * math.log(sine)) + 0.56)
    m = beta / (1 + beta)
    if inlet > 0:
        # inlet^(m+1) expm1((m+1) log1p(own/inlet)): the difference of two close powers, without cancellation
        scale = math.exp((m + 1) * math.log(inlet) - m * math.log(width * UNIT_PLOT_LENGTH))
        length = scale * math.expm1((m + 1) * math.log1p(own / inlet)) / own
    else:
        length = (own / (width * UNIT_PLOT_LENGTH)) ** m
    return length * _steepness(sine, slope)
