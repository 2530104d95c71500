"""Loops over rain: sums of days by half-month or month, and storms in a record of short steps.

Days lie along the first axis: a row of cells is one day, taken in tiles whose sums stay in the cache.
"""

from __future__ import annotations

import numpy as np
from numba import njit

TILE = 4096
MANTISSA, ONE, BEYOND = np.int32(0x7FFFFF), np.int32(0x3F800000), np.int32(0x47800000)
INFINITE, MINUS_ZERO = np.uint32(0x7F800000), np.int32(-(2**31))


def power_parts(exponent):
    """Return a polynomial for ``m ** exponent`` with m from 1 to 2, and 2, 4, 16 and 256 to that exponent.

    Together they raise a float32 from 1 to 65536 to a fixed power, see `_raised`.
    """
    nodes = np.polynomial.Chebyshev.interpolate(lambda t: ((t + 3) / 2) ** exponent, 6)
    polynomial = np.array(nodes.convert(kind=np.polynomial.Polynomial).coef, float) * 2.0 ** np.arange(7)
    factors = np.exp2(exponent * 2.0 ** np.arange(4))
    return tuple(polynomial.astype(np.float32)), tuple(factors.astype(np.float32))


@njit(nogil=True, cache=True)
def _raised(code, polynomial, factors):
    """Return the power of the float32, 1 or more, whose bits are `code`; without branches, so that lanes run abreast.

    Its mantissa goes into the polynomial around 1.5; its binary exponent picks the factors. Numbers from 2 ** 16 on, in
    millimetres no day on Earth, become infinite.
    """
    one = np.float32(1)
    t = np.int32(code & MANTISSA | ONE).view(np.float32) - np.float32(1.5)
    out = ((polynomial[6] * t + polynomial[5]) * t + polynomial[4]) * t + polynomial[3]
    out = ((out * t + polynomial[2]) * t + polynomial[1]) * t + polynomial[0]
    # the exponent is stored with 127 added: one more, and its low bits are those of the exponent
    octave = (code >> 23) + 1
    low = (factors[0] if octave & 1 else one) * (factors[1] if octave & 2 else one)
    high = (factors[2] if octave & 4 else one) * (factors[3] if octave & 8 else one)
    return out * (low * high) if code < BEYOND else np.float32(np.inf)


@njit(nogil=True, cache=True)
def add_powers(bits, starts, slots, weights, needed, polynomial, factors, threshold, sums, years):
    """Do as `add_periods` for float32 rain, one exponent and no scale; single powers are good to 1e-6.

    Floats of one sign order as their bits do, so all comparisons are of integers.

    Parameters
    ----------
    bits : int32 array (days, cells)
        The memory of the rain.
    polynomial, factors
        From `power_parts`.
    threshold : int32
        Bits of the float32, at least 1, from which on days add.
    """
    cells = bits.shape[1]
    span = np.uint32(INFINITE - np.uint32(threshold))
    total, valid = np.empty(TILE, np.float32), np.empty(TILE, np.int16)
    for first in range(0, cells, TILE):
        width = min(TILE, cells - first)
        for period in range(slots.size):
            total[:] = 0
            valid[:] = 0
            for day in range(starts[period], starts[period + 1]):
                codes = bits[day, first : first + width]
                for i in range(width):
                    valid[i] += np.int16((np.uint32(codes[i]) < INFINITE) | (codes[i] == MINUS_ZERO))
                for i in range(width):
                    power = _raised(codes[i], polynomial, factors)
                    total[i] += power if np.uint32(codes[i] - threshold) < span else np.float32(0)
            _close(
                total, valid, weights[period], needed[period], sums[slots[period]], years[slots[period]], first, width
            )


@njit(nogil=True, cache=True)
def add_periods(rain, starts, slots, weights, needed, scale, exponent, threshold, sums, years):
    """Add ``weight * scale * sum(rain ** exponent)`` of each period to its slot, counting the years that have it.

    Parameters
    ----------
    rain : float array (days, cells)
        NaN, negative and infinite days are missing.
    starts : int array (periods + 1)
        First day of each period, and the end of the last.
    slots, weights, needed : arrays (periods)
        Row of `sums` it belongs to, its weight, and the valid days it must have to count.
    scale, exponent : float64 arrays (cells)
    threshold : float
        Days below it add nothing.
    sums, years : float64 and integer arrays (slots, cells)
        Added to in place, so that a long record may come in pieces cut between periods.
    """
    cells = rain.shape[1]
    total, valid = np.empty(TILE), np.empty(TILE, np.int16)
    for first in range(0, cells, TILE):
        width = min(TILE, cells - first)
        for period in range(slots.size):
            total[:] = 0
            valid[:] = 0
            for day in range(starts[period], starts[period + 1]):
                amounts = rain[day, first : first + width]
                for i in range(width):
                    valid[i] += np.int16((amounts[i] >= 0) & (amounts[i] < np.inf))
                for i in range(width):
                    if threshold <= amounts[i] < np.inf:
                        total[i] += scale[first + i] * amounts[i] ** exponent[first + i]
            _close(
                total, valid, weights[period], needed[period], sums[slots[period]], years[slots[period]], first, width
            )


@njit(nogil=True, cache=True)
def _close(total, valid, weight, needed, sums, years, first, width):
    """Add the period that ends to its slot, in cells that have enough valid days of it."""
    for i in range(width):
        counts = valid[i] >= needed
        sums[first + i] += weight * total[i] if counts else 0.0
        years[first + i] += counts


@njit(nogil=True, cache=True)
def heavy_days(rain, threshold, counts, amounts, valid):
    """Fill, for each cell, the number and amount of days not below `threshold`, and the number of valid days.

    Days are on the first axis of `rain`.
    """
    for day in range(rain.shape[0]):
        for cell in range(rain.shape[1]):
            amount = rain[day, cell]
            sound = (amount >= 0) & (amount < np.inf)
            heavy = sound & (amount >= threshold)
            valid[cell] += sound
            counts[cell] += heavy
            amounts[cell] += amount if heavy else 0.0


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
