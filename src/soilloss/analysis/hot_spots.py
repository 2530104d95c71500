"""Where high values gather: the Gi* statistic of squares or districts, and the threshold of the highest tenth."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from soilloss.errors import DataError

LEAST = 3


def getis_ord(
    values: Any, *, weights: Any = None, significance: float = 0.05, false_discovery_rate: bool = False
) -> Any:
    r"""Gi*: whether values around and at a place are high or low by more than chance.

    Parameters
    ----------
    values : array (y, x), or (units,) with `weights`
        Missing cells have no part in it.
    weights : array or sparse matrix (units, units), optional
        1 where units are neighbours, else 0; a unit is its own neighbour in any case. Without it, the eight cells
        around.
    significance : float
        `cluster` is 0 where p is not below.
    false_discovery_rate : bool
        Whether `significance` is the share of false clusters among all (Benjamini and Hochberg), not of each test.

    Returns
    -------
    found : mapping or Dataset
        ``z`` (the statistic), ``p_value`` (two-sided, normal) and ``cluster`` (1 hot, -1 cold, 0 neither); NaN where
        missing. z is 0 if all values are the same.

    Raises
    ------
    DataError
        If there are fewer than three values, or the weights do not fit.

    Notes
    -----
    .. math:: z_i = \frac{\sum_j w_{ij} x_j - \bar x W_i}{s \sqrt{(n W_i - W_i^2) / (n - 1)}}, \quad W_i = \sum_j w_{ij}

    Getis and Ord (1992), Ord and Getis (1995).

    Examples
    --------
    >>> round(float(getis_ord(np.array([[1.0, 1, 1, 1], [1, 1, 1, 9], [1, 1, 9, 9]]))["z"][2, 3]), 4)
    2.708
    """
    x = np.asarray(values, np.float64)
    use = np.isfinite(x)
    n = int(use.sum())
    if n < LEAST:
        raise DataError(f"there are {n} values, expected {LEAST} or more to tell high from low; take smaller squares")
    total, count = _around(x, use, weights)
    mean, deviation = x[use].mean(), x[use].std()
    with np.errstate(divide="ignore", invalid="ignore"):
        z = (total - mean * count) / (deviation * np.sqrt((n * count - count**2) / (n - 1)))
    z = np.where(use, np.where(np.isfinite(z), z, 0.0), np.nan)
    p = special.erfc(np.abs(z) / np.sqrt(2))
    limit = _discovery_limit(p, significance) if false_discovery_rate else significance
    found = {"z": z, "p_value": p, "cluster": np.where(p < limit, np.sign(z), 0 * z)}
    if not isinstance(values, xr.DataArray):
        return found
    return xr.Dataset({name: values.drop_attrs(deep=False).copy(data=data) for name, data in found.items()})


def _around(x: np.ndarray, use: np.ndarray, weights: Any) -> tuple[np.ndarray, np.ndarray]:
    """Sum and number of the valid values at and around each."""
    known = np.where(use, x, 0.0)
    if weights is None:
        if x.ndim != 2:
            raise DataError(f"a raster has two dimensions, got {x.ndim}; give weights= for districts")
        return _three_by_three(known), _three_by_three(use.astype(np.float64))
    if weights.shape != (x.size, x.size):
        raise DataError(f"the weights are {weights.shape} for {x.size} units; give one row and column for each")
    joined = weights.copy()
    joined[np.arange(x.size), np.arange(x.size)] = 1
    return joined @ known, joined @ use.astype(np.float64)


def _three_by_three(cells: np.ndarray) -> np.ndarray:
    padded = np.pad(cells, 1)
    rows = padded[:-2] + padded[1:-1] + padded[2:]
    return rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:]


def _discovery_limit(p: np.ndarray, rate: float) -> float:
    """Just above the largest p that Benjamini and Hochberg (1995) accept."""
    ordered = np.sort(p[np.isfinite(p)])
    accepted = ordered <= rate * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    return float(np.nextafter(ordered[accepted].max(), np.inf)) if accepted.any() else 0.0


def coarse_code(values: Any) -> np.ndarray:
    """Return the upper 16 bits of values that are not negative: a bin that grows with the value.

    Examples
    --------
    >>> a, b = coarse_code([1.0, 2.0])
    >>> bool(a < b)
    True
    """
    return (np.asarray(values, np.float32).view(np.uint32) >> np.uint32(16)).astype(np.int64)


def fine_code(values: Any) -> np.ndarray:
    """Return the lower 16 bits: the place of a value within its coarse bin."""
    return (np.asarray(values, np.float32).view(np.uint32) & np.uint32(0xFFFF)).astype(np.int64)


def crossing(areas: np.ndarray, limit: float) -> tuple[int, float]:
    """Return the bin in which the area, counted from the highest, passes `limit`, and the area above that bin.

    Examples
    --------
    >>> crossing(np.array([5.0, 3.0, 1.0, 1.0]), 2.5)
    (1, 2.0)
    """
    passed = np.cumsum(areas[::-1])
    at = int(np.searchsorted(passed, limit * (1 + 1e-12), side="right"))
    if at == len(areas):
        return 0, float(passed[-1] - areas[0])
    return len(areas) - 1 - at, float(passed[at] - areas[::-1][at])


def threshold(coarse: np.ndarray, fine: np.ndarray, counts: np.ndarray, fraction: float) -> float:
    """Return the least value that still belongs to the highest `fraction` of the area, exactly.

    Parameters
    ----------
    coarse : array (65536,)
        Area by `coarse_code`.
    fine, counts : array (65536,)
        Area, and number of cells, by `fine_code` of the cells in the bin that `crossing` names.
    fraction : float
        Share of the area, rounded down to whole cells; cells that tie with the last belong to it.

    Examples
    --------
    >>> values = np.array([5.0, 1.0, 9.0, 9.0], np.float32)
    >>> coarse = np.bincount(coarse_code(values), minlength=65536)
    >>> at, _ = crossing(coarse, 0.75 * 4)
    >>> fine = np.bincount(fine_code(values[coarse_code(values) == at]), minlength=65536)
    >>> threshold(coarse, fine, fine, 0.75)
    5.0
    """
    limit = fraction * coarse.sum()
    bin_, above = crossing(coarse, limit)
    part, higher = crossing(fine, limit - above)
    first = fine[part] / max(counts[part], 1)
    fits = counts[part] > 0 and above + higher + first <= limit * (1 + 1e-12)
    if not fits:
        rest = np.flatnonzero(fine[part + 1 :])
        if rest.size:
            part += 1 + int(rest[0])
        else:
            later = np.flatnonzero(coarse[bin_ + 1 :])
            if not later.size:
                return np.inf
            # the least value of the next bin is not known, but all of it belongs
            bin_, part = bin_ + 1 + int(later[0]), 0
    return float(np.array([(bin_ << 16) | part], np.uint32).view(np.float32)[0])
