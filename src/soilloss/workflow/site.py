"""A project on the ground: its target grid, its plan, where each source is read and what has to be stored first."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from shapely.geometry.base import BaseGeometry

import soilloss
from soilloss.errors import DataError, GridError, ProjectError, SourceError
from soilloss.grid.blocks import Window, run_blocks
from soilloss.grid.target import checked, crop, make_grid, parse_crs
from soilloss.sources import cubes, files, vectors
from soilloss.units import convert
from soilloss.variables import VARIABLES
from soilloss.workflow import analyses, changes
from soilloss.workflow import project as projects
from soilloss.workflow.fetch import resolve
from soilloss.workflow.kept import (
    STORED_ORDER,
    Given,
    Stored,
    enter_stored,
    give_stored_steps,
    grid_key,
    is_changing,
    years_of,
)
from soilloss.workflow.methods import Choice, check_coefficients, defaults
from soilloss.workflow.plan import Step, make_plan
from soilloss.workflow.store import Store, key_of


class Site(NamedTuple):
    """Everything known about a project before anything is computed."""

    project: projects.Project
    file: Path
    data: Path
    grid: GeoBox
    area: BaseGeometry | None
    steps: list[Step]
    given: dict[str, Given]
    keys: dict[str, str]
    stored: list[Stored]
    unaligned: dict[str, files.RasterSource]
    store: Store
    fetched: list[dict[str, Any]]

    @property
    def folder(self) -> Path:
        """Where results are published."""
        return self.file.parent / self.project.publish.folder

    @property
    def wkt(self) -> str:
        """The CRS of the target grid, in full."""
        if self.grid.crs is None:
            raise GridError("the target grid has no crs; give grid: {crs, resolution}")
        return self.grid.crs.to_wkt()

    @property
    def crs_name(self) -> str:
        """``EPSG:...`` where the CRS has a code, else its text."""
        code = self.grid.crs.epsg if self.grid.crs else None
        return f"EPSG:{code}" if code else self.wkt

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of the target grid."""
        return int(self.grid.shape[0]), int(self.grid.shape[1])

    @property
    def changing(self) -> frozenset[str]:
        """Sources that differ among the time steps."""
        return frozenset(name for name, given in self.given.items() if is_changing(given))

    def read(self, variable: str, label: str, window: Window) -> Any:
        """Return a source or stored variable in canonical units: a number, or float32 cells of the window."""
        given = self.given[variable]
        return self.read_source(given, label, window) if isinstance(given, files.RasterSource) else given

    def read_source(self, source: files.RasterSource, label: str, window: Window) -> np.ndarray:
        """Return cells of a raster on the target grid."""
        return files.read_block(source, self.grid, label, window)


def open_site(path: Path | str, overrides: Mapping[str, Any] | None = None) -> Site:
    """Read a project file and find its grid, its plan and its sources, without computing anything."""
    file = Path(path)
    project = projects.load(file, overrides)
    return make_site(project, file)


def make_site(project: projects.Project, file: Path, want: Sequence[str] = ()) -> Site:
    """Find grid, plan and sources of a project that lies (or would lie) in `file`.

    `want` are the variables to make, where they are not those that the project asks for.
    """
    data = file.parent / project.data
    project, fetched = resolve(_with_tables(project, data), file)
    steps = plan_of(project, want)
    store = Store(file.parent / ".soilloss")
    rasters = {
        name: _raster(name, source, project, data, store)
        for name, source in project.sources.items()
        if isinstance(source, projects.Raster)
    }
    area, area_crs = vectors.read_area(data / project.area) if project.area else (None, None)
    grid, area = _target(project, rasters, area, area_crs)
    site = Site(project, file, data, grid, area, steps, {}, {}, [], {}, store, fetched)
    used = {step.variable for step in steps}
    for _ in run_blocks(store.file_hash, [Path(p) for n in used & rasters.keys() for _, p in rasters[n].files]):
        pass  # hashed by all threads now, remembered for what follows
    for name, source in changes.in_order(project.sources):
        if name in used:
            _give(site, name, source, rasters.get(name))
    give_stored_steps(site)
    site.stored.sort(key=lambda item: STORED_ORDER[item.kind])
    return site


def plan_of(project: projects.Project, want: Sequence[str] = ()) -> list[Step]:
    """Return the plan of a project: soil loss and what else it asks for, or what is wanted."""
    land_cover = project.zero_classes or changes.donors(project.sources)
    asked = {} if want else analyses.wanted(project)
    want = list(want) or ["soil_loss", *(["land_cover"] if land_cover else [])]
    tables = [s for s in project.sources.values() if isinstance(s, projects.Table)]
    if any(table.interpolate == "height" for table in tables):
        want.insert(0, "elevation")
    chosen, rest = _choices(project)
    return make_plan(want, project.sources.keys(), chosen, rest, project.step, asked)


