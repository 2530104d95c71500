"""Medians of many series side by side, without branches.

Cells lie in lanes, so that the inner loops run over cells. A median is found by halving: the bits of a float32, put
into an order-preserving integer, are decided one by one by counting how many values lie below; eight bits at a time are
taken out as int8, so that a register holds many. Most often 16 bits leave so few values that they are looked at.
"""

from __future__ import annotations

import numpy as np
from numba import njit

LANES = 128
UNROLL = 8
PART = 15 * UNROLL  # rows whose count fits an int8
NEAR = 4  # values before the one in demand that are few
HALF = UNROLL // 2
MISSING = np.int32(0x7FFFFFFF)


@njit(nogil=True, cache=True)
def ordered(value):
    """The bits of a float32 as an integer of the same order; NaN is the last."""
    single = np.float32(value)
    number = single.view(np.int32)
    number = np.int32(number ^ ((number >> np.int32(31)) & MISSING))
    return number if single == single else MISSING


@njit(nogil=True, cache=True)
def _number(code):
    """The float32 of an ordered integer."""
    return np.int32(code ^ ((code >> np.int32(31)) & MISSING)).view(np.float32)


@njit(nogil=True, cache=True)
def medians(values, bits, digits, size, counts, median):
    """Median of the `counts` values of each lane that are not missing; NaN where all are.

    The first digits are there already. Most often two of them leave few values to look at.
    """
    rows = -(-size // UNROLL) * UNROLL
    found, rank = np.full(LANES, -0x80000000, np.int32), np.empty(LANES, np.int32)
    code, following = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    for lane in range(LANES):
        rank[lane] = max(counts[lane] - 1, 0) // 2
    for shift in (24, 16, 8, 0):
        if shift < 24:
            _next_digits(bits, digits, rows, found, shift)
        _select(digits, rows, rank, found, shift)
        if shift == 16 or (shift == 8 and rank.max() <= NEAR):
            _nearest(bits, rows, found, rank, code, following)
            if rank.max() <= NEAR or _among_equals(bits, rows, rank, code, following):
                break
    else:
        _count_equal(bits, rows, found, code, following)
        for lane in range(LANES):
            following[lane] = found[lane] if code[lane] > rank[lane] + 1 else following[lane]
            code[lane] = found[lane]
    for lane in range(LANES):
        last = code[lane] if counts[lane] % 2 == 1 else following[lane]
        if len(values) > 1:
            median[lane] = _exact_middle(values[:, lane], bits[:rows, lane], code[lane], last, counts[lane])
        else:
            median[lane] = 0.5 * (np.float64(_number(code[lane])) + np.float64(_number(last)))
        if counts[lane] == 0:
            median[lane] = np.nan


@njit(nogil=True, cache=True)
def _next_digits(bits, digits, rows, found, shift):
    """The next eight bits of what begins as `found`; all below and above are put behind."""
    for row in range(rows):
        for lane in range(LANES):
            # what lies below wraps to the end
            above = np.uint32(np.uint32(bits[row, lane] - found[lane]) >> np.uint32(shift))
            digits[row, lane] = np.int8(np.int32(min(above, np.uint32(255))) - np.int32(128))


@njit(nogil=True, cache=True)
def _nearest(bits, rows, least, rank, code, following):
    """Of the values not below `least` the one with `rank` others before it, and the one after it.

    Where `rank` is above `NEAR`, the first two instead.
    """
    best = np.full((NEAR + 2, LANES), MISSING)
    for row in range(0, rows, HALF):
        for lane in range(LANES):
            low, u, v, w = least[lane], best[0, lane], best[1, lane], best[2, lane]
            x, y, z = best[3, lane], best[4, lane], best[5, lane]
            for step in range(HALF):
                value = bits[row + step, lane]
                value = value if value >= low else MISSING
                u, value = min(u, value), max(u, value)
                v, value = min(v, value), max(v, value)
                w, value = min(w, value), max(w, value)
                x, value = min(x, value), max(x, value)
                y, value = min(y, value), max(y, value)
                z = min(z, value)
            best[0, lane], best[1, lane], best[2, lane] = u, v, w
            best[3, lane], best[4, lane], best[5, lane] = x, y, z
    for lane in range(LANES):
        place = rank[lane] if rank[lane] <= NEAR else 0
        code[lane], following[lane] = best[place, lane], best[place + 1, lane]


@njit(nogil=True, cache=True)
def _among_equals(bits, rows, rank, code, following):
    """Whether in lanes with many values the least of them, `code`, is the one in demand: so many are equal to it."""
    equal, after = np.empty(LANES, np.int32), np.empty(LANES, np.int32)
    _count_equal(bits, rows, code, equal, after)
    for lane in range(LANES):
        if rank[lane] > NEAR:
            if equal[lane] <= rank[lane]:
                return False
            following[lane] = code[lane] if equal[lane] > rank[lane] + 1 else after[lane]
    return True


@njit(nogil=True, cache=True)
def _count_equal(bits, rows, found, equal, after):
    """How many values equal `found`, and the next above it."""
    equal[:] = 0
    after[:] = MISSING
    for row in range(rows):
        for lane in range(LANES):
            value = bits[row, lane]
            equal[lane] += np.int32(value == found[lane])
            value = value if value > found[lane] else MISSING
            after[lane] = min(after[lane], value)


@njit(nogil=True, cache=True)
def _select(digits, rows, rank, found, shift):
    """Add to `found` the digit of the value with `rank` others below it, bit by bit; take from `rank` what is below."""
    digit, limit = np.full(LANES, -128, np.int8), np.empty(LANES, np.int8)
    count, below = np.empty(LANES, np.int32), np.zeros(LANES, np.int32)
    for bit in range(7, -1, -1):
        for lane in range(LANES):
            limit[lane] = np.int8(digit[lane] + (1 << bit))
        count_below(digits, rows, limit, count)
        for lane in range(LANES):
            taken = count[lane] <= rank[lane]
            digit[lane] = limit[lane] if taken else digit[lane]
            below[lane] = count[lane] if taken else below[lane]
    for lane in range(LANES):
        found[lane] += np.int32((np.int32(digit[lane]) + 128) << shift)
        rank[lane] -= below[lane]


@njit(nogil=True, cache=True)
def count_below(digits, rows, limit, count):
    """How many digits of each lane are below its limit."""
    part = np.empty(LANES, np.int8)
    count[:] = 0
    for start in range(0, rows, PART):
        part[:] = 0
        for row in range(start, min(start + PART, rows), UNROLL):
            for lane in range(LANES):
                edge = limit[lane]
                part[lane] += (
                    np.int8(digits[row, lane] < edge)
                    + np.int8(digits[row + 1, lane] < edge)
                    + np.int8(digits[row + 2, lane] < edge)
                    + np.int8(digits[row + 3, lane] < edge)
                    + np.int8(digits[row + 4, lane] < edge)
                    + np.int8(digits[row + 5, lane] < edge)
                    + np.int8(digits[row + 6, lane] < edge)
                    + np.int8(digits[row + 7, lane] < edge)
                )
        for lane in range(LANES):
            count[lane] += part[lane]


@njit(nogil=True, cache=True)
def _exact_middle(values, bits, code, last, count):
    """The same in float64: only numbers that round to the two found can be the middle ones."""
    near = np.empty(len(bits))
    found = below = 0
    for row in range(len(bits)):
        below += bits[row] < code
        if bits[row] == code or bits[row] == last:
            near[found] = values[row]
            found += 1
    near = np.sort(near[:found])
    return 0.5 * (near[max(count - 1, 0) // 2 - below] + near[count // 2 - below]) if count > 0 else np.nan
