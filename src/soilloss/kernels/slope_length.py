"""Slope length down the D8 forest, ended where the slope slackens and at channels.

A cell's length is its own plus the longest of the uncut flows into it. Longest and plus do not depend on order, so any
cut of the grid gives the same bits. Flat arrays with a ring as in `surface`; `metres` (3, rows) holds the distances
east-west, north-south and diagonal of each row.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

from soilloss.kernels.flow import LEAVES, VOID, inflows
from soilloss.kernels.surface import offsets

ROW_STEP = (0, 1, 1, 1, 0, -1, -1, -1)
# what stops a slope: a channel, in which there is none, and a cell that passes nothing on, where it ends
CHANNEL, LAST = 1, 2


@njit(nogil=True, cache=True)
def _distance(metres, row, k):
    return metres[2 if k & 1 else (k & 2) >> 1, row]


@njit(nogil=True, cache=True)
def _angle(w, c, row, k, offset, metres):
    """Angle of the steepest descent; unknown (NaN) where water leaves the grid."""
    if k >= LEAVES:
        return np.nan
    return math.atan((np.float64(w[c]) - w[c + offset[k]]) / _distance(metres, row, k))


@njit(nogil=True, cache=True)
def cut_flow(w, stride, metres, direction, stop, gentle_ratio, steep_ratio, break_angle):
    """Return the directions with `LEAVES` where a slope ends: before a slackening, at `stop`, before a channel cell.

    Flow is cut where the receiver's angle is less than the sender's times the ratio: `gentle_ratio` for senders
    below `break_angle`, else `steep_ratio`. Receivers in the ring are not judged; a tile has a halo of two cells.
    """
    offset = offsets(stride)
    cut = direction.copy()
    rows = w.size // stride - 2
    for c in range(stride, w.size - stride):
        k = direction[c]
        if k >= LEAVES:
            continue
        p = c + offset[k]
        row = c // stride - 1
        below = row + ROW_STEP[k]
        if stop[c] or stop[p] == CHANNEL:
            cut[c] = LEAVES
        elif 0 <= below < rows:
            angle = _angle(w, c, row, k, offset, metres)
            ratio = gentle_ratio if angle < break_angle else steep_ratio
            if _angle(w, p, below, direction[p], offset, metres) < angle * ratio:
                cut[c] = LEAVES
    return cut


@njit(nogil=True, cache=True)
def _own_length(metres, row, k):
    if k < LEAVES:
        return _distance(metres, row, k)
    return math.sqrt(metres[0, row] * metres[1, row])


@njit(nogil=True, cache=True)
def longest_slope(direction, cut, stride, metres, half_start, length):
    """Write the slope length of every cell into `length` (float64), which holds the longest inflow on entry (0).

    A cell without inflow starts a slope. With `half_start` it counts half its own length, else a cell that ends a
    slope does.
    """
    offset = offsets(stride)
    waiting = inflows(cut, stride)
    for start in range(stride, direction.size - stride):
        if waiting[start] != 0 or direction[start] == VOID:
            continue
        c, row = start, start // stride - 1
        while True:
            own = _own_length(metres, row, direction[c])
            if (half_start and length[c] == 0) or (not half_start and cut[c] >= LEAVES):
                own *= 0.5
            length[c] += own
            k = cut[c]
            if k >= LEAVES:
                break
            above = length[c]
            c += offset[k]
            row += ROW_STEP[k]
            length[c] = max(length[c], above)
            if waiting[c] != 1:
                waiting[c] -= 1
                break
