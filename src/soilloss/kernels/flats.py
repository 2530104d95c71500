"""Level land that drains away from what rises beside it as well as towards its way out.

The steps to the way out count twice, those from higher land once: the sum falls from every flat cell to a neighbour,
so water finds the way out, and it gathers in the middle of a level valley instead of running along its side. Flat
arrays with a ring as in `surface`; `low` (int32) are the steps to a way out as `flow.drain_flats` leaves them: positive
on flats, 0 where water has a way, negative in voids.
"""

from __future__ import annotations

import numpy as np
from numba import njit

from soilloss.kernels.flow import FAR, VOID
from soilloss.kernels.surface import longer, offsets

INFINITE = np.float32(np.inf)
OUT = np.int64(-(2**40))


@njit(nogil=True, cache=True)
def steps_from_higher(w, stride, low, high):
    """Write into `high` the steps of flat cells from those beside higher land; `FAR` if there is none, else -1.

    Cells in the ring are looked at and have no steps of their own.
    """
    offset = offsets(stride)
    queue = np.empty(1024, np.int32)
    done, found = 0, 0
    for row in range(stride, w.size - stride, stride):
        for c in range(row + 1, row + stride - 1):
            if low[c] <= 0:
                continue
            high[c] = FAR
            for k in range(8):
                height = w[c + offset[k]]
                if w[c] < height < INFINITE:
                    high[c] = 1
            if high[c] == 1:
                if found == queue.size:
                    queue = longer(queue)
                queue[found] = c
                found += 1
    while done < found:
        c = queue[done]
        done += 1
        for k in range(8):
            p = c + offset[k]
            if high[p] == FAR and w[p] == w[c]:
                high[p] = high[c] + 1
                if found == queue.size:
                    queue = longer(queue)
                queue[found] = p
                found += 1


@njit(nogil=True, cache=True)
def _combined(w, offset, low, high, c):
    """Direction of a flat cell: to the neighbour of the smallest sum, the first of equals."""
    best, smallest = np.uint8(VOID), np.int64(0)
    for k in range(8):
        p = c + offset[k]
        if low[p] < 0 or w[p] != w[c]:
            continue
        # a way out comes before all
        total = OUT if low[p] == 0 else 2 * np.int64(low[p]) - np.int64(high[p])
        if best == VOID or total < smallest:
            best, smallest = np.uint8(k), total
    return best


@njit(nogil=True, cache=True)
def drain_by_both(w, stride, low, high, direction):
    """Give all flat cells their directions."""
    offset = offsets(stride)
    for c in range(stride, w.size - stride):
        if low[c] > 0:
            direction[c] = _combined(w, offset, low, high, c)


@njit(nogil=True, cache=True)
def directions_by_both(w, stride, low, high, cells):
    """Return the directions of listed cells; `VOID` where no flat."""
    offset = offsets(stride)
    codes = np.full(cells.size, VOID, np.uint8)
    for i in range(cells.size):
        if low[cells[i]] > 0:
            codes[i] = _combined(w, offset, low, high, cells[i])
    return codes
