"""Bring a raster onto the target grid by its own resampling rule, window by window.

``open_aligned(dataset, grid, resampling, *, nodata=None, bands=None) -> Aligned`` and
``read(aligned, window, *, scale=1, offset=0, table=None, dtype="float32") -> (rows, columns[, bands])``.
Missing is NaN, also outside the source. Where cells coincide they are read as they are. Otherwise each target cell is
found in the source by itself (`grid.places`) and its value made from the cells around (`kernels.warp`), so no bit
depends on how the target is cut.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj.exceptions import ProjError
from rasterio.enums import MaskFlags

from soilloss.errors import GridError
from soilloss.grid.blocks import Window
from soilloss.grid.places import Pair, Places, apply, full_turn, locate, places_in, same_crs, to_source, window_places
from soilloss.kernels import warp

# Grids whose corners agree to this share of a cell hold the same cells.
COINCIDENCE = 1e-3
# With fewer source cells than this in a target cell a vote is decided by ties, and the nearest cell is the better one.
VOTERS = 2.0
# Source values held at once; a window that needs more is served in parts.
MOST_VALUES = 1 << 24

_Box = tuple[tuple[int, int], tuple[int, int]]


class Aligned(NamedTuple):
    """An open raster that answers in windows of the target grid.

    `shift` is where the target's first cell lies in the source (row, column) when cells coincide. Otherwise it is None
    and `places` finds cells, `rule` (a name in `warp.RULES`) makes their values, and looks `reach` rows and columns
    away. `masked` says that a mask inside the file tells what is missing.
    """

    dataset: Any
    shift: tuple[int, int] | None
    bands: tuple[int, ...]
    nodata: float | None
    masked: bool
    places: Places | None = None
    rule: str = ""
    reach: tuple[float, float] = (0.0, 0.0)


class Form(NamedTuple):
    """How raw cells become numbers: scale and offset, or a table of codes; and their type."""

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
        ``bilinear`` (a triangle as wide as two target cells when coarsening), ``nearest``, or ``mode``, the most
        frequent of the cells with their centre in the target cell, which is ``nearest`` unless these are more than two.
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
    if shift is not None:
        return Aligned(dataset, shift, bands, missing, masked)
    rule, reach = _rule(resampling, *cells_per_cell(dataset, grid))
    return Aligned(dataset, None, bands, missing, masked, places_in(dataset, grid), rule, reach)


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
    per code of an unsigned 8-bit source) values are codes that are looked up instead, before they are counted.
    """
    form = Form(scale, offset, table, dtype)
    out = _read_placed(aligned, window, form) if aligned.shift is None else _read_shifted(aligned, window, form)
    return out[0] if len(aligned.bands) == 1 else np.ascontiguousarray(np.moveaxis(out, 0, 2))


def coincidence(dataset: Any, grid: GeoBox) -> tuple[int, int] | None:
    """Return the source row and column of the target's first cell if cells coincide, else None."""
    if not same_crs(dataset, grid):
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
    column = (grid.shape[1] - 1) / 2 + np.array((-0.5, 0.5, 0, 0))
    row = (grid.shape[0] - 1) / 2 + np.array((0, 0, -0.5, 0.5))
    columns, rows = locate(places_in(dataset, grid), row, column)
    across, down = (max(abs(v[1] - v[0]), abs(v[3] - v[2])) for v in (columns, rows))
    return float(across), float(down)


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


def _rule(resampling: str, across: float, down: float) -> tuple[str, tuple[float, float]]:
    """Name of the kernel, and how many rows and columns it looks away."""
    if resampling == "nearest" or (resampling == "mode" and not across * down > VOTERS):
        return "nearest", (0.0, 0.0)
    down, across = (max(1.0, span) for span in (down, across))  # also where the middle cannot be transformed
    if resampling == "mode":
        return "most_frequent", (down / 2, across / 2)
    return "bilinear" if down == across == 1 else "triangle", (down, across)


def _read_placed(aligned: Aligned, window: Window, form: Form) -> np.ndarray:
    assert aligned.places is not None
    u, v = window_places(aligned.places, window)
    out = np.full((len(aligned.bands), v.shape[0], u.shape[1]), np.nan, form.dtype)
    _serve(aligned, form, (u, v), (0, aligned.dataset.height, 0, aligned.dataset.width), out)
    return out


