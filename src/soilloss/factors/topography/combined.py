"""LS in one equation."""

from __future__ import annotations

from math import atan, inf

import numpy as np

from soilloss.equation import equation
from soilloss.errors import GridError
from soilloss.grid.target import CellSize
from soilloss.kernels import classes, ls
from soilloss.units import FOOT

UNIT_PLOT_LENGTH = 22.13
UNIT_PLOT_SINE = 0.0896


def sides(cell_size):
    """Return width and height of the cells in metres, or say that they are needed.

    Parameters
    ----------
    cell_size : float or CellSize
        Side of a square cell, or sides of the cells of each row, m.

    Returns
    -------
    dx, dy : float or array

    Raises
    ------
    GridError
        If `cell_size` is missing or not positive.
    """
    if cell_size is None:
        raise GridError("cell_size is missing: plain arrays carry no grid, so give the side of a cell in metres")
    dx, dy = cell_size if isinstance(cell_size, CellSize) else (cell_size, cell_size)
    if not (np.all(np.asarray(dx) > 0) and np.all(np.asarray(dy) > 0)):
        raise GridError(f"cell_size is {cell_size}, expected a positive number of metres")
    return dx, dy


def _side(cell_size):
    """Side of the square of equal area."""
    dx, dy = sides(cell_size)
    return dx if dx is dy else np.sqrt(dx * dy)


def _as(like, values):
    """Bring float64 areas and counts to the type of the slope, so that float32 stays float32."""
    kind = np.result_type(getattr(like, "dtype", float), np.float32)
    return np.asarray(values).astype(kind, copy=False)[()]


def _longer(contributing_area, slope, aspect, channels=None, *, max_length=inf, channel_area=inf, cell_size=None):
    """Whether the slope above a cell is longer than `max_length`, so that LS is that of the longest slope."""
    if max_length == inf:
        return np.zeros(np.shape(contributing_area), bool)
    dx, dy = sides(cell_size)
    angle = np.where(slope == 0, 0, aspect)
    width = dx * np.abs(np.cos(angle)) + dy * np.abs(np.sin(angle))
    return (contributing_area > max_length * width) & (contributing_area < channel_area)


@equation(gives="topography", cite="desmet1996", clip=_longer)
def desmet_govers_1996(
    contributing_area, slope, aspect, channels=None, *, max_length=inf, channel_area=inf, cell_size=None
):
    r"""LS of a grid cell from its contributing area, for slopes that converge and diverge.

    The exponent is that of McCool et al. (1989), the steepness that of McCool et al. (1987).

    Parameters
    ----------
    contributing_area : array, m2
        Area draining through the cell, itself included.
    slope : array, rad
        Slope angle, of the surface that was not filled.
    aspect : array, rad
        Downslope direction clockwise from north; may be NaN where the slope is 0.
    channels : array, optional
        1 where water runs in a channel, else 0.
    max_length : float
        Longest slope in metres: the contributing area counts up to the slope length A / w = `max_length` at the
        cell's lower edge (w the contour width), and at least the cell itself.
    channel_area : float
        Cells with at least this contributing area (m2) are channels.
    cell_size : float or CellSize
        Metres of a cell; taken from the grid of DataArrays.

    Returns
    -------
    topography : array, 1
        LS; NaN in channels, where sheet and rill erosion has no meaning.

    Raises
    ------
    GridError
        If `cell_size` is missing or not positive.

    Notes
    -----
    .. math::

        L = \frac{(A_{in} + a)^{m+1} - A_{in}^{m+1}}{a \, w^m \, 22.13^m}, \qquad
        w = \Delta x |\cos\alpha| + \Delta y |\sin\alpha|, \qquad m = \frac{\beta}{1 + \beta}

    with :math:`a` the area of the cell, :math:`A_{in}` the contributing area without it, :math:`\alpha` the aspect
    and :math:`\beta = (\sin\theta / 0.0896) / (3 \sin^{0.8}\theta + 0.56)`. On an inclined plane the mean of L
    over N cells is exactly :math:`(N D / 22.13)^m`. Desmet and Govers (1996).

    Peers: SAGA's LS tool, given the inlet area in m2, agrees to 1e-5; its field-based LS puts area per width there and
    gives 4.18 where this gives 14.02. From reading: InVEST SDR takes the width from the slope angle and the root of the
    area. See docs/explanation/peers.md.

    Examples
    --------
    >>> round(float(desmet_govers_1996(9900.0, 0.148890, 0.0, cell_size=30)), 4)
    14.5587
    """
    dx, dy = sides(cell_size)
    out = ls.desmet_govers(contributing_area, slope, aspect, dx, dy, max_length, channel_area)
    return out if channels is None else np.where(np.asarray(channels) == 0, out, np.float32(np.nan))


