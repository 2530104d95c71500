"""Flow by steepest descent: directions, flats, accumulation; flat arrays with a ring as in `surface`.

Directions are 0 east to 7 north-east clockwise, `LEAVES` where water leaves the grid (and where a caller wants it to
end: a channel that absorbs), `LEVEL` on flats not yet drained, `VOID` in voids and the ring. Slopes are compared in
float64 with the distances of the cell's own row, and the first of equal slopes counts, so the result is unique.
Amounts are integers: their sums do not depend on order.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from soilloss.kernels.surface import ONE, Place, offsets

LEAVES, LEVEL, VOID = 8, 9, 255
FAR = np.int32(2**30)
INFINITE = np.float32(np.inf)


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
    s = Place(stride)
    row = s
    for y in range(inverse.shape[1]):
        ew, ns, diagonal = inverse[0, y], inverse[1, y], inverse[2, y]
        for c in range(row + ONE, row + s - ONE):
            e = np.float64(w[c])
            m = 0.0
            k = np.int32(LEVEL)
            v = (e - w[c + ONE]) * ew
            k, m = (np.int32(0), v) if v > m else (k, m)
            v = (e - w[c + s + ONE]) * diagonal
            k, m = (np.int32(1), v) if v > m else (k, m)
            v = (e - w[c + s]) * ns
            k, m = (np.int32(2), v) if v > m else (k, m)
            v = (e - w[c + s - ONE]) * diagonal
            k, m = (np.int32(3), v) if v > m else (k, m)
            v = (e - w[c - ONE]) * ew
            k, m = (np.int32(4), v) if v > m else (k, m)
            v = (e - w[c - s - ONE]) * diagonal
            k, m = (np.int32(5), v) if v > m else (k, m)
            v = (e - w[c - s]) * ns
            k, m = (np.int32(6), v) if v > m else (k, m)
            v = (e - w[c - s + ONE]) * diagonal
            k, m = (np.int32(7), v) if v > m else (k, m)
            direction[c] = np.uint8(k)
        row += s


@njit(nogil=True, cache=True)
def mark_flats(w, stride, direction, distance):
    """Tell voids, outlets and flats apart; `distance` becomes 0 where water has a way, `FAR` on flats. Count flats."""
    s = Place(stride)
    flats = 0
    for row in range(s, Place(w.size) - s, s):
        for c in range(row + ONE, row + s - ONE):
            t = w[c + ONE] + w[c - ONE] + w[c + s] + w[c - s]
            t += w[c + s + ONE] + w[c - s - ONE] + w[c + s - ONE] + w[c - s + ONE]
            k = np.int32(direction[c])
            k = np.int32(LEAVES) if (k == LEVEL) & (t != t) else k
            # not below infinity: a void, or land that voids wall in
            k = k if w[c] < INFINITE else np.int32(VOID)
            direction[c] = np.uint8(k)
            distance[c] = np.int32(FAR) if k == LEVEL else np.int32(-1 if k == VOID else 0)
            flats += k == LEVEL
    return flats


@njit(nogil=True, cache=True)
def set_aside(stride, distance, flats, above, below):
    """Take the flats that touch the border of a strip with `flats` flat cells out of `distance` (-1); list their cells.

    Neighbouring cells that are both `FAR` are level: neither has a lower neighbour.
    """
    offset = offsets(stride)
    first, end = stride, distance.size - stride
    queue = np.empty(flats, np.int32)
    found = 0
    for row in (first if above else end, end - stride if below else end):
        for c in range(row, min(row + stride, end)):
            if distance[c] == FAR:
                distance[c] = -1
                queue[found] = c
                found += 1
    done = 0
    while done < found:
        c = queue[done]
        done += 1
        for k in range(8):
            p = c + offset[k]
            if first <= p < end and distance[p] == FAR:
                distance[p] = -1
                queue[found] = p
                found += 1
    return queue[:found]


@njit(nogil=True, cache=True)
def _way_out(w, distance, offset, c):
    """Return the first neighbour level with `c` that has a way out, or `LEVEL`."""
    for k in range(8):
        p = c + offset[k]
        if distance[p] == 0 and w[p] == w[c]:
            return k
    return LEVEL


@njit(nogil=True, cache=True)
def _go_on(direction, distance, offset, queue, found):
    """Drain the flats from their cells beside a way out, the first `found` of `queue`, level by level."""
    for i in range(found):
        distance[queue[i]] = 1
    step, done = 1, 0
    while done < found:
        ahead = found
        for i in range(done, ahead):
            c = Place(queue[i])
            way = np.uint8(LEVEL)
            for k in range(8):
                p = c + offset[k]
                if distance[p] == FAR:
                    distance[p] = step + 1
                    queue[found] = p
                    found += 1
                elif distance[p] == step - 1 and way == LEVEL:
                    way = np.uint8(k)
            if step > 1:
                direction[c] = way
        done = ahead
        step += 1


@njit(nogil=True, cache=True)
def drain_flats(w, stride, direction, distance, flats):
    """Send each flat cell to the first level neighbour one step nearer to a way out (breadth first, level by level)."""
    offset = offsets(stride).astype(Place)
    queue = np.empty(flats, np.int32)
    found = 0
    for c in range(Place(stride), Place(w.size - stride)):
        if distance[c] != FAR:
            continue
        k = _way_out(w, distance, offset, c)
        if k != LEVEL:
            direction[c] = k
            queue[found] = c
            found += 1
    _go_on(direction, distance, offset, queue, found)


@njit(nogil=True, cache=True)
def drain_listed(w, stride, direction, distance, cells):
    """Drain the flats whose cells are listed, as `drain_flats` does with all."""
    offset = offsets(stride).astype(Place)
    for c in cells:
        distance[c] = FAR
    queue = np.empty_like(cells)
    found = 0
    for c in cells:
        k = _way_out(w, distance, offset, Place(c))
        if k != LEVEL:
            direction[c] = k
            queue[found] = c
            found += 1
    _go_on(direction, distance, offset, queue, found)


@njit(nogil=True, cache=True)
def count_inflows(direction, stride, count):
    """Write how many neighbours drain into each cell."""
    s = Place(stride)
    for row in range(s, Place(direction.size) - s, s):
        for c in range(row + ONE, row + s - ONE):
            # after each step back to one byte, or the vectors are eight times as long
            n = np.uint8(direction[c + ONE] == 4)
            n = np.uint8(n + np.uint8(direction[c + s + ONE] == 5))
            n = np.uint8(n + np.uint8(direction[c + s] == 6))
            n = np.uint8(n + np.uint8(direction[c + s - ONE] == 7))
            n = np.uint8(n + np.uint8(direction[c - ONE] == 0))
            n = np.uint8(n + np.uint8(direction[c - s - ONE] == 1))
            n = np.uint8(n + np.uint8(direction[c - s] == 2))
            count[c] = np.uint8(n + np.uint8(direction[c - s + ONE] == 3))


@njit(nogil=True, cache=True)
def inflows(direction, stride):
    """Return how many neighbours drain into each cell."""
    count = np.zeros(direction.size, np.uint8)
    count_inflows(direction, stride, count)
    return count


@njit(nogil=True, cache=True)
def ready_to_flow(direction, stride, state, above, below):
    """Put direction and number of inflows still to come into one byte `state`: half the scattered reads.

    Cells that drain across the border of a strip, upwards if `above`, downwards if `below`, are held back: 8 is added
    to their direction.
    """
    count_inflows(direction, stride, state)
    for c in range(stride, direction.size - stride):
        k = direction[c] if direction[c] < LEAVES else np.uint8(LEAVES)
        state[c] = np.uint8(state[c] * np.uint8(16)) | k
    last = direction.size - 2 * stride
    for x in range(stride):
        if above and 5 <= direction[stride + x] <= 7:
            state[stride + x] |= 8
        if below and 1 <= direction[last + x] <= 3:
            state[last + x] |= 8


@njit(nogil=True, cache=True)
def give(direction, stride, own, amount):
    """Give every cell the amount `own` of its row, voids nothing."""
    nothing = own[0] * 0
    for y in range(own.size):
        row = Place((y + 1) * stride)
        mine = own[y]
        for c in range(row, row + Place(stride)):
            amount[c] = nothing if direction[c] == VOID else mine


@njit(nogil=True, cache=True)
def _follow(state, amount, offset, c):
    """Carry what is in `c` down, cell by cell, to one that waits for more."""
    s = state[c]
    above = amount[c]
    while s < LEAVES:
        c += offset[s]
        above += amount[c]
        amount[c] = above
        s = np.uint8(state[c] - 16)
        if s >= LEAVES:
            state[c] = s


@njit(nogil=True, cache=True)
def carry(state, stride, amount):
    """Add to every cell what drains through it, in place, beginning with the cells without inflow."""
    offset = offsets(stride).astype(Place)
    for start in range(Place(stride), Place(state.size - stride)):
        if state[start] < LEAVES:
            _follow(state, amount, offset, start)


@njit(nogil=True, cache=True)
def carry_across(state, stride, amount, borders):
    """Carry on what was held back: `borders` are the rows (of the ringed grid) above and below a border of strips."""
    offset = offsets(stride).astype(Place)
    waiting = np.empty(borders.size * stride, np.int64)
    n = 0
    for row in borders:
        for c in range(row * stride, row * stride + stride):
            if state[c] & 15 > LEAVES:
                state[c] -= LEAVES
                waiting[n] = c
                n += state[c] < LEAVES
    for i in range(n):
        _follow(state, amount, offset, Place(waiting[i]))


def accumulate(direction: np.ndarray, stride: int, amount: np.ndarray) -> None:
    """Add to every cell what drains through it, in place: `amount` (integers) holds each cell's own on entry.

    What enters from a neighbouring tile is added to `amount` beforehand; what leaves into the ring stays there.
    """
    state = np.full(direction.size, LEAVES, np.uint8)
    ready_to_flow(direction, stride, state, False, False)
    carry(state, stride, amount)
