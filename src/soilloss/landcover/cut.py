"""Cut tiles from an image series and a label map into a Zarr group, all steps of a place in one chunk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import zarr
from odc.geo.geobox import GeoBox

from soilloss import tables
from soilloss.errors import DataError
from soilloss.grid.blocks import Window, run_blocks
from soilloss.landcover.clean import averaged, purest, spectra_by_class, without_edges
from soilloss.landcover.images import BANDS, doubt_band_order, read_image
from soilloss.landcover.moments import moments
from soilloss.landcover.places import (
    SPLITS,
    Place,
    block_of,
    coarse_places,
    draw,
    split_blocks,
    whole_tiles,
    window_of,
    without_gaps,
)
from soilloss.landcover.tiles import NODATA, SCALE, season_of
from soilloss.sources import files

CLASSES = 8
Progress = Callable[[str, int, int], None]


class Cut(NamedTuple):
    """How tiles are chosen and their labels cleaned.

    `size` is the side of a tile and `block` that of a split block in tiles; `per_class`, `least`, `rare` and `seed`
    belong to `places.draw`. `boundary` is the share of label cells beside another class that is ignored; `winter` the
    weight of labels in the quarters `winter_quarters`, when plants show less. `coarse`, if not 0, adds tiles of images
    averaged over so many cells a side, with labels where `purity` of the cells agree: pairs for the older, coarser
    sensors. `hold_out` are years that training never sees.
    """

    size: int = 256
    block: int = 10
    per_class: int = 1800
    least: float = 0.05
    rare: float = 0.01
    seed: int = 0
    boundary: float = 0.5
    winter: float = 0.5
    winter_quarters: tuple[int, ...] = (1, 4)
    coarse: int = 0
    purity: float = 0.6
    hold_out: tuple[int, ...] = ()


class Labels(NamedTuple):
    """The label map, its year, and optionally a second map: cells where the two differ are ignored."""

    source: files.RasterSource
    year: int
    second: files.RasterSource | None = None


class _Job(NamedTuple):
    images: files.RasterSource
    labels: Labels
    grid: GeoBox
    steps: tuple[str, ...]
    cut: Cut


def cut_tiles(
    path: Path,
    images: files.RasterSource,
    labels: Labels,
    grid: GeoBox,
    steps: Sequence[str],
    cut: Cut,
    *,
    workers: int | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> dict[str, Any]:
    """Choose tiles, write them to the Zarr group `path`, and return what was chosen.

    Parameters
    ----------
    path : Path
        Folder to write; a former one is replaced when the new one is complete.
    images : RasterSource
        Of `image_series`.
    labels : Labels
        Any raster of classes; it is brought onto `grid`.
    grid : GeoBox
        Grid of the label year's images.
    steps : sequence of str
        All steps of the series; those of the label year carry labels.
    cut : Cut
        Options.

    Returns
    -------
    report : dict
        ``tiles`` by split, ``shares`` of the classes in the training labels, ``notes``: sentences to be read.

    Raises
    ------
    DataError
        If labels do not fit, no tile has labels and images, or there are fewer blocks than splits.
    """
    job = _Job(images, labels, grid, tuple(steps), cut)
    places, splits, notes = _choose(job, workers, progress)
    plan = [(place, 1, splits[block_of(place, cut.block)]) for place in places]
    if cut.coarse:
        found = coarse_places(places, splits, cut.block, cut.coarse)
        plan += [(place, cut.coarse, split) for place, split in found.items()]
    draft = path.with_name(f".{path.name}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        report = _write(draft, job, plan, notes, workers, progress)
        shutil.rmtree(path, ignore_errors=True)
        draft.rename(path)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return report


def _choose(job: _Job, workers: int | None, progress: Progress) -> tuple[list[Place], dict[Place, str], list[str]]:
    """Tiles drawn by class and parted by gaps, the split of each block, and what is to be said."""
    cut, notes = job.cut, []
    candidates = whole_tiles(job.grid, cut.size)
    if not candidates:
        raise DataError(
            f"no tile of {cut.size} x {cut.size} cells lies inside the images of {job.grid.shape[0]} x "
            f"{job.grid.shape[1]} cells; take smaller tiles (landcover.tiles.size)"
        )
    counts = np.zeros((len(candidates), CLASSES + 1), np.int64)
    for (n, _), labels in run_blocks(lambda item: _labels(job, item[1]), enumerate(candidates), workers):
        counts[n] = np.bincount(labels.reshape(-1), minlength=CLASSES + 1)
        progress("labels", n, len(candidates))
    labelled = np.flatnonzero(counts[:, 1:].sum(axis=1) >= cut.size**2 / 2)
    if not labelled.size:
        raise DataError(
            "no tile has labels on half of its cells; do the labels cover the images, and is their legend right "
            "(landcover.labels.legend: worldcover)?"
        )
    shares = counts[labelled, 1:] / cut.size**2
    names = tables.read("land_cover")["name"].tolist()
    notes += [f"class {names[c]} has no pixel in the labels" for c in np.flatnonzero(shares.sum(axis=0) == 0)]
    chosen = draw(shares, per_class=cut.per_class, least=cut.least, rare=cut.rare, seed=cut.seed)
    places = [candidates[labelled[n]] for n in chosen]
    splits = split_blocks((block_of(place, cut.block) for place in places), seed=cut.seed)
    kept = [places[n] for n in without_gaps(places, splits, cut.block)]
    for name in set(SPLITS) - {splits[block_of(place, cut.block)] for place in kept}:
        raise DataError(
            f"of {len(places)} tiles none is left for {name} once a tile's width parts the splits; take other blocks "
            "(landcover.tiles.block), smaller tiles, more tiles per class, or another seed"
        )
    return kept, splits, notes


def _write(
    draft: Path,
    job: _Job,
    plan: list[tuple[Place, int, str]],
    notes: list[str],
    workers: int | None,
    progress: Progress,
) -> dict[str, Any]:
    size, steps = job.cut.size, len(job.steps)
    group = zarr.open_group(str(draft), mode="w")
    shape = (len(plan), steps, len(BANDS), size, size)
    image = group.create_array("image", shape=shape, chunks=(1, *shape[1:]), dtype="int16", fill_value=NODATA)
    label = group.create_array("label", shape=(len(plan), size, size), chunks=(1, size, size), dtype="uint8")
    split = [one for _, _, one in plan]
    sums = np.zeros((CLASSES + 1, 1 + len(BANDS)), np.int64)  # cells, then band sums, of each class
    tiles = run_blocks(lambda entry: _tile(job, entry[1]), enumerate(plan), workers)
    for done, ((n, item), (pixels, classes)) in enumerate(tiles):
        image[n], label[n] = pixels, classes
        progress("tiles", done + 1, len(plan))
        shown = pixels[_label_steps(job)]
        if not (shown != NODATA).any() or not classes.any():
            split[n] = ""  # nothing to learn from: all cloud, or all labels cleaned away
        elif item[2] == "train":
            sums += spectra_by_class(shown, classes)
    report = _report(job, split, sums, notes)
    held_out = np.array([int(step[:4]) in job.cut.hold_out for step in job.steps])
    train = [n for n, one in enumerate(split) if one == "train"]
    kept = {
        "split": split,
        "quarters": list(job.steps),
        "weight": _weights(job).tolist(),
        "held_out": held_out.tolist(),
        "moments": moments(_Seen(image, ~held_out), train).tolist(),
        "places": [[*place, coarse] for place, coarse, _ in plan],
        "report": report,
    }
    group.attrs["soilloss"] = json.dumps(kept)
    return report


def _report(job: _Job, split: list[str], sums: np.ndarray, notes: list[str]) -> dict[str, Any]:
    if not sums[1:, 0].any():
        raise DataError(
            f"no training tile has any image of the label year {job.labels.year} under its labels (all cloud?); "
            "check the images of that year, or their nodata"
        )
    empty = split.count("")
    if empty:
        notes = [*notes, f"{empty} of {len(split)} tiles have no image of the label year (all cloud) and are left out"]
    means = {c: sums[c, 1:] / sums[c, 0] / SCALE for c in range(1, CLASSES + 1) if sums[c, 0]}
    doubt = doubt_band_order(means)
    return {
        "tiles": {name: split.count(name) for name in SPLITS},
        "shares": (sums[1:, 0] / sums[1:, 0].sum()).round(6).tolist(),
        "notes": [*notes, doubt] if doubt else notes,
    }


class _Seen:
    """Images without the steps that are held out, read tile by tile."""

    def __init__(self, image: Any, use: np.ndarray) -> None:
        self.image, self.use, self.shape = image, use, image.shape

    def __getitem__(self, tile: int) -> np.ndarray:
        return np.asarray(self.image[tile])[self.use]


def _label_steps(job: _Job) -> list[int]:
    return [n for n, step in enumerate(job.steps) if step[:4] == str(job.labels.year)]


def _weights(job: _Job) -> np.ndarray:
    """Weight of each step's labels: none outside the label year, less in winter."""
    weights = np.zeros(len(job.steps), np.float32)
    for n in _label_steps(job):
        winter = season_of(job.steps[n]) + 1 in job.cut.winter_quarters
        weights[n] = job.cut.winter if winter else 1
    return weights


