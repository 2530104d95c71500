"""Terrain of grids larger than memory: `route` runs the passes and returns a reader of the result.

    height = Source(read, fingerprint)          # read(window) gives heights, window = (slice rows, slice columns)
    area = route("contributing_area", height, (rows, columns), cell_size, options={"routing": "mfd"}, folder=scratch)
    for window in windows(shape, area.tile):    # whole tiles are the quickest
        write(window, area(window))             # as `terrain.contributing_area` would give for the whole grid
    area.discard()

The variables are those of the whole-grid functions of `soilloss.derive.terrain`, the options are their coefficients,
and the results are equal bit for bit, whatever the tile, the number of workers, and whether the run was interrupted.
`read` is called by several threads at once, with windows that reach beyond tiles; on a cluster it is pickled.

With a `folder` the passes leave their work there and memory stays bounded: about 24 bytes per cell of a tile and
worker, 36 with flow that divides. What was finished is found again if fingerprint, options and code are the same, after
a crash or for another variable of the same heights. Without a folder everything is kept in memory.
"""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from soilloss.derive import routing, strips, terrain, ways
from soilloss.derive.terrain.slopes import STARTS
from soilloss.derive.tiled import amounts, barriers, d8, frames, lengths, reach, shares
from soilloss.derive.tiled.barriers import Barriers
from soilloss.derive.ways import Ways
from soilloss.errors import ProjectError
from soilloss.grid import rims, scratch
from soilloss.grid.blocks import Window
from soilloss.grid.passes import Passes, Progress
from soilloss.grid.rims import Tile, Tiles
from soilloss.grid.scratch import Files, Memory, Scratch
from soilloss.kernels import elementary, fill, flats, flow, multiflow, rest, slope_length, surface
from soilloss.kernels import tiles as kernels
from soilloss.variables import VARIABLES

TILE = 1792
CODE = (amounts, barriers, d8, frames, lengths, reach, shares, routing, strips, ways, rims, scratch)
CODE += (elementary, fill, flats, flow, multiflow, rest, slope_length, surface, kernels)
Make = Callable[[Files, Tile], np.ndarray]


class Reader(NamedTuple):
    """The result of `route`: call it with a window. Tiles are finished when they are read and not kept."""

    store: Memory | Scratch
    tiles: Tiles
    make: Make
    dtype: np.dtype[Any]

    @property
    def tile(self) -> tuple[int, int]:
        """Rows and columns of a tile, the quickest cut to read by."""
        return self.tiles.size

    def __call__(self, window: Window) -> np.ndarray:
        """Return the cells of a window."""
        touched = self.tiles.within(window)
        if len(touched) == 1 and self.tiles.window(touched[0]) == window:
            return self._tile(touched[0])
        out = np.empty([w.stop - w.start for w in window], self.dtype)
        for tile in touched:
            place = self.tiles.window(tile)
            common = [slice(max(w.start, p.start), min(w.stop, p.stop)) for w, p in zip(window, place, strict=True)]
            there, here = ([slice(c.start - o.start, c.stop - o.start) for c, o in zip(common, origin, strict=True)]
                           for origin in (place, window))  # fmt: skip
            out[tuple(here)] = self._tile(tile)[tuple(there)]
        return out

    def discard(self) -> None:
        """Delete what the passes left behind; the reader is of no use afterwards."""
        self.store.remove()

    def _tile(self, tile: Tile) -> np.ndarray:
        return self.make(self.store.files(tile), tile).astype(self.dtype, copy=False)


