"""Streams as lines, from the few cells in which water runs in a channel.

``streams(flow_direction, contributing_area, grid=)`` of whole arrays; piece by piece ``channel_cells`` of windows, then
``stream_lines`` of all: only channels are held in memory, whatever the grid.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from odc.geo.geobox import GeoBox

from soilloss.derive.codes import LEAVES, MISSING, STEPS, own_codes
from soilloss.derive.routing import metres_of
from soilloss.errors import DataError
from soilloss.grid.blocks import Window
from soilloss.grid.target import cell_size
from soilloss.kernels import network as kernels

if TYPE_CHECKING:
    import geopandas as gpd


class Channels(NamedTuple):
    """Cells of channels: their places in the grid, row by row, directions, and the m2 that drain through each."""

    rows: np.ndarray
    columns: np.ndarray
    codes: np.ndarray
    area: np.ndarray


def channel_cells(
    flow_direction: Any, contributing_area: Any, window: Window, *, threshold_area: float, channels: Any = None
) -> Channels:
    """Return the cells of a window through which enough area drains, and those of a map of channels.

    Parameters
    ----------
    flow_direction : array
        0 east to 7 north-east clockwise, 8 where water leaves the grid; NaN or 255 where missing.
    contributing_area : array, m2
        Area draining through each cell.
    window : tuple of slice
        Where the window lies in the grid.
    threshold_area : float
        Least area of a channel, m2.
    channels : array, optional
        1 in channels that are known from elsewhere.
    """
    codes, area = own_codes(flow_direction), np.asarray(contributing_area)
    chosen = area >= threshold_area
    if channels is not None:
        chosen |= np.asarray(channels) > 0
    rows, columns = np.nonzero(chosen & (codes != MISSING))
    found = codes[rows, columns], area[rows, columns]
    return Channels((rows + window[0].start).astype(np.int32), (columns + window[1].start).astype(np.int32), *found)


def joined(parts: Iterable[Channels]) -> Channels:
    """Return the channels of all windows in the order of the whole grid."""
    rows, columns, codes, area = (np.concatenate(part) for part in zip(*parts, strict=True))
    order = np.lexsort((columns, rows))
    return Channels(rows[order], columns[order], codes[order], area[order])


def streams(
    flow_direction: Any, contributing_area: Any, *, grid: GeoBox, threshold_area: float = 1e6, channels: Any = None
) -> gpd.GeoDataFrame:
    """Streams as lines from head or confluence to the next confluence, through the centres of cells.

    Parameters
    ----------
    flow_direction : array (rows, columns)
        0 east to 7 north-east clockwise, 8 where water leaves the grid; NaN or 255 where missing.
    contributing_area : array, m2
        Area draining through each cell, best by D8: with flow that divides, lines may be broken.
    grid : GeoBox
        The grid of both.
    threshold_area : float
        Least area of a channel, m2; compare with mapped streams.
    channels : array, optional
        1 in channels that are known from elsewhere; they count besides those by area.

    Returns
    -------
    GeoDataFrame
        ``link`` (1, 2 ...), ``downstream`` (link, 0 for none), ``strahler_order``, ``upstream_area_m2`` at its lower
        end above the confluence, ``length_m``; channels of a single cell are left out.

    Raises
    ------
    DataError
        If the grids do not fit together.

    Notes
    -----
    Strahler, A. N. (1957), Transactions, American Geophysical Union 38, 913-920: heads are of order 1; where two of
    the highest order meet, the order is one more.
    """
    shapes = np.shape(flow_direction), np.shape(contributing_area), tuple(grid.shape)
    if len(set(shapes)) > 1:
        raise DataError(
            f"flow_direction has shape {shapes[0]}, contributing_area {shapes[1]} and the grid {shapes[2]}, expected "
            "the same; cut them alike"
        )
    whole = slice(0, shapes[2][0]), slice(0, shapes[2][1])
    chosen = {"threshold_area": threshold_area, "channels": channels}
    return stream_lines(channel_cells(flow_direction, contributing_area, whole, **chosen), grid=grid)


def stream_lines(channels: Channels, *, grid: GeoBox) -> gpd.GeoDataFrame:
    """Return the lines of channel cells, as `streams` describes them."""
    import geopandas as gpd

    down = _receivers(channels, grid.shape[1])
    count = np.bincount(down[down >= 0], minlength=down.size).astype(np.uint8)
    order = np.zeros(down.size, np.uint8)
    kernels.strahler(down, count, order)
    nodes, begin = kernels.links(down, count)
    first, last = nodes[begin[:-1]], nodes[begin[1:] - 1]
    # the lower end belongs to the link itself where it is no confluence
    end = np.where(count[last] > 1, nodes[begin[1:] - 2], last)
    number = np.zeros(down.size, np.int64)
    number[first] = np.arange(1, first.size + 1)
    columns = {
        "link": number[first],
        "downstream": number[last],
        "strahler_order": order[first],
        "upstream_area_m2": channels.area[end],
        "length_m": _lengths(channels, nodes, begin, grid),
    }
    a = grid.affine
    x, y = a.c + (channels.columns[nodes] + 0.5) * a.a, a.f + (channels.rows[nodes] + 0.5) * a.e
    lines = shapely.linestrings(x, y, indices=np.repeat(np.arange(first.size), np.diff(begin)))
    return gpd.GeoDataFrame(columns, geometry=lines, crs=str(grid.crs))


def _receivers(channels: Channels, width: int) -> np.ndarray:
    """Which of the cells each drains into, or -1."""
    down, right = np.array([*STEPS, (0, 0)], np.int64).T
    code = np.minimum(channels.codes, LEAVES)
    column = channels.columns + right[code]
    place = channels.rows.astype(np.int64) * width + channels.columns
    goal = (channels.rows + down[code]) * width + column
    found = np.minimum(np.searchsorted(place, goal), max(place.size - 1, 0))
    met = (code < LEAVES) & (column >= 0) & (column < width)
    met[met] = place[found[met]] == goal[met]
    return np.where(met, found, -1)


def _lengths(channels: Channels, nodes: np.ndarray, begin: np.ndarray, grid: GeoBox) -> np.ndarray:
    """Length of each link, m."""
    metres = metres_of(cell_size(grid), np.broadcast_to(np.float32(0), tuple(grid.shape)))
    code = channels.codes[nodes]
    # the last cell of a link is reached, not passed
    steps = metres[np.where(code & 1, 2, (code & 2) >> 1), channels.rows[nodes]]
    steps[begin[1:] - 1] = 0
    return np.add.reduceat(steps, begin[:-1]) if begin.size > 1 else np.empty(0)