def _with_tables(project: projects.Project, data: Path) -> projects.Project:
    """The project with tables of methods that are files (``table: my.csv``) read in, so that the record holds them."""
    methods = {
        variable: method.model_copy(
            update={"coefficients": {k: _read_table(variable, data, v) for k, v in method.coefficients.items()}}
        )
        for variable, method in project.methods.items()
    }
    return project.model_copy(update={"methods": methods})


def _read_table(variable: str, data: Path, value: Any) -> Any:
    if not (isinstance(value, str) and value.endswith(".csv")):
        return value
    where = f"methods.{variable}: {value}"
    try:
        frame = pd.read_csv(data / value, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise SourceError(
            f"{where} cannot be read as a table ({error}); expected CSV with columns code, value"
        ) from None
    key = next((name for name in ("code", "class", "name") if name in frame), None)
    if key is None or "value" not in frame:
        has = ", ".join(map(str, frame.columns))
        raise DataError(f"{where} has the columns {has}; expected code (or class, name) and value, separated by commas")
    return dict(zip(frame[key].tolist(), frame["value"].tolist(), strict=True))


def _choices(project: projects.Project) -> tuple[dict[str, Choice], dict[str, list[Choice]]]:
    """Named methods, and the defaults with what the project says about their coefficients.

    A method that is also a default keeps the coefficients of the default (the longest slope, say) when it is named.
    """
    known = defaults(project.model)
    chosen: dict[str, Choice] = {}
    for variable, wanted in project.methods.items():
        usual = known.get(variable, [])
        if wanted.name:
            chosen[variable] = (wanted.name, {**dict(usual).get(wanted.name, {}), **wanted.coefficients})
        elif not usual:
            raise ProjectError(f"methods.{variable}: has no default; give its 'name' (soilloss methods {variable})")
        else:
            for name, _ in usual[:1]:
                check_coefficients(variable, name, wanted.coefficients)
            known[variable] = [(name, {**given, **wanted.coefficients}) for name, given in usual[:1]]
    return chosen, known


def is_cube(source: projects.Raster) -> bool:
    """Whether a source is a variable of a NetCDF or Zarr file."""
    return source.variable is not None or source.file.rstrip("/").endswith((".nc", ".zarr", ".nc4", ".h5"))


def _raster(
    name: str, source: projects.Raster, project: projects.Project, data: Path, store: Store
) -> files.RasterSource:
    """Find a raster; a NetCDF or Zarr variable is first written out as GeoTIFFs on its own grid."""
    stated = {key: getattr(source, key) for key in ("scale", "offset", "nodata", "unit", "legend")}
    if not is_cube(source):
        return files.raster_source(name, source.file, project.steps, folder=data, band=source.band, **stated)
    if source.band is not None:
        raise ProjectError(
            f"sources.{name}: 'band' has no meaning for a variable of {source.file}; take the wanted layer out first, "
            "e.g. with cdo seltimestep"
        )
    path = data / source.file
    if source.legend and source.legend.lower().endswith(".csv"):
        stated["legend"] = str((data / source.legend).resolve())  # not beside the copy of the cube
    # what has months or days of its own is cut into years, whatever the steps are
    labels = years_of(project.steps) if VARIABLES[name].axis else project.steps
    key = key_of(soilloss.__version__, name, store.file_hash(path), source.model_dump(exclude={"times"}), labels)
    destination = store.folder / "cubes" / f"{name}-{key}"
    found = cubes.import_cube(path, source.variable or name, name, labels, destination, **stated)
    if labels == project.steps or not is_changing(found):
        return found
    return found._replace(files=tuple((step, files.path_of(found, step[:4])) for step in project.steps))


def _target(
    project: projects.Project, rasters: Mapping[str, files.RasterSource], area: BaseGeometry | None, area_crs: Any
) -> tuple[GeoBox, BaseGeometry | None]:
    """The target grid and the area in its CRS."""
    wanted = project.grid
    if wanted.like:
        if wanted.like not in rasters:
            have = ", ".join(rasters) or "none"
            raise ProjectError(
                f"grid: like {wanted.like!r}, but sources gives no raster for it (rasters: {have}); "
                "give grid: {crs, resolution} or like: one of them"
            )
        whole = files.native_grid(rasters[wanted.like])
        if area is None:
            return whole, None
        area = vectors.reproject(area, area_crs, whole.crs)
        return crop(whole, area.bounds, "area"), area
    assert wanted.crs is not None
    assert wanted.resolution is not None
    crs = parse_crs(wanted.crs)
    if area is not None:
        area = vectors.reproject(area, area_crs, crs)
        return make_grid(area.bounds, wanted.crs, wanted.resolution), area
    base = "elevation" if "elevation" in rasters else next(iter(rasters), None)
    if base is None:
        raise ProjectError("the project has neither an area nor a raster source, so its extent is unknown; give 'area'")
    box = files.native_grid(rasters[base]).extent.to_crs(wanted.crs).boundingbox
    return make_grid(box.bbox, wanted.crs, wanted.resolution), None


def _give(site: Site, name: str, source: Any, raster: files.RasterSource | None) -> None:
    """Enter a source: a number, a raster to read, or one that the store will hold."""
    if isinstance(source, projects.Constant):
        unit = VARIABLES[name].unit if source.unit is None else source.unit
        site.given[name] = float(convert(name, source.value, unit)) * source.times
        site.keys[name] = key_of(name, site.given[name])
        return
    if isinstance(source, projects.Changed):
        changes.enter(site, name, source)
        return
    if raster is not None:
        hashes = _hashes(site, source, raster)
        legend = _legend_hash(site, raster.legend)
        key = key_of(name, hashes, raster.bands, raster.scale, raster.offset, str(raster.nodata), raster.unit, legend)
        site.given[name], site.keys[name] = raster, key
    else:
        _give_made(site, name, source)
    if source.times != 1:
        _multiply(site, name, source.times)


def _multiply(site: Site, name: str, times: float) -> None:
    """Scale what is read: nothing is stored for it."""
    given = site.given[name]
    assert isinstance(given, files.RasterSource)
    if VARIABLES[name].is_class:
        raise ProjectError(f"sources.{name}: times {times:g} has no meaning for classes; give 'rules' or 'becomes'")
    site.given[name] = given._replace(scale=given.scale * times, offset=given.offset * times)
    site.keys[name] = key_of(site.keys[name], times)


def _legend_hash(site: Site, legend: str) -> str:
    return site.store.file_hash(Path(legend)) if legend.endswith(".csv") else legend


def _hashes(site: Site, source: projects.Raster, raster: files.RasterSource) -> list[tuple[str, str]]:
    """Content of the files behind a raster, by step; a cube is one file for all."""
    if is_cube(source):
        return [("", site.store.file_hash(site.data / source.file))]
    whole_years = VARIABLES[raster.variable].axis != "" and len({path for _, path in raster.files}) == len(
        years_of([label for label, _ in raster.files])
    )
    pairs = ((label[:4] if whole_years else label, path) for label, path in raster.files)
    return [(label, site.store.file_hash(Path(path))) for label, path in dict.fromkeys(pairs)]


def _give_made(site: Site, name: str, source: projects.Table | projects.Polygons | projects.Lines) -> None:
    """A source that becomes a raster on the target grid before the pass."""
    named = source.table if isinstance(source, projects.Table) else source.path
    parts = [site.store.file_hash(site.data / named), source.model_dump(exclude={"times"}), grid_key(site.grid)]
    if isinstance(source, projects.Table) and source.interpolate == "height":
        parts.append(site.keys.get("elevation") or _elevation_key(site))
    key = key_of(soilloss.__version__, name, *parts)
    bands = files.AXIS_LENGTHS.get(VARIABLES[name].axis, 1)
    if not isinstance(source, projects.Table):
        enter_stored(site, name, key, "polygons", [""])
    elif source.yearly:
        _check_yearly(site, name)
        enter_stored(site, name, key, "surface", site.project.steps, bands, yearly=True)
    else:
        enter_stored(site, name, key, "surface", [""], bands)


def _check_yearly(site: Site, name: str) -> None:
    if site.project.period is None:
        raise ProjectError(f"sources.{name}: yearly: true needs a period whose years are taken from the table")
    if site.project.step != "year" and not VARIABLES[name].axis:
        raise ProjectError(
            f"sources.{name}: yearly: true gives the {name} of a year, but the project's step is {site.project.step}; "
            "make the half-months from the table (half_month_erosivity) and erosivity by step_sum"
        )


def _elevation_key(site: Site) -> str:
    """The key of elevation, entering it first: a surface over height reads it."""
    source = site.project.sources["elevation"]
    raster = None
    if isinstance(source, projects.Raster):
        raster = _raster("elevation", source, site.project, site.data, site.store)
    _give(site, "elevation", source, raster)
    return site.keys["elevation"]


def open(path: Path | str, **overrides: Any) -> xr.Dataset:
    """Open a project as a lazy Dataset: every source on the one target grid, in canonical units.

    Parameters
    ----------
    path : path
        Project file.
    **overrides
        Top-level keys of the project file to replace, e.g. ``grid={"crs": "EPSG:32635", "resolution": 30}``.

    Returns
    -------
    Dataset
        One Dask-backed float32 variable per source, with units; a variable that changes has a ``time`` dimension.
    """
    from soilloss.workflow.lazy import lazy_sources

    return lazy_sources(open_site(path, overrides))


def whole(site: Site) -> Window:
    """The window of the whole target grid."""
    return slice(0, site.shape[0]), slice(0, site.shape[1])


def describe_grid(site: Site) -> dict[str, Any]:
    """The grid as the record keeps it."""
    grid = checked(site.grid, "the target grid")
    box = grid.boundingbox
    to_lonlat = Transformer.from_crs(site.wkt, "EPSG:4326", always_xy=True)
    return {
        "crs": site.crs_name,
        "wkt": site.wkt,
        "transform": list(grid.affine)[:6],
        "shape": list(site.shape),
        "resolution": [grid.affine.a, -grid.affine.e],
        "bounds": list(box.bbox),
        "bounds_lonlat": list(to_lonlat.transform_bounds(*box.bbox)),
    }
