"""Files in the place of products, so that nothing after it knows of products."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soilloss.errors import MissingInputError
from soilloss.sources.products import Product, find
from soilloss.workflow import project as projects
from soilloss.workflow.fetch.jobs import OWN, Job, jobs_of, products_in, products_of
from soilloss.workflow.fetch.own import is_made


def resolve(project: projects.Project, file: Path) -> tuple[projects.Project, list[dict[str, Any]]]:
    """Return the project with files in the place of products, and what these files were made of.

    Raises
    ------
    MissingInputError
        If something is not fetched yet.
    """
    if not any(products_in(project.sources)):
        return project, []
    data, jobs = file.parent / project.data, jobs_of(project, file)
    lacking = [job for job in jobs if not job.done]
    if lacking:
        first, more = lacking[0], f" and {len(lacking) - 1} more" if len(lacking) > 1 else ""
        raise MissingInputError(
            f"{first.what} of {first.name}{more} is not fetched yet; soilloss fetch {file.name} does it, and so does "
            f"soilloss run (soilloss plan {file.name} says what it takes)"
        )
    known = products_of(project, data)
    sources = {name: _as_raster(name, source, data, jobs, known) for name, source in project.sources.items()}
    notes = [{"variable": job.variable, "label": job.label, **_note(job)} for job in jobs]
    return project.model_copy(update={"sources": sources}), notes


def _as_raster(name: str, source: Any, data: Path, jobs: list[Job], known: Mapping[str, Product]) -> Any:
    """A fetched product, or one's own copy of it, as a raster source; also inside values that are changed."""
    if isinstance(source, projects.Changed):
        inner = {"source": name, "land_cover": "land_cover"}
        parts = {key: _as_raster(what, getattr(source, key), data, jobs, known) for key, what in inner.items()}
        return source.model_copy(update=parts)
    if not isinstance(source, projects.Product):
        return source
    product = find(source.product, name, known)
    band = product.variables[name]
    if not is_made(name, source, product):
        stated = {key: getattr(band, key, None) for key in ("scale", "offset", "nodata", "unit", "legend")}
        given = {key: getattr(source, key) for key in OWN if getattr(source, key) is not None}
        return projects.Raster(file=source.file, times=source.times, **{**stated, **given})
    job = next(job for job in jobs if (job.variable, job.source) == (name, source))
    part = job.label.partition("-")[2]
    pattern = "{year}-Q{quarter}" if part.startswith("Q") else "{year}-{month}" if part else "{year}"
    one = source.year is not None or not job.label
    path = job.path if one else job.path.parent / f"{pattern}.tif"
    return projects.Raster(file=os.path.relpath(path, data), times=source.times, legend=band.legend)


def _note(job: Job) -> dict[str, Any]:
    return json.loads(job.note.read_text(encoding="utf-8"))
