"""What follows the D8 forest downstream: watersheds, streams and their order, the reach of water from outside.

Flat arrays with a ring as in `surface`, directions as in `flow`; streams are few cells of a grid and come as a list of
nodes, each with the node `down`stream or -1. Directions that run in a circle (only those of other programs can) lead
nowhere and stop no loop.
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
def label_nodes(down, label):
    """Give every node without a label (0) that of the first labelled node downstream, in place; 0 if there is none."""
    for start in range(down.size):
        c = start
        while c >= 0 and label[c] == 0:
            label[c] = ON_THE_WAY
            c = down[c]
        found = label[c] if c >= 0 and label[c] > 0 else NOWHERE
        c = start
        while c >= 0 and label[c] == ON_THE_WAY:
            label[c] = found
            c = down[c]
    for c in range(down.size):
        label[c] = max(label[c], 0)


@njit(nogil=True, cache=True)
def beside_outside(direction, stride):
    """Return 1 for cells beside a void or the ring, as far as these are `VOID`, else 0 (int32)."""
    offset = offsets(stride)
    beside = np.zeros(direction.size, np.int32)
    for c in range(stride, direction.size - stride):
        if direction[c] == VOID:
            continue
        for k in range(8):
            if direction[c + offset[k]] == VOID:
                beside[c] = 1
    return beside


@njit(nogil=True, cache=True)
def reach(direction, stride, beside, reached):
    """Set `reached` to 1 in cells that are `beside` the outside and in all cells downstream of them."""
    offset = offsets(stride)
    for start in range(stride, direction.size - stride):
        c = start
        while beside[start] and reached[c] == 0:
            reached[c] = 1
            if direction[c] < LEAVES and direction[c + offset[direction[c]]] != VOID:
                c += offset[direction[c]]


@njit(nogil=True, cache=True)
def strahler(down, count, order):
    """Write the order of every node: 1 at heads, one more where two of the highest order meet.

    `count` is how many nodes drain into each.
    """
    waiting = count.copy()
    twice = np.zeros(down.size, np.uint8)
    for start in range(down.size):
        if count[start]:
            continue
        c = start
        order[c] = 1
        while down[c] >= 0:
            p = down[c]
            if order[c] >= order[p]:
                twice[p] = order[c] == order[p]
                order[p] = order[c]
            waiting[p] -= 1
            if waiting[p]:
                break
            order[p] += twice[p]
            c = p


@njit(nogil=True, cache=True)
def links(down, count):
    """Return the nodes of all links one after the other, and where each begins (and the last ends).

    A link runs from a head or a confluence down to the next confluence, whose node it ends with, or to the end of the
    channel. A single node makes no link.
    """
    nodes, begin = np.empty(1024, np.int64), np.empty(1024, np.int64)
    used, n = 0, 0
    for start in range(down.size):
        if count[start] == 1 or down[start] < 0:
            continue
        if n + 1 >= begin.size:
            begin = longer(begin)
        begin[n] = used
        n += 1
        c, first = start, used
        while c >= 0:
            if used == nodes.size:
                nodes = longer(nodes)
            nodes[used] = c
            used += 1
            if used - first > 1 and count[c] != 1:
                break
            c = down[c]
    begin[n] = used
    return nodes[:used], begin[: n + 1]
