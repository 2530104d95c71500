"""The doctor's rules one by one; whole projects with mistakes are in test_mistakes.py."""

from __future__ import annotations

import re

import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from rasterio import shutil
from shapely.geometry import box

from soilloss.errors import DataError, GridError, SourceError
from soilloss.factors.cover import lookup, mee_2021
from soilloss.sources import files, synthetic
from soilloss.workflow.check import Finding, check, examine, rasters, refuse
from soilloss.workflow.check import sample as samples
from soilloss.workflow.check.codes import examine_codes
from soilloss.workflow.check.heights import examine_heights
from soilloss.workflow.check.quantities import examine_values
from soilloss.workflow.check.relations import examine_relations
from soilloss.workflow.check.remedies import Subject, remedy
from soilloss.workflow.check.sample import Sample, look
from soilloss.workflow.check.target import examine_cover, examine_target
from soilloss.workflow.plan import Step
from soilloss.workflow.site import open_site

RANDOM = np.random.default_rng(4)


def uniform(low, high, shape=(2000,)):
    return RANDOM.uniform(low, high, shape)


def subject(variable, **how):
    return Subject(f"sources.{variable}", f"{variable}.tif", variable, **how)


def the(findings, level, pattern):
    (found,) = findings
    assert found.level == level, found
    assert re.search(pattern, found.message), found.message


# refusal


def test_refusal_says_the_first_error_and_how_many_more():
    refuse([Finding("warning", "a", "be careful"), Finding("note", "b", "a hint")])
    errors = [Finding("error", "grid", "is wrong", GridError)]
    with pytest.raises(GridError, match="^grid: is wrong$"):
        refuse(errors)
    with pytest.raises(GridError, match=r"^grid: is wrong \(and 2 more errors: soilloss check\)$"):
        refuse([*errors, *[Finding("error", "sources.sand", "too", DataError)] * 2])


def test_errors_come_first(landscape, grid, write_project):
    synthetic.write_raster(landscape / "rain_2001.tif", np.full((60, 80), 60, "f4"), grid)
    levels = [f.level for f in check(landscape / "project.yml", **{"sources.sand": 40, "sources.slope_length": 9})]
    assert levels == ["error", "warning", "note"]


def test_nothing_is_written_and_nothing_stays_open(landscape):
    before = {path.name for path in landscape.iterdir()} | {".soilloss"}
    assert examine(open_site(landscape / "project.yml")) == []
    assert {path.name for path in landscape.iterdir()} <= before
    assert not files._open


# quantities


@pytest.mark.parametrize(
    ("variable", "values", "expected"),
    [
        ("sand", uniform(5, 60), "add unit: '%'"),
        ("sand", uniform(50, 600), "add unit: 'g kg-1'"),
        ("organic_carbon", uniform(0.5, 4), "add unit: '%'"),
        ("organic_carbon", uniform(5, 40), "add unit: 'g kg-1'"),
        ("organic_carbon", uniform(50, 400), "add unit: 'dg kg-1'"),
        ("ndvi", uniform(-1800, 9120), "add scale: 0.0001"),
        ("ndvi", uniform(-18, 91), "add scale: 0.01"),
        ("red", uniform(200, 4000), "add scale: 0.0001"),
        ("red", uniform(7300, 43000), "add scale: 2.75e-05 and offset: -0.2"),
        ("cover", uniform(1, 90), "add unit: '%'"),
        ("slope", uniform(0, 60), "add unit: 'degree'"),
        ("slope", uniform(0, 120), "add unit: '%'"),
        ("elevation", uniform(6000, 14000), "add unit: 'ft'"),
        ("elevation", uniform(10000, 80000), "add unit: 'dm'"),
        ("erodibility", uniform(0.1, 0.6), "add unit: 'us customary' (or 'metric technical', if that is its system)"),
        ("erosivity", uniform(-5, 20), "an amount cannot be negative"),
        ("topography", uniform(10_000, 20_000), ""),
    ],
)
def test_the_most_likely_remedy(variable, values, expected):
    assert remedy(subject(variable), values).startswith(expected)


def test_a_remedy_is_written_for_its_kind():
    assert remedy(subject("sand", kind="table"), uniform(5, 60)) == "add units: {sand: '%'}"
    assert remedy(subject("ndvi", kind="table"), uniform(-1800, 9120)) == "multiply by 0.0001"


