"""Tables: the equation runs at the points, then the surface is made.

Interpolating what the equation gives, not what goes into it, is what the founding study did, and the equation then sees
values that were measured together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np
from pyproj import Transformer

from soilloss.derive import points as surfaces
from soilloss.equation import spec_of
from soilloss.errors import DataError, MissingInputError
from soilloss.grid import align
from soilloss.grid.blocks import Window
from soilloss.sources import tables
from soilloss.variables import VARIABLES
from soilloss.workflow.methods import defaults, method
from soilloss.workflow.plan import Step, make_plan
from soilloss.workflow.project import Table
from soilloss.workflow.site import Site, whole


class AtPoints(NamedTuple):
    """Values of one variable at points in the CRS of the target grid: a number each, or a row of (half-)months."""

    variable: str
    method: str
    names: list[str]
    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    elevation: np.ndarray | None


def values_at_points(site: Site, variable: str, year: str = "") -> AtPoints:
    """Read a table and run the chosen (or default) method of `variable` at its points, on days of one year if asked."""
    source = site.project.sources[variable]
    assert isinstance(source, Table)
    points = tables.read_points(site.data / source.table, crs=source.crs, units=source.units)
    to_grid = Transformer.from_crs(points.crs, site.wkt, always_xy=True)
    x, y = (np.asarray(v, float) for v in to_grid.transform(points.x, points.y))
    columns, dates = dict(points.columns), points.dates
    if year:
        columns, dates = _of_year(source, columns, dates, year)
    if source.interpolate == "height" and "elevation" not in columns:
        columns["elevation"] = _sample(site, "elevation", x, y)
    values, name = _evaluate(variable, source, columns, dates)
    known = np.isfinite(values).reshape(len(x), -1).all(axis=1) & np.isfinite(x) & np.isfinite(y)
    if not known.any():
        raise DataError(
            f"{source.table}: none of its {len(values)} points gives a value of {variable}; check its columns and units"
        )
    height = columns.get("elevation")
    return AtPoints(
        variable,
        name,
        [n for n, ok in zip(points.names, known, strict=True) if ok],
        x[known],
        y[known],
        np.asarray(values, float)[known],
        None if height is None else np.asarray(height, float)[known],
    )


def _of_year(
    source: Table, columns: dict[str, Any], dates: np.ndarray | None, year: str
) -> tuple[dict[str, Any], np.ndarray]:
    """The days of one year."""
    if dates is None:
        raise DataError(f"{source.table} has no column 'date', so its years are unknown; leave yearly: true out")
    inside = dates.astype("datetime64[Y]") == np.datetime64(year, "Y")
    if not inside.any():
        raise DataError(f"{source.table} has no day in {year}; it spans {dates[0]} to {dates[-1]}")
    return {**columns, "daily_precipitation": columns["daily_precipitation"][:, inside]}, dates[inside]


def steps_at_points(variable: str, source: Table, columns: Iterable[str]) -> list[Step]:
    """The equations that make a variable from the columns of its table; none where a column holds it.

    Raises
    ------
    MissingInputError
        If the table lacks a column.
    """
    columns = list(columns)
    if source.method is None and variable in columns:
        return []
    chosen = {variable: (source.method, source.coefficients)} if source.method else {}
    try:
        return make_plan([variable], columns, chosen, defaults("rusle"))
    except MissingInputError as error:
        raise MissingInputError(f"{source.table}: {error} (the table has {', '.join(columns)})") from None


def _evaluate(
    variable: str, source: Table, columns: dict[str, Any], dates: np.ndarray | None
) -> tuple[np.ndarray, str]:
    steps = steps_at_points(variable, source, columns)
    if not steps:
        return np.asarray(columns[variable], float), "measured"
    values = dict(columns)
    for step in steps:
        if step.function is not None:
            supplied = {"time": dates} if "time" in spec_of(step.function).supplied else {}
            data = {name: np.asarray(values[name], float) for name in step.inputs}
            with np.errstate(all="ignore"):
                values[step.variable] = step.function(**data, **step.coefficients, **supplied)
    name = source.method or next(s.method for s in steps if s.variable == variable)
    method(variable, name)
    return np.asarray(values[variable], float), name


def _sample(site: Site, variable: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Cells of a raster under the points, NaN outside the grid."""
    columns, rows = (np.floor(v).astype(int) for v in align.apply(~site.grid.affine, x, y))
    inside = (rows >= 0) & (rows < site.shape[0]) & (columns >= 0) & (columns < site.shape[1])
    out = np.full(len(x), np.nan)
    for i in np.flatnonzero(inside):
        cell = (slice(rows[i], rows[i] + 1), slice(columns[i], columns[i] + 1))
        out[i] = np.asarray(site.read(variable, "", cell)).reshape(-1)[0]
    return out


