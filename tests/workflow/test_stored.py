import geopandas as gpd
import numpy as np
import pytest
import rasterio
from shapely.geometry import LineString, box

from soilloss.derive import terrain
from soilloss.sources import files
from soilloss.workflow import check, record, stored
from soilloss.workflow.site import open_site, whole


def make_all(site):
    for item in stored.pending(site):
        stored.make(site, item, 2, lambda done, total: None)


def test_polygons_become_a_variable(landscape, grid, write_project):
    west, south, east, north = grid.boundingbox
    half = gpd.GeoDataFrame(
        {"value": [30.0]}, geometry=[box(west, south, (west + east) / 2, north)], crs=grid.crs.to_wkt()
    )
    half.to_file(landscape / "measures.gpkg")
    practice = {"polygons": "measures.gpkg", "column": "value", "elsewhere": 1.0, "unit": "%"}
    project = open_site(landscape / "project.yml").project.model_dump(mode="json")
    site = open_site(write_project(landscape, sources={**project["sources"], "practice": practice}))
    make_all(site)
    cells = site.read("practice", "", whole(site))
    np.testing.assert_allclose(cells[:, :40], 0.3, rtol=1e-6)
    np.testing.assert_array_equal(cells[:, 40:], 1)


@pytest.mark.parametrize("memory", [4e9, 1e3])
def test_roads_hold_back_flow(landscape, grid, write_project, memory):
    """A line becomes a mask; contributing area takes it up, in memory and tile by tile."""
    west, south, east, north = grid.boundingbox
    road = gpd.GeoDataFrame(
        geometry=[LineString([(west + 5, north - 400), (east - 5, south + 401)])], crs=str(grid.crs)
    )
    road.to_file(landscape / "roads.gpkg")
    sources = open_site(landscape / "project.yml").project.model_dump(mode="json")["sources"]
    site = open_site(
        write_project(landscape, sources={**sources, "trapping": {"lines": "roads.gpkg", "value": 70, "unit": "%"}})
    )
    assert [finding for finding in check.examine(site) if finding.level == "error"] == []
    for item in stored.pending(site):
        stored.make(site, item, 2, lambda done, total: None, stored.Limits(memory))
    share = site.read("trapping", "", whole(site))
    assert sorted(np.unique(share).tolist()) == pytest.approx([0, 0.7])
    expected = terrain.contributing_area(site.read("elevation", "", whole(site)), None, share, cell_size=30)
    np.testing.assert_array_equal(site.read("contributing_area", "", whole(site)), expected)
    assert next(step for step in site.steps if step.variable == "contributing_area").inputs == ("elevation", "trapping")


def test_lines_that_cannot_be_used_are_findings(landscape, grid, write_project):
    west, _, _, north = grid.boundingbox
    far = gpd.GeoDataFrame(geometry=[LineString([(west - 900, north), (west - 800, north)])], crs=str(grid.crs))
    far.to_file(landscape / "far.gpkg")
    sources = open_site(landscape / "project.yml").project.model_dump(mode="json")["sources"]
    for trapping, words in [
        ({"lines": "far.gpkg"}, "far.gpkg does not touch the target: its lines span"),
        ({"lines": "far.gpkg", "column": "share"}, "has no column 'share'"),
        ({"lines": "far.gpkg", "value": 40}, "ranges from 0 to 40, allowed is 0 to 1; add unit"),
    ]:
        site = open_site(write_project(landscape, sources={**sources, "trapping": trapping}))
        found = [finding.message for finding in check.examine(site) if finding.level == "error"]
        assert any(words in message for message in found), found


def test_whole_grid_steps_see_the_aligned_heights(landscape, write_project):
    site = open_site(write_project(landscape, grid={"crs": "EPSG:32635", "resolution": 45}))
    assert [item.kind for item in site.stored] == ["aligned", "step"]
    make_all(site)
    area = site.read("contributing_area", "", whole(site))
    assert area.dtype == np.float64
    assert np.nanmin(area) == pytest.approx(45 * 45)
    assert stored.pending(site) == []


def test_end_members_are_one_number_of_the_area_and_the_period(landscape, write_project):
    from soilloss.workflow.run import execute

    methods = {"cover": "cai_2000", "bare_ndvi": "lower_percentile", "full_ndvi": {"q": 90}}
    file = write_project(landscape, methods=methods)
    with rasterio.open(landscape / "dem.tif") as data:
        west, south, east, north = data.bounds
    middle = (west + east) / 2
    area = gpd.GeoDataFrame(geometry=[box(west, south, middle, north)], crs="EPSG:32635")
    area.to_file(landscape / "area.gpkg")
    results = {}
    for name, tiles, key in (("whole", 2048, None), ("parts", 17, None), ("west", 2048, "area.gpkg")):
        site = open_site(file, {"area": key} if key else None)
        item = next(i for i in site.stored if i.variable == "full_ndvi")
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(stored, "TILES", tiles)
            item.path.unlink(missing_ok=True)
            stored.make(site, item, None, lambda *_: None)
        results[name] = site.given["full_ndvi"]
    cells = []
    for year in (2001, 2002, 2003):
        with rasterio.open(landscape / f"ndvi_{year}.tif") as data:
            cells.append(data.read(1))
    assert results["whole"] == results["parts"] == pytest.approx(np.nanpercentile(cells, 90), abs=3e-4)
    assert results["west"] == pytest.approx(np.nanpercentile(np.array(cells)[:, :, :40], 90), abs=3e-4)
    first = execute(open_site(file))
    assert {"bare_ndvi", "full_ndvi"} <= {name.partition("-")[0] for name in first.made + first.reused}
    again = execute(open_site(file))
    assert again.made == []
    plan = {step["variable"]: step for step in record.read(landscape / "out")["plan"]}
    assert plan["full_ndvi"]["place"] == "statistic"
    assert plan["full_ndvi"]["value"] == results["whole"]
    assert plan["full_ndvi"]["coefficients"] == {"q": 90}


def test_tile_by_tile_gives_the_same_bits(landscape):
    site = open_site(landscape / "project.yml")
    (item,) = stored.pending(site)
    stored.make(site, item, 2, lambda done, total: None)
    in_memory = site.read("contributing_area", "", whole(site))
    item.path.unlink()
    seen = []
    stored.make(site, item, 2, lambda done, total: seen.append((done, total)), stored.Limits(memory=1e4))
    files.close_all()
    np.testing.assert_array_equal(site.read("contributing_area", "", whole(site)), in_memory)
    assert seen
    assert not (site.store.folder / "passes").exists() or not list((site.store.folder / "passes").iterdir())
