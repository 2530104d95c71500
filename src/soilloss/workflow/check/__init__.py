"""The doctor: what is wrong with a project, found in seconds and said in sentences.

``check(path, **overrides) -> list[Finding]`` opens and examines a project file; ``examine(site)`` does it for a project
that is open; ``refuse(findings)`` raises the first error. Only bounded samples of the data are read.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from soilloss.errors import SoilLossError
from soilloss.workflow.check.findings import Finding, refuse
from soilloss.workflow.site import Site, open_site

__all__ = ["Finding", "check", "examine", "refuse"]

_RANK = {"error": 0, "warning": 1, "note": 2}


def check(path: Path | str, **overrides: Any) -> list[Finding]:
    """Open a project file and return what is to be said about it, errors first; nothing is computed.

    Parameters
    ----------
    path : path
        Project file.
    **overrides
        Keys of the project file to replace; dotted ones reach deeper.
    """
    try:
        site = open_site(path, overrides)
    except SoilLossError as problem:
        return [Finding("error", "project", str(problem), type(problem))]
    return examine(site)


def examine(site: Site) -> list[Finding]:
    """Return what is to be said about an open project, errors first."""
    findings: list[Finding] = []
    return sorted(findings, key=lambda finding: _RANK[finding.level])
