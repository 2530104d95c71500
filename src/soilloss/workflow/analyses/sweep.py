"""Sweeps over the finished maps: every tile once per stage, sums added up in the order of the tiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from soilloss.grid.blocks import run_blocks, windows
from soilloss.publish.rasters import TILE, Draft
from soilloss.workflow.analyses import needs, question
from soilloss.workflow.analyses.answer import Answer, Layer, Question, Sums
from soilloss.workflow.analyses.place import Place, Study, make_study
from soilloss.workflow.outputs import Pass
from soilloss.workflow.record import table_hash
from soilloss.workflow.site import Site

Progress = Callable[[int, int], None]


class Answered(NamedTuple):
    """An analysis of the run: its name, its heading, what it found and the hashes of the rasters it wrote."""

    name: str
    title: str
    answer: Answer
    layers: list[tuple[Layer, str]]


def run(site: Site, passed: Pass, folder: Path, workers: int | None, progress: Progress) -> list[Answered]:
    """Answer what the project asks of its finished maps in `folder`, which the pass has just published there."""
    asked = site.project.analysis.asked
    if not asked:
        return []
    questions = {name: question(name) for name in asked}
    layers = {name: one.layers(site, asked[name]) for name, one in questions.items()}
    published = {(one.variable, one.label): folder / one.path for one in passed.maps}
    names = {variable for name in asked for variable in needs(site.project, name)}
    drafts: dict[str, Draft] = {}
    study = make_study(site, published, passed.zones, names, drafts)
    try:
        drafts |= {layer.path: draft_of(layer, folder, site) for some in layers.values() for layer in some}
        totals = _sweeps(study, questions, asked, workers, progress)
        for draft in drafts.values():
            draft.finish(overviews=True)
    except BaseException:
        for draft in drafts.values():
            draft.discard()
        raise
    return [
        Answered(
            name,
            one.title,
            one.finish(study, totals[name], asked[name]),
            [(x, drafts[x.path].hash) for x in layers[name]],
        )
        for name, one in questions.items()
    ]


def _sweeps(
    study: Study, questions: dict[str, Question], asked: dict[str, Any], workers: int | None, progress: Progress
) -> dict[str, list[Sums]]:
    """The totals of every stage of every analysis; analyses share what a tile has read."""
    tiles = windows(study.site.shape, TILE)
    totals: dict[str, list[Sums]] = {name: [] for name in questions}
    stages = max(len(one.stages) for one in questions.values())
    for stage in range(stages):
        active = {name: one.stages[stage] for name, one in questions.items() if stage < len(one.stages)}

        def tile(number: int, active: dict[str, Any] = active) -> dict[str, Sums]:
            place = Place(study, tiles[number])
            return {name: gather(place, asked[name], totals[name]) for name, gather in active.items()}

        found: dict[str, Sums] = {name: {} for name in active}
        waiting: dict[int, dict[str, Sums]] = {}
        next_one = 0
        for done, (number, part) in enumerate(run_blocks(tile, range(len(tiles)), workers), 1):
            waiting[number] = part
            while next_one in waiting:
                for name, sums in waiting.pop(next_one).items():
                    _add(found[name], sums)
                next_one += 1
            progress(stage * len(tiles) + done, stages * len(tiles))
        for name, sums in found.items():
            totals[name].append(sums)
    return totals


def _add(total: Sums, part: Sums) -> None:
    for name, value in part.items():
        total[name] = total[name] + value if name in total else value


def draft_of(layer: Layer, folder: Path, site: Site) -> Draft:
    """Return the draft of a layer below `folder`."""
    classes = bool(layer.names)
    return Draft(
        folder / layer.path,
        site.grid,
        dtype="uint8" if classes else "float32",
        nodata=0 if classes else np.nan,
        tags={
            "variable": layer.variable,
            "long_name": layer.meaning,
            "unit": layer.unit,
            "method": layer.method,
            "citation": layer.cite,
        },
        bands=layer.bands if len(layer.bands) > 1 else 1,
        colours=layer.colours or None,
        categories=layer.names or None,
    )


def tables_of(answers: list[Answered]) -> dict[str, pd.DataFrame]:
    """Return all tables of the analyses by name."""
    return {name: frame for one in answers for name, frame in one.answer.tables.items()}


def citations(site: Site) -> list[str]:
    """Return citation keys of the methods by which the analyses of a project make rasters, each once."""
    asked = site.project.analysis.asked
    layers = [layer for name, options in asked.items() for layer in question(name).layers(site, options)]
    return list(dict.fromkeys(key for layer in layers for key in layer.cite.split(", ") if key))


def entries(answers: list[Answered]) -> list[dict[str, Any]]:
    """Return what the record keeps of the analyses, ready for JSON."""
    return [
        {
            "name": one.name,
            "title": one.title,
            "words": one.answer.words,
            "tables": [
                {
                    "path": f"tables/{name}.csv",
                    "rows": len(frame),
                    "caption": frame.attrs.get("caption", ""),
                    "hash": table_hash(frame),
                }
                for name, frame in one.answer.tables.items()
            ],
            "rasters": [{**_entry(layer), "hash": found} for layer, found in one.layers],
            "figures": _plain(one.answer.figures),
        }
        for one in answers
    ]


def _plain(value: Any) -> Any:
    """Numbers, texts, lists and mappings only; what does not exist is None."""
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | np.ndarray):
        return [_plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _entry(layer: Layer) -> dict[str, Any]:
    return {**layer._asdict(), "bands": list(layer.bands), "names": list(layer.names), "colours": list(layer.colours)}
