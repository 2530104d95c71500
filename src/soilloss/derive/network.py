"""Catchments of outlets, streams as lines, and where water may come from outside: what the D8 directions tell.

``locate(names, x, y, crs, grid)`` finds the cells of gauges, ``snap(outlets, accumulation, radius=, cell_size=)`` moves
them onto the stream, ``watersheds(direction, rows, columns)`` labels what drains to each, and ``watershed_polygons``
makes zones of that. ``streams(direction, area, grid=, threshold_area=)`` are lines.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from soilloss.derive.codes import LEAVES, MISSING, STEPS, own_codes
from soilloss.derive.routing import directions, metres_of, on_grid
from soilloss.derive.ways import Ways
from soilloss.errors import DataError
from soilloss.grid.target import cell_area, cell_size
from soilloss.kernels import network as kernels

if TYPE_CHECKING:
    import geopandas as gpd


class Outlets(NamedTuple):
    """Cells of outlets, and how far each was moved to get there, m."""

    names: list[str]
    rows: np.ndarray
    columns: np.ndarray
    moved: np.ndarray


def edge_contaminated(elevation: Any, *, close_holes: int = 1, cell_size: Any = None) -> np.ndarray:
    r"""Cells whose contributing area may be too small because water may come from outside.

    Parameters
    ----------
    elevation : array (rows, columns), m
        Heights of the whole grid; filled first.
    close_holes : int
        Holes of at most so many missing cells are bridged and do not count as outside.
    cell_size : float or CellSize, m
        Side of a cell. Without it the cells of a plain array are taken to be square.

    Returns
    -------
    flag : array
        Float32: 1 in cells at the border or beside a void and in all cells downstream of them by D8, else 0; NaN where
        the height is missing.

    Raises
    ------
    DataError, GridError
        If heights or cell size do not fit.

    Notes
    -----
    .. math:: e(c) = [c \text{ beside a void or the border}] \lor \bigvee_{n \to c} e(n)

    Examples
    --------
    >>> valley = np.array([[9.0, 8, 9, 9], [9, 7, 9, 9], [9, 6, 5, 4], [9, 9, 9, 9]])
    >>> edge_contaminated(valley)[1:3, 1:3].tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    heights = np.asarray(elevation)
    codes, _ = directions(heights, metres_of(1.0 if cell_size is None else cell_size, heights), Ways(close_holes))
    reached = np.zeros(codes.size, np.uint8)
    kernels.reach_of_outside(codes, heights.shape[1] + 2, reached)
    return on_grid(heights, reached)


def reached_from_outside(flow_direction: Any) -> np.ndarray:
    """Return the flag of `edge_contaminated`, uint8, from directions that are known; 0 where they are missing.

    Examples
    --------
    >>> reached_from_outside(np.full((3, 3), 8)).sum().item()
    8
    """
    codes = own_codes(flow_direction)
    reached = np.zeros((codes.shape[0] + 2) * (codes.shape[1] + 2), np.uint8)
    kernels.reach_of_outside(_ringed(codes, MISSING), codes.shape[1] + 2, reached)
    return _inner(reached, codes)


def locate(names: list[str], x: Any, y: Any, crs: Any, grid: GeoBox) -> Outlets:
    """Return the cells of `grid` in which points lie.

    Parameters
    ----------
    names : list of str
        Names of the outlets.
    x, y : array
        Their places, in `crs`.
    crs : any
        Coordinate reference system of `x` and `y`.
    grid : GeoBox
        The grid of the directions.

    Raises
    ------
    DataError
        If a point lies outside the grid.

    Examples
    --------
    >>> from soilloss.grid.target import make_grid
    >>> locate(["a"], [45.0], [10.0], "EPSG:32635", make_grid((0, 0, 90, 90), "EPSG:32635", 30))[1:3]
    (array([2]), array([1]))
    """
    change = Transformer.from_crs(CRS.from_user_input(crs), CRS.from_user_input(str(grid.crs)), always_xy=True)
    east, north = (np.asarray(v, float) for v in change.transform(np.asarray(x, float), np.asarray(y, float)))
    a = grid.affine
    columns, rows = np.floor((east - a.c) / a.a), np.floor((north - a.f) / a.e)
    inside = (rows >= 0) & (rows < grid.shape[0]) & (columns >= 0) & (columns < grid.shape[1])
    if not inside.all():
        i = int(np.argmin(inside))
        raise DataError(
            f"outlet {names[i]!r} at x {np.asarray(x)[i]:g}, y {np.asarray(y)[i]:g} lies outside the heights; "
            "check its place and the CRS it is given in, or remove it"
        )
    return Outlets(list(names), rows.astype(np.int64), columns.astype(np.int64), np.zeros(len(rows)))


