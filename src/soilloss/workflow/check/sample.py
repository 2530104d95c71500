"""A bounded look at a raster: raw cells of a few windows below the target, however large the file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import shapely
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.errors import RasterioError
from rasterio.windows import Window as RasterWindow
from shapely.geometry.base import BaseGeometry

from soilloss.errors import SourceError
from soilloss.grid import align
from soilloss.grid.target import CellSize, cell_size
from soilloss.sources import files
from soilloss.variables import VARIABLES

WHOLE = 512 * 512
SIDE = 128
POINTS = 40
MOST_BANDS = 24
RIM = 2
RIM_LENGTH = 512

_Box = tuple[int, int, int, int]


class Sample(NamedTuple):
    """What was seen of one file.

    `blocks` are raw cells, (bands, rows, columns) float64 with NaN where missing; `covered` is the share of the target
    inside the raster, `spans` how many of its cells a target cell spans, `rim_zeros` the share of zeros along the edge,
    `cell` the side of its cells in m.
    """

    path: str
    blocks: list[np.ndarray]
    dtype: str
    nodata: float | None
    covered: float
    spans: float
    rim_zeros: float
    cell: float

    @property
    def values(self) -> np.ndarray:
        """All raw cells that are not missing."""
        joined = np.concatenate([block.ravel() for block in self.blocks])
        return joined[np.isfinite(joined)]

    @property
    def missing(self) -> float:
        """Share of missing cells."""
        return 1 - self.values.size / max(1, sum(block.size for block in self.blocks))


def look(source: files.RasterSource, grid: GeoBox, area: BaseGeometry | None, label: str, windows: int) -> Sample:
    """Read at most `windows` squared windows of the file of step `label` where it lies below the target.

    Raises
    ------
    SourceError
        If the file is damaged.
    GridError
        If it has no CRS or does not overlap the target.
    """
    path = files.path_of(source, label)
    with files.open_raster(path) as dataset:
        rule = VARIABLES[source.variable].resampling
        name = Path(path).name
        align.open_aligned(dataset, grid, rule, nodata=source.nodata, bands=files.bands_of(source, dataset), name=name)
        box, covered = _below(dataset, grid, area)
        try:
            return _read(source, path, dataset, grid, box, covered, windows)
        except (RasterioError, OSError) as error:
            raise SourceError(f"{path} is damaged or cut short ({_reason(error)}); copy or fetch it again") from None


def _read(
    source: files.RasterSource, path: str, dataset: Any, grid: GeoBox, box: _Box, covered: float, windows: int
) -> Sample:
    bands = files.bands_of(source, dataset)
    bands = bands[:: max(1, -(-len(bands) // MOST_BANDS))]
    kind = dataset.dtypes[bands[0] - 1]
    nodata = align.usable_nodata(dataset.nodata if source.nodata is None else source.nodata, kind)
    # a file that was cut short has lost its end
    dataset.read(bands[-1], window=RasterWindow(dataset.width - 1, dataset.height - 1, 1, 1))  # type: ignore[call-arg]  attrs class
    blocks = [_raw(dataset, bands, part, nodata) for part in _parts(box, windows)]
    rim = [_raw(dataset, bands[:1], part, nodata) for part in _rim(box)]
    spans = min(align.cells_per_cell(dataset, grid))
    zeros = float(np.mean(np.concatenate([part.ravel() for part in rim]) == 0))
    stated = nodata if nodata is not None and np.isfinite(nodata) else None
    return Sample(path, blocks, kind, stated, covered, spans, zeros, _cell(dataset))


def _raw(dataset: Any, bands: tuple[int, ...], box: _Box, nodata: float | None) -> np.ndarray:
    top, bottom, left, right = box
    window = RasterWindow(left, top, right - left, bottom - top)  # type: ignore[call-arg]  attrs class
    raw = dataset.read(list(bands), window=window).astype(float)
    if nodata is None:
        raw[dataset.read_masks(list(bands), window=window) == 0] = np.nan
    elif np.isfinite(nodata):
        raw[raw == nodata] = np.nan
    return raw


def _below(dataset: Any, grid: GeoBox, area: BaseGeometry | None) -> tuple[_Box, float]:
    """Rows and columns of the raster below the target, and the share of the target that the raster covers."""
    at = (np.arange(POINTS) + 0.5) / POINTS
    column, row = np.meshgrid(at * grid.shape[1], at * grid.shape[0])
    x, y = align.apply(grid.affine, column.ravel(), row.ravel())
    if area is not None:
        inside = shapely.contains_xy(area, x, y)
        x, y = (x[inside], y[inside]) if inside.any() else (x, y)
    assert grid.crs is not None
    over = Transformer.from_crs(grid.crs.to_wkt(), dataset.crs.to_wkt(), always_xy=True)
    column, row = align.apply(~dataset.transform, *over.transform(x, y))
    known = (column >= 0) & (column < dataset.width) & (row >= 0) & (row < dataset.height)
    top, bottom = _reach(row[np.isfinite(row)], dataset.height)
    left, right = _reach(column[np.isfinite(column)], dataset.width)
    return (top, bottom, left, right), float(known.mean())


def _reach(at: np.ndarray, size: int) -> tuple[int, int]:
    """First and last cell along one axis, with the margin that the sampled points leave out."""
    low, high = (float(at.min()), float(at.max())) if at.size else (0.0, float(size))
    margin = (high - low) / (2 * POINTS) + 1
    start = int(np.clip(low - margin, 0, size - 1))
    return start, int(np.clip(high + margin, start + 1, size))


def _parts(box: _Box, windows: int) -> list[_Box]:
    """The whole box if it is small, else windows spread evenly over it."""
    top, bottom, left, right = box
    if (bottom - top) * (right - left) <= WHOLE:
        return [box]
    rows, columns = _starts(top, bottom, windows), _starts(left, right, windows)
    return [(row, min(bottom, row + SIDE), column, min(right, column + SIDE)) for row in rows for column in columns]


def _starts(low: int, high: int, count: int) -> list[int]:
    room = max(0, high - low - SIDE)
    return sorted({low + round(room * (i + 0.5) / count) for i in range(count)})


def _rim(box: _Box) -> list[_Box]:
    """Thin strips along the four edges of a box."""
    top, bottom, left, right = box
    rows, columns = _middle(top, bottom), _middle(left, right)
    return [
        (top, min(bottom, top + RIM), *columns),
        (max(top, bottom - RIM), bottom, *columns),
        (*rows, left, min(right, left + RIM)),
        (*rows, max(left, right - RIM), right),
    ]


def _middle(low: int, high: int) -> tuple[int, int]:
    spare = max(0, high - low - RIM_LENGTH) // 2
    return low + spare, high - spare


def _cell(dataset: Any) -> float:
    """Side of a cell in the middle of the raster, in m."""
    row = dataset.height // 2
    grid = GeoBox(dataset.shape, dataset.transform, dataset.crs.to_wkt())[row : row + 1, 0:1]
    size = cell_size(grid)
    return float(np.sqrt(size.dx * size.dy)[0, 0]) if isinstance(size, CellSize) else size


def _reason(error: BaseException) -> str:
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200]
