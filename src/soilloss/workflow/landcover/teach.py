"""Tiles, and the network that learns from them."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path
from typing import Any

from soilloss.errors import DataError, ProjectError, SoilLossWarning
from soilloss.landcover.cut import Cut, Labels, cut_tiles
from soilloss.landcover.images import examine_image, grid_of_step
from soilloss.landcover.settings import PACKAGED
from soilloss.landcover.tiles import open_tiles
from soilloss.sources import files
from soilloss.workflow.landcover.work import Work, is_done, keep, key_for, need_torch, stamps
from soilloss.workflow.landcover.work import done as record_of
from soilloss.workflow.project import LandCoverMaps


def cut(work: Work) -> dict[str, Any]:
    """Cut the tiles of the project, or return the report of those that are there."""
    images, labels = work.images(), _labels(work)
    key = _tiles_key(work)
    path = work.folder / "tiles.zarr"
    if is_done(work, "tiles", key) and path.exists():
        return record_of(work)["tiles"]["report"]
    steps = [step for step in work.steps if step[:4] == str(labels.year)]
    if not steps:
        raise ProjectError(
            f"the labels are of {labels.year}, but the period is {work.steps[0]} to {work.steps[-1]}: no image has "
            "labels; extend the period to the year of the labels, or correct landcover.labels.year"
        )
    try:
        notes = [note for step in work.steps if (note := examine_image(images, step))]
        grid = grid_of_step(images, steps[-1])
        choices = Cut(**_tuples(work.section.tiles.model_dump()))
        report = cut_tiles(
            path, images, labels, grid, work.steps, choices, workers=work.workers, progress=work.progress
        )
    finally:
        files.close_all()
    report["notes"] = notes + report["notes"]
    keep(work, "tiles", key, report)
    return report


def teach(work: Work) -> Path:
    """Return the model file of the project: the one it names, or one trained on its tiles, if need be now.

    Of several processes (`torchrun`) the first one cuts the tiles and keeps the record.
    """
    if work.section.model:
        return Path(work.section.model) if work.section.model in PACKAGED else work.data / work.section.model
    need_torch()
    from soilloss.landcover import together
    from soilloss.landcover.training import train

    options, folder = work.section.train, work.folder / "model"
    key, path = key_for(_tiles_key(work), options.model_dump()), folder / "model.safetensors"
    alone_or_first = together.join(together.local_device(options.device))[0] == 0
    if alone_or_first:
        cut(work)
        if not is_done(work, "training", key):  # what a crash left belongs to other tiles or options
            shutil.rmtree(folder, ignore_errors=True)
            keep(work, "training", key, None)
    together.wait()
    if is_done(work, "model", key) and path.exists():
        return path
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always", SoilLossWarning)
        train(
            open_tiles(work.folder / "tiles.zarr"),
            folder,
            _training(work.section),
            device=options.device,
            card={"data": options.about},
            progress=work.progress,
        )
    if alone_or_first:
        keep(work, "model", key, {"notes": [str(one.message) for one in told if one.category is SoilLossWarning]})
    return path


def _training(section: LandCoverMaps) -> Any:
    from soilloss.landcover.settings import KINDS, Geometry, Refinement, Stage, Training

    options = section.train.model_dump(exclude={"device", "about", "rate", "refinement", *KINDS})
    stages = tuple(Stage(kind, steps, section.train.rate) for kind in KINDS if (steps := getattr(section.train, kind)))
    if not any(stage.kind == "supervise" for stage in stages):
        raise ProjectError("landcover.train.supervise is 0, so nothing would be learnt from labels; give it steps")
    choices = section.train.refinement.model_dump()
    geometry = Geometry(**_tuples(choices.pop("geometry")))
    return Training(stages=stages, refinement=Refinement(geometry=geometry, **choices), **options)


def _labels(work: Work) -> Labels:
    given = work.section.labels
    if given is None:
        raise ProjectError(
            "landcover.labels is missing: give a class map and its year, such as {file: worldcover.tif, legend: "
            "worldcover, year: 2021}, or a ready model under landcover.model"
        )
    steps = [str(given.year)]
    second = given.second
    return Labels(
        work.source(given.file, given.legend, steps),
        given.year,
        work.source(second.file, second.legend, steps) if second else None,
    )


def _tiles_key(work: Work) -> str:
    section, labels = work.section, _labels(work)
    inputs = stamps([work.images(), labels.source, labels.second])
    chosen = [part.model_dump() for part in (section.images, section.labels, section.tiles) if part is not None]
    return key_for(chosen, work.steps, inputs)


def _tuples(options: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in options.items()}


def model_of(work: Work) -> tuple[Any, dict[str, Any]]:
    """Return network and card of the project's model, for the bands that its images have."""
    need_torch()
    from soilloss.landcover.images import BANDS
    from soilloss.landcover.storage import check_bands, load_model

    network, card = load_model(teach(work))
    check_bands(card, BANDS)
    if len(card["classes"]) != 8:
        raise DataError(
            f"the model knows {len(card['classes'])} classes, expected the eight of soilloss; train another"
        )
    return network, card
