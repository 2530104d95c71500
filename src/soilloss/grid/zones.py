"""Polygons to cells: which cells lie inside, what value they take, what share of them a zone covers.

``inside(geometry, grid, window) -> bool``; ``burn(geometries, values, grid, elsewhere) -> function of a window``;
``coverage(geometries, grid, window) -> (zone, row, column, fraction)``. All work in fixed tiles of the whole grid, in
coordinates counted in cells from its corner, so that no cell depends on how the work is cut.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio.features import rasterize
from shapely.geometry import mapping

from soilloss.grid.align import apply
from soilloss.grid.blocks import Window

TILE = 512
# Shares of a cell are kept to this fraction; it is far below the accuracy of any border.
FRACTION = 2.0**-16
_RASTERIZING = threading.Lock()

_Tile = tuple[int, int, int, int]
_Entries = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
_NOTHING: _Entries = (np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))


class _Shapes(NamedTuple):
    """Polygons in cells from the grid's corner (x right, y down), and the tree that finds them."""

    cells: np.ndarray
    tree: shapely.STRtree
    originals: list[Any]


def inside(geometry: Any, grid: GeoBox, window: Window) -> np.ndarray:
    """Return which cells of `window` have their centre in `geometry` (in the grid's CRS)."""
    return _indices(_shapes([geometry], grid), grid, window) >= 0


def burn(
    geometries: Sequence[Any], values: np.ndarray, grid: GeoBox, elsewhere: float = np.nan, *, touched: bool = False
) -> Callable[[Window], np.ndarray]:
    """Return a function that gives a window the value of the polygon in which each cell's centre lies.

    Parameters
    ----------
    geometries : sequence of polygons (or lines, with `touched`)
        In the CRS of the grid; where they overlap the later one counts.
    values : array
        One per polygon.
    grid : GeoBox
        The target.
    elsewhere : float
        Value outside all polygons.
    touched : bool
        Whether every cell counts that a shape touches, so that a line leaves no gap through which water slips.
    """
    shapes = _shapes(geometries, grid)
    table = np.append(np.asarray(values, np.float32), np.float32(elsewhere))  # index -1 is the last

    def burnt(window: Window) -> np.ndarray:
        return table[_indices(shapes, grid, window, touched)]

    return burnt


def coverage(geometries: Sequence[Any], grid: GeoBox, window: Window) -> _Entries:
    """Return the zones that touch each cell of `window`, and how much of the cell each covers.

    Returns
    -------
    zone : array of int
        Position in `geometries`.
    row, column : array of int
        The cell, counted from the window's corner.
    fraction : array of float64
        Covered share of the cell, exact to 2**-16; above 0.
    """
    shapes = _shapes(geometries, grid)
    parts = [_NOTHING, *(_tile_coverage(shapes, tile, window) for tile in _tiles(grid, window))]
    zone, row, column, fraction = (np.concatenate(column) for column in zip(*parts, strict=True))
    return zone, row, column, fraction


def _indices(shapes: _Shapes, grid: GeoBox, window: Window, touched: bool = False) -> np.ndarray:
    """Position of the last polygon that holds each cell's centre, or touches it, -1 where there is none."""
    rows, columns = window
    out = np.full((rows.stop - rows.start, columns.stop - columns.start), -1, np.int32)
    for tile in _tiles(grid, window):
        found, cut = _in_tile(shapes, tile)
        if len(found) == 0:
            continue
        top, left, bottom, right = tile
        # y upwards, for rasterio warns of a transform that is the identity; one at a time, for its guard against that
        # warning is not made for threads
        with _RASTERIZING:
            burnt: Any = rasterize(
                list(zip(shapely.transform(cut, _upwards), found.tolist(), strict=True)),
                out_shape=(bottom - top, right - left),
                transform=Affine(1, 0, left, 0, -1, -top),
                fill=-1,
                dtype="int32",
                all_touched=touched,
            )
        first, last = max(top, rows.start), min(bottom, rows.stop)
        west, east = max(left, columns.start), min(right, columns.stop)
        out[first - rows.start : last - rows.start, west - columns.start : east - columns.start] = burnt[
            first - top : last - top, west - left : east - left
        ]
    return out


