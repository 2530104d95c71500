"""Years of time steps: ``year + (step - 1) / steps per year``, never days."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd

from soilloss.errors import DataError

LABEL = re.compile(r"(\d{4})(?:-Q([1-4])|-(0[1-9]|1[0-2]))?")


def decimal_years(time: Any) -> tuple[np.ndarray, int]:
    """Return the years of steps, and how many steps make a year.

    Parameters
    ----------
    time : array (time,)
        Labels such as 2016, 2016-Q3 or 2016-07; dates, of which the year, quarter or month counts; or numbers, taken
        as years.

    Returns
    -------
    years : float64 array (time,)
    steps : int
        1, 4 or 12; 0 for numbers that are not whole.

    Raises
    ------
    DataError
        If a label cannot be read, labels of several kinds are mixed, or time does not rise.

    Examples
    --------
    >>> decimal_years(["2016-Q1", "2016-Q3"])
    (array([2016. , 2016.5]), 4)
    """
    times = np.asarray(time)
    if times.dtype.kind in "iuf":
        years, steps = times.astype("f8"), int(bool(np.all(times == np.rint(times))))
    elif times.dtype.kind == "M":
        years, steps = _of_dates(pd.DatetimeIndex(times))
    else:
        years, steps = _of_labels([str(label) for label in times])
    fallen = np.flatnonzero(~(np.diff(years) > 0))
    if fallen.size:
        at = fallen[0]
        raise DataError(f"time does not rise: {times[at + 1]} follows {times[at]}; sort the steps and keep each once")
    return years, steps


def _of_dates(dates: pd.DatetimeIndex) -> tuple[np.ndarray, int]:
    """The longest step that tells all dates apart: year, quarter or month."""
    for steps in (1, 4):
        years = dates.year.to_numpy() + (dates.month.to_numpy() - 1) * steps // 12 / steps
        if len(np.unique(years)) == len(years):
            return years, steps
    return dates.year.to_numpy() + (dates.month.to_numpy() - 1) / 12, 12


def _of_labels(labels: list[str]) -> tuple[np.ndarray, int]:
    found = [LABEL.fullmatch(label) for label in labels]
    parts = [match.groups() for match in found if match]
    if len(parts) < len(labels):
        wrong = next(label for label, match in zip(labels, found, strict=True) if not match)
        raise DataError(f"{wrong!r} is not a time step; write 2016, 2016-Q3 or 2016-07")
    kinds = {12 if month else 4 if quarter else 1 for _, quarter, month in parts}
    if len(kinds) > 1:
        raise DataError(f"time steps of several lengths are mixed: {labels[0]} ... {labels[-1]}; use one length")
    steps = kinds.pop() if kinds else 1
    years = [int(year) + (int(quarter or month or 1) - 1) / steps for year, quarter, month in parts]
    return np.array(years, "f8"), steps
