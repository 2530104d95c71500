"""Slope steepness factor S."""

from __future__ import annotations

from math import atan

import numpy as np

from soilloss.equation import equation
from soilloss.kernels import classes

_NINE_PERCENT = classes.thresholds(atan(0.09))
_LIU_EDGES = classes.thresholds(np.radians([5.0, 10.0]))
_MEE_EDGES = classes.thresholds(np.radians([5.14, 10.20, 28.81]))
# factor and offset of each straight line of sin(slope)
_LINES = ((10.8, 0.03), (16.8, -0.5), (21.9, -0.96), (0.0, 9.5988))


def _lines(slope, edges):
    """The first line, and from each edge on the next."""
    sine = np.sin(slope)
    steepness, *others = (factor * sine + offset for factor, offset in _LINES[: len(edges) + 1])
    for edge, other in zip(edges, others, strict=True):
        steepness = np.where(slope >= edge, other, steepness)
    return steepness[()]


@equation(gives="slope_steepness_factor", cite="mccool1987")
def mccool_1987(slope):
    r"""Slope steepness factor of RUSLE.

    Parameters
    ----------
    slope : array, rad
        Slope angle.

    Returns
    -------
    slope_steepness_factor : array, 1
        S; 0.03 on flat land.

    Notes
    -----
    .. math::

        S = \begin{cases} 10.8 \sin\theta + 0.03 & \tan\theta < 0.09 \\
        16.8 \sin\theta - 0.50 & \text{else} \end{cases}

    McCool et al. (1987).

    Peers: GRASS r.watershed cites this and gives the S of half the gradient (0.838 for 1.992 at 15 %).

    Examples
    --------
    >>> round(float(mccool_1987(np.arctan(0.10))), 4)
    1.1717
    """
    sine = np.sin(slope)
    return np.where(slope >= _NINE_PERCENT, 16.8 * sine - 0.5, 10.8 * sine + 0.03)[()]


@equation(gives="slope_steepness_factor", cite="mccool1987")
def mccool_1987_short(slope):
    r"""Slope steepness factor of RUSLE for slopes shorter than 4.57 m (15 ft), where no rills form.

    Parameters
    ----------
    slope : array, rad
        Slope angle.

    Returns
    -------
    slope_steepness_factor : array, 1
        S; 0.56 on flat land.

    Notes
    -----
    .. math:: S = 3 \sin^{0.8}\theta + 0.56

    McCool et al. (1987).

    Examples
    --------
    >>> float(mccool_1987_short(0.0))
    0.56
    """
    return 3 * np.sin(slope) ** 0.8 + 0.56


@equation(gives="slope_steepness_factor", cite="mccool1987")
def mccool_1987_thawing(slope):
    r"""Slope steepness factor of RUSLE for thawing, weakened soil.

    Parameters
    ----------
    slope : array, rad
        Slope angle.

    Returns
    -------
    slope_steepness_factor : array, 1
        S.

    Notes
    -----
    .. math::

        S = \begin{cases} 10.8 \sin\theta + 0.03 & \tan\theta < 0.09 \\
        (\sin\theta / 0.0896)^{0.6} & \text{else} \end{cases}

    McCool et al. (1987); the divisor is the sine of 9 %. A widely used program has 0.896 there.

    Peers: SAGA divides by 0.896 instead (0.340 for 1.353 at 15 %).

    Examples
    --------
    >>> round(float(mccool_1987_thawing(np.arctan(0.15))), 4)
    1.3532
    """
    sine = np.sin(slope)
    return np.where(slope >= _NINE_PERCENT, (sine / 0.0896) ** 0.6, 10.8 * sine + 0.03)[()]


@equation(gives="slope_steepness_factor", cite="liu1994")
def liu_1994(slope):
    r"""Slope steepness factor for steep slopes, as used in the CSLE.

    Parameters
    ----------
    slope : array, rad
        Slope angle; measured up to 55 %.

    Returns
    -------
    slope_steepness_factor : array, 1
        S; steps down 0.7 % at 5 degrees and up 18 % at 10 degrees, as published.

    Notes
    -----
    .. math::

        S = \begin{cases} 10.8 \sin\theta + 0.03 & \theta < 5° \\ 16.8 \sin\theta - 0.5 & \theta < 10° \\
        21.9 \sin\theta - 0.96 & \text{else} \end{cases}

    Liu, Nearing and Risse (1994) for the steep part, McCool et al. (1987) below. No cap on the slope.

    Examples
    --------
    >>> round(float(liu_1994(np.radians(15.0))), 4)
    4.7081
    """
    return _lines(slope, _LIU_EDGES)


@equation(gives="slope_steepness_factor", cite="hj1173")
def mee_2021_steepness(slope):
    r"""Slope steepness factor of the Chinese ministry's specification HJ 1173-2021.

    Parameters
    ----------
    slope : array, rad
        Slope angle.

    Returns
    -------
    slope_steepness_factor : array, 1
        S, constant above 28.81 degrees (55 %).

    Notes
    -----
    .. math::

        S = \begin{cases} 10.8 \sin\theta + 0.03 & \theta < 5.14° \\
        16.8 \sin\theta - 0.5 & \theta < 10.20° \\
        21.9 \sin\theta - 0.96 & \theta < 28.81° \\ 9.5988 & \text{else} \end{cases}

    Ministry of Ecology and Environment (2021), HJ 1173-2021, equation A.12. It is not the S of the CSLE (`liu_1994`).

    Examples
    --------
    >>> float(mee_2021_steepness(np.radians(35.0)))
    9.5988
    """
    return _lines(slope, _MEE_EDGES)


@equation(gives="slope_steepness_factor", cite="nearing1997")
def nearing_1997(slope):
    r"""Slope steepness factor as one smooth curve for all slopes.

    Parameters
    ----------
    slope : array, rad
        Slope angle.

    Returns
    -------
    slope_steepness_factor : array, 1
        S; 0.049 on flat land.

    Notes
    -----
    .. math:: S = -1.5 + \frac{17}{1 + e^{2.3 - 6.1 \sin\theta}}

    Nearing (1997).

    Examples
    --------
    >>> round(float(nearing_1997(np.radians(10.0))), 4)
    2.3132
    """
    return 17 / (1 + np.exp(2.3 - 6.1 * np.sin(slope))) - 1.5
