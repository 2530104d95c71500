"""Rasters from files: what a file states, names with years in them, and blocks of the target grid.

``raster_source(variable, pattern, steps, *, folder, ...) -> RasterSource``; ``native_grid(source) -> GeoBox``;
``read_block(source, grid, step, window) -> ndarray`` in the canonical unit; ``close_all()``; ``environment()``.
NetCDF and Zarr variables become rasters with `sources.cubes.import_cube`; `sources.samples` looks at raw values.
"""

from __future__ import annotations

import calendar
import functools
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.errors import RasterioError

from soilloss.errors import DataError, GridError, SourceError
from soilloss.grid import align
from soilloss.grid.blocks import Window
from soilloss.grid.opened import Coded, Opened, open_window
from soilloss.grid.target import checked
from soilloss.sources import legends
from soilloss.sources.patterns import find
from soilloss.units import conversion
from soilloss.variables import VARIABLES

AXIS_LENGTHS = {"month": 12, "half_month": 24, "class": 8}
CACHE_MEGABYTES = 256
MOST_FILES, LEAST_FILES = 1000, 16  # rasters kept open: at most in all, at least by each thread


class RasterSource(NamedTuple):
    """A variable kept in raster files.

    `files` are (step label, path) pairs, the label "" for what does not change; `bands` are counted from 1, one per
    month where the variable has an axis, and () for all that a file has (days: a leap year has more). A cell means
    ``scale * value + offset`` in `unit`, and is missing where it equals `nodata`. `legend` ("", a name or a path)
    turns codes into classes.
    """

    variable: str
    files: tuple[tuple[str, str], ...]
    bands: tuple[int, ...]
    scale: float
    offset: float
    nodata: float | None
    unit: str
    legend: str


class _Stated(NamedTuple):
    """What a file says about itself."""

    scale: float
    offset: float
    nodata: float | None
    unit: str
    bands: int


def environment() -> rasterio.Env:
    """Return GDAL's settings for a run, a context manager: one bounded block cache per process."""
    return rasterio.Env(GDAL_CACHEMAX=CACHE_MEGABYTES)


def raster_source(
    variable: str,
    pattern: str | Path,
    steps: Sequence[str],
    *,
    folder: str | Path = ".",
    band: int | Sequence[int] | None = None,
    scale: float | None = None,
    offset: float | None = None,
    nodata: float | None = None,
    unit: str | None = None,
    legend: str | None = None,
) -> RasterSource:
    """Return where `variable` is found; whatever is not given is what the files state.

    Parameters
    ----------
    variable : str
        Name in the vocabulary.
    pattern : str or Path
        A path, from `folder`, that may hold ``{year}``, ``{quarter}`` and ``{month}`` (two digits).
    steps : sequence of str
        Labels of the run: ``2016``, ``2016-Q3``, ``2016-07``.
    band : int or sequence of int, optional
        Default: the only band, or one per month, half-month or day where the variable has such an axis.
    unit : str, optional
        Anything that converts to the canonical unit; default what the file states, else the canonical one.
    legend : str, optional
        Name or CSV path of a table of code and class.

    Raises
    ------
    SourceError
        If files are missing (it says for which steps) or cannot be opened.
    ProjectError
        If a placeholder has no meaning for these steps.
    DataError
        If files state different things, or the number of bands does not fit.
    UnitsError
        If the unit does not convert.
    """
    folder = Path(folder)
    files = find(variable, str(pattern), steps, folder)
    bands = _bands(variable, files[0][1], band)
    if not bands:
        _check_days(variable, files)
    given = {"scale": scale, "offset": offset, "nodata": nodata, "unit": unit}
    open_questions = {name for name, value in given.items() if value is None} | {"bands"}
    stated = _agreed(variable, tuple(dict.fromkeys(path for _, path in files)), bands, open_questions)
    missing = stated.nodata if nodata is None else nodata
    is_class = VARIABLES[variable].is_class
    unit = unit if unit is not None else "" if is_class else stated.unit or VARIABLES[variable].unit
    conversion(variable, unit)
    if legend and legend.lower().endswith(".csv"):
        legend = str(folder / legend)
    legends.read_legend(legend or "")
    return RasterSource(
        variable,
        files,
        bands,
        1.0 if is_class else stated.scale if scale is None else scale,
        0.0 if is_class else stated.offset if offset is None else offset,
        None if missing is None or missing != missing else float(missing),  # NaN is missing anyway
        unit,
        legend or "",
    )


def path_of(source: RasterSource, step: str) -> str:
    """Return the file that serves `step`."""
    files = dict(source.files)
    if step in files:
        return files[step]
    if "" in files:
        return files[""]
    raise SourceError(f"{source.variable} has no file for {step}; it has {', '.join(files)}")