@pytest.mark.parametrize(
    ("variable", "values", "level", "pattern"),
    [
        ("ndvi", [], "error", "no valid cell in the area"),
        ("topography", [1e5, 2e5], "error", "allowed is 0 to 5000; check which quantity and unit"),
        ("ndvi", [*[0.5] * 500, 1.2], "warning", "1.2 in 0.2 % of the cells looked at, .*used as they are"),
        ("annual_precipitation", [2e-5, 4e-5], "error", "flux .* scale: 31557600"),
        ("annual_precipitation", [0, 0], "warning", "0 everywhere"),
        ("annual_precipitation", [2.1, 3.4], "error", "scale: 365.25 if it is mm in a day"),
        ("annual_precipitation", [11, 12], "warning", "138, 840 or 4198 mm; if inches, add unit: in .292 mm"),
        ("monthly_precipitation", uniform(270, 300), "error", "temperatures in kelvin"),
        ("monthly_precipitation", uniform(0.01, 0.4), "error", "add unit: m"),
        ("erodibility", [0.001, 0.001], "warning", "converted twice"),
        ("organic_matter", [0.3, 0.4], "warning", "peat"),
        ("clay", [0.002, 0.004], "warning", "converted twice"),
        ("erosivity", [*uniform(2000, 4000, 50), 32767], "warning", "add nodata: 32767"),
        ("erosivity", [3000, 3e38], "error", r"holds 3e\+38 .*add nodata"),
    ],
)
def test_values_of_a_quantity(variable, values, level, pattern):
    the(examine_values(subject(variable), np.array(values, float)), level, pattern)


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ("ndvi", uniform(-0.2, 0.9)),
        ("annual_precipitation", uniform(400, 3000)),
        ("elevation", uniform(-400, 8849)),
        ("erodibility", uniform(0.004, 0.08)),
        ("red", [0.1, 0.2, 1.0]),
        ("organic_carbon", uniform(0.002, 0.12)),
        ("sand", [255.0, 254.0]),  # used with scale 1/255: the largest value is not a sentinel
        ("practice", [1.0]),
        ("cover", [0.0]),
        ("contributing_area", [900.0, 1e9]),
    ],
)
def test_sound_values_need_no_word(variable, values):
    how = {"scale": 1 / 255} if variable == "sand" else {}
    assert examine_values(subject(variable, **how), np.array(values, float)) == []


def test_dry_months_are_no_mistake():
    quarter = subject("annual_precipitation", yearly=False)
    assert examine_values(quarter, np.array([0.0, 3.0])) == []


def test_zeros_along_the_edge():
    height = np.r_[np.zeros(50), uniform(200, 400)]
    the(examine_values(subject("elevation"), height, 0.9), "warning", "0 in 90 % .* add nodata: 0")
    assert examine_values(subject("elevation"), height, 0.0) == []
    coast = np.r_[np.zeros(50), uniform(0.1, 40)]
    assert examine_values(subject("elevation"), coast, 0.9) == []


# heights


def heights(*blocks, cell=30.0, **how):
    looked = Sample("dem.tif", [np.asarray(b, float)[None] for b in blocks], "float32", None, 1.0, 1.0, 0.0, cell)
    return examine_heights(subject("elevation", **how), looked)


HILLS = synthetic.fractal((60, 60), seed=2)


@pytest.mark.parametrize(
    ("block", "level", "pattern"),
    [
        (HILLS / 111_120, "warning", "scale: 111120"),
        (HILLS / 1000, "warning", "kilometres, add unit: km"),
        (uniform(0, 60, (60, 60)), "warning", "as slopes in degrees do"),
        (
            synthetic.plane((60, 60), north=1.5, east=0.3),
            "warning",
            "half of the slopes exceed 45 degrees; .* add unit: ft",
        ),
        (np.round(HILLS), "note", "whole metres .* steps of 1.9 degrees"),
        (np.full((60, 60), 12.5), "note", "12.5 m everywhere"),
        (np.repeat(np.repeat(HILLS[:15, :15], 4, 0), 4, 1), "note", "terraces"),
        (
            np.where(np.arange(3600).reshape(60, 60) == 1830, 900, HILLS),
            "warning",
            "1 of 3600 cells .* expected at most",
        ),
        (np.where(np.arange(3600).reshape(60, 60) == 1830, np.nan, HILLS), "warning", "voids: 0.03%"),
    ],
)
def test_heights(block, level, pattern):
    the(heights(block), level, pattern)


