"""Rain by month and year out of finer rain, and erosivity of a year out of its half-months.

Plain arrays have months, half-months or days on their last axis. A climatology here is the mean over the years that
have data, so a year without rain counts and a year without a record does not.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import numpy as np

from soilloss.equation import equation
from soilloss.errors import DataError
from soilloss.kernels.rain import add_periods, add_powers, power_parts
from soilloss.kernels.valid import not_negative

HALF_MONTH_SPLIT = 15
# cells whose days are brought into order at a time
STRIP = 1024
# exponents for which the fast power of float32 is good to 1e-6
FAST_UP_TO = 4.0


class Periods(NamedTuple):
    """Runs of days that belong to one month or half-month of one year.

    `starts` has one entry more than there are runs; `slots` counts months or half-months of the year from 0; `months`
    is the calendar month; `lengths` the calendar days of the whole period, recorded or not; `days_per_year` the mean
    length of the years that occur.
    """

    starts: np.ndarray
    slots: np.ndarray
    months: np.ndarray
    lengths: np.ndarray
    days_per_year: float

    def needed(self, fraction: float) -> np.ndarray:
        """Return the valid days a period must have, at least one."""
        return np.maximum(np.ceil(self.lengths * fraction - 1e-9), 1).astype(np.int64)


def modified_fournier_index(monthly_precipitation: Any) -> np.ndarray:
    """Return the sum of squared monthly rain over annual rain, mm; 0 without rain, NaN where a month is missing.

    Examples
    --------
    >>> float(modified_fournier_index([10.0] * 12))
    10.0
    """
    rain = not_negative(monthly_precipitation)
    total, squares = rain.sum(axis=-1), (rain * rain).sum(axis=-1)
    return np.divide(squares, total, out=np.zeros_like(total), where=total != 0)


@equation(gives="annual_precipitation", cite="renard1997", over="month", step="year")
def sum_of_months(monthly_precipitation):
    r"""Rain of the year as the sum of its months.

    Parameters
    ----------
    monthly_precipitation : array (..., 12), mm
        Rain of each month. A negative or missing month makes the sum NaN.

    Returns
    -------
    annual_precipitation : array, mm

    Notes
    -----
    .. math:: P = \sum_{i=1}^{12} p_i

    Renard et al. (1997).

    Examples
    --------
    >>> float(sum_of_months([50.0] * 12))
    600.0
    """
    return not_negative(monthly_precipitation).sum(axis=-1)


@equation(gives="monthly_precipitation", cite="renard1997", over="day")
def months_of_days(daily_precipitation, *, time=None, min_valid_fraction=0.9):
    r"""Mean rain of each month of the year from daily rain.

    Parameters
    ----------
    daily_precipitation : array (..., days), mm
        Rain of each day; NaN, negative and infinite days are missing.
    time : array of dates (days), or the first date of consecutive days
        Taken from the coordinates of a DataArray.
    min_valid_fraction : float
        Share of a month's days that must be valid for it to count; missing days of a month that counts add nothing.

    Returns
    -------
    monthly_precipitation : array (..., 12), mm
        Mean over the years in which the month counts, NaN where there is none.

    Notes
    -----
    .. math:: p_i = \frac{1}{n_i} \sum_{years} \sum_{days} P_d

    Renard et al. (1997).

    Raises
    ------
    DataError
        If dates are missing, not one per day, unsorted or repeated.

    Examples
    --------
    >>> import numpy as np
    >>> months_of_days(np.full(365, 2.0), time="2001-01-01")[:2]
    array([62., 56.])
    """
    rain = np.asarray(daily_precipitation)
    periods = month_periods(time, rain.shape[-1])
    weights = np.ones(periods.slots.size)
    return mean_of_periods(rain, periods, 12, weights, needed=periods.needed(min_valid_fraction))


@equation(gives="erosivity", cite="renard1997", over="half_month")
def step_sum(half_month_erosivity, *, step=""):
    r"""Erosivity of a time step as the sum of its half-months.

    Parameters
    ----------
    half_month_erosivity : array (..., 24), MJ mm ha-1 h-1
        Erosivity of each half-month; a missing one makes the sum NaN.
    step : str
        Label of a quarter (``2001-Q3``) or month (``2001-07``); otherwise the whole year.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = \sum_{k \in step} R_k

    A year has all 24, quarter q the half-months 6 (q - 1) + 1 to 6 q, month m 2 m - 1 and 2 m. Renard et al. (1997).

    Examples
    --------
    >>> float(step_sum([10.0] * 24)), float(step_sum([10.0] * 24, step="2001-Q3"))
    (240.0, 60.0)
    """
    return of_step(not_negative(half_month_erosivity), step).sum(axis=-1)


def of_step(values: np.ndarray, step: str) -> np.ndarray:
    """Return the months or half-months (last axis) of a time step: ``2001-Q3``, ``2001-07``, else the whole year.

    Examples
    --------
    >>> of_step(np.arange(12), "2001-Q2")
    array([3, 4, 5])
    """
    part = step.partition("-")[2]
    if not part:
        return values
    length = values.shape[-1] // (4 if part[0] == "Q" else 12)
    first = (int(part.lstrip("Q")) - 1) * length
    return values[..., first : first + length]


def dates_of(time: Any, count: int) -> np.ndarray:
    """Return `count` dates: those given, or consecutive ones from a single first date.

    Raises
    ------
    DataError
        If dates are missing, not one per day, unsorted or repeated.

    Examples
    --------
    >>> dates_of("2000-02-28", 3)[-1]
    np.datetime64('2000-03-01')
    """
    if time is None:
        raise DataError("daily rain came without dates; give time= one date per day, or the first date")
    try:
        dates = np.asarray(time, dtype="datetime64[D]")
    except (TypeError, ValueError) as error:
        raise DataError(f"the dates of the rain cannot be read ({error}); expected such as '2001-05-31'") from None
    if dates.ndim == 0:
        dates = dates + np.arange(count)
    if dates.shape != (count,):
        raise DataError(f"daily rain has {count} days on its last axis but {dates.size} dates; give one date per day")
    wrong = np.flatnonzero(~(np.diff(dates) > np.timedelta64(0, "D")))
    if wrong.size:
        before, after = dates[wrong[0] : wrong[0] + 2]
        raise DataError(f"{after} follows {before}, expected rising dates; sort them and drop repeats")
    return dates


def month_periods(time: Any, count: int) -> Periods:
    """Cut days into months of years."""
    dates = dates_of(time, count)
    return _periods(dates, np.zeros(count, np.int64), 1)


def half_month_periods(time: Any, count: int) -> Periods:
    """Cut days into half-months of years: days 1 to 15, and the rest of the month."""
    dates = dates_of(time, count)
    return _periods(dates, (_day_of_month(dates) > HALF_MONTH_SPLIT).astype(np.int64), 2)


def mean_of_periods(
    rain: np.ndarray,
    periods: Periods,
    slots: int,
    weights: np.ndarray,
    *,
    needed: np.ndarray,
    scale: Any = 1.0,
    exponent: Any = 1.0,
    threshold: float = 0.0,
) -> np.ndarray:
    """Return the mean over years of ``weight * scale * sum(rain ** exponent)`` for each slot of the year."""
    cells = rain.size // rain.shape[-1]
    scale, exponent = (v if np.ndim(v) == 0 else np.broadcast_to(np.ravel(v), cells) for v in (scale, exponent))
    out = np.empty((cells, slots), np.result_type(rain, np.float32))
    for some, days in strips(rain):
        scales, exponents = (v if np.ndim(v) == 0 else v[some] for v in (scale, exponent))
        sums = Sums.empty(slots, days.shape[1])
        add_days(sums, days, periods, weights, needed, scales, exponents, threshold)
        out[some] = sums.means().T
    return out.reshape(*rain.shape[:-1], slots)


def strips(rain: np.ndarray) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield slices of cells with their rain as (days, cells) in this order of memory: one, where it lies so already."""
    flat = rain.reshape(-1, rain.shape[-1])
    kind = np.result_type(rain, np.float32)
    width = len(flat) if flat.T.flags.c_contiguous and flat.dtype == kind else STRIP
    for first in range(0, len(flat), max(width, 1)):
        some = slice(first, first + width)
        yield some, np.ascontiguousarray(flat[some].T, dtype=kind)


