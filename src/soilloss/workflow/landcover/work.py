# pyright: reportMissingImports=false
"""What the land-cover verbs work on: the section of the project file, its folder, its images, what is done already."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import soilloss
from soilloss import tables
from soilloss.errors import MissingExtraError, ProjectError
from soilloss.landcover.images import image_series
from soilloss.sources import files
from soilloss.workflow import project as projects
from soilloss.workflow.project import LandCoverMaps
from soilloss.workflow.store import key_of

Progress = Callable[[str, int, int], None]
SINGLE, SMOOTH = "single", "maps"


class Work(NamedTuple):
    """A project's land cover: `data` is where its paths start, `folder` where results lie, `steps` its quarters."""

    section: LandCoverMaps
    data: Path
    folder: Path
    steps: tuple[str, ...]
    progress: Progress
    workers: int | None

    def images(self) -> files.RasterSource:
        """Return the image series, or say that the project names none."""
        if self.section.images is None:
            raise ProjectError(
                "landcover.images is missing: give the pattern of five-band images, e.g. images/{year}_q{quarter}.tif"
            )
        given = self.section.images
        return image_series(
            given.file,
            self.steps,
            folder=self.data,
            bands=given.bands,
            scale=given.scale,
            offset=given.offset,
            nodata=given.nodata,
        )

    def source(self, pattern: str, legend: str | None = None, steps: Iterable[str] | None = None) -> files.RasterSource:
        """Return a raster of classes, its path from the data folder."""
        return files.raster_source(
            "land_cover", pattern, self.steps if steps is None else tuple(steps), folder=self.data, legend=legend
        )

    def file(self, kind: str, step: str) -> Path:
        """Return where a map of a step lies, such as ``maps/2021-Q3.tif``."""
        return self.folder / kind / f"{step}.tif"


def open_work(
    path: Path | str,
    settings: Mapping[str, Any] | None = None,
    *,
    progress: Progress = lambda _stage, _done, _total: None,
    workers: int | None = None,
) -> Work:
    """Open the land cover of a project file.

    Raises
    ------
    ProjectError
        If it has no such section, or no period.
    """
    file = Path(path)
    project = projects.load(file, settings)
    if project.landcover is None:
        raise ProjectError(
            f"{file.name} has no landcover section; add landcover: {{images: ..., labels: {{file, year}}}}, or look at "
            "soilloss new DIR --like landcover-demo"
        )
    if project.period is None:
        raise ProjectError(
            f"{file.name} names no period, so nobody knows which images there are; add period: "
            "{start: 2019, end: 2021, step: quarter}"
        )
    folder = file.parent / project.landcover.folder
    folder.mkdir(parents=True, exist_ok=True)
    return Work(project.landcover, file.parent / project.data, folder, project.steps, progress, workers)


def need_torch() -> None:
    """Say how to install what the network needs, if it is not there."""
    try:
        import onnxruntime  # noqa: F401
        import safetensors  # noqa: F401
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"land cover mapping needs {error.name}: pip install 'soilloss[landcover]'.") from error


def done(work: Work) -> dict[str, Any]:
    """Return what the folder's record says: name -> ``{"key": ..., "report": ...}``."""
    path = work.folder / "record.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def keep(work: Work, name: str, key: str, report: Any) -> None:
    """Enter into the record that something is done, under the key of what it was made from."""
    path = work.folder / "record.json"
    entries = done(work) | {name: {"key": key, "report": report}}
    draft = path.with_name(".record.json.part")
    draft.write_text(json.dumps(entries, indent=1, default=str), encoding="utf-8")
    draft.replace(path)


def is_done(work: Work, name: str, key: str) -> bool:
    """Whether the record has `name` under just this key."""
    return done(work).get(name, {}).get("key") == key


def key_for(*parts: Any) -> str:
    """Return the key of options, inputs and the package's version."""
    return key_of(soilloss.__version__, *parts)


def stamps(sources: Iterable[files.RasterSource | None]) -> list[Any]:
    """Return what tells other input: how cells are read; path, size and time of change of files and legends."""
    given = [source for source in sources if source is not None]
    names = [path for source in given for path in (*dict(source.files).values(), source.legend)]
    paths = [Path(name).resolve() for name in names if Path(name).is_file()]
    read = [source._replace(files=(), legend=Path(source.legend).name) for source in given]
    return [[list(one) for one in read], [(str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in paths]]


def class_look() -> dict[str, Any]:
    """Colours and names of the eight classes, as rasters keep them."""
    table = tables.read("land_cover")
    return {"colours": table["colour"].tolist(), "categories": table["name"].tolist()}