def bands_of(source: RasterSource, dataset: Any) -> tuple[int, ...]:
    """Return the bands that are read of an opened file of the source."""
    return source.bands or tuple(range(1, dataset.count + 1))


def days_in(path: str) -> tuple[str, int]:
    """Return the first day that a file of days states ("" if it does not), and how many it has."""
    with open_raster(path) as dataset:
        return dataset.tags().get("first_day", ""), dataset.count


def native_grid(source: RasterSource) -> GeoBox:
    """Return the grid of the source's first file.

    Raises
    ------
    GridError
        If it has no CRS, is rotated, or is not north up.
    """
    path = source.files[0][1]
    with open_raster(path) as dataset:
        if dataset.crs is None:
            raise GridError(
                f"{path} has no coordinate reference system; set it with: gdal_edit.py -a_srs EPSG:... {path}"
            )
        return checked(GeoBox(dataset.shape, dataset.transform, dataset.crs.to_wkt()), path)


def read_block(source: RasterSource, grid: GeoBox, step: str, window: Window) -> np.ndarray:
    """Return `window` of the target `grid` in the canonical unit, NaN where missing.

    Returns
    -------
    ndarray
        Shape (rows, columns), or (rows, columns, bands) where the variable has an axis; float32 (float64 where the
        vocabulary says so). Classes are float32 codes.

    Raises
    ------
    SourceError
        If the file is damaged; the message names it.
    GridError
        If it does not overlap the grid.
    """
    path = path_of(source, step)
    handle = _handle(source, grid, path)
    with _readable(path):
        out = align.read(handle.aligned, window, **_form(source, handle), dtype=VARIABLES[source.variable].dtype)
    return _finished(source, handle, out)


def open_block(source: RasterSource, grid: GeoBox, step: str, window: Window) -> Opened | np.ndarray:
    """Return the same without making numbers of it yet, where `grid.opened` can; else what `read_block` does."""
    path = path_of(source, step)
    handle = _handle(source, grid, path)
    if VARIABLES[source.variable].dtype == "float32" and not callable(conversion(source.variable, source.unit)):
        with _readable(path):
            meaning = (source.variable, source.scale, source.offset, source.unit, source.nodata, source.legend)
            found = open_window(handle.aligned, window, **_form(source, handle), key=meaning)
        if isinstance(found, Coded):
            return found._replace(values=_finished(source, handle, found.values))
        if found is not None and not _zeros_go(source, handle):
            return found
    return read_block(source, grid, step, window)


def _form(source: RasterSource, handle: _Handle) -> dict[str, Any]:
    """How raw cells become numbers of the canonical unit."""
    factor = conversion(source.variable, source.unit)
    times = 1.0 if callable(factor) else factor
    return {"scale": source.scale * times, "offset": source.offset * times, "table": handle.table}


def _finished(source: RasterSource, handle: _Handle, out: np.ndarray) -> np.ndarray:
    """What is left to do to numbers that were read."""
    if _zeros_go(source, handle):
        out[out == 0] = np.nan
    factor = conversion(source.variable, source.unit)
    return factor(out) if callable(factor) else out


def _zeros_go(source: RasterSource, handle: _Handle) -> bool:
    """Whether codes of 0 are still to be made missing."""
    return VARIABLES[source.variable].is_class and handle.table is None and _zero_is_missing(source)


@contextmanager
def _readable(path: str) -> Iterator[None]:
    try:
        yield
    except (RasterioError, OSError) as error:
        raise SourceError(f"{path} is damaged or cut short ({_reason(error)}); copy or fetch it again") from error


def open_raster(path: str) -> Any:
    """Return `path` opened by rasterio, or raise a `SourceError` that names it."""
    try:
        return rasterio.open(path, sharing=False)
    except (RasterioError, OSError) as error:
        raise SourceError(f"{path} cannot be opened as a raster ({_reason(error)})") from error


class _Handle(NamedTuple):
    aligned: align.Aligned
    datasets: tuple[Any, ...]
    table: np.ndarray | None


# thread -> what it has open, the longest unused first; GDAL's handles must not be shared between threads
_open: dict[int, OrderedDict[Any, _Handle]] = {}
_lock = threading.Lock()


def close_all() -> None:
    """Close every raster that `read_block` keeps open, in all threads; call it when no block is being read."""
    with _lock:
        handles = [handle for held in _open.values() for handle in held.values()]
        _open.clear()
    for handle in handles:
        _close(handle)


def close_mine() -> None:
    """Close every raster that `read_block` keeps open in this thread: files may change before it reads again."""
    with _lock:
        held = _open.pop(threading.get_ident(), OrderedDict())
    for handle in held.values():
        _close(handle)


def _close(handle: _Handle) -> None:
    for dataset in (handle.aligned.dataset, *handle.datasets):
        dataset.close()


