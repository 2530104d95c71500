"""Slope length factor L."""

from __future__ import annotations

import numpy as np

from soilloss.equation import equation
from soilloss.factors.topography.combined import UNIT_PLOT_LENGTH, UNIT_PLOT_SINE, sides
from soilloss.kernels import classes

# at exactly 1 degree the exponent is still 0.2, at 3 and 5 degrees already the next
_LIU_EDGES = classes.thresholds(np.radians([1.0, 3.0, 5.0]), closed_right=[True, False, False])
_LIU_EXPONENTS = np.array([0.2, 0.3, 0.4, 0.5])


def _power_law(slope_length, exponent):
    return (slope_length * (1 / UNIT_PLOT_LENGTH)) ** exponent


def _rill_exponent(slope, sine_of_unit_plot, rill_ratio):
    sine = np.sin(slope)
    beta = rill_ratio * (sine / sine_of_unit_plot) / (3 * sine**0.8 + 0.56)
    return beta / (1 + beta)


@equation(gives="slope_length_factor", cite="mccool1989")
def mccool_1989(slope_length, slope, *, rill_ratio=1.0):
    r"""Slope length factor of RUSLE; the exponent follows the ratio of rill to interrill erosion.

    Parameters
    ----------
    slope_length : array, m
        Length of the slope, as its horizontal projection.
    slope : array, rad
        Slope angle.
    rill_ratio : float
        1 for moderate, 0.5 for low (rangeland), 2 for high (freshly disturbed) susceptibility to rilling.

    Returns
    -------
    slope_length_factor : array, 1
        L; 1 on flat land.

    Notes
    -----
    .. math::

        L = \left(\frac{\lambda}{22.13}\right)^{\beta / (1 + \beta)}, \qquad
        \beta = r \frac{\sin\theta / 0.0896}{3 \sin^{0.8}\theta + 0.56}

    McCool et al. (1989).

    Examples
    --------
    >>> round(float(mccool_1989(30.48, np.arctan(0.10))), 4)
    1.1804
    """
    return _power_law(slope_length, _rill_exponent(slope, UNIT_PLOT_SINE, rill_ratio))


@equation(gives="slope_length_factor", cite="hj1173")
def mee_2021_length(slope_length, slope, *, unit_plot_sine=0.089):
    r"""Slope length factor of the Chinese ministry's specification HJ 1173-2021.

    Parameters
    ----------
    slope_length : array, m
        Length of the slope.
    slope : array, rad
        Slope angle.
    unit_plot_sine : float
        0.089 as the specification prints it; 0.0896 in RUSLE.

    Returns
    -------
    slope_length_factor : array, 1
        L; 1 on flat land.

    Notes
    -----
    .. math::

        L = \left(\frac{\lambda}{22.13}\right)^{\beta / (1 + \beta)}, \qquad
        \beta = \frac{\sin\theta / 0.089}{3 \sin^{0.8}\theta + 0.56}

    Ministry of Ecology and Environment (2021), HJ 1173-2021, equations A.9-A.11.

    Examples
    --------
    >>> round(float(mee_2021_length(100.0, np.radians(15.0))), 4)
    2.6587
    """
    return _power_law(slope_length, _rill_exponent(slope, unit_plot_sine, 1.0))


@equation(gives="slope_length_factor", cite="liu2000")
def liu_2000(slope_length, slope):
    r"""Slope length factor of the CSLE at a point.

    Parameters
    ----------
    slope_length : array, m
        Length of the slope down to the point.
    slope : array, rad
        Slope angle.

    Returns
    -------
    slope_length_factor : array, 1
        L.

    Notes
    -----
    .. math:: L = (\lambda / 22.13)^m

    with m = 0.2 up to 1 degree, 0.3 below 3, 0.4 below 5 degrees, else 0.5. Liu et al. (2000), who found that the
    exponent stays 0.5 on steep slopes.

    Examples
    --------
    >>> round(float(liu_2000(100.0, np.radians(15.0))), 4)
    2.1257
    """
    return _power_law(slope_length, classes.pick(slope, _LIU_EDGES, _LIU_EXPONENTS))


@equation(gives="slope_length_factor", cite="liu2000")
def liu_2000_segment(slope_length, slope, *, cell_size=None):
    r"""Slope length factor of the CSLE for the stretch of slope inside one cell.

    Parameters
    ----------
    slope_length : array, m
        Length of the slope down to the lower edge of the cell.
    slope : array, rad
        Slope angle.
    cell_size : float or CellSize
        Metres of a cell; taken from the grid of DataArrays. The stretch is one cell long, or as long as the slope
        where that is shorter.

    Returns
    -------
    slope_length_factor : array, 1
        L; on a plane its mean over the cells is the L of the whole slope.

    Raises
    ------
    GridError
        If `cell_size` is missing or not positive.

    Notes
    -----
    .. math:: L = \frac{\lambda_{out}^{m+1} - \lambda_{in}^{m+1}}{(\lambda_{out} - \lambda_{in}) \, 22.13^m}

    with the exponents of `liu_2000`. The form for segments is that of Foster and Wischmeier (1974).

    Examples
    --------
    >>> round(float(liu_2000_segment(100.0, np.radians(15.0), cell_size=40)), 4)
    2.8445
    """
    dx, dy = sides(cell_size)
    side = np.asarray(dx if dx is dy else np.sqrt(dx * dy)).astype(getattr(slope, "dtype", float))
    exponent = classes.pick(slope, _LIU_EDGES, _LIU_EXPONENTS)
    above = np.maximum(slope_length - side, 0)
    inside = np.where(above > 0, above, 1)
    # the difference of the two powers over the stretch, without cancellation
    growth = np.expm1((exponent + 1) * np.log1p(side / inside)) * inside / side
    return np.where(above > 0, _power_law(inside, exponent) * growth, _power_law(slope_length, exponent))[()]
