"""One image for each step out of all scenes of it: fetched, masked, scaled, harmonised, composited, gaps closed.

``make_composites(jobs, web, cache, progress)`` makes the rasters of one variable. Blocks of the image are made one by
one from all scenes, so memory holds the scenes of a block and not of the step. The image of a step before its gaps are
closed stays in ``.soilloss/fetched/scenes`` with its number of observations; how gaps were closed lies in a folder
``quality`` beside the result.
"""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox

from soilloss.derive import composites
from soilloss.derive.composites import MISSING
from soilloss.errors import GridError, SoilLossWarning, SourceError
from soilloss.grid import align
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.sources import pieces, stac, tiff
from soilloss.sources.cache import Cache
from soilloss.sources.products import Bounds
from soilloss.sources.remote import Web
from soilloss.workflow.fetch.common import Progress, item_note, keep, keep_as, size_of, together
from soilloss.workflow.fetch.jobs import Job, assets_of, bands_of, cells_of, items_of

# a side of the blocks of files, and how many values of all scenes and bands a block of work may have
BLOCK = 512
MOST_VALUES = 1 << 26
SCALE = 1 / composites.TIMES
# how a cell came about, by the number in the quality raster
ORIGINS = ("observed", "other_years", "other_steps", "missing")


class _Band(NamedTuple):
    """A band of a scene: its part on disk, and what its numbers mean."""

    name: str
    path: Path
    scale: float
    offset: float
    nodata: float | None


class _Scene(NamedTuple):
    """The parts of one scene; `usable` is 1 where its masks let it be used."""

    platform: str
    bands: tuple[_Band, ...]
    usable: Path | None


def make_composites(jobs: list[Job], web: Web, cache: Cache, progress: Progress) -> int:
    """Make the composites of a variable for all its steps; return how many pieces of scenes they took.

    Raises
    ------
    SourceError
        If a step has no scene, or none without cloud, and none near it either.
    """
    count = 0
    for job in jobs:
        if not job.raw.with_suffix(".json").exists():
            count += _raw(job, _grid_of(jobs), web, cache, progress)
    for number, job in enumerate(jobs):
        if not job.done:
            progress(f"closing gaps of {job.variable}", number, len(jobs))
            _close(job, jobs)
    return count


def _grid_of(jobs: list[Job]) -> GeoBox | None:
    """The grid of the first step that has an image: all steps share it."""
    path = next((job.raw for job in jobs if job.raw.exists()), None)
    if path is None:
        return None
    with rasterio.open(path) as dataset:
        return GeoBox(dataset.shape, dataset.transform, dataset.crs.to_wkt())


def _raw(job: Job, grid: GeoBox | None, web: Web, cache: Cache, progress: Progress) -> int:
    """The image of a step as its scenes give it."""
    progress(f"searching {job.what}", 0, 1)
    items = items_of(job, web)
    names = assets_of(job)
    urls = [stac.asset_of(item, name)["href"] for item in items for name in names]
    for item in items:
        _meanings(job, item)  # a scene that nobody knows how to read is refused before anything is fetched
    size = size_of(len(urls) * cells_of(job) * job.product.bytes)
    stage = f"fetching {job.what}: {len(items)} scenes in {len(urls)} files, about {size}"
    got = together(urls, web, cache, job.bounds, progress, stage)
    parts = {item.id: got[n * len(names) : (n + 1) * len(names)] for n, item in enumerate(items)}
    reaching = [item for item in items if all(piece.path for piece in parts[item.id])]
    notes = [{"scene": item.id, **item_note(piece)} for item in reaching for piece in parts[item.id]]

    def write(draft: Path) -> None:
        if not reaching:
            return
        with tempfile.TemporaryDirectory(dir=draft.parent) as folder:
            scenes = [_scene(job, item, parts[item.id], names, Path(folder)) for item in reaching]
            _composite(job, scenes, grid or _grid(scenes, job.bounds), draft, progress)

    keep_as(job.raw, write, {"items": notes})
    return len(urls)


def _meanings(job: Job, item: stac.Item) -> list[tuple[float, float]]:
    """Scale and offset of each band of a scene."""
    service, found = job.product.stac, []
    for name in bands_of(job):
        band = job.product.variables[name]
        if service and service.sensor:
            found.append(stac.meaning(item, band.asset, service.sensor))
        else:
            found.append((1.0 if band.scale is None else band.scale, band.offset or 0.0))
    return found


def _scene(job: Job, item: stac.Item, got: list[pieces.Piece], names: list[str], folder: Path) -> _Scene:
    paths = {name: piece.path for name, piece in zip(names, got, strict=True) if piece.path}
    known = job.product.variables
    bands = tuple(
        _Band(name, paths[known[name].asset], scale, offset, known[name].nodata)
        for name, (scale, offset) in zip(bands_of(job), _meanings(job, item), strict=True)
    )
    masks = dict(job.product.stac.mask) if job.product.stac else {}
    return _Scene(item.platform, bands, _usable(item, masks, paths, folder) if masks else None)


