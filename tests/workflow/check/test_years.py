import geopandas as gpd
import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from shapely import affinity
from shapely.geometry import box

from soilloss.sources import synthetic
from soilloss.workflow.check import check
from soilloss.workflow.check.years import examine_legends


def messages(file, where):
    return [finding.message for finding in check(file) if finding.where == where]


def moved(grid, east=0.0, times=1.0):
    side = grid.affine.a * times
    shape = tuple(round(n / times) for n in grid.shape)
    return GeoBox(shape, Affine(side, 0, grid.affine.c + east, 0, -side, grid.affine.f), grid.crs)


@pytest.mark.parametrize(("east", "times", "said"), [(15, 1, True), (0, 2, True), (-30, 1, False), (0, 1, False)])
def test_years_on_other_cells_are_pointed_out(landscape, grid, east, times, said):
    other = moved(grid, east, times)
    values = np.random.default_rng(1).uniform(0.1, 0.8, other.shape).astype("f4")
    synthetic.write_raster(landscape / "ndvi_2002.tif", values, other)
    found = [one for one in messages(landscape / "project.yml", "sources.ndvi") if "may be one of the grid" in one]
    assert len(found) == said
    if said:
        assert found[0].startswith("ndvi_2002.tif lies on cells of")


def test_a_missing_year_is_named(landscape):
    (landscape / "ndvi_2002.tif").unlink()
    (message,) = messages(landscape / "project.yml", "project")
    assert "2002" in message
    assert "ndvi" in message


def test_a_class_that_comes_with_a_year_may_be_a_legend():
    years = {"2001": np.array([1.0] * 90 + [4] * 10), "2002": np.array([1.0] * 90 + [40] * 10)}
    (found,) = examine_legends("sources.land_cover", years)
    assert found.message.startswith("code 4 covers 10% of the cells looked at in 2001 and none in 2002; did the legend")
    assert list(examine_legends("sources.land_cover", {"2001": years["2001"], "2003": np.array([])})) == []


def test_zones_without_cells_and_zones_that_overlap(landscape):
    zones = gpd.read_file(landscape / "zones.gpkg")
    away = affinity.translate(zones.geometry[0], 1e5)
    across = box(*zones.total_bounds)
    gpd.GeoDataFrame(
        {"NAME": ["west", "east", "all", "away"]}, geometry=[*zones.geometry, across, away], crs=zones.crs
    ).to_file(landscape / "zones.gpkg")
    empty, overlap = sorted(messages(landscape / "project.yml", "zones"))
    assert empty == (
        "zones.gpkg: no cell lies in away; their rows in the tables are empty, leave them out or check both"
    )
    assert overlap.endswith("where they do cells count in each of them: cut one of them")
