"""Height surfaces: a ring around the grid, closing small holes, slope and aspect.

Terrain kernels work on one-dimensional arrays with a ring of one cell around the grid: the neighbours of a cell lie at
fixed offsets and no loop tests for the border. `stride` is the length of a row with its ring. Void cells are NaN.
The ring is NaN too, or holds the heights of the neighbouring tile.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from soilloss.kernels.elementary import angle_of

TWO_PI = np.float32(2 * math.pi)
# positions that cannot be negative spare a test in every access, which keeps loops from becoming vector instructions
Place = np.uint64
ONE = Place(1)


def with_ring(elevation: np.ndarray) -> np.ndarray:
    """Return heights as a flat float32 array with a ring of NaN; infinite heights become NaN."""
    rows, columns = elevation.shape
    ringed = np.empty((rows + 2, columns + 2), np.float32)
    ringed[0] = ringed[-1] = np.nan
    put_rows(elevation, ringed[1:-1])
    return ringed.reshape(-1)


def put_rows(elevation: np.ndarray, ringed: np.ndarray) -> int:
    """Write rows of heights into the rows of a ringed array; return how many cells are void."""
    ringed[:, 0] = ringed[:, -1] = np.nan
    with np.errstate(over="ignore"):
        ringed[:, 1:-1] = elevation
    return infinite_to_void(ringed.reshape(-1)) - 2 * len(ringed)


@njit(nogil=True, cache=True)
def infinite_to_void(z):
    """Make infinite heights NaN, in place; return the number of NaN."""
    void = 0
    for c in range(z.size):
        known = abs(z[c]) < np.inf
        z[c] = z[c] if known else np.float32(np.nan)
        void += not known
    return void


def without_ring(flat: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return the two-dimensional view of a flat array without its ring."""
    return flat.reshape(shape[0] + 2, shape[1] + 2)[1:-1, 1:-1]


@njit(nogil=True, cache=True)
def offsets(stride):
    """Neighbours in the order that decides every tie: E, SE, S, SW, W, NW, N, NE."""
    return np.array([1, stride + 1, stride, stride - 1, -1, -stride - 1, -stride, -stride + 1], np.int64)


@njit(nogil=True, cache=True)
def longer(values) -> Any:
    """Return the values in an array of twice the length."""
    out = np.empty(2 * values.size, values.dtype)
    for i in range(values.size):  # a slice would take a second to compile
        out[i] = values[i]
    return out


@njit(nogil=True, cache=True)
def _flood(z, offset, start, seen, queue):
    """Collect the void cells connected with `start`; return their list and number."""
    queue[0] = start
    seen[start] = 1
    done, found = 0, 1
    while done < found:
        c = queue[done]
        done += 1
        for k in range(8):
            p = c + offset[k]
            if p < 0 or p >= z.size or seen[p] or not np.isnan(z[p]):
                continue
            seen[p] = 1
            if found == queue.size:
                queue = longer(queue)
            queue[found] = p
            found += 1
    return queue, found


@njit(nogil=True, cache=True)
def close_holes(z, stride, largest):
    """Give holes of at most `largest` void cells the lowest height of their rim, in place.

    Only minima of given heights are used, so the result is unique; water crosses the hole and leaves it where the
    rim is lowest. Voids connected with the outside of the grid stay void.
    """
    offset = offsets(stride)
    seen = np.zeros(z.size, np.uint8)
    queue, _ = _flood(z, offset, 0, seen, np.empty(1024, np.int64))
    for start in range(z.size):
        if seen[start] or not np.isnan(z[start]):
            continue
        queue, found = _flood(z, offset, start, seen, queue)
        if found > largest:
            continue
        lowest = np.float32(np.inf)
        for i in range(found):
            for k in range(8):
                height = z[queue[i] + offset[k]]
                lowest = height if height < lowest else lowest
        for i in range(found):
            z[queue[i]] = lowest


@njit(nogil=True, cache=True)
def _completed(near, opposite, centre):
    """Extrapolate a missing neighbour linearly through the centre."""
    if not np.isnan(near):
        return near
    return centre if np.isnan(opposite) else 2 * centre - opposite