def _usable(item: stac.Item, masks: dict[str, Any], paths: dict[str, Path], folder: Path) -> Path:
    """Where all masks of a scene let it be used, as a raster of 0 and 1."""
    whole: np.ndarray | None = None
    profile: dict[str, Any] = {}
    for asset, kind in masks.items():
        with rasterio.open(paths[asset]) as dataset:
            codes, profile = dataset.read(1), dataset.profile
        options = {"cirrus": not item.platform.endswith(("4", "5", "7"))} if kind == "qa_pixel" else {}
        usable = composites.USABLE[kind](codes, **options)
        whole = usable if whole is None else whole & usable
    path = folder / f"{len(list(folder.iterdir()))}.tif"
    with rasterio.open(path, "w", **{**profile, "dtype": "uint8", "nodata": None}) as out:
        out.write(np.asarray(whole).astype(np.uint8), 1)
    return path


def _grid(scenes: list[_Scene], bounds: Bounds) -> GeoBox:
    """The grid of the projection that most scenes have, with the finest cells of its bands, cut to the area."""
    found: dict[str, list[Path]] = {}
    for scene in scenes:
        for band in scene.bands:
            with rasterio.open(band.path) as dataset:
                found.setdefault(dataset.crs.to_wkt(), []).append(band.path)
    paths = max(sorted(found.items()), key=lambda pair: len(pair[1]))[1]
    boxes = []
    for path in paths:
        with rasterio.open(path) as dataset:
            boxes.append((dataset.transform.a, dataset.transform, dataset.crs.to_wkt()))
    _, a, crs = min(boxes, key=lambda box: box[0])
    left, bottom, right, top = tiff.bounds_in(crs, bounds)
    columns, rows = sorted(((left - a.c) / a.a, (right - a.c) / a.a)), sorted(((top - a.f) / a.e, (bottom - a.f) / a.e))
    west, east = int(np.floor(columns[0])) - 2, int(np.ceil(columns[1])) + 2
    north, south = int(np.floor(rows[0])) - 2, int(np.ceil(rows[1])) + 2
    corner = Affine(a.a, 0, a.c + west * a.a, 0, a.e, a.f + north * a.e)
    return GeoBox((south - north, east - west), corner, crs)


def _composite(job: Job, scenes: list[_Scene], grid: GeoBox, path: Path, progress: Progress) -> None:
    """Write image and number of observations, block by block."""
    shape = int(grid.shape[0]), int(grid.shape[1])
    values = len(scenes) * len(bands_of(job)) * (2 * BLOCK) ** 2
    todo = windows(shape, BLOCK if values > MOST_VALUES else 2 * BLOCK)
    stage = f"composite of {job.what}: {len(scenes)} scenes"
    with rasterio.open(path, "w", **_profile(grid, shape)) as out:
        done = run_blocks(lambda window: _block(job, scenes, grid, window), todo)
        for number, (window, (image, count)) in enumerate(done, start=1):
            where = tuple((side.start, side.stop) for side in window)
            out.write(image, 1, window=where)
            out.write(np.minimum(count, 32767).astype(np.int16), 2, window=where)
            progress(stage, number, len(todo))


def _profile(grid: GeoBox, shape: tuple[int, int], count: int = 2) -> dict[str, Any]:
    return {
        "driver": "GTiff",
        "height": shape[0],
        "width": shape[1],
        "count": count,
        "dtype": "int16",
        "crs": grid.crs.to_wkt() if grid.crs else None,
        "transform": grid.affine,
        "nodata": int(MISSING),
        "tiled": True,
        "blockxsize": BLOCK,
        "blockysize": BLOCK,
        "compress": "deflate",
        "interleave": "band",
        "bigtiff": "if_safer",
    }


def _block(job: Job, scenes: list[_Scene], grid: GeoBox, window: Window) -> tuple[np.ndarray, np.ndarray]:
    """Image and number of observations in a window."""
    band = job.product.variables[job.variable]
    shape = window[0].stop - window[0].start, window[1].stop - window[1].start
    names = bands_of(job)
    alone = bool(band.of) and job.source.composite == "median"
    stack = np.full((len(scenes), 1 if alone else len(names), *shape), MISSING, np.int16)
    for number, scene in enumerate(scenes):
        usable = _read(scene.usable, grid, window, "nearest", None) == 1 if scene.usable else np.ones(shape, bool)
        if not usable.any():
            continue
        values = [_values(job, scene, one, grid, window) for one in scene.bands]
        if alone:
            values = [composites.index(*(values[names.index(name)] for name in reversed(band.of)))]
        for at, one in enumerate(values):
            stack[number, at] = np.where(usable, one, MISSING)
    image, count = composites.composite(stack, job.source.composite)
    if band.of and not alone:
        return composites.index(*(image[names.index(name)] for name in reversed(band.of))), count
    return image[0 if alone else names.index(job.variable)], count


