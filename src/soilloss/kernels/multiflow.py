"""Flow that divides: shares of each cell's outflow, and their accumulation in gather form.

A cell's outflow is 65535 parts, divided over its eight neighbours as whole numbers that sum exactly, so no water is
lost. Each cell sums what its neighbours send once, in the fixed order of the neighbours: the sums do not depend on the
order in which cells are visited. Cells without a lower neighbour follow their D8 direction; cells whose direction is
`LEAVES` (outlets, or channels that absorb) send nothing on.

Between two neighbours water flows one way or not at all. So a cell keeps the parts that flow between it and its
neighbours E, SE, S, SW, `parts` (cells, 4), and a bit for each neighbour that sends it water, `coming`.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from soilloss.kernels.elementary import exp2, log2
from soilloss.kernels.flow import LEAVES
from soilloss.kernels.surface import ONE, Place, offsets

PARTS = 65535
DONE, TOLD = 255, 254
STEEPEST_FACET, ONE_RECEIVER = -1.0, -2.0
"""Instead of an exponent: divide between the two neighbours beside the steepest facet, or follow D8."""
NOTHING_HELD, NONE_UNKNOWN = np.zeros(0, np.uint16), np.zeros(0, np.int32)
# cells at a time, so that what is known of them stays near the processor
PIECE = 512


@njit(nogil=True, cache=True)
def _facet(e0, e1, e2, d1, d2):
    """Slope down one triangular facet and the part of the angle between its sides at which it points (0 to 1)."""
    s1, s2 = (e0 - e1) / d1, (e1 - e2) / d2
    if s2 <= 0:
        return s1, 0.0
    if s1 * d2 <= s2 * d1:
        return (e0 - e2) / math.sqrt(d1 * d1 + d2 * d2), 1.0
    return math.sqrt(s1 * s1 + s2 * s2), math.atan2(s2, s1) / math.atan2(d2, d1)


@njit(nogil=True, cache=True, error_model="numpy")
def _raise(s, exponent):
    """Raise numbers from 0 to 1 to a power, in place; 0 stays 0."""
    for i in range(s.size):
        power = exp2(exponent * log2(s[i], 1 - s[i]))
        s[i] = power if s[i] > 0 else 0.0


@njit(nogil=True, cache=True, error_model="numpy")
def _slopes(w, offset, start, n, inverse, s, steepest, best):
    """Write the slopes of `n` cells to their eight neighbours, the steepest, and the first neighbour that has it."""
    for x in range(n):
        steepest[x] = 0.0
    for k in range(8):
        slopes, p, near = s[k], Place(start + offset[k]), inverse[2 if k & 1 else (k & 2) >> 1]
        here = Place(start)
        for x in range(Place(n)):
            slope = (np.float64(w[here + x]) - w[p + x]) * near
            slopes[x] = slope if slope > 0 else 0.0
        for x in range(n):
            steepest[x] = slopes[x] if slopes[x] > steepest[x] else steepest[x]
    for k in range(7, -1, -1):
        for x in range(n):
            best[x] = k if s[k, x] == steepest[x] else best[x]


@njit(nogil=True, cache=True, error_model="numpy")
def _freeman_cells(w, offset, start, n, inverse, direction, exponent, s, scratch, shares, column):
    """Write the shares by slope to the power `exponent` of `n` cells from `start` on into `shares` from `column` on.

    Loops over few arrays at a time: only those become vector instructions.
    """
    here, there = Place(start), Place(column)
    steepest, best, total, each, left = scratch[0], scratch[1], scratch[2], scratch[3], scratch[4]
    _slopes(w, offset, start, n, inverse, s, steepest, best)
    # relative to the steepest, so that no power underflows
    for x in range(n):
        each[x] = 1 / steepest[x] if steepest[x] > 0 else 0.0
        total[x] = 0.0
    for k in range(8):
        for x in range(n):
            s[k, x] *= each[x]
        _raise(s[k], exponent)
        for x in range(n):
            s[k, x] = 1.0 if best[x] == k else s[k, x]
            total[x] += s[k, x]
    for x in range(Place(n)):
        left[x] = PARTS if direction[here + x] < LEAVES else 0.0
        best[x] = best[x] if steepest[x] > 0 else direction[here + x]
    for x in range(n):
        each[x] = left[x] / total[x] if steepest[x] > 0 else 0.0
    for k in range(8):
        for x in range(n):
            s[k, x] = np.float64(np.int32(s[k, x] * each[x]))
            left[x] -= s[k, x]
    for k in range(8):
        for x in range(Place(n)):
            shares[k, there + x] = np.uint16(np.int32(s[k, x] + (left[x] if best[x] == k else 0.0)))


@njit(nogil=True, cache=True)
def _freeman_row(w, stride, row, inverse, direction, exponent, s, scratch, shares):
    """Write the shares by slope to the power `exponent` of a row into `shares` (8, stride), piece by piece."""
    offset = offsets(stride)
    for column in range(1, stride - 1, PIECE):
        n = min(PIECE, stride - 1 - column)
        _freeman_cells(w, offset, row + column, n, inverse, direction, exponent, s, scratch, shares, column)


@njit(nogil=True, cache=True)
def _tarboton_row(w, stride, row, metres, direction, shares):
    """Write the shares of a row over the steepest of eight facets into `shares` (8, stride)."""
    offset = offsets(stride)
    cardinals, diagonals = (0, 2, 2, 4, 4, 6, 6, 0), (1, 1, 3, 3, 5, 5, 7, 7)
    for x in range(stride):
        c = row + x
        for k in range(8):
            shares[k, x] = 0
        if direction[c] >= LEAVES:
            continue
        steepest, first, second, turn = 0.0, np.int64(direction[c]), np.int64(0), 0.0
        for i in range(8):
            k1, k2 = cardinals[i], diagonals[i]
            along = (k1 & 2) >> 1
            s, t = _facet(
                np.float64(w[c]),
                np.float64(w[c + offset[k1]]),
                np.float64(w[c + offset[k2]]),
                metres[along],
                metres[1 - along],
            )
            if s > steepest:
                steepest, first, second, turn = s, k1, k2, t
        # both receivers lie lower, so there are no circles; without a facet the D8 direction takes all
        part = int(PARTS * turn) if turn <= 0.5 else PARTS - int(PARTS * (1 - turn))
        shares[first, x] = PARTS - part
        shares[second, x] += part


@njit(nogil=True, cache=True)
def _whole_row(stride, row, direction, shares):
    """Write the shares of a row whose cells send all to their D8 receiver."""
    for x in range(stride):
        for k in range(8):
            shares[k, x] = PARTS if direction[row + x] == k else 0


@njit(nogil=True, cache=True)
def _hold_back(row, held, shares):
    """Take off what the cells of a row hold back; what rounding leaves over goes to the first of the largest."""
    for x in range(shares.shape[1]):
        passing = np.int64(PARTS - held[row + x])
        if passing == PARTS:
            continue
        largest, left = 0, passing
        for k in range(8):
            largest = k if shares[k, x] > shares[largest, x] else largest
        if shares[largest, x] == 0:
            continue
        for k in range(8):
            part = shares[k, x] * passing // PARTS
            shares[k, x] = part
            left -= part
        shares[largest, x] += left


@njit(nogil=True, cache=True)
def _row_shares(w, stride, y, metres, direction, exponent, s, scratch, shares):
    """Write the shares of row `y` of the grid; rows outside it send nothing."""
    if y < 0 or y >= metres.shape[1]:
        for k in range(8):
            for x in range(stride):
                shares[k, x] = 0
        return
    # the rows one below the other, as they lie in memory
    sides = np.array([metres[0, y], metres[1, y], metres[2, y]])
    if exponent == ONE_RECEIVER:
        _whole_row(stride, (y + 1) * stride, direction, shares)
    elif exponent == STEEPEST_FACET:
        _tarboton_row(w, stride, (y + 1) * stride, sides, direction, shares)
    else:
        _freeman_row(w, stride, (y + 1) * stride, 1 / sides, direction, exponent, s, scratch, shares)


@njit(nogil=True, cache=True)
def share(w, stride, metres, direction, exponent, first, last, parts, coming, held):
    """Write `parts` and `coming` of the rows from `first` to before `last`.

    `exponent` of the slope, or `STEEPEST_FACET` or `ONE_RECEIVER`; `metres` (3, rows) are the distances; `held`
    (uint16) is what each cell holds back, in parts, or `NOTHING_HELD`. Rows of the grid count without the ring.
    """
    s, scratch = np.zeros((8, PIECE)), np.zeros((5, PIECE))
    shares = np.zeros((3, 8, stride), np.uint16)
    for y in range(first - 1, last + 1):
        _row_shares(w, stride, y, metres, direction, exponent, s, scratch, shares[y % 3])
        if held.size:
            _hold_back((y + 1) * stride, held, shares[y % 3])
        if y > first:
            _join(shares[(y - 2) % 3], shares[(y - 1) % 3], shares[y % 3], stride, y * stride, parts, coming)


@njit(nogil=True, cache=True)
def _join(above, here, below, stride, row, parts, coming):
    """Write `parts` and `coming` of a row from the shares of three rows."""
    n, start = Place(stride), Place(row)
    for x in range(ONE, n - ONE):
        e, w = x + ONE, x - ONE
        parts[start + x, 0] = here[0, x] + here[4, e]
        parts[start + x, 1] = here[1, x] + below[5, e]
        parts[start + x, 2] = here[2, x] + below[6, x]
        parts[start + x, 3] = here[3, x] + below[7, w]
        m = np.int32(here[4, e] > 0) + np.int32(below[5, e] > 0) * 2 + np.int32(below[6, x] > 0) * 4
        m += np.int32(below[7, w] > 0) * 8 + np.int32(here[0, w] > 0) * 16 + np.int32(above[1, w] > 0) * 32
        coming[start + x] = np.uint8(m + np.int32(above[2, x] > 0) * 64 + np.int32(above[3, e] > 0) * 128)


@njit(nogil=True, cache=True)
def count_coming(coming, stride, waiting):
    """Write for how many neighbours each cell of whole rows waits; those of the ring stay as they are."""
    s = Place(stride)
    for row in range(Place(0), Place(coming.size), s):
        for c in range(row + ONE, row + s - ONE):
            m = coming[c] - ((coming[c] >> 1) & 0x55)
            m = (m & 0x33) + ((m >> 2) & 0x33)
            waiting[c] = np.uint8((m + (m >> 4)) & 15)


@njit(nogil=True, cache=True)
def share_out(parts, coming, waiting, stride, amount, first, last, unknown):
    """Sum up, in place, the cells from `first` to before `last` that wait for nothing, and those they release there.

    A cell is told of its senders one by one; cells that find no room on the stack are taken up by another pass. The
    first cells of which the amount is not known (NaN) are listed in `unknown`, senders first; their number is returned.
    """
    offset = offsets(stride).astype(Place)
    first, last = Place(first), Place(last)
    ready = np.empty(4096, np.int64)
    full, listed = True, 0
    while full:
        full = False
        for start in range(first, last):
            if waiting[start] != 0:
                continue
            ready[0], top = start, 1
            while top > 0:
                top -= 1
                c = Place(ready[top])
                if waiting[c] == DONE:
                    continue
                waiting[c] = DONE
                total = amount[c]
                for k in range(8):
                    p = c + offset[k]
                    part = parts[c, k] if k < 4 else parts[p, k - 4]
                    if part == 0:
                        continue
                    if (coming[c] >> k) & 1:
                        total += amount[p] * (part / PARTS)
                    elif first <= p < last:
                        waiting[p] -= 1
                        if waiting[p] == 0 and top < ready.size:
                            ready[top] = p
                            top += 1
                        full |= top == ready.size
                amount[c] = total
                if total != total and listed < unknown.size:
                    unknown[listed] = c
                    listed += 1
    return listed


@njit(nogil=True, cache=True)
def tell_across(parts, coming, waiting, stride, upper):
    """Tell the receivers across a border of strips of what is done there; return how many cells wait for nothing more.

    `upper` is the last row above the border, counted with the ring.
    """
    offset = offsets(stride)
    ready = 0
    for row in (upper, upper + 1):
        for c in range(row * stride + 1, (row + 1) * stride - 1):
            if waiting[c] != DONE:
                continue
            waiting[c] = TOLD
            for k in range(1, 4) if row == upper else range(5, 8):
                p = c + offset[k]
                part = parts[c, k] if k < 4 else parts[p, k - 4]
                if part > 0 and (coming[c] >> k) & 1 == 0:
                    waiting[p] -= 1
                    ready += waiting[p] == 0
    return ready


@njit(nogil=True, cache=True)
def _keep(row, start, shares):
    for x in range(row.shape[1]):
        for k in range(8):
            shares[start + x, k] = row[k, x]


@njit(nogil=True, cache=True)
def freeman_shares(w, stride, inverse, direction, exponent, shares):
    """Share by slope to the power `exponent` over all lower neighbours; `shares` is (cells, 8) uint16."""
    s, scratch, row = np.zeros((8, PIECE)), np.zeros((5, PIECE)), np.zeros((8, stride), np.uint16)
    for y in range(inverse.shape[1]):
        near = np.array([inverse[0, y], inverse[1, y], inverse[2, y]])
        _freeman_row(w, stride, (y + 1) * stride, near, direction, exponent, s, scratch, row)
        _keep(row, (y + 1) * stride, shares)


@njit(nogil=True, cache=True)
def tarboton_shares(w, stride, metres, direction, shares):
    """Share between the two neighbours beside the steepest of eight facets; `metres` (3, rows) as distances."""
    row = np.zeros((8, stride), np.uint16)
    for y in range(metres.shape[1]):
        _tarboton_row(w, stride, (y + 1) * stride, metres[:, y], direction, row)
        _keep(row, (y + 1) * stride, shares)


@njit(nogil=True, cache=True)
def _join_all(shares, stride, parts, coming, waiting):
    """Write `parts` and `coming` from shares by cell, ring included, and wait for no cell of the ring."""
    offset = offsets(stride)
    for row in range(stride, coming.size - stride, stride):
        for c in range(row + 1, row + stride - 1):
            for k in range(8):
                p = c + offset[k]
                if k < 4:
                    parts[c, k] = shares[c, k] + shares[p, k + 4]
                else:
                    parts[p, k - 4] = shares[c, k] + shares[p, k - 4]
                if shares[p, (k + 4) & 7] > 0:
                    coming[c] |= 1 << k
                    waiting[c] += waiting[p] != DONE


def accumulate_shares(shares: np.ndarray, direction: np.ndarray, stride: int, amount: np.ndarray) -> None:
    """Add to every cell what its neighbours send, in place: `amount` (float64) holds each cell's own on entry.

    Ring cells with shares (a neighbouring tile) are finished sources holding their given amounts.
    """
    parts, coming = np.zeros((amount.size, 4), np.uint16), np.zeros(amount.size, np.uint8)
    waiting = np.full((amount.size // stride, stride), DONE, np.uint8)
    waiting[1:-1, 1:-1] = 0
    waiting = waiting.reshape(-1)
    _join_all(shares, stride, parts, coming, waiting)
    share_out(parts, coming, waiting, stride, amount, stride, amount.size - stride, NONE_UNKNOWN)
