"""Classes: codes that no legend knows, and classes for which the chosen methods have no value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from soilloss import tables
from soilloss.equation import AXIS_LENGTH, spec_of
from soilloss.sources import legends
from soilloss.variables import VARIABLES
from soilloss.workflow.check.findings import NO_CELL, Finding, error, warning
from soilloss.workflow.check.remedies import Subject
from soilloss.workflow.plan import Step

MOST_LISTED = 8
# a map of which more than this has no value is read with the wrong legend
LOST = 0.5
OTHER_CODES = "give a legend (a CSV of code and class), or state the code that means missing (nodata)"
# ordinary values for the other data of a method, so that only the class decides
_ORDINARY = {"slope": 0.1, "aspect": 1.0, "slope_length": 50.0, "elevation": 500.0}


def examine_codes(
    subject: Subject, raw: np.ndarray, legend: str, steps: list[Step], decided: tuple[int, ...]
) -> list[Finding]:
    """Return what is to be said about the codes of a class raster.

    `legend` is its legend, `steps` the plan whose methods use the classes, `decided` the classes whose soil loss is set
    to 0 whatever the methods say.
    """
    if raw.size == 0:
        return [error(subject.where, f"{subject.text} {NO_CELL}")]
    broken = raw[raw % 1 != 0]
    if broken.size:
        what = f"holds {broken[0]:.4g}, expected whole codes of classes; give a class raster"
        return [error(subject.where, f"{subject.text} {what}")]
    shares = _shares(raw)
    if subject.variable not in legends.ZERO_IS_A_CODE:
        shares.pop(0, None)
    known = legends.read_legend(legend)
    unlisted = {code: share for code, share in shares.items() if legend and code not in known}
    found = _say(subject, unlisted, f"has codes that the legend {legend} does not list", "add them to the legend")
    classes = _classes(shares, known) if legend else shares
    low, high = VARIABLES[subject.variable].range
    outside = {code: share for code, share in classes.items() if not low <= code <= high}
    way = _legend_for(subject.variable, legend, classes) or OTHER_CODES
    found = found or _say(subject, outside, f"has codes beyond the classes {low:g} to {high:g}", way)
    return [found] if found else _without_value(subject, legend, classes, steps, decided)


def _classes(shares: Mapping[int, float], legend: Mapping[int, int]) -> dict[int, float]:
    """Shares of the classes that a legend makes of codes; class 0 is missing."""
    found: dict[int, float] = {}
    for code, share in shares.items():
        into = legend.get(code, 0)
        found[into] = found.get(into, 0.0) + share
    found.pop(0, None)
    return found


def _without_value(
    subject: Subject, legend: str, shares: Mapping[int, float], steps: list[Step], decided: tuple[int, ...]
) -> list[Finding]:
    findings: list[Finding] = []
    codes = [code for code in shares if code not in decided]
    for step in steps:
        if step.function is None or subject.variable not in step.inputs or step.stored:
            continue
        valued = _with_value(step, subject.variable, codes)
        lost = {code: shares[code] for code in codes if code not in valued}
        what = f"has classes for which {step.variable} ({step.method}) has no value"
        way = "add them to its table" if "table" in step.coefficients else OTHER_CODES
        found = _say(subject, lost, what, _legend_for(subject.variable, legend, shares) or way)
        findings += [found] if found else []
    return findings


def _with_value(step: Step, variable: str, codes: list[int]) -> set[int]:
    """Codes for which a method gives a value when all its other data are ordinary."""
    assert step.function is not None
    code = np.array(codes, "f4")
    data = {
        name: code if name == variable else np.broadcast_to(_ordinary(name), (len(codes), *_axis(name)))
        for name in step.inputs
    }
    supplied: dict[str, Any] = {"cell_size": 30.0} if "cell_size" in spec_of(step.function).supplied else {}
    with np.errstate(all="ignore"):
        values = np.asarray(step.function(**data, **step.coefficients, **supplied))
    return {c for c, value in zip(codes, values, strict=True) if np.isfinite(value)}


def _axis(name: str) -> tuple[int, ...]:
    axis = VARIABLES[name].axis
    return (AXIS_LENGTH.get(axis, 1),) if axis else ()


def _ordinary(name: str) -> np.ndarray:
    low, high = VARIABLES[name].range
    value = 1.0 if VARIABLES[name].is_class else low + 0.5 * (high - low) if np.isfinite(high - low) else 1.0
    return np.array(_ORDINARY.get(name, value), "f4")


def _shares(codes: np.ndarray) -> dict[int, float]:
    values, counts = np.unique(codes, return_counts=True)
    return {int(value): float(count / codes.size) for value, count in zip(values, counts, strict=True)}


def _say(subject: Subject, codes: Mapping[int, float], what: str, offer: str) -> Finding | None:
    if not codes:
        return None
    listed = ", ".join(map(str, sorted(codes, key=lambda code: -codes[code])[:MOST_LISTED]))
    more = f" and {len(codes) - MOST_LISTED} more" if len(codes) > MOST_LISTED else ""
    share = sum(codes.values())
    message = f"{subject.text} {what}: {listed}{more}, {100 * share:.0f} % of the cells; they become missing; {offer}"
    return error(subject.where, message) if share > LOST else warning(subject.where, message)


def _legend_for(variable: str, legend: str, shares: Mapping[int, float]) -> str:
    """How to name the packaged legend that lists all codes, where they are not our classes already."""
    if variable != "land_cover" or legend or set(shares) <= set(tables.read("land_cover")["code"]):
        return ""
    names = [name.removeprefix("legend_") for name in tables.names() if name.startswith("legend_")]
    fits = [name for name in names if set(shares) <= set(legends.read_legend(name))]
    return f"add legend: {' or '.join(fits)}" if fits else ""