def route(
    variable: str,
    elevation: d8.Source,
    shape: tuple[int, int],
    cell_size: Any = None,
    *,
    channels: d8.Source | None = None,
    trapping: d8.Source | None = None,
    options: Mapping[str, Any] | None = None,
    folder: Path | str | None = None,
    tile: int | tuple[int, int] = TILE,
    workers: int | None = None,
    cluster: str = "",
    progress: Progress | None = None,
) -> Reader:
    """Run the passes that a variable needs and return a reader of its windows.

    Parameters
    ----------
    variable : str
        ``filled_elevation``, ``flow_direction``, ``flow_accumulation``, ``contributing_area``, ``slope_length`` or
        ``edge_contaminated``.
    elevation : Source
        Heights in m, NaN where missing; rows from north to south.
    shape : tuple of int
        Rows and columns of the whole grid.
    cell_size : float or CellSize, m
        Side of a cell, or those of all rows; may be missing where the function does without.
    channels, trapping : Source, optional
        Masks, for the variables whose functions take them.
    options : mapping, optional
        Coefficients of the function of that variable in `soilloss.derive.terrain`.
    folder : path, optional
        Where the passes leave their work; shared by all machines of a cluster. Memory without.
    tile : int or tuple of int
        Rows and columns of a tile.
    workers : int, optional
        Threads on this machine, by default one per processor.
    cluster : str
        Address of a `distributed` scheduler, instead of threads.
    progress : callable, optional
        Told (name of the pass, tasks done, tasks in all).

    Raises
    ------
    ProjectError, GridError, DataError
        As the function in memory does.
    SourceError
        If the disk is full: what was finished is kept.

    Examples
    --------
    >>> z = np.array([[3.0], [2], [1]])
    >>> count = route("flow_accumulation", Source(lambda window: z[window]), z.shape, tile=2)
    >>> count((slice(0, 3), slice(0, 1))).ravel().tolist()
    [1.0, 2.0, 3.0]
    """
    if variable not in MAKERS:
        raise routing.unknown("variable", variable, tuple(MAKERS))
    function, maker = MAKERS[variable]
    known = {p.name: p.default for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY}
    for name in options or {}:
        if name not in known:
            raise ProjectError(f"{name} is no coefficient of {function.__name__}; it has {', '.join(sorted(known))}")
    used = {**known, **(options or {})}
    metres = metres_of(cell_size, shape, required=variable == "slope_length" or variable == "contributing_area")
    tiles = Tiles(shape, (tile, tile) if isinstance(tile, int) else tile)
    chosen = Ways(**{name: used[name] for name in Ways._fields if name in used}).checked()
    ground = d8.Ground(elevation, tiles, metres, chosen)
    store: Memory | Scratch = Memory(tiles)
    if folder is not None:
        code = scratch.code_version(*CODE)
        store = Scratch(folder, tiles, scratch.digest(elevation.fingerprint, metres, tuple(chosen), code))
    run = Passes(store, workers, cluster, progress or (lambda name, done, total: None))
    make = maker(run, ground, {**used, "barriers": Barriers(channels, trapping)})
    return Reader(store, tiles, make, np.dtype(VARIABLES[variable].dtype))


def metres_of(cell_size: Any, shape: tuple[int, int], required: bool) -> np.ndarray:
    """Return the distances of all rows; without a cell size, those of square cells unless it is required."""
    rows = np.broadcast_to(np.float32(0), (shape[0], 1))
    return routing.metres_of(1.0 if cell_size is None and not required else cell_size, rows)


