"""A NetCDF or Zarr variable becomes GeoTIFFs on its own grid, which are then read like any raster.

``import_cube(path, name, variable, steps, destination, *, scale=None, offset=None, nodata=None, unit=None, legend=None)
-> RasterSource``. Numbers are copied as they are stored; scale, offset, missing value and unit are stated in the files.
"""

from __future__ import annotations

import itertools
import os
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
import xarray as xr
from affine import Affine
from pyproj import CRS
from pyproj.exceptions import CRSError

from soilloss.errors import DataError, GridError, SourceError, did_you_mean
from soilloss.sources.files import AXIS_LENGTHS, RasterSource, raster_source
from soilloss.variables import VARIABLES

X_NAMES = ("x", "lon", "longitude", "easting")
Y_NAMES = ("y", "lat", "latitude", "northing")
ROWS = 512
# more layers than months: days, which are read in small tiles
MANY = 31
UNEVEN = 0.01


class Cube(NamedTuple):
    """A variable as stored: its dimensions are (time or axis, if any, y, x), `order` sorts its columns eastwards."""

    label: str
    array: xr.DataArray
    transform: Affine
    crs: CRS
    order: np.ndarray
    north_up: bool


def import_cube(
    path: str | Path,
    name: str,
    variable: str,
    steps: Sequence[str],
    destination: str | Path,
    *,
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
    unit: str | None = None,
    legend: str | None = None,
) -> RasterSource:
    """Write the steps of a cube's variable as tiled GeoTIFFs below `destination`, unless they are there already.

    Parameters
    ----------
    path : path
        NetCDF file or Zarr folder.
    name : str
        The variable in it.
    variable : str
        What it is in the vocabulary. Where that has an axis (month) the cube has a dimension of that name, or as many
        times in each step.
    steps : sequence of str
        Labels of the run; a cube without time serves them all.
    destination : path
        A folder for this cube alone; it appears when it is complete.
    scale, offset, nodata, unit, legend
        As in `raster_source`; default is what the cube states.

    Raises
    ------
    SourceError
        If the cube cannot be read, or has no data for a step.
    GridError
        If its CRS or its cells are unknown or irregular.
    DataError
        If its dimensions do not fit the variable.
    """
    path, destination = Path(path), Path(destination)
    if not destination.exists():
        with _open(path) as dataset:
            cube = as_cube(dataset, name, path)
            chosen = _choose(cube, variable, steps)
            draft = destination.with_name(f"{destination.name}.{os.getpid()}.part")
            draft.mkdir(parents=True)
            try:
                for label, layers in chosen.items():
                    write_layers(cube, layers, draft / f"{label or 'all'}.tif")
                draft.rename(destination)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    options: dict[str, Any] = {"scale": scale, "offset": offset, "nodata": nodata, "unit": unit, "legend": legend}
    return raster_source(variable, _pattern(destination, steps), steps, folder=destination, **options)


def _pattern(destination: Path, steps: Sequence[str]) -> str:
    if (destination / "all.tif").exists():
        return "all.tif"
    part = steps[0].partition("-")[2]
    return "{year}.tif" if not part else "{year}-Q{quarter}.tif" if part[0] == "Q" else "{year}-{month}.tif"


def _open(path: Path) -> xr.Dataset:
    if not path.exists():
        raise SourceError(f"there is no cube {path}; check the path, which is taken from the data folder")
    engine: Any = "zarr" if path.is_dir() else None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about the age of the format, which is not the reader's concern
            return xr.open_dataset(path, engine=engine, mask_and_scale=False, decode_timedelta=False)
    except (OSError, ValueError, KeyError) as error:
        reason = " ".join(str(error).split())[:200]
        raise SourceError(f"{path} cannot be read as NetCDF or Zarr ({reason})") from None


