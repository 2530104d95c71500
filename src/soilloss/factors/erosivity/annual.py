"""Erosivity from the rain of a year.

Each regression holds where it was fitted; the docstring names the region. Several were published in metric technical
units (t m cm ha-1 h-1, divided by 100) and are brought to MJ mm ha-1 h-1 by 9.81 inside the function.
"""

from __future__ import annotations

import numpy as np

from soilloss.equation import equation
from soilloss.kernels.valid import not_negative
from soilloss.units import R_METRIC_TO_SI, R_US_TO_SI


@equation(gives="erosivity", cite="singh1981", step="year")
def singh_1981(annual_precipitation, *, slope=0.363, intercept=79.0):
    r"""Erosivity by a straight line on annual rain (India).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year (the sum, not a mean of shorter totals). Negative values become NaN.
    slope, intercept : float
        Of the line, in metric technical units.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 9.81 \, (0.363 \, P + 79)

    The line is widely quoted as if it gave MJ mm ha-1 h-1; at 1600 mm it would then be ten times below measured
    values of Indian stations, so it is read as metric technical. That is an inference from magnitude: the report itself
    could not be consulted. Without rain the line still gives 775, which belongs to the regression, not to the climate.
    Singh, Ram Babu and Chandra (1981).

    Examples
    --------
    >>> round(float(singh_1981(1600.0)), 3)
    6472.638
    """
    return (slope * not_negative(annual_precipitation) + intercept) * R_METRIC_TO_SI


@equation(gives="erosivity", cite="singh1981", step="year")
def singh_1981_as_printed(annual_precipitation, *, slope=0.363, intercept=79.0):
    r"""Erosivity by the Indian line, its metric technical number taken for MJ mm ha-1 h-1.

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    slope, intercept : float
        Of the line.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1
        As printed by the studies that leave out the conversion; 9.81 times too low by our reading.

    Notes
    -----
    .. math:: R = 0.363 \, P + 79

    Singh, Ram Babu and Chandra (1981), as printed in later studies. See `singh_1981`.

    Examples
    --------
    >>> round(float(singh_1981_as_printed(1600.0)), 3)
    659.8
    """
    return slope * not_negative(annual_precipitation) + intercept


@equation(gives="erosivity", cite="renard1994", step="year")
def renard_freimund_1994(annual_precipitation):
    r"""Erosivity from annual rain, fitted to 132 stations of the continental United States.

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 0.0483 \, P^{1.610} \; (P \le 850); \qquad R = 587.8 - 1.219 P + 0.004105 P^2 \; (P > 850)

    The two pieces leave a step of 3.8 at 850 mm. Renard and Freimund (1994).

    Examples
    --------
    >>> round(float(renard_freimund_1994(664.0)), 3)
    1689.031
    """
    rain = not_negative(annual_precipitation)
    return np.where(rain > 850, 587.8 + rain * (0.004105 * rain - 1.219), 0.0483 * rain**1.610)


@equation(gives="erosivity", cite="zhangfu2003", step="year")
def zhang_fu_2003(annual_precipitation, *, coefficient=0.0534, exponent=1.6548):
    r"""Erosivity as a power of annual rain (China).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    coefficient, exponent : float
        Of the power law.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 0.0534 \, P^{1.6548}

    Zhang and Fu (2003).

    Examples
    --------
    >>> round(float(zhang_fu_2003(500.0)), 2)
    1562.42
    """
    return coefficient * not_negative(annual_precipitation) ** exponent


@equation(gives="erosivity", cite="lo1985", step="year")
def lo_1985(annual_precipitation, *, slope=3.48, intercept=38.46):
    r"""Erosivity by a straight line on annual rain (Hawaii).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    slope, intercept : float
        Of the line.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 38.46 + 3.48 \, P

    Lo et al. (1985).

    Examples
    --------
    >>> round(float(lo_1985(1000.0)), 2)
    3518.46
    """
    return slope * not_negative(annual_precipitation) + intercept


@equation(gives="erosivity", cite="elswaify1985", step="year")
def elswaify_1985(annual_precipitation, *, slope=0.35, intercept=38.5):
    r"""Erosivity by a straight line on annual rain (Thailand).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    slope, intercept : float
        Of the line, in metric technical units.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 9.81 \, (38.5 + 0.35 \, P)

    El-Swaify et al. (1985); read as metric technical units.

    Examples
    --------
    >>> round(float(elswaify_1985(1000.0)), 3)
    3811.185
    """
    return (slope * not_negative(annual_precipitation) + intercept) * R_METRIC_TO_SI


@equation(gives="erosivity", cite="roose1977", step="year")
def roose_1977(annual_precipitation, *, ratio=0.5):
    r"""Erosivity proportional to annual rain (West Africa).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    ratio : float
        Erosivity in US customary units for each mm of rain.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 17.02 \cdot 0.5 \, P

    Roose (1977).

    Examples
    --------
    >>> round(float(roose_1977(1000.0)), 3)
    8510.0
    """
    return ratio * R_US_TO_SI * not_negative(annual_precipitation)


@equation(gives="erosivity", cite="morgan1974", step="year")
def morgan_1974(annual_precipitation, *, slope=9.28, intercept=-8838.15, minimum=0.0):
    r"""Energy of erosive rain by a straight line on annual rain (Peninsular Malaysia).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    slope, intercept : float
        Of the line.
    minimum : float
        Lower results are raised to it; the line is negative below 952.4 mm.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1
        The number of the regression as it stands: it was published as a kinetic energy and has no exact conversion.

    Notes
    -----
    .. math:: R = \max(0, \; 9.28 \, P - 8838.15)

    Morgan (1974).

    Examples
    --------
    >>> round(float(morgan_1974(1200.0)), 2)
    2297.85
    """
    return np.maximum(slope * not_negative(annual_precipitation) + intercept, minimum)


@equation(gives="erosivity", cite="hurni1985", step="year")
def hurni_1985(annual_precipitation, *, slope=0.562, intercept=-8.12, minimum=0.0):
    r"""Erosivity by a straight line on annual rain (Ethiopia).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.
    slope, intercept : float
        Of the line, in metric technical units.
    minimum : float
        Lower results are raised to it; the line is negative below 14.4 mm.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 9.81 \, \max(0, \; 0.562 \, P - 8.12)

    Hurni (1985); read as metric technical units from its magnitude, the text was not available.

    Examples
    --------
    >>> round(float(hurni_1985(1000.0)), 4)
    5433.5628
    """
    return np.maximum((slope * not_negative(annual_precipitation) + intercept) * R_METRIC_TO_SI, minimum)


@equation(gives="erosivity", cite="bols1978", step="year")
def bols_1978(annual_precipitation):
    r"""Erosivity from annual rain (Java and Madura).

    Parameters
    ----------
    annual_precipitation : array, mm
        Rain of the year. Negative values become NaN.

    Returns
    -------
    erosivity : array, MJ mm ha-1 h-1

    Notes
    -----
    .. math:: R = 9.81 \, \frac{2.5 \, P^2}{100 \, (0.073 \, P + 0.73)}

    Bols (1978), in metric technical units.

    Examples
    --------
    >>> round(float(bols_1978(2000.0)), 2)
    6685.75
    """
    rain = not_negative(annual_precipitation)
    return (R_METRIC_TO_SI * 2.5 / 100) * rain * rain / (0.073 * rain + 0.73)
