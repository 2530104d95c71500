"""Deliberate mistakes in a project file or its data: each gets one clear sentence of the right class, never a trace."""

from __future__ import annotations

import re

import geopandas as gpd
import numpy as np
import pytest
from rasterio import shutil
from shapely.geometry import box

from soilloss.errors import (
    DataError,
    GridError,
    MissingInputError,
    ProjectError,
    SoilLossError,
    SourceError,
    UnitsError,
)
from soilloss.sources import synthetic
from soilloss.workflow.check import check
from soilloss.workflow.run import run

SHAPE = (60, 80)
RANDOM = np.random.default_rng(11)
ALL = {  # the sources of `write_project`, to be changed one by one
    "elevation": "dem.tif",
    "annual_precipitation": "rain_{year}.tif",
    "ndvi": "ndvi_{year}.tif",
    "sand": 0.4,
    "silt": 0.4,
    "clay": 0.2,
    "organic_carbon": 0.015,
    "land_cover": "cover.tif",
    "practice": 0.5,
}


def sources(**changes):
    """Project changes that replace sources; None drops one."""
    return {"sources": {name: value for name, value in {**ALL, **changes}.items() if value is not None}}


def uniform(low, high, kind="f4"):
    return RANDOM.uniform(low, high, SHAPE).astype(kind)


def raster(variable, array, **stated):
    """The mistake of a raster with these values for a variable."""

    def make(folder, grid):
        name = f"wrong_{variable}.tif"
        synthetic.write_raster(folder / name, array, grid, **stated)
        return sources(**{variable: name})

    return make


def given(**changes):
    """The mistake of these sources."""
    return lambda folder, grid: sources(**changes)


def project(**changes):
    """The mistake of these top-level keys."""
    return lambda folder, grid: changes


def text(name, content, **changes):
    """The mistake of a file with this text, and sources that use it."""

    def make(folder, grid):
        (folder / name).write_text(content, encoding="utf-8")
        return sources(**changes)

    return make


def polygons(bounds, values, crs=None, **changes):
    """The mistake of rectangles (in cells of the grid) that carry values."""

    def make(folder, grid):
        left, top = grid.affine.c, grid.affine.f
        shapes = [box(left + 30 * w, top - 30 * s, left + 30 * e, top - 30 * n) for w, n, e, s in bounds]
        gpd.GeoDataFrame({"value": values}, geometry=shapes, crs=crs or grid.crs.to_wkt()).to_file(folder / "p.gpkg")
        return sources(**changes)

    return make


def one_year(values):
    """The mistake of one year that differs from the others."""

    def make(folder, grid):
        synthetic.write_raster(folder / "ndvi_2003.tif", values, grid)
        return {}

    return make


def moved(folder, grid):
    away = grid.translate_pix(20_000, 0)
    synthetic.write_raster(folder / "far.tif", uniform(0.1, 0.6), away)
    return sources(sand="far.tif")


def nowhere(folder, grid):
    from odc.geo.geobox import GeoBox

    synthetic.write_raster(folder / "lost.tif", uniform(0.1, 0.6), GeoBox(SHAPE, grid.affine, None))
    return sources(sand="lost.tif")