def snap(outlets: Outlets, flow_accumulation: Any, *, radius: float, cell_size: Any) -> Outlets:
    """Move each outlet to the cell of the largest accumulation within a radius; the nearest of equals.

    Parameters
    ----------
    outlets : Outlets
        Cells of the points, as `locate` returns them.
    flow_accumulation : array (rows, columns)
        Cells or area draining through each cell.
    radius : float
        How far an outlet may be moved, m.
    cell_size : float or CellSize, m
        Side of a cell.

    Returns
    -------
    outlets : Outlets
        `moved` holds the distances between the centres of the cells.

    Raises
    ------
    DataError
        If there is no known cell within the radius.

    Examples
    --------
    >>> one = Outlets(["a"], np.array([0]), np.array([0]), np.zeros(1))
    >>> snap(one, np.array([[1.0, 5.0, 9.0]]), radius=30, cell_size=30)[2:]
    (array([1]), array([30.]))
    """
    amount = np.asarray(flow_accumulation)
    metres = metres_of(cell_size, amount)
    found = [
        _best(name, amount, int(row), int(column), radius, metres[:2, row])
        for name, row, column in zip(outlets.names, outlets.rows, outlets.columns, strict=True)
    ]
    rows, columns, moved = (np.array(part) for part in zip(*found, strict=True))
    return Outlets(outlets.names, rows, columns, moved)


def _best(
    name: str, amount: np.ndarray, row: int, column: int, radius: float, side: np.ndarray
) -> tuple[int, int, float]:
    across, down = (int(radius / s) for s in side)
    top, left = max(0, row - down), max(0, column - across)
    near = amount[top : row + down + 1, left : column + across + 1]
    y, x = np.indices(near.shape)
    distance = np.hypot((y + top - row) * side[1], (x + left - column) * side[0])
    usable = ~np.isnan(near) & (distance <= radius)
    if not usable.any():
        raise DataError(f"outlet {name!r} has no known height within {radius:g} m; move it or allow a larger radius")
    largest = usable & (near == near[usable].max())
    best = int(np.argmin(np.where(largest, distance, np.inf)))
    i, j = divmod(best, near.shape[1])
    return top + i, left + j, float(distance[i, j])


def watersheds(flow_direction: Any, rows: Any, columns: Any) -> np.ndarray:
    """Label of the first outlet downstream of every cell, so that nested catchments part an area.

    Parameters
    ----------
    flow_direction : array (rows, columns)
        0 east to 7 north-east clockwise, 8 where water leaves the grid; NaN or 255 where missing.
    rows, columns : array of int
        Cells of the outlets.

    Returns
    -------
    label : array of int32
        1 for the first outlet, 2 for the second ...; 0 where water meets none or the direction is missing.

    Raises
    ------
    DataError
        If an outlet lies outside or in a missing cell, or two lie in the same.

    Examples
    --------
    >>> watersheds(np.array([[0, 0, 0, 8]]), [0, 0], [1, 2]).tolist()
    [[1, 1, 2, 0]]
    """
    codes = own_codes(flow_direction)
    label = np.where(codes == MISSING, np.int32(kernels.NOWHERE), np.int32(0))
    for number, (row, column) in enumerate(zip(rows, columns, strict=True), 1):
        if not (0 <= row < codes.shape[0] and 0 <= column < codes.shape[1]) or label[row, column] < 0:
            raise DataError(f"outlet {number} (row {row}, column {column}) is no cell with a direction; move it")
        if label[row, column]:
            raise DataError(
                f"outlets {label[row, column]} and {number} lie in the same cell (row {row}, column {column}); "
                "remove one, or let them be moved less far"
            )
        label[row, column] = number
    flat = _ringed(label, kernels.NOWHERE)
    kernels.label_watersheds(_ringed(codes, MISSING), codes.shape[1] + 2, flat)
    return np.maximum(_inner(flat, codes), 0)


