"""Small made-up landscapes with known answers, and the writer that turns them into files.

Shapes are ``(rows, columns)``, row 0 in the north; heights are in metres, float32.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

Shape = tuple[int, int]


def small_grid(shape: Shape = (40, 50), cell_size: float = 30.0, crs: str = "EPSG:32635") -> GeoBox:
    """Return a grid of `shape` with its upper left corner near the central meridian of its zone.

    Examples
    --------
    >>> small_grid((4, 5)).resolution.x
    30.0
    """
    left, top = (24.0, 42.0) if crs == "EPSG:4326" else (500_010.0, 4_620_000.0)
    return GeoBox(shape, Affine(cell_size, 0, left, 0, -cell_size, top), crs)


def plane(shape: Shape = (40, 50), *, cell_size: float = 30.0, east: float = 0.0, north: float = 0.1) -> np.ndarray:
    """Return a plane that rises by `east` and `north` metres per metre, lowest corner at 100 m.

    The slope is ``atan(hypot(east, north))`` everywhere.

    Examples
    --------
    >>> plane((3, 2))[:, 0].tolist()
    [106.0, 103.0, 100.0]
    """
    y, x = _metres(shape, cell_size)
    height = east * x + north * y
    return (height - height.min() + 100).astype(np.float32)


def cone(shape: Shape = (41, 41), *, cell_size: float = 30.0, gradient: float = 0.2) -> np.ndarray:
    """Return a cone with its top in the middle that falls by `gradient` metres per metre in every direction."""
    y, x = _metres(shape, cell_size)
    distance = np.hypot(x - x.mean(), y - y.mean())
    return (100 + gradient * (distance.max() - distance)).astype(np.float32)


def valley(shape: Shape = (40, 41), *, cell_size: float = 30.0, side: float = 0.2, down: float = 0.02) -> np.ndarray:
    """Return a V-shaped valley along the middle column: sides rise by `side`, the bed falls southwards by `down`."""
    y, x = _metres(shape, cell_size)
    return (100 + side * np.abs(x - x.mean()) + down * y).astype(np.float32)


def fractal(
    shape: Shape = (40, 50), *, seed: int = 0, relief: float = 300.0, roughness: float = 2.2, base: float = 100.0
) -> np.ndarray:
    """Return rough terrain between `base` and ``base + relief``; the same `seed` gives the same hills.

    The amplitude of the landscape's waves falls with the `roughness` power of their frequency; higher is smoother.

    Examples
    --------
    >>> bool((fractal(seed=1) == fractal(seed=1)).all())
    True
    """
    noise = np.random.default_rng(seed).standard_normal(shape)
    frequency = np.hypot(np.fft.fftfreq(shape[0])[:, None], np.fft.rfftfreq(shape[1])[None, :])
    frequency[0, 0] = np.inf
    height = np.fft.irfft2(np.fft.rfft2(noise) * frequency**-roughness, s=shape)
    span = height.max() - height.min() or 1.0
    return (base + relief * (height - height.min()) / span).astype(np.float32)


def station_table(
    grid: GeoBox, *, count: int = 8, seed: int = 0, gradient: float = 0.5, intercept: float = 400.0
) -> list[dict[str, float | str]]:
    """Return stations inside `grid` whose yearly rain is exactly ``intercept + gradient * elevation``.

    Each row has ``station, x, y`` (in the grid's CRS), ``elevation`` in m and ``annual_precipitation`` in mm.
    """
    random = np.random.default_rng(seed)
    left, bottom, right, top = grid.boundingbox
    rows: list[dict[str, float | str]] = []
    for number, (u, v, w) in enumerate(random.uniform(0.05, 0.95, (count, 3))):
        height = round(100 + 800 * w)
        x, y = left + u * (right - left), bottom + v * (top - bottom)
        rain = intercept + gradient * height
        rows.append({"station": f"S{number}", "x": x, "y": y, "elevation": height, "annual_precipitation": rain})
    return rows


def write_raster(
    path: str | Path,
    array: np.ndarray,
    grid: GeoBox,
    nodata: float | None = None,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    unit: str = "",
    block: int = 64,
    **tags: Any,
) -> Path:
    """Write `array`, ``(rows, columns)`` or ``(rows, columns, bands)``, as a tiled GeoTIFF and return its path.

    `scale`, `offset` and `unit` are only stated in the file: values are written as they are.
    """
    bands = array[..., None] if array.ndim == 2 else array
    profile = {
        "driver": "GTiff",
        "height": array.shape[0],
        "width": array.shape[1],
        "count": bands.shape[2],
        "dtype": array.dtype,
        "crs": None if grid.crs is None else grid.crs.to_wkt(),
        "transform": grid.affine,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": block,
        "blockysize": block,
        "compress": "deflate",
    }
    with rasterio.open(path, "w", **profile) as out:
        out.write(np.moveaxis(bands, 2, 0))
        out.scales, out.offsets = [scale] * out.count, [offset] * out.count
        if unit:
            out.units = [unit] * out.count
        out.update_tags(**tags)
    return Path(path)


def _metres(shape: Shape, cell_size: float) -> tuple[np.ndarray, np.ndarray]:
    """Distances of cell centres north of the last row and east of the first column."""
    rows, columns = shape
    return np.arange(rows - 1, -1, -1)[:, None] * cell_size, np.arange(columns)[None, :] * cell_size
