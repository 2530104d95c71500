"""Erosivity by your own regression on annual rain or on height, with your own coefficients."""

from __future__ import annotations

import numpy as np

from soilloss.equation import equation
from soilloss.kernels.valid import not_negative


@equation(gives="erosivity", cite="wischmeier1978", step="year")
def linear_regression(annual_precipitation, *, slope, intercept=0.0, minimum=0.0):
    r"""Erosivity by your own straight line on annual rain.

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    slope, intercept : float
        Of the line, for MJ mm ha-1 h-1.
    minimum : float
        Lower results are raised to it.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = \max(R_{min}, \; a P + b)

    No coefficients of its own; erosivity as defined by Wischmeier and Smith (1978).

    Examples
    --------
    >>> float(linear_regression(1000.0, slope=3.5, intercept=40.0))
    3540.0
    """
    return np.maximum(slope * not_negative(annual_precipitation) + intercept, minimum)


@equation(gives="erosivity", cite="wischmeier1978", step="year")
def power_regression(annual_precipitation, *, coefficient, exponent):
    r"""Erosivity by your own power law on annual rain (a straight line between logarithms).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    coefficient, exponent : float
        Of the power law, for MJ mm ha-1 h-1.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = a \, P^b

    No coefficients of its own; erosivity as defined by Wischmeier and Smith (1978).

    Examples
    --------
    >>> float(power_regression(100.0, coefficient=0.05, exponent=2.0))
    500.0
    """
    return coefficient * not_negative(annual_precipitation) ** exponent


@equation(gives="erosivity", cite="wischmeier1978", step="year")
def quadratic_regression(annual_precipitation, *, constant=0.0, linear, quadratic, minimum=0.0):
    r"""Erosivity by your own parabola on annual rain.

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    constant, linear, quadratic : float
        Of the parabola, for MJ mm ha-1 h-1.
    minimum : float
        Lower results are raised to it.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = \max(R_{min}, \; c + b P + a P^2)

    No coefficients of its own; erosivity as defined by Wischmeier and Smith (1978).

    Examples
    --------
    >>> float(quadratic_regression(100.0, constant=5.0, linear=1.0, quadratic=0.01))
    205.0
    """
    rain = not_negative(annual_precipitation)
    return np.maximum(constant + rain * (linear + quadratic * rain), minimum)


@equation(gives="erosivity", cite="wischmeier1978", step="year")
def altitude_regression(elevation, *, gradient, intercept, minimum=0.0):
    r"""Erosivity of the year by a straight line on height.

    Parameters
    ----------
    elevation : array, m
        Height above sea level.
    gradient, intercept : float
        Of the line, fitted to stations of the area, for MJ mm ha-1 h-1 (and per metre).
    minimum : float
        Lower results are raised to it.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = \max(R_{min}, \; a H + b)

    No coefficients of its own; erosivity as defined by Wischmeier and Smith (1978). Heights outside those of the
    stations are extrapolated.

    Examples
    --------
    >>> round(float(altitude_regression(44.0, gradient=1.5894, intercept=61.342)), 4)
    131.2756
    """
    height = np.asarray(elevation)
    height = height.astype(np.result_type(height, np.float32), copy=False)
    return np.maximum(np.where(np.isfinite(height), gradient * height + intercept, np.nan), minimum)
