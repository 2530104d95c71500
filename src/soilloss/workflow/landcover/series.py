"""The smoothed series: maps of single steps (ours, or a product's) made consistent in time, block by block."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from soilloss.errors import ProjectError, SourceError
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.landcover import smooth
from soilloss.landcover.tiles import season_of
from soilloss.publish.rasters import Draft
from soilloss.sources import files
from soilloss.workflow.landcover.maps import map_steps, open_drafts, rounded
from soilloss.workflow.landcover.teach import model_of
from soilloss.workflow.landcover.work import SINGLE, SMOOTH, Work, done, is_done, keep, key_for, stamps

BLOCK = 512
_SIDE, _LOOKED_AT = 64, 8  # cells and windows a side from which the shares of the classes are taken
# Cells of a patch err together. Counted one by one, those of a few validation tiles would claim to know how rare
# classes err; 256 of them count as one sample.
_CELLS_PER_SAMPLE = 256
_STEPS_PER_YEAR = {"": 1, "-Q": 4, "-": 12}


class _Chain(NamedTuple):
    """The hidden Markov model of a series."""

    confusion: np.ndarray
    season: np.ndarray
    prior: np.ndarray
    transition: np.ndarray


def smooth_series(work: Work) -> dict[str, Any]:
    """Write the smoothed maps, and return how much they differ from the single ones."""
    singles = single_maps(work)
    options = work.section.smooth
    counts = _confusion(work) if options.method in ("hmm", "path") else None
    evidence = _observations(work)
    key = key_for(
        options.model_dump(), None if counts is None else counts.tolist(), work.steps, stamps([singles, evidence])
    )
    ready = all(work.file(SMOOTH, step).exists() for step in work.steps)
    if is_done(work, SMOOTH, key) and ready:
        return done(work)[SMOOTH]["report"]
    grid = finest_grid(singles)
    model = None if counts is None else _chain(work, singles, counts)
    try:
        report = _write(work, singles, evidence, grid, model)
    finally:
        files.close_all()
    keep(work, SMOOTH, key, report)
    return report


def single_maps(work: Work) -> files.RasterSource:
    """Return the maps of single steps: those of a product that the project names, or our own, made if need be."""
    if work.section.maps:
        return work.source(work.section.maps.file, work.section.maps.legend)
    map_steps(work)
    return _own(work, SINGLE)


def smooth_maps(work: Work) -> files.RasterSource:
    """Return the smoothed maps as a source."""
    return _own(work, SMOOTH)


def _own(work: Work, kind: str) -> files.RasterSource:
    paths = tuple((step, str(work.file(kind, step))) for step in work.steps)
    return files.raster_source("land_cover", paths[0][1], [])._replace(files=paths)


def finest_grid(source: files.RasterSource) -> GeoBox:
    """Return the grid with the smallest cells among the files of a series, of the latest step that has it."""
    grids = [files.native_grid(source._replace(files=(pair,))) for pair in source.files]
    return min(reversed(grids), key=lambda grid: abs(grid.affine.a * grid.affine.e))


def _observations(work: Work) -> files.RasterSource | None:
    """Rasters of how many images were seen: where none was, a composite was filled and is no evidence."""
    given = work.section.images
    if work.section.maps or given is None or given.observations is None:
        return None
    return work.source(given.observations)


def _confusion(work: Work) -> np.ndarray:
    """How the maps err, by season: a table the project names, or the model's card."""
    named = work.section.smooth.confusion
    if named:
        try:
            table = pd.read_csv(work.data / named, index_col=0)
        except (OSError, ValueError) as error:
            raise SourceError(f"landcover.smooth.confusion: {named} cannot be read ({error})") from None
        if table.shape != (smooth.CLASSES, smooth.CLASSES):
            raise ProjectError(
                f"landcover.smooth.confusion: {named} has {table.shape[0]} rows and {table.shape[1]} columns of "
                f"counts, expected {smooth.CLASSES} of each: rows reference, columns map"
            )
        return table.to_numpy("f8")[None]
    if work.section.maps:
        raise ProjectError(
            "landcover.smooth: maps of others are smoothed by a hidden Markov model only with a table of their errors "
            "(smooth: {confusion: errors.csv}, rows reference); or choose method: majority"
        )
    counts = model_of(work)[1].get("scores", {}).get("confusion_by_season")
    if counts is None:
        raise ProjectError(
            "the model's card says nothing of its errors on validation tiles, which smoothing by a hidden Markov model "
            "needs; give landcover.smooth.confusion, or choose method: majority"
        )
    return np.array(counts, "f8") / _CELLS_PER_SAMPLE