def _serve(aligned: Aligned, form: Form, places: Pair, box: warp.Box, out: np.ndarray) -> None:
    """Fill the cells of `out` that lie in `box` (top, bottom, left, right) of the source, in one read if it is small.

    A window across the seam of a world raster reaches from one end of it to the other: halves get small at once.
    """
    top, bottom, left, right = box = warp.reached(*places, box)
    cells = (bottom - top) * (right - left)
    if bottom <= top:
        return
    if cells > 1 and cells * len(aligned.bands) > MOST_VALUES:
        for half in _halves(box):
            _serve(aligned, form, places, half, out)
        return
    down, across = (math.ceil(reach) + 1 for reach in aligned.reach)
    rows = max(top - down, 0), min(bottom + down, aligned.dataset.height)
    columns = max(left - across, 0), min(right + across, aligned.dataset.width)
    for part, filled in zip(numbers(aligned, (rows, columns), form), out, strict=True):
        warp.RULES[aligned.rule](part, (rows[0], columns[0]), box, aligned.reach, *places, filled)


def _halves(box: warp.Box) -> tuple[warp.Box, warp.Box]:
    top, bottom, left, right = box
    if bottom - top > right - left:
        middle = (top + bottom) // 2
        return (top, middle, left, right), (middle, bottom, left, right)
    middle = (left + right) // 2
    return (top, bottom, left, middle), (top, bottom, middle, right)


def source_box(aligned: Aligned, window: Window) -> _Box:
    """Return rows and columns of the source below a window of the target, where cells coincide."""
    assert aligned.shift is not None
    (top, bottom), (left, right) = (
        (part.start + shift, part.stop + shift) for part, shift in zip(window, aligned.shift, strict=True)
    )
    return (top, bottom), (left, right)


def holds(aligned: Aligned, box: _Box) -> bool:
    """Return whether a box lies wholly inside the source."""
    (top, bottom), (left, right) = box
    return top >= 0 and left >= 0 and bottom <= aligned.dataset.height and right <= aligned.dataset.width


def _read_shifted(aligned: Aligned, window: Window, form: Form) -> np.ndarray:
    """Read from a source that may begin or end inside the window."""
    box = (top, bottom), (left, right) = source_box(aligned, window)
    if holds(aligned, box):
        return numbers(aligned, box, form)
    first, last = max(top, 0), min(bottom, aligned.dataset.height)
    west, east = max(left, 0), min(right, aligned.dataset.width)
    out = np.full((len(aligned.bands), bottom - top, right - left), np.nan, form.dtype)
    if last > first and east > west:
        part = numbers(aligned, ((first, last), (west, east)), form)
        out[:, first - top : last - top, west - left : east - left] = part
    return out


def numbers(aligned: Aligned, box: _Box, form: Form) -> np.ndarray:
    """Return cells of the source as numbers, (bands, rows, columns)."""
    raw = aligned.dataset.read(list(aligned.bands), window=box)
    if aligned.masked:
        return formed(aligned, raw, form, aligned.dataset.read_masks(list(aligned.bands), window=box) == 0)
    return formed(aligned, raw, form)


def formed(aligned: Aligned, raw: np.ndarray, form: Form, missing: np.ndarray | None = None) -> np.ndarray:
    """Return raw cells as numbers, in as few passes over memory as there are things to do."""
    if missing is None and aligned.nodata is not None and aligned.nodata == aligned.nodata:
        missing = raw == raw.dtype.type(aligned.nodata)
    if form.table is not None:
        out = form.table[raw]
    else:
        kind = np.float64 if _is_wide(raw.dtype) else np.float32
        out = raw.astype(kind, copy=False) if form.scale == 1 else np.multiply(raw, kind(form.scale), dtype=kind)
        if form.offset:
            out += kind(form.offset)
    if missing is not None:
        np.copyto(out, np.nan, where=missing)
    return out.astype(form.dtype, copy=False)


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
        target = to_source(grid, dataset).transform_bounds(*grid.boundingbox)
    except ProjError:
        target = (np.inf,) * 4
    source = dataset.bounds
    west, east = sorted((source.left, source.right))
    south, north = sorted((source.bottom, source.top))
    turn = full_turn(dataset.crs.to_wkt()) if dataset.crs.is_geographic else 0.0
    beyond = turn if target[2] < target[0] else 0.0  # across the antimeridian
    meets = any(target[0] + move < east and target[2] + beyond + move > west for move in (0.0, turn, -turn))
    if not (meets and target[1] < north and target[3] > south):
        raise GridError(
            f"{name} does not overlap the target grid: it spans {_span(west, east)} east and {_span(south, north)} "
            f"north, the grid {_span(target[0], target[2])} east and {_span(target[1], target[3])} north "
            f"({dataset.crs.to_string()[:40]}). Check its CRS."
        )


def _span(low: float, high: float) -> str:
    return f"{low:.10g}..{high:.10g}"