def _values(job: Job, scene: _Scene, band: _Band, grid: GeoBox, window: Window) -> np.ndarray:
    stored = _read(band.path, grid, window, "bilinear", band.nodata)
    lowest = -1.0 if band.name == "ndvi" else composites.LOWEST
    values = composites.scaled(stored, band.scale, band.offset, lowest=lowest)
    if band.name == "ndvi":
        return values
    return composites.harmonised(values, band.name, scene.platform, job.source.harmonise)


def _read(path: Path, grid: GeoBox, window: Window, rule: str, nodata: float | None) -> np.ndarray:
    """A window of the grid, NaN where the part does not reach."""
    with rasterio.open(path, sharing=False) as dataset:
        try:
            aligned = align.open_aligned(dataset, grid, rule, nodata=nodata, bands=(1,), name=path.name)
        except GridError:  # its margin touches the area, its cells do not
            return np.full([side.stop - side.start for side in window], np.nan, np.float32)
        return align.read(aligned, window)


def _close(job: Job, jobs: list[Job]) -> None:
    """Write the image of a step with its gaps closed, and how they were closed."""
    near = _near(job, jobs) if job.source.fill else [job]
    images = {one.label: one.raw for one in near if one.raw.exists()}
    grid = _grid_of(near)
    if grid is None:
        raise SourceError(_nothing(job, "no scene"))
    labels, cells = [one.label for one in jobs], dict.fromkeys(ORIGINS, 0)

    def write(draft: Path) -> None:
        quality = job.path.parent / "quality" / job.path.name
        quality.parent.mkdir(exist_ok=True)
        found = _write(draft, quality, grid, lambda where: _closed(job.label, labels, images, where))
        cells.update(zip(ORIGINS, found.tolist(), strict=True))
        if cells["missing"] == sum(cells.values()):
            raise SourceError(_nothing(job, "no cell without cloud"))

    keep(job, write, json.loads(job.raw.with_suffix(".json").read_text(encoding="utf-8"))["items"], cells=cells)
    if not cells["observed"]:
        message = f"{job.what}: no scene saw a cell; all of it comes from other steps"
        warnings.warn(message, SoilLossWarning, stacklevel=2)


def _write(path: Path, quality: Path, grid: GeoBox, made: Callable[[Any], tuple[np.ndarray, ...]]) -> np.ndarray:
    """Write image and quality block by block; return how many cells came about in each way."""
    shape, tally = (int(grid.shape[0]), int(grid.shape[1])), np.zeros(len(ORIGINS), np.int64)
    with (
        rasterio.open(path, "w", **_profile(grid, shape, 1)) as out,
        rasterio.open(quality, "w", **_profile(grid, shape)) as notes,
    ):
        out.scales, out.units = [SCALE], ["1"]
        notes.descriptions = ("valid observations", ", ".join(f"{n} {name}" for n, name in enumerate(ORIGINS)))
        for window in windows(shape, BLOCK):
            where = tuple((side.start, side.stop) for side in window)
            image, count, flag = made(where)
            tally += np.bincount(flag.ravel(), minlength=len(ORIGINS))
            out.write(image, 1, window=where)
            notes.write(np.stack([count, flag.astype(np.int16)]), window=where)
    return tally


def _near(job: Job, jobs: list[Job]) -> list[Job]:
    """The steps that may close gaps of a step, and itself: one before and after, the same season of other years."""
    at, year, season = jobs.index(job), int(job.label[:4]), job.label[4:]
    labels = {f"{year - 1}{season}", job.label, f"{year + 1}{season}"}
    return [one for n, one in enumerate(jobs) if abs(n - at) <= 1 or one.label in labels]


def _closed(label: str, labels: list[str], images: dict[str, Path], where: Any) -> tuple[np.ndarray, ...]:
    """Image, number of observations and origin of the cells of a window."""
    values: dict[str, np.ndarray] = {}
    count: np.ndarray | None = None
    for name, path in images.items():
        with rasterio.open(path) as dataset:
            values[name] = dataset.read(1, window=where)
            if name == label:
                count = dataset.read(2, window=where)
    like = next(iter(values.values()))
    values.setdefault(label, np.full_like(like, MISSING))
    image, flag = composites.filled(values, label, labels)
    return image, np.zeros_like(like) if count is None else count, flag


def _nothing(job: Job, what: str) -> str:
    first, last = job.days
    cloud = f" with less than {job.source.cloud:g} % of cloud" if job.product.stac and job.product.stac.sensor else ""
    return (
        f"{job.what}: {job.name} has {what}{cloud} in the area from {first} to {last}, nor has a step beside it; raise "
        "cloud:, take longer steps (period: {step: year}), or another product"
    )