def _tile(job: _Job, item: tuple[Place, int, str]) -> tuple[np.ndarray, np.ndarray]:
    """Images (step, band, y, x) as int16 and cleaned labels of one tile."""
    place, coarse, _ = item
    window = window_of(job.grid, place, job.cut.size * coarse)
    labels = _labels(job, place, coarse)
    if coarse == 1:
        random = np.random.default_rng([job.cut.seed, place.row % 2**32, place.column % 2**32])
        labels = without_edges(labels, job.cut.boundary, random)
    else:
        labels = purest(labels, coarse, job.cut.purity)
    out = np.full((len(job.steps), len(BANDS), job.cut.size, job.cut.size), NODATA, np.int16)
    # coarse pairs are for the label year only: the older years have images of their own
    for n in range(len(job.steps)) if coarse == 1 else _label_steps(job):
        values = read_image(job.images, job.grid, job.steps[n], window)
        values = averaged(values, coarse)
        scaled = np.clip(np.nan_to_num(values, nan=0) * SCALE, NODATA + 1, -NODATA - 1)
        out[n] = np.where(np.isnan(values), NODATA, np.round(scaled)).astype(np.int16)
    return out, labels


def _labels(job: _Job, place: Place, coarse: int = 1) -> np.ndarray:
    """Classes of a tile, uint8, 0 where unknown or where the second map says otherwise."""
    window = window_of(job.grid, place, job.cut.size * coarse)
    found = [
        np.nan_to_num(_within(source, job, window), nan=0)
        for source in (job.labels.source, job.labels.second)
        if source is not None
    ]
    if found[0].max(initial=0) > CLASSES:
        raise DataError(
            f"the labels hold class {found[0].max():g}, expected 1 to {CLASSES}; give their legend "
            "(landcover.labels.legend: worldcover, clcd, esri, dynamic_world, or a CSV of code and class)"
        )
    agree = found[0] == found[-1]
    return np.where(agree, found[0], 0).astype(np.uint8)


def _within(source: files.RasterSource, job: _Job, window: Window) -> np.ndarray:
    """Cells of the window; a coarse tile may reach beyond the grid, where nothing is known."""
    rows, columns = window
    out = np.full((rows.stop - rows.start, columns.stop - columns.start), np.nan, np.float32)
    top, left = max(rows.start, 0), max(columns.start, 0)
    bottom, right = min(rows.stop, job.grid.shape[0]), min(columns.stop, job.grid.shape[1])
    if bottom > top and right > left:
        cells = files.read_block(source, job.grid, str(job.labels.year), (slice(top, bottom), slice(left, right)))
        out[top - rows.start : bottom - rows.start, left - columns.start : right - columns.start] = cells
    return out
