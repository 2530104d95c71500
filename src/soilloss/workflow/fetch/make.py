"""Fetching: the pieces of every job from the cache or the service, put together and noted."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soilloss.errors import SoilLossWarning, SourceError
from soilloss.sources import earthengine, mosaic, pieces
from soilloss.sources.cache import Cache
from soilloss.sources.remote import Web
from soilloss.workflow.fetch.common import Progress, item_note, keep, size_of, together
from soilloss.workflow.fetch.jobs import Job, all_jobs, cells_of, layers_of, span
from soilloss.workflow.fetch.scenes import make_composites


def fetch(
    path: Path | str, overrides: Mapping[str, Any] | None = None, *, progress: Progress = lambda *_: None
) -> dict[str, Any]:
    """Fetch what a project file needs and has not got; a fetch that was cut goes on where it stopped.

    Returns
    -------
    dict
        ``items`` and ``bytes`` received, ``made`` and ``reused`` rasters.
    """
    jobs = all_jobs(path, overrides)
    todo = [job for job in jobs if not job.done]
    webs: dict[str, Web] = {}
    cache, items = Cache(), 0
    for job in todo:
        if job.name not in webs:
            _warn(job)
            webs[job.name] = pieces.web_for(job.name, job.product)
        if not job.is_composite:
            items += _make(job, webs[job.name], cache, progress)
    for folder in dict.fromkeys(job.path.parent for job in todo if job.is_composite):
        series = [job for job in jobs if job.path.parent == folder]
        items += make_composites(series, webs[series[0].name], cache, progress)
    received = sum(web.received for web in webs.values())
    return {"items": items, "bytes": received, "made": [j.what for j in todo], "reused": len(jobs) - len(todo)}


def _make(job: Job, web: Web, cache: Cache, progress: Progress) -> int:
    """Fetch the pieces of a job, put them together, and write its note; return how many pieces there were."""
    progress(f"listing {job.what}", 0, 1)
    if job.product.access == "earthengine":
        return _from_earthengine(job)
    layers = layers_of(job, web)
    layers = [pieces.expand(layer, web, cache, job.bounds) for layer in layers]
    got = _pieces(job, layers, web, cache, progress)
    paths = {piece.url: piece.path for piece in got if piece.path}
    stacks = [
        mosaic.Stack(tuple(paths[url] for url in layer.urls if url in paths), layer.group, layer.share, layer.band)
        for layer in layers
    ]
    if not any(stack.paths for stack in stacks):
        raise SourceError(
            f"{job.what}: {job.name} has no cell in the area ({span(job.bounds)}); it may be sea or a gap: take "
            "another product or give a file of your own"
        )
    _write(job, stacks, got)
    return len(got)


def _from_earthengine(job: Job) -> int:
    items: list[dict[str, Any]] = []

    def write(draft: Path) -> None:
        found = earthengine.fetch_image(job.variable, job.product, job.bounds, job.year, draft)
        today = datetime.now(UTC).isoformat(timespec="seconds")
        items.extend({"id": one, "sha256": "", "tag": "", "fetched": today} for one in found)

    keep(job, write, items)
    return len(items)


def _pieces(job: Job, layers: list[pieces.Layer], web: Web, cache: Cache, progress: Progress) -> list[pieces.Piece]:
    urls = list(dict.fromkeys(url for layer in layers for url in layer.urls))
    band, tiles = job.product.variables[job.variable].band, job.product.tiles
    lacks = tiles is not None and tiles.may_lack
    size = sum(len(layer.urls) > 0 for layer in layers) * cells_of(job) * job.product.bytes
    stage = f"fetching {job.what}: {len(urls)} items, about {size_of(size)}"
    return together(urls, web, cache, job.bounds, progress, stage, band=band, may_lack=lacks)


def _write(job: Job, stacks: list[mosaic.Stack], got: list[pieces.Piece]) -> None:
    def write(draft: Path) -> None:
        mosaic.assemble(job.variable, job.product.variables[job.variable], stacks, draft, label=job.label)

    keep(job, write, [item_note(piece) for piece in got if piece.path])


def _warn(job: Job) -> None:
    if job.product.unverified:
        warnings.warn(
            f"{job.name}: its entry was not checked against the service; should it fail, correct it in a catalogue of "
            "your own (products: my_products.yml)",
            SoilLossWarning,
            stacklevel=2,
        )
