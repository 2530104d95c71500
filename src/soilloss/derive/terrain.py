"""Variables made from heights: slope, aspect, filled surface, flow directions, accumulation, slope length, channels.

Slope and aspect are those of the heights as given; flow follows the surface with its depressions filled. Every result
is the unique solution of a definition on the grid, so it does not depend on the order or the cut of the work.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from soilloss.derive.routing import (
    AREA_UNIT,
    accumulated,
    countable,
    directions,
    filled,
    metres_of,
    on_grid,
    stops_of,
    stride_of,
    unknown,
)
from soilloss.derive.whole import whole_grid
from soilloss.equation import equation
from soilloss.kernels import slope_length as lengths
from soilloss.kernels import surface

STARTS = ("half", "full")


@equation(gives="slope", cite="horn1981", halo=1)
def slope_horn_1981(elevation, *, cell_size=None):
    r"""Slope angle from the 3 x 3 neighbourhood, weighted after Horn.

    Missing neighbours and those outside the grid are extrapolated linearly from the two next to them, so a plane keeps
    its slope to the rim (there as gdaldem does with -compute_edges); with too few, the centre's height stands in.

    Parameters
    ----------
    elevation : array, m
        Heights, rows from north to south; not filled, since filling makes depressions level.
    cell_size : float or CellSize, m
        Side of a cell; on geographic and non-square grids `CellSize(dx, dy)` by row.

    Returns
    -------
    slope : array, rad
        Float32 from 0 to pi/2, NaN where the height is missing.

    Raises
    ------
    GridError
        If the cell size is missing or does not fit the rows.

    Notes
    -----
    With the neighbours a b c / d e f / g h i:

    .. math:: \tan\theta = \sqrt{\left(\frac{c + 2f + i - a - 2d - g}{8\,\Delta x}\right)^2
              + \left(\frac{g + 2h + i - a - 2b - c}{8\,\Delta y}\right)^2}

    Horn, B. K. P. (1981), Proceedings of the IEEE 69, 14-47.

    Examples
    --------
    >>> z = [[50, 45, 50], [30, 30, 30], [8, 10, 10]]
    >>> round(float(np.degrees(slope_horn_1981(np.array(z), cell_size=5)[1, 1])), 4)
    75.2577
    """
    return _horn(surface.slope, elevation, cell_size)


@equation(gives="aspect", cite="horn1981", halo=1)
def aspect_horn_1981(elevation, *, cell_size=None):
    r"""Compass direction that the surface faces, from the gradient of Horn.

    Parameters
    ----------
    elevation : array, m
        Heights, rows from north to south.
    cell_size : float or CellSize, m
        Side of a cell; on geographic and non-square grids `CellSize(dx, dy)` by row.

    Returns
    -------
    aspect : array, rad
        Downslope direction clockwise from north, float32 from 0 to below 2 pi; NaN where level or missing.

    Raises
    ------
    GridError
        If the cell size is missing or does not fit the rows.

    Notes
    -----
    .. math:: \alpha = \operatorname{atan2}(-\partial z/\partial x,\; \partial z/\partial y) \bmod 2\pi

    with x towards the east and y towards the south; missing neighbours as in `slope_horn_1981`.
    Horn, B. K. P. (1981), Proceedings of the IEEE 69, 14-47.

    Examples
    --------
    >>> falls_east = np.array([[2.0, 1.0, 0.0]] * 3)
    >>> float(np.degrees(aspect_horn_1981(falls_east, cell_size=1)[1, 1]))
    90.0
    """
    return _horn(surface.aspect, elevation, cell_size)


@whole_grid(gives="filled_elevation", cite="barnes2014")
def fill_depressions(elevation, *, close_holes=1):
    r"""Heights with every depression filled to the level at which it spills.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid, rows and columns; infinite heights count as missing.
    close_holes : int
        Holes of at most so many missing cells are bridged at the lowest height of their rim; larger ones are outlets.

    Returns
    -------
    filled_elevation : array, m
        Float32; NaN where the height is missing.

    Raises
    ------
    DataError
        If the grid does not have two dimensions, or more cells than can be routed in memory.

    Notes
    -----
    .. math:: W(c) = \min_{\text{paths } c \to \text{outlet}} \; \max_{p \in \text{path}} z(p)

    over paths of the eight neighbours, where outlets are cells at the border or beside a void. Only heights of the
    input occur, so nothing is rounded. The surface is that of Barnes, Lehman and Mulla (2014), Computers &
    Geosciences 62, 117-127; it is found here without a queue of cells.

    Examples
    --------
    >>> bowl = np.array([[3, 3, 3], [3, 1, 2], [3, 3, 3]])
    >>> float(fill_depressions(bowl)[1, 1])
    2.0
    """
    return on_grid(elevation, filled(elevation, close_holes))


@whole_grid(gives="flow_direction", cite="ocallaghan1984")
def flow_direction_d8(elevation, *, close_holes=1, cell_size=None):
    r"""Direction of steepest descent on the filled surface.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    close_holes : int
        Holes of at most so many missing cells are bridged; see `fill_depressions`.
    cell_size : float or CellSize, m
        Side of a cell. Without it the cells of a plain array are taken to be square.

    Returns
    -------
    flow_direction : array
        0 east, 1 south-east, 2 south ... 7 north-east, 8 where water leaves the grid; float32, NaN where missing.

    Raises
    ------
    DataError, GridError
        If heights or cell size do not fit.

    Notes
    -----
    .. math:: k = \operatorname{arg\,max}_k \; (W(c) - W(n_k)) / d_k

    Of equal slopes the first in the order of the codes counts. Level cells drain towards the nearest cell that has a
    way out, by the fewest steps, again the first of equals. O'Callaghan, J. F. and Mark, D. M. (1984), Computer
    Vision, Graphics, and Image Processing 28, 323-344.

    Examples
    --------
    >>> float(flow_direction_d8(np.array([[3.0, 2, 1]] * 3))[1, 1])
    0.0
    """
    codes, _ = directions(elevation, metres_of(_or_square(cell_size), elevation), close_holes)
    return on_grid(elevation, codes)


@whole_grid(gives="flow_accumulation", cite="ocallaghan1984")
def flow_accumulation(elevation, *, routing="d8", exponent=1.1, close_holes=1, cell_size=None):
    r"""Cells that drain through each cell, itself included.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    routing : {"d8", "mfd", "dinf"}
        One receiver; all lower neighbours by slope; the two beside the steepest facet.
    exponent : float
        Of the slope, for ``"mfd"``.
    close_holes : int
        Holes of at most so many missing cells are bridged and counted; see `fill_depressions`.
    cell_size : float or CellSize, m
        Side of a cell. Without it the cells of a plain array are taken to be square.

    Returns
    -------
    flow_accumulation : array, 1
        Float64, at least 1; NaN where the height is missing.

    Raises
    ------
    ProjectError, DataError, GridError
        If the routing is not known, or heights or cell size do not fit.

    Notes
    -----
    .. math:: A(c) = 1 + \sum_k f_{n_k \to c} \, A(n_k)

    ``"d8"``: O'Callaghan and Mark (1984). ``"mfd"``: Freeman, T. G. (1991), Computers & Geosciences 17, 413-422.
    ``"dinf"``: Tarboton, D. G. (1997), Water Resources Research 33, 309-319. Shares are whole 65535ths.

    Examples
    --------
    >>> flow_accumulation(np.array([[3.0], [2], [1]])).ravel().tolist()
    [1.0, 2.0, 3.0]
    """
    metres = metres_of(_or_square(cell_size), elevation)
    return accumulated(elevation, metres, np.ones(metres.shape[1]), 1, routing, exponent, close_holes)


@whole_grid(gives="contributing_area", cite="freeman1991")
def contributing_area(elevation, *, routing="mfd", exponent=1.1, close_holes=1, cell_size=None):
    r"""Area that drains through each cell, itself included.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    routing : {"mfd", "d8", "dinf"}
        All lower neighbours by slope; one receiver; the two beside the steepest facet.
    exponent : float
        Of the slope, for ``"mfd"``.
    close_holes : int
        Holes of at most so many missing cells are bridged and counted; see `fill_depressions`.
    cell_size : float or CellSize, m
        Side of a cell. Its area is width times height: on geographic grids those on the ellipsoid in the middle of
        the row, which gives the true area to 1e-6 for cells below 0.1 degrees.

    Returns
    -------
    contributing_area : array, m2
        Float64, positive; NaN where the height is missing.

    Raises
    ------
    ProjectError, DataError, GridError
        If the routing is not known, heights or cell size do not fit, or the cell size is missing.

    Notes
    -----
    .. math:: A(c) = a(c) + \sum_k f_{n_k \to c} \, A(n_k), \qquad
              f_{c \to n_k} = \frac{\max(0, s_k)^p}{\sum_j \max(0, s_j)^p}

    Freeman, T. G. (1991), Computers & Geosciences 17, 413-422; after Quinn, P. et al. (1991), Hydrological
    Processes 5, 59-79. With ``"d8"`` areas are added as multiples of 1/1024 m2.

    Examples
    --------
    >>> contributing_area(np.array([[3.0], [2], [1]]), cell_size=10).ravel().tolist()
    [100.0, 200.0, 300.0]
    """
    metres = metres_of(cell_size, elevation)
    return accumulated(elevation, metres, metres[0] * metres[1], AREA_UNIT, routing, exponent, close_holes)


@equation(gives="channels", cite="ocallaghan1984")
def channels(contributing_area, *, threshold_area=1e6):
    r"""Cells where water runs in a channel: those that drain a large enough area.

    Parameters
    ----------
    contributing_area : array, m2
        Area that drains through each cell.
    threshold_area : float
        Least area of a channel, m2; the default is a working value, compare it with mapped streams.

    Returns
    -------
    channels : array
        1 in channels, 0 elsewhere, float32; NaN where the area is missing.

    Notes
    -----
    .. math:: c = [A \ge A_0]

    O'Callaghan, J. F. and Mark, D. M. (1984), Computer Vision, Graphics, and Image Processing 28, 323-344.

    Examples
    --------
    >>> channels(np.array([9e5, 1e6, np.nan])).tolist()
    [0.0, 1.0, nan]
    """
    area = np.asarray(contributing_area)
    return np.where(np.isnan(area), np.nan, area >= threshold_area).astype(np.float32)


@whole_grid(gives="slope_length", cite="hickey2000", clip=("max_length",))
def slope_length(
    elevation,
    channels=None,
    *,
    gentle_ratio=0.7,
    steep_ratio=0.5,
    break_percent=5.0,
    channel_area=math.inf,
    max_length=math.inf,
    start="half",
    close_holes=1,
    cell_size=None,
):
    r"""Length of the slope down to each cell, restarted where the slope slackens and ended at channels.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    channels : array, optional
        1 where slopes end: streams, and roads, terraces or field borders that stop the flow.
    gentle_ratio, steep_ratio : float
        The slope ends where the angle falls below this share of the angle above: `gentle_ratio` where the upper slope
        is below `break_percent`, else `steep_ratio`. 0 never cuts.
    break_percent : float
        Slope that divides gentle from steep: 5 per cent as published, which some programs read as degrees.
    channel_area : float
        D8 contributing area in m2 from which a cell is a channel; infinite for none.
    max_length : float
        Longest length in m that is given; infinite for no limit.
    start : {"half", "full"}
        Where the half cell at the end of a flow line is counted: ``"half"`` at the start of the slope (Hickey),
        ``"full"`` at its end (Zhang et al.).
    close_holes : int
        Holes of at most so many missing cells are bridged; see `fill_depressions`.
    cell_size : float or CellSize, m
        Side of a cell.

    Returns
    -------
    slope_length : array, m
        Float32, measured in plan; NaN in channels and where the height is missing.

    Raises
    ------
    ProjectError, DataError, GridError
        If `start` is not known, heights or cell size do not fit, or the cell size is missing.

    Notes
    -----
    .. math:: \lambda(c) = d(c) + \max_{u \to c,\ \text{not cut}} \lambda(u), \qquad
              \text{cut if } \theta_c < f \, \theta_u

    where d is the side of the cell or its diagonal along the D8 direction (outlets: the side) and the angle is that of
    the steepest descent. Hickey, R. (2000), Cartography 29, 1-8; cut-off ratios Van Remortel, R. D. et al. (2001),
    Cartography 30, 27-35; channels and full cell at the divide Zhang, H. et al. (2013), Computers & Geosciences 52,
    177-188. Whether the receiving cell of a cut counts as a start is not published; here it does.

    Examples
    --------
    >>> slope_length(np.array([[3.0], [2], [1]]), cell_size=10).ravel().tolist()
    [5.0, 15.0, 25.0]
    """
    if start not in STARTS:
        raise unknown("start", start, STARTS)
    metres, stride = metres_of(cell_size, elevation), stride_of(elevation)
    codes, w = directions(elevation, metres, close_holes)
    stops = stops_of(channels, channel_area, codes, metres)
    break_angle = math.atan(break_percent / 100)
    cut = lengths.cut_flow(w, stride, metres, codes, stops, gentle_ratio, steep_ratio, break_angle)
    length = np.zeros(w.size)
    lengths.longest_slope(codes, cut, stride, countable(metres), start == "half", length)
    np.minimum(length, max_length, out=length)
    length[stops != 0] = np.nan
    return on_grid(elevation, length)


def _horn(kernel: Any, elevation: np.ndarray, cell_size: Any) -> np.ndarray:
    metres = metres_of(cell_size, elevation)
    out = np.empty(elevation.shape, np.float32)
    kernel(surface.with_ring(elevation), stride_of(elevation), metres[0], metres[1], out)
    return out


def _or_square(cell_size: Any) -> Any:
    """Counts of cells and directions do not depend on the size of square cells."""
    return 1.0 if cell_size is None else cell_size