def test_sound_heights():
    assert heights(HILLS) == []
    clipped = np.where(np.add.outer(np.arange(60), np.arange(60)) < 30, np.nan, HILLS)
    assert heights(clipped) == []  # missing outside the catchment is no void
    assert heights(HILLS * 100, unit="cm") == []
    assert heights(np.full((60, 60), np.nan)) == []


# codes


def codes(values, *, legend="", steps=(), decided=(), variable="land_cover"):
    return examine_codes(subject(variable), np.array(values, float), legend, list(steps), decided)


COVER = Step("cover", lookup, ("land_cover",), {"table": {1: 0.01, 4: 0.3}})
MEE = Step("cover", mee_2021, ("land_cover", "fractional_cover"))


def test_codes_of_a_legend():
    assert codes([1, 2, 9], legend="clcd") == []
    the(
        codes([1] * 9 + [77], legend="clcd"), "warning", "legend clcd does not list: 77, 10 % .* add them to the legend"
    )
    the(codes([77, 78, 1], legend="clcd"), "error", "77, 78")


def test_codes_that_another_legend_knows():
    worldcover = [10, 20, 30, 40, 50, 60, 80]
    the(codes(worldcover, steps=[COVER]), "error", "no value: .*add legend: worldcover$")


def test_classes_without_a_value():
    the(
        codes([1] * 9 + [7], steps=[COVER]),
        "warning",
        r"cover \(lookup\) has no value: 7, 10 % .*add them to its table",
    )
    assert codes([1] * 9 + [7], steps=[COVER], decided=(7,)) == []
    assert codes([1, 4, 0, 0], steps=[COVER]) == []
    assert codes([1, 2, 3, 5, 6, 7, 8], steps=[MEE]) == []


def test_codes_out_of_range_and_no_codes():
    the(codes([1, 2, 9, 40], variable="texture_class"), "warning", "beyond the classes 0 to 12: 40")
    the(codes([1.5, 2]), "error", "holds 1.5, expected whole codes")
    the(codes([]), "error", "no valid cell")
    the(codes(range(100, 120), variable="structure"), "error", "100, .* and 12 more")


# relations


def test_relations():
    ones = np.ones(100)
    sound = {"sand": 0.5 * ones, "silt": 0.3 * ones, "clay": np.array(0.2), "organic_carbon": 0.01 * ones}
    assert list(examine_relations(sound | {"organic_matter": 0.0172 * ones})) == []
    the(list(examine_relations({"sand": 0.8 * ones, "clay": 0.5 * ones})), "warning", "sand . clay is 1.3 .* at most 1")
    assert list(examine_relations({"sand": np.nan * ones, "clay": ones})) == []
    rain = np.tile(120.0, (100, 12))
    the(list(examine_relations({"monthly_precipitation": rain, "erosivity": 300 * ones})), "warning", "2943 in SI")
    assert list(examine_relations({"annual_precipitation": 300 * ones, "erosivity": 300 * ones})) == []


# target


def target_of(grid, landscape):
    return examine_target(open_site(landscape / "project.yml")._replace(grid=grid))


@pytest.mark.parametrize(
    ("crs", "left", "top", "level", "pattern"),
    [
        ("EPSG:3857", 2_700_000, 5_200_000, "error", "EPSG:3857 are 8.* % off here.*crs: 'EPSG:32635'"),
        ("EPSG:3857", -6_000_000, -4_000_000, "error", "crs: 'EPSG:32722'"),
        ("EPSG:32635", -700_000, 4_600_000, "error", "EPSG:32635 are 4 % off.*crs: 'EPSG:32633'"),
        ("EPSG:6933", 2_300_000, 5_000_000, "warning", "lengths in EPSG:6933 are up to 1. % off.*crs: 'EPSG:32634'"),
    ],
)
def test_distorted_targets(crs, left, top, level, pattern, landscape):
    grid = GeoBox((50, 60), Affine(100, 0, left, 0, -100, top), crs)
    the(target_of(grid, landscape), level, pattern)


