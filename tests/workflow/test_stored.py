import geopandas as gpd
import numpy as np
import pytest
from shapely.geometry import box

from soilloss.workflow import stored
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


def test_whole_grid_steps_see_the_aligned_heights(landscape, write_project):
    site = open_site(write_project(landscape, grid={"crs": "EPSG:32635", "resolution": 45}))
    assert [item.kind for item in site.stored] == ["aligned", "step"]
    make_all(site)
    area = site.read("contributing_area", "", whole(site))
    assert area.dtype == np.float64
    assert np.nanmin(area) == pytest.approx(45 * 45)
    assert stored.pending(site) == []
