"""Reading images, and the sentences about what is wrong with them."""

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox

from soilloss.errors import DataError, SourceError
from soilloss.landcover import images as im
from soilloss.sources import files
from soilloss.sources.synthetic import small_grid, write_raster

GRID = small_grid((40, 50))
SPECTRUM = np.array([0.04, 0.07, 0.05, 0.35, 0.18])


@pytest.fixture(autouse=True)
def _closed():
    yield
    files.close_all()


def one(tmp_path, cells, **more):
    write_raster(tmp_path / "2021_q3.tif", cells, GRID, -32768, scale=0.0001)
    return im.image_series("{year}_q{quarter}.tif", ["2021-Q3"], folder=tmp_path, **more)


def cells_of(spectrum, scale=10_000):
    return np.broadcast_to(np.round(np.asarray(spectrum) * scale), (40, 50, 5)).astype(np.int16).copy()


def test_a_cell_that_lacks_a_band_is_missing_in_all_and_beyond_the_edge_is_nothing(tmp_path):
    cells = cells_of(SPECTRUM)
    cells[3, 4, 1] = -32768
    source = one(tmp_path, cells)
    got = im.read_image(source, GRID, "2021-Q3", (slice(-2, 10), slice(0, 60)))
    assert got.shape == (5, 12, 60)
    assert np.isnan(got[:, :2]).all()
    assert np.isnan(got[:, :, 50:]).all()
    assert np.isnan(got[:, 5, 4]).all()
    np.testing.assert_allclose(got[:, 4, 4], SPECTRUM, atol=1e-6)
    outside = im.read_image(source, GRID, "2021-Q3", (slice(100, 110), slice(0, 5)))
    assert np.isnan(outside).all()


def test_grids_may_differ_by_step(tmp_path):
    write_raster(tmp_path / "2021_q3.tif", cells_of(SPECTRUM), GRID, -32768, scale=0.0001)
    coarse = GeoBox((20, 25), GRID.affine * GRID.affine.scale(2), GRID.crs)
    write_raster(tmp_path / "2021_q2.tif", cells_of(SPECTRUM)[:20, :25], coarse, -32768, scale=0.0001)
    source = im.image_series("{year}_q{quarter}.tif", ["2021-Q2", "2021-Q3"], folder=tmp_path)
    assert im.grid_of_step(source, "2021-Q2").shape == (20, 25)
    assert im.grid_of_step(source, "2021-Q3").shape == (40, 50)


def test_an_image_of_clouds_is_told_not_refused(tmp_path):
    clouds = np.full_like(cells_of(SPECTRUM), -32768)
    assert "no data where it was looked at" in im.examine_image(one(tmp_path, clouds), "2021-Q3")
    files.close_all()
    assert im.examine_image(one(tmp_path, cells_of(SPECTRUM)), "2021-Q3") == ""


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c[..., 4].fill(-32768), "band swir1 has no data, though others have"),
        (lambda c: c[..., 3].fill(20_000), "median of nir is 2, expected reflectance.*digital numbers"),
        (lambda c: c[..., 0].fill(-900), "median of blue is -0.09, below 0; was an offset applied twice"),
    ],
)
def test_what_cannot_be_reflectance(tmp_path, change, words):
    cells = cells_of(SPECTRUM)
    change(cells)
    with pytest.raises(DataError, match=words):
        im.examine_image(one(tmp_path, cells), "2021-Q3")


def test_digital_numbers_without_a_scale(tmp_path):
    with pytest.raises(DataError, match="landcover.images.scale"):
        im.examine_image(one(tmp_path, cells_of(SPECTRUM), scale=1.0), "2021-Q3")


def test_wrong_order_of_bands_shows_in_spectra():
    plants = {1: SPECTRUM, 4: SPECTRUM}
    ground = {6: np.array([0.12, 0.16, 0.21, 0.28, 0.33])}
    assert im.doubt_band_order(plants | ground) == ""
    assert "brightest in green" in im.doubt_band_order({k: v[[0, 3, 2, 1, 4]] for k, v in plants.items()})
    assert "bare ground is brighter in blue" in im.doubt_band_order({6: ground[6][[2, 1, 0, 3, 4]]})
    assert im.doubt_band_order({}) == ""


def test_bands_and_files_that_are_missing(tmp_path):
    with pytest.raises(DataError, match="3 bands listed, expected 5"):
        one(tmp_path, cells_of(SPECTRUM), bands=[1, 2, 3])
    with pytest.raises(DataError, match="bands 1 to 5"):
        one(tmp_path, cells_of(SPECTRUM), bands=[1, 2, 3, 4, 8])
    with pytest.raises(SourceError, match="no file for 2021-Q4"):
        im.image_series("{year}_q{quarter}.tif", ["2021-Q3", "2021-Q4"], folder=tmp_path)


def test_bands_in_the_order_that_is_asked_for(tmp_path):
    source = one(tmp_path, cells_of(SPECTRUM[::-1]), bands=[5, 4, 3, 2, 1])
    with rasterio.open(tmp_path / "2021_q3.tif") as dataset:
        assert dataset.count == 5
    got = im.read_image(source, GRID, "2021-Q3", (slice(0, 2), slice(0, 2)))
    np.testing.assert_allclose(got[:, 0, 0], SPECTRUM, atol=1e-6)
