"""Statistics of a raster in one reading: exact counts in bins that follow the float's own bits, extremes and sum.

The upper 16 bits of a float32, turned so that they grow with the number, are a bin 0.8 % wide anywhere between the
smallest and the largest number. Counts of blocks add up, so percentiles of a raster of any size cost 512 KiB.
"""

from __future__ import annotations

import numpy as np
from numba import njit

BINS = 1 << 16


@njit(nogil=True, cache=True)
def summarise(values, counts):
    """Add the finite cells of `values` (float32, 2-D) to `counts` (int64, 65536); return number, sum, extremes."""
    bits = values.view(np.uint32)
    number = 0
    total = 0.0
    low, high = np.inf, -np.inf
    for row in range(values.shape[0]):
        for column in range(values.shape[1]):
            value = values[row, column]
            if not np.isfinite(value):
                continue
            pattern = bits[row, column]
            turned = ~pattern if pattern & np.uint32(0x80000000) else pattern | np.uint32(0x80000000)
            counts[turned >> np.uint32(16)] += 1
            number += 1
            total += value
            low = min(low, value)
            high = max(high, value)
    return number, total, low, high


def bin_edges():
    """Return the 65537 edges of the bins, float64; those beyond the largest float are infinite.

    Examples
    --------
    >>> edges = bin_edges()
    >>> bool(np.all(edges[129:65408] >= edges[128:65407]))
    True
    """
    turned = np.arange(BINS + 1, dtype=np.int64) << 16
    positive = turned >= 1 << 31
    # past infinity bit patterns are NaN: keep infinity
    magnitude = np.minimum(np.where(positive, turned - (1 << 31), (1 << 31) - 1 - turned), 0x7F800000)
    edges = magnitude.astype(np.uint32).view(np.float32).astype(np.float64)
    edges[~positive] *= -1
    return edges


@njit(nogil=True, cache=True)
def add_cells(values, area, grade, zone, row, column, share, mass, surface):
    """Add cells (or shares of cells) to the sums of their zones.

    Parameters
    ----------
    values : float32 (rows, columns)
        Soil loss, t ha-1; NaN is left out of `mass`.
    area : float64 (rows,)
        Area of a cell of each row, m2.
    grade : uint8 (rows, columns)
        Severity grade, 0 where missing.
    zone, row, column : int (cells,)
        Zone of each entry and the cell it means.
    share : float32 (cells,)
        Share of the cell that lies in the zone.
    mass, surface : int64 (zones, grades)
        Sums by zone and grade: soil loss in grams, area in thousandths of a square metre.

    Notes
    -----
    Both sums are whole numbers, so that they are the same for any order and any cut into blocks.
    """
    for i in range(zone.size):
        y, x = row[i], column[i]
        part = area[y] * share[i]
        g = grade[y, x]
        surface[zone[i], g] += np.int64(np.rint(part * 1e3))
        if g:
            mass[zone[i], g] += np.int64(np.rint(values[y, x] * part * 1e2))


@njit(nogil=True, cache=True)
def grade_whole(values, area, inside, thresholds, grade, mass, surface):
    """Fill `grade` and add the cells that are `inside` to the sums by grade of one zone, in the units of `add_cells`.

    A grade is 1 and the number of `thresholds` (float64) that a value reaches; 0 where it is missing.
    """
    for y in range(values.shape[0]):
        own = np.int64(np.rint(area[y] * 1e3))
        row, grades = values[y], grade[y]
        for x in range(row.size):
            grades[x] = row[x] == row[x]
        for threshold in thresholds:
            for x in range(row.size):
                grades[x] += row[x] >= threshold
        for x in range(row.size):
            if inside[y, x]:
                g = grades[x]
                surface[g] += own
                if g:
                    mass[g] += np.int64(np.rint(row[x] * area[y] * 1e2))


@njit(nogil=True, cache=True)
def add_step(values, year):
    """Add a step (float32) to a year (float64), both (rows, columns); a missing step makes the year missing."""
    for y in range(values.shape[0]):
        for x in range(values.shape[1]):
            year[y, x] += values[y, x]


@njit(nogil=True, cache=True)
def add_year(year, total, valid):
    """Add what is known of a year (float32) to `total` (float64), and count it in `valid` (int32)."""
    for y in range(year.shape[0]):
        for x in range(year.shape[1]):
            value = year[y, x]
            known = value == value
            total[y, x] += value if known else np.float32(0)
            valid[y, x] += np.int32(known)
