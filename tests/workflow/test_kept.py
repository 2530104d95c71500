import numpy as np
import pytest
from affine import Affine
from odc.geo.geobox import GeoBox

from soilloss.errors import GridError
from soilloss.sources import files, synthetic
from soilloss.workflow import kept
from soilloss.workflow.site import open_site


def test_what_is_kept_has_its_kind(landscape, write_project):
    methods = {"cover": "cai_2000"}
    site = open_site(write_project(landscape, methods=methods))
    kinds = {item.variable: item.kind for item in site.stored}
    assert kinds == {"contributing_area": "step", "bare_ndvi": "statistic", "full_ndvi": "statistic"}
    assert all(not item.exists for item in site.stored)
    assert np.isnan(site.given["full_ndvi"])
    assert {s.variable: s.place for s in site.steps if s.function}["bare_ndvi"] == "statistic"


def test_keys_of_numbers_know_the_area_and_the_coefficients(landscape, write_project):
    file = write_project(landscape, methods={"cover": "cai_2000"})
    plain = open_site(file).keys
    other = open_site(file, {"methods.full_ndvi.q": 90}).keys
    assert plain["bare_ndvi"] == other["bare_ndvi"]
    assert plain["full_ndvi"] != other["full_ndvi"]
    assert plain["cover"] != other["cover"]


def test_the_part_of_a_coarse_grid_below_the_target(landscape, grid):
    far = GeoBox((40, 40), Affine(900, 0, 490_000, 0, -900, 4_630_000), grid.crs.to_wkt())
    synthetic.write_raster(landscape / "coarse.tif", np.zeros((40, 40), "f4"), far)
    source = files.raster_source("sand", "coarse.tif", [""], folder=landscape)
    site = open_site(landscape / "project.yml")
    part = kept.native_part(site, source)
    assert tuple(part.shape) < tuple(far.shape)
    inner, outer = site.grid.boundingbox, part.boundingbox
    assert outer.left <= inner.left - 900 < inner.right + 900 <= outer.right
    away = GeoBox((4, 4), Affine(900, 0, 900_000, 0, -900, 4_630_000), grid.crs.to_wkt())
    synthetic.write_raster(landscape / "away.tif", np.zeros((4, 4), "f4"), away)
    with pytest.raises(GridError, match="do not overlap"):
        kept.native_part(site, files.raster_source("sand", "away.tif", [""], folder=landscape))


def test_years_of_steps():
    assert kept.years_of(["2001-Q1", "2001-Q2", "2002-Q1"]) == ("2001", "2002")
    assert kept.years_of([""]) == ("",)
