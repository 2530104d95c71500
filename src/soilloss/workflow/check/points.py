"""Tables of points: whether the equation has its columns, values in range, and points enough in the right place."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from pyproj import Transformer

from soilloss.errors import GridError, MissingInputError
from soilloss.sources import tables
from soilloss.variables import VARIABLES
from soilloss.workflow.check.findings import Finding, error, note, warning
from soilloss.workflow.check.quantities import examine_values
from soilloss.workflow.check.remedies import Subject
from soilloss.workflow.points import steps_at_points
from soilloss.workflow.project import Table
from soilloss.workflow.site import Site

# points a surface is defined by
NEEDED = {"height": 3, "inverse_distance": 1, "thin_plate_spline": 3, "kriging": 4}
# fewer give a variogram that says nothing
KRIGING_WISHES = 20
# points this share of the grid's size, or this far (m, degrees), outside it still say something about it
MARGIN, FAR, FAR_DEGREES = 0.5, 200_000.0, 2.0


def examine_points(site: Site, name: str, source: Table) -> Iterator[Finding]:
    """Return what is to be said about the table of one variable."""
    where = f"sources.{name}"
    points = tables.read_points(site.data / source.table, crs=source.crs, units=source.units)
    try:
        steps_at_points(name, source, points.columns)
    except MissingInputError as problem:
        yield error(where, str(problem), MissingInputError)
    for column, values in points.columns.items():
        known = np.asarray(values, float)
        known = known[np.isfinite(known)]
        if known.size and not VARIABLES[column].is_class:
            yield from examine_values(Subject(where, f"{column} in {source.table}", column, "table"), known)
    to_grid = Transformer.from_crs(points.crs, site.wkt, always_xy=True)
    yield from _places(site, where, source, points, to_grid)


def _places(site: Site, where: str, source: Table, points: Any, to_grid: Transformer) -> Iterator[Finding]:
    count, needed = len(points.x), NEEDED[source.interpolate]
    if count < needed:
        yield error(
            where,
            f"{source.table} has {count} points, {source.interpolate} needs at least {needed}; add points or take "
            "interpolate: inverse_distance",
        )
    elif source.interpolate == "kriging" and count < KRIGING_WISHES:
        yield warning(
            where,
            f"{source.table} has {count} points; the variogram of kriging is a guess below {KRIGING_WISHES}; compare "
            "with interpolate: inverse_distance",
        )
    near = _near(site, *to_grid.transform(points.x, points.y))
    if not near.any():
        swapped = _near(site, *to_grid.transform(points.y, points.x)).any()
        hint = "x and y are swapped" if swapped else "give crs: EPSG:... of the table"
        yield error(
            where,
            f"{source.table}: none of its {count} points lies near the target; the first is at {points.x[0]:.6g}, "
            f"{points.y[0]:.6g} ({_name(points.crs)}), the target spans {_span(site)}; {hint}",
            GridError,
        )
    elif not near.all():
        yield note(
            where,
            f"{source.table}: {np.sum(~near)} of {count} points lie far outside the target; check their coordinates",
        )


def _near(site: Site, x: Any, y: Any) -> np.ndarray:
    west, south, east, north = site.grid.boundingbox.bbox
    far = FAR_DEGREES if site.grid.crs and site.grid.crs.geographic else FAR
    dx, dy = max(far, MARGIN * (east - west)), max(far, MARGIN * (north - south))
    x, y = np.asarray(x, float), np.asarray(y, float)
    return (x > west - dx) & (x < east + dx) & (y > south - dy) & (y < north + dy)


def _span(site: Site) -> str:
    west, south, east, north = site.grid.boundingbox.bbox
    return f"{west:.8g}..{east:.8g} E, {south:.8g}..{north:.8g} N"


def _name(crs: Any) -> str:
    return str(crs) if len(str(crs)) < 40 else "its crs"
