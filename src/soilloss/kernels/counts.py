"""Counts that can be added block by block: histograms and what is read from them."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit


class Histogram(NamedTuple):
    """Counts in equal bins from `low` to `high`: what a statistic of a raster of any size is made from."""

    low: float
    high: float
    counts: np.ndarray

    def percentile(self, q: float) -> float:
        """Return the value below which `q` per cent of what was counted lies, NaN if nothing was."""
        return percentile_from_histogram(self.counts, np.linspace(self.low, self.high, len(self.counts) + 1), q)


def histogram_of(values: Any, low: float, high: float, bins: int) -> Histogram:
    """Return the counts of `values` of any shape; a `Histogram` is returned as it is.

    Examples
    --------
    >>> histogram_of([0.1, 0.6, 5.0], 0, 1, 2).counts.tolist()
    [1, 1]
    """
    if isinstance(values, Histogram):
        return values
    found = Histogram(low, high, np.zeros(bins, np.int64))
    histogram(np.ascontiguousarray(values).reshape(-1), float(low), float(high), found.counts)
    return found


@njit(nogil=True, cache=True)
def histogram(values, low, high, counts):
    """Add `values` (one dimension) to the equal bins of [`low`, `high`]; what is missing or outside is left out.

    `counts` is an int64 array, changed in place: call again for the next block.
    """
    bins = len(counts)
    scale = bins / (high - low)
    for value in values:
        if low <= value <= high:
            counts[min(int((float(value) - low) * scale), bins - 1)] += 1


@njit(nogil=True, cache=True)
def tally(codes, area, values, inside, total):
    """Add the area (m2), or `values` times the area, of the cells that are `inside` to the sums of their class.

    Parameters
    ----------
    codes : int32 (rows, columns)
        Classes from 0.
    area : float64 (rows,)
        Area of a cell of each row.
    values : float64 (rows, columns)
        What is summed, NaN counting as 0; without columns the areas are.
    inside : bool (rows, columns)
    total : float64 (classes,)
        Changed in place.
    """
    for y in range(codes.shape[0]):
        for x in range(codes.shape[1]):
            if inside[y, x]:
                value = values[y, x] if values.size else 1.0
                if not np.isnan(value):
                    total[codes[y, x]] += area[y] * value


@njit(nogil=True, cache=True)
def tally_zones(codes, area, values, zone, row, column, share, totals):
    """Add cells, or their `share` in a zone, to the sums (zones, classes) of their zone as `tally` does."""
    for i in range(zone.size):
        y, x = row[i], column[i]
        value = values[y, x] if values.size else 1.0
        if not np.isnan(value):
            totals[zone[i], codes[y, x]] += area[y] * share[i] * value


def percentile_from_histogram(counts, edges, q):
    """Return the value below which `q` per cent of the counted values lie, linear inside a bin; NaN if none.

    Examples
    --------
    >>> percentile_from_histogram(np.array([10, 10]), np.array([0.0, 1.0, 2.0]), 75)
    1.5
    """
    passed = np.concatenate([[0], np.cumsum(counts)])
    if passed[-1] == 0:
        return float("nan")
    rank = passed[-1] * (q / 100)
    inside = min(int(np.searchsorted(passed, rank, side="left")), len(counts))
    upper = max(inside, int(np.argmax(passed > 0)) if rank == 0 else 1)
    share = (rank - passed[upper - 1]) / (passed[upper] - passed[upper - 1])
    return float(edges[upper - 1] + share * (edges[upper] - edges[upper - 1]))