def surface_of(site: Site, found: AtPoints) -> Callable[[Window], np.ndarray]:
    """Fit the chosen surface and return a function that evaluates it on a window of the target grid."""
    source = site.project.sources[found.variable]
    assert isinstance(source, Table)
    place, options = _metric(site, found), _options(found, source)
    parts = [surfaces.fit(source.interpolate, *place, values, **options) for values in _columns(found.values)]

    def evaluate(window: Window) -> np.ndarray:
        rows, columns = window
        a = site.grid.affine
        x = a.c + (np.arange(columns.start, columns.stop) + 0.5) * a.a
        y = a.f + (np.arange(rows.start, rows.stop) + 0.5) * a.e
        mesh_x, mesh_y = np.meshgrid(x, y)
        height = np.asarray(site.read("elevation", "", window)) if source.interpolate == "height" else None
        at = _to_metres(site, mesh_x, mesh_y)
        made = [surfaces.evaluate(surface, *at, elevation=height) for surface in parts]
        return made[0] if found.values.ndim == 1 else np.stack(made, axis=-1)

    return evaluate


def _columns(values: np.ndarray) -> list[np.ndarray]:
    """The values of each surface: one, or one per month or half-month."""
    return [values] if values.ndim == 1 else list(values.T)


def _yearly(variable: str, values: np.ndarray) -> np.ndarray:
    """One number per point: the year's sum or mean of its months."""
    if values.ndim == 1:
        return values
    return values.sum(axis=1) if VARIABLES[variable].in_time == "sum" else values.mean(axis=1)


def check_surface(site: Site, found: AtPoints) -> dict[str, Any]:
    """Leave-one-out errors of a surface, as the record keeps them."""
    source = site.project.sources[found.variable]
    assert isinstance(source, Table)
    place, options = _metric(site, found), _options(found, source)
    parts = [surfaces.leave_one_out(source.interpolate, *place, v, **options) for v in _columns(found.values)]
    predicted = _yearly(found.variable, parts[0] if found.values.ndim == 1 else np.stack(parts, axis=1))
    values = _yearly(found.variable, found.values)
    error = predicted - values
    known = np.isfinite(error)
    spread = np.sum((values[known] - values[known].mean()) ** 2) if known.any() else 0.0
    return {
        "variable": found.variable,
        "method": found.method,
        "interpolate": source.interpolate,
        "table": source.table,
        "stations": [
            {"name": n, "x": float(x), "y": float(y), "value": float(v), "predicted": float(p) if p == p else None}
            for n, x, y, v, p in zip(found.names, found.x, found.y, values, predicted, strict=True)
        ],
        "me": float(error[known].mean()) if known.any() else None,
        "rmse": float(np.sqrt(np.mean(error[known] ** 2))) if known.any() else None,
        "r2": float(1 - np.sum(error[known] ** 2) / spread) if spread > 0 else None,
    }


def _options(found: AtPoints, source: Table) -> dict[str, Any]:
    """Heights and options of a surface; one that cannot be negative is cut at 0."""
    lowest = VARIABLES[found.variable].range[0]
    return {"elevation": found.elevation, "minimum": lowest if lowest == 0 else None, **source.options}


def _metric(site: Site, found: AtPoints) -> tuple[np.ndarray, np.ndarray]:
    return _to_metres(site, found.x, found.y)


def _to_metres(site: Site, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates in metres: those of a projected grid, else an equidistant projection about the grid's middle."""
    return surfaces.metric_xy(x, y, site.wkt, centre=_centre(site))


def _centre(site: Site) -> tuple[float, float]:
    rows, columns = whole(site)
    return align.apply(site.grid.affine, columns.stop / 2, rows.stop / 2)
