"""Follow the plan: make what has to be stored, pass over the blocks, publish; keep the former result until the end.

Everything is written to a neighbour of the output folder and swapped in when complete, so a crash, Ctrl-C or kill
leaves the former result as it was; the next run finds the stored steps and goes on from there.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import xarray as xr

from soilloss.errors import ProjectError
from soilloss.sources import files, vectors
from soilloss.workflow import folders, record, stored
from soilloss.workflow.analyses import sweep
from soilloss.workflow.check import Finding, examine, refuse
from soilloss.workflow.fetch import fetch
from soilloss.workflow.frames import tables_of
from soilloss.workflow.outputs import Pass
from soilloss.workflow.plan import Step
from soilloss.workflow.points import check_surface, values_at_points
from soilloss.workflow.project import Table
from soilloss.workflow.site import Site, open_site

Progress = Callable[[str, int, int], None]

# What a run writes into its folder; anything else found there belongs to the user and stays.
OWN = (
    *("record.json", "report.html", "soil_loss.tif", "soil_loss", "severity.tif", "severity.tif.aux.xml", "severity"),
    *("trend.tif", "trend.tif.aux.xml", "analyses", "factors", "differences", "tables", "figures", "catalog"),
)


class Outcome(NamedTuple):
    """What a run did: where the result lies, which stored steps were made, what was reused, and its findings."""

    folder: Path
    made: list[str]
    reused: list[str]
    findings: list[Finding]
    seconds: float


def silent(_stage: str, _done: int, _total: int) -> None:
    """Progress that nobody watches."""


def plan(path: Path | str, **overrides: Any) -> list[Step]:
    """Return the steps of a project file in running order, without computing anything.

    Parameters
    ----------
    path : path
        Project file.
    **overrides
        Top-level keys of the project file to replace.

    Examples
    --------
    >>> from soilloss.workflow.start import write_demo
    >>> import tempfile
    >>> steps = plan(write_demo(Path(tempfile.mkdtemp())))
    >>> "soil_loss" in [step.variable for step in steps]
    True
    """
    return open_site(path, overrides).steps


def run(
    path: Path | str, *, workers: int | None = None, memory: float = 4e9, cluster: str = "", **overrides: Any
) -> xr.Dataset:
    """Compute a project file, publish its results and return them.

    Parameters
    ----------
    path : path
        Project file.
    workers : int, optional
        Threads; default is the processors at hand.
    memory : float
        Bytes that flow routing may use; a larger grid goes tile by tile.
    cluster : str
        Address of a `distributed` scheduler for flow routing and the blocks of the maps; its workers see the folders of
        the project, its data and its result under the same paths.
    **overrides
        Top-level keys of the project file to replace, e.g. ``methods={"cover": "durigon_2014"}``.

    Returns
    -------
    Dataset
        Soil loss and factors, opened lazily from the published rasters; yearly soil loss has a ``time`` dimension.

    Raises
    ------
    SoilLossError
        Any problem, in a sentence; the former result is then still there.
    """
    from soilloss.workflow.lazy import open_result
    from soilloss.workflow.variants import execute_all

    path = Path(path).absolute() if cluster else Path(path)  # workers have a folder of their own
    fetch(path, overrides)
    site = open_site(path, overrides)
    execute_all(site, workers=workers, limits=stored.Limits(memory, cluster))
    return open_result(site.folder)


def execute(
    site: Site, *, workers: int | None = None, limits: stored.Limits = stored.USUAL, progress: Progress = silent
) -> Outcome:
    """Run a site: examine, make the stored steps, pass, publish, swap."""
    started = time.monotonic()
    if workers is not None and workers < 1:
        raise ProjectError(f"workers is {workers}, expected 1 or more; leave it out to use all processors")
    _apart(site)
    folders.claim(site.folder, OWN, mark="record.json", key="publish.folder")
    with files.environment():
        return _execute(site, workers, limits, progress, started)


def _execute(site: Site, workers: int | None, limits: stored.Limits, progress: Progress, started: float) -> Outcome:
    progress("checking", 0, 1)
    findings = examine(site)
    refuse(findings)
    todo = stored.pending(site)
    reused = [item.path.name for item in site.stored if item.exists]
    for item in todo:
        stage = f"{item.variable} {item.label}".strip()
        progress(stage, 0, 1)
        stored.make(site, item, workers, lambda done, total, stage=stage: progress(stage, done, total), limits)
    try:
        with folders.drafted(site.folder, OWN) as draft:
            reused += [f"year {year}" for year in _publish(site, draft, workers, limits, progress, findings, started)]
    finally:
        files.close_all()
    return Outcome(site.folder, [item.path.name for item in todo], reused, findings, time.monotonic() - started)


def _publish(
    site: Site,
    draft: Path,
    workers: int | None,
    limits: stored.Limits,
    progress: Progress,
    findings: list[Finding],
    started: float,
) -> list[str]:
    """Everything after the stored steps; returns the years that were taken over from an earlier run."""
    # pictures and STAC load heavy libraries, which only a finished run needs
    from soilloss.publish.catalog import write_catalog
    from soilloss.publish.report import write_report

    zones = None
    if site.project.zones:
        zones = vectors.read_zones(site.data / site.project.zones.file, site.project.zones.name, site.wkt)
    passed = Pass(site, draft, zones)
    passed.run(workers, lambda done, total: progress("maps", done, total), limits.cluster)
    progress("overviews", 0, 1)
    passed.finish()
    answers = sweep.run(site, passed, draft, workers, lambda done, total: progress("analyses", done, total))
    findings.extend(finding for one in answers for finding in one.answer.findings)
    progress("report", 0, 1)
    frames = tables_of(passed)
    (draft / "tables").mkdir()
    for name, frame in {**frames, **sweep.tables_of(answers)}.items():
        frame.to_csv(draft / "tables" / f"{name}.csv", index=False, float_format="%.9g")
    surfaces = [
        check_surface(site, values_at_points(site, name))
        for name, source in site.project.sources.items()
        if isinstance(source, Table) and name in site.given
    ]
    made = record.make(site, passed, frames, surfaces, findings, time.monotonic() - started)
    made |= {"analyses": sweep.entries(answers), "citations": [*made["citations"], *sweep.citations(site)]}
    record.write(draft, made)
    write_catalog(draft, made)
    write_report(draft, made)
    progress("report", 1, 1)
    return passed.reused


def _apart(site: Site) -> None:
    """Refuse an output folder in which the project file itself would lie."""
    if site.file.resolve().is_relative_to(site.folder.resolve()):
        raise ProjectError(
            f"publish.folder {site.project.publish.folder!r} holds the project file itself; name a folder for the "
            "result alone, such as out"
        )
