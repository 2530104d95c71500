"""Make what has to lie in the store before the pass: aligned sources, polygons, surfaces, whole-grid steps."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from soilloss.derive.tiled import Source, route
from soilloss.equation import spec_of
from soilloss.grid import zones
from soilloss.grid.blocks import Window, run_blocks, windows, worker_count
from soilloss.grid.target import cell_size
from soilloss.kernels.counts import Histogram, histogram, histogram_of
from soilloss.sources import vectors
from soilloss.sources.files import RasterSource
from soilloss.units import convert
from soilloss.variables import VARIABLES
from soilloss.workflow import block, changes, series
from soilloss.workflow.kept import Stored, grid_key, labels_of
from soilloss.workflow.points import surface_of, values_at_points
from soilloss.workflow.project import Lines, Polygons
from soilloss.workflow.site import Site
from soilloss.workflow.store import write_raster

TILES = 2048
STATISTIC_BINS = 20_000
# bytes per cell: of the grid when it is routed in memory, of a tile when it is not
GRID_BYTES, TILE_BYTES = 40, 84
Progress = Callable[[int, int], None]
Part = tuple[Window, np.ndarray]


class Limits(NamedTuple):
    """What a step over the whole grid may use: bytes of memory, beyond which it goes tile by tile, and a cluster."""

    memory: float = 4e9
    cluster: str = ""


USUAL = Limits()


def make(site: Site, item: Stored, workers: int | None, progress: Progress, limits: Limits = USUAL) -> None:
    """Compute one stored raster and put it under its name; what is there already is never touched."""
    if item.kind == "statistic":
        _statistic(site, item, workers, progress)
        return
    if item.kind == "series":
        series.make(site, item, workers, progress)
        return
    makers = {"aligned": _aligned, "polygons": _polygons, "surface": _surface, "step": _whole_step}
    makers |= {"changed": changes.make, "donor": changes.make}
    if item.kind == "step" and _too_large(site, item, limits):
        makers["step"] = functools.partial(_by_tiles, limits=limits, progress=progress)
    blocks = windows(site.shape, TILES)
    count = iter(range(1, len(blocks) + 1))
    write_raster(
        item.path,
        site.grid,
        "float64" if VARIABLES[item.variable].dtype == "float64" else "float32",
        _bands(site, item),
        makers[item.kind](site, item, blocks, workers),
        lambda: progress(next(count), len(blocks)),
    )


def _bands(site: Site, item: Stored) -> int:
    given = site.given[item.variable]
    return len(given.bands) if isinstance(given, RasterSource) else 1


def _parts(function: Callable[[Window], np.ndarray], blocks: list[Window], workers: int | None) -> Iterator[Part]:
    return run_blocks(function, blocks, workers)


def _aligned(site: Site, item: Stored, blocks: list[Window], workers: int | None) -> Iterator[Part]:
    source = site.unaligned[item.variable]
    return _parts(lambda window: site.read_source(source, item.label, window), blocks, workers)


def _polygons(site: Site, item: Stored, blocks: list[Window], workers: int | None) -> Iterator[Part]:
    source = site.project.sources[item.variable]
    assert isinstance(source, Polygons | Lines)
    lines = isinstance(source, Lines)
    read = vectors.read_lines if lines else vectors.read_polygons
    found = read(site.data / source.path, column=source.column).to_crs(site.wkt)
    given = (
        np.full(len(found), source.value) if lines and source.column is None else found[source.column].to_numpy(float)
    )
    values = np.asarray(convert(item.variable, given, source.unit or VARIABLES[item.variable].unit))
    elsewhere = np.nan if source.elsewhere is None else source.elsewhere
    burnt = zones.burn(list(found.geometry), values, site.grid, elsewhere, touched=lines)
    return _parts(burnt, blocks, workers)


def _surface(site: Site, item: Stored, blocks: list[Window], workers: int | None) -> Iterator[Part]:
    return _parts(surface_of(site, values_at_points(site, item.variable, item.label[:4])), blocks, workers)


def _whole_step(site: Site, item: Stored, blocks: list[Window], workers: int | None) -> Iterator[Part]:
    """A step that sees the whole grid at once; its inputs are put together from blocks."""
    step = next(s for s in site.steps if s.variable == item.variable)
    assert step.function is not None
    spec = spec_of(step.function)
    data = {name: _assemble(site, name, item.label, workers) for name in step.inputs}
    supplied: dict[str, Any] = {"cell_size": cell_size(site.grid)} if "cell_size" in spec.supplied else {}
    made = step.function(**data, **step.coefficients, **supplied)
    del data
    return ((window, made[window]) for window in blocks)


def _too_large(site: Site, item: Stored, limits: Limits) -> bool:
    """Whether a step is routed tile by tile: its grid does not fit the memory, or a cluster is to do it."""
    cells = site.shape[0] * site.shape[1]
    return goes_by_tiles(site, item) and (bool(limits.cluster) or cells * GRID_BYTES > limits.memory)


def goes_by_tiles(site: Site, item: Stored) -> bool:
    """Whether something can be routed tile by tile: a step of the heights, which are a raster."""
    step = next((s for s in site.steps if s.variable == item.variable), None)
    heights = step is not None and step.kind == "step" and step.inputs[:1] == ("elevation",)
    return heights and isinstance(site.given["elevation"], RasterSource)


def _by_tiles(
    site: Site, item: Stored, blocks: list[Window], workers: int | None, *, limits: Limits, progress: Progress
) -> Iterator[Part]:
    """A step of the heights tile by tile: memory is bounded, and what was done is found again after a crash."""
    step = next(s for s in site.steps if s.variable == item.variable)
    sources = {
        name: Source(functools.partial(site.read, name, item.label), f"{site.keys[name]}-{grid_key(site.grid)}")
        for name in step.inputs
    }
    reader = route(
        item.variable,
        sources["elevation"],
        site.shape,
        cell_size(site.grid),
        channels=sources.get("channels"),
        trapping=sources.get("trapping"),
        options=step.coefficients,
        folder=site.store.folder / "passes",
        tile=tile_side(limits, workers),
        workers=workers,
        cluster=limits.cluster,
        progress=lambda _pass, done, total: progress(done, total),
    )
    yield from run_blocks(reader, windows(site.shape, reader.tile), workers)
    reader.discard()


def tile_side(limits: Limits, workers: int | None) -> int:
    """Cells of a tile's side so that the tiles of all workers fit half the memory; whole tiles of published rasters."""
    side = math.sqrt(limits.memory / 2 / TILE_BYTES / worker_count(workers))
    return max(512, min(TILES, int(side) // 512 * 512))


def _statistic(site: Site, item: Stored, workers: int | None, progress: Progress) -> None:
    """One number for all cells inside the area and all time steps, from a histogram that blocks add to."""
    step = next(s for s in site.steps if s.variable == item.variable)
    assert step.function is not None
    (name,) = step.inputs
    labels = tuple(labels_of(site, step))
    work = block.make_work(site.steps, [name], site.read, site.shape, cell_size(site.grid), labels, site.changing)

    def count(window: Window) -> np.ndarray:
        inside = zones.inside(site.area, site.grid, window) if site.area is not None else slice(None)
        found = histogram_of((), *VARIABLES[name].range, STATISTIC_BINS)
        shape = tuple(s.stop - s.start for s in window)
        for _, values in block.evaluate(work, window):
            cells = block.full(values[name], (shape[0], shape[1]), name)[inside]
            histogram(np.ascontiguousarray(cells).reshape(-1), found.low, found.high, found.counts)
        return found.counts

    blocks = windows(site.shape, TILES)
    counts = np.zeros(STATISTIC_BINS, np.int64)
    for done, (_, part) in enumerate(run_blocks(count, blocks, workers), 1):
        counts += part
        progress(done, len(blocks))
    found = Histogram(*VARIABLES[name].range, counts)
    value = float(step.function(found, **step.coefficients))
    site.store.keep_number(item.path, value, variable=item.variable, method=step.method, cells=int(counts.sum()))
    site.given[item.variable] = value


def _assemble(site: Site, name: str, label: str, workers: int | None) -> Any:
    """A variable over the whole grid, read or computed block by block."""
    if name in site.given and not isinstance(site.given[name], RasterSource):
        return site.given[name]
    size = cell_size(site.grid)
    work = block.make_work(site.steps, [name], site.read, site.shape, size, (label,), site.changing)
    out: np.ndarray | None = None

    def one(window: Window) -> np.ndarray:
        (_, values), *_ = block.evaluate(work, window)
        return values[name]

    for window, part in run_blocks(one, windows(site.shape, TILES), workers):
        if out is None:
            out = np.empty((*site.shape, *part.shape[2:]), part.dtype)
        out[window] = part
    return out


def pending(site: Site) -> list[Stored]:
    """What is not in the store yet, in the order it has to be made; numbers that another project made are read."""
    for item in site.stored:
        if item.kind == "statistic" and item.exists:
            site.given[item.variable] = site.store.number(item.path)
    return [item for item in site.stored if not item.exists]
