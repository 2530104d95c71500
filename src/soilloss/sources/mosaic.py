"""Pieces of files put together: tiles side by side, dates and depths summed or stacked, on the product's own grid.

``assemble(variable, band, stacks, out)`` writes one GeoTIFF and returns its grid. Where pieces overlap the first one
counts; a piece on other cells than the finest is brought onto them by the rule of its variable.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from soilloss.errors import DataError
from soilloss.grid import align
from soilloss.grid.blocks import windows
from soilloss.sources.products import Band
from soilloss.variables import VARIABLES

ROWS = 512


class Stack(NamedTuple):
    """The pieces of one date or depth, the band they go to, their weight in it, and which of their bands is meant."""

    paths: tuple[Path, ...]
    group: int
    share: float
    band: int = 1


def assemble(variable: str, band: Band, stacks: Sequence[Stack], out: Path, *, label: str = "") -> GeoBox:
    """Write `stacks` as one GeoTIFF, a band for each group.

    Numbers of a band with a single layer are copied as they are stored, with scale, offset, unit and missing value
    stated in the file; where layers are summed or weighted, sums are float32 in the product's unit, missing where one
    layer is.

    Raises
    ------
    DataError
        If no piece holds anything.
    """
    paths = [path for stack in stacks for path in stack.paths]
    if not paths:
        raise DataError(f"{variable} {label}: the product has nothing for the area")
    grid = union(stacks[0].paths or paths)
    groups: dict[int, list[Stack]] = {}
    for stack in stacks:
        groups.setdefault(stack.group, []).append(stack)
    raw = all(len(group) == 1 and group[0].share == 1 for group in groups.values())
    stated = _stated(variable, band, paths[0])
    profile = _profile(grid, len(groups), stated.dtype if raw else "float32", stated.nodata if raw else float("nan"))
    with rasterio.open(out, "w", **profile) as target:
        for number, (_, group) in enumerate(sorted(groups.items()), start=1):
            for window in windows(_shape(grid), (ROWS, grid.shape[1])):
                if raw:
                    values = _raw(_layer(variable, group[0], grid, window, stated), stated)
                else:
                    values = _summed(variable, group, grid, window, stated)
                target.write(values, number, window=tuple((side.start, side.stop) for side in window))
        target.scales = [stated.scale if raw else 1.0] * len(groups)
        target.offsets = [stated.offset if raw else 0.0] * len(groups)
        target.units = [stated.unit] * len(groups)
        if VARIABLES[variable].axis == "day" and label:
            target.update_tags(first_day=f"{label[:4]}-01-01")
    return grid


class _Facts(NamedTuple):
    dtype: str
    nodata: float
    scale: float
    offset: float
    unit: str


def _stated(variable: str, band: Band, path: Path) -> _Facts:
    """What the entry says, else what the file says."""
    with rasterio.open(path) as dataset:
        dtype = dataset.dtypes[0]
        nodata = dataset.nodata if band.nodata is None else band.nodata
        scale = dataset.scales[0] if band.scale is None else band.scale
        offset = dataset.offsets[0] if band.offset is None else band.offset
    if nodata is None:
        kind = np.dtype(dtype)
        nodata = math.nan if kind.kind == "f" else 0 if kind.kind == "u" else float(np.iinfo(kind).min)
    unit = VARIABLES[variable].unit if band.unit is None else band.unit
    return _Facts(dtype, nodata, scale, offset, unit)


def union(paths: Sequence[Path]) -> GeoBox:
    """Return the grid of the finest piece, grown to hold all of them."""
    boxes = []
    for path in paths:
        with rasterio.open(path) as dataset:
            boxes.append(GeoBox(dataset.shape, dataset.transform, dataset.crs.to_wkt()))
    finest = min(boxes, key=lambda box: (box.affine.a, -box.affine.e))
    a = finest.affine
    bounds = [box.boundingbox if box.crs == finest.crs else box.extent.to_crs(finest.crs).boundingbox for box in boxes]
    left = round((min(b.left for b in bounds) - a.c) / a.a)
    right = round((max(b.right for b in bounds) - a.c) / a.a)
    top = round((max(b.top for b in bounds) - a.f) / a.e)
    bottom = round((min(b.bottom for b in bounds) - a.f) / a.e)
    corner = Affine(a.a, 0, a.c + left * a.a, 0, a.e, a.f + top * a.e)
    return GeoBox((bottom - top, right - left), corner, finest.crs)


def _shape(grid: GeoBox) -> tuple[int, int]:
    return int(grid.shape[0]), int(grid.shape[1])


def _profile(grid: GeoBox, count: int, dtype: str, nodata: float) -> dict[str, Any]:
    rows, columns = _shape(grid)
    small = 64 if count > 31 else 256
    return {
        "driver": "GTiff",
        "height": rows,
        "width": columns,
        "count": count,
        "dtype": dtype,
        "crs": grid.crs.to_wkt() if grid.crs else None,
        "transform": grid.affine,
        "nodata": nodata,
        "tiled": True,
        "blockxsize": small,
        "blockysize": small,
        "compress": "deflate",
        "interleave": "band",
        "bigtiff": "if_safer",
    }


def _layer(variable: str, stack: Stack, grid: GeoBox, window: tuple[slice, slice], stated: _Facts) -> np.ndarray:
    """One layer in a window, NaN where missing, as stored: the first piece that has a value counts."""
    shape = window[0].stop - window[0].start, window[1].stop - window[1].start
    out = np.full(shape, np.nan, np.float64 if np.dtype(stated.dtype).itemsize > 4 else np.float32)
    for path in stack.paths:
        with rasterio.open(path) as dataset:
            rule = VARIABLES[variable].resampling
            piece = align.open_aligned(dataset, grid, rule, nodata=stated.nodata, bands=(stack.band,), name=path.name)
            values = align.read(piece, window, dtype=out.dtype.name)
        np.copyto(out, values, where=np.isnan(out))
    return out


def _raw(values: np.ndarray, stated: _Facts) -> np.ndarray:
    kind = np.dtype(stated.dtype)
    if kind.kind == "f":
        return np.where(np.isnan(values), stated.nodata, values).astype(kind)
    return np.where(np.isnan(values), stated.nodata, np.rint(values)).astype(kind)


def _summed(
    variable: str, group: Sequence[Stack], grid: GeoBox, window: tuple[slice, slice], stated: _Facts
) -> np.ndarray:
    total: Any = 0.0
    for stack in group:
        values = _layer(variable, stack, grid, window, stated).astype(np.float64)
        total = total + stack.share * (values * stated.scale + stated.offset)
    return total.astype(np.float32)
