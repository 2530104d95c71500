"""What the project says as a whole: yearly amounts in finer steps, unused sources, units of R and K, the folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from soilloss.errors import ProjectError, SoilLossError, SourceError
from soilloss.model import severity_table
from soilloss.sources.files import RasterSource
from soilloss.variables import VARIABLES
from soilloss.workflow.check.findings import Finding, error, note, warning
from soilloss.workflow.kept import is_changing
from soilloss.workflow.methods import UNVERIFIED
from soilloss.workflow.project import Changed, Lines, Polygons, Raster, Table
from soilloss.workflow.site import Site

# R as these print it is in metric technical units, K in US units: see the unit trap in the explanation of R
METRIC_R = ("singh_1981_as_printed", "arnoldus_1977_as_printed")
US_K = ("wischmeier_1971_as_printed",)


UNVERIFIED_TABLE = "_unverified"
# a power law fitted to the record it is applied to needs a long one
FITTED = {"zhang_2002": "mean_erosive_rain and annual_erosive_rain", "zhang_fu_2003_daily": "mean_erosive_rain"}


def examine_settings(site: Site) -> list[Finding]:
    """Return what is to be said without looking at data."""
    rules = (_amounts, _unused, _same_every_step, _units, _unverified, _fitted, _severity, _folder)
    return [finding for rule in rules for finding in rule(site)]


def _unverified(site: Site) -> Iterator[Finding]:
    """Numbers that could not be checked stay in sight: here, in the record and in the report."""
    for variable, name in _methods(site).items():
        if name in UNVERIFIED:
            yield warning(
                f"methods.{variable}",
                f"{name} is not verified: {UNVERIFIED[name]}; compare with another method (soilloss methods "
                f"{variable})",
            )
    for step in site.steps:
        table = step.coefficients.get("table")
        if isinstance(table, str) and table.endswith(UNVERIFIED_TABLE):
            yield warning(
                f"methods.{step.variable}",
                f"the table {table} of {step.method} is an example whose values were not found in a primary source; "
                "expected your own, with its source: {table: {code: value, ...}}",
            )


def _fitted(site: Site) -> Iterator[Finding]:
    """A power law fitted year by year would follow the weather of each year."""
    for step in site.steps:
        named = FITTED.get(step.method, "")
        if (
            named
            and len({label[:4] for label in site.project.steps}) > 1
            and "mean_erosive_rain" not in step.coefficients
        ):
            yield warning(
                f"methods.{step.variable}",
                f"{step.method} is fitted to each year alone, expected the long-term rain of the place; give {named}",
            )


def _amounts(site: Site) -> Iterator[Finding]:
    """A yearly amount in a run of quarters or months would count once per step."""
    step = site.project.step
    for name, given in site.given.items():
        variable = VARIABLES[name]
        if step == "year" or name not in site.project.sources or is_changing(given):
            continue
        if variable.in_time == "sum" and not variable.axis:
            value = f"is {given:g} {variable.unit}" if isinstance(given, float) else "is one map"
            yield error(
                f"sources.{name}",
                f"{name} {value} for every {step}: an amount of a year would count {12 if step == 'month' else 4} "
                f"times; give it for each step ({{{step}}} in the path), give data with months, or set period: "
                "{step: year}",
                ProjectError,
            )


def _unused(site: Site) -> Iterator[Finding]:
    for name in site.project.sources:
        if name not in site.given and name != site.project.grid.like:
            yield note(
                f"sources.{name}",
                f"{name} is given but no step of the plan uses it (soilloss plan); remove it or choose a method that "
                "does",
            )


def _same_every_step(site: Site) -> Iterator[Finding]:
    steps = site.project.steps
    same = not any(step.changes(site.changing, steps) for step in site.steps)
    if len(steps) > 1 and not site.changing and same:
        yield note(
            "period",
            f"has {len(steps)} steps, but no source changes with them: every map will be the same; write paths with "
            "{year}, or leave the period out",
        )


def _units(site: Site) -> Iterator[Finding]:
    """Two errors of unit can hide each other; one alone cannot."""
    made = _methods(site)
    metric, us = made.get("erosivity") in METRIC_R, made.get("erodibility") in US_K
    if metric and not us:
        yield warning(
            "methods.erosivity",
            f"{made['erosivity']} gives R in metric technical units, expected SI as erodibility is: soil loss is 9.81 "
            f"times too low; use {made['erosivity'].removesuffix('_as_printed')}",
        )
    if us and not metric:
        yield warning(
            "methods.erodibility",
            f"{made['erodibility']} gives K in US units, expected SI as erosivity is: soil loss is 7.6 times too "
            f"high; use {made['erodibility'].removesuffix('_as_printed')}",
        )


def _methods(site: Site) -> dict[str, str]:
    made = {step.variable: step.method for step in site.steps}
    tables = {name: s.method for name, s in site.project.sources.items() if isinstance(s, Table) and s.method}
    return {**made, **tables}


def _severity(site: Site) -> Iterator[Finding]:
    wanted = site.project.analysis.severity
    try:
        severity_table(wanted.scheme, wanted.tolerance)
    except SoilLossError as problem:
        yield error("analysis.severity", str(problem), type(problem))


def _folder(site: Site) -> Iterator[Finding]:
    """Results must not fall among inputs, and must have somewhere to go."""
    folder = site.folder.resolve()
    where, remedy = "publish.folder", "name a folder of its own, such as out"
    for name, path in _inputs(site):
        if path.is_relative_to(folder):
            yield error(where, f"{folder} holds the input {name} ({path.name}); {remedy}", ProjectError)
            return
        if path.is_dir() and folder.is_relative_to(path):
            yield error(where, f"{folder} lies in the input {name} ({path.name}); {remedy}", ProjectError)
            return
    if folder.is_relative_to(site.store.folder.resolve()):
        yield error(where, f"{folder} lies in the store {site.store.folder.name}; {remedy}", ProjectError)
        return
    there = next(place for place in (folder, *folder.parents) if place.exists())
    if not there.is_dir() or not os.access(there, os.W_OK):
        why = "is not writable" if there.is_dir() else "is a file"
        yield error(
            where, f"{folder} cannot be written, because {there} {why}; name a folder you may write to", SourceError
        )


def _inputs(site: Site) -> Iterator[tuple[str, Path]]:
    """Every file the project reads, itself included."""
    yield "project file", site.file.resolve()
    for name, source in site.project.sources.items():
        if isinstance(source, Raster):
            given = site.unaligned.get(name, site.given.get(name))
            names = [path for _, path in given.files] if isinstance(given, RasterSource) else [source.file]
            yield from ((name, (site.data / path).resolve()) for path in names if "{" not in path)
        elif isinstance(source, Polygons | Lines | Table):
            yield name, (site.data / (source.table if isinstance(source, Table) else source.path)).resolve()
        elif isinstance(source, Changed) and source.inside:
            yield name, (site.data / source.inside).resolve()
    for name, path in (("area", site.project.area), ("zones", site.project.zones and site.project.zones.file)):
        if path:
            yield name, (site.data / path).resolve()
