"""Maps of single steps: class, confidence and entropy, and on request all probabilities; resumed strip by strip."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox

from soilloss.grid.blocks import worker_count
from soilloss.landcover.images import examine_image, grid_of_step, of_step, read_image
from soilloss.landcover.places import first_cell
from soilloss.landcover.prediction import STRIP, Prediction, Runner, Tiling, checked, predict_strips, seam_score
from soilloss.publish.rasters import Draft
from soilloss.sources import files
from soilloss.workflow.landcover.teach import model_of
from soilloss.workflow.landcover.work import SINGLE, Work, class_look, done, is_done, keep, key_for, stamps

LEVELS = 250  # probabilities are kept in steps of 0.4 per cent
_NONE = 255
_JUDGED = 4096  # cells a side that the seam score looks at


def map_steps(work: Work) -> dict[str, Any]:
    """Map every step that is not mapped yet; return by step its seam score and notes."""
    network, card = model_of(work)
    images, tiling = work.images(), _tiling(work)
    run, made = None, {}
    for n, step in enumerate(work.steps):
        image = of_step(images, step)
        options = work.section.predict.model_dump()
        key = key_for(card["sha256"], card["calibration"], options, list(tiling), stamps([image]))
        if is_done(work, f"{SINGLE} {step}", key) and work.file(SINGLE, step).exists():
            made[step] = done(work)[f"{SINGLE} {step}"]["report"]
            continue
        run = run or _runner(work, network, card, tiling)
        work.progress("maps of single steps", n, len(work.steps))
        try:
            made[step] = _map(work, run, images, step, key, {"model": card["sha256"]})
        finally:
            files.close_all()
        keep(work, f"{SINGLE} {step}", key, made[step])
    return made


def _tiling(work: Work) -> Tiling:
    options = work.section.predict
    size = options.tile or work.section.tiles.size
    return checked(size, size // 4 if options.overlap is None else options.overlap)


def _runner(work: Work, network: Any, card: dict[str, Any], tiling: Tiling) -> Runner:
    from soilloss.landcover.inference import predictor

    options = work.section.predict
    function = predictor(network, tile=tiling.size, device=options.device)
    return Runner(function, tiling, float(card["calibration"]["temperature"]), options.batch)


def _map(
    work: Work, run: Runner, images: files.RasterSource, step: str, key: str, tags: dict[str, str]
) -> dict[str, Any]:
    """Predict what is not on disk yet, strip by strip, then write the rasters."""
    note = examine_image(images, step)
    grid = grid_of_step(images, step)
    part = work.folder / ".part" / f"{step}-{key}"
    part.mkdir(parents=True, exist_ok=True)
    rows, columns = int(grid.shape[0]), int(grid.shape[1])
    tops = range(0, rows, STRIP)
    left = next((top for top in tops if not (part / f"{top}.npz").exists()), rows)
    if left < rows:
        strips = predict_strips(
            run,
            lambda window: read_image(images, grid, step, window),
            (rows, columns),
            first=first_cell(grid),
            window=(slice(left, rows), slice(0, columns)),
            workers=worker_count(work.workers),
        )
        for (cut, _), prediction in strips:
            _save(part / f"{cut.start}.npz", prediction, work.section.predict.probabilities)
    if any(part.iterdir()):  # there is data where nobody had looked
        note = ""
    _write(work, grid, step, part, tags)
    shutil.rmtree(part)
    score = _seams(work.file(SINGLE, step), grid, run.tiling)
    return {"seam": None if np.isnan(score) else round(score, 4), "note": note}


def _seams(path: Path, grid: GeoBox, tiling: Tiling) -> float:
    """Seam score of a part of the map that fits in memory."""
    with rasterio.open(path) as dataset:
        labels = dataset.read(1, window=((0, min(_JUDGED, dataset.height)), (0, min(_JUDGED, dataset.width))))
    return seam_score(labels, tiling, first_cell(grid))


def _save(path: Path, prediction: Prediction, probabilities: bool) -> None:
    shares: dict[str, Any] = {"outlook": _levels(np.stack([prediction.confidence, prediction.entropy]))}
    if probabilities:
        shares["probability"] = _levels(prediction.probability)
    draft = path.with_suffix(".part.npz")
    np.savez(draft, labels=prediction.labels, **shares)
    draft.replace(path)


def _levels(values: np.ndarray) -> np.ndarray:
    """Probabilities as whole numbers of 0 to 250, 255 where missing."""
    return np.where(np.isnan(values), _NONE, np.round(np.nan_to_num(values) * LEVELS)).astype(np.uint8)


def _write(work: Work, grid: GeoBox, step: str, part: Path, tags: dict[str, str]) -> None:
    """Bring the strips into rasters; where there is none nothing is known."""
    layers = ["labels", "outlook", *(["probability"] if work.section.predict.probabilities else [])]
    with ExitStack() as stack:
        made = open_drafts(work, grid, SINGLE, step, layers, tags)
        drafts = {name: stack.enter_context(draft) for name, draft in made.items()}
        for top in range(0, int(grid.shape[0]), STRIP):
            path = part / f"{top}.npz"
            if not path.exists():
                continue
            with np.load(path) as kept:
                window = (slice(top, top + kept["labels"].shape[0]), slice(0, kept["labels"].shape[1]))
                for name, draft in drafts.items():
                    cells = kept[name]
                    draft.write(window, cells if name == "labels" else _from_levels(cells))
        for draft in drafts.values():
            draft.finish(overviews=True)


def _from_levels(cells: np.ndarray) -> np.ndarray:
    return np.where(cells == _NONE, np.float32(np.nan), cells / np.float32(LEVELS))


def rounded(values: np.ndarray) -> np.ndarray:
    """Return probabilities in the steps that are kept; they then take a fifth of the room."""
    return np.round(values * np.float32(LEVELS)) / np.float32(LEVELS)


def open_drafts(
    work: Work, grid: GeoBox, kind: str, step: str, layers: Sequence[str], tags: dict[str, str]
) -> dict[str, Draft]:
    """Return the rasters of a step, to be written: of ``labels``, ``outlook`` and ``probability`` those in `layers`."""
    look = class_look()
    outlook = ("confidence", "entropy" if kind == SINGLE else "probability of a change")
    words = {**tags, "long_name": "land cover"}
    drafts = {"labels": Draft(work.file(kind, step), grid, dtype="uint8", nodata=0, tags=words, **look)}
    for name, folder, bands in (
        ("outlook", "confidence", outlook),
        ("probability", "probability", look["categories"]),
    ):
        if name in layers:
            path = work.folder / kind / folder / f"{step}.tif"
            drafts[name] = Draft(path, grid, dtype="float32", nodata=np.nan, tags={**tags, "unit": "1"}, bands=bands)
    return drafts
