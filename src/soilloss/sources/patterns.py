"""File names with years in them: ``find(variable, pattern, steps, folder) -> ((step, path), ...)``."""

from __future__ import annotations

import string
from collections.abc import Sequence
from pathlib import Path

from soilloss.errors import DataError, ProjectError, SourceError, did_you_mean
from soilloss.variables import VARIABLES

PLACEHOLDERS = ("year", "quarter", "month")


def find(variable: str, pattern: str, steps: Sequence[str], folder: Path) -> tuple[tuple[str, str], ...]:
    """Return the file of each step; a pattern with years only serves every quarter of its year.

    Raises
    ------
    ProjectError
        If a placeholder has no meaning for these steps.
    SourceError
        If files are missing; it says for which steps.
    DataError
        If one amount of a year would serve each of its quarters.
    """
    fields = {name for _, name, _, _ in string.Formatter().parse(pattern) if name is not None}
    for unknown in sorted(fields - set(PLACEHOLDERS)):
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        hint = did_you_mean(unknown, PLACEHOLDERS)
        raise ProjectError(f"{variable}: {{{unknown}}} in {pattern!r} has no meaning, known are {known}{hint}")
    pairs = [(step, _fill(variable, pattern, step)) for step in steps] if fields else [("", pattern)]
    if "year" in fields and any("-" in step for step in steps) and len(fields) == 1:
        _refuse_yearly_amount(variable, pattern)
    files = tuple((step, _resolve(path, folder)) for step, path in pairs)
    missing = [step for step, path in files if "/vsi" not in path and ":" not in path[2:] and not Path(path).exists()]
    if missing:
        where = f" for {', '.join(missing)}" if fields else ""
        raise SourceError(f"{variable}: no file{where} at {_resolve(pattern, folder)}; check the path and the period")
    return files


def _resolve(path: str, folder: Path) -> str:
    special = path.startswith("/vsi") or ":" in path[2:]
    return path if special else str(folder / path)


def _fill(variable: str, pattern: str, step: str) -> str:
    if not step:
        remedy = "add period: {start: 2001, end: 2003}, or give one file"
        raise ProjectError(f"{variable}: {pattern!r} changes with the step, but the project names no period; {remedy}")
    year, _, part = step.partition("-")
    values = {"year": int(year)}
    if part:
        values["quarter" if part[0] == "Q" else "month"] = int(part.lstrip("Q"))
    try:
        return pattern.replace("{month}", "{month:02d}").format(**values)
    except KeyError as error:
        name = error.args[0]
        raise ProjectError(
            f"{variable}: {{{name}}} in {pattern!r} needs steps of a {name}, but {step} is another; "
            f"set period: {{step: {name}}} or give one file per step"
        ) from None


def _refuse_yearly_amount(variable: str, pattern: str) -> None:
    if VARIABLES[variable].in_time == "sum" and not VARIABLES[variable].axis:
        raise DataError(
            f"{variable} in {pattern!r} is the amount of a year, but the run has finer steps: each would count the "
            "whole year; give files per step ({quarter} or {month}) or set period: {step: year}"
        )
