"""Loops over rain: sums of days by half-month or month, and storms in a record of short steps.

Days may lie along either axis in memory: cells are taken in small tiles, so both orders stay in the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TILE = 64


@njit(nogil=True, cache=True)
def add_periods(rain, starts, slots, weights, needed, scale, exponent, threshold, sums, years):
    """Add ``weight * scale * sum(rain ** exponent)`` of each period to its slot, counting the years that have it.

    Parameters
    ----------
    rain : float array (cells, days)
        NaN, negative and infinite days are missing.
    starts : int array (periods + 1)
        First day of each period, and the end of the last.
    slots, weights, needed : arrays (periods)
        Column of `sums` it belongs to, its weight, and the valid days it must have to count.
    scale, exponent : float64 arrays (cells)
    threshold : float
        Days below it add nothing.
    sums, years : float64 and integer arrays (cells, slots)
        Added to in place, so that a long record may come in pieces cut between periods.
    """
    cells = rain.shape[0]
    total = np.empty(TILE)
    valid = np.empty(TILE, np.int64)
    for first in range(0, cells, TILE):
        width = min(TILE, cells - first)
        for period in range(slots.size):
            total[:] = 0.0
            valid[:] = 0
            for day in range(starts[period], starts[period + 1]):
                for i in range(width):
                    amount = rain[first + i, day]
                    if 0.0 <= amount < np.inf:
                        valid[i] += 1
                        if amount >= threshold:
                            total[i] += amount ** exponent[first + i]
            for i in range(width):
                if valid[i] >= needed[period]:
                    sums[first + i, slots[period]] += weights[period] * scale[first + i] * total[i]
                    years[first + i, slots[period]] += 1


@njit(nogil=True, cache=True)
def heavy_days(rain, threshold, counts, amounts, valid):
    """Fill, for each cell, the number and amount of days not below `threshold`, and the number of valid days."""
    for first in range(0, rain.shape[0], TILE):
        last = min(first + TILE, rain.shape[0])
        for day in range(rain.shape[1]):
            for cell in range(first, last):
                amount = rain[cell, day]
                if 0.0 <= amount < np.inf:
                    valid[cell] += 1
                    if amount >= threshold:
                        counts[cell] += 1
                        amounts[cell] += amount
