"""Values of a raster at given places: nearest, bilinear, area-weighted triangle, most frequent.

A place is a column `u` and a row `v` of the raster, whole numbers on the borders of its cells. `u` has shape
(rows, columns) or (1, columns) and `v` (rows, columns) or (rows, 1); no value means nowhere. `window` is a part of
the raster whose first cell has the row and column `origin`, and `box` (top, bottom, left, right) tells which cells of
the raster are served: places elsewhere leave `out` as it is. Around the box the window has to reach as far as the rule
looks, or to the raster's edge. Every value depends on its own place only, whatever else is asked for at the same time.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

# Places this close before a border count as on it: equal halves then go to the cell after, whatever the rounding.
SLACK = 1e-6
# Below this share of its weight an average says too little.
LEAST_WEIGHT = 0.5

Box = tuple[int, int, int, int]


@njit(nogil=True, cache=True)
def between_nodes(nodes, step, row, column, out):
    """Fill `out` linearly from `nodes`, `step` cells apart; its first cell lies at `row`, `column` from the first."""
    line = np.empty(nodes.shape[1])
    rows, columns = out.shape
    for i in range(rows):
        above, down = divmod(row + i, step)
        for b in range(line.size):
            line[b] = nodes[above, b] + (nodes[above + 1, b] - nodes[above, b]) * (down / step)
        j = 0
        while j < columns:
            b, along = divmod(column + j, step)
            rise = line[b + 1] - line[b]
            for k in range(min(step - along, columns - j)):
                out[i, j + k] = line[b] + rise * ((along + k) / step)
            j += step - along


@njit(nogil=True, cache=True)
def reached(u, v, box):
    """Return the part of `box` that holds places, as (top, bottom, left, right); bottom is not above top if none."""
    top, bottom, left, right = box
    first_row, last_row, first_column, last_column = bottom, top - 1, right, left - 1
    for i in range(v.shape[0]):
        for j in range(u.shape[1]):
            y = np.floor(v[i, j if v.shape[1] > 1 else 0] + SLACK)
            x = np.floor(u[i if u.shape[0] > 1 else 0, j] + SLACK)
            if top <= y < bottom and left <= x < right:
                first_row, last_row = min(first_row, int(y)), max(last_row, int(y))
                first_column, last_column = min(first_column, int(x)), max(last_column, int(x))
    return first_row, last_row + 1, first_column, last_column + 1


@njit(nogil=True, cache=True)
def nearest(window, origin, box, _reach, u, v, out):
    """Take the cell that a place lies in."""
    top, bottom, left, right = box
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            y = np.floor(v[i, j if v.shape[1] > 1 else 0] + SLACK)
            x = np.floor(u[i if u.shape[0] > 1 else 0, j] + SLACK)
            if top <= y < bottom and left <= x < right:
                out[i, j] = window[int(y) - origin[0], int(x) - origin[1]]


@njit(nogil=True, cache=True)
def bilinear(window, origin, box, _reach, u, v, out):
    """Interpolate between the four cells around a place: `triangle` with a reach of 1, twice as fast."""
    top, bottom, left, right = box
    last_row, last_column = window.shape[0] - 1, window.shape[1] - 1
    weights = np.empty(2)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            y = v[i, j if v.shape[1] > 1 else 0]
            x = u[i if u.shape[0] > 1 else 0, j]
            if not (top <= np.floor(y + SLACK) < bottom and left <= np.floor(x + SLACK) < right):
                continue
            y = min(max(y - (origin[0] + 0.5), 0.0), last_row)
            x = min(max(x - (origin[1] + 0.5), 0.0), last_column)
            row, column = int(y), int(x)
            below, after = min(row + 1, last_row), min(column + 1, last_column)
            down, along = y - row, x - column
            weights[0], weights[1] = 1 - along, along
            above = weights[0] * window[row, column] + along * window[row, after]
            value = (1 - down) * above + down * (weights[0] * window[below, column] + along * window[below, after])
            if value != value:
                value = _of_present(window[row : below + 1, column : after + 1], weights, down, 1.0)
            out[i, j] = value


@njit(nogil=True, cache=True)
def corners(shape, origin, u, v, index, down, along):
    """Where `bilinear` finds the upper left of its four cells in a window of a `shape`, and how far it goes from there.

    `index` (int32) counts cells row by row in the window grown by one row and one column.
    """
    last_row, last_column = shape[0] - 1, shape[1] - 1
    for i in range(index.shape[0]):
        for j in range(index.shape[1]):
            y = min(max(v[i, j if v.shape[1] > 1 else 0] - (origin[0] + 0.5), 0.0), last_row)
            x = min(max(u[i if u.shape[0] > 1 else 0, j] - (origin[1] + 0.5), 0.0), last_column)
            row, column = np.int32(y), np.int32(x)
            index[i, j] = row * np.int32(shape[1] + 1) + column
            down[i, j], along[i, j] = y - row, x - column


@njit(nogil=True, cache=True)
def from_corners(window, index, down, along, out):
    """What `bilinear` does where nothing is missing, from the result of `corners`."""
    rows, columns = window.shape
    width = np.int32(columns + 1)
    grown = np.empty((rows + 1, columns + 1), window.dtype)
    grown[:rows, :columns] = window
    grown[rows, :columns] = window[rows - 1]
    grown[:, columns] = grown[:, columns - 1]
    flat = grown.reshape(-1)
    for i in range(index.shape[0]):
        row, y, x, filled = index[i], down[i], along[i], out[i]
        start = 0
        while start < row.size:
            k = row[start]
            stop = start + 1
            while stop < row.size and row[stop] == k:
                stop += 1
            a, b, c, d = flat[k], flat[k + 1], flat[k + width], flat[k + width + 1]
            # unsigned, so that no place counts from the end and cells go side by side
            for j in range(np.uint64(start), np.uint64(stop)):
                before = 1 - x[j]
                above = before * a + x[j] * b
                filled[j] = (1 - y[j]) * above + y[j] * (before * c + x[j] * d)
            start = stop


@njit(nogil=True, cache=True)
def triangle(window, origin, box, reach, u, v, out):
    """Average with weights that fall to nothing `reach` (rows, columns; at least 1) cells away.

    Beyond the outer centres the weights of what exists count; where cells with less than half of that weight have a
    value the answer is missing.
    """
    top, bottom, left, right = box
    rows, columns = window.shape
    fall = 1 / reach[0], 1 / reach[1]
    weights = np.empty(math.ceil(2 * reach[1]) + 1)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            y = v[i, j if v.shape[1] > 1 else 0]
            x = u[i if u.shape[0] > 1 else 0, j]
            if not (top <= np.floor(y + SLACK) < bottom and left <= np.floor(x + SLACK) < right):
                continue
            y -= origin[0] + 0.5
            x -= origin[1] + 0.5
            first, stop = max(math.floor(x - reach[1]) + 1, 0), min(math.ceil(x + reach[1]), columns)
            above, below = max(math.floor(y - reach[0]) + 1, 0), min(math.ceil(y + reach[0]), rows)
            amount = whole_down = whole_across = 0.0
            for k in range(stop - first):
                weights[k] = 1 - abs(first + k - x) * fall[1]
                whole_across += weights[k]
            for row in range(above, below):
                along = 0.0
                for k in range(stop - first):
                    along += weights[k] * window[row, first + k]
                weight = 1 - abs(row - y) * fall[0]
                amount += weight * along
                whole_down += weight
            value = amount / (whole_down * whole_across)
            out[i, j] = (
                value if value == value else _of_present(window[above:below, first:stop], weights, y - above, fall[0])
            )


@njit(nogil=True, cache=True)
def _of_present(part, weights, y, fall):
    """Mean of the cells of `part` that have a value, missing if they weigh too little.

    `weights` are those of the columns, those of the rows fall from row `y` by `fall` per row.
    """
    amount = held = whole = 0.0
    for row in range(part.shape[0]):
        for column in range(part.shape[1]):
            weight = (1 - abs(row - y) * fall) * weights[column]
            value = part[row, column]
            whole += weight
            if value == value:
                amount += weight * value
                held += weight
    return amount / held if held >= LEAST_WEIGHT * whole else np.nan


@njit(nogil=True, cache=True)
def most_frequent(window, origin, box, reach, u, v, out):
    """Take the most frequent value of the cells whose centres lie less than `reach` (rows, columns) away.

    `reach` is half the sides of a place's own cell, at least 0.5. Missing cells have no vote; of equally frequent
    values the smallest is taken.
    """
    top, bottom, left, right = box
    rows, columns = window.shape
    values = np.empty(int((2 * reach[0] + 2) * (2 * reach[1] + 2)), window.dtype)
    votes = np.empty(values.size, np.int64)
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            y = v[i, j if v.shape[1] > 1 else 0]
            x = u[i if u.shape[0] > 1 else 0, j]
            if not (top <= np.floor(y + SLACK) < bottom and left <= np.floor(x + SLACK) < right):
                continue
            above, below = _centres(y - origin[0], reach[0], rows)
            first, stop = _centres(x - origin[1], reach[1], columns)
            count = 0
            for row in range(above, below):
                for column in range(first, stop):
                    count = _vote(window[row, column], values, votes, count)
            out[i, j] = _winner(values, votes, count)


@njit(nogil=True, cache=True)
def _centres(place, reach, size):
    """Range of the cells with their centre in [place - reach, place + reach), at least one."""
    first = max(math.ceil(place - reach - 0.5 - SLACK), 0)
    stop = min(math.ceil(place + reach - 0.5 - SLACK), size)
    return first, max(stop, first + 1)


@njit(nogil=True, cache=True)
def _vote(value, values, votes, count):
    """Add a vote to the first `count` different values; return how many there are now."""
    if value != value:
        return count
    for k in range(count):
        if values[k] == value:
            votes[k] += 1
            return count
    values[count] = value
    votes[count] = 1
    return count + 1


@njit(nogil=True, cache=True)
def _winner(values, votes, count):
    best = np.nan
    most = 0
    for k in range(count):
        if votes[k] > most or (votes[k] == most and values[k] < best):
            best, most = values[k], votes[k]
    return best


RULES = {"nearest": nearest, "bilinear": bilinear, "triangle": triangle, "most_frequent": most_frequent}