def _tile_coverage(shapes: _Shapes, tile: _Tile, window: Window) -> _Entries:
    """Covered cells of one tile, as far as they lie in the window."""
    from exactextract import exact_extract
    from exactextract.raster import NumPyRasterSource

    top, left, bottom, right = tile
    found, cut = _in_tile(shapes, tile)
    if len(found) == 0:
        return _NOTHING
    features = [_feature(zone, shape) for zone, shape in zip(found.tolist(), cut, strict=True)]
    raster = NumPyRasterSource(np.zeros((bottom - top, right - left), np.uint8), left, -bottom, right, -top)
    results = exact_extract(raster, features, ["cell_id", "coverage"], include_cols=["zone"]) or []
    covered = [result["properties"] for result in results]
    zone = np.concatenate([np.full(len(item["cell_id"]), item["zone"], np.int64) for item in covered])
    cell = np.concatenate([item["cell_id"] for item in covered]).astype(np.int64)
    fraction = np.round(np.concatenate([item["coverage"] for item in covered]) / FRACTION) * FRACTION
    row = cell // (right - left) + top - window[0].start
    column = cell % (right - left) + left - window[1].start
    height, width = window[0].stop - window[0].start, window[1].stop - window[1].start
    kept = (fraction > 0) & (row >= 0) & (row < height) & (column >= 0) & (column < width)
    return zone[kept], row[kept], column[kept], fraction[kept]


def _feature(zone: int, shape: Any) -> dict[str, Any]:
    """A polygon as exactextract takes it: y upwards, and not named "id", for which it gives row numbers."""
    return {"type": "Feature", "properties": {"zone": zone}, "geometry": mapping(shapely.transform(shape, _upwards))}


def _upwards(xy: np.ndarray) -> np.ndarray:
    return xy * (1, -1)


def _in_tile(shapes: _Shapes, tile: _Tile) -> tuple[np.ndarray, np.ndarray]:
    """Positions of the polygons that may touch a tile, in their order, and what of them lies near it."""
    top, left, bottom, right = tile
    found = np.sort(shapes.tree.query(shapely.box(left, top, right, bottom)))
    cut = shapely.clip_by_rect(shapes.cells[found], left - 1, top - 1, right + 1, bottom + 1)
    kept = ~shapely.is_empty(cut)
    return found[kept], cut[kept]


def _tiles(grid: GeoBox, window: Window) -> Iterator[_Tile]:
    """Tiles (top, left, bottom, right) of the whole grid that `window` touches."""
    rows, columns = window
    for top in range(rows.start // TILE * TILE, rows.stop, TILE):
        for left in range(columns.start // TILE * TILE, columns.stop, TILE):
            yield top, left, min(top + TILE, grid.shape[0]), min(left + TILE, grid.shape[1])


_kept: dict[Any, _Shapes] = {}
_lock = threading.Lock()


def _shapes(geometries: Sequence[Any], grid: GeoBox) -> _Shapes:
    """Polygons in cells of the grid; the last few sets are kept, for they are asked for window by window."""
    originals = list(geometries)
    key = (grid, tuple(map(id, originals)))  # kept alive below, so that no other object gets their ids
    with _lock:
        if key not in _kept:
            to_cells = ~grid.affine
            cells = shapely.transform(
                np.array(originals, object), lambda xy: np.column_stack(apply(to_cells, xy[:, 0], xy[:, 1]))
            )
            while len(_kept) >= 4:
                _kept.pop(next(iter(_kept)))
            _kept[key] = _Shapes(cells, shapely.STRtree(cells), originals)
        return _kept[key]