def as_cube(dataset: xr.Dataset, name: str, path: Path) -> Cube:
    """Return a variable of a dataset with what is known of its grid; no values are read."""
    label = f"{name} in {path.name}"
    names = [str(other) for other in dataset.data_vars]
    if name not in names:
        raise DataError(
            f"{path.name} has no variable {name!r}{did_you_mean(name, names)} (variables: {', '.join(names)})"
        )
    array = dataset[name]
    x, y = _dimension(array, X_NAMES, "X", label), _dimension(array, Y_NAMES, "Y", label)
    rest = [dim for dim in array.dims if dim not in (x, y)]
    array = array.isel({dim: 0 for dim in rest if array.sizes[dim] == 1 and dim not in AXIS_LENGTHS and dim != "time"})
    rest = [dim for dim in array.dims if dim not in (x, y)]
    if len(rest) > 1:
        raise DataError(f"{label} has dimensions {', '.join(map(str, rest))} beside y and x; expected one at most")
    crs = _crs(dataset, array, str(x), label)
    east, north = (np.asarray(array[dim].values, float) for dim in (x, y))
    if crs.is_geographic:
        east = np.where(east > 180, east - 360, east)
    order = np.argsort(east, kind="stable")
    dx, dy = _spacing(east[order], label), _spacing(north, label)
    left, top = east.min() - dx / 2, north.max() + abs(dy) / 2
    transform = Affine(dx, 0, left, 0, -abs(dy), top)
    return Cube(label, array.transpose(*rest, y, x), transform, crs, order, dy < 0)


def _dimension(array: xr.DataArray, names: tuple[str, ...], axis: str, label: str) -> Any:
    for dim in array.dims:
        attributes = array[dim].attrs if dim in array.coords else {}
        if str(dim).lower() in names or attributes.get("axis") == axis:
            return dim
    raise GridError(
        f"{label} has dimensions {', '.join(map(str, array.dims))}, none of them called {' or '.join(names)}"
    )


def _spacing(at: np.ndarray, label: str) -> float:
    """Step between cell centres; where it varies there is no grid."""
    if len(at) < 2:
        raise GridError(f"{label} has one row or column only, so its cell size is unknown")
    step = float(at[-1] - at[0]) / (len(at) - 1)
    if np.abs(np.diff(at) - step).max() > UNEVEN * abs(step):
        raise GridError(f"{label} has cells of unequal size; bring it to a regular grid first, e.g. with cdo remapbil")
    return step


def _crs(dataset: xr.Dataset, array: xr.DataArray, x: str, label: str) -> CRS:
    """From the grid mapping of the CF conventions; longitude and latitude speak for themselves."""
    mapping = array.attrs.get("grid_mapping") or array.encoding.get("grid_mapping") or "spatial_ref"
    attributes = dataset[mapping].attrs if mapping in dataset.variables else {}
    text = attributes.get("crs_wkt") or attributes.get("spatial_ref") or dataset.attrs.get("crs")
    try:
        if text or "grid_mapping_name" in attributes:
            return CRS.from_user_input(text) if text else CRS.from_cf(attributes)
    except (CRSError, KeyError):
        raise GridError(
            f"{label} states a coordinate reference system that is not understood: {text or mapping}"
        ) from None
    if x.lower() in ("lon", "longitude") or "degree" in array[x].attrs.get("units", ""):
        return CRS.from_epsg(4326)
    raise GridError(
        f"{label} states no coordinate reference system; write one, e.g. with rioxarray: ds.rio.write_crs(...)"
    )


def _choose(cube: Cube, variable: str, steps: Sequence[str]) -> dict[str, list[int]]:
    """Which layers of the cube make the bands of each step; the label "" for a cube without time."""
    array = cube.array
    axis = VARIABLES[variable].axis
    first = array.dims[0] if array.ndim == 3 else None
    if first is None or (first == axis and axis != "day"):
        return {"": list(range(1 if first is None else array.sizes[first]))}
    if first not in array.coords or not hasattr(array[first], "dt"):
        raise DataError(
            f"{cube.label} has a dimension {first!r} that is neither time nor {axis or 'an axis'} of {variable}"
        )
    check_order(cube)
    time = array[first].dt
    chosen = {}
    for step in steps:
        layers = np.flatnonzero(_within(time, step)).tolist()
        expected = AXIS_LENGTHS.get(axis, len(layers) if axis else 1)
        if not layers:
            years = np.asarray(time.year.values)
            raise SourceError(f"{cube.label} has no data for {step}; it spans {years.min()} to {years.max()}")
        if len(layers) != expected:
            raise DataError(
                f"{cube.label} has {len(layers)} times in {step or 'all'}, expected {expected} for {variable}; "
                "sum them beforehand, or take the variable that has such an axis (monthly_precipitation)"
            )
        if axis == "day":
            _check_daily(cube, layers)
        chosen[step] = layers
    return chosen


