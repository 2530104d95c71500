"""Where the cells of the target grid lie in a source raster.

``places_in(dataset, grid) -> Places``; ``locate(places, rows, columns)`` is exact for any cells,
``window_places(places, window)`` is for whole windows. Both give columns `u` and rows `v` of the source, whole numbers
on the borders of its cells, not finite where a place cannot be transformed.
"""

from __future__ import annotations

import threading
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

# Lattices kept, each a few hundred kilobytes.
LATTICES = 64

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


class Lattice(NamedTuple):
    """Places of a window: of every `STEP`-th cell around it, linear between (`first` is where the window begins).

    Where rows and columns do not mix, `first` is None and the nodes are the places themselves: ``(1, columns)`` and
    ``(rows, 1)``.
    """

    nodes: Pair
    first: tuple[int, int] | None
    columns: int


def window_places(places: Places, window: Window) -> Pair:
    """Return `u` and `v` for a window of the target, float64.

    Shapes are (rows, columns), or (1, columns) and (rows, 1) where rows and columns do not mix. No bit depends on how
    the target is cut.
    """
    lattice, rough = _lattice(places, window)
    u, v = between(lattice, slice(0, window[0].stop - window[0].start))
    if rough is not None and rough.any() and lattice.first is not None:
        cells = rough.repeat(STEP, 0).repeat(STEP, 1)[lattice.first[0] :, lattice.first[1] :][
            : v.shape[0], : u.shape[1]
        ]
        i, j = np.nonzero(cells)
        u[i, j], v[i, j] = locate(places, window[0].start + i, window[1].start + j)
    return u, v


def open_lattice(places: Places, window: Window) -> Lattice | None:
    """Return the places of a window to be asked for by `between`, the same object again for the last few windows.

    None where some cells have to be transformed by themselves.
    """
    source, target = tuple(places.source), tuple(places.target)
    key = (source, target, id(places.transformer), places.turn, *((s.start, s.stop) for s in window))
    with _lock:
        if key in _lattices:
            return _lattices[key][0]
    lattice, rough = _lattice(places, window)
    found = None if rough is not None and rough.any() else lattice
    with _lock:
        while len(_lattices) >= LATTICES:
            _lattices.pop(next(iter(_lattices)))
        _lattices[key] = found, places.transformer  # kept alive, so that no other gets its id
    return found


def between(lattice: Lattice, rows: slice) -> Pair:
    """Return `u` and `v` for some rows of the window of a lattice."""
    u, v = lattice.nodes
    if lattice.first is None:
        return u, v[rows]
    out = np.empty((2, rows.stop - rows.start, lattice.columns))
    for nodes, part in zip(lattice.nodes, out, strict=True):
        warp.between_nodes(nodes, STEP, lattice.first[0] + rows.start, lattice.first[1], part)
    return out[0], out[1]


def _lattice(places: Places, window: Window) -> tuple[Lattice, np.ndarray | None]:
    """The lattice of a window, and between which nodes it is not true to `TOLERANCE`."""
    rows, columns = (np.arange(part.start, part.stop) for part in window)
    if places.transformer is None and places.source.b == places.source.d == places.target.b == places.target.d == 0:
        straight = locate(places, 0, columns[None])[0], locate(places, rows[:, None], 0)[1]
        return Lattice(straight, None, columns.size), None
    # one more node on each side shows how the places bend
    node_rows, node_columns = (np.arange(part[0] // STEP - 1, part[-1] // STEP + 3) * STEP for part in (rows, columns))
    u, v = locate(places, *np.meshgrid(node_rows, node_columns, indexing="ij"))
    first = (int(rows[0] % STEP), int(columns[0] % STEP))
    rough = ~((_bend(u) <= TOLERANCE) & (_bend(v) <= TOLERANCE))
    return Lattice((u[1:-1, 1:-1], v[1:-1, 1:-1]), first, columns.size), rough


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


_lattices: dict[Any, tuple[Lattice | None, Any]] = {}
_lock = threading.Lock()
