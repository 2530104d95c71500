"""Flow by steepest descent: directions, flats, accumulation; flat arrays with a ring as in `surface`.

Directions are 0 east to 7 north-east clockwise, `LEAVES` where water leaves the grid (and where a caller wants it to
end: a channel that absorbs), `LEVEL` on flats not yet drained, `VOID` in voids and the ring. Slopes are compared in
float64 with the distances of the cell's own row, and the first of equal slopes counts, so the result is unique.
Amounts are integers: their sums do not depend on order.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from soilloss.kernels.surface import offsets

LEAVES, LEVEL, VOID = 8, 9, 255
FAR = np.int32(2**30)


def route(w: np.ndarray, stride: int, inverse: np.ndarray) -> np.ndarray:
    """Return the direction of every cell of the filled surface `w`; `inverse` as in `steepest`."""
    direction = np.full(w.size, VOID, np.uint8)
    steepest(w, stride, inverse, direction)
    distance = np.full(w.size, -1, np.int32)
    flats = mark_flats(w, stride, direction, distance)
    drain_flats(w, stride, direction, distance, flats)
    return direction


@njit(nogil=True, cache=True)
def steepest(w, stride, inverse, direction):
    """Direction of the steepest descent; `inverse` (3, rows): one over the distances of each row."""
    for row in range(1, w.size // stride - 1):
        ew, ns, diagonal = inverse[0, row - 1], inverse[1, row - 1], inverse[2, row - 1]
        for c in range(row * stride + 1, row * stride + stride - 1):
            e = np.float64(w[c])
            m = 0.0
            k = np.uint8(LEVEL)
            s = (e - w[c + 1]) * ew
            k, m = (np.uint8(0), s) if s > m else (k, m)
            s = (e - w[c + stride + 1]) * diagonal
            k, m = (np.uint8(1), s) if s > m else (k, m)
            s = (e - w[c + stride]) * ns
            k, m = (np.uint8(2), s) if s > m else (k, m)
            s = (e - w[c + stride - 1]) * diagonal
            k, m = (np.uint8(3), s) if s > m else (k, m)
            s = (e - w[c - 1]) * ew
            k, m = (np.uint8(4), s) if s > m else (k, m)
            s = (e - w[c - stride - 1]) * diagonal
            k, m = (np.uint8(5), s) if s > m else (k, m)
            s = (e - w[c - stride]) * ns
            k, m = (np.uint8(6), s) if s > m else (k, m)
            s = (e - w[c - stride + 1]) * diagonal
            k, m = (np.uint8(7), s) if s > m else (k, m)
            direction[c] = k


@njit(nogil=True, cache=True)
def mark_flats(w, stride, direction, distance):
    """Tell voids, outlets and flats apart; `distance` becomes 0 where water has a way, `FAR` on flats. Count flats."""
    flats = 0
    for row in range(stride, w.size - stride, stride):
        for c in range(row + 1, row + stride - 1):
            distance[c] = 0
            if direction[c] != LEVEL:
                continue
            t = w[c + 1] + w[c - 1] + w[c + stride] + w[c - stride]
            t += w[c + stride + 1] + w[c - stride - 1] + w[c + stride - 1] + w[c - stride + 1]
            if np.isnan(w[c]):
                direction[c] = VOID
                distance[c] = -1
            elif np.isnan(t):
                direction[c] = LEAVES
            else:
                distance[c] = FAR
                flats += 1
    return flats


@njit(nogil=True, cache=True)
def drain_flats(w, stride, direction, distance, flats):
    """Send each flat cell to the first level neighbour one step nearer to a way out (breadth first, level by level)."""
    offset = offsets(stride)
    queue = np.empty(flats, np.int32)
    found = 0
    for c in range(stride, w.size - stride):
        if distance[c] != FAR:
            continue
        for k in range(8):
            p = c + offset[k]
            if distance[p] == 0 and w[p] == w[c]:
                direction[c] = k
                queue[found] = c
                found += 1
                break
    for i in range(found):
        distance[queue[i]] = 1
    step, done = 1, 0
    while done < found:
        ahead = found
        for i in range(done, ahead):
            c = queue[i]
            for k in range(8):
                p = c + offset[k]
                if w[p] != w[c]:
                    continue
                if distance[p] == FAR:
                    distance[p] = step + 1
                    queue[found] = p
                    found += 1
                elif distance[p] == step - 1 and direction[c] == LEVEL:
                    direction[c] = k
        done = ahead
        step += 1


@njit(nogil=True, cache=True)
def inflows(direction, stride):
    """Return how many neighbours drain into each cell."""
    count = np.zeros(direction.size, np.uint8)
    for row in range(stride, direction.size - stride, stride):
        for c in range(row + 1, row + stride - 1):
            n = np.uint8(direction[c + 1] == 4) + np.uint8(direction[c + stride + 1] == 5)
            n += np.uint8(direction[c + stride] == 6) + np.uint8(direction[c + stride - 1] == 7)
            n += np.uint8(direction[c - 1] == 0) + np.uint8(direction[c - stride - 1] == 1)
            n += np.uint8(direction[c - stride] == 2) + np.uint8(direction[c - stride + 1] == 3)
            count[c] = n
    return count


@njit(nogil=True, cache=True)
def accumulate(direction, stride, amount):
    """Add to every cell what drains through it, in place: `amount` (int64) holds each cell's own on entry.

    What enters from a neighbouring tile is added to `amount` beforehand; what leaves into the ring stays there.
    """
    offset = offsets(stride)
    # direction and number of inflows still to come in one byte: half the scattered reads
    state = inflows(direction, stride)
    for c in range(direction.size):
        state[c] = (state[c] << 4) | (direction[c] & 15)
    for start in range(stride, direction.size - stride):
        c = start
        s = state[c]
        while s < LEAVES:
            above = amount[c]
            c += offset[s]
            amount[c] += above
            s = state[c] - 16
            if s >= 16 or s < 0:
                state[c] = s
                break
