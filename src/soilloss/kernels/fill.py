"""Fill depressions without a queue of cells.

Every cell runs down to a pit; the cells of one pit are a basin. A basin spills at the lowest level by which its pit
reaches the outside, found over the small graph of basins by the path whose highest point is lowest. A filled cell is
the higher of its height and its basin's level, so filled heights are heights of the input and unique, whatever the
partition into basins (it only has to descend).

The ring of `z` is NaN where nothing lies beyond: cells beside a void are outlets. A tile marks a valid cell of its
neighbour by +inf in the ring: it is neither an outlet nor lower, so basins end at the tile's border.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from soilloss.kernels.surface import longer, offsets

PIT, OUTLET, VOID = 8, 9, 255
OUTSIDE, NO_BASIN, UNLABELLED = 0, -1, -2
INFINITE = np.float32(np.inf)


def fill(z: np.ndarray, stride: int) -> None:
    """Raise the heights `z` (flat, with ring) to the filled surface, in place."""
    pointer = np.full(z.size, VOID, np.uint8)
    label = np.full(z.size, NO_BASIN, np.int32)
    point_down(z, stride, pointer, label)
    basins = label_basins(pointer, stride, label)
    del pointer
    if basins:
        raise_basins(z, label, spill_levels(basins, *basin_edges(z, stride, label, basins)))


@njit(nogil=True, cache=True)
def point_down(z, stride, pointer, label):
    """Point each cell to its lowest lower neighbour, else to an equal one before it (so no circles), else `PIT`."""
    for row in range(stride, z.size - stride, stride):
        for c in range(row + 1, row + stride - 1):
            m = z[c]
            k = np.uint8(PIT)
            # one straight line of selections, which compiles to vector instructions; equal heights count only
            # among the neighbours that come before in memory
            v = z[c + 1]
            k, m = (np.uint8(0), v) if v < m else (k, m)
            v = z[c + stride + 1]
            k, m = (np.uint8(1), v) if v < m else (k, m)
            v = z[c + stride]
            k, m = (np.uint8(2), v) if v < m else (k, m)
            v = z[c + stride - 1]
            k, m = (np.uint8(3), v) if v < m else (k, m)
            v = z[c - 1]
            k, m = (np.uint8(4), v) if v <= m else (k, m)
            v = z[c - stride - 1]
            k, m = (np.uint8(5), v) if v <= m else (k, m)
            v = z[c - stride]
            k, m = (np.uint8(6), v) if v <= m else (k, m)
            v = z[c - stride + 1]
            k, m = (np.uint8(7), v) if v <= m else (k, m)
            t = z[c + 1] + z[c - 1] + z[c + stride] + z[c - stride]
            t += z[c + stride + 1] + z[c - stride - 1] + z[c + stride - 1] + z[c - stride + 1]
            k = np.uint8(OUTLET) if t != t else k
            pointer[c] = np.uint8(VOID) if z[c] != z[c] else k
    for row in range(stride, z.size - stride, stride):
        for c in range(row + 1, row + stride - 1):
            k = pointer[c]
            label[c] = UNLABELLED if k <= PIT else (OUTSIDE if k == OUTLET else NO_BASIN)


@njit(nogil=True, cache=True)
def label_basins(pointer, stride, label):
    """Number the basins from 1 by following the pointers; outlets are 0. Return how many there are."""
    offset = offsets(stride)
    basins = 0
    for start in range(stride, pointer.size - stride):
        if label[start] != UNLABELLED:
            continue
        c = start
        while label[c] == UNLABELLED and pointer[c] != PIT:
            c += offset[pointer[c]]
        if label[c] == UNLABELLED:
            basins += 1
            label[c] = basins
        found = label[c]
        c = start
        while label[c] == UNLABELLED:
            label[c] = found
            c += offset[pointer[c]]
    return basins


@njit(nogil=True, cache=True)
def basin_edges(z, stride, label, basins):
    """Return the lowest pass between each pair of neighbouring basins as arrays (basin, basin, level).

    One linked list per basin, kept at the larger number: neighbours in space are neighbours in memory, which a hash
    of pairs would scatter.
    """
    forward = np.array([1, stride + 1, stride, stride - 1], np.int64)
    head = np.full(basins + 1, -1, np.int32)
    low, high, follow = np.empty(1024, np.int32), np.empty(1024, np.int32), np.empty(1024, np.int32)
    level = np.empty(1024, np.float32)
    n = 0
    for c in range(stride, z.size - stride):
        a = label[c]
        if a < 0 or (
            a == label[c + 1] and a == label[c + stride] and a == label[c + stride + 1] and a == label[c + stride - 1]
        ):
            continue
        for k in range(4):
            p = c + forward[k]
            b = label[p]
            if b < 0 or b == a:
                continue
            pass_height = max(z[c], z[p])
            small, large = min(a, b), max(a, b)
            i = head[large]
            while i >= 0 and low[i] != small:
                i = follow[i]
            if i >= 0:
                level[i] = min(level[i], pass_height)
                continue
            if n == level.size:
                low, high, follow, level = longer(low), longer(high), longer(follow), longer(level)
            low[n], high[n], level[n], follow[n] = small, large, pass_height, head[large]
            head[large] = n
            n += 1
    return low[:n], high[:n], level[:n]


@njit(nogil=True, cache=True)
def spill_levels(basins, low, high, level):
    """Return for each basin the lowest level by which it reaches the outside; -inf for the outside itself."""
    start, neighbour, height = _adjacency(basins, low, high, level)
    spill = np.full(basins + 1, INFINITE, np.float32)
    done = np.zeros(basins + 1, np.uint8)
    keys, nodes = np.empty(2 * low.size + 2, np.float32), np.empty(2 * low.size + 2, np.int32)
    spill[OUTSIDE] = -INFINITE
    keys[0], nodes[0], waiting = -INFINITE, OUTSIDE, 1
    while waiting > 0:
        node = nodes[0]
        waiting = _pop(keys, nodes, waiting)
        if done[node]:
            continue
        done[node] = 1
        for j in range(start[node], start[node + 1]):
            other = neighbour[j]
            reached = max(height[j], spill[node])
            if reached < spill[other]:
                spill[other] = reached
                waiting = _push(keys, nodes, waiting, reached, other)
    return spill


@njit(nogil=True, cache=True)
def _adjacency(basins, low, high, level):
    """Edges as neighbours of each node, packed one after the other."""
    start = np.zeros(basins + 2, np.int64)
    for i in range(low.size):
        start[low[i] + 1] += 1
        start[high[i] + 1] += 1
    for i in range(basins + 1):
        start[i + 1] += start[i]
    free = start[:-1].copy()
    neighbour, height = np.empty(2 * low.size, np.int32), np.empty(2 * low.size, np.float32)
    for i in range(low.size):
        for a, b in ((low[i], high[i]), (high[i], low[i])):
            neighbour[free[a]], height[free[a]] = b, level[i]
            free[a] += 1
    return start, neighbour, height


@njit(nogil=True, cache=True)
def _push(keys, nodes, size, key, node):
    i = size
    while i > 0 and keys[(i - 1) >> 1] > key:
        keys[i], nodes[i] = keys[(i - 1) >> 1], nodes[(i - 1) >> 1]
        i = (i - 1) >> 1
    keys[i], nodes[i] = key, node
    return size + 1


@njit(nogil=True, cache=True)
def _pop(keys, nodes, size):
    size -= 1
    key, node = keys[size], nodes[size]
    i = 0
    while 2 * i + 1 < size:
        child = 2 * i + 1
        if child + 1 < size and keys[child + 1] < keys[child]:
            child += 1
        if keys[child] >= key:
            break
        keys[i], nodes[i] = keys[child], nodes[child]
        i = child
    keys[i], nodes[i] = key, node
    return size


@njit(nogil=True, cache=True)
def raise_basins(z, label, spill):
    """Raise every cell to the level of its basin, in place."""
    for c in range(z.size):
        basin = label[c]
        if basin > 0 and spill[basin] > z[c]:
            z[c] = spill[basin]
