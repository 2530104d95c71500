"""Terrain alone: from a raster of heights to fill, directions, accumulation, LS, catchments and streams in a folder.

Holes of one cell are closed before anything is routed, so water crosses them; what is published is missing there.
"""

from __future__ import annotations

import functools
import hashlib
import json
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox

import soilloss
from soilloss.derive import codes, network, terrain
from soilloss.derive.routing import ROUTINGS, unknown
from soilloss.derive.tiled import Source, route
from soilloss.equation import spec_of
from soilloss.errors import DataError, ProjectError, SourceError
from soilloss.grid.blocks import Window, grow, run_blocks, windows
from soilloss.grid.target import cell_size, cut
from soilloss.kernels import surface
from soilloss.publish.rasters import Draft
from soilloss.sources import files
from soilloss.variables import VARIABLES
from soilloss.workflow import catchments, folders
from soilloss.workflow.methods import DEFAULTS, METHODS
from soilloss.workflow.stored import GRID_BYTES, USUAL, Limits, tile_side

RECORD = "terrain.json"
ROUTED = {
    "filled_elevation": terrain.fill_depressions,
    "flow_direction": terrain.flow_direction_d8,
    "flow_accumulation": terrain.flow_accumulation,
    "contributing_area": terrain.contributing_area,
}
LOCAL = {"slope": terrain.slope_horn_1981, "aspect": terrain.aspect_horn_1981}
FLAG = "edge_contaminated"
WANTED = (*ROUTED, *LOCAL, "topography", FLAG)
OWN = (RECORD, "watersheds.gpkg", "streams.gpkg", *(f"{name}.tif" for name in WANTED))
((LS, LS_OPTIONS),) = DEFAULTS["topography"]
HOLE = 1
# bytes per cell of what needs all directions at once: they and the flag, or catchments and streams too
DIRECTION_BYTES, FLAG_BYTES, NETWORK_BYTES = 1, 8, 40
CITES = {"d8": "ocallaghan1984", "mfd": "freeman1991", "dinf": "tarboton1997"}
FLAG_MEANING = "1 where water may come from outside the heights, so that areas may be too small, else 0"

Read = Callable[[Window], np.ndarray]
Progress = Callable[[str, int, int], None]


class Task(NamedTuple):
    """What is asked for: heights, names of results, how flow divides, codes of directions, gauges, streams.

    `snap` is how far gauges may be moved, m; `streams` the least area of a stream, m2.
    """

    dem: Path
    wanted: tuple[str, ...] = WANTED
    routing: str = "mfd"
    codes: str = "soilloss"
    nodata: float | None = None
    outlets: Path | None = None
    outlets_crs: str | None = None
    snap: float = 0.0
    streams: float | None = None


def make_terrain(
    task: Task,
    folder: Path,
    *,
    workers: int | None = None,
    limits: Limits = USUAL,
    progress: Progress = lambda _stage, _done, _total: None,
) -> dict[str, Any]:
    """Write what is asked for into `folder`, which is swapped in when complete, and return its record.

    Raises
    ------
    ProjectError
        If a name is not known, the folder holds other files, or the memory does not do.
    GridError, DataError, SourceError
        If the heights cannot be used, or the disk is full: the former folder is then as it was.
    """
    started = time.monotonic()
    _check(task)
    folders.claim(folder, OWN, mark=RECORD, key="--out", result="terrain")
    with files.environment():
        try:
            land = _Land(task, folder, workers, limits, progress)
            with folders.drafted(folder, OWN) as draft:
                draft.mkdir(parents=True)
                made = _make(land, draft)
                made["elapsed_s"] = round(time.monotonic() - started, 2)
                (draft / RECORD).write_text(json.dumps(made, indent=1, allow_nan=False), encoding="utf-8")
            land.discard()
        except SourceError:
            raise
        except OSError as error:
            raise _not_written(folder, error) from error
        finally:
            files.close_all()
    return made


def _check(task: Task) -> None:
    for name in task.wanted:
        if name not in WANTED:
            raise unknown("wanted", name, WANTED)
    if not (task.wanted or task.outlets or task.streams):
        raise ProjectError(f"nothing is wanted; name one or more of {', '.join(WANTED)}")
    if task.routing not in ROUTINGS:
        raise unknown("routing", task.routing, ROUTINGS)
    codes.missing_code(task.codes)


def _not_written(folder: Path, error: OSError) -> SourceError:
    reason = error.strerror or str(error)
    return SourceError(
        f"{folder} could not be written ({reason}); free space on the disk or name another folder, and run again: "
        "nothing is half-written, and finished passes are found again"
    )


