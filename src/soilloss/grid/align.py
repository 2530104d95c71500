"""Bring a raster onto the target grid by its own resampling rule, window by window.

``open_aligned(dataset, grid, resampling, *, nodata=None, bands=None) -> Aligned`` and
``read(aligned, window, *, scale=1, offset=0, table=None, dtype="float32") -> (rows, columns[, bands])``.
Missing is NaN, also outside the source. Where cells coincide they are read as they are. Otherwise one virtual warp over
the *whole* target is read by windows: warping each window by itself would make the answer depend on the cut.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from pyproj.exceptions import ProjError
from rasterio.enums import MaskFlags, Resampling
from rasterio.vrt import WarpedVRT

from soilloss.errors import GridError
from soilloss.grid.blocks import Window
from soilloss.grid.target import parse_crs

# Positions are exact to this many target cells. Coarser tolerances let the warper interpolate positions along each
# scan line, and where a line starts depends on the window: at 1e-6, 1 m cells of a 90 m source differed.
TOLERANCE = 1e-12
# Grids whose corners agree to this share of a cell hold the same cells.
COINCIDENCE = 1e-3
# With fewer source cells than this in a target cell a vote is decided by ties, and the nearest cell is the better one.
VOTERS = 2.0

_Box = tuple[tuple[int, int], tuple[int, int]]


class Aligned(NamedTuple):
    """An open raster that answers in windows of the target grid.

    `shift` is where the target's first cell lies in the source (row, column) when cells coincide; None when `dataset`
    is a warp that lies on the target itself. `masked` says that a mask inside the file tells what is missing.
    """

    dataset: Any
    shift: tuple[int, int] | None
    bands: tuple[int, ...]
    nodata: float | None
    masked: bool


class _Form(NamedTuple):
    scale: float
    offset: float
    table: np.ndarray | None
    dtype: str


def open_aligned(
    dataset: Any,
    grid: GeoBox,
    resampling: str,
    *,
    nodata: float | None = None,
    bands: tuple[int, ...] | None = None,
    name: str = "",
) -> Aligned:
    """Return `dataset` (open, rasterio) as something that `read` reads in windows of `grid`.

    Parameters
    ----------
    dataset : rasterio dataset
        Any raster with a CRS, on any grid; it must stay open.
    grid : GeoBox
        The target.
    resampling : str
        ``bilinear`` (area-weighted triangle when coarsening), ``nearest``, or ``mode``, which is ``nearest`` unless
        a target cell holds more than two source cells.
    nodata : float, optional
        Value that means missing; default is what the file states. A value its data type cannot hold is ignored.
    bands : tuple of int, optional
        Bands to read, counted from 1; default all. One band gives windows of shape (rows, columns).
    name : str, optional
        What messages call it; default the file's name.

    Raises
    ------
    GridError
        If there is no CRS or the two do not overlap.
    """
    _check_overlap(dataset, grid, name or Path(dataset.name).name)
    bands = bands or tuple(dataset.indexes)
    missing = usable_nodata(dataset.nodata if nodata is None else nodata, dataset.dtypes[bands[0] - 1])
    masked = missing is None and MaskFlags.per_dataset in dataset.mask_flag_enums[0]
    shift = coincidence(dataset, grid)
    source = dataset if shift is not None else _warp(dataset, grid, resampling, missing)
    return Aligned(source, shift, bands, missing, masked)


def read(
    aligned: Aligned,
    window: Window,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    table: np.ndarray | None = None,
    dtype: str = "float32",
) -> np.ndarray:
    """Return a window of the target as ``scale * value + offset``, NaN where missing or outside the source.

    Shape is (rows, columns), or (rows, columns, bands) when several bands were asked for. With `table` (one number
    per code of an unsigned 8-bit source whose cells coincide) values are codes that are looked up instead.
    """
    rows, columns = window
    form = _Form(scale, offset, table, dtype)
    if aligned.shift is None:
        box = ((rows.start, rows.stop), (columns.start, columns.stop))
        out = _values(aligned, box, form)
    else:
        out = _read_shifted(aligned, rows, columns, form)
    return out[0] if len(aligned.bands) == 1 else np.ascontiguousarray(np.moveaxis(out, 0, 2))


def coincidence(dataset: Any, grid: GeoBox) -> tuple[int, int] | None:
    """Return the source row and column of the target's first cell if cells coincide, else None."""
    if not _equal_crs(dataset.crs.to_wkt(), _wkt(grid)):
        return None
    rows, columns = grid.shape
    (left, top), (right, bottom) = (
        apply(~dataset.transform, *apply(grid.affine, column, row)) for column, row in ((0, 0), (columns, rows))
    )
    column, row = round(left), round(top)
    gaps = (left - column, top - row, right - column - columns, bottom - row - rows)
    straight = dataset.transform.b == dataset.transform.d == 0
    return (row, column) if straight and all(abs(gap) < COINCIDENCE for gap in gaps) else None


def cells_per_cell(dataset: Any, grid: GeoBox) -> tuple[float, float]:
    """Return how many source columns and rows a cell in the middle of the target spans."""
    column = grid.shape[1] / 2 + np.array((-0.5, 0.5, 0, 0))
    row = grid.shape[0] / 2 + np.array((0, 0, -0.5, 0.5))
    x, y = _transformer(grid, dataset).transform(*apply(grid.affine, column, row))
    columns, rows = apply(~dataset.transform, x, y)
    across, down = (max(abs(v[1] - v[0]), abs(v[3] - v[2])) for v in (columns, rows))
    return float(across), float(down)