class Sums(NamedTuple):
    """Running sums of periods, and the years that count, by slot of the year and cell."""

    total: np.ndarray
    years: np.ndarray

    @classmethod
    def empty(cls, slots: int, cells: int) -> Sums:
        """Return sums to which nothing was added."""
        return cls(np.zeros((slots, cells)), np.zeros((slots, cells), np.int32))

    def means(self) -> np.ndarray:
        """Return the mean over the years, NaN where there is none."""
        return np.divide(self.total, self.years, out=np.full_like(self.total, np.nan), where=self.years > 0)


def add_days(
    sums: Sums,
    days: np.ndarray,
    periods: Periods,
    weights: np.ndarray,
    needed: np.ndarray,
    scale: Any = 1.0,
    exponent: Any = 1.0,
    threshold: float = 0.0,
) -> None:
    """Add to `sums` whole periods of rain (days, cells), float32 or float64 in this order of memory."""
    cuts = periods.starts, periods.slots
    if (
        days.dtype == np.float32
        and np.ndim(scale) == np.ndim(exponent) == 0
        and threshold >= 1 < exponent <= FAST_UP_TO
    ):
        from_on = np.float32(threshold).view(np.int32)
        add_powers(days.view(np.int32), *cuts, weights * scale, needed, *power_parts(exponent), from_on, *sums)
    else:
        scale, exponent = (np.array(np.broadcast_to(v, days.shape[1]), float) for v in (scale, exponent))
        add_periods(days, *cuts, weights, needed, scale, exponent, max(threshold, 0.0), *sums)