@equation(gives="topography", cite="moore1986")
def moore_burch_1986(flow_accumulation, slope, *, m=0.4, n=1.3, multiplier=1.0, cell_size=None):
    r"""LS as a sediment transport capacity, from unit stream power.

    Parameters
    ----------
    flow_accumulation : array, 1
        Cells draining through a cell, itself included.
    slope : array, rad
        Slope angle.
    m, n : float
        Exponents of area and slope, 0.4-0.6 and 1.0-1.4.
    multiplier : float
        1, or m + 1 = 1.4 in the form of Moore and Wilson (1992).
    cell_size : float or CellSize
        Metres of a cell; taken from the grid of DataArrays.

    Returns
    -------
    topography : array, 1
        LS; 0 on flat land. Without a cap channel cells reach several hundred.

    Raises
    ------
    GridError
        If `cell_size` is missing or not positive.

    Notes
    -----
    .. math:: LS = k \left(\frac{N D}{22.13}\right)^m \left(\frac{\sin\theta}{0.0896}\right)^n

    N cells of side D make the specific catchment area N D (m2 per m). Moore and Burch (1986).

    Peers: SAGA and Whitebox multiply by 1.4, which ``multiplier=1.4`` repeats to 1e-5.

    Examples
    --------
    >>> round(float(moore_burch_1986(1.0, 0.174533, cell_size=30)), 4)
    2.6695
    """
    area = _as(slope, flow_accumulation) * _as(slope, _side(cell_size) / UNIT_PLOT_LENGTH)
    return multiplier * area**m * (np.sin(slope) / UNIT_PLOT_SINE) ** n


@equation(gives="topography", cite="moore1986")
def moore_burch_1986_as_printed(flow_accumulation, slope, *, m=0.4, n=1.3, cell_size=None):
    r"""LS of Moore and Burch with a counter that leaves out the cell itself, so that divides have LS = 0.

    Parameters
    ----------
    flow_accumulation : array, 1
        Cells draining through a cell, itself included; one is taken off.
    slope : array, rad
        Slope angle.
    m, n : float
        Exponents of area and slope.
    cell_size : float or CellSize
        Metres of a cell; taken from the grid of DataArrays.

    Returns
    -------
    topography : array, 1
        LS; 0 on divides and on flat land.

    Raises
    ------
    GridError
        If `cell_size` is missing or not positive.

    Notes
    -----
    .. math:: LS = \left(\frac{(N - 1) D}{22.13}\right)^m \left(\frac{\sin\theta}{0.0896}\right)^n

    What the founding study of the ``rodopi`` preset computed: its accumulation tool does not count the cell itself.

    Examples
    --------
    >>> float(moore_burch_1986_as_printed(1.0, 0.17, cell_size=30))
    0.0
    """
    others = np.maximum(_as(slope, flow_accumulation) - 1, 0)
    return moore_burch_1986(others, slope, m=m, n=n, cell_size=cell_size)


@equation(gives="topography", cite="boehner2006")
def boehner_selige_2006(contributing_area, slope, *, cell_size=None):
    r"""LS from specific catchment area with an exponent that grows on gentle slopes.

    Parameters
    ----------
    contributing_area : array, m2
        Area draining through the cell, itself included.
    slope : array, rad
        Slope angle.
    cell_size : float or CellSize
        Metres of a cell; taken from the grid of DataArrays.

    Returns
    -------
    topography : array, 1
        LS.

    Raises
    ------
    GridError
        If `cell_size` is missing or not positive.

    Notes
    -----
    .. math::

        LS = \left(\frac{A}{22.13 D}\right)^p (65.41 \sin^2\theta + 4.56 \sin\theta + 0.065), \qquad
        p = \begin{cases} 0.5 & \theta > 0.0505 \\ 3 \theta^{0.6} & \text{else} \end{cases}

    Boehner and Selige (2006), as the terrain library SAGA computes it.

    Examples
    --------
    >>> round(float(boehner_selige_2006(1000.0, 0.174533, cell_size=10)), 4)
    6.0141
    """
    slope = np.asarray(slope)
    length = _as(slope, contributing_area) / _as(slope, _side(cell_size) * UNIT_PLOT_LENGTH)
    exponent = np.where(slope > 0.0505, slope.dtype.type(0.5), 3 * slope**0.6)
    return length**exponent * _steepness_1978(slope)