def apply(transform: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """Return where an affine `transform` takes the point `x`, `y` (numbers or arrays)."""
    return transform.a * x + transform.b * y + transform.c, transform.d * x + transform.e * y + transform.f


def usable_nodata(nodata: float | None, dtype: str) -> float | None:
    """Return the value that means missing as `dtype` holds it, None if it cannot; floats always have NaN.

    Examples
    --------
    >>> usable_nodata(-9999, "uint8") is None
    True
    >>> usable_nodata(None, "float32")
    nan
    """
    kind = np.dtype(dtype)
    if kind.kind == "f":
        with np.errstate(over="ignore"):
            return float(kind.type(np.nan if nodata is None else nodata))
    if nodata is None or nodata % 1 != 0:
        return None
    limits = np.iinfo(kind)
    return float(nodata) if limits.min <= nodata <= limits.max else None


def _warp(dataset: Any, grid: GeoBox, resampling: str, missing: float | None) -> WarpedVRT:
    across, down = cells_per_cell(dataset, grid)
    if resampling == "mode" and across * down <= VOTERS:
        resampling = "nearest"
    # the source's own type would round quantities kept as integers
    kind = "float64" if any(map(_is_wide, dataset.dtypes)) else "float32"
    return WarpedVRT(
        dataset,
        crs=_wkt(grid),
        transform=grid.affine,
        height=grid.shape[0],
        width=grid.shape[1],
        resampling=Resampling[resampling],
        tolerance=TOLERANCE,
        src_nodata=missing,
        nodata=np.nan,
        dtype=kind,
        XSCALE=min(1.0, 1 / across),
        YSCALE=min(1.0, 1 / down),
        UNIFIED_SRC_NODATA="NO",  # a cell missing in one band only is missing there
    )


def _read_shifted(aligned: Aligned, rows: slice, columns: slice, form: _Form) -> np.ndarray:
    """Read from a source that may begin or end inside the window."""
    assert aligned.shift is not None
    top, left = rows.start + aligned.shift[0], columns.start + aligned.shift[1]
    bottom, right = rows.stop + aligned.shift[0], columns.stop + aligned.shift[1]
    first, last = max(top, 0), min(bottom, aligned.dataset.height)
    west, east = max(left, 0), min(right, aligned.dataset.width)
    box = ((first, last), (west, east))
    if (first, west, last, east) == (top, left, bottom, right):
        return _values(aligned, box, form)
    out = np.full((len(aligned.bands), bottom - top, right - left), np.nan, form.dtype)
    if last > first and east > west:
        out[:, first - top : last - top, west - left : east - left] = _values(aligned, box, form)
    return out


def _values(aligned: Aligned, box: _Box, form: _Form) -> np.ndarray:
    """Raw cells to numbers in as few passes over memory as there are things to do."""
    raw = aligned.dataset.read(list(aligned.bands), window=box)
    if form.table is not None:
        return form.table[raw]
    kind = np.float64 if _is_wide(raw.dtype) else np.float32
    missing = _missing(aligned, raw, box)
    out = raw.astype(kind, copy=False) if form.scale == 1 else np.multiply(raw, kind(form.scale), dtype=kind)
    if form.offset:
        out += kind(form.offset)
    if missing is not None:
        np.copyto(out, np.nan, where=missing)
    return out.astype(form.dtype, copy=False)


def _missing(aligned: Aligned, raw: np.ndarray, box: _Box) -> np.ndarray | None:
    """Where raw cells are missing; None when they already are NaN there."""
    if aligned.shift is None:
        return None
    if aligned.masked:
        return aligned.dataset.read_masks(list(aligned.bands), window=box) == 0
    if aligned.nodata is None or aligned.nodata != aligned.nodata:
        return None
    return raw == raw.dtype.type(aligned.nodata)


def _is_wide(dtype: Any) -> bool:
    """Whether float32 cannot hold every value of `dtype`."""
    kind = np.dtype(dtype)
    return kind.itemsize > 2 and kind != np.float32


def _check_overlap(dataset: Any, grid: GeoBox, name: str) -> None:
    if dataset.crs is None:
        raise GridError(
            f"{name} has no coordinate reference system, so its place is unknown; "
            f"set it with: gdal_edit.py -a_srs EPSG:... {name}"
        )
    try:
        target = _transformer(grid, dataset).transform_bounds(*grid.boundingbox)
    except ProjError:
        target = (np.inf,) * 4
    source = dataset.bounds
    west, east = sorted((source.left, source.right))
    south, north = sorted((source.bottom, source.top))
    if not (target[0] < east and target[2] > west and target[1] < north and target[3] > south):
        raise GridError(
            f"{name} does not overlap the target grid: it spans {_span(west, east)} east and {_span(south, north)} "
            f"north, the grid {_span(target[0], target[2])} east and {_span(target[1], target[3])} north "
            f"({dataset.crs.to_string()[:40]}). Check its CRS."
        )


def _span(low: float, high: float) -> str:
    return f"{low:.10g}..{high:.10g}"


@lru_cache(maxsize=256)
def _transform_between(source: str, target: str) -> Transformer:
    return Transformer.from_crs(parse_crs(source), parse_crs(target), always_xy=True)


def _transformer(grid: GeoBox, dataset: Any) -> Transformer:
    """From the coordinates of the target grid to those of the source."""
    return _transform_between(_wkt(grid), dataset.crs.to_wkt())


def _wkt(grid: GeoBox) -> str:
    if grid.crs is None:
        raise GridError("the target grid has no coordinate reference system; give its crs under 'grid'")
    return grid.crs.to_wkt()


@lru_cache(maxsize=256)
def _equal_crs(one: str, other: str) -> bool:
    return parse_crs(one).equals(parse_crs(other), ignore_axis_order=True)
