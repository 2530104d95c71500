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
NEAR = 2  # values before the one in demand that are few
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
        if shift <= 16 and rank.max() <= NEAR:
            _nearest(bits, rows, found, rank, code, following)
            break
    else:
        _equal_or_next(bits, rows, found, rank, code, following)
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
    """Of the values not below `least` the one with `rank` (at most `NEAR`) others before it, and the one after it."""
    a, b, c, d = np.full(LANES, MISSING), np.full(LANES, MISSING), np.full(LANES, MISSING), np.full(LANES, MISSING)
    for row in range(0, rows, HALF):
        for lane in range(LANES):
            low, w, x, y, z = least[lane], a[lane], b[lane], c[lane], d[lane]
            for step in range(HALF):
                value = bits[row + step, lane]
                value = value if value >= low else MISSING
                w, value = min(w, value), max(w, value)
                x, value = min(x, value), max(x, value)
                y, value = min(y, value), max(y, value)
                z = min(z, value)
            a[lane], b[lane], c[lane], d[lane] = w, x, y, z
    for lane in range(LANES):
        place = rank[lane]
        code[lane] = a[lane] if place == 0 else b[lane] if place == 1 else c[lane]
        following[lane] = b[lane] if place == 0 else c[lane] if place == 1 else d[lane]


@njit(nogil=True, cache=True)
def _equal_or_next(bits, rows, found, rank, code, following):
    """The value `found`, and what follows it: itself where more than `rank` + 1 are equal to it, else the next."""
    equal = np.zeros(LANES, np.int32)
    following[:] = MISSING
    for row in range(rows):
        for lane in range(LANES):
            value = bits[row, lane]
            equal[lane] += np.int32(value == found[lane])
            value = value if value > found[lane] else MISSING
            following[lane] = min(following[lane], value)
    for lane in range(LANES):
        code[lane] = found[lane]
        following[lane] = found[lane] if equal[lane] > rank[lane] + 1 else following[lane]


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
