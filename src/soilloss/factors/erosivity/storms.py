"""Erosivity of single storms, and of years, from rain records of an hour or less."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from soilloss.errors import DataError
from soilloss.kernels.rain import storm_starts, storm_table

LONGEST_STEP_MINUTES = 60
MINUTES_PER_HOUR = 60.0


class Record(NamedTuple):
    """A checked rain record: dates of all records, step in minutes, and depth with NaN where missing."""

    time: np.ndarray
    minutes: int
    depth: np.ndarray


def brown_foster_1987(intensity: Any) -> np.ndarray:
    r"""Return the energy of each mm of rain, MJ ha-1 mm-1, at an intensity in mm h-1, as in RUSLE.

    Notes
    -----
    .. math:: e = 0.29 \, (1 - 0.72 \, e^{-0.05 i})

    Brown and Foster (1987).

    Examples
    --------
    >>> round(float(brown_foster_1987(50.0)), 6)
    0.272861
    """
    return _saturating(intensity, 0.05)


def mcgregor_1995(intensity: Any) -> np.ndarray:
    r"""Return the energy of each mm of rain, MJ ha-1 mm-1, at an intensity in mm h-1, as in RUSLE2.

    Notes
    -----
    .. math:: e = 0.29 \, (1 - 0.72 \, e^{-0.082 i})

    An exponent of 0.08 also circulates. McGregor et al. (1995).

    Peers: rfactor has 0.08 instead of 0.082, 0.8 % less in its test year.

    Examples
    --------
    >>> round(float(mcgregor_1995(50.0)), 6)
    0.28654
    """
    return _saturating(intensity, 0.082)


def wischmeier_smith_1978_energy(intensity: Any, *, top: float = 76.0, maximum: float = 0.283) -> np.ndarray:
    r"""Return the energy of each mm of rain, MJ ha-1 mm-1, at an intensity in mm h-1, as in the USLE.

    Notes
    -----
    .. math:: e = \max(0, \; 0.119 + 0.0873 \log_{10} i), \quad e = 0.283 \; (i > 76)

    Wischmeier and Smith (1978).

    Examples
    --------
    >>> round(float(wischmeier_smith_1978_energy(50.0)), 6)
    0.26732
    """
    rate = np.asarray(intensity, float)
    logs = np.log10(rate, out=np.full_like(rate, -np.inf), where=~(rate <= 0))
    return np.where(rate > top, maximum, np.maximum(0.119 + 0.0873 * logs, 0.0))


def salles_2002(intensity: Any) -> np.ndarray:
    r"""Return the energy of each mm of rain, MJ ha-1 mm-1, at an intensity in mm h-1, as used in Belgium.

    Notes
    -----
    .. math:: e = 0.1112 \, i^{0.31}

    Salles, Poesen and Sempere-Torres (2002), as used by Verstraeten et al. (2006).

    Examples
    --------
    >>> round(float(salles_2002(6.0)), 6)
    0.19379
    """
    return 0.1112 * np.maximum(np.asarray(intensity, float), 0.0) ** 0.31


def ei30(
    precipitation: Any,
    time: Any,
    *,
    energy: Callable[[Any], np.ndarray] = brown_foster_1987,
    storm_gap_hours: float = 6.0,
    storm_gap_depth: float | None = 1.27,
    minimum_depth: float = 12.7,
    minimum_burst: float = 6.35,
    resolution_factor: float = 1.0,
    step_minutes: int | None = None,
) -> pd.DataFrame:
    r"""Erosive storms of a rain record, with energy, 30-minute intensity and erosivity.

    Parameters
    ----------
    precipitation : array (n,), mm
        Rain of each step; NaN, negative and infinite steps are missing. Dry steps may be left out.
    time : array of dates (n,)
        Start of each step, rising, without repeats; steps of 1 to 60 minutes, all alike.
    energy : function of intensity
        `brown_foster_1987`, `mcgregor_1995`, `wischmeier_smith_1978_energy`, `salles_2002` or your own.
    storm_gap_hours : float, h
        Rain-poor time that ends a storm.
    storm_gap_depth : float or None, mm
        A storm ends where less than this fell in `storm_gap_hours` (RUSLE). None: where two wet steps begin at
        least `storm_gap_hours` apart.
    minimum_depth, minimum_burst : float, mm
        A storm is erosive above this depth, or with at least this much in 15 minutes. 0 keeps every storm.
    resolution_factor : float
        Multiplies the erosivity; 1.730 for hourly and 1.014 for 5-minute records after Yin et al. (2007).
    step_minutes : int or None
        Length of a step; the shortest difference of `time` where not given.

    Returns
    -------
    pandas.DataFrame
        One row per storm: `start` (date), `depth` (mm), `duration` (h), `energy` (MJ ha-1), `i30` (mm h-1),
        `erosivity` (MJ mm ha-1 h-1).

    Notes
    -----
    .. math:: EI_{30} = I_{30} \sum_r e(i_r) \, v_r

    The 30-minute intensity is twice the most rain in any 30 minutes, also for shorter storms; rain is taken to fall
    evenly within a step. Renard et al. (1997).

    Raises
    ------
    DataError
        If dates and rain do not match, are unsorted, repeated or irregular, or steps are longer than an hour.

    Examples
    --------
    >>> import pandas as pd
    >>> rain = [0.5, 1, 2, 4, 6, 3, 2, 1, 0.5, 0.2]
    >>> storms = ei30(rain, pd.date_range("2001-05-01 12:00", periods=10, freq="10min"))
    >>> storms["erosivity"].round(4).tolist()
    [108.1055]
    """
    record = read_record(precipitation, time, step_minutes=step_minutes)
    wet = record.depth > 0
    depth = record.depth[wet]
    step = np.timedelta64(record.minutes * 60, "s")
    index = (record.time[wet] - record.time[0]) // step if len(record.time) else np.zeros(0, np.int64)
    gap = round(storm_gap_hours * MINUTES_PER_HOUR / record.minutes)
    starts = storm_starts(index, depth, gap, -1.0 if storm_gap_depth is None else storm_gap_depth)
    energies = np.asarray(energy(depth * (MINUTES_PER_HOUR / record.minutes)), float) * depth
    first, last, total, energies, half_hour, quarter_hour = storm_table(
        index, depth, energies, np.flatnonzero(starts), 30 / record.minutes, 15 / record.minutes
    ).T
    storms = pd.DataFrame(
        {
            "start": record.time[wet][starts],
            "depth": total,
            "duration": (last - first + 1) * (record.minutes / MINUTES_PER_HOUR),
            "energy": energies,
            "i30": 2 * half_hour,
            "erosivity": energies * 2 * half_hour * resolution_factor,
        }
    )
    return storms.loc[(total > minimum_depth) | (quarter_hour >= minimum_burst)].reset_index(drop=True)


def yearly_erosivity(
    storms: pd.DataFrame,
    precipitation: Any,
    time: Any,
    *,
    min_coverage: float = 0.9,
    step_minutes: int | None = None,
) -> pd.Series:
    """Erosivity of each year of a record, NaN for years with too little of it.

    Parameters
    ----------
    storms : pandas.DataFrame
        From `ei30`; a storm counts in the year in which it starts.
    precipitation, time, step_minutes
        The record that `ei30` was given. Dry steps must be in it: a step that is absent is missing.
    min_coverage : float
        Share of a year that must be valid; 0 for records that leave out dry steps.

    Returns
    -------
    pandas.Series
        By year, MJ mm ha-1 h-1; 0 for a covered year without erosive storms.

    Raises
    ------
    DataError
        As `ei30`.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> hours = pd.date_range("2001-01-01", "2002-01-31 23:00", freq="h")
    >>> rain = np.where(hours == "2001-07-01 12:00", 40.0, 0.0)
    >>> yearly_erosivity(ei30(rain, hours), rain, hours).round(1).to_dict()
    {2001: 418.8, 2002: nan}
    """
    record = read_record(precipitation, time, step_minutes=step_minutes)
    year, first = _years_from(record.time, record.time[0])
    calendar = np.arange(first, first + year.max() + 1)
    borders = (np.append(calendar, calendar[-1] + 1) - 1970).astype("datetime64[Y]").astype("datetime64[m]")
    valid = np.bincount(year, weights=np.isfinite(record.depth)) * record.minutes
    share = valid / np.diff(borders).astype(np.int64)
    storm_year, _ = _years_from(storms["start"].to_numpy(), record.time[0])
    sums = np.bincount(storm_year, weights=storms["erosivity"].to_numpy(float), minlength=len(calendar))
    return pd.Series(np.where(share >= min_coverage, sums, np.nan), index=calendar, name="erosivity")


def annual_erosivity(
    storms: pd.DataFrame,
    precipitation: Any,
    time: Any,
    *,
    min_coverage: float = 0.9,
    step_minutes: int | None = None,
) -> float:
    """Mean of `yearly_erosivity` over the years with enough of a record, MJ mm ha-1 h-1; NaN if there is none.

    Examples
    --------
    >>> import numpy as np, pandas as pd
    >>> hours = pd.date_range("2001-01-01", "2002-12-31 23:00", freq="h")
    >>> rain = np.where(hours == "2001-07-01 12:00", 40.0, 0.0)
    >>> round(annual_erosivity(ei30(rain, hours), rain, hours), 1)
    209.4
    """
    yearly = yearly_erosivity(storms, precipitation, time, min_coverage=min_coverage, step_minutes=step_minutes)
    return float(yearly.mean())


def read_record(precipitation: Any, time: Any, *, step_minutes: int | None = None) -> Record:
    """Check a rain record and find its step.

    Raises
    ------
    DataError
        If dates and rain do not match, are unsorted, repeated or irregular, or steps are longer than an hour.

    Examples
    --------
    >>> read_record([0.2, 0.1], ["2001-05-01 12:00", "2001-05-01 12:05"]).minutes
    5
    """
    depth = np.asarray(precipitation, float)
    dates = pd.DatetimeIndex(time).to_numpy("datetime64[s]")
    if depth.shape != dates.shape:
        raise DataError(f"rain has shape {depth.shape} and its dates {dates.shape}; give one date per value")
    seconds = np.diff(dates).astype(np.int64)
    _refuse_disorder(dates, seconds)
    minutes = step_minutes if step_minutes is not None else _shortest_step(seconds)
    if not 1 <= minutes <= LONGEST_STEP_MINUTES or minutes != int(minutes):
        raise DataError(
            f"the rain record has steps of {minutes:g} minutes, expected whole ones, 1 to {LONGEST_STEP_MINUTES}; "
            "use a daily method such as xie_2016 for longer steps"
        )
    odd = np.flatnonzero(seconds % round(minutes * 60))
    if odd.size:
        at = odd[0]
        raise DataError(
            f"irregular times: {dates[at + 1]} comes {seconds[at] / 60:g} minutes after {dates[at]}, expected "
            f"multiples of {minutes:g} minutes; bring the record to one step first"
        )
    return Record(dates, int(minutes), np.where((depth >= 0) & (depth < np.inf), depth, np.nan))


def _years_from(dates: np.ndarray, first: Any) -> tuple[np.ndarray, int]:
    """Return the calendar year of each date counted from that of `first`, and the latter."""
    origin = int(np.datetime64(first, "Y").astype(int)) + 1970
    return dates.astype("datetime64[Y]").astype(np.int64) + 1970 - origin, origin


def _refuse_disorder(dates: np.ndarray, seconds: np.ndarray) -> None:
    for wrong, what in ((seconds < 0, "unsorted times"), (seconds == 0, "repeated times")):
        if wrong.any():
            at = int(np.flatnonzero(wrong)[0])
            raise DataError(f"{what}: {dates[at + 1]} follows {dates[at]}, expected rising dates; sort, drop repeats")


def _shortest_step(seconds: np.ndarray) -> float:
    if not seconds.size:
        raise DataError("a rain record of fewer than two values shows no step; give step_minutes=")
    return float(seconds.min()) / 60


def _saturating(intensity: Any, rate: float) -> np.ndarray:
    return 0.29 * (1 - 0.72 * np.exp(-rate * np.maximum(np.asarray(intensity, float), 0.0)))