class _Land:
    """The heights, and readers of what follows from them by window: in memory, or tile by tile beyond the limit."""

    def __init__(self, task: Task, folder: Path, workers: int | None, limits: Limits, progress: Progress) -> None:
        self.task, self.workers, self.limits, self.progress = task, workers, limits, progress
        self.source = files.raster_source("elevation", task.dem.resolve(), [""], nodata=task.nodata)
        self.grid: GeoBox = files.native_grid(self.source)
        self.shape = (self.grid.shape[0], self.grid.shape[1])
        self.size = cell_size(self.grid)
        with task.dem.open("rb") as stream:
            self.hash = hashlib.file_digest(stream, "sha256").hexdigest()
        self.tiled = bool(limits.cluster) or self.shape[0] * self.shape[1] * GRID_BYTES > limits.memory
        self.side = tile_side(limits, workers)
        self.scratch = folder.with_name(f".{folder.name}.passes")
        self._check_memory()
        self.blocks = windows(self.shape, self.side)
        self._check_heights()

    def raw(self, window: Window) -> np.ndarray:
        """Heights as given, NaN where missing."""
        z = files.read_block(self.source, self.grid, "", window)
        return np.where(np.isfinite(z), z, np.float32(np.nan))

    def closed(self, window: Window) -> np.ndarray:
        """Heights with small holes closed, as the whole-grid functions close them."""
        outer, inner = grow(window, HOLE, self.shape)
        z = self.raw(outer)
        flat = surface.with_ring(z)
        surface.close_holes(flat, z.shape[1] + 2, HOLE)
        return surface.without_ring(flat, z.shape)[inner]

    def routed(self, name: str, **options: Any) -> Read:
        """A variable of the flow, readable by window."""
        options |= {"close_holes": 0}
        if not self.tiled:
            self.progress(name, 0, 1)
            sized = {} if name == "filled_elevation" else {"cell_size": self.size}
            return ROUTED[name](self._heights, **options, **sized).__getitem__
        return route(
            name,
            Source(self.closed, f"{self.hash} {self.task.nodata}"),
            self.shape,
            self.size,
            options=options,
            folder=self.scratch,
            tile=self.side,
            workers=self.workers,
            cluster=self.limits.cluster,
            progress=lambda stage, done, total: self.progress(f"{name}: {stage}", done, total),
        )

    def whole(self, read: Read, kind: str) -> np.ndarray:
        """What a reader gives, as one array."""
        out = np.empty(self.shape, kind)
        for window, part in run_blocks(read, self.blocks, self.workers):
            out[window] = part
        return out

    @functools.cached_property
    def directions(self) -> np.ndarray:
        """Codes of all cells, uint8."""
        read = self.routed("flow_direction")
        return self.whole(lambda window: codes.own_codes(read(window)), "uint8")

    def discard(self) -> None:
        """Delete what the passes left behind."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    @functools.cached_property
    def _heights(self) -> np.ndarray:
        return self.whole(self.closed, "float32")

    def _check_memory(self) -> None:
        """What needs the directions of all cells at once must fit, however the rest is cut."""
        task = self.task
        if task.outlets or task.streams:
            each, what = NETWORK_BYTES, "catchments and streams need"
        elif FLAG in task.wanted:
            each, what = FLAG_BYTES, f"{FLAG} needs"
        else:
            each, what = DIRECTION_BYTES * ("flow_direction" in task.wanted), "flow_direction needs"
        need = self.shape[0] * self.shape[1] * each
        if need > self.limits.memory:
            raise ProjectError(
                f"{what} the directions of all cells at once, {need / 1e9:.3g} GB here, but --memory is "
                f"{self.limits.memory / 1e9:.3g} GB; allow more or leave it out"
            )

    def _check_heights(self) -> None:
        name = self.task.dem.name
        if min(self.shape) < 2:
            raise DataError(
                f"{name} has {self.shape[0]} rows and {self.shape[1]} columns, expected two of each at least: "
                "slopes need a neighbour"
            )
        found = [_span(part) for _, part in run_blocks(self.raw, self.blocks, self.workers)]
        low, high = min(one[0] for one in found), max(one[1] for one in found)
        if low > high:
            raise DataError(f"{name} holds no height: all cells are missing; check the file and its nodata value")
        lowest, highest = VARIABLES["elevation"].range
        if low < lowest or high > highest:
            strange = low if low < lowest else high
            raise DataError(
                f"{name} holds heights of {strange:g} m, expected {lowest:g} to {highest:g} m; if that marks missing "
                f"cells, say so: --nodata {strange:g}"
            )


def _span(values: np.ndarray) -> tuple[float, float]:
    """Least and greatest value; (inf, -inf) if there is none."""
    known = values[~np.isnan(values)]
    return (float(known.min()), float(known.max())) if known.size else (np.inf, -np.inf)


def _make(land: _Land, draft: Path) -> dict[str, Any]:
    task, box = land.task, land.grid.boundingbox
    made: dict[str, Any] = {
        "soilloss": soilloss.__version__,
        "kind": "terrain",
        "elevation": {"path": str(task.dem), "sha256": land.hash, "nodata": task.nodata},
        "grid": {
            "crs": str(land.grid.crs),
            "transform": list(land.grid.affine)[:6],
            "shape": list(land.shape),
            "bounds": list(box.bbox),
        },
        "routing": task.routing,
        "codes": task.codes,
        "tile": land.side if land.tiled else None,
        "rasters": [_publish(land, draft, name) for name in WANTED if name in task.wanted],
    }
    if task.outlets or task.streams:
        land.progress("catchments and streams", 0, 1)
        area = land.whole(land.routed("contributing_area", routing="d8"), "float64")
        if task.outlets:
            places = catchments.Gauges(task.outlets, task.outlets_crs, task.snap)
            made["watersheds"] = catchments.write_watersheds(draft, places, land.directions, area, land.grid)
        if task.streams:
            made["streams"] = catchments.write_streams(draft, land.directions, area, land.grid, task.streams)
    return made


def _publish(land: _Land, draft: Path, name: str) -> dict[str, Any]:
    """Write one raster, masked where the heights are missing, and return its line in the record."""
    part, about = _part(land, name), _about(land.task, name)
    nodata, dtype = about.pop("nodata"), about.pop("dtype")

    def write(window: Window) -> tuple[int, float, float]:
        values, missing = part(window), np.isnan(land.raw(window))
        values = np.where(missing, values.dtype.type(nodata), values)
        out.write(window, values)
        known = values if np.isnan(nodata) else np.where(values == nodata, np.nan, values)
        return int(np.isnan(known).sum()), *_span(known)

    found = []
    with Draft(draft / f"{name}.tif", land.grid, dtype=dtype, nodata=nodata, tags=about) as out:
        for done, (_, one) in enumerate(run_blocks(write, land.blocks, land.workers), 1):
            found.append(one)
            land.progress(f"{name}: map", done, len(land.blocks))
        out.finish(overviews=True)
    missing, low, high = sum(one[0] for one in found), min(one[1] for one in found), max(one[2] for one in found)
    span = {"minimum": low, "maximum": high} if low <= high else {}
    return {"path": f"{name}.tif", **about, "hash": out.hash, "missing_cells": missing, **span}


def _part(land: _Land, name: str) -> Read:
    """What makes one raster, window by window."""
    task = land.task
    if name in LOCAL:
        return lambda window: _of_neighbours(land, LOCAL[name], window)
    if name == "flow_direction":
        return lambda window: _recoded(land, window)
    if name == FLAG:
        return network.reached_from_outside(land.directions).__getitem__
    if name == "filled_elevation":
        return land.routed(name)
    read = land.routed("contributing_area" if name == "topography" else name, routing=task.routing)
    return (lambda window: _topography(land, read, window)) if name == "topography" else read


def _of_neighbours(land: _Land, function: Callable[..., Any], window: Window) -> np.ndarray:
    outer, inner = grow(window, 1, land.shape)
    return function(land.raw(outer), cell_size=cut(land.size, outer[0]))[inner]


def _recoded(land: _Land, window: Window) -> np.ndarray:
    outer, inner = grow(window, 1, land.shape)
    return codes.convert_directions(land.directions[outer], land.task.codes)[inner]


def _topography(land: _Land, area: Read, window: Window) -> np.ndarray:
    """LS by the method and coefficients that a project uses when it names none."""
    slope, aspect = (_of_neighbours(land, LOCAL[name], window) for name in LOCAL)
    return METHODS["topography"][LS](area(window), slope, aspect, cell_size=cut(land.size, window[0]), **LS_OPTIONS)


def _about(task: Task, name: str) -> dict[str, Any]:
    """Words that go into a raster and the record, its type and missing value."""
    about: dict[str, Any] = {"variable": name, "long_name": FLAG_MEANING, "unit": ""}
    if name == FLAG:
        return about | {"method": FLAG, "citation": CITES["d8"], "dtype": "uint8", "nodata": codes.MISSING}
    variable = VARIABLES[name]
    function = METHODS["topography"][LS] if name == "topography" else {**ROUTED, **LOCAL}[name]
    about |= {"long_name": variable.meaning, "unit": variable.unit}
    about |= {"method": function.__name__, "citation": spec_of(function).cite}
    if name == "flow_direction":
        if task.codes != "soilloss":
            about["long_name"] = f"direction of steepest descent in the codes of {task.codes}"
        return about | {"dtype": codes.dtype_of(task.codes), "nodata": codes.missing_code(task.codes)}
    if name in ("flow_accumulation", "contributing_area"):
        about |= {"citation": CITES[task.routing]}
    if name in ("flow_accumulation", "contributing_area", "topography"):
        about |= {"routing": task.routing}
    return about | {"dtype": variable.dtype, "nodata": np.nan}


def names_of(text: str) -> tuple[str, ...]:
    """Names parted by commas; nothing stands for all.

    Examples
    --------
    >>> names_of("slope, aspect")
    ('slope', 'aspect')
    """
    return tuple(name.strip() for name in text.split(",") if name.strip()) or WANTED