@equation(gives="topography", cite="smith1957")
def smith_wischmeier_1957(slope_length, slope):
    r"""LS of a uniform slope by the first published parabola.

    Parameters
    ----------
    slope_length : array, m
        Length of the slope.
    slope : array, rad
        Slope angle.

    Returns
    -------
    topography : array, 1
        LS; not 0 on flat land.

    Notes
    -----
    .. math:: LS = \frac{\sqrt{\lambda / 0.3048}}{100} (0.76 + 0.53 s + 0.076 s^2)

    with :math:`s = 100 \tan\theta` in per cent and the length in feet under the root. Smith and Wischmeier (1957).

    Examples
    --------
    >>> round(float(smith_wischmeier_1957(22.13, np.arctan(0.09))), 4)
    0.9957
    """
    percent = 100 * np.tan(slope)
    return (slope_length * (1 / FOOT)) ** 0.5 * 0.01 * (0.76 + (0.53 + 0.076 * percent) * percent)


@equation(gives="topography", cite="smith1957")
def smith_wischmeier_1957_as_printed(slope_length, slope):
    r"""LS of Smith and Wischmeier with the conversion to metres misplaced, about six times too small.

    Parameters
    ----------
    slope_length : array, m
        Length of the slope.
    slope : array, rad
        Slope angle.

    Returns
    -------
    topography : array, 1
        LS; 0.168 instead of 1 on the unit plot.

    Notes
    -----
    .. math:: LS = \frac{0.305 \sqrt{\lambda}}{100} (0.76 + 0.53 s + 0.076 s^2)

    What the founding study of the ``poyang`` preset printed: it multiplies by 0.305 outside the root where the
    primary source divides by 0.3048 inside it.

    Examples
    --------
    >>> round(float(smith_wischmeier_1957_as_printed(22.13, np.arctan(0.09))), 4)
    0.1677
    """
    percent = 100 * np.tan(slope)
    return slope_length**0.5 * (0.305 / 100) * (0.76 + (0.53 + 0.076 * percent) * percent)


@equation(gives="topography", cite="wischmeier1978")
def wischmeier_smith_1978(slope_length, slope):
    r"""LS of a uniform slope in the USLE handbook.

    Parameters
    ----------
    slope_length : array, m
        Length of the slope.
    slope : array, rad
        Slope angle.

    Returns
    -------
    topography : array, 1
        LS.

    Notes
    -----
    .. math:: LS = (\lambda / 22.13)^m (65.41 \sin^2\theta + 4.56 \sin\theta + 0.065)

    with m = 0.2 below 1 %, 0.3 below 3 %, 0.4 below 5 %, else 0.5. Wischmeier and Smith (1978), USDA Agriculture
    Handbook 537.

    Examples
    --------
    >>> round(float(wischmeier_smith_1978(30.48, np.arctan(0.08))), 3)
    0.991
    """
    m = classes.pick(slope, _USLE_EDGES, _USLE_EXPONENTS)
    return (slope_length * (1 / UNIT_PLOT_LENGTH)) ** m * _steepness_1978(slope)


_USLE_EDGES = classes.thresholds([atan(0.01), atan(0.03), atan(0.05)])
_USLE_EXPONENTS = np.array([0.2, 0.3, 0.4, 0.5])


def _steepness_1978(slope):
    sine = np.sin(slope)
    return (65.41 * sine + 4.56) * sine + 0.065


@equation(gives="topography", cite="renard1997")
def length_times_steepness(slope_length_factor, slope_steepness_factor):
    r"""LS as the product of its two factors.

    Parameters
    ----------
    slope_length_factor : array, 1
        L.
    slope_steepness_factor : array, 1
        S.

    Returns
    -------
    topography : array, 1
        LS.

    Notes
    -----
    .. math:: LS = L \cdot S

    Renard et al. (1997), USDA Agriculture Handbook 703.

    Examples
    --------
    >>> length_times_steepness(2.0, 0.5)
    1.0
    """
    return slope_length_factor * slope_steepness_factor
