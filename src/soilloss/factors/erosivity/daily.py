"""Erosivity of half-months from daily rain.

Each half-month is the mean over the years that have it; its 24 values sum to the erosivity of the mean year. A
half-month of a year with too few valid days is left out, a dry one counts as 0. Days are on the last axis of plain
arrays; a transposed view of (days, rows, columns) serves as well and is not copied.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from soilloss.derive.climate import (
    Periods,
    Sums,
    add_days,
    half_month_periods,
    mean_of_periods,
    strips,
    whole_half_months,
)
from soilloss.equation import equation
from soilloss.errors import DataError
from soilloss.kernels.rain import heavy_days

MAY_TO_SEPTEMBER = (5, 6, 7, 8, 9)
# a day of 9.7 mm held as float32 must not fall below 9.7
SLACK = 1e-6


@equation(gives="half_month_erosivity", cite="xie2016", over="day")
def xie_2016(
    daily_precipitation,
    *,
    time=None,
    threshold=9.7,
    warm_alpha=0.3937,
    cold_alpha=0.3101,
    exponent=1.7265,
    warm_months=MAY_TO_SEPTEMBER,
    min_valid_fraction=0.9,
):
    r"""Half-month erosivity as a power of the rain of erosive days (China).

    Parameters
    ----------
    daily_precipitation : array (..., days), mm
        Rain of each day; NaN, negative and infinite days are missing.
    time : array of dates (days), or the first date of consecutive days
        Taken from the coordinates of a DataArray.
    threshold : float, mm
        Rain from which on a day is erosive. HJ 1173-2021 uses the equation without naming a threshold.
    warm_alpha, cold_alpha : float
        Coefficient in the warm months and in the others.
    exponent : float
        Of the daily rain.
    warm_months : tuple of int
        Calendar months; October to April (10, 11, 12, 1, 2, 3, 4) suits the southern hemisphere.
    min_valid_fraction : float
        Share of a half-month's days that must be valid; missing days of one that counts add nothing.

    Returns
    -------
    half_month_erosivity : array (..., 24), MJ mm ha-1 h-1
        Mean over the years; NaN where no year has the half-month.

    Notes
    -----
    .. math:: R_k = \frac{1}{n} \sum_{years} \sum_{P_d \ge 9.7} \alpha \, P_d^{1.7265}

    Half-months are days 1 to 15 and the rest of each month. Xie et al. (2016).

    Raises
    ------
    DataError
        If dates are missing, not one per day, unsorted or repeated.

    Examples
    --------
    >>> import numpy as np
    >>> rain = np.zeros(365)
    >>> rain[9] = 12.0
    >>> round(float(xie_2016(rain, time="2001-01-01")[0]), 6)
    22.631232
    """
    rain = np.asarray(daily_precipitation)
    periods = half_month_periods(time, rain.shape[-1])
    weights = np.where(np.isin(periods.months, warm_months), warm_alpha, cold_alpha)
    return mean_of_periods(
        rain,
        periods,
        24,
        weights,
        needed=periods.needed(min_valid_fraction),
        exponent=exponent,
        threshold=threshold * (1 - SLACK),
    )


def xie_2016_in_parts(
    parts: Iterable[tuple[Any, np.ndarray]],
    *,
    threshold: float = 9.7,
    warm_alpha: float = 0.3937,
    cold_alpha: float = 0.3101,
    exponent: float = 1.7265,
    warm_months: tuple[int, ...] = MAY_TO_SEPTEMBER,
    min_valid_fraction: float = 0.9,
) -> np.ndarray:
    """Half-month erosivity by `xie_2016` of a record too long for the memory, read part by part.

    Parameters
    ----------
    parts : iterable of (dates, array (days, ...)), mm
        Parts of the record in order of time, of any lengths; dates as `time` of `xie_2016`. Days are on the first
        axis, as in files.
    threshold, warm_alpha, cold_alpha, exponent, warm_months, min_valid_fraction
        As in `xie_2016`.

    Returns
    -------
    array (..., 24), MJ mm ha-1 h-1
        Mean over the years; NaN where no year has the half-month.

    Raises
    ------
    DataError
        If dates are missing, not one per day, unsorted or repeated, or there is no part.

    Examples
    --------
    >>> rain = np.zeros((365, 2, 2))
    >>> rain[9] = 12.0
    >>> parts = (("2001-01-01", rain[:12]), ("2001-01-13", rain[12:]))
    >>> xie_2016_in_parts(parts)[1, 1, :2].round(4)
    array([22.6312,  0.    ])
    """
    sums, shape, kind = None, (), np.dtype(np.float32)
    for dates, rain in whole_half_months(parts):
        days = np.ascontiguousarray(rain.reshape(len(rain), -1), np.result_type(rain, np.float32))
        if sums is None:
            sums, shape, kind = Sums.empty(24, days.shape[1]), rain.shape[1:], days.dtype
        periods = half_month_periods(dates, len(days))
        weights = np.where(np.isin(periods.months, warm_months), warm_alpha, cold_alpha)
        needed = periods.needed(min_valid_fraction)
        add_days(sums, days, periods, weights, needed, 1.0, exponent, threshold * (1 - SLACK))
    if sums is None:
        raise DataError("the record has no parts; give at least one pair of dates and rain")
    return sums.means().T.astype(kind).reshape(*shape, 24)


@equation(gives="half_month_erosivity", cite="zhang2002", over="day")
def zhang_2002(
    daily_precipitation,
    *,
    time=None,
    threshold=12.0,
    mean_erosive_rain=None,
    annual_erosive_rain=None,
    min_valid_fraction=0.9,
):
    r"""Half-month erosivity as a power law fitted by the site's own erosive rain (China).

    Parameters
    ----------
    daily_precipitation : array (..., days), mm
        Rain of each day; NaN, negative and infinite days are missing.
    time : array of dates (days), or the first date of consecutive days
        Taken from the coordinates of a DataArray.
    threshold : float, mm
        Rain from which on a day is erosive.
    mean_erosive_rain, annual_erosive_rain : float, mm
        Long-term mean of erosive days, and their mean sum in a year; taken from the record itself where not given.
    min_valid_fraction : float
        Share of a half-month's days that must be valid; missing days of one that counts add nothing.

    Returns
    -------
    half_month_erosivity : array (..., 24), MJ mm ha-1 h-1
        Mean over the years; NaN where no year has the half-month.

    Notes
    -----
    .. math:: R_k = \frac{1}{n} \sum_{years} \alpha \sum_{P_d \ge 12} P_d^\beta, \quad
        \beta = 0.8363 + \frac{18.144}{P_{d12}} + \frac{24.455}{P_{y12}}, \quad \alpha = 21.586 \, \beta^{-7.1891}

    Zhang, Xie and Liu (2002).

    Raises
    ------
    DataError
        If dates are missing, not one per day, unsorted or repeated.

    Examples
    --------
    >>> import numpy as np
    >>> rain = np.zeros(365)
    >>> rain[:3] = 15.0, 30.0, 11.0
    >>> made = zhang_2002(rain, time="2001-01-01", mean_erosive_rain=25.0, annual_erosive_rain=500.0)
    >>> round(float(made[0]), 5)
    222.83965
    """
    rain = np.asarray(daily_precipitation)
    periods = half_month_periods(time, rain.shape[-1])
    daily, yearly = _erosive_rain(rain, periods, threshold)
    daily = daily if mean_erosive_rain is None else mean_erosive_rain
    yearly = yearly if annual_erosive_rain is None else annual_erosive_rain
    beta = 0.8363 + 18.144 / daily + 24.455 / yearly
    return _fitted(rain, periods, 21.586 * beta**-7.1891, beta, threshold, min_valid_fraction)


@equation(gives="half_month_erosivity", cite="zhangfu2003", over="day")
def zhang_fu_2003_daily(
    daily_precipitation, *, time=None, threshold=12.0, mean_erosive_rain=None, min_valid_fraction=0.9
):
    r"""Half-month erosivity as a power law fitted by the site's mean erosive day (China).

    Parameters
    ----------
    daily_precipitation : array (..., days), mm
        Rain of each day; NaN, negative and infinite days are missing.
    time : array of dates (days), or the first date of consecutive days
        Taken from the coordinates of a DataArray.
    threshold : float, mm
        Rain from which on a day is erosive.
    mean_erosive_rain : float, mm
        Long-term mean of erosive days; taken from the record itself where not given.
    min_valid_fraction : float
        Share of a half-month's days that must be valid; missing days of one that counts add nothing.

    Returns
    -------
    half_month_erosivity : array (..., 24), MJ mm ha-1 h-1
        Mean over the years; NaN where no year has the half-month.

    Notes
    -----
    .. math:: R_k = \frac{1}{n} \sum_{years} \alpha \sum_{P_d \ge 12} P_d^\beta, \quad
        \beta = 0.6243 + \frac{27.346}{P_{d12}}, \quad \alpha = 21.239 \, \beta^{-7.3967}

    The constants are known from one secondary source only. Zhang and Fu (2003).

    Raises
    ------
    DataError
        If dates are missing, not one per day, unsorted or repeated.

    Examples
    --------
    >>> import numpy as np
    >>> rain = np.zeros(365)
    >>> rain[:3] = 15.0, 30.0, 11.0
    >>> round(float(zhang_fu_2003_daily(rain, time="2001-01-01", mean_erosive_rain=25.0)[0]), 4)
    174.4357
    """
    rain = np.asarray(daily_precipitation)
    periods = half_month_periods(time, rain.shape[-1])
    daily = _erosive_rain(rain, periods, threshold)[0] if mean_erosive_rain is None else mean_erosive_rain
    beta = 0.6243 + 27.346 / daily
    return _fitted(rain, periods, 21.239 * beta**-7.3967, beta, threshold, min_valid_fraction)


def _erosive_rain(rain: np.ndarray, periods: Periods, threshold: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of days not below `threshold` and their mean sum in a year; `threshold` where there are none.

    The stand-in only keeps the arithmetic finite: without such days nothing is summed.
    """
    counts, amounts, valid = (np.zeros(rain.size // rain.shape[-1]) for _ in range(3))
    for some, days in strips(rain):
        heavy_days(days, threshold * (1 - SLACK), counts[some], amounts[some], valid[some])
    any_heavy = counts > 0
    daily = np.divide(amounts, counts, out=np.full_like(amounts, threshold), where=any_heavy)
    years = valid / periods.days_per_year
    return daily, np.divide(amounts, years, out=np.full_like(amounts, threshold), where=any_heavy)


def _fitted(
    rain: np.ndarray, periods: Periods, alpha: Any, beta: Any, threshold: float, min_valid_fraction: float
) -> np.ndarray:
    return mean_of_periods(
        rain,
        periods,
        24,
        np.ones(periods.slots.size),
        needed=periods.needed(min_valid_fraction),
        scale=alpha,
        exponent=beta,
        threshold=threshold * (1 - SLACK),
    )
