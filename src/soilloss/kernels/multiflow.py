"""Flow that divides: shares of each cell's outflow, and their accumulation in gather form.

A cell's outflow is 65535 parts, divided over its eight neighbours as whole numbers that sum exactly, so no water is
lost. Each cell sums what its neighbours send once, in the fixed order of the neighbours: the sums do not depend on the
order in which cells are visited. Cells without a lower neighbour follow their D8 direction; cells whose direction is
`LEAVES` (outlets, or channels that absorb) send nothing on.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from soilloss.kernels.flow import LEAVES, VOID
from soilloss.kernels.surface import longer, offsets

PARTS = 65535
DONE = 255


@njit(nogil=True, cache=True)
def _send_to(shares, c, receiver):
    """Send all of a cell's water to one neighbour, or to none."""
    for k in range(8):
        shares[c, k] = PARTS if k == receiver else 0


@njit(nogil=True, cache=True)
def freeman_shares(w, stride, inverse, direction, exponent, shares):
    """Share by slope to the power `exponent` over all lower neighbours; `shares` is (cells, 8) uint16."""
    offset = offsets(stride)
    s, near = np.empty(8, np.float64), np.empty(8, np.float64)
    for row in range(1, w.size // stride - 1):
        for k in range(8):
            near[k] = inverse[2 if k & 1 else (k & 2) >> 1, row - 1]
        for c in range(row * stride + 1, row * stride + stride - 1):
            if direction[c] >= LEAVES:
                _send_to(shares, c, -1)
                continue
            best, steepest = np.int64(direction[c]), 0.0
            for k in range(8):
                slope = (np.float64(w[c]) - w[c + offset[k]]) * near[k]
                s[k] = slope if slope > 0 else 0.0
                best, steepest = (k, slope) if slope > steepest else (best, steepest)
            if steepest == 0:
                _send_to(shares, c, best)
                continue
            # relative to the steepest, so that no power underflows
            relative, total = 1 / steepest, 0.0
            for k in range(8):
                if s[k] > 0:
                    s[k] = (s[k] * relative) ** exponent if k != best else 1.0
                    total += s[k]
            left, parts = PARTS, PARTS / total
            for k in range(8):
                part = np.int32(s[k] * parts)
                shares[c, k] = part
                left -= part
            shares[c, best] += left


@njit(nogil=True, cache=True)
def _facet(e0, e1, e2, d1, d2):
    """Slope down one triangular facet and the part of the angle between its sides at which it points (0 to 1)."""
    s1, s2 = (e0 - e1) / d1, (e1 - e2) / d2
    if s2 <= 0:
        return s1, 0.0
    if s1 * d2 <= s2 * d1:
        return (e0 - e2) / math.sqrt(d1 * d1 + d2 * d2), 1.0
    return math.sqrt(s1 * s1 + s2 * s2), math.atan2(s2, s1) / math.atan2(d2, d1)


@njit(nogil=True, cache=True)
def tarboton_shares(w, stride, metres, direction, shares):
    """Share between the two neighbours beside the steepest of eight facets; `metres` (3, rows) as distances."""
    offset = offsets(stride)
    cardinals, diagonals = (0, 2, 2, 4, 4, 6, 6, 0), (1, 1, 3, 3, 5, 5, 7, 7)
    for c in range(stride, w.size - stride):
        _send_to(shares, c, -1)
        if direction[c] >= LEAVES:
            continue
        row = c // stride - 1
        steepest, first, second, turn = 0.0, np.int64(direction[c]), np.int64(0), 0.0
        for i in range(8):
            k1, k2 = cardinals[i], diagonals[i]
            along = (k1 & 2) >> 1
            s, t = _facet(
                np.float64(w[c]),
                np.float64(w[c + offset[k1]]),
                np.float64(w[c + offset[k2]]),
                metres[along, row],
                metres[1 - along, row],
            )
            if s > steepest:
                steepest, first, second, turn = s, k1, k2, t
        # both receivers lie lower, so there are no circles; without a facet the D8 direction takes all
        part = int(PARTS * turn) if turn <= 0.5 else PARTS - int(PARTS * (1 - turn))
        shares[c, first] = PARTS - part
        shares[c, second] += part


@njit(nogil=True, cache=True)
def _senders(shares, direction, stride):
    """Count the neighbours that send water to each cell; `DONE` in voids and the ring."""
    offset = offsets(stride)
    waiting = np.full(direction.size, DONE, np.uint8)
    for row in range(stride, direction.size - stride, stride):
        for c in range(row + 1, row + stride - 1):
            if direction[c] == VOID:
                continue
            n = 0
            for k in range(8):
                n += shares[c + offset[k], (k + 4) & 7] > 0
            waiting[c] = n
    return waiting


@njit(nogil=True, cache=True)
def _release(c, shares, offset, waiting, ready, top):
    """Tell the receivers of a finished cell; put those that wait for nothing more on the stack `ready`."""
    for k in range(8):
        p = c + offset[k]
        sends = shares[c, k] > 0
        waiting[p] -= sends
        # without branches: what does not count is overwritten by the next
        ready[top] = p
        top += sends & (waiting[p] == 0)
    return top


@njit(nogil=True, cache=True)
def _release_ring(shares, offset, stride, waiting):
    """Tell the receivers of ring cells, which are finished sources."""
    rows = waiting.size // stride
    for row in range(rows):
        for c in range(row * stride, row * stride + stride, 1 if row in (0, rows - 1) else stride - 1):
            for k in range(8):
                if shares[c, k] > 0:
                    waiting[c + offset[k]] -= 1


@njit(nogil=True, cache=True)
def accumulate_shares(shares, direction, stride, amount):
    """Add to every cell what its neighbours send, in place: `amount` (float64) holds each cell's own on entry.

    Ring cells with shares (a neighbouring tile) are finished sources holding their given amounts.
    """
    offset = offsets(stride)
    waiting = _senders(shares, direction, stride)
    _release_ring(shares, offset, stride, waiting)
    ready = np.empty(1024, np.int64)
    for start in range(stride, direction.size - stride):
        if waiting[start] != 0:
            continue
        ready[0], top = start, 1
        while top > 0:
            top -= 1
            c = ready[top]
            waiting[c] = DONE
            total = amount[c]
            for k in range(8):
                p = c + offset[k]
                total += amount[p] * (shares[p, (k + 4) & 7] / PARTS)
            amount[c] = total
            if top + 8 > ready.size:
                ready = longer(ready)
            top = _release(c, shares, offset, waiting, ready, top)
