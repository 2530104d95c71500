"""Lazy Datasets for Python: a project's sources on its grid before a run, and its published rasters after."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dask.array as da
import numpy as np
import odc.geo.xr
import pandas as pd
import rioxarray
import xarray as xr
from dask.delayed import delayed

from soilloss.grid.blocks import windows
from soilloss.sources.files import RasterSource
from soilloss.variables import VARIABLES
from soilloss.workflow import record, series, stored
from soilloss.workflow.kept import is_changing
from soilloss.workflow.site import Site

CHUNK = 2048


def lazy_sources(site: Site) -> xr.Dataset:
    """Every source of a site on the target grid, as Dask arrays read block by block."""
    for item in stored.pending(site):
        if item.kind in ("aligned", "polygons", "surface", "changed", "donor"):
            stored.make(site, item, None, lambda _done, _total: None)
    coords = odc.geo.xr.xr_coords(site.grid, dims=("y", "x"))
    arrays = {name: _array(site, name, coords) for name in site.given if name in site.project.sources}
    return xr.Dataset(arrays)


def _array(site: Site, name: str, coords: Mapping[Any, Any]) -> xr.DataArray:
    variable, given = VARIABLES[name], site.given[name]
    attributes = {"units": variable.unit, "long_name": variable.meaning}
    if not isinstance(given, RasterSource):
        return xr.DataArray(given, attrs=attributes)
    if variable.axis == "day":
        return _days(site, name, given, coords).assign_attrs(attributes)
    labels = list(site.project.steps) if is_changing(given) else [""]
    bands = len(given.bands) if variable.axis else 0
    layers = [_layer(site, name, label, bands) for label in labels]
    axis = [variable.axis] if bands else []
    if not is_changing(given):
        return xr.DataArray(layers[0], dims=["y", "x", *axis], coords=coords, attrs=attributes)
    time = pd.to_datetime([_start(label) for label in labels])
    return xr.DataArray(
        da.stack(layers), dims=["time", "y", "x", *axis], coords={"time": time, **coords}, attrs=attributes
    )


def _days(site: Site, name: str, given: RasterSource, coords: Mapping[Any, Any]) -> xr.DataArray:
    """All days of the period along ``time``, each file once."""
    labels = {path: label for label, path in reversed(given.files)}
    dates = [series.dates_of(site, given, label) for label in reversed(labels.values())]
    layers = [
        da.moveaxis(_layer(site, name, label, len(days)), -1, 0)
        for label, days in zip(reversed(labels.values()), dates, strict=True)
    ]
    time = np.concatenate(dates).astype("datetime64[ns]")
    return xr.DataArray(da.concatenate(layers), dims=["time", "y", "x"], coords={"time": time, **coords})


def _layer(site: Site, name: str, label: str, bands: int) -> da.Array:
    dtype = "float64" if VARIABLES[name].dtype == "float64" else "float32"
    tail = (bands,) if bands else ()
    rows: dict[int, list[da.Array]] = {}
    for window in windows(site.shape, CHUNK):
        shape = (*(s.stop - s.start for s in window), *tail)
        part = da.from_delayed(delayed(site.read)(name, label, window), shape, dtype)
        rows.setdefault(window[0].start, []).append(part)
    return da.concatenate([da.concatenate(row, axis=1) for row in rows.values()], axis=0)


def _start(label: str) -> str:
    """First day of a step: ``2001``, ``2001-Q3``, ``2001-07``."""
    year, _, part = label.partition("-")
    month = 3 * int(part[1]) - 2 if part.startswith("Q") else int(part or 1)
    return f"{year}-{month:02d}-01"


def open_result(folder: Path) -> xr.Dataset:
    """Open the mean maps of a finished folder, and yearly soil loss as ``soil_loss_by_step``, lazily."""
    made = record.read(folder)
    means = [r for r in made["rasters"] if r["label"] == "mean"]
    out = xr.Dataset({r["variable"]: _published(folder, r) for r in means})
    steps = [r for r in made["rasters"] if r["variable"] == "soil_loss" and r["label"].isdigit()]
    if steps:
        time = pd.to_datetime([_start(r["label"]) for r in steps])
        layers = xr.concat([_published(folder, r) for r in steps], dim="time", combine_attrs="override")
        out["soil_loss_by_year"] = layers.assign_coords(time=time)
    return out.assign_attrs(name=made["name"], soilloss=made["soilloss"])


def _published(folder: Path, raster: dict[str, Any]) -> xr.DataArray:
    classes = raster["variable"] == "severity"
    data = rioxarray.open_rasterio(folder / raster["path"], chunks={"x": CHUNK, "y": CHUNK}, masked=not classes)
    assert isinstance(data, xr.DataArray)
    layer = data.squeeze("band", drop=True)
    attributes = {"units": raster["unit"], "method": raster["method"], "citation": raster["cite"]}
    return layer.assign_attrs(attributes).astype(np.uint8 if classes else np.float32)