def cut_short(folder, grid):
    path = synthetic.write_raster(folder / "whole.tif", uniform(0.1, 0.6), grid)
    shutil.copy(path, folder / "cut.tif", driver="COG", blocksize=128)  # its directory comes first
    whole = (folder / "cut.tif").read_bytes()
    (folder / "cut.tif").write_bytes(whole[: len(whole) * 2 // 3])
    return sources(sand="cut.tif")


def no_raster(folder, grid):
    (folder / "sand.tif").write_text("not a raster")
    return sources(sand="sand.tif")


def zero_rim(folder, grid):
    height = synthetic.fractal(SHAPE, seed=3)
    height[:3], height[-3:], height[:, :3], height[:, -3:] = 0, 0, 0, 0
    synthetic.write_raster(folder / "rim.tif", height, grid)
    return sources(elevation="rim.tif")


def with_value(array, value, count=40):
    array = array.copy()
    array.ravel()[:count] = value
    return array


def mercator(folder, grid):
    return {"grid": {"crs": "EPSG:3857", "resolution": 30}}


def out_holds_input(folder, grid):
    (folder / "maps").mkdir()
    synthetic.write_raster(folder / "maps" / "dem.tif", synthetic.fractal(SHAPE, seed=3), grid)
    return {**sources(elevation="maps/dem.tif"), "publish": {"folder": "maps"}}


def bands(folder, grid):
    synthetic.write_raster(folder / "two.tif", RANDOM.uniform(0, 0.5, (*SHAPE, 2)).astype("f4"), grid)
    return sources(sand="two.tif")


STATIONS = "station,x,y,annual_precipitation\nA,27.002,41.72,500\nB,27.01,41.722,520\nC,27.02,41.725,540\n"
SWAPPED = "station,x,y,annual_precipitation\nA,41.72,27.002,500\nB,41.722,27.01,520\nC,41.725,27.02,540\n"
RAIN = {"annual_precipitation": {"table": "t.csv", "interpolate": "inverse_distance"}}
HILLS = synthetic.fractal(SHAPE, seed=3)
HOLE = np.pad(np.ones((5, 5), bool), ((20, 35), (30, 45)))

ERRORS = {
    # the project file
    "unknown key": (project(gird={"like": "elevation"}), ProjectError, "gird: unknown key; did you mean 'grid'"),
    "unknown variable": (given(elevaton="dem.tif"), ProjectError, "elevaton: .*did you mean 'elevation'"),
    "unknown method": (
        project(methods={"cover": "van_der_knif_2000"}),
        ProjectError,
        "'van_der_knif_2000' is not a method.*did you mean 'van_der_knijff_2000'",
    ),
    "unknown coefficient": (
        project(methods={"cover": {"name": "van_der_knijff_2000", "alfa": 2}}),
        ProjectError,
        "no coefficient 'alfa'; did you mean 'alpha'",
    ),
    "source and method": (
        project(**{**sources(cover=0.1), "methods": {"cover": "van_der_knijff_2000"}}),
        ProjectError,
        "both a source and a method; keep one",
    ),
    "half a year": (
        project(period={"start": "2001-01", "end": "2003-06"}),
        ProjectError,
        "2001-01 to 2003-06: expected whole years",
    ),
    "no practice": (given(practice=None), MissingInputError, "practice is needed by .*practice: 1"),
    "zero classes without land cover": (given(land_cover=None), MissingInputError, "land_cover is needed"),
    "annual method in a quarterly project": (
        project(**sources(ndvi=0.4, annual_precipitation=700), period={"start": 2001, "end": 2003, "step": "quarter"}),
        ProjectError,
        "holds only for amounts of a year, but the project's step is quarter; use step: year",
    ),
    "a year's R in every quarter": (
        project(
            **sources(annual_precipitation=None, ndvi=0.4, erosivity=3000),
            period={"start": 2001, "end": 2003, "step": "quarter"},
        ),
        ProjectError,
        "erosivity is 3000 MJ.* for every quarter: .* 4 times; give it for each step",
    ),
    "year in a path without period": (project(period=None), ProjectError, "{year}.* no period; add period"),
    "tolerance missing": (
        project(analysis=[{"severity": {"scheme": "sl190_2007"}}]),
        ProjectError,
        "sl190_2007 needs the tolerable soil loss",
    ),
    "output holds an input": (out_holds_input, ProjectError, r"holds the input elevation \(dem.tif\); name a folder"),
    "output is the project's folder": (project(publish={"folder": "."}), ProjectError, "holds the input project file"),
    "output is a file": (project(publish={"folder": "dem.tif/out"}), SourceError, "cannot be written.* is a file"),
    # places
    "web mercator": (mercator, GridError, r"areas in EPSG:3857 are 80 % off.*crs: 'EPSG:32635'"),
    "metres for degrees": (
        project(grid={"crs": "EPSG:4326", "resolution": 30}),
        GridError,
        "has only 1 x 1 cells of 30 degrees; give a resolution in degrees",
    ),
    "degrees for metres": (
        project(grid={"crs": "EPSG:32635", "resolution": 0.0003}),
        GridError,
        "cells of 0.0003 units of its crs, expected fewer",
    ),
    "no overlap": (moved, GridError, r"far.tif\)? does not overlap the target grid: it spans .*Check its CRS"),
    "no crs": (nowhere, GridError, "lost.tif has no coordinate reference system.*gdal_edit.py -a_srs"),
    # files
    "missing file": (given(sand="sandy.tif"), SourceError, "no file .*sandy.tif; check the path"),
    "missing year": (
        project(period={"start": 2001, "end": 2004}),
        SourceError,
        "no file for 2004 at .*check the path and the period",
    ),
    "cut short": (cut_short, SourceError, "cut.tif is damaged or cut short .*fetch it again"),
    "not a raster": (no_raster, SourceError, "sand.tif cannot be opened as a raster"),
    "two bands": (bands, DataError, "takes 1 band of .*two.tif, which has 2; say which"),
    # values
    "NDVI as integers": (
        raster("ndvi", uniform(-1800, 9120, "i2")),
        DataError,
        r"wrong_ndvi.tif ranges from -1\d\d\d to 9\d\d\d, allowed is -1 to 1; add scale: 0.0001",
    ),
    "NDVI scaled twice": (
        lambda folder, grid: sources(ndvi={"file": "ndvi_{year}.tif", "scale": 0.0001}),
        DataError,
        "expected are values not scaled before: remove its scale",
    ),
    "one year of NDVI as integers": (one_year(uniform(1000, 8000, "i2")), DataError, "ndvi_2003.tif .*scale: 0.0001"),
    "Landsat reflectance as integers": (
        lambda folder, grid: {
            **raster("red", uniform(7300, 20000, "u2"))(folder, grid),
            **sources(ndvi=None, nir=0.3, red="wrong_red.tif"),
        },
        DataError,
        "wrong_red.tif .*allowed is 0 to 1; add scale",
    ),
    "sand in per cent": (raster("sand", uniform(5, 60)), DataError, "allowed is 0 to 1; add unit: '%'"),
    "sand in g/kg": (raster("sand", uniform(50, 600)), DataError, "allowed is 0 to 1; add unit: 'g kg-1'"),
    "a number in per cent": (
        given(clay=20),
        DataError,
        "clay is 20, allowed is 0 to 1; write clay: {value: ..., unit: '%'}",
    ),
    "carbon in g/kg": (raster("organic_carbon", uniform(4, 40)), DataError, "allowed is 0 to 1; add unit: 'g kg-1'"),
    "carbon is matter": (
        raster("organic_carbon", uniform(0.3, 0.95)),
        DataError,
        "below 0.6.*give it as organic_matter",
    ),
    "K in US units": (
        given(erodibility=0.32, sand=None, silt=None, clay=None, organic_carbon=None),
        DataError,
        "erodibility is 0.32, allowed is 0 to 0.2 .*{value: ..., unit: 'us customary'}",
    ),
    "K of sand in US units": (
        given(erodibility=0.13, sand=None, silt=None, clay=None, organic_carbon=None),
        DataError,
        "looks like US units: write erodibility: {.*'us customary'} .0.01712 in SI",
    ),
    "unknown unit": (given(sand={"value": 4, "unit": "parts"}), UnitsError, "sand is in 'parts', expected"),
    "temperatures for rain": (
        raster("annual_precipitation", uniform(-8, 27)),
        DataError,
        "look like temperatures in degrees Celsius: give a rain file",
    ),
    "rain in metres": (
        raster("annual_precipitation", uniform(0.4, 0.9)),
        DataError,
        "expected the rain of a whole year, hundreds of mm; add unit: m",
    ),
    "heights in feet": (raster("elevation", 40 * HILLS), DataError, "allowed is -500 to 9000 m; add unit: 'ft'"),
    "nodata not stated": (
        raster("elevation", with_value(HILLS, -9999)),
        DataError,
        "holds -9999 in 0.83 % of the cells.*add nodata: -9999",
    ),
    "byte nodata not stated": (
        lambda folder, grid: {
            **raster("sand", with_value(uniform(10, 60, "u1"), 255))(folder, grid),
            **sources(sand={"file": "wrong_sand.tif", "unit": "%"}),
        },
        DataError,
        "holds 255 .*add nodata: 255",
    ),
    "no valid cell": (
        raster("sand", np.full(SHAPE, -1, "f4"), nodata=-1),
        DataError,
        "has no valid cell in the area; check its nodata",
    ),
    "land cover with decimals": (raster("land_cover", uniform(1, 5)), DataError, "expected whole codes of classes"),
    # tables
    "decimal commas": (text("t.csv", STATIONS.replace("500", '"500,5"'), **RAIN), DataError, "row 2.*write 500.5"),
    "semicolons": (
        text("t.csv", STATIONS.replace(",", ";"), **RAIN),
        DataError,
        "separated by semicolons; expected commas",
    ),
    "duplicate station": (
        text("t.csv", STATIONS.replace("B,", "A,"), **RAIN),
        DataError,
        "station 'A' is in rows 2 and 3",
    ),
    "no coordinates": (text("t.csv", STATIONS.replace("x,y", "lon,lat"), **RAIN), DataError, "no column 'x'"),
    "x and y swapped": (
        text("t.csv", SWAPPED, **RAIN),
        GridError,
        "none of its 3 points lies near the target.*x and y are swapped",
    ),
    "no data for the method": (
        text("t.csv", STATIONS, annual_precipitation=None, erosivity={"table": "t.csv", "method": "arnoldus_1977"}),
        MissingInputError,
        "needed by .*arnoldus_1977.*the table has annual_precipitation",
    ),
    "too few stations": (
        text(
            "t.csv",
            STATIONS.replace("C,27.02,41.725,540\n", ""),
            annual_precipitation={"table": "t.csv", "interpolate": "thin_plate_spline"},
        ),
        DataError,
        "has 2 points, thin_plate_spline needs at least 3",
    ),
    "samples in per cent": (
        text("t.csv", STATIONS.replace("annual_precipitation", "sand"), sand={"table": "t.csv"}),
        DataError,
        "sand in t.csv ranges from 500 to 540, allowed is 0 to 1; add units: {sand: 'g kg-1'}",
    ),
    # polygons
    "words for numbers": (
        polygons([(0, 0, 40, 60)], ["terrace"], practice={"polygons": "p.gpkg", "column": "value", "elsewhere": 1}),
        DataError,
        "holds 'terrace', expected numbers of practice",
    ),
    "no such column": (
        polygons([(0, 0, 40, 60)], [0.5], practice={"polygons": "p.gpkg", "column": "valeu"}),
        DataError,
        "no column 'valeu'; did you mean 'value'",
    ),
    "polygons in per cent": (
        polygons([(0, 0, 40, 60)], [50.0], practice={"polygons": "p.gpkg", "column": "value", "elsewhere": 100}),
        DataError,
        "ranges from 50 to 100, allowed is 0 to 1; add unit: '%'",
    ),
    "polygons elsewhere": (
        polygons([(9000, 0, 9040, 60)], [0.5], practice={"polygons": "p.gpkg", "column": "value", "elsewhere": 1}),
        GridError,
        "does not touch the target",
    ),
}

WARNINGS = {
    "zero-filled rim": (zero_rim, "is 0 in 100 % .* along its edge.*add nodata: 0"),
    "overlapping polygons": (
        polygons(
            [(0, 0, 40, 60), (30, 0, 60, 60)],
            [0.5, 0.6],
            practice={"polygons": "p.gpkg", "column": "value", "elsewhere": 1},
        ),
        "1 pairs of polygons overlap|overlap",
    ),
    "polygons that leave gaps": (
        polygons([(0, 0, 40, 60)], [0.5], practice={"polygons": "p.gpkg", "column": "value"}),
        "covers 50 % of the target .*add elsewhere",
    ),
    "land cover not in the table": (
        lambda folder, grid: {
            "methods": {"cover": {"name": "lookup", "table": {"water": 0, "forest": 0.01}}},
            **raster("land_cover", with_value(with_value(np.full(SHAPE, 1, "u1"), 4, 900), 7, 100))(folder, grid),
        },
        r"classes for which cover \(lookup\) has no value: 4, 17 % of the cells.*add them to its table",
    ),
    "texture that does not sum to 1": (given(sand=0.7), "sand . silt . clay is 1.3 in 100%"),
    "a pit and spikes": (
        raster("elevation", with_value(HILLS, 2000, 3)),
        "spikes or pits",
    ),
    "voids": (
        raster("elevation", np.where(HOLE, np.nan, HILLS)),
        "has voids: .*gdal_fillnodata.py",
    ),
    "metric technical R": (
        lambda folder, grid: sources(annual_precipitation=1400, erosivity=420),
        "looks like metric technical units: add unit: 'metric technical' .4120 in SI",
    ),
    "R as printed with K in SI": (
        project(methods={"erosivity": "singh_1981_as_printed"}),
        "9.81 times too low; use singh_1981",
    ),
    "rain of a month": (
        raster("annual_precipitation", uniform(40, 70)),
        "median of 5.* mm, expected the rain of a whole",
    ),
    "carbon in per cent below 1": (given(organic_carbon=0.4), "median of 0.4 .*peat.*unit: '%'"),
    "matter and carbon": (
        lambda folder, grid: {
            **sources(organic_matter=0.015, sand=None, very_fine_sand=0.1, structure=2, permeability=3),
            "methods": {"erodibility": "wischmeier_1971"},
        },
        "organic_matter is 1 times organic_carbon, expected 1.4 to 2.5",
    ),
}

NOTES = {
    "unused source": (given(slope_length=50), "slope_length is given but no step"),
}


def findings_of(make, landscape, grid, write_project):
    return check(write_project(landscape, **make(landscape, grid)))


def assert_is_a_sentence(message):
    assert "\n" not in message
    assert "Traceback" not in message
    assert 30 < len(message) < 700


def only(findings, level):
    chosen = [finding for finding in findings if finding.level == level]
    assert len(chosen) == 1, findings
    return chosen[0]


@pytest.mark.parametrize("name", ERRORS)
def test_an_error_is_one_sentence(name, landscape, grid, write_project):
    make, kind, pattern = ERRORS[name]
    found = only(findings_of(make, landscape, grid, write_project), "error")
    assert found.kind is kind, found
    assert re.search(pattern, found.message), found.message
    assert_is_a_sentence(found.message)


@pytest.mark.parametrize("name", ERRORS)
def test_a_run_refuses_it_in_the_same_class(name, landscape, grid, write_project):
    make, kind, _ = ERRORS[name]
    project_file = write_project(landscape, **make(landscape, grid))
    with pytest.raises(SoilLossError) as refused:
        run(project_file)
    assert type(refused.value) is kind
    assert refused.value.exit_code in (2, 3, 4)
    assert_is_a_sentence(str(refused.value))
    assert not (landscape / "out").exists()


@pytest.mark.parametrize("name", WARNINGS)
def test_a_warning_does_not_stop_the_run(name, landscape, grid, write_project):
    make, pattern = WARNINGS[name]
    findings = findings_of(make, landscape, grid, write_project)
    assert not [f for f in findings if f.level == "error"], findings
    found = only(findings, "warning")
    assert re.search(pattern, found.message), found.message
    assert_is_a_sentence(found.message)


@pytest.mark.parametrize("name", NOTES)
def test_a_note_is_a_hint(name, landscape, grid, write_project):
    make, pattern = NOTES[name]
    findings = findings_of(make, landscape, grid, write_project)
    found = only(findings, "note")
    assert findings == [found]
    assert re.search(pattern, found.message), found.message


def test_a_sound_project_needs_no_word(landscape):
    assert check(landscape / "project.yml") == []


def test_a_byte_order_mark_is_no_mistake(landscape, grid, write_project):
    make = text("t.csv", "\ufeff" + STATIONS, **RAIN)
    assert findings_of(make, landscape, grid, write_project) == []
