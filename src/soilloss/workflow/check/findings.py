"""What the doctor says: one sentence per finding, and whether it stops the run."""

from __future__ import annotations

from typing import Literal, NamedTuple

from soilloss.errors import DataError, SoilLossError

NO_CELL = "has no valid cell in the area; check its nodata value and extent"

Level = Literal["error", "warning", "note"]


class Finding(NamedTuple):
    """One thing the doctor found.

    An error stops the run, a warning is something to know before reading the map, a note is a hint. `where` is the
    place in the project file (``sources.ndvi``), `kind` the class that `refuse` raises.
    """

    level: Level
    where: str
    message: str
    kind: type[SoilLossError] = DataError


def error(where: str, message: str, kind: type[SoilLossError] = DataError) -> Finding:
    """Return a finding that stops the run."""
    return Finding("error", where, message, kind)


def warning(where: str, message: str) -> Finding:
    """Return a finding that a reader of the map should know."""
    return Finding("warning", where, message)


def note(where: str, message: str) -> Finding:
    """Return a hint."""
    return Finding("note", where, message)


def refuse(findings: list[Finding]) -> None:
    """Raise the first error among the findings, saying how many more there are.

    Examples
    --------
    >>> refuse([note("sources.practice", "is 1 everywhere")])
    """
    errors = [finding for finding in findings if finding.level == "error"]
    if not errors:
        return
    more = len(errors) - 1
    rest = f" (and {more} more error{'s'[: more > 1]}: soilloss check)" if more else ""
    raise errors[0].kind(f"{errors[0].where}: {errors[0].message}{rest}")
