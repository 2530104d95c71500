import json

import numpy as np
import pytest
import rasterio

from soilloss.sources import synthetic
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site


def clipped(folder):
    made = json.loads((folder / "out/record.json").read_text())
    return {one["variable"]: one for one in made["clipped"]}


def read(path):
    with rasterio.open(path) as data:
        return data.read(1)


def test_cells_cut_at_1_are_counted_by_step_and_outside_the_zero_classes(landscape, grid):
    ndvi = read(landscape / "ndvi_2002.tif")
    ndvi[20:24, 5:20] = -0.2  # C of van der Knijff would be above 1; columns 0 to 9 are water
    synthetic.write_raster(landscape / "ndvi_2002.tif", ndvi, grid)
    execute(open_site(landscape / "project.yml"))
    found = clipped(landscape)["cover"]
    assert found["cells"] == 4 * 10
    assert found["share"] == pytest.approx(40 / (3 * 60 * 70))
    assert (found["method"], found["limit"]) == ("van_der_knijff_2000", "1")


def test_slopes_longer_than_the_cap_are_counted(landscape):
    for cap in (304.8, 90):
        execute(open_site(landscape / "project.yml", {"methods.topography.max_length": cap}))
        capped, loss = clipped(landscape)["topography"], read(landscape / "out/factors/topography.tif")
        execute(open_site(landscape / "project.yml", {"methods.topography.max_length": 1e9}))
        changed = loss[:, 10:] != read(landscape / "out/factors/topography.tif")[:, 10:]
        assert capped["cells"] == np.sum(changed & np.isfinite(loss[:, 10:]))
        assert capped["limit"] == f"max_length = {cap:g}"


def test_a_stored_slope_length_at_its_cap_is_counted(landscape):
    methods = {"methods.topography": "wischmeier_smith_1978", "methods.slope_length.max_length": 100}
    execute(open_site(landscape / "project.yml", methods))
    found = clipped(landscape)["slope_length"]
    assert found["limit"] == "100"
    assert 0 < found["cells"] < 60 * 70


def test_no_clip_no_line(landscape):
    execute(
        open_site(
            landscape / "project.yml", {"methods.cover": "durigon_2014", "methods.topography": "moore_burch_1986"}
        )
    )
    assert clipped(landscape) == {}