@njit(nogil=True, cache=True)
def _corner(near, along_column, along_row, opposite, plane):
    """Extrapolate a missing diagonal neighbour from the best of what is known beside it."""
    if not np.isnan(near):
        return near
    if not np.isnan(along_column + along_row):
        return (along_column + along_row) / 2
    if not np.isnan(along_column):
        return along_column
    if not np.isnan(along_row):
        return along_row
    return plane if np.isnan(opposite) else opposite


@njit(nogil=True, cache=True)
def _beside_void(z, c, stride, dx, dy):
    """Gradient of a cell of which neighbours are missing: they are extrapolated."""
    e = np.float64(z[c])
    east, west = np.float64(z[c + 1]), np.float64(z[c - 1])
    south, north = np.float64(z[c + stride]), np.float64(z[c - stride])
    se, nw = np.float64(z[c + stride + 1]), np.float64(z[c - stride - 1])
    sw, ne = np.float64(z[c + stride - 1]), np.float64(z[c - stride + 1])
    e1, w1 = _completed(east, west, e), _completed(west, east, e)
    s1, n1 = _completed(south, north, e), _completed(north, south, e)
    se, sw, nw, ne = (
        _corner(se, 2 * east - ne, 2 * south - sw, 2 * e - nw, e1 + s1 - e),
        _corner(sw, 2 * west - nw, 2 * south - se, 2 * e - ne, w1 + s1 - e),
        _corner(nw, 2 * west - sw, 2 * north - ne, 2 * e - se, w1 + n1 - e),
        _corner(ne, 2 * east - se, 2 * north - nw, 2 * e - sw, e1 + n1 - e),
    )
    return ((ne + 2 * e1 + se) - (nw + 2 * w1 + sw)) / (8 * dx), ((sw + 2 * s1 + se) - (nw + 2 * n1 + ne)) / (8 * dy)


@njit(nogil=True, cache=True, error_model="numpy")
def _gradients(z, stride, row, dx, dy, p, q):
    """Rise towards the east and towards the south of the cells of a row by the 3 x 3 weights of Horn (1981)."""
    start, s = Place(row * stride), Place(stride)
    for x in range(Place(p.size)):
        c = start + x + ONE
        ne, east, se = np.float64(z[c - s + ONE]), np.float64(z[c + ONE]), np.float64(z[c + s + ONE])
        nw, west, sw = np.float64(z[c - s - ONE]), np.float64(z[c - ONE]), np.float64(z[c + s - ONE])
        p[x] = ((ne + 2 * east + se) - (nw + 2 * west + sw)) / (8 * dx)
        q[x] = ((sw + 2 * np.float64(z[c + s]) + se) - (nw + 2 * np.float64(z[c - s]) + ne)) / (8 * dy)
    for x in range(p.size):
        c = row * stride + x + 1
        if np.isnan(z[c]):
            p[x] = q[x] = np.nan
        elif np.isnan(p[x] + q[x]):
            p[x], q[x] = _beside_void(z, c, stride, dx, dy)


@njit(nogil=True, cache=True, error_model="numpy")
def slope(z, stride, dx, dy, out):
    """Slope angle (rad) of each cell into `out` (rows, columns); `dx`, `dy` (rows,) in metres."""
    p, q = np.empty(out.shape[1]), np.empty(out.shape[1])
    for y in range(out.shape[0]):
        _gradients(z, stride, y + 1, dx[y], dy[y], p, q)
        for x in range(p.size):
            out[y, x] = angle_of(math.sqrt(p[x] * p[x] + q[x] * q[x]), 1.0)


@njit(nogil=True, cache=True, error_model="numpy")
def aspect(z, stride, dx, dy, out):
    """Downslope direction (rad, clockwise from north, below 2 pi) into `out`; NaN where the surface is level."""
    p, q = np.empty(out.shape[1]), np.empty(out.shape[1])
    for y in range(out.shape[0]):
        _gradients(z, stride, y + 1, dx[y], dy[y], p, q)
        for x in range(p.size):
            angle = angle_of(abs(p[x]), abs(q[x]))
            angle = math.pi - angle if q[x] < 0 else angle
            turned = np.float32(2 * math.pi - angle if p[x] > 0 else angle)
            # a tiny negative angle rounds up to a full turn
            out[y, x] = np.float32(0) if turned >= TWO_PI else turned
