"""Slope and significance of each cell's series.

All functions take values with time first, ``(time, y, x)`` or ``(time,)``, and return a mapping of arrays for plain
arrays and a Dataset for a DataArray; a Dask array is worked on chunk by chunk. Time is counted in years: ``year +
(step - 1) / steps per year``, so slopes are per year. Missing steps are left out, never filled.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from scipy import special

from soilloss.analysis.years import decimal_years
from soilloss.errors import DataError
from soilloss.grid.blocks import run_blocks
from soilloss.kernels import series

CELLS_AT_ONCE = 1 << 16
KENDALL = ("slope", "intercept", "p_value", "s", "z", "tau", "direction")
CITED = {
    "linear": "",
    "mann_kendall": "mann1945, kendall1975, theil1950, sen1968",
    "mann_kendall_hamed_rao_1998": "hamed1998",
    "theil_sen": "theil1950, sen1968",
    "seasonal_kendall": "hirsch1982",
}
LONG_NAMES = {
    "slope": "change per year",
    "intercept": "value at time 0",
    "r_squared": "share of the variance that the line explains",
    "p_value": "two-sided probability of such a trend by chance",
    "s": "Kendall's S",
    "z": "standard score of S",
    "tau": "Kendall's tau",
    "direction": "sign of the trend where it is significant, else 0",
    "corrected": "1 where the variance was corrected for serial correlation",
}


def linear(values: Any, *, time: Any = None, min_n: int = 3, significance: float = 0.05) -> Any:
    r"""Straight line by ordinary least squares.

    Parameters
    ----------
    values : array (time, ...)
        What is not finite is missing.
    time : array (time,), optional
        Years, dates or labels such as 2016-Q3; of a DataArray its coordinate; else 0, 1, 2 ...
    min_n : int
        Valid steps below which a cell has no answer.
    significance : float
        `direction` is 0 where `p_value` is not below.

    Returns
    -------
    trend : mapping or Dataset
        `slope` (unit per year), `intercept`, `r_squared`, `p_value`, `direction` (-1, 0, 1).

    Notes
    -----
    .. math:: b = \frac{\sum (t - \bar t)(y - \bar y)}{\sum (t - \bar t)^2}

    with p from Student's t with n - 2 degrees of freedom.

    Examples
    --------
    >>> float(linear(np.array([1.0, 3.0, 5.0, 7.0]))["slope"])
    2.0
    """
    block = functools.partial(_linear, minimum=max(min_n, 3), significance=significance)
    names = ("slope", "intercept", "r_squared", "p_value", "direction")
    return _apply("linear", block, names, values, _times(values, time)[0])


def mann_kendall(values: Any, *, time: Any = None, min_n: int = 8, significance: float = 0.05) -> Any:
    r"""Mann-Kendall test for a monotonic trend, with the Theil-Sen line.

    Parameters
    ----------
    values : array (time, ...)
        What is not finite is missing; pairs with it are left out.
    time : array (time,), optional
        Years, dates or labels such as 2016-Q3; of a DataArray its coordinate; else 0, 1, 2 ...
    min_n : int
        Valid steps below which a cell has no answer.
    significance : float
        `direction` is 0 where `p_value` is not below.

    Returns
    -------
    trend : mapping or Dataset
        `slope` (unit per year), `intercept`, `p_value`, `s`, `z`, `tau`, `direction` (-1, 0, 1). A constant series has
        S 0 and p 1.

    Notes
    -----
    .. math:: S = \sum_{i<j} \operatorname{sgn}(y_j - y_i), \quad z = \frac{S - \operatorname{sgn} S}{\sqrt{V}},
        \quad V = \frac{n (n-1) (2 n + 5) - \sum t (t-1) (2 t + 5)}{18}

    Mann (1945), Kendall (1975); slope by Theil (1950) and Sen (1968).

    Examples
    --------
    >>> trend = mann_kendall(np.array([13.3, 12.9, 14.1, 15.0, 11.2, 10.8, 12.0, 11.2, 9.9]))
    >>> float(trend["s"]), round(float(trend["p_value"]), 4)
    (-19.0, 0.0592)
    """
    block = functools.partial(_kendall, period=1, minimum=min_n, significance=significance)
    return _apply("mann_kendall", block, KENDALL, values, _times(values, time)[0])


def mann_kendall_hamed_rao_1998(
    values: Any,
    *,
    time: Any = None,
    min_n: int = 8,
    significance: float = 0.05,
    only_positive: bool = False,
    correlation_significance: float = 0.05,
) -> Any:
    r"""Mann-Kendall test with the variance corrected for serial correlation.

    Parameters
    ----------
    values : array (time, ...)
        What is not finite is missing; gaps are closed up before correlations are taken.
    time : array (time,), optional
        Years, dates or labels such as 2016-Q3; of a DataArray its coordinate; else 0, 1, 2 ...
    min_n : int
        Valid steps below which a cell has no answer.
    significance : float
        `direction` is 0 where `p_value` is not below.
    only_positive : bool
        Leave out negative correlations, which make the test find more trends than there are.
    correlation_significance : float
        The correlation of a lag counts if it is significant at this level.

    Returns
    -------
    trend : mapping or Dataset
        As `mann_kendall`, and `corrected`: 1 where the correction was used, 0 where n/n* was not positive and the plain
        variance stands.

    Notes
    -----
    .. math:: \frac{n}{n^*} = 1 + \frac{2}{n (n-1) (n-2)} \sum_k (n-k)(n-k-1)(n-k-2) \rho_k

    over all lags whose correlation of ranks, after the Theil-Sen line is taken out, is significant. Hamed and Rao
    (1998), Journal of Hydrology 204.

    Examples
    --------
    >>> series = 5 + np.sin(np.arange(20) * 2 * np.pi / 10) + 0.05 * np.arange(20)
    >>> float(mann_kendall_hamed_rao_1998(series)["direction"])
    0.0
    """
    block = functools.partial(
        _hamed_rao,
        minimum=min_n,
        significance=significance,
        limit=float(special.ndtri(1 - correlation_significance / 2)),
        only_positive=only_positive,
    )
    return _apply("mann_kendall_hamed_rao_1998", block, (*KENDALL, "corrected"), values, _times(values, time)[0])


def theil_sen(values: Any, *, time: Any = None, min_n: int = 2) -> Any:
    r"""Theil-Sen line: the median of the slopes of all pairs.

    Parameters
    ----------
    values : array (time, ...)
        What is not finite is missing; pairs with it are left out.
    time : array (time,), optional
        Years, dates or labels such as 2016-Q3; of a DataArray its coordinate; else 0, 1, 2 ...
    min_n : int
        Valid steps below which a cell has no answer.

    Returns
    -------
    trend : mapping or Dataset
        `slope` (unit per year), `intercept`.

    Notes
    -----
    .. math:: b = \operatorname{median}_{i<j} \frac{y_j - y_i}{t_j - t_i}, \quad a = \operatorname{median}(y) - b
        \operatorname{median}(t)

    Theil (1950), Sen (1968). The mean of the two middle slopes where their number is even.

    Examples
    --------
    >>> float(theil_sen(np.array([1.0, 2.0, 3.0, 100.0, 5.0]))["slope"])
    1.0
    """
    block = functools.partial(_kendall, period=1, minimum=max(min_n, 2), significance=0.05)

    def lines(parts: np.ndarray, years: np.ndarray) -> np.ndarray:
        return block(parts, years)[:2]

    return _apply("theil_sen", lines, ("slope", "intercept"), values, _times(values, time)[0])


def seasonal_kendall(
    values: Any, *, period: int | None = None, time: Any = None, min_n: int = 8, significance: float = 0.05
) -> Any:
    r"""Seasonal Kendall test: every season is compared with itself only.

    Parameters
    ----------
    values : array (time, ...)
        What is not finite is missing; pairs with it are left out.
    period : int, optional
        Steps of a year: 4 for quarters, 12 for months; found from dates or labels, else to be given.
    time : array (time,), optional
        Years, dates or labels such as 2016-Q3; of a DataArray its coordinate; else steps of 1 / `period`.
    min_n : int
        Years' worth of valid steps below which a cell has no answer.
    significance : float
        `direction` is 0 where `p_value` is not below.

    Returns
    -------
    trend : mapping or Dataset
        As `mann_kendall`; `slope` (unit of a step per year) is the median over the pairs of all seasons.

    Notes
    -----
    .. math:: S = \sum_s S_s, \quad V = \sum_s V_s

    Hirsch, Slack and Smith (1982). The covariance between seasons is not considered.

    Examples
    --------
    >>> quarters = np.tile([0.0, 10.0, 50.0, 5.0], 10) + np.repeat(np.arange(10), 4)
    >>> float(seasonal_kendall(quarters, period=4)["slope"])
    1.0
    """
    years, found = _times(values, time)
    period = period or found
    if not period:
        raise DataError("the steps of a year are not known; give period=4 for quarters or period=12 for months")
    years = years if found else years / period
    block = functools.partial(_kendall, period=period, minimum=min_n * period, significance=significance)
    return _apply("seasonal_kendall", block, KENDALL, values, years)


def _times(values: Any, time: Any) -> tuple[np.ndarray, int]:
    """Years of the steps, and how many steps make a year (0 if that is not known)."""
    steps = values.sizes["time"] if isinstance(values, xr.DataArray) else np.shape(values)[0]
    if time is None and isinstance(values, xr.DataArray) and "time" in values.coords:
        time = values["time"].to_numpy()
    if time is None:
        return np.arange(steps, dtype="f8"), 0
    years, period = decimal_years(time)
    if len(years) != steps:
        raise DataError(f"there are {steps} steps but {len(years)} times; give one time for each step")
    return years, period


def _apply(
    method: str, block: Callable[..., np.ndarray], names: tuple[str, ...], values: Any, years: np.ndarray
) -> Any:
    """Run `block` (cells side by side) on arrays of any kind."""
    if not isinstance(values, xr.DataArray):
        return dict(zip(names, _by_strips(block, np.asarray(values), years, threads=None), strict=True))

    def last(part: np.ndarray) -> tuple[np.ndarray, ...]:
        return tuple(_by_strips(block, np.moveaxis(part, -1, 0), years, threads=1 if values.chunks else None))

    kind = np.result_type(values.dtype, np.float32)
    made = xr.apply_ufunc(
        last,
        values,
        input_core_dims=[["time"]],
        output_core_dims=[[] for _ in names],
        dask="parallelized",
        output_dtypes=[kind for _ in names],
        dask_gufunc_kwargs={"allow_rechunk": True},
        keep_attrs=True,
    )
    unit = f"{values.attrs.get('units', '')} yr-1".strip()
    units = {"slope": unit, "intercept": values.attrs.get("units", "")}
    for name, data in zip(names, made, strict=True):
        data.attrs = {"long_name": LONG_NAMES[name], "units": units.get(name, "1")}
    return xr.Dataset(dict(zip(names, made, strict=True)), attrs={"method": method, "citation": CITED[method]})


def _by_strips(
    block: Callable[..., np.ndarray], values: np.ndarray, years: np.ndarray, threads: int | None
) -> np.ndarray:
    """Cut the cells into strips, one after the other or over threads."""
    cells = values.reshape(len(values), -1).astype(np.result_type(values.dtype, np.float32), copy=False)
    strips = [slice(at, at + CELLS_AT_ONCE) for at in range(0, max(cells.shape[1], 1), CELLS_AT_ONCE)]
    parts = dict(run_blocks(lambda at: block(cells[:, strips[at]], years), range(len(strips)), threads))
    found = np.concatenate([parts[at] for at in range(len(strips))], axis=1)
    return found.reshape(len(found), *values.shape[1:])


def _kendall(values: np.ndarray, years: np.ndarray, *, period: int, minimum: int, significance: float) -> np.ndarray:
    found = _statistics(values, years, period, minimum)
    return _rows(found, found[series.Z], found[series.P_VALUE], significance)


def _statistics(values: np.ndarray, years: np.ndarray, period: int, minimum: int) -> np.ndarray:
    season = np.rint(years * period).astype("i4") % period
    first, second = (steps.astype("i4") for steps in np.triu_indices(len(years), 1))
    same = season[first] == season[second]
    out = np.empty((series.ROWS, values.shape[1]), values.dtype)
    exact = values.dtype == np.float64
    series.kendall(values, years, season, first[same], second[same], minimum, exact, out)
    return out


def _rows(found: np.ndarray, z: np.ndarray, p: np.ndarray, significance: float) -> np.ndarray:
    """The rows named `KENDALL`."""
    direction = np.where(p < significance, np.sign(z), 0 * p)
    return np.stack([found[series.SLOPE], found[series.INTERCEPT], p, found[series.S], z, found[series.TAU], direction])


def _hamed_rao(
    values: np.ndarray, years: np.ndarray, *, minimum: int, significance: float, limit: float, only_positive: bool
) -> np.ndarray:
    found = _statistics(values, years, 1, minimum)
    factor = np.empty(values.shape[1])
    series.hamed_rao_1998(values, years, found[series.SLOPE], limit, only_positive, factor)
    corrected = np.where(np.isnan(factor), np.nan, factor > 0).astype(values.dtype)
    score = found[series.S].astype("f8")
    variance = found[series.VARIANCE] * np.where(factor > 0, factor, 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        z = np.where(score == 0, 0, (score - np.sign(score)) / np.sqrt(variance)).astype(values.dtype)
    p = special.erfc(np.abs(z) / np.sqrt(2)).astype(values.dtype)
    return np.concatenate([_rows(found, z, p, significance), corrected[None]])


def _linear(values: np.ndarray, years: np.ndarray, *, minimum: int, significance: float) -> np.ndarray:
    valid = np.isfinite(values)
    n = valid.sum(axis=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        t = np.where(valid, years[:, None], 0)
        y = np.where(valid, values, 0).astype("f8")
        t_mean, y_mean = t.sum(axis=0) / n, y.sum(axis=0) / n
        t, y = np.where(valid, t - t_mean, 0), np.where(valid, y - y_mean, 0)
        squares, total = (t * t).sum(axis=0), (y * y).sum(axis=0)
        slope = (t * y).sum(axis=0) / squares
        explained = np.where(total > 0, np.minimum(slope * slope * squares / total, 1), 0)
        p = special.betainc((n - 2) / 2, 0.5, 1 - explained)
        out = np.stack([slope, y_mean - slope * t_mean, explained, p, np.where(p < significance, np.sign(slope), 0)])
    return np.where(n >= minimum, out, np.nan).astype(values.dtype)
