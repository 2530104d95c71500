"""Terrain alone: from a raster of heights to fill, directions, accumulation, LS, catchments and streams in a folder.

Small holes are closed before anything is routed, so water crosses them; what is published is missing there.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import soilloss
from soilloss.errors import SourceError
from soilloss.sources import files
from soilloss.workflow import catchments, folders
from soilloss.workflow.stored import USUAL, Limits
from soilloss.workflow.terrain.land import Land, Progress
from soilloss.workflow.terrain.maps import publish
from soilloss.workflow.terrain.plan import plan_terrain
from soilloss.workflow.terrain.task import MASKS, WANTED, Task, names_of

__all__ = ["Task", "make_terrain", "names_of", "plan_terrain"]

RECORD = "terrain.json"
OWN = (RECORD, "watersheds.gpkg", "streams.gpkg", *(f"{name}.tif" for name in WANTED))


def make_terrain(
    task: Task,
    folder: Path,
    *,
    workers: int | None = None,
    limits: Limits = USUAL,
    progress: Progress = lambda _stage, _done, _total: None,
) -> dict[str, Any]:
    """Write what is asked for into `folder`, which is swapped in when complete, and return its record.

    Raises
    ------
    ProjectError
        If a name is not known, the folder holds other files, or the memory does not do.
    GridError, DataError, SourceError
        If the heights cannot be used, or the disk is full: the former folder is then as it was.
    """
    started = time.monotonic()
    task.checked()
    folders.claim(folder, OWN, mark=RECORD, key="--out", result="terrain")
    with files.environment():
        try:
            land = Land(task, folder, workers, limits, progress)
            with folders.drafted(folder, OWN) as draft:
                draft.mkdir(parents=True)
                made = _make(land, draft)
                made["elapsed_s"] = round(time.monotonic() - started, 2)
                (draft / RECORD).write_text(json.dumps(made, indent=1, allow_nan=False), encoding="utf-8")
            land.discard()
        except SourceError:
            raise
        except OSError as error:
            raise _not_written(folder, error) from error
        finally:
            files.close_all()
    return made


def _not_written(folder: Path, error: OSError) -> SourceError:
    reason = error.strerror or str(error)
    return SourceError(
        f"{folder} could not be written ({reason}); free space on the disk or name another folder, and run again: "
        "nothing is half-written, and finished passes are found again"
    )


def _make(land: Land, draft: Path) -> dict[str, Any]:
    task, box = land.task, land.grid.boundingbox
    made: dict[str, Any] = {
        "soilloss": soilloss.__version__,
        "kind": "terrain",
        "elevation": {"path": str(task.dem), "sha256": land.hash, "nodata": task.nodata},
        "grid": {
            "crs": str(land.grid.crs),
            "transform": list(land.grid.affine)[:6],
            "shape": list(land.shape),
            "bounds": list(box.bbox),
        },
        "routing": task.routing,
        "ways": task.ways._asdict(),
        "masks": {
            name: {"path": str(getattr(task, name)), "sha256": land.masks[name].fingerprint}
            for name in MASKS
            if name in land.masks
        },
        "codes": task.codes,
        "tile": land.side if land.tiled else None,
        "rasters": [publish(land, draft, name) for name in WANTED if name in task.wanted],
    }
    if task.outlets:
        places = catchments.Gauges(task.outlets, task.outlets_crs, task.snap)
        made["watersheds"] = catchments.write_watersheds(draft, places, land)
    if task.streams:
        made["streams"] = catchments.write_streams(draft, land, task.streams)
    return made
