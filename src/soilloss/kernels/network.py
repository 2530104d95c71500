"""What follows the D8 forest downstream: watersheds, streams and their order, the reach of water from outside.

Flat arrays with a ring as in `surface`, directions as in `flow`. Directions that run in a circle (only those of other
programs can) lead nowhere and stop no loop.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from soilloss.kernels.flow import LEAVES, VOID
from soilloss.kernels.surface import longer, offsets

NOWHERE, ON_THE_WAY = -1, -2


@njit(nogil=True, cache=True)
def label_watersheds(direction, stride, label):
    """Give every cell the label of the first labelled cell downstream, `NOWHERE` if there is none.

    `label` (int32) holds positive numbers at outlets, 0 elsewhere, `NOWHERE` in voids and the ring.
    """
    offset = offsets(stride)
    for start in range(stride, direction.size - stride):
        if label[start] != 0:
            continue
        c = start
        while label[c] == 0:
            label[c] = ON_THE_WAY
            if direction[c] < LEAVES:
                c += offset[direction[c]]
        found = max(label[c], np.int32(NOWHERE))
        c = start
        while label[c] == ON_THE_WAY:
            label[c] = found
            if direction[c] < LEAVES:
                c += offset[direction[c]]


@njit(nogil=True, cache=True)
def reach_of_outside(direction, stride, reached):
    """Set `reached` to 1 in cells beside a void or the ring and in all cells downstream of them."""
    offset = offsets(stride)
    for start in range(stride, direction.size - stride):
        if direction[start] == VOID:
            continue
        beside = False
        for k in range(8):
            beside |= direction[start + offset[k]] == VOID
        c = start
        while beside and reached[c] == 0:
            reached[c] = 1
            if direction[c] < LEAVES and direction[c + offset[direction[c]]] != VOID:
                c += offset[direction[c]]


@njit(nogil=True, cache=True)
def stream_inflows(direction, stride, channel, count):
    """Count the channel cells that drain into each channel cell."""
    offset = offsets(stride)
    for c in range(stride, direction.size - stride):
        if channel[c] and direction[c] < LEAVES:
            p = c + offset[direction[c]]
            count[p] += channel[p]


@njit(nogil=True, cache=True)
def strahler(direction, stride, channel, count, order):
    """Write the order of every channel cell: 1 at heads, one more where two of the highest order meet."""
    offset = offsets(stride)
    waiting = count.copy()
    twice = np.zeros(direction.size, np.uint8)
    for start in range(stride, direction.size - stride):
        if not channel[start] or count[start]:
            continue
        c = start
        order[c] = 1
        while direction[c] < LEAVES:
            p = c + offset[direction[c]]
            if not channel[p]:
                break
            if order[c] >= order[p]:
                twice[p] = order[c] == order[p]
                order[p] = order[c]
            waiting[p] -= 1
            if waiting[p]:
                break
            order[p] += twice[p]
            c = p


@njit(nogil=True, cache=True)
def links(direction, stride, channel, count):
    """Return the cells of all links one after the other, and where each begins (and the last ends).

    A link runs from a head or a confluence down to the next confluence, whose cell it ends with, or to the end of the
    channel. A single cell makes no link.
    """
    offset = offsets(stride)
    cells, begin = np.empty(1024, np.int64), np.empty(1024, np.int64)
    used, n = 0, 0
    for start in range(stride, direction.size - stride):
        if not channel[start] or count[start] == 1:
            continue
        c, first = start, used
        while True:
            if used == cells.size:
                cells = longer(cells)
            cells[used] = c
            used += 1
            if direction[c] >= LEAVES or (used - first > 1 and count[c] != 1):
                break
            c += offset[direction[c]]
            if not channel[c]:
                break
        if used - first == 1:
            used = first
            continue
        if n + 1 >= begin.size:
            begin = longer(begin)
        begin[n] = first
        n += 1
    begin[n] = used
    return cells[:used], begin[: n + 1]


@njit(nogil=True, cache=True)
def link_lengths(direction, stride, metres, cells, begin, length):
    """Write the length of each link; `metres` (3, rows) are the distances east-west, north-south and diagonal."""
    for i in range(length.size):
        for j in range(begin[i], begin[i + 1] - 1):
            k, row = direction[cells[j]], cells[j] // stride - 1
            length[i] += metres[2 if k & 1 else (k & 2) >> 1, row]
