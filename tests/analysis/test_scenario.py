"""Every row of the Loess Plateau study's rules, and the mistakes a table can have."""

import dask.array as da
import numpy as np
import pandas as pd
import pytest
import xarray as xr

from soilloss import tables
from soilloss.analysis import scenario
from soilloss.errors import DataError

FOREST, SHRUB, GRASS, CROP, BUILT, BARE, WATER, WETLAND = range(1, 9)
ROWS = [  # class, rain, elevation, slope in per cent, silt in per cent, new class, line of the table
    (FOREST, 200, 4500, 60, 80, FOREST, 1),
    (CROP, 500, 1000, 10, 60, CROP, 2),
    (CROP, 500, 1000, 20, 40, CROP, 3),
    (CROP, 500, 1000, 20, 60, FOREST, 4),
    (CROP, 500, 1000, 25, 40, CROP, 3),
    (CROP, 500, 1000, 25.01, 40, FOREST, 4),
    (CROP, 400, 1000, 20, 60, GRASS, 5),
    (CROP, 200, 1000, 30, 60, CROP, 6),
    (CROP, 500, 4200, 30, 60, GRASS, 5),
    (GRASS, 500, 1000, 20, 60, FOREST, 7),
    (GRASS, 450, 1000, 20, 60, GRASS, 8),
    (GRASS, 600, 4000, 20, 60, GRASS, 8),
    (BARE, 500, 2000, 5, 60, FOREST, 9),
    (BARE, 400, 2000, 5, 60, CROP, 10),
    (BARE, 400, 3200, 5, 60, GRASS, 11),
    (BARE, 400, 2000, 15, 60, GRASS, 11),
    (BARE, 260, 2000, 5, 60, GRASS, 11),
    (BARE, 250, 2000, 5, 60, BARE, 12),
    (SHRUB, 500, 1000, 20, 60, SHRUB, 0),
    (WATER, np.nan, 0, 0, 0, WATER, 0),
    (0, 500, 1000, 20, 60, 0, 0),
]


def inputs(kind="f8"):
    cover, rain, height, slope, silt = (np.array(column) for column in list(zip(*ROWS, strict=True))[:5])
    data = (rain, height, np.arctan(slope / 100), silt / 100)
    return [cover, *(values.astype(kind) for values in data)]


@pytest.mark.parametrize("kind", ["f4", "f8"])
def test_every_row(kind):
    found = scenario.suitable_land_cover(*inputs(kind))
    assert found["land_cover"].tolist() == [row[5] for row in ROWS]
    assert found["rule"].tolist() == [row[6] for row in ROWS]
    assert found["unresolved"].tolist() == [int(row[6] == 6) for row in ROWS]
    assert found["land_cover"].dtype == np.uint8


def test_grassland_stays_when_asked():
    found = scenario.suitable_land_cover(GRASS, 500, 1000, 0.1, 0.6, grass_to_forest=False)
    assert (int(found["land_cover"]), int(found["rule"])) == (GRASS, 8)


def test_what_the_answer_depends_on_must_be_there():
    slope = np.array([np.nan, 0.1, 0.2, 0.2, 0.6])
    silt = np.array([0.6, np.nan, np.nan, 0.6, np.nan])
    cover = np.array([CROP, CROP, CROP, np.nan, CROP])
    found = scenario.suitable_land_cover(cover, 500.0, 1000.0, slope, silt)
    assert found["land_cover"].tolist() == [0, CROP, 0, 0, FOREST]
    assert scenario.suitable_land_cover(FOREST, np.nan, np.nan, np.nan, np.nan)["land_cover"] == FOREST


def test_dataarrays_and_dask():
    arrays = [xr.DataArray(values.reshape(3, 7), dims=("y", "x")) for values in inputs("f4")]
    lazy = [array.copy(data=da.from_array(array.data, chunks=2)) for array in arrays]
    for made in (scenario.suitable_land_cover(*arrays), scenario.suitable_land_cover(*lazy)):
        assert made["land_cover"].to_numpy().reshape(-1).tolist() == [row[5] for row in ROWS]
        assert made["land_cover"].attrs["flag_meanings"].startswith("forest shrubland")


def edited(**changes):
    table = tables.read("scenario_loess_plateau").astype(object)
    for position, line in changes.pop("lines", {}).items():
        for column, value in line.items():
            table.loc[position - 1, column] = value
    return table.drop(index=[number - 1 for number in changes.pop("without", [])])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (edited(without=[12]), r"leaves a gap: no line applies to bare at annual_precipitation \[mm\] 249"),
        (
            edited(lines={7: {"annual_precipitation [mm]": "", "elevation [m]": ""}}),
            r"line 8 .*grassland.* can never apply",
        ),
        (edited(lines={1: {"to": "forrest"}}), "line 1 .*'forrest' is not a land-cover class; did you mean 'forest'"),
        (edited(lines={2: {"slope [%]": "under 15"}}), r"line 2 .*slope \[%\] is 'under 15', expected such as '<15'"),
        (pd.DataFrame({"from": ["forest"]}), "no column 'to'"),
    ],
)
def test_mistakes_in_a_table(table, words):
    with pytest.raises(DataError, match=words):
        scenario.read_rules(table)


def test_converted_cells_take_after_cells_of_the_new_class_in_their_zone():
    values = np.array([[0.8, 0.6, 0.2], [0.9, 0.1, np.nan]], "f4")
    before = np.array([[1, 1, 4], [1, 4, 1]])
    after = np.array([[1, 1, 1], [1, 1, 1]])
    zones = np.array([[1, 1, 1], [2, 2, 2]])
    expected = np.array([[0.8, 0.6, 0.7], [0.9, 0.9, np.nan]])
    np.testing.assert_allclose(scenario.donor_values(values, before, after, zones), expected, rtol=1e-6)
    assert np.isnan(scenario.donor_values(values, before, np.full((2, 3), 3))).all()
