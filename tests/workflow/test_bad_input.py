"""What is commonly wrong with the data of the factors: one sentence each, with the value and the remedy."""

import re

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

import soilloss as sl
from soilloss.errors import DataError, SoilLossError
from soilloss.sources import synthetic
from soilloss.workflow.check import check

SHAPE = (60, 80)
RANDOM = np.random.default_rng(3)


def uniform(low, high):
    return RANDOM.uniform(low, high, SHAPE).astype("f4")


def codes(*known):
    return RANDOM.choice(np.array(known, "u1"), SHAPE)


# source, its cells, methods that use it, and the sentence
RASTERS = {
    "per cent for fractions": (
        "clay",
        uniform(5, 40),
        {},
        r"ranges from 5\S* to 4\S*, allowed is 0 to 1; add unit: '%'",
    ),
    "grams per kilogram": ("organic_carbon", uniform(2, 60), {}, r"allowed is 0 to 1; add unit: '(%|g kg-1)'"),
    "slope in degrees": (
        "slope",
        uniform(0, 40),
        {"topography": "moore_burch_1986"},
        r"ranges from \S+ to \S+, allowed is 0 to 1.57\d* rad; add unit: 'degree'",
    ),
    "slope in per cent": (
        "slope",
        uniform(0, 150),
        {"topography": "moore_burch_1986"},
        r"allowed is 0 to 1.57\d* rad; add unit: '%'",
    ),
    "negative rain": (
        "annual_precipitation",
        uniform(-100, 900),
        {},
        r"ranges from -\d+\S* to \d+\S*, allowed is 0 to 15000 mm; an amount cannot be negative",
    ),
    "NDVI times 10 000": ("ndvi", uniform(1000, 8000).astype("i2"), {}, r"allowed is -1 to 1; add scale: 0.0001"),
    "unknown land cover": (
        "land_cover",
        codes(4, 40, 190),
        {"cover": {"name": "mee_2021"}},
        r"has classes for which cover \(mee_2021\) has no value: (40|190), (40|190), 6\d % of the cells; they become",
    ),
}


@pytest.mark.parametrize("name", RASTERS)
def test_a_raster(landscape, write_project, grid, name):
    variable, cells, methods, sentence = RASTERS[name]
    synthetic.write_raster(landscape / "odd.tif", cells, grid)
    sources = yaml.safe_load((landscape / "project.yml").read_text())["sources"] | {variable: "odd.tif"}
    findings = check(write_project(landscape, sources=sources, methods=methods))
    wrong = [f for f in findings if f.where == f"sources.{variable}" and f.level in ("error", "warning")]
    assert len(wrong) == 1, findings
    assert re.search(sentence, wrong[0].message), wrong[0].message


def test_a_gap_in_a_table_of_classes(landscape, write_project):
    methods = {"cover": {"name": "lookup", "table": {"water": 0}}}
    findings = check(write_project(landscape, methods=methods, zero_classes=[]))
    (found,) = [f for f in findings if f.where == "sources.land_cover"]
    assert "has classes for which cover (lookup) has no value: 4" in found.message
    assert found.message.endswith("add them to its table")


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({"forest": 0.1, 1: 0.2}, r"the table gives class 1 twice"),
        ({"forrest": 0.1}, r"'forrest' is not a land-cover class; did you mean 'forest'"),
        ({"forest": 10}, r"the table gives class 'forest' the value 10, expected a number from 0 to 1"),
        ({300: 0.1}, r"code 300, expected a whole number from 0 to 255"),
        ("exmple_tillage_unverified", r"did you mean 'example_tillage_unverified'"),
    ],
)
def test_a_table_of_classes(landscape, write_project, table, sentence):
    findings = check(write_project(landscape, methods={"cover": {"name": "lookup", "table": table}}))
    assert any(re.search(sentence, f.message) for f in findings if f.level == "error"), findings


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        ({5: 0.2, 10: 0.3}, r"lower edges \[5.0, 10.0\], expected them to rise from 0"),  # a gap below 5
        ({0: 0.2, 10: 0.3, 5: 0.4}, r"expected them to rise from 0 degrees"),  # an overlap
        ({"0-5": 0.2}, r"not made of numbers .*expected lower edge in degrees"),
        ({0: 20}, r"has the values \[20.0\], expected numbers from 0 to 1"),
    ],
)
def test_a_table_by_slope(table, sentence):
    with pytest.raises(DataError, match=sentence):
        sl.practice.tillage_slope_lookup(np.array([4.0]), np.array([0.1]), table=table)


def cube(path, times):
    coords = {"time": times, "y": [42.0, 41.99, 41.98], "x": [24.0, 24.01, 24.02]}
    array = xr.DataArray(np.ones((len(times), 3, 3), "f4"), dims=("time", "y", "x"), coords=coords)
    array.to_dataset(name="pr").assign_attrs(crs="EPSG:4326").to_netcdf(path, engine="h5netcdf")


DAYS = pd.date_range("2003-01-01", "2003-12-31")


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        (DAYS[[1, 0, *range(2, 365)]], r"2003-01-01 follows 2003-01-02, expected rising times"),
        (DAYS[[0, 0, *range(1, 364)]], r"2003-01-01 follows 2003-01-01, expected rising times"),
        (DAYS.delete(40), r"2003-02-11 follows 2003-02-09, expected one time for each day"),
        (DAYS[:200], r"has 200 bands, expected 365, one for each day of 2003"),
    ],
)
def test_times_of_a_cube(landscape, write_project, times, sentence):
    cube(landscape / "rain.nc", times)
    sources = yaml.safe_load((landscape / "project.yml").read_text())["sources"]
    del sources["annual_precipitation"]
    sources |= {"daily_precipitation": {"file": "rain.nc", "variable": "pr"}, "ndvi": "ndvi_2001.tif"}
    methods = {"half_month_erosivity": "xie_2016", "erosivity": "step_sum"}
    file = write_project(landscape, sources=sources, methods=methods, period={"start": 2003, "end": 2003})
    (found,) = check(file)
    assert found.level == "error"
    assert re.search(sentence, found.message), found.message


@pytest.mark.parametrize(
    ("minutes", "sentence"),
    [
        ([0, 5, 10, 17, 22], r"irregular times: \S+ comes 7 minutes after"),
        ([0, 5, 5, 10, 15], r"repeated times: .* expected rising dates"),
        ([0, 5, 15, 10, 20], r"unsorted times: .* expected rising dates"),
        ([0, 90, 180, 270], r"hour|60"),
    ],
)
def test_times_of_a_gauge(minutes, sentence):
    time = np.datetime64("2001-05-01T00:00") + np.array(minutes, "timedelta64[m]")
    with pytest.raises(DataError, match=sentence):
        sl.erosivity.ei30(np.full(len(minutes), 3.0), time)


def test_every_sentence_is_one_line():
    with pytest.raises(SoilLossError) as error:
        sl.erosivity.xie_2016(np.zeros(3), time=["2001-01-02", "2001-01-01", "2001-01-03"])
    assert "\n" not in str(error.value)
