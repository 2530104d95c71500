"""Fetching: the pieces of every job from the cache or the service, put together and noted."""

from __future__ import annotations

import json
import os
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from soilloss.errors import SoilLossWarning, SourceError
from soilloss.grid.blocks import run_blocks
from soilloss.sources import mosaic, pieces
from soilloss.sources.cache import Cache, disk_error, hash_of
from soilloss.sources.remote import Web, clean
from soilloss.workflow.fetch.jobs import Job, all_jobs, cells_of, span

Progress = Callable[[str, int, int], None]

STREAMS = 8


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
        items += _make(job, webs[job.name], cache, progress)
    received = sum(web.received for web in webs.values())
    return {"items": items, "bytes": received, "made": [j.what for j in todo], "reused": len(jobs) - len(todo)}


def _make(job: Job, web: Web, cache: Cache, progress: Progress) -> int:
    """Fetch the pieces of a job, put them together, and write its note; return how many pieces there were."""
    layers = pieces.layers_of(job.product, job.variable, job.year, job.bounds, job.source.depth)
    progress(f"listing {job.what}", 0, 1)
    layers = [pieces.expand(layer, web, cache, job.bounds) for layer in layers]
    got = _pieces(job, layers, web, cache, progress)
    stacks, at = [], 0
    for layer in layers:
        parts = got[at : at + len(layer.urls)]
        stacks.append(mosaic.Stack(tuple(p.path for p in parts if p.path), layer.group, layer.share))
        at += len(layer.urls)
    if not any(stack.paths for stack in stacks):
        raise SourceError(
            f"{job.what}: {job.name} has no cell in the area ({span(job.bounds)}); it may be sea or a gap: take "
            "another product or give a file of your own"
        )
    _write(job, stacks, got)
    return len(got)


def _pieces(job: Job, layers: list[pieces.Layer], web: Web, cache: Cache, progress: Progress) -> list[pieces.Piece]:
    urls = [url for layer in layers for url in layer.urls]
    band, tiles = job.product.variables[job.variable].band, job.product.tiles
    lacks = tiles is not None and tiles.may_lack
    size = sum(len(layer.urls) > 0 for layer in layers) * cells_of(job) * job.product.bytes
    stage = f"fetching {job.what}: {len(urls)} items, about {_size(size)}"
    progress(stage, 0, len(urls))

    def one(number: int) -> pieces.Piece:
        return pieces.fetch_piece(web, cache, urls[number], job.bounds, band=band, may_lack=lacks)

    got: dict[int, pieces.Piece] = {}
    for number, piece in run_blocks(one, range(len(urls)), STREAMS):
        got[number] = piece
        progress(stage, len(got), len(urls))
    return [got[number] for number in range(len(urls))]


def _write(job: Job, stacks: list[mosaic.Stack], got: list[pieces.Piece]) -> None:
    draft = job.path.with_name(f"{job.path.name}.{os.getpid()}.draft")
    try:
        job.path.parent.mkdir(parents=True, exist_ok=True)
        mosaic.assemble(job.variable, job.product.variables[job.variable], stacks, draft, label=job.label)
        draft.replace(job.path)
        items = [
            {"id": clean(piece.url), **{key: piece.about.get(key, "") for key in ("sha256", "tag", "fetched")}}
            for piece in got
            if piece.path
        ]
        words = {key: getattr(job.product, key) for key in ("title", "licence", "citation", "unverified")}
        note = {"product": job.name, **words, "bounds": job.bounds, "sha256": hash_of(job.path), "items": items}
        draft.write_text(json.dumps(note, indent=1), encoding="utf-8")
        draft.replace(job.note)
    except SourceError:
        raise
    except OSError as error:
        raise disk_error(error, job.path.parent) from None
    finally:
        draft.unlink(missing_ok=True)


def _warn(job: Job) -> None:
    if job.product.unverified:
        warnings.warn(
            f"{job.name}: its entry was not checked against the service; should it fail, correct it in a catalogue of "
            "your own (products: my_products.yml)",
            SoilLossWarning,
            stacklevel=2,
        )


def _size(count: float) -> str:
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 1e5) / 1e6:.1f} MB"
