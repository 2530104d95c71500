"""The target grid: its size, the distortion of its CRS, and how it lies to the sources."""

from __future__ import annotations

import warnings

import numpy as np
from odc.geo.geobox import GeoBox
from pyproj import CRS, Proj, Transformer

from soilloss.errors import GridError
from soilloss.workflow.check.findings import Finding, error, note, warning
from soilloss.workflow.check.sample import Sample
from soilloss.workflow.site import Site

MOST_CELLS = 1e11
DISTORTED = 0.02
STRETCHED = 0.05
COVERED = 0.995
FINE = 1 / 3
# beyond this it is a slip of the pen
TOO_FINE = 30.0
VERY_FINE = 1 / 30
RAIN = ("precipitation", "erosivity", "rain")


def examine_target(site: Site) -> list[Finding]:
    """Return what is to be said about the target grid by itself."""
    rows, columns = site.shape
    unit = "degrees" if site.grid.crs and site.grid.crs.geographic else "units of its crs"
    resolution = f"{site.grid.affine.a:g}"
    if rows * columns > MOST_CELLS:
        return [
            _bad(
                f"has {rows} x {columns} cells of {resolution} {unit}, expected fewer than 1e11; is the resolution "
                "meant for another crs?"
            )
        ]
    if max(rows, columns) < 3:
        return [
            _bad(
                f"has only {rows} x {columns} cells of {resolution} {unit}; give a resolution in {unit}, smaller than "
                "the area"
            )
        ]
    found = _distortion(site.grid)
    return [found] if found else []


def _bad(message: str) -> Finding:
    return error("grid", f"the target {message}", GridError)


def _distortion(grid: GeoBox) -> Finding | None:
    """Cells of a projected grid are taken as squares of one size; say where that is not so."""
    if grid.crs is None:
        return error("grid", "the target has no coordinate reference system; give grid: {crs, resolution}", GridError)
    if grid.crs.geographic:
        return None
    crs = CRS.from_user_input(grid.crs.to_wkt())
    lon, lat = _lonlat(grid, crs)
    area, length = _errors(crs, lon, lat)
    name = f"EPSG:{crs.to_epsg()}" if crs.to_epsg() else crs.name
    if area > DISTORTED:
        return error(
            "grid",
            f"areas in {name} are {100 * area:.0f} % off here, expected at most {100 * DISTORTED:.0f} %: totals, "
            f"slopes and lengths would be wrong; write grid: {{crs: '{_better(lon, lat)}', resolution: ...}}",
            GridError,
        )
    if length > STRETCHED:
        return warning(
            "grid",
            f"lengths in {name} are up to {100 * length:.0f} % off here: slopes are wrong by as much; better is crs: "
            f"'{_better(lon, lat)}'",
        )
    return None


def _lonlat(grid: GeoBox, crs: CRS) -> tuple[np.ndarray, np.ndarray]:
    """Nine places of the grid: corners, middles of the sides, centre."""
    row, column = np.meshgrid(np.linspace(0, grid.shape[0], 3), np.linspace(0, grid.shape[1], 3))
    x, y = (grid.affine.c + column * grid.affine.a).ravel(), (grid.affine.f + row * grid.affine.e).ravel()
    lon, lat = Transformer.from_crs(crs, CRS.from_epsg(4326), always_xy=True).transform(x, y)
    known = np.isfinite(lon) & np.isfinite(lat)
    return np.asarray(lon)[known], np.asarray(lat)[known]


def _errors(crs: CRS, lon: np.ndarray, lat: np.ndarray) -> tuple[float, float]:
    """Largest relative error of areas and of lengths at the places."""
    if not lon.size:
        return 0.0, 0.0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pyproj says that a PROJ string loses the datum, which scale does not need
        factors = Proj(crs).get_factors(lon, lat)
    lengths = [factors.tissot_semimajor, factors.tissot_semiminor]
    return float(np.max(np.abs(np.asarray(factors.areal_scale) - 1))), float(np.max(np.abs(np.asarray(lengths) - 1)))


def _better(lon: np.ndarray, lat: np.ndarray) -> str:
    """The UTM zone of the middle, or an equal-area projection about it where the area is too wide for a zone."""
    east, north = float(np.median(lon)), float(np.median(lat))
    zone = int((east + 180) // 6) % 60 + 1
    code = (32600 if north >= 0 else 32700) + zone
    if abs(north) < 84 and _errors(CRS.from_epsg(code), lon, lat)[0] <= DISTORTED:
        return f"EPSG:{code}"
    return f"+proj=laea +lat_0={north:.0f} +lon_0={east:.0f} +datum=WGS84 +units=m"


def examine_cover(where: str, variable: str, sample: Sample) -> list[Finding]:
    """Return what is to be said about how a source lies to the target: partial cover, coarse cells."""
    findings: list[Finding] = []
    name = sample.path.rsplit("/", 1)[-1]
    if sample.covered < COVERED:
        findings.append(
            warning(
                where,
                f"{name} covers {100 * sample.covered:.3g} % of the target; the rest has no result; expected the "
                "whole area: give a larger raster or a smaller area",
            )
        )
    coarser = 1 / sample.spans if sample.spans > 0 else np.inf
    if variable == "elevation" and coarser > TOO_FINE:
        findings.append(
            error(
                where,
                f"the target's cells are {coarser:.0f} times finer than those of {name} ({sample.cell:.3g} m), "
                f"expected a resolution near {sample.cell:.3g} m; check grid.resolution and its unit",
                GridError,
            )
        )
    elif variable == "elevation" and sample.spans < FINE:
        findings.append(
            note(
                where,
                f"the target's cells are {coarser:.3g} times finer than those of {name} ({sample.cell:.3g} m): relief "
                f"that is not in it does not appear; expected a resolution near {sample.cell:.3g} m",
            )
        )
    elif sample.spans < VERY_FINE and not any(word in variable for word in RAIN):
        findings.append(
            note(
                where,
                f"{name} has cells of {sample.cell:.3g} m, {coarser:.3g} times the target's: its detail is "
                "interpolated",
            )
        )
    return findings
