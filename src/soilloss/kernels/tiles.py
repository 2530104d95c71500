"""What a tile tells its neighbours: basins at its rim, flats that go on beyond it, by which cell its water leaves.

Flat arrays with a ring as in `surface`; the ring holds the neighbours' cells. The rim of a tile is its outermost
cells, the only ones that have neighbours in the ring.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from soilloss.kernels.flow import LEAVES, VOID
from soilloss.kernels.multiflow import DONE
from soilloss.kernels.slope_length import ROW_STEP
from soilloss.kernels.surface import longer, offsets

NOWHERE = -1


def rim_cells(rows: int, columns: int) -> np.ndarray:
    """Return the rim of a tile as positions in the flat array with a ring, in the order of memory."""
    inside = np.zeros((rows + 2, columns + 2), bool)
    inside[1:-1, 1:-1] = True
    inside[2:-2, 2:-2] = False
    return np.flatnonzero(inside).astype(np.int32)


@njit(nogil=True, cache=True)
def _root(parent, node):
    while parent[node] != node:
        parent[node] = parent[parent[node]]
        node = parent[node]
    return node


@njit(nogil=True, cache=True)
def join_basins(order, low, high, level, chosen):
    """Reduce a basin graph to its chosen basins: return (near, rise, which).

    `order` sorts the edges by level, `chosen` marks basins. Water of basin b reaches the chosen basin `near[b]` once
    it stands at `rise[b]`, and no other at less. The edges `which`, as pairs of chosen basins in `near`'s numbers, keep
    every lowest pass between chosen basins: joining the edges from low to high, each of them is the first that connects
    two groups with chosen basins, and whatever one member of a group reaches, all reach at a level already passed.
    """
    basins = chosen.size
    parent, follow = np.arange(basins), np.arange(basins)
    near, rise = np.full(basins, NOWHERE, np.int32), np.full(basins, -np.inf, np.float32)
    for b in range(basins):
        near[b] = b if chosen[b] else NOWHERE
    which, first, second = np.empty(order.size, np.int64), np.empty(basins, np.int32), np.empty(basins, np.int32)
    n = 0
    for i in order:
        a, b = _root(parent, low[i]), _root(parent, high[i])
        if a == b:
            continue
        if near[a] == NOWHERE:
            a, b = b, a
        if near[b] != NOWHERE:
            which[n], first[n], second[n] = i, near[a], near[b]
            n += 1
        elif near[a] != NOWHERE:
            c = b
            while near[c] == NOWHERE:
                near[c], rise[c] = near[a], level[i]
                c = follow[c]
        parent[b] = a
        follow[a], follow[b] = follow[b], follow[a]
    return near, rise, which[:n], first[:n], second[:n]


@njit(nogil=True, cache=True)
def border_flats(w, stride, distance):
    """List the cells of flats that go on in the ring, and the level cells beside them that have a way out, in order."""
    offset = offsets(stride)
    rows = w.size // stride
    seen = np.zeros(w.size, np.uint8)
    queue = np.empty(1024, np.int32)
    done, found, ways_out = 0, 0, 0
    for row in range(1, rows - 1):
        for c in range(row * stride + 1, row * stride + stride - 1, 1 if row in (1, rows - 2) else max(1, stride - 3)):
            if distance[c] <= 0 or seen[c]:
                continue
            for k in range(8):
                p = c + offset[k]
                y = p // stride
                x = p - y * stride
                if (y == 0 or x == 0 or y == rows - 1 or x == stride - 1) and w[p] == w[c] and not seen[c]:
                    seen[c] = 1
                    if found == queue.size:
                        queue = longer(queue)
                    queue[found] = c
                    found += 1
    while done < found:
        c = queue[done]
        done += 1
        for k in range(8):
            p = c + offset[k]
            # neighbours on flats are level: neither has a lower one
            if seen[p] or distance[p] < 0 or (distance[p] == 0 and w[p] != w[c]):
                continue
            seen[p] = 1
            ways_out += distance[p] == 0
            if distance[p] > 0:
                if found == queue.size:
                    queue = longer(queue)
                queue[found] = p
                found += 1
    cells, n = np.empty(found + ways_out, np.int32), 0
    for c in range(w.size):
        if seen[c]:
            cells[n] = c
            n += 1
    return cells


@njit(nogil=True, cache=True)
def enter_flats(w, stride, distance, cells):
    """Shorten the distances of listed cells that are nearer to a way out through the ring; return those cells."""
    offset = offsets(stride)
    rows = w.size // stride
    changed = np.empty(cells.size, np.int32)
    n = 0
    for c in cells:
        row = c // stride
        column = c - row * stride
        if row != 1 and row != rows - 2 and column != 1 and column != stride - 2:
            continue
        shortest = distance[c]
        for k in range(8):
            p = c + offset[k]
            y = p // stride
            x = p - y * stride
            beyond = y == 0 or x == 0 or y == rows - 1 or x == stride - 1
            if beyond and w[p] == w[c] and 0 <= distance[p] < shortest - 1:
                shortest = distance[p] + 1
        if shortest < distance[c]:
            distance[c] = shortest
            changed[n] = c
            n += 1
    return changed[:n]


@njit(nogil=True, cache=True)
def spread_distances(w, stride, distance, changed, room):
    """Spread shortened distances over their flats, `changed` sorted by distance; the ring must be negative.

    Two queues, both in order: cells entered from the ring and cells reached from them. Each cell is settled once.
    """
    offset = offsets(stride)
    queue = np.empty(room, np.int32)
    entered, done, found = 0, 0, 0
    while entered < changed.size or done < found:
        if done == found or (entered < changed.size and distance[changed[entered]] <= distance[queue[done]]):
            c = changed[entered]
            entered += 1
        else:
            c = queue[done]
            done += 1
        step = distance[c] + 1
        for k in range(8):
            p = c + offset[k]
            if distance[p] > step and w[p] == w[c]:
                distance[p] = step
                if found == queue.size:
                    queue = longer(queue)
                queue[found] = p
                found += 1


@njit(nogil=True, cache=True)
def flat_directions(w, stride, distance, cells):
    """Return the directions of listed flat cells: the first level neighbour one step nearer; `VOID` where no flat."""
    offset = offsets(stride)
    codes = np.full(cells.size, VOID, np.uint8)
    for i in range(cells.size):
        c = cells[i]
        if distance[c] <= 0:
            continue
        for k in range(8):
            p = c + offset[k]
            if distance[p] == distance[c] - 1 and w[p] == w[c]:
                codes[i] = k
                break
    return codes


@njit(nogil=True, cache=True)
def follow_water(direction, stride, rim, metres):
    """Return for each cell of the rim the cell by which its water leaves the tile, or -1, and the length of the way.

    The ring of `direction` is `VOID`. Ways are remembered, so every cell is walked once. `metres` (3, rows).
    """
    offset = offsets(stride)
    number = np.full(direction.size, NOWHERE, np.int32)
    leaving, length = np.empty(4 * rim.size, np.int32), np.empty(4 * rim.size, np.float64)
    path = np.empty(1024, np.int32)
    known = 0
    out, way = np.full(rim.size, NOWHERE, np.int32), np.zeros(rim.size, np.float64)
    for i in range(rim.size):
        c, n = rim[i], 0
        last, far = NOWHERE, 0.0
        while direction[c] < LEAVES and number[c] == NOWHERE:
            if n == path.size:
                path = longer(path)
            path[n] = c
            n += 1
            c += offset[direction[c]]
        if number[c] != NOWHERE:
            last, far = leaving[number[c]], length[number[c]]
        elif direction[c] == VOID and n > 0:
            last = path[n - 1]
        while n > 0:
            n -= 1
            c = path[n]
            k = direction[c]
            far += metres[2 if k & 1 else (k & 2) >> 1, c // stride - 1]
            if known == leaving.size:
                leaving, length = longer(leaving), longer(length)
            number[c], leaving[known], length[known] = known, last, far
            known += 1
        if number[rim[i]] != NOWHERE:
            out[i], way[i] = leaving[number[rim[i]]], length[number[rim[i]]]
    return out, way


@njit(nogil=True, cache=True)
def hand_over(link, target, way, amount, longest):
    """Return what enters each rim cell from other tiles; nodes are the rim cells of all tiles.

    `target[i]` is the node into which the water of node i leaves its tile, or -1; `link[i]` the node by which water
    entering at i leaves again, or -1; `amount` what leaves from within the tile, completed in place. Amounts add up;
    with `longest` they are lengths: the greatest counts, plus `way` to where it leaves.
    """
    inflow = np.zeros_like(amount)
    entering, passing = np.zeros(link.size, np.int32), np.zeros(link.size, np.int32)
    for i in range(link.size):
        if target[i] >= 0:
            entering[target[i]] += 1
    for i in range(link.size):
        if entering[i] > 0 and link[i] >= 0:
            passing[link[i]] += 1
    ready = np.empty(link.size, np.int64)
    n = 0
    for i in range(link.size):
        if target[i] >= 0 and passing[i] == 0:
            ready[n] = i
            n += 1
    while n > 0:
        n -= 1
        i = ready[n]
        t = target[i]
        inflow[t] = max(inflow[t], amount[i]) if longest else inflow[t] + amount[i]
        entering[t] -= 1
        e = link[t]
        if entering[t] > 0 or e < 0:
            continue
        if longest:
            through = inflow[t] + way[t]
            amount[e] = max(amount[e], through) if inflow[t] > 0 else amount[e]
        else:
            amount[e] += inflow[t]
        passing[e] -= 1
        if passing[e] == 0 and target[e] >= 0:
            ready[n] = e
            n += 1
    return inflow


@njit(nogil=True, cache=True)
def tell_receivers(parts, coming, waiting, stride, given):
    """Tell the receivers of cells whose amounts are given that these are finished; see `multiflow.share`."""
    offset = offsets(stride)
    for c in given:
        for k in range(8):
            p = c + offset[k]
            part = parts[c, k] if k < 4 else parts[p, k - 4]
            if part > 0 and (coming[c] >> k) & 1 == 0 and waiting[p] != DONE:
                waiting[p] -= 1


def row_step() -> np.ndarray:
    """Return the steps in rows and columns of the eight directions, shape (2, 8)."""
    return np.array([ROW_STEP, (1, 1, 0, -1, -1, -1, 0, 1)])
