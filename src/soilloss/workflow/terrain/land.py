"""The heights of a terrain task, and readers of what follows from them, by window, in memory or tile by tile."""

from __future__ import annotations

import functools
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox

from soilloss.derive import codes
from soilloss.derive.tiled import Source, route
from soilloss.equation import spec_of
from soilloss.errors import DataError
from soilloss.grid.blocks import Window, grow, run_blocks, windows
from soilloss.grid.target import cell_size
from soilloss.kernels import surface
from soilloss.sources import files
from soilloss.variables import VARIABLES
from soilloss.workflow.stored import GRID_BYTES, Limits, tile_side
from soilloss.workflow.terrain.masks import hash_of, mask_on
from soilloss.workflow.terrain.task import MASKS, ROUTED, Task

Read = Callable[[Window], np.ndarray]
Progress = Callable[[str, int, int], None]


class Heights(NamedTuple):
    """A raster of heights on its own grid; what reads it can travel to a cluster."""

    source: files.RasterSource
    grid: GeoBox
    close_holes: int

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return self.grid.shape[0], self.grid.shape[1]

    def raw(self, window: Window) -> np.ndarray:
        """Heights as given, NaN where missing."""
        z = files.read_block(self.source, self.grid, "", window)
        return np.where(np.isfinite(z), z, np.float32(np.nan))

    def closed(self, window: Window) -> np.ndarray:
        """Heights with small holes closed, as the whole-grid functions close them."""
        outer, inner = grow(window, max(self.close_holes, 0), self.shape)
        z = self.raw(outer)
        if self.close_holes <= 0:
            return z
        flat = surface.with_ring(z)
        surface.close_holes(flat, z.shape[1] + 2, self.close_holes)
        return surface.without_ring(flat, z.shape)[inner]


class Land:
    """The heights and masks of a task, and readers of what follows from them."""

    def __init__(self, task: Task, folder: Path, workers: int | None, limits: Limits, progress: Progress) -> None:
        self.task, self.workers, self.limits, self.progress = task, workers, limits, progress
        source = files.raster_source("elevation", task.dem.resolve(), [""], nodata=task.nodata)
        self.grid: GeoBox = files.native_grid(source)
        self.heights = Heights(source, self.grid, task.ways.close_holes)
        self.shape = self.heights.shape
        self.size = cell_size(self.grid)
        self.hash = hash_of(task.dem)
        given = {name: getattr(task, name) for name in MASKS}
        self.masks = {name: mask_on(self.grid, name, path) for name, path in given.items() if path}
        self.tiled = bool(limits.cluster) or self.shape[0] * self.shape[1] * GRID_BYTES > limits.memory
        self.side = tile_side(limits, workers)
        self.scratch = folder.with_name(f".{folder.name}.passes")
        self.blocks = windows(self.shape, self.side)
        self._once = threading.Lock()  # the passes are run by the first thread that asks, and not by several
        self._check_heights()

    def routed(self, name: str, **options: Any) -> Read:
        """A variable of the flow, readable by window; with the masks unless it is told how flow divides."""
        masks = {} if options else {k: v for k, v in self.masks.items() if k in spec_of(ROUTED[name]).inputs}
        options = self.task.options(name) | options
        if not self.tiled:
            self.progress(name, 0, 1)
            sized = {} if name == "filled_elevation" else {"cell_size": self.size}
            drawn = {mask: self.whole(source.read) for mask, source in masks.items()}
            return ROUTED[name](self._heights, **drawn, **options, **sized).__getitem__
        return route(
            name,
            Source(self.heights.closed, f"{self.hash} {self.task.nodata} {self.task.ways.close_holes}"),
            self.shape,
            self.size,
            channels=masks.get("channels"),
            trapping=masks.get("trapping"),
            options=options,
            folder=self.scratch,
            tile=self.side,
            workers=self.workers,
            cluster=self.limits.cluster,
            progress=lambda stage, done, total: self.progress(f"{name}: {stage}", done, total),
        )

    def whole(self, read: Read) -> np.ndarray:
        """What a reader gives, as one array."""
        out = np.empty(self.shape, np.float32)
        for window, part in run_blocks(read, self.blocks, self.workers):
            out[window] = part
        return out

    def directions(self, window: Window) -> np.ndarray:
        """Codes of a window, uint8."""
        with self._once:
            read = self._direction
        return codes.own_codes(read(window))

    def area(self, window: Window) -> np.ndarray:
        """Area that drains through each cell by D8, whatever holds flow back: what gauges and streams go by."""
        with self._once:
            read = self._area
        return read(window)

    def discard(self) -> None:
        """Delete what the passes left behind."""
        shutil.rmtree(self.scratch, ignore_errors=True)

    @functools.cached_property
    def _direction(self) -> Read:
        return self.routed("flow_direction")

    @functools.cached_property
    def _area(self) -> Read:
        return self.routed("contributing_area", routing="d8")

    @functools.cached_property
    def _heights(self) -> np.ndarray:
        return self.whole(self.heights.closed)

    def _check_heights(self) -> None:
        name = self.task.dem.name
        if min(self.shape) < 2:
            raise DataError(
                f"{name} has {self.shape[0]} rows and {self.shape[1]} columns, expected two of each at least: "
                "slopes need a neighbour"
            )
        found = [span_of(part) for _, part in run_blocks(self.heights.raw, self.blocks, self.workers)]
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


def span_of(values: np.ndarray) -> tuple[float, float]:
    """Least and greatest value; (inf, -inf) if there is none."""
    known = values[~np.isnan(values)]
    return (float(known.min()), float(known.max())) if known.size else (np.inf, -np.inf)
