"""Polygons: values of their column, overlaps, and whether they lie on the target."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely

from soilloss.errors import GridError
from soilloss.sources import vectors
from soilloss.variables import VARIABLES
from soilloss.workflow.check.findings import Finding, error, warning
from soilloss.workflow.check.quantities import examine_values
from soilloss.workflow.check.remedies import Subject
from soilloss.workflow.project import Lines, Polygons
from soilloss.workflow.site import Site

MOST = 5000
COVERED = 0.995
LISTED = 5


def examine_polygons(site: Site, name: str, source: Polygons | Lines) -> Iterator[Finding]:
    """Return what is to be said about polygons or lines that carry a variable."""
    where, file = f"sources.{name}", Path(source.path).name
    lines = isinstance(source, Lines)
    read = vectors.read_lines if lines else vectors.read_polygons
    frame = read(site.data / source.path, column=source.column)
    column = pd.Series([source.value]) if lines and source.column is None else frame[source.column]
    values = np.asarray(pd.to_numeric(column, errors="coerce"), float)
    bad = np.isnan(values) & np.asarray(column.notna())
    if bad.any():
        yield error(
            where,
            f"{file}: column {source.column} holds {np.asarray(column)[bad][0]!r}, expected numbers of {name}; "
            "correct the cell, or name another column",
        )
        return
    given = np.append(values[np.isfinite(values)], [] if source.elsewhere is None else [source.elsewhere])
    if not VARIABLES[name].is_class:
        subject = Subject(where, f"{source.column or 'value'} in {file}", name, "polygons", unit=source.unit or "")
        yield from examine_values(subject, given)
    yield from _place(site, where, file, frame, source.elsewhere is None and not lines, lines)


def examine_zones(site: Site) -> Iterator[Finding]:
    """Return what is to be said about the zones of the tables."""
    if site.project.zones is None:
        return
    file = Path(site.project.zones.file).name
    column = site.project.zones.name
    frame = vectors.read_polygons(site.data / site.project.zones.file, column=column)
    yield from _place(site, "zones", file, frame, must_cover=False)
    yield from _empty(site, file, vectors.read_zones(site.data / site.project.zones.file, column, site.wkt))


def _empty(site: Site, file: str, zones: Any) -> Iterator[Finding]:
    """Zones without cells: their rows in the tables are empty."""
    target = shapely.box(*site.grid.boundingbox.bbox) if site.area is None else site.area
    outside = ~shapely.intersects(np.asarray(zones.geometry), target)
    if outside.any() and not outside.all():
        names = list(zones["zone"][outside])
        listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
        yield warning(
            "zones",
            f"{file}: no cell lies in {listed}; their rows in the tables are empty, leave them out or check both",
        )


def _place(site: Site, where: str, file: str, frame: Any, must_cover: bool, lines: bool = False) -> Iterator[Finding]:
    target = shapely.box(*site.grid.boundingbox.bbox) if site.area is None else site.area
    shapes = np.asarray(frame.to_crs(site.wkt).geometry)
    if not shapely.intersects(shapes, target).any():
        west, south, east, north = frame.total_bounds
        spans = f"{west:.8g}..{east:.8g} east and {south:.8g}..{north:.8g} north in its CRS"
        yield error(
            where,
            f"{file} does not touch the target: its {'lines' if lines else 'polygons'} span {spans}; check both",
            GridError,
        )
        return
    if len(frame) <= MOST and not lines:
        for sentence in vectors.overlaps(frame):
            counts = "the later row counts" if where != "zones" else "cells count in each of them"
            yield warning(where, f"{file}: {sentence}; where they do {counts}: cut one of them")
    if must_cover:
        inside = shapely.area(shapely.intersection(shapely.union_all(shapes[:MOST]), target)) / target.area
        if inside < COVERED and len(frame) <= MOST:
            yield warning(
                where,
                f"{file} covers {100 * inside:.3g} % of the target and nothing is said about the rest; add elsewhere: "
                "1 or so",
            )
