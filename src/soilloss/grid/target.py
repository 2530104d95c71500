"""The target grid: from area, coordinate reference system and resolution; its metres and its areas.

A grid is an `odc.geo.geobox.GeoBox`: shape, affine transform and CRS, immutable. Metres and areas are computed once
for the whole grid and then cut with the block, never from a window's own origin, so that no bit depends on the cut.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from soilloss.errors import GridError

# a third of a second that work on plain arrays need not wait for: imported where a grid is made or read
if TYPE_CHECKING:
    import xarray as xr
    from odc.geo.geobox import GeoBox
    from pyproj import CRS, Geod


class CellSize(NamedTuple):
    """Width (`dx`) and height (`dy`) of the cells of each row in metres, arrays of shape ``(rows, 1)``."""

    dx: np.ndarray
    dy: np.ndarray


def parse_crs(text: str) -> CRS:
    """Return the coordinate reference system that `text` names, or say what was expected."""
    from pyproj import CRS
    from pyproj.exceptions import CRSError

    try:
        return CRS.from_user_input(text)
    except CRSError:
        raise GridError(f"crs {text!r} is not known; write an EPSG code such as 'EPSG:32635'") from None


def make_grid(bounds: tuple[float, float, float, float], crs: Any, resolution: float | tuple[float, float]) -> GeoBox:
    """Return the grid of whole cells that covers `bounds` (west, south, east, north), snapped to the resolution.

    Examples
    --------
    >>> make_grid((3, 4, 95, 61), "EPSG:32635", 30).shape
    Shape2d(x=4, y=3)
    """
    from affine import Affine
    from odc.geo.geobox import GeoBox

    dx, dy = (resolution, resolution) if isinstance(resolution, int | float) else resolution
    if not (dx > 0 and dy > 0):
        raise GridError(f"resolution is {resolution}, expected a positive cell size in units of the grid's crs")
    west, south, east, north = bounds
    if not (east > west and north > south):
        raise GridError(f"the area spans {west}..{east} east and {south}..{north} north: it has no extent")
    left, top = math.floor(west / dx + 1e-9) * dx, math.ceil(north / dy - 1e-9) * dy
    columns = max(1, math.ceil((east - left) / dx - 1e-9))
    rows = max(1, math.ceil((top - south) / dy - 1e-9))
    return GeoBox((rows, columns), Affine(dx, 0, left, 0, -dy, top), crs)


def crop(grid: GeoBox, bounds: tuple[float, float, float, float], name: str) -> GeoBox:
    """Return the whole cells of `grid` that cover `bounds` (west, south, east, north in its CRS)."""
    west, south, east, north = bounds
    a = grid.affine
    left, right = ((x - a.c) / a.a for x in (west, east))
    top, bottom = ((y - a.f) / a.e for y in (north, south))
    rows = slice(max(0, math.floor(top + 1e-6)), min(grid.shape[0], math.ceil(bottom - 1e-6)))
    columns = slice(max(0, math.floor(left + 1e-6)), min(grid.shape[1], math.ceil(right - 1e-6)))
    if rows.stop <= rows.start or columns.stop <= columns.start:
        spans = ", ".join(f"{value:g}" for value in grid.boundingbox.bbox)
        raise GridError(
            f"{name} spans {west:g}..{east:g} E, {south:g}..{north:g} N, but the grid has {spans} (west, south, east, "
            f"north in {grid.crs}): they do not overlap; check the CRS of both"
        )
    return grid[rows, columns]


def grid_of(data: xr.DataArray) -> GeoBox:
    """Return the grid a DataArray lies on, from its coordinates and ``spatial_ref``.

    Raises
    ------
    GridError
        If there is no CRS, or the grid is rotated or not north up.
    """
    import odc.geo.xr  # noqa: F401  registers the accessor that reads CRS and transform

    geobox = data.odc.geobox
    if geobox is None or geobox.crs is None:
        raise GridError(
            f"{data.name or 'the array'} has no coordinate reference system, so metres are unknown; "
            "set it with data.rio.write_crs('EPSG:...') or pass cell_size"
        )
    return checked(geobox, str(data.name or "the array"))


def checked(grid: GeoBox, name: str) -> GeoBox:
    """Return `grid` if it is north up and not rotated."""
    a = grid.affine
    if a.b != 0 or a.d != 0:
        raise GridError(
            f"{name} lies on a rotated grid; straighten it first: gdalwarp -t_srs {grid.crs} in.tif out.tif"
        )
    if a.a <= 0 or a.e >= 0:
        raise GridError(f"{name} is not north up; turn it first: gdalwarp -t_srs {grid.crs} in.tif out.tif")
    return grid


def cell_size(grid: GeoBox) -> float | CellSize:
    """Return the side of a cell in metres: one number, or two arrays where it changes with the row or direction.

    Geographic grids use distances on the WGS 84 (or the CRS's own) ellipsoid at the centre of each row.

    Examples
    --------
    >>> cell_size(make_grid((0, 0, 300, 300), "EPSG:32635", 30))
    30.0
    """
    crs = _crs(grid)
    dx, dy = grid.affine.a, -grid.affine.e
    if not crs.is_geographic:
        metre = crs.axis_info[0].unit_conversion_factor
        if dx == dy:
            return float(dx * metre)
        ones = np.ones((grid.shape[0], 1))
        return CellSize(dx * metre * ones, dy * metre * ones)
    north = grid.affine.f + np.arange(grid.shape[0] + 1) * grid.affine.e
    return CellSize(*(side[:, None] for side in _geographic_sides(crs, north, dx)))


def cell_area(grid: GeoBox) -> np.ndarray:
    """Return the area of a cell of each row in square metres, shape ``(rows, 1)``; ellipsoidal on geographic grids."""
    from pyproj import Geod

    crs = _crs(grid)
    rows = grid.shape[0]
    if not crs.is_geographic:
        size = cell_size(grid)
        return size.dx * size.dy if isinstance(size, CellSize) else np.full((rows, 1), size**2)
    north = np.radians(grid.affine.f + np.arange(rows + 1) * grid.affine.e)
    zone = _zone_area(crs.get_geod() or Geod(ellps="WGS84"), north)
    return (np.abs(np.diff(zone)) * math.radians(grid.affine.a))[:, None]


def cut(size: float | CellSize, rows: slice) -> float | CellSize:
    """Cut cell sizes to the rows of a block."""
    return CellSize(size.dx[rows], size.dy[rows]) if isinstance(size, CellSize) else size


def _crs(grid: GeoBox) -> CRS:
    if grid.crs is None:
        raise GridError("the grid has no coordinate reference system, so metres are unknown; give its crs")
    from pyproj import CRS

    return CRS.from_user_input(grid.crs.to_wkt())


def _geographic_sides(crs: CRS, north: np.ndarray, dx: float) -> tuple[np.ndarray, np.ndarray]:
    """Lengths of one cell along its row's central parallel and along the meridian."""
    from pyproj import Geod

    geod = crs.get_geod() or Geod(ellps="WGS84")
    middle = np.radians((north[1:] + north[:-1]) / 2)
    e2 = geod.es
    prime_vertical = geod.a / np.sqrt(1 - e2 * np.sin(middle) ** 2)
    meridional = geod.a * (1 - e2) / (1 - e2 * np.sin(middle) ** 2) ** 1.5
    return prime_vertical * np.cos(middle) * math.radians(dx), meridional * np.radians(north[:-1] - north[1:])


def _zone_area(geod: Geod, latitude: np.ndarray) -> np.ndarray:
    """Area of the ellipsoid between the equator and each latitude, per radian of longitude."""
    e = math.sqrt(geod.es)
    sine = np.sin(latitude)
    if e == 0:
        return geod.a**2 * sine
    return geod.b**2 / 2 * (sine / (1 - e**2 * sine**2) + np.arctanh(e * sine) / e)