@pytest.mark.parametrize("crs", ["EPSG:32635", "EPSG:4326", "EPSG:3035", "EPSG:2263"])
def test_sound_targets(crs, landscape):
    places = {
        "EPSG:32635": (500_000, 4.6e6),
        "EPSG:4326": (24, 42),
        "EPSG:3035": (5.1e6, 2.2e6),
        "EPSG:2263": (9e5, 2e5),
    }
    cell = 0.001 if crs == "EPSG:4326" else 100
    left, top = places[crs]
    assert target_of(GeoBox((50, 60), Affine(cell, 0, left, 0, -cell, top), crs), landscape) == []


def test_a_target_too_wide_for_a_zone(landscape):
    grid = GeoBox((300, 500), Affine(10_000, 0, 0, 0, -10_000, 7_000_000), "EPSG:3857")
    the(target_of(grid, landscape), "error", r"crs: '\+proj=laea \+lat_0=\d+ \+lon_0=2\d")
    the(target_of(GeoBox((5, 5), grid.affine, None), landscape), "error", "no coordinate reference system")


def test_how_a_source_lies_to_the_target():
    def of(variable, covered, spans):
        return examine_cover("sources.x", variable, Sample("a/b.tif", [], "f4", None, covered, spans, 0.0, 90.0))

    the(of("sand", 0.8, 1.0), "warning", "b.tif covers 80 % of the target")
    the(of("elevation", 1.0, 0.1), "note", "10 times finer than those of b.tif .90 m")
    the(of("sand", 1.0, 0.01), "note", "100 times the target's")
    assert of("annual_precipitation", 1.0, 0.001) == []
    assert of("elevation", 1.0, 1 / 3) == []


# samples


def source_of(path, variable="elevation", **stated):
    return files.raster_source(variable, path, [""], folder=path.parent, **stated)


def test_a_small_raster_is_read_whole(tmp_path, small_grid):
    height = synthetic.fractal(seed=1)
    height[0, 0] = -9999
    path = synthetic.write_raster(tmp_path / "dem.tif", height, small_grid, nodata=-9999)
    looked = look(source_of(path), small_grid, None, "", 3)
    assert looked.values.size == height.size - 1
    assert looked.missing == pytest.approx(1 / height.size)
    assert (looked.covered, looked.spans, looked.cell, looked.nodata) == (1, pytest.approx(1), 30, -9999)


def test_a_large_raster_is_looked_at_through_windows(tmp_path, small_grid, monkeypatch):
    monkeypatch.setattr(samples, "WHOLE", 100)
    monkeypatch.setattr(samples, "SIDE", 8)
    path = synthetic.write_raster(tmp_path / "dem.tif", synthetic.fractal(seed=1), small_grid)
    assert [block.shape for block in look(source_of(path), small_grid, None, "", 2).blocks] == [(1, 8, 8)] * 4


def test_only_what_lies_below_the_target_counts(tmp_path, small_grid):
    height = np.full((40, 50), 20_000, "f4")
    height[10:20, 10:20] = 300
    path = synthetic.write_raster(tmp_path / "dem.tif", height, small_grid)
    target = small_grid[12:18, 12:18]
    assert look(source_of(path), target, None, "", 3).values.max() == 300
    half = small_grid.translate_pix(25, 0)
    assert look(source_of(path), half, None, "", 3).covered == pytest.approx(0.5)
    west, south, east, north = small_grid.boundingbox
    assert look(source_of(path), half, box((west + east) / 2, south, east, north), "", 3).covered == 1


def test_a_mask_inside_the_file_counts_as_missing(tmp_path, small_grid):
    import rasterio

    path = synthetic.write_raster(tmp_path / "ndvi.tif", np.full((40, 50), 9, "i2"), small_grid)
    with rasterio.Env(GDAL_TIFF_INTERNAL_MASK=True), rasterio.open(path, "r+") as raster:
        raster.write_mask(np.arange(2000).reshape(40, 50) >= 500)
    assert look(source_of(path, "ndvi"), small_grid, None, "", 3).missing == 0.25


def test_a_cell_of_a_geographic_raster_in_metres(tmp_path):
    grid = synthetic.small_grid(cell_size=0.001, crs="EPSG:4326")
    path = synthetic.write_raster(tmp_path / "dem.tif", synthetic.fractal(seed=1), grid)
    assert look(source_of(path), grid, None, "", 3).cell == pytest.approx(96, abs=1)


# whole projects


