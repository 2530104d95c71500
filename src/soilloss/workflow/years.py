"""Steps added up to years, and years averaged to the mean of the period."""

from __future__ import annotations

import numpy as np

from soilloss.kernels.summary import add_step, add_year

# the label of the mean over all years
MEAN = "mean"


class Years:
    """Steps added up (or averaged) to years, years averaged to the mean of the period.

    A step that is missing makes its year missing; the mean needs `needed` years.
    """

    def __init__(self, steps: int, years: int, sums: bool, needed: int) -> None:
        self.steps, self.years, self.sums, self.needed = steps, years, sums, needed
        self.total: np.ndarray | None = None
        self.valid: np.ndarray | None = None
        self.year: np.ndarray | None = None
        self.seen = 0

    def add(self, values: np.ndarray) -> np.ndarray | None:
        """Add a step; return the year when its last step has come."""
        self.seen += 1
        if self.steps == 1:
            return self._add_year(values)
        if self.year is None:
            self.year = values.astype(np.float64)
        else:
            add_step(values, self.year)
        if self.seen % self.steps:
            return None
        year, self.year = self.year, None
        return self._add_year((year if self.sums else year / self.steps).astype(np.float32))

    def _add_year(self, year: np.ndarray) -> np.ndarray:
        if self.years == 1:
            self.total = year
            return year
        if self.total is None or self.valid is None:
            self.total, self.valid = np.zeros(year.shape), np.zeros(year.shape, np.int32)
        add_year(year, self.total, self.valid)
        return year

    def state(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the sum of the years so far and the number of known ones, for `restore`."""
        assert self.total is not None
        assert self.valid is not None
        return self.total, self.valid.astype(np.uint16)

    def restore(self, total: np.ndarray, valid: np.ndarray) -> None:
        """Go on from what `state` returned."""
        self.total, self.valid = total.copy(), valid.astype(np.int32)

    def mean(self) -> np.ndarray:
        """Return the mean over the years of cells that have enough of them."""
        assert self.total is not None
        if self.valid is None:
            return self.total
        enough = self.valid >= max(1, self.needed)
        return np.where(enough, self.total / np.maximum(self.valid, 1), np.nan).astype(np.float32)
