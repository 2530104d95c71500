"""The doctor: what is wrong with a project, found in seconds and said in sentences.

``check(path, **overrides) -> list[Finding]`` opens and examines a project file; ``examine(site)`` does it for a project
that is open; ``refuse(findings)`` raises the first error. Only bounded samples of the data are read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np

from soilloss.errors import SoilLossError
from soilloss.sources import files
from soilloss.variables import VARIABLES
from soilloss.workflow.analyses import question
from soilloss.workflow.check.findings import Finding, refuse
from soilloss.workflow.check.points import examine_points
from soilloss.workflow.check.polygons import examine_polygons, examine_zones
from soilloss.workflow.check.quantities import examine_values
from soilloss.workflow.check.rasters import cells_together, examine_raster, rasters_of
from soilloss.workflow.check.relations import examine_relations
from soilloss.workflow.check.remedies import Subject
from soilloss.workflow.check.settings import examine_settings
from soilloss.workflow.check.target import examine_target
from soilloss.workflow.project import Constant, Lines, Polygons, Table
from soilloss.workflow.site import Site, open_site

__all__ = ["Finding", "check", "examine", "refuse"]

_RANK = {"error": 0, "warning": 1, "note": 2}
# windows along each side of a raster, by how many files there are at most
_WINDOWS = ((20, 3), (60, 2))


def check(path: Path | str, **overrides: Any) -> list[Finding]:
    """Open a project file and return what is to be said about it, errors first; nothing is computed.

    Parameters
    ----------
    path : path
        Project file.
    **overrides
        Keys of the project file to replace; dotted ones reach deeper.

    Returns
    -------
    list of Finding
        Each with `level` (``error`` stops a run), `where` in the project file, and `message`: value, expectation and
        remedy.
    """
    from soilloss.workflow.variants import examine_variants

    try:
        site = open_site(path, overrides)
    except SoilLossError as problem:
        return [Finding("error", "project", str(problem), type(problem))]
    return [*examine(site), *examine_variants(site)]


def examine(site: Site) -> list[Finding]:
    """Return what is to be said about an open project, errors first."""
    findings = examine_target(site)
    if not any(finding.level == "error" for finding in findings):
        findings += examine_settings(site)
        for name, options in site.project.analysis.asked.items():
            findings += question(name).check(site, options)
        try:
            with files.environment():
                findings += _data(site)
        finally:
            files.close_all()
    return sorted(findings, key=lambda finding: _RANK[finding.level])


def _data(site: Site) -> list[Finding]:
    findings: list[Finding] = []
    outside = rasters_of(site)
    count = sum(len(source.files) for source in outside.values())
    windows = next((windows for most, windows in _WINDOWS if count <= most), 1)
    for name, raster in outside.items():
        findings += _guarded(f"sources.{name}", lambda n=name, r=raster: examine_raster(site, n, r, windows))
    for name, source in site.project.sources.items():
        examiner = _EXAMINERS.get(type(source))
        if name in site.given and examiner:
            findings += _guarded(f"sources.{name}", lambda n=name, s=source, e=examiner: e(site, n, s))
    findings += _guarded("zones", lambda: examine_zones(site))
    if not any(finding.level == "error" for finding in findings):
        findings += _guarded("sources", lambda: examine_relations(cells_together(site)))
    return findings


def _constant(_site: Site, name: str, source: Constant) -> list[Finding]:
    subject = Subject(f"sources.{name}", name, name, "constant", unit=source.unit or "")
    return [] if VARIABLES[name].is_class else examine_values(subject, np.array([source.value]))


_EXAMINERS: dict[type, Callable[[Site, str, Any], Iterable[Finding]]] = {
    Constant: _constant,
    Table: examine_points,
    Polygons: examine_polygons,
    Lines: examine_polygons,
}


def _guarded(where: str, examiner: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """What an examiner says; a problem it ran into is an error among the rest."""
    found: list[Finding] = []
    try:
        found.extend(examiner())
    except SoilLossError as problem:
        found.append(Finding("error", where, str(problem), type(problem)))
    return found
