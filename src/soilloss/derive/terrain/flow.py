"""Flow over the whole grid: filled heights, directions, and what drains through each cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from soilloss.derive.barriers import held_back
from soilloss.derive.routing import AREA_UNIT, accumulated, directions, filled, metres_of, on_grid, routed
from soilloss.derive.ways import Ways
from soilloss.derive.whole import whole_grid


@whole_grid(gives="filled_elevation", cite="barnes2014")
def fill_depressions(elevation, *, close_holes=1, voids="outlet"):
    r"""Heights with every depression filled to the level at which it spills.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid, rows and columns; infinite heights count as missing.
    close_holes : int
        Holes of at most so many missing cells are bridged at the lowest height of their rim.
    voids : {"outlet", "wall"}
        Other missing cells let water out, or hold it back: then it leaves at the border of the grid only, and land
        that voids wall in wholly has no way out and is missing.

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
    return on_grid(elevation, filled(elevation, Ways(close_holes, voids)))


@whole_grid(gives="flow_direction", cite="ocallaghan1984")
def flow_direction_d8(elevation, *, close_holes=1, voids="outlet", flats="lower", cell_size=None):
    r"""Direction of steepest descent on the filled surface.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    close_holes : int
        Holes of at most so many missing cells are bridged; see `fill_depressions`.
    voids : {"outlet", "wall"}
        What larger holes and the land outside are; see `fill_depressions`.
    flats : {"lower", "garbrecht"}
        Level land drains towards the nearest way out (``"lower"``), or also away from what rises beside it, so that
        water gathers in the middle (``"garbrecht"``).
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
    Vision, Graphics, and Image Processing 28, 323-344. With ``"garbrecht"`` they go to the neighbour of the least
    :math:`2 l - h`, with l the steps to the way out and h those from higher land: Garbrecht, J. and Martz, L. W.
    (1997), Journal of Hydrology 193, 204-213, as combined by Barnes, R., Lehman, C. and Mulla, D. (2014), Computers &
    Geosciences 62, 128-135.

    Examples
    --------
    >>> float(flow_direction_d8(np.array([[3.0, 2, 1]] * 3))[1, 1])
    0.0
    """
    ways = Ways(close_holes, voids, flats)
    codes, _ = directions(elevation, metres_of(_or_square(cell_size), elevation), ways)
    return on_grid(routed(elevation, codes, ways), codes)


@whole_grid(gives="flow_accumulation", cite="ocallaghan1984")
def flow_accumulation(
    elevation,
    channels=None,
    trapping=None,
    *,
    routing="d8",
    exponent=1.1,
    close_holes=1,
    voids="outlet",
    flats="lower",
    cell_size=None,
):
    r"""Cells that drain through each cell, itself included.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    channels : array, optional
        1 in channels: they take up what reaches them and pass nothing on.
    trapping : array, 1, optional
        Share of what drains through a cell that it holds back: roads, terraces, parcel borders, water. 1 ends the flow
        there; shares are rounded to whole 65535ths.
    routing : {"d8", "mfd", "dinf"}
        One receiver; all lower neighbours by slope; the two beside the steepest facet.
    exponent : float
        Of the slope, for ``"mfd"``.
    close_holes : int
        Holes of at most so many missing cells are bridged and counted; see `fill_depressions`.
    voids : {"outlet", "wall"}
        What larger holes and the land outside are; see `fill_depressions`.
    flats : {"lower", "garbrecht"}
        How level land drains, see `flow_direction_d8`.
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
    .. math:: A(c) = 1 + \sum_k (1 - t_{n_k}) \, f_{n_k \to c} \, A(n_k)

    where t is the share that is trapped, 1 in channels.
    ``"d8"``: O'Callaghan and Mark (1984). ``"mfd"``: Freeman, T. G. (1991), Computers & Geosciences 17, 413-422.
    ``"dinf"``: Tarboton, D. G. (1997), Water Resources Research 33, 309-319. Shares are whole 65535ths.

    Examples
    --------
    >>> flow_accumulation(np.array([[3.0], [2], [1]])).ravel().tolist()
    [1.0, 2.0, 3.0]
    """
    metres, held = metres_of(_or_square(cell_size), elevation), held_back(channels, trapping, elevation.shape)
    ways = Ways(close_holes, voids, flats)
    return accumulated(elevation, metres, np.ones(metres.shape[1]), 1, routing, exponent, ways, held)


@whole_grid(gives="contributing_area", cite="freeman1991")
def contributing_area(
    elevation,
    channels=None,
    trapping=None,
    *,
    routing="mfd",
    exponent=1.1,
    close_holes=1,
    voids="outlet",
    flats="lower",
    cell_size=None,
):
    r"""Area that drains through each cell, itself included.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    channels : array, optional
        1 in channels: they take up what reaches them and pass nothing on.
    trapping : array, 1, optional
        Share of what drains through a cell that it holds back: roads, terraces, parcel borders, water. 1 ends the flow
        there; shares are rounded to whole 65535ths.
    routing : {"mfd", "d8", "dinf"}
        All lower neighbours by slope; one receiver; the two beside the steepest facet.
    exponent : float
        Of the slope, for ``"mfd"``.
    close_holes : int
        Holes of at most so many missing cells are bridged and counted; see `fill_depressions`.
    voids : {"outlet", "wall"}
        What larger holes and the land outside are; see `fill_depressions`.
    flats : {"lower", "garbrecht"}
        How level land drains, see `flow_direction_d8`.
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
    .. math:: A(c) = a(c) + \sum_k (1 - t_{n_k}) \, f_{n_k \to c} \, A(n_k), \qquad
              f_{c \to n_k} = \frac{\max(0, s_k)^p}{\sum_j \max(0, s_j)^p}

    where t is the share that is trapped, 1 in channels.
    Freeman, T. G. (1991), Computers & Geosciences 17, 413-422; after Quinn, P. et al. (1991), Hydrological
    Processes 5, 59-79. With ``"d8"`` areas are added as multiples of 1/1024 m2.

    Examples
    --------
    >>> contributing_area(np.array([[3.0], [2], [1]]), cell_size=10).ravel().tolist()
    [100.0, 200.0, 300.0]
    """
    metres, held = metres_of(cell_size, elevation), held_back(channels, trapping, elevation.shape)
    ways = Ways(close_holes, voids, flats)
    return accumulated(elevation, metres, metres[0] * metres[1], AREA_UNIT, routing, exponent, ways, held)


def _or_square(cell_size: Any) -> Any:
    """Counts of cells and directions do not depend on the size of square cells."""
    return 1.0 if cell_size is None else cell_size
