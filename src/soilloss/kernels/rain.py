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


@njit(nogil=True, cache=True)
def storm_starts(index, depth, gap, gap_depth):
    """Mark the wet records that begin a storm: those before which less than `gap_depth` fell in `gap` steps.

    `index` counts steps from the first record and rises; `depth` is positive. A storm must itself be `gap` steps old
    before it can be cut, or its first drops would be cut off one by one. With a negative `gap_depth` a storm begins
    where two wet records are `gap` steps or more apart.
    """
    starts = np.zeros(index.size, np.bool_)
    begin = 0
    first = 0
    before = 0.0
    for i in range(index.size):
        if i > 0:
            before += depth[i - 1]
        while first < i and index[first] < index[i] - gap:
            before -= depth[first]
            first += 1
        if first == i:
            before = 0.0
        if gap_depth < 0:
            cut = i == 0 or index[i] - index[i - 1] >= gap
        else:
            cut = i == 0 or (index[i] - index[begin] >= gap and before < gap_depth)
        if cut:
            starts[i] = True
            begin = i
    return starts


@njit(nogil=True, cache=True)
def largest_depth(index, depth, first, last, steps):
    """Most rain in any window of `steps` steps (a fraction allowed) within records `first` to `last` (excluded).

    Rain falls evenly within a step, so the fullest window begins or ends at the border of a step.
    """
    whole = int(np.floor(steps))
    part = steps - whole
    most = 0.0
    for i in range(first, last):
        backward = 0.0
        j = i
        while j >= first and index[j] >= index[i] - whole:
            backward += depth[j] * (1.0 if index[j] > index[i] - whole else part)
            j -= 1
        forward = 0.0
        j = i
        while j < last and index[j] <= index[i] + whole:
            forward += depth[j] * (1.0 if index[j] < index[i] + whole else part)
            j += 1
        most = max(most, backward, forward)
    return most


@njit(nogil=True, cache=True)
def storm_table(index, depth, energy, firsts, half_hour, quarter_hour):
    """Return for each storm: first and last step, depth, energy, most rain in 30 and in 15 minutes."""
    table = np.empty((firsts.size, 6))
    for storm in range(firsts.size):
        first = firsts[storm]
        last = firsts[storm + 1] if storm + 1 < firsts.size else index.size
        table[storm, 0] = index[first]
        table[storm, 1] = index[last - 1]
        table[storm, 2] = depth[first:last].sum()
        table[storm, 3] = energy[first:last].sum()
        table[storm, 4] = largest_depth(index, depth, first, last, half_hour)
        table[storm, 5] = largest_depth(index, depth, first, last, quarter_hour)
    return table
