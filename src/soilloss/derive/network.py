"""Catchments of outlets, and where water may come from outside: what the D8 directions tell.

``locate(names, x, y, crs, grid)`` finds the cells of gauges, ``snap(outlets, accumulation, radius=, cell_size=)`` moves
them onto the stream, ``watersheds(direction, rows, columns)`` labels what drains to each, and ``watershed_polygons``
makes zones of that: ``measured`` window by window, then ``catchments``.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import CRS, Transformer

from soilloss.derive.codes import LEAVES, MISSING, STEPS, own_codes
from soilloss.derive.routing import AREA_UNIT, metres_of
from soilloss.errors import DataError
from soilloss.grid.blocks import Window
from soilloss.grid.target import cell_area
from soilloss.kernels import network as kernels

if TYPE_CHECKING:
    import geopandas as gpd


class Outlets(NamedTuple):
    """Cells of outlets, and how far each was moved to get there, m."""

    names: list[str]
    rows: np.ndarray
    columns: np.ndarray
    moved: np.ndarray


def reached_from_outside(flow_direction: Any) -> np.ndarray:
    """Return the flag of `terrain.edge_contaminated`, uint8, from directions that are known; 0 where they are missing.

    Examples
    --------
    >>> reached_from_outside(np.full((3, 3), 8)).sum().item()
    8
    """
    codes = own_codes(flow_direction)
    direction, stride = _ringed(codes, MISSING), codes.shape[1] + 2
    reached = np.zeros(direction.size, np.uint8)
    kernels.reach(direction, stride, kernels.beside_outside(direction, stride), reached)
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


def snap(
    outlets: Outlets,
    flow_accumulation: Any,
    *,
    radius: float,
    cell_size: Any,
    shape: tuple[int, int] | None = None,
) -> Outlets:
    """Move each outlet to the cell of the largest accumulation within a radius; the nearest of equals.

    Parameters
    ----------
    outlets : Outlets
        Cells of the points, as `locate` returns them.
    flow_accumulation : array (rows, columns) or function
        Cells or area draining through each cell; or a function that returns those of a window, then with `shape`.
    radius : float
        How far an outlet may be moved, m.
    cell_size : float or CellSize, m
        Side of a cell.
    shape : tuple of int, optional
        Rows and columns of the whole grid.

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
    if not callable(flow_accumulation):
        whole = np.asarray(flow_accumulation)
        return snap(outlets, whole.__getitem__, radius=radius, cell_size=cell_size, shape=whole.shape)
    assert shape is not None
    metres = metres_of(cell_size, np.broadcast_to(np.float32(0), shape))
    found = [
        _best(name, flow_accumulation, shape, (int(row), int(column)), radius, metres[:2, row])
        for name, row, column in zip(outlets.names, outlets.rows, outlets.columns, strict=True)
    ]
    rows, columns, moved = (np.array(part) for part in zip(*found, strict=True))
    return Outlets(outlets.names, rows, columns, moved)


def _best(
    name: str, read: Any, shape: tuple[int, ...], place: tuple[int, int], radius: float, side: np.ndarray
) -> tuple[int, int, float]:
    reach = int(radius / side[1]), int(radius / side[0])
    window = [slice(max(0, p - r), min(p + r + 1, n)) for p, r, n in zip(place, reach, shape, strict=True)]
    near = read(tuple(window))
    y, x = np.indices(near.shape)
    distance = np.hypot((y + window[0].start - place[0]) * side[1], (x + window[1].start - place[1]) * side[0])
    usable = ~np.isnan(near) & (distance <= radius)
    if not usable.any():
        raise DataError(f"outlet {name!r} has no known height within {radius:g} m; move it or allow a larger radius")
    largest = usable & (near == near[usable].max())
    best = int(np.argmin(np.where(largest, distance, np.inf)))
    i, j = divmod(best, near.shape[1])
    return window[0].start + i, window[1].start + j, float(distance[i, j])


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
    refuse_doubles(rows, columns)
    codes = own_codes(flow_direction)
    label = with_outlets(codes, rows, columns, range(1, len(rows) + 1))
    flat = _ringed(label, kernels.NOWHERE)
    kernels.label_watersheds(_ringed(codes, MISSING), codes.shape[1] + 2, flat)
    return np.maximum(_inner(flat, codes), 0)


