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