def _check_daily(cube: Cube, layers: list[int]) -> None:
    """Days have to follow each other, one time for each."""
    days = [np.datetime64(_day(value), "D") for value in cube.array[cube.array.dims[0]].values[layers]]
    for before, after in itertools.pairwise(days):
        if after - before != np.timedelta64(1, "D"):
            raise DataError(
                f"{cube.label}: {after} follows {before}, expected one time for each day; sum finer steps to days, and "
                "add days that are missing as layers without values"
            )


def check_order(cube: Cube) -> None:
    """Times have to rise: what is repeated or out of order would count twice or under another name."""
    values = cube.array[cube.array.dims[0]].values
    wrong = np.flatnonzero(~(values[1:] > values[:-1]))
    if wrong.size:
        before, after = (_day(value) for value in values[wrong[0] : wrong[0] + 2])
        raise DataError(f"{cube.label}: {after} follows {before}, expected rising times; sort them and drop repeats")


def _day(value: Any) -> str:
    return str(value)[:10]


def _within(time: Any, step: str) -> np.ndarray:
    if not step:
        return np.ones(time.year.shape, bool)
    year, _, part = step.partition("-")
    inside = time.year.values == int(year)
    if part:
        inside = inside & ((time.quarter if part[0] == "Q" else time.month).values == int(part.lstrip("Q")))
    return inside


def write_layers(cube: Cube, layers: list[int], path: Path) -> None:
    """Write layers of a cube as a GeoTIFF, a band for each; numbers as they are stored, with what they mean."""
    array, attributes = cube.array, cube.array.attrs
    rows, columns = array.shape[-2:]
    unsigned = str(attributes.get("_Unsigned", "")).lower() == "true"
    dtype = np.dtype(f"u{array.dtype.itemsize}") if unsigned else array.dtype.newbyteorder("=")
    missing = attributes.get("_FillValue", attributes.get("missing_value", np.nan if dtype.kind == "f" else None))
    profile = {
        "driver": "GTiff",
        "width": columns,
        "height": rows,
        "count": len(layers),
        "dtype": dtype.name,
        "crs": cube.crs.to_wkt(),
        "transform": cube.transform,
        "nodata": None if missing is None else float(np.asarray(missing).astype(dtype).item()),
        "tiled": True,
        "blockxsize": 64 if len(layers) > MANY else 256,
        "blockysize": 64 if len(layers) > MANY else 256,
        "compress": "deflate",
        "bigtiff": "if_safer",
    }
    with rasterio.open(path, "w", **profile) as out:
        for top in range(0, rows, ROWS):
            bottom = min(top + ROWS, rows)
            source = slice(top, bottom) if cube.north_up else slice(rows - bottom, rows - top)
            for band, layer in enumerate(layers, start=1):
                part = (array[layer, source] if array.ndim == 3 else array[source]).values.astype(
                    array.dtype.newbyteorder("=")
                )
                part = (part if cube.north_up else part[::-1])[:, cube.order]
                out.write(part.view(dtype), band, window=((top, bottom), (0, columns)))
        out.scales = [float(attributes.get("scale_factor", 1))] * out.count
        out.offsets = [float(attributes.get("add_offset", 0))] * out.count
        out.units = [str(attributes.get("units", ""))] * out.count
        first = array.dims[0]
        if len(layers) > MANY and first in array.coords:
            out.update_tags(first_day=_day(array[first].values[layers[0]]))
