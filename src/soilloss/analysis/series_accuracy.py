"""How right a series of maps is in time: changes found when they happened, restlessness, honest confidence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from soilloss.errors import DataError


def change_scores(reference: Any, mapped: Any, *, tolerance: int = 2) -> dict[str, float]:
    r"""How many changes of class a series finds, and how many of those it shows are true.

    Parameters
    ----------
    reference, mapped : array of classes (time, point)
        0 and NaN are missing; a change is one between two steps that are both known.
    tolerance : int
        Steps that a change may be early or late.

    Returns
    -------
    scores : dict
        ``changes`` (in the reference), ``recall``, ``precision``, ``f1``; NaN where there is nothing to judge.

    Notes
    -----
    .. math:: F_1 = \frac{2 \, P R}{P + R}

    with the share R of true changes that have a mapped one within the tolerance, and the share P of mapped changes
    that have a true one there.

    Examples
    --------
    >>> change_scores([[1], [1], [1], [4], [4]], [[1], [4], [4], [4], [4]])["f1"]
    1.0
    """
    truth, found = (_changes(series) for series in _paired(reference, mapped))
    recall, precision = _share(_near(found, tolerance), truth), _share(_near(truth, tolerance), found)
    total = recall + precision
    return {
        "changes": int(truth.sum()),
        "recall": recall,
        "precision": precision,
        "f1": 2 * recall * precision / total if total > 0 else (0.0 if total == 0 else float("nan")),
    }


def restlessness(mapped: Any, *, steps_per_year: int = 4) -> dict[str, float]:
    """How often classes change in a series, and how often they come back within a year.

    Parameters
    ----------
    mapped : array of classes (time, ...)
        0 and NaN are missing.
    steps_per_year : int
        Steps in which a return counts.

    Returns
    -------
    scores : dict
        ``flips`` per 100 steps, and ``consistent``: share of the cells that never leave a class and return to it
        within a year.

    Examples
    --------
    >>> restlessness([[1, 1], [2, 1], [1, 1], [1, 4], [1, 4]])
    {'flips': 37.5, 'consistent': 0.5}
    """
    codes = _codes(mapped).reshape(len(mapped), -1)
    known = (codes[1:] > 0) & (codes[:-1] > 0)
    flips = _changes(codes)
    returned = np.zeros(codes.shape[1], bool)
    for gap in range(2, steps_per_year + 1):
        for step in range(len(codes) - gap):
            same = (codes[step] == codes[step + gap]) & (codes[step] > 0)
            between = codes[step + 1 : step + gap]
            returned |= same & ((between != codes[step]) & (between > 0)).any(axis=0)
    seen = (codes > 0).any(axis=0)
    return {
        "flips": float(100 * flips.sum() / known.sum()) if known.any() else float("nan"),
        "consistent": float(1 - returned[seen].mean()) if seen.any() else float("nan"),
    }


def calibration(confidence: Any, right: Any, *, bins: int = 10) -> tuple[float, pd.DataFrame]:
    r"""How honest confidence is: of cells said to be 80 % sure, 80 % should be right.

    Parameters
    ----------
    confidence : array, 1
        Probability of the mapped class, 0 to 1; NaN is left out.
    right : array of bool
        Whether the mapped class is that of the reference.
    bins : int
        Intervals of equal width.

    Returns
    -------
    error : float
        Expected calibration error; NaN without samples.
    table : DataFrame
        ``from, to, n, confidence, accuracy`` of the bins that have samples.

    Notes
    -----
    .. math:: ECE = \sum_b \frac{n_b}{n} \, |acc_b - conf_b|

    Naeini et al. (2015), Guo et al. (2017).

    Examples
    --------
    >>> round(calibration([0.9, 0.9, 0.6, 0.6], [True, True, True, False])[0], 3)
    0.1
    """
    sure, hit = np.asarray(confidence, "f8").reshape(-1), np.asarray(right, bool).reshape(-1)
    sure, hit = sure[np.isfinite(sure)], hit[np.isfinite(sure)]
    place = np.clip((sure * bins).astype(int), 0, bins - 1)
    counts = np.bincount(place, minlength=bins)
    used = np.flatnonzero(counts)
    table: Any = pd.DataFrame(
        {
            "from": used / bins,
            "to": (used + 1) / bins,
            "n": counts[used],
            "confidence": np.bincount(place, sure, bins)[used] / counts[used],
            "accuracy": np.bincount(place, hit, bins)[used] / counts[used],
        }
    )
    gap = (table["accuracy"] - table["confidence"]).abs()
    return float((gap * table["n"]).sum() / len(sure)) if len(sure) else float("nan"), table


def _paired(reference: Any, mapped: Any) -> tuple[np.ndarray, np.ndarray]:
    """Classes of both, missing in both where one is."""
    truth, found = _codes(reference), _codes(mapped)
    if truth.shape != found.shape:
        raise DataError(f"the reference has shape {truth.shape} and the map {found.shape}; give one of each")
    both = (truth > 0) & (found > 0)
    return np.where(both, truth, 0), np.where(both, found, 0)


def _codes(series: Any) -> np.ndarray:
    return np.nan_to_num(np.asarray(series, "f8"), nan=0).astype(np.int64)


def _changes(codes: np.ndarray) -> np.ndarray:
    return (codes[1:] != codes[:-1]) & (codes[1:] > 0) & (codes[:-1] > 0)


def _near(changes: np.ndarray, tolerance: int) -> np.ndarray:
    """Whether there is a change within `tolerance` steps."""
    out = np.zeros_like(changes)
    for step in range(len(changes)):
        out[step] = changes[max(0, step - tolerance) : step + tolerance + 1].any(axis=0)
    return out


def _share(near: np.ndarray, changes: np.ndarray) -> float:
    return float(near[changes].mean()) if changes.any() else float("nan")
