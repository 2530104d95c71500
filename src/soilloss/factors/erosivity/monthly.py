"""Erosivity from the rain of the twelve months.

Plain arrays have the months on their last axis. Mean months in give the erosivity of the mean year; for the mean of
yearly erosivities, give each year its own months and average the results.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from soilloss.derive.climate import modified_fournier_index, of_step
from soilloss.equation import equation
from soilloss.kernels.valid import not_negative
from soilloss.units import R_METRIC_TO_SI, R_US_TO_SI

MM_PER_CM = 10.0


@equation(gives="erosivity", cite="arnoldus1977", over="month", step="year")
def arnoldus_1977(monthly_precipitation, *, exponent=1.93, log_constant=-1.52):
    r"""Erosivity from the modified Fournier index (Morocco).

    Parameters
    ----------
    monthly_precipitation : array (..., 12), mm
        Rain of each month. A negative or missing month makes the result NaN; without rain it is 0.
    exponent, log_constant : float
        Slope and constant of the line between decimal logarithms, in metric technical units.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 9.81 \cdot 10^{-1.52} \, F^{1.93}, \qquad F = \sum_i p_i^2 / P

    The sum is over months; applying the line to each month and adding the results is a misreading.
    The conversion by 9.81 is inferred from magnitude. Arnoldus (1977).

    Examples
    --------
    >>> round(float(arnoldus_1977([75, 60, 58, 48, 45, 35, 25, 20, 35, 60, 95, 108])), 3)
    999.173
    """
    return R_METRIC_TO_SI * _arnoldus(monthly_precipitation, exponent, log_constant)


@equation(gives="erosivity", cite="arnoldus1977", over="month", step="year")
def arnoldus_1977_as_printed(monthly_precipitation, *, exponent=1.93, log_constant=-1.52):
    r"""Erosivity from the modified Fournier index, its metric technical number taken for MJ mm ha-1 h-1.

    Parameters
    ----------
    monthly_precipitation : array (..., 12), mm
        Rain of each month. A negative or missing month makes the result NaN; without rain it is 0.
    exponent, log_constant : float
        Slope and constant of the line between decimal logarithms.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1
        As printed by the studies that leave out the conversion; 9.81 times too low by our reading.

    Notes
    -----
    .. math:: \log_{10} R = 1.93 \, \log_{10} \sum_i (p_i^2 / P) - 1.52

    Arnoldus (1977), as printed in later studies. See `arnoldus_1977`.

    Examples
    --------
    >>> round(float(arnoldus_1977_as_printed([75, 60, 58, 48, 45, 35, 25, 20, 35, 60, 95, 108])), 3)
    101.852
    """
    return _arnoldus(monthly_precipitation, exponent, log_constant)


@equation(gives="erosivity", cite="wischmeier1978", over="month", step="year")
def wischmeier_smith_1978(monthly_precipitation, *, exponent=1.5, log_constant=-0.8188):
    r"""Erosivity as a sum of monthly terms.

    Parameters
    ----------
    monthly_precipitation : array (..., 12), mm
        Rain of each month. A negative or missing month makes the result NaN; a dry month adds 0.
    exponent, log_constant : float
        Slope and constant of the line between decimal logarithms, in US customary units.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = \sum_i 17.02 \cdot 10^{1.5 \log_{10}(p_i^2 / P) - 0.8188}

    With 1.735 in place of 17.02 the result is in metric technical units. A constant of 0.08188 circulates; it is a
    misprint and gives 5.46 times as much. Wischmeier and Smith (1978).

    Examples
    --------
    >>> round(float(wischmeier_smith_1978([75, 60, 58, 48, 45, 35, 25, 20, 35, 60, 95, 108])), 3)
    524.968
    """
    rain = not_negative(monthly_precipitation)
    total = rain.sum(axis=-1, keepdims=True)
    share = np.divide(rain * rain, total, out=np.zeros_like(rain), where=total != 0)
    return (R_US_TO_SI * 10.0**log_constant) * (share**exponent).sum(axis=-1)


@equation(gives="erosivity", cite="renard1994", over="month", step="year")
def renard_freimund_1994_mfi(monthly_precipitation):
    r"""Erosivity from the modified Fournier index, fitted to stations of the continental United States.

    Parameters
    ----------
    monthly_precipitation : array (..., 12), mm
        Rain of each month. A negative or missing month makes the result NaN; without rain it is 0.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 0.7397 \, F^{1.847} \; (F < 55); \qquad R = 95.77 - 6.081 F + 0.4770 F^2 \; (F \ge 55)

    The first coefficient also circulates as 0.07397, which would leave a tenfold jump at 55; with 0.7397 the pieces
    meet within 8. Renard and Freimund (1994).

    Examples
    --------
    >>> round(float(renard_freimund_1994_mfi([50.0] * 12)), 3)
    1016.373
    """
    index = modified_fournier_index(monthly_precipitation)
    return np.where(index >= 55, 95.77 + index * (0.4770 * index - 6.081), 0.7397 * index**1.847)


@equation(gives="erosivity", cite="zhangfu2003", over="month", step="year")
def zhang_fu_2003_mfi(monthly_precipitation, *, coefficient=0.1833, exponent=1.9957):
    r"""Erosivity as a power of the modified Fournier index (China).

    Parameters
    ----------
    monthly_precipitation : array (..., 12), mm
        Rain of each month. A negative or missing month makes the result NaN; without rain it is 0.
    coefficient, exponent : float
        Of the power law.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 0.1833 \, F^{1.9957}

    Zhang and Fu (2003).

    Examples
    --------
    >>> round(float(zhang_fu_2003_mfi([75, 60, 58, 48, 45, 35, 25, 20, 35, 60, 95, 108])), 2)
    815.14
    """
    return coefficient * modified_fournier_index(monthly_precipitation) ** exponent


@equation(gives="erosivity", cite="bols1978", over="month")
def bols_1978_monthly(monthly_precipitation, rain_days, maximum_daily_precipitation, *, step=""):
    r"""Erosivity from monthly rain, number of rain days and the wettest day (Java and Madura).

    Parameters
    ----------
    monthly_precipitation : array (..., 12), mm
        Rain of each month. Negative values become NaN.
    rain_days : array (..., 12), d
        Days with rain in each month; a month without any adds 0.
    maximum_daily_precipitation : array (..., 12), mm
        Rain of the wettest day of each month.
    step : str
        Label of a quarter (``2001-Q3``) or month (``2001-07``), whose months are summed; otherwise the whole year.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 9.81 \sum_i 6.119 \, r_i^{1.21} \, d_i^{-0.47} \, m_i^{0.53}

    with month rain r and wettest day m in cm. Bols (1978), in metric technical units.

    Examples
    --------
    >>> only_january = [1.0] + [0.0] * 11
    >>> rain, days, wettest = ([unit * value for unit in only_january] for value in (300, 15, 80))
    >>> round(float(bols_1978_monthly(rain, days, wettest)), 2)
    3101.28
    """
    rain, wettest = (
        not_negative(monthly_precipitation) / MM_PER_CM,
        not_negative(maximum_daily_precipitation) / MM_PER_CM,
    )
    days = not_negative(rain_days)
    spread = np.power(days, -0.47, out=np.zeros_like(days), where=days != 0)
    return (6.119 * R_METRIC_TO_SI) * of_step(rain**1.21 * spread * wettest**0.53, step).sum(axis=-1)


@equation(gives="erosivity", cite="usda2013", over="month")
def erosivity_density(monthly_precipitation, erosivity_density, *, step=""):
    r"""Erosivity from monthly rain and its erosivity per millimetre.

    Parameters
    ----------
    monthly_precipitation : array (..., 12), mm
        Rain of each month. A negative or missing month makes the result NaN.
    erosivity_density : array (..., 12), MJ ha-1 h-1
        Erosivity of each mm of rain in each month, from a published map or table.
    step : str
        Label of a quarter (``2001-Q3``) or month (``2001-07``), whose months are summed; otherwise the whole year.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = \sum_i \delta_i \, p_i

    As in RUSLE2; USDA Agricultural Research Service (2013).

    Examples
    --------
    >>> float(erosivity_density([50.0] * 12, [2.0] * 12))
    1200.0
    """
    return of_step(not_negative(monthly_precipitation) * not_negative(erosivity_density), step).sum(axis=-1)


def _arnoldus(rain: Any, exponent: float, log_constant: float) -> np.ndarray:
    return 10.0**log_constant * modified_fournier_index(rain) ** exponent