def _masked(files: Files, code: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return values with NaN in voids and in the holes that were closed."""
    values[code == flow.VOID] = np.nan
    values[np.unravel_index(files.load("closed")["cells"], values.shape)] = np.nan
    return values


def _filled(run: Passes, ground: d8.Ground, used: dict[str, Any]) -> Make:
    levels, _ = d8.fill_tiles(run, ground)

    def make(files: Files, tile: Tile) -> np.ndarray:
        w, closed = d8.filled_heights(ground, files, tile, levels[tile])
        out = d8.inner(w).copy()
        if ground.ways.walls:
            out[np.isinf(out)] = np.nan
        out.reshape(-1)[closed] = np.nan
        return out

    return make


def _direction(run: Passes, ground: d8.Ground, used: dict[str, Any]) -> Make:
    amounts.accumulate(run, ground, d8.route(run, ground, frames.nothing, ""), None, frames.nothing, "")

    def make(files: Files, tile: Tile) -> np.ndarray:
        code = d8.inner(amounts.directions(files))
        return _masked(files, code, code.astype(np.float32))

    return make


def _count(run: Passes, ground: d8.Ground, used: dict[str, Any]) -> Make:
    return _amounts(run, ground, used, np.ones(ground.metres.shape[1]), 1)


def _area(run: Passes, ground: d8.Ground, used: dict[str, Any]) -> Make:
    return _amounts(run, ground, used, ground.metres[0] * ground.metres[1], routing.AREA_UNIT)


def _amounts(run: Passes, ground: d8.Ground, used: dict[str, Any], own: np.ndarray, unit: float) -> Make:
    divides = routing.exponent_of(used["routing"], used["exponent"])
    if used["routing"] != "d8" or used["barriers"] != Barriers():
        return _shared(run, ground, divides, own, used["barriers"])
    units, worth = amounts.own_units(own, unit, ground.tiles.shape[1])
    found = amounts.accumulate(run, ground, d8.route(run, ground, frames.nothing, ""), units, frames.nothing, "")
    inflow = amounts.hand_over(ground.tiles, found)

    def make(files: Files, tile: Tile) -> np.ndarray:
        direction = amounts.directions(files)
        rows = ground.tiles.window(tile)[0]
        amount = amounts.added_up(direction, units[rows], inflow[tile]).reshape(direction.shape)
        return _masked(files, d8.inner(direction), np.multiply(d8.inner(amount), worth * unit, dtype=np.float64))

    return make


def _with_frames(run: Passes, ground: d8.Ground, units: np.ndarray | None) -> dict[Tile, Any]:
    routed = d8.route(run, ground, frames.keep_filled, "frames")
    return amounts.accumulate(run, ground, routed, units, frames.keep_direction, "frames")


def _shared(run: Passes, ground: d8.Ground, exponent: float, own: np.ndarray, barriers: Barriers) -> Make:
    _with_frames(run, ground, None)
    halo = min(shares.HALO, *(n - 1 for n in ground.tiles.size))
    sharing = shares.Sharing(exponent, own, halo, barriers)
    rounds = shares.accumulate(run, ground, sharing)

    def make(files: Files, tile: Tile) -> np.ndarray:
        amount = shares.amounts_of(sharing, files, rounds[tile])
        return _masked(files, d8.inner(amounts.directions(files)), amount)

    return make


def _edges(run: Passes, ground: d8.Ground, used: dict[str, Any]) -> Make:
    height, inflow = reach.prepare(run, ground)

    def make(files: Files, tile: Tile) -> np.ndarray:
        reached = d8.inner(reach.spread(ground, files, height[tile], inflow[tile]))
        return _masked(files, d8.inner(amounts.directions(files)), (reached > 0).astype(np.float32))

    return make


def _length(run: Passes, ground: d8.Ground, used: dict[str, Any]) -> Make:
    if used["start"] not in STARTS:
        raise routing.unknown("start", used["start"], STARTS)
    slopes = lengths.Slopes(*(used[name] for name in lengths.Slopes._fields))
    units, least = None, 0
    if np.isfinite(slopes.channel_area):
        own = ground.metres[0] * ground.metres[1]
        units, worth = amounts.own_units(own, routing.AREA_UNIT, ground.tiles.shape[1])
        least = math.ceil(Fraction(slopes.channel_area) / Fraction(routing.AREA_UNIT) / worth)
    inflow = lengths.prepare(run, ground, slopes, _with_frames(run, ground, units), units, least)

    def make(files: Files, tile: Tile) -> np.ndarray:
        out = lengths.lengths(ground, slopes, inflow, files, tile)
        return _masked(files, d8.inner(amounts.directions(files)), out).astype(np.float32)

    return make


MAKERS: dict[str, tuple[Callable[..., Any], Callable[[Passes, d8.Ground, dict[str, Any]], Make]]] = {
    "filled_elevation": (terrain.fill_depressions, _filled),
    "flow_direction": (terrain.flow_direction_d8, _direction),
    "flow_accumulation": (terrain.flow_accumulation, _count),
    "contributing_area": (terrain.contributing_area, _area),
    "slope_length": (terrain.slope_length, _length),
    "edge_contaminated": (terrain.edge_contaminated, _edges),
}
Source = d8.Source