def test_every_file_of_a_long_series_is_opened(landscape, grid, monkeypatch):
    monkeypatch.setattr(rasters, "MOST_FILES", 1)
    assert check(landscape / "project.yml") == []
    shutil.copy(landscape / "ndvi_2002.tif", landscape / "ndvi_2003.tif", driver="COG", blocksize=128)
    whole = (landscape / "ndvi_2003.tif").read_bytes()
    (landscape / "ndvi_2003.tif").write_bytes(whole[: len(whole) // 2])
    (found,) = check(landscape / "project.yml")
    assert found.kind is SourceError
    assert "ndvi_2003.tif is damaged or cut short" in found.message


def test_a_year_in_another_scale(landscape, grid):
    synthetic.write_raster(landscape / "ndvi_2003.tif", uniform(0.001, 0.009, (60, 80)).astype("f4"), grid)
    the(
        check(landscape / "project.yml"),
        "warning",
        "median of 0.00.* in 2003 and 0.4.* in 200.: the steps are not in one",
    )


def test_steps_that_are_all_the_same(landscape):
    found = check(landscape / "project.yml", **{"sources.ndvi": 0.4, "sources.annual_precipitation": 700})
    the(found, "note", "has 3 steps, but no source changes")


def test_a_folder_that_cannot_be_written(landscape, monkeypatch):
    monkeypatch.setattr("os.access", lambda *_: False)
    the(check(landscape / "project.yml"), "error", "cannot be written, because .* is not writable")


def test_a_folder_in_the_store(landscape):
    found = check(landscape / "project.yml", **{"publish.folder": ".soilloss/out"})
    the(found, "error", "lies in the store .soilloss; name a folder of its own")


def test_units_of_erodibility_alone(landscape):
    change = {"methods.erodibility": "wischmeier_1971_as_printed"}
    soil = {"sources.very_fine_sand": 0.1, "sources.organic_matter": 0.02}
    found = [f for f in check(landscape / "project.yml", **change, **soil) if f.level == "warning"]
    the([f for f in found if "US units" in f.message], "warning", "7.6 times too high; use wischmeier_1971$")


def test_kriging_of_few_points_and_points_far_away(landscape, grid):
    lines = [f"{27.001 + 0.001 * i},{41.715 + 0.0007 * (i * 7 % 12)},{500 + i}" for i in range(12)] + ["29,45,900"]
    (landscape / "t.csv").write_text("\n".join(["x,y,annual_precipitation", *lines]))
    table = {"table": "t.csv", "interpolate": "kriging"}
    found = check(
        landscape / "project.yml", **{"sources.annual_precipitation": table, "sources.ndvi": "ndvi_{year}.tif"}
    )
    assert [(f.level, f.where) for f in found] == [
        (level, "sources.annual_precipitation") for level in ("warning", "note")
    ]
    assert "guess below 20" in found[0].message
    assert "1 of 13 points lie far outside" in found[1].message


def test_zones_elsewhere(landscape):
    import geopandas as gpd

    gpd.GeoDataFrame({"NAME": ["a"]}, geometry=[box(0, 0, 1, 1)], crs="EPSG:4326").to_file(landscape / "zones.gpkg")
    (found,) = check(landscape / "project.yml")
    assert (found.where, found.kind) == ("zones", GridError)
    assert "does not touch the target" in found.message


def test_rain_that_is_not_used_tells_the_unit_of_erosivity(landscape, grid):
    synthetic.write_raster(landscape / "wet.tif", np.full((60, 80), 1500, "f4"), grid)
    change = {"sources.erosivity": 300, "sources.annual_precipitation": "wet.tif"}
    found = [f for f in check(landscape / "project.yml", **change) if f.level == "warning"]
    the(found, "warning", "300 where 1500 mm of rain fall.*2943 in SI")
    found = check(landscape / "project.yml", **{**change, "sources.annual_precipitation": 1500})
    assert any("2943 in SI" in f.message for f in found)
    found = check(landscape / "project.yml", **{**change, "sources.annual_precipitation": "gone.tif"})
    assert [f.kind for f in found if f.level == "error"] == [SourceError]


def test_an_unused_source_that_lies_elsewhere_stops_nothing(landscape, grid):
    synthetic.write_raster(landscape / "far.tif", np.full((60, 80), 0.02, "f4"), grid.translate_pix(9000, 0))
    the(
        check(landscape / "project.yml", **{"sources.organic_matter": "far.tif"}), "note", "no step of the plan uses it"
    )