def whole_half_months(parts: Iterable[tuple[Any, np.ndarray]]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Cut a record that comes in parts anew, so that no half-month lies in two of them.

    Parameters
    ----------
    parts : iterable of (dates, array (days, ...))
        In order of time, of any lengths.

    Yields
    ------
    (dates, array (days, ...))
        Views of the parts where possible; at most half a month is copied and held back.

    Raises
    ------
    DataError
        If dates are missing, not one per day, unsorted or repeated.

    Examples
    --------
    >>> parts = (("2001-01-01", np.zeros(20)), ("2001-01-21", np.zeros(19)))
    >>> [str(dates[-1]) for dates, _ in whole_half_months(parts)]
    ['2001-01-15', '2001-01-31', '2001-02-08']
    """
    held: list[tuple[np.ndarray, np.ndarray]] = []
    for time, rain in parts:
        dates = dates_of(time, len(rain))
        starts = half_month_periods(dates, len(rain)).starts
        if len(starts) > 2:
            first, last = starts[1], starts[-2]
            yield _joined([*held, (dates[:first], rain[:first])])
            if first < last:
                yield dates[first:last], rain[first:last]
            held = [(dates[last:], rain[last:].copy())]
        else:
            held = [_joined([*held, (dates, rain.copy())])]
    if held:
        yield _joined(held)


def _joined(pieces: list[tuple[np.ndarray, np.ndarray]]) -> tuple[np.ndarray, np.ndarray]:
    dates, rain = zip(*pieces, strict=True)
    return np.concatenate(dates), np.concatenate(rain)


def _day_of_month(dates: np.ndarray) -> np.ndarray:
    return (dates - dates.astype("datetime64[M]")).astype(np.int64) + 1


def _periods(dates: np.ndarray, half: np.ndarray, parts: int) -> Periods:
    months = dates.astype("datetime64[M]")
    key = months.astype(np.int64) * parts + half
    first = np.flatnonzero(np.diff(key, prepend=key[:1] - 1))
    following = months + np.timedelta64(1, "M")
    month_length = (following.astype("datetime64[D]") - months.astype("datetime64[D]")).astype(np.int64)
    split = HALF_MONTH_SPLIT if parts == 2 else 0
    lengths = np.where(half == 1, month_length - split, split if parts == 2 else month_length)
    month = months.astype(np.int64) % 12
    return Periods(
        starts=np.append(first, len(dates)),
        slots=(month * parts + half)[first],
        months=month[first] + 1,
        lengths=lengths[first],
        days_per_year=_days_per_year(dates),
    )


def _days_per_year(dates: np.ndarray) -> float:
    years = np.unique(dates.astype("datetime64[Y]"))
    lengths = (years + np.timedelta64(1, "Y")).astype("datetime64[D]") - years.astype("datetime64[D]")
    return float(lengths.astype(np.int64).mean())