def _chain(work: Work, singles: files.RasterSource, counts: np.ndarray) -> _Chain:
    per_year = steps_per_year(work.steps)
    season = np.array([season_of(step) if len(counts) == 4 else 0 for step in work.steps])
    pairs = [(one, other) for one, other in work.section.smooth.forbidden]
    transition = smooth.sticky_transitions(
        change_rate=work.section.smooth.change_rate, steps_per_year=per_year, forbidden=pairs
    )
    return _Chain(counts, season, smooth.class_shares(_sample(singles)), transition)


def steps_per_year(steps: tuple[str, ...]) -> int:
    """Return how many steps a year has.

    Examples
    --------
    >>> steps_per_year(("2021-Q1", "2021-Q2"))
    4
    """
    return _STEPS_PER_YEAR["-Q" if "Q" in steps[0] else steps[0][4:5]]


def _sample(singles: files.RasterSource) -> np.ndarray:
    """Classes of cells in windows spread over each map."""
    found = []
    for step, path in singles.files:
        grid = files.native_grid(singles._replace(files=((step, path),)))
        rows, columns = (np.unique(np.linspace(0, max(n - _SIDE, 0), _LOOKED_AT).astype(int)) for n in grid.shape)
        for top in rows:
            for left in columns:
                window = tuple(slice(at, min(at + _SIDE, n)) for at, n in zip((top, left), grid.shape, strict=True))
                cells = files.read_block(singles, grid, step, (window[0], window[1]))
                found.append(np.nan_to_num(cells, nan=0).astype(np.uint8).reshape(-1))
    return np.concatenate(found)[None]


def _write(
    work: Work, singles: files.RasterSource, evidence: files.RasterSource | None, grid: GeoBox, model: _Chain | None
) -> dict[str, Any]:
    soft = work.section.smooth.method == "hmm"
    probabilities = soft and work.section.smooth.probabilities
    layers = ["labels", *(["outlook"] if soft else []), *(["probability"] if probabilities else [])]
    changed = seen = 0
    with ExitStack() as stack:
        tags = {"method": work.section.smooth.method}
        drafts = []
        for step in work.steps:
            made = open_drafts(work, grid, SMOOTH, step, layers, tags)
            drafts.append({name: stack.enter_context(draft) for name, draft in made.items()})
        todo = windows((int(grid.shape[0]), int(grid.shape[1])), BLOCK)

        def block(window: Window) -> tuple[np.ndarray, smooth.Smoothed]:
            codes = _read(work, singles, evidence, grid, window)
            return codes, _smoothed(work, codes, model, probabilities)

        for n, (window, (codes, found)) in enumerate(run_blocks(block, todo, work.workers)):
            work.progress("smoothing", n, len(todo))
            changed += int(((codes != found.labels) & (codes > 0)).sum())
            seen += int((codes > 0).sum())
            for t, made in enumerate(drafts):
                _enter(made, window, found, t)
        for made in drafts:
            for draft in made.values():
                draft.finish(overviews=True)
    return {"method": work.section.smooth.method, "changed": round(changed / max(seen, 1), 6)}


def _enter(made: dict[str, Draft], window: Window, found: smooth.Smoothed, step: int) -> None:
    made["labels"].write(window, found.labels[step])
    if "outlook" in made:
        made["outlook"].write(window, rounded(np.stack([found.confidence[step], found.change[step]])))
    if "probability" in made:
        made["probability"].write(window, rounded(found.posterior[step]))


def _read(
    work: Work, singles: files.RasterSource, evidence: files.RasterSource | None, grid: GeoBox, window: Window
) -> np.ndarray:
    """Classes (time, y, x) of a block, 0 where there is no evidence."""
    steps = []
    for step in work.steps:
        codes = np.nan_to_num(files.read_block(singles, grid, step, window), nan=0).astype(np.uint8)
        if evidence is not None:  # code 0 reads as missing
            codes[np.isnan(files.read_block(evidence, grid, step, window))] = 0
        steps.append(codes)
    return np.stack(steps)


def _smoothed(work: Work, codes: np.ndarray, model: _Chain | None, probabilities: bool) -> smooth.Smoothed:
    options = work.section.smooth
    if options.method == "none":
        return smooth.Smoothed(codes)
    if model is None:
        return smooth.Smoothed(smooth.majority_filter(codes, window=options.window, fill=True))
    return smooth.hmm_smooth(codes, **model._asdict(), path=options.method == "path", posterior=probabilities)
