"""Where the cells of the target grid lie in a source raster.

``places_in(dataset, grid) -> Places``; ``locate(places, rows, columns)`` is exact for any cells,
``window_places(places, window)`` is for whole windows. Both give columns `u` and rows `v` of the source, whole numbers
on the borders of its cells, not finite where a place cannot be transformed.
"""

from __future__ import annotations

from functools import lru_cache
from math import tau
from typing import Any, NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from soilloss.errors import GridError
from soilloss.grid.blocks import Window
from soilloss.grid.target import parse_crs
from soilloss.kernels import warp

# Every so many cells of the target a place is transformed; counted from the target's first cell, never a window's.
STEP = 16
# Between them it is interpolated where that is true to this share of a source cell, else each cell is transformed.
TOLERANCE = 0.01

Pair = tuple[np.ndarray, np.ndarray]


class Places(NamedTuple):
    """How cells of a target become cells of a source.

    `target` makes coordinates of target columns and rows, `transformer` coordinates of the source of those (None if
    the two have one CRS), `source` columns and rows of the source of those. `turn` is how many source columns a full
    turn of longitude has (0: the source is not geographic), and `middle` the column in the middle of the source.
    """

    target: Any
    transformer: Transformer | None
    source: Any
    turn: float
    middle: float


def places_in(dataset: Any, grid: GeoBox) -> Places:
    """Return how cells of `grid` are found in the open rasterio `dataset`."""
    same = same_crs(dataset, grid)
    transform = dataset.transform
    turn = 0.0
    if dataset.crs.is_geographic and transform.b == transform.d == 0:
        turn = abs(full_turn(dataset.crs.to_wkt()) / transform.a)
    return Places(grid.affine, None if same else to_source(grid, dataset), ~transform, turn, dataset.width / 2)


def locate(places: Places, rows: Any, columns: Any) -> Pair:
    """Return columns and rows of the source at the centres of cells of the target (arrays of one shape).

    Longitudes are turned to where the source has them, so 0..360 and -180..180 are one.
    """
    x, y = apply(places.target, columns + 0.5, rows + 0.5)
    if places.transformer is not None:
        x, y = places.transformer.transform(x, y)
    with np.errstate(invalid="ignore"):  # infinite where the transformation has no answer
        u, v = apply(places.source, x, y)
        if places.turn:
            u = u - places.turn * np.floor((u - places.middle) / places.turn + 0.5)
    return u, v


def window_places(places: Places, window: Window) -> Pair:
    """Return `u` and `v` for a window of the target, float64.

    Shapes are (rows, columns), or (1, columns) and (rows, 1) where rows and columns do not mix. No bit depends on how
    the target is cut.
    """
    rows, columns = (np.arange(part.start, part.stop) for part in window)
    if places.transformer is None and places.source.b == places.source.d == places.target.b == places.target.d == 0:
        return locate(places, 0, columns[None])[0], locate(places, rows[:, None], 0)[1]
    # one more node on each side shows how the places bend
    node_rows, node_columns = (np.arange(part[0] // STEP - 1, part[-1] // STEP + 3) * STEP for part in (rows, columns))
    nodes = locate(places, *np.meshgrid(node_rows, node_columns, indexing="ij"))
    first = (rows[0] % STEP, columns[0] % STEP)
    u, v = (np.empty((rows.size, columns.size)) for _ in range(2))
    for part, out in zip(nodes, (u, v), strict=True):
        warp.between_nodes(part[1:-1, 1:-1], STEP, *first, out)
    rough = ~((_bend(nodes[0]) <= TOLERANCE) & (_bend(nodes[1]) <= TOLERANCE))
    if rough.any():
        cells = rough.repeat(STEP, 0).repeat(STEP, 1)[first[0] :, first[1] :][: rows.size, : columns.size]
        i, j = np.nonzero(cells)
        u[i, j], v[i, j] = locate(places, rows[i], columns[j])
    return u, v


def apply(transform: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return where an affine `transform` takes the point `x`, `y` (numbers or arrays)."""
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def to_source(grid: GeoBox, dataset: Any) -> Transformer:
    """Return the transformer from the coordinates of the target grid to those of the source."""
    return _transformer(_wkt(grid), dataset.crs.to_wkt())


def same_crs(dataset: Any, grid: GeoBox) -> bool:
    """Return whether source and target have one CRS, whatever the order of its axes."""
    return _equal(dataset.crs.to_wkt(), _wkt(grid))


@lru_cache(maxsize=256)
def full_turn(wkt: str) -> float:
    """Return a full turn in the unit of a geographic CRS: 360 for degrees."""
    return round(tau / parse_crs(wkt).axis_info[0].unit_conversion_factor, 9)


def _bend(nodes: np.ndarray) -> np.ndarray:
    """How far places may lie from the bilinear surface of the four nodes around them, from second differences.

    The two directions are added without their signs: in conformal maps they cancel in the middle, but not on the sides.
    """
    with np.errstate(invalid="ignore"):
        down = np.abs(nodes[:-2] - 2 * nodes[1:-1] + nodes[2:])[:, 1:-1]
        across = np.abs(nodes[:, :-2] - 2 * nodes[:, 1:-1] + nodes[:, 2:])[1:-1]
        at_node = (down + across) / 8
    side = np.maximum(at_node[:-1], at_node[1:])
    return np.maximum(side[:, :-1], side[:, 1:])


@lru_cache(maxsize=256)
def _transformer(source: str, target: str) -> Transformer:
    return Transformer.from_crs(parse_crs(source), parse_crs(target), always_xy=True)


@lru_cache(maxsize=256)
def _equal(one: str, other: str) -> bool:
    return parse_crs(one).equals(parse_crs(other), ignore_axis_order=True)


def _wkt(grid: GeoBox) -> str:
    if grid.crs is None:
        raise GridError("the target grid has no coordinate reference system; give its crs under 'grid'")
    return grid.crs.to_wkt()