def watershed_polygons(label: np.ndarray, outlets: Outlets, flow_direction: Any, grid: GeoBox) -> gpd.GeoDataFrame:
    """Return the catchments as polygons that can be given as zones.

    Parameters
    ----------
    label : array of int32
        As `watersheds` returns it for the outlets.
    outlets : Outlets
        Names and cells.
    flow_direction : array
        As given to `watersheds`.
    grid : GeoBox
        The grid of both.

    Returns
    -------
    GeoDataFrame
        One row per outlet: ``station``, ``downstream`` (the next station, empty for none), ``area_m2`` between the
        station and those above it, ``upstream_area_m2`` with those above it, ``moved_m``.
    """
    import geopandas as gpd
    from rasterio.features import shapes

    count = len(outlets.names)
    parts: list[list[Any]] = [[] for _ in range(count)]
    for shape, value in shapes(label, mask=label > 0, transform=grid.affine):
        parts[int(value) - 1].append(shapely.geometry.shape(shape))
    per_row = np.zeros((label.shape[0], count + 1))
    for row in range(label.shape[0]):
        per_row[row] = np.bincount(label[row], minlength=count + 1)
    own = (per_row * cell_area(grid)).sum(0)[1:]
    below = _below(label, outlets, own_codes(flow_direction))
    columns = {
        "station": outlets.names,
        "downstream": [outlets.names[n - 1] if n else "" for n in below],
        "area_m2": own,
        "upstream_area_m2": _with_those_above(own, below),
        "moved_m": outlets.moved,
    }
    return gpd.GeoDataFrame(columns, geometry=[shapely.union_all(p) for p in parts], crs=str(grid.crs))


def _below(label: np.ndarray, outlets: Outlets, codes: np.ndarray) -> list[int]:
    """Number of the next outlet downstream of each, 0 for none."""
    found = []
    for row, column in zip(outlets.rows, outlets.columns, strict=True):
        down, right = STEPS[codes[row, column]] if codes[row, column] < LEAVES else (0, 0)
        y, x = row + down, column + right
        inside = (down or right) and 0 <= y < label.shape[0] and 0 <= x < label.shape[1]
        found.append(int(label[y, x]) if inside else 0)
    return found


def _with_those_above(own: np.ndarray, below: list[int]) -> np.ndarray:
    total = own.copy()
    for n, amount in enumerate(own):
        met, further = {n + 1}, below[n]
        while further and further not in met:
            total[further - 1] += amount
            met.add(further)
            further = below[further - 1]
    return total


def streams(
    flow_direction: Any, contributing_area: Any, *, grid: GeoBox, threshold_area: float = 1e6
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
    import geopandas as gpd

    codes, area = own_codes(flow_direction), np.asarray(contributing_area)
    if not codes.shape == area.shape == tuple(grid.shape):
        raise DataError(
            f"flow_direction has shape {codes.shape}, contributing_area {area.shape} and the grid "
            f"{tuple(grid.shape)}, expected the same; cut them alike"
        )
    direction, stride = _ringed(codes, MISSING), codes.shape[1] + 2
    channel = _ringed(((area >= threshold_area) & (codes != MISSING)).view(np.uint8), 0)
    count, order = np.zeros(channel.size, np.uint8), np.zeros(channel.size, np.uint8)
    kernels.stream_inflows(direction, stride, channel, count)
    kernels.strahler(direction, stride, channel, count, order)
    cells, begin = kernels.links(direction, stride, channel, count)
    length = np.zeros(begin.size - 1)
    kernels.link_lengths(direction, stride, metres_of(cell_size(grid), codes), cells, begin, length)
    first, last = cells[begin[:-1]], cells[begin[1:] - 1]
    # the lower end belongs to the link itself where it is no confluence
    end = np.where(count[last] > 1, cells[begin[1:] - 2], last)
    number = dict(zip(first.tolist(), range(1, first.size + 1), strict=True))
    columns = {
        "link": np.arange(1, first.size + 1),
        "downstream": [number.get(c, 0) for c in last.tolist()],
        "strahler_order": order[first],
        "upstream_area_m2": area[end // stride - 1, end % stride - 1],
        "length_m": length,
    }
    return gpd.GeoDataFrame(columns, geometry=_lines(cells, begin, stride, grid), crs=str(grid.crs))


def _lines(cells: np.ndarray, begin: np.ndarray, stride: int, grid: GeoBox) -> Any:
    a = grid.affine
    x, y = a.c + (cells % stride - 0.5) * a.a, a.f + (cells // stride - 0.5) * a.e
    return shapely.linestrings(x, y, indices=np.repeat(np.arange(begin.size - 1), np.diff(begin)))


def _ringed(grid: np.ndarray, value: int) -> np.ndarray:
    return np.pad(grid, 1, constant_values=value).reshape(-1)


def _inner(flat: np.ndarray, like: np.ndarray) -> np.ndarray:
    return flat.reshape(like.shape[0] + 2, -1)[1:-1, 1:-1]