def refuse_doubles(rows: Any, columns: Any) -> None:
    """Raise a `DataError` if two outlets lie in the same cell."""
    known: dict[tuple[int, int], int] = {}
    for number, (row, column) in enumerate(zip(rows, columns, strict=True), 1):
        other = known.setdefault((int(row), int(column)), number)
        if other != number:
            raise DataError(
                f"outlets {other} and {number} lie in the same cell (row {row}, column {column}); remove one, or let "
                "them be moved less far"
            )


def with_outlets(
    codes: np.ndarray, rows: Any, columns: Any, numbers: Iterable[int], corner: tuple[int, int] = (0, 0)
) -> np.ndarray:
    """Return labels with the numbers of outlets, 0 elsewhere and -1 where the direction is missing.

    `corner` is the first row and column of the directions in the grid in which `rows` and `columns` count.
    """
    label = np.where(codes == MISSING, np.int32(kernels.NOWHERE), np.int32(0))
    for number, row, column in zip(numbers, rows, columns, strict=True):
        y, x = row - corner[0], column - corner[1]
        if not (0 <= y < codes.shape[0] and 0 <= x < codes.shape[1]) or label[y, x] < 0:
            raise DataError(f"outlet {number} (row {row}, column {column}) is no cell with a direction; move it")
        label[y, x] = number
    return label


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
    whole = slice(0, label.shape[0]), slice(0, label.shape[1])
    codes = own_codes(flow_direction)[outlets.rows, outlets.columns]
    found = measured(label, whole, outlets, codes, grid)
    return catchments(label, outlets, *found, grid)


def measured(
    label: np.ndarray, window: Window, outlets: Outlets, codes: np.ndarray, grid: GeoBox
) -> tuple[np.ndarray, np.ndarray]:
    """Return what a window of labels tells: whole units of area of each catchment, and which lies below each outlet.

    Both are 0 where nothing is known, so those of all windows add up. `codes` are the directions of the outlets.
    """
    count = len(outlets.names)
    units = np.rint(cell_area(grid)[window[0]] / AREA_UNIT)
    each = np.broadcast_to(units, label.shape)
    own = np.bincount(label.reshape(-1), each.reshape(-1), count + 1)[1:].astype(np.int64)
    down, right = np.array([*STEPS, (0, 0)]).T
    step = np.minimum(codes, LEAVES)
    y, x = outlets.rows + down[step] - window[0].start, outlets.columns + right[step] - window[1].start
    inside = (step < LEAVES) & (y >= 0) & (y < label.shape[0]) & (x >= 0) & (x < label.shape[1])
    below = np.zeros(count, np.int64)
    below[inside] = label[y[inside], x[inside]]
    return own, below


def catchments(source: Any, outlets: Outlets, own: np.ndarray, below: np.ndarray, grid: GeoBox) -> gpd.GeoDataFrame:
    """Return the polygons of labels (an array, or a band of an open raster) with what was `measured` of them."""
    import geopandas as gpd
    from rasterio.features import shapes

    parts: list[list[Any]] = [[] for _ in outlets.names]
    for shape, value in shapes(source, transform=grid.affine):
        if value > 0:
            parts[int(value) - 1].append(shapely.geometry.shape(shape))
    columns = {
        "station": outlets.names,
        "downstream": [outlets.names[n - 1] if n else "" for n in below],
        "area_m2": own * AREA_UNIT,
        "upstream_area_m2": _with_those_above(own, below) * AREA_UNIT,
        "moved_m": outlets.moved,
    }
    return gpd.GeoDataFrame(columns, geometry=[shapely.union_all(p) for p in parts], crs=str(grid.crs))


def _with_those_above(own: np.ndarray, below: np.ndarray) -> np.ndarray:
    total = own.copy()
    for n, amount in enumerate(own):
        met, further = {n + 1}, int(below[n])
        while further and further not in met:
            total[further - 1] += amount
            met.add(further)
            further = int(below[further - 1])
    return total


def _ringed(grid: np.ndarray, value: int) -> np.ndarray:
    return np.pad(grid, 1, constant_values=value).reshape(-1)


def _inner(flat: np.ndarray, like: np.ndarray) -> np.ndarray:
    return flat.reshape(like.shape[0] + 2, -1)[1:-1, 1:-1]