def _handle(source: RasterSource, grid: GeoBox, path: str) -> _Handle:
    held = _mine()
    key = (path, grid, source.variable, source.bands, source.nodata, source.legend)
    if key in held:
        held.move_to_end(key)
        return held[key]
    handle = held[key] = _open_handle(source, grid, path)
    if len(held) > max(LEAST_FILES, _most_files() // len(_open)):
        _close(held.popitem(last=False)[1])
    return handle


@functools.cache
def _most_files() -> int:
    """How many rasters may be open at a time: half of what the system grants, where it says so."""
    with suppress(ImportError):
        import resource

        return min(MOST_FILES, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 2)
    return MOST_FILES


def _mine() -> OrderedDict[Any, _Handle]:
    """What this thread has open; a new thread first closes what threads that have ended left behind."""
    thread = threading.get_ident()
    with _lock:
        if thread not in _open:
            for ended in set(_open) - {other.ident for other in threading.enumerate()}:
                for handle in _open.pop(ended).values():
                    _close(handle)
            _open[thread] = OrderedDict()
        return _open[thread]


def _open_handle(source: RasterSource, grid: GeoBox, path: str) -> _Handle:
    dataset = open_raster(path)
    datasets, nodata, table = (dataset,), source.nodata, None
    bands = bands_of(source, dataset)
    variable = VARIABLES[source.variable]
    legend = legends.read_legend(source.legend)
    if variable.is_class and dataset.dtypes[bands[0] - 1] == "uint8":
        table = legends.code_table(source.variable, legend, nodata)
    elif legend:
        datasets = (open_raster(legends.virtual(dataset, bands, legend, nodata)), dataset)
        bands, nodata = tuple(range(1, len(bands) + 1)), 0
    elif variable.is_class and nodata is None and _zero_is_missing(source):
        nodata = 0
    name = f"{source.variable} ({Path(path).name})"
    try:
        aligned = align.open_aligned(datasets[0], grid, variable.resampling, nodata=nodata, bands=bands, name=name)
    except GridError:
        for opened in datasets:
            opened.close()
        raise
    return _Handle(aligned, datasets, table)


def _zero_is_missing(source: RasterSource) -> bool:
    return bool(source.legend) or source.variable not in legends.ZERO_IS_A_CODE


def _bands(variable: str, path: str, band: int | Sequence[int] | None) -> tuple[int, ...]:
    with open_raster(path) as dataset:
        count = dataset.count
    axis = VARIABLES[variable].axis
    if axis == "day" and band is None:
        return ()
    chosen = (band,) if isinstance(band, int) else tuple(band) if band else tuple(range(1, count + 1))
    if not all(1 <= number <= count for number in chosen):
        raise DataError(f"{variable}: band {band} is not in {path}, which has bands 1 to {count}")
    expected = AXIS_LENGTHS.get(axis, len(chosen) if axis else 1)
    if len(chosen) != expected:
        remedy = f"name the {expected} of them in order" if axis else f"say which: {{file: {Path(path).name}, band: 1}}"
        raise DataError(f"{variable} takes {expected} band{'s'[: expected > 1]} of {path}, which has {count}; {remedy}")
    return chosen


def _check_days(variable: str, files: tuple[tuple[str, str], ...]) -> None:
    """A file of a year has a band for each of its days."""
    for year, path in {label[:4]: path for label, path in files if label}.items():
        expected = 366 if calendar.isleap(int(year)) else 365
        _, count = days_in(path)
        if count != expected:
            raise DataError(
                f"{variable}: {path} has {count} bands, expected {expected}, one for each day of {year}; "
                "add days that are missing as bands without values"
            )


def _agreed(variable: str, paths: tuple[str, ...], bands: tuple[int, ...], questions: set[str]) -> _Stated:
    """What all files state; they must agree where it is used, because one record speaks for them."""
    stated = [_state(path, bands) for path in paths]
    for path, other in zip(paths, stated, strict=True):
        for name, one, another in zip(_Stated._fields, stated[0], other, strict=True):
            fits = name == "bands" and max(bands, default=1) <= other.bands
            if name in questions and repr(one) != repr(another) and not fits:
                raise DataError(
                    f"{variable}: {path} states {name} {another}, {paths[0]} {one}; "
                    f"make them agree or give {name} under sources"
                )
    return stated[0]


def _state(path: str, bands: tuple[int, ...]) -> _Stated:
    with open_raster(path) as dataset:
        band = min(bands[0] if bands else 1, dataset.count) - 1
        stated = dataset.units[band] or ""
        return _Stated(dataset.scales[band], dataset.offsets[band], dataset.nodatavals[band], stated, dataset.count)


def _reason(error: BaseException) -> str:
    """The innermost message of the library, on one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return " ".join(str(error).split())[:200]
