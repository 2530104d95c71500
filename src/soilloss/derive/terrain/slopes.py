"""Where slopes end: channels, and the length of the slope down to each cell."""

from __future__ import annotations

import math

import numpy as np

from soilloss.derive.routing import countable, directions, metres_of, on_grid, routed, stops_of, stride_of, unknown
from soilloss.derive.ways import Ways
from soilloss.derive.whole import whole_grid
from soilloss.equation import equation
from soilloss.kernels import slope_length as lengths

STARTS = ("half", "full")


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
    trapping=None,
    *,
    gentle_ratio=0.7,
    steep_ratio=0.5,
    break_percent=5.0,
    channel_area=math.inf,
    max_length=math.inf,
    start="half",
    close_holes=1,
    voids="outlet",
    cell_size=None,
):
    r"""Length of the slope down to each cell, restarted where the slope slackens and ended at channels.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    channels : array, optional
        1 in channels, where slopes end.
    trapping : array, 1, optional
        Share of the flow that a cell holds back: roads, terraces, field borders. Slopes end with a cell that holds
        back all (1); where anything passes they go on, for water still runs.
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
    voids : {"outlet", "wall"}
        What larger holes and the land outside are; see `fill_depressions`.
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
    ways = Ways(close_holes, voids)
    codes, w = directions(elevation, metres, ways)
    stops = stops_of(channels, trapping, channel_area, codes, metres)
    break_angle = math.atan(break_percent / 100)
    cut = lengths.cut_flow(w, stride, metres, codes, stops, gentle_ratio, steep_ratio, break_angle)
    length = np.zeros(w.size)
    lengths.longest_slope(codes, cut, stride, countable(metres), start == "half", length)
    np.minimum(length, max_length, out=length)
    length[stops == lengths.CHANNEL] = np.nan
    return on_grid(routed(elevation, codes, ways), length)
