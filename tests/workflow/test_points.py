import numpy as np
import pandas as pd
import pytest

from soilloss.errors import DataError, MissingInputError
from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.points import check_surface, values_at_points
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

MONTHS = [75, 60, 58, 48, 45, 35, 25, 20, 35, 60, 95, 108]


@pytest.fixture
def with_table(landscape, grid, write_project):
    """A project whose erosivity comes from a table of stations written by `frame`."""

    def make(frame, **source):
        frame.to_csv(landscape / "stations.csv", index=False)
        sources = open_site(landscape / "project.yml").project.model_dump(mode="json")["sources"]
        sources.pop("annual_precipitation", None)
        sources["erosivity"] = {"table": "stations.csv", "crs": "EPSG:32635", **source}
        return open_site(write_project(landscape, sources=sources))

    return make


def stations(grid, count=6):
    return pd.DataFrame(synthetic.station_table(grid, count=count))


def test_equation_runs_at_the_points(with_table, grid):
    frame = stations(grid, 3).drop(columns="annual_precipitation")
    for month, rain in enumerate(MONTHS, 1):
        frame[f"monthly_precipitation_{month:02d}"] = rain
    found = values_at_points(with_table(frame, method="arnoldus_1977"), "erosivity")
    np.testing.assert_allclose(found.values, 999.172655, rtol=1e-6)
    assert found.method == "arnoldus_1977"


def test_default_method_by_what_the_table_has(with_table, grid):
    found = values_at_points(with_table(stations(grid)), "erosivity")
    assert found.method == "renard_freimund_1994"


def test_measured_values_are_taken_as_they_are(with_table, grid):
    frame = stations(grid).rename(columns={"annual_precipitation": "erosivity"})
    found = values_at_points(with_table(frame), "erosivity")
    assert found.method == "measured"
    np.testing.assert_allclose(found.values, frame["erosivity"])


def test_regression_on_height_reproduces_a_line(with_table, grid):
    frame = stations(grid)
    frame["erosivity"] = 1.5894 * frame["elevation"] + 61.342
    site = with_table(frame.drop(columns="annual_precipitation"), interpolate="height")
    execute(site)
    made = record.read(site.folder)
    (point,) = made["points"]
    assert point["rmse"] == pytest.approx(0, abs=1e-6)
    erosivity = next(r for r in made["rasters"] if r["variable"] == "erosivity")
    height = synthetic.fractal(grid.shape, seed=3)
    assert erosivity["maximum"] == pytest.approx(1.5894 * height.max() + 61.342, rel=1e-5)


def test_heights_are_sampled_where_the_table_has_none(with_table, grid):
    frame = stations(grid).drop(columns="elevation")
    found = values_at_points(with_table(frame, interpolate="height"), "erosivity")
    height = synthetic.fractal(grid.shape, seed=3)
    assert found.elevation.min() >= height.min()
    assert found.elevation.max() <= height.max()


@pytest.mark.parametrize("interpolate", ["inverse_distance", "thin_plate_spline", "kriging"])
def test_leave_one_out_is_reported(with_table, grid, interpolate):
    site = with_table(stations(grid, 9), interpolate=interpolate)
    checked = check_surface(site, values_at_points(site, "erosivity"))
    assert len(checked["stations"]) == 9
    assert checked["rmse"] > 0
    assert abs(checked["me"]) <= checked["rmse"]


def test_table_without_what_the_method_needs(with_table, grid):
    words = "is needed by monthly_precipitation .*add it, or monthly_precipitation itself.*the table has"
    with pytest.raises(MissingInputError, match=words):
        values_at_points(with_table(stations(grid), method="arnoldus_1977"), "erosivity")


def test_points_without_a_value_are_refused(with_table, grid):
    frame = stations(grid)
    frame["annual_precipitation"] = np.nan
    with pytest.raises(DataError, match="gives a value of erosivity|no number"):
        values_at_points(with_table(frame), "erosivity")
