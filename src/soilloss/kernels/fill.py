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

from soilloss.kernels.surface import ONE, Place, longer, offsets

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
    s = Place(stride)
    for row in range(s, Place(z.size) - s, s):
        for c in range(row + ONE, row + s - ONE):
            m = z[c]
            k = np.int32(PIT)
            # one straight line of selections, which compiles to vector instructions; equal heights count only
            # among the neighbours that come before in memory
            v = z[c + ONE]
            k, m = (np.int32(0), v) if v < m else (k, m)
            v = z[c + s + ONE]
            k, m = (np.int32(1), v) if v < m else (k, m)
            v = z[c + s]
            k, m = (np.int32(2), v) if v < m else (k, m)
            v = z[c + s - ONE]
            k, m = (np.int32(3), v) if v < m else (k, m)
            v = z[c - ONE]
            k, m = (np.int32(4), v) if v <= m else (k, m)
            v = z[c - s - ONE]
            k, m = (np.int32(5), v) if v <= m else (k, m)
            v = z[c - s]
            k, m = (np.int32(6), v) if v <= m else (k, m)
            v = z[c - s + ONE]
            k, m = (np.int32(7), v) if v <= m else (k, m)
            t = z[c + ONE] + z[c - ONE] + z[c + s] + z[c - s]
            t += z[c + s + ONE] + z[c - s - ONE] + z[c + s - ONE] + z[c - s + ONE]
            k = np.int32(OUTLET) if t != t else k
            pointer[c] = np.uint8(np.int32(VOID) if z[c] != z[c] else k)
        for c in range(row + ONE, row + s - ONE):
            k = pointer[c]
            label[c] = np.int32(UNLABELLED) if k <= PIT else np.int32(OUTSIDE if k == OUTLET else NO_BASIN)


@njit(nogil=True, cache=True)
def end_at_border(pointer, stride, above, below):
    """Make pits of the cells that point out of a strip, upwards if `above`, downwards if `below`; count the pits.

    Every basin then lies in one strip, and the heights are filled by the passes between them just the same.
    """
    last = pointer.size - 2 * stride
    for x in range(1, stride - 1):
        if above and 5 <= pointer[stride + x] <= 7:
            pointer[stride + x] = PIT
        if below and 1 <= pointer[last + x] <= 3:
            pointer[last + x] = PIT
    pits = 0
    for c in range(stride, pointer.size - stride):
        pits += pointer[c] == PIT
    return pits


@njit(nogil=True, cache=True)
def label_basins(pointer, stride, label, basins=0):
    """Number the basins after `basins` by following the pointers; outlets are 0. Return the last number."""
    offset = offsets(stride).astype(Place)
    for start in range(Place(stride), Place(pointer.size - stride)):
        if label[start] != UNLABELLED:
            continue
        c = start
        found = label[c]
        while found == UNLABELLED and pointer[c] != PIT:
            c += offset[pointer[c]]
            found = label[c]
        if found == UNLABELLED:
            basins += 1
            found = np.int32(basins)
            label[c] = found
        c = start
        while label[c] == UNLABELLED:
            label[c] = found
            c += offset[pointer[c]]
    return basins


@njit(nogil=True, cache=True)
def _beside(z, label, c, p, aside):
    """Tell whether a pass beside that from `c` to `p`, between the same basins, is lower: one step `aside`."""
    a, b = label[c], label[p]
    level = max(z[c], z[p])
    here, there = z[c + aside] < level, z[p + aside] < level
    both = here & there & (label[c + aside] == a) & (label[p + aside] == b)
    return both | ((z[c] < level) & there & (label[p + aside] == b)) | ((z[p] < level) & here & (label[c + aside] == a))


@njit(nogil=True, cache=True)
def _around(z, label, c, p, q):
    """Tell whether the diagonal pass from `c` to `p` is no lower than one by way of their common neighbour `q`."""
    return (z[q] <= max(z[c], z[p])) & ((label[q] == label[c]) | (label[q] == label[p]))


@njit(nogil=True, cache=True)
def _mark_passes(z, label, row, s, marks):
    """Mark by a bit each the passes from the cells of a row E, SE, S, SW that may be the lowest between two basins.

    Most passes have a lower one just beside them. Telling so takes vector instructions and spares a search.
    """
    for x in range(ONE, s - ONE):
        c = row + x
        a, e, se, south, sw = label[c], c + ONE, c + s + ONE, c + s, c + s - ONE
        k = np.int32((label[e] != a) & (label[e] >= 0) & ~_beside(z, label, c, e, s) & ~_beside(z, label, c, e, -s))
        m = (label[se] != a) & (label[se] >= 0) & ~_around(z, label, c, se, e) & ~_around(z, label, c, se, south)
        k |= np.int32(m) * np.int32(2)
        m = (label[south] != a) & (label[south] >= 0)
        m &= ~_beside(z, label, c, south, ONE) & ~_beside(z, label, c, south, -ONE)
        k |= np.int32(m) * np.int32(4)
        m = (label[sw] != a) & (label[sw] >= 0)
        m &= ~_around(z, label, c, sw, c - ONE) & ~_around(z, label, c, sw, south)
        k |= np.int32(m) * np.int32(8)
        marks[x] = np.uint8(k if a >= 0 else np.int32(0))


@njit(nogil=True, cache=True)
def basin_edges(z, stride, label, basins):
    """Return the lowest pass between each pair of neighbouring basins as arrays (basin, basin, level).

    One linked list per basin, kept at the larger number: neighbours in space are neighbours in memory, which a hash
    of pairs would scatter.
    """
    s = Place(stride)
    forward = np.array([1, stride + 1, stride, stride - 1], np.uint64)
    head, marks = np.full(basins + 1, -1, np.int32), np.zeros(stride, np.uint8)
    low, high, follow = np.empty(1024, np.int32), np.empty(1024, np.int32), np.empty(1024, np.int32)
    level = np.empty(1024, np.float32)
    n = 0
    for row in range(s, Place(z.size) - s, s):
        _mark_passes(z, label, row, s, marks)
        for x in range(s):
            if marks[x] == 0:
                continue
            c = row + x
            for k in range(4):
                if (marks[x] >> k) & 1 == 0:
                    continue
                p = c + forward[k]
                pass_height = max(z[c], z[p])
                small, large = min(label[c], label[p]), max(label[c], label[p])
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
