"""What all ways of fetching share: many pieces at a time, and a result that is there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from soilloss.errors import SourceError
from soilloss.grid.blocks import run_blocks
from soilloss.sources import pieces
from soilloss.sources.cache import Cache, disk_error, hash_of
from soilloss.sources.products import Bounds, is_own
from soilloss.sources.remote import Web, clean
from soilloss.workflow.fetch.jobs import Job

Progress = Callable[[str, int, int], None]

STREAMS = 8


def together(
    urls: Sequence[str],
    web: Web,
    cache: Cache,
    bounds: Bounds,
    progress: Progress,
    stage: str,
    *,
    band: int = 1,
    may_lack: bool = False,
) -> list[pieces.Piece]:
    """Return the pieces of many files, fetched several at a time, in the order of the addresses."""

    def one(number: int) -> pieces.Piece:
        return pieces.fetch_piece(web, cache, urls[number], bounds, band=band, may_lack=may_lack)

    progress(stage, 0, len(urls))
    got: dict[int, pieces.Piece] = {}
    for number, piece in run_blocks(one, range(len(urls)), STREAMS):
        got[number] = piece
        progress(stage, len(got), len(urls))
    return [got[number] for number in range(len(urls))]


def item_note(piece: pieces.Piece) -> dict[str, Any]:
    """What is recorded of a piece: its address without keys, hash, version and date."""
    name = Path(clean(piece.url)).name if is_own(piece.url) else clean(piece.url)
    return {"id": name, **{key: piece.about.get(key, "") for key in ("sha256", "tag", "fetched")}}


def keep(job: Job, write: Callable[[Path], None], items: list[dict[str, Any]], **more: Any) -> None:
    """Let `write` make the raster of a job, and give it its name and its note when it is whole."""
    words = {key: getattr(job.product, key) for key in ("title", "licence", "citation", "unverified")}
    keep_as(job.path, write, {"product": job.name, **words, "bounds": job.bounds, **more, "items": items})


def keep_as(path: Path, write: Callable[[Path], None], note: dict[str, Any]) -> None:
    """Let `write` make a file, and give it its name and its note (JSON, with its hash) when it is whole."""
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(draft)
        made = draft.exists()
        note = {**note, "sha256": hash_of(draft) if made else ""}
        if made:
            draft.replace(path)
        draft.write_text(json.dumps(note, indent=1), encoding="utf-8")
        draft.replace(path.with_suffix(".json"))
    except SourceError:
        raise
    except OSError as error:
        raise disk_error(error, path.parent) from None
    finally:
        draft.unlink(missing_ok=True)


def size_of(count: float) -> str:
    """Bytes in words."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{max(count, 1e5) / 1e6:.1f} MB"
