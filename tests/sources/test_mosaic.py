"""Pieces side by side, stacked and summed give the numbers they hold."""

from types import SimpleNamespace

import numpy as np
import pytest
import rasterio
import world

from soilloss.errors import DataError
from soilloss.sources.mosaic import Stack, assemble, union
from soilloss.sources.products import Band


def piece(path, values, left=10.0, top=46.0, cell=0.01, **stated):
    world.write(path, np.asarray(values), left, top, cell, **stated)
    return path


def read(path):
    with rasterio.open(path) as raster:
        names = ("nodata", "units", "scales")
        return raster.read(), SimpleNamespace(**{name: getattr(raster, name) for name in names}, tags=raster.tags())


def test_side_by_side(tmp_path):
    values = np.arange(20 * 30, dtype="i2").reshape(20, 30)
    parts = (
        piece(tmp_path / "a.tif", values[:, :12], nodata=-9),
        piece(tmp_path / "b.tif", values[:, 10:], left=10.10, nodata=-9),
    )
    grid = assemble("elevation", Band(unit="dm"), [Stack(parts, 0, 1.0)], tmp_path / "o.tif")
    cells, raster = read(tmp_path / "o.tif")
    np.testing.assert_array_equal(cells[0], values)
    assert (raster.nodata, raster.units, grid.shape) == (-9, ("dm",), (20, 30))
    assert cells.dtype == np.int16


def test_a_gap_is_missing_and_the_first_with_a_value_counts(tmp_path):
    one, two = np.full((4, 4), 5, "u1"), np.full((4, 4), 7, "u1")
    one[0, 0] = 0
    parts = piece(tmp_path / "a.tif", one), piece(tmp_path / "b.tif", two), piece(tmp_path / "c.tif", two, left=10.06)
    assemble("land_cover", Band(nodata=0), [Stack(parts, 0, 1.0)], tmp_path / "o.tif")
    cells, _ = read(tmp_path / "o.tif")
    assert cells[0, 0].tolist() == [7, 5, 5, 5, 0, 0, 7, 7, 7, 7]


def test_a_coarser_neighbour_is_brought_onto_the_finer_cells(tmp_path):
    east, north = world.places(10, 46, 0.01, (40, 40))
    fine = piece(tmp_path / "a.tif", (100 * north + 10 * east).astype("f4"))
    east, north = world.places(10.36, 46, 0.02, (20, 20))
    coarse = piece(tmp_path / "b.tif", (100 * north + 10 * east).astype("f4"), left=10.36, cell=0.02)
    grid = assemble("elevation", Band(), [Stack((coarse, fine), 0, 1.0)], tmp_path / "o.tif")
    cells, _ = read(tmp_path / "o.tif")
    east, north = world.places(10, 46, 0.01, tuple(grid.shape))
    inner = (slice(2, -2), slice(2, -2))
    # at the rim of the coarse piece there is no neighbour to draw the line from: half a fine cell
    np.testing.assert_allclose(cells[0][inner], (100 * north + 10 * east)[inner], rtol=0, atol=0.051)


def test_another_projection(tmp_path):
    fine = piece(tmp_path / "a.tif", np.ones((20, 20), "u1"), 500_000, 5_000_000, 100, crs="EPSG:32632")
    other = piece(tmp_path / "b.tif", np.ones((30, 30), "u1"), 30_000, 5_010_000, 200, crs="EPSG:32633")
    grid = union([fine, other])
    assert grid.affine.a == 100
    assert "32632" in str(grid.crs)
    assert grid.shape[1] > 20


def test_dates_are_stacked(tmp_path):
    stacks = [Stack((piece(tmp_path / f"{d}.tif", np.full((4, 5), d, "f4")),), d, 1.0) for d in range(40)]
    assemble("daily_precipitation", Band(unit="mm", nodata=-9999), stacks, tmp_path / "o.tif", label="2001")
    cells, raster = read(tmp_path / "o.tif")
    assert cells[:, 0, 0].tolist() == list(range(40))
    assert raster.tags["first_day"] == "2001-01-01"
    assert raster.nodata == -9999


def test_layers_are_summed_by_weight_and_a_missing_one_makes_the_sum_missing(tmp_path):
    a = piece(tmp_path / "a.tif", np.full((3, 3), 200, "i2"), nodata=-1)
    values = np.full((3, 3), 400, "i2")
    values[1, 1] = -1
    b = piece(tmp_path / "b.tif", values, nodata=-1)
    stacks = [Stack((a,), 0, 0.25), Stack((b,), 0, 0.75)]
    assemble("sand", Band(unit="g kg-1", scale=0.1, offset=5), stacks, tmp_path / "o.tif")
    cells, raster = read(tmp_path / "o.tif")
    assert cells.dtype == np.float32
    assert cells[0, 0].tolist() == pytest.approx([40, 40, 40])
    assert np.isnan(cells[0, 1, 1])
    assert raster.scales == (1.0,)


def test_copied_numbers_keep_scale_and_offset(tmp_path):
    a = piece(tmp_path / "a.tif", np.full((3, 3), 4000, "i2"))
    assemble("ndvi", Band(scale=0.0001, nodata=-3000), [Stack((a,), 0, 1.0)], tmp_path / "o.tif")
    cells, raster = read(tmp_path / "o.tif")
    assert (cells[0, 0, 0], raster.scales, raster.nodata) == (4000, (0.0001,), -3000)


def test_many_rows_in_strips(tmp_path):
    values = np.random.default_rng(1).integers(0, 100, (1100, 20)).astype("i2")
    a = piece(tmp_path / "a.tif", values, cell=0.001)
    assemble("elevation", Band(), [Stack((a,), 0, 1.0)], tmp_path / "o.tif")
    np.testing.assert_array_equal(read(tmp_path / "o.tif")[0][0], values)


def test_nothing_at_all(tmp_path):
    with pytest.raises(DataError, match="sand 2001: the product has nothing for the area"):
        assemble("sand", Band(), [Stack((), 0, 1.0)], tmp_path / "o.tif", label="2001")
