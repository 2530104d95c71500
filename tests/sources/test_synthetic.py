import numpy as np
import rasterio

from soilloss.sources import synthetic


def test_plane_has_the_slope_asked_for():
    height = synthetic.plane((20, 30), cell_size=10, east=0.3, north=0.4)
    north, east = np.gradient(height.astype(float), 10)
    assert np.allclose(east, 0.3, atol=1e-4)
    assert np.allclose(north, -0.4, atol=1e-4)  # rows run southwards


def test_cone_falls_alike_in_every_direction():
    height = synthetic.cone((41, 41), cell_size=5, gradient=0.2)
    assert height[20, 20] == height.max()
    assert np.allclose(height[20, 20] - height[20], 0.2 * 5 * np.abs(np.arange(41) - 20), atol=1e-4)


def test_valley_bed_is_the_lowest_cell_of_each_row():
    height = synthetic.valley()
    assert (height.argmin(axis=1) == 20).all()
    assert (np.diff(height[:, 20]) < 0).all()


def test_fractal_is_seeded_and_within_its_relief():
    a, b = synthetic.fractal(seed=1), synthetic.fractal(seed=2)
    assert a.dtype == np.float32
    assert a.min() == 100
    assert abs(a.max() - 400) < 1e-3
    assert not np.array_equal(a, b)


def test_written_raster_states_what_it_was_given(tmp_path, small_grid):
    values = np.arange(40 * 50 * 2, dtype="int16").reshape(40, 50, 2)
    path = synthetic.write_raster(
        tmp_path / "a.tif", values, small_grid, -1, scale=0.1, offset=2, unit="mm", product="X"
    )
    with rasterio.open(path) as data:
        assert np.array_equal(data.read(2), values[..., 1])
        assert data.transform == small_grid.affine
        assert data.crs.to_epsg() == 32635
        assert (data.nodata, data.scales, data.offsets, data.units) == (-1, (0.1, 0.1), (2, 2), ("mm", "mm"))
        assert data.tags()["product"] == "X"


def test_stations_lie_inside_and_on_the_line(small_grid):
    box = small_grid.boundingbox
    for row in synthetic.station_table(small_grid):
        assert box.left < row["x"] < box.right
        assert box.bottom < row["y"] < box.top
        assert row["annual_precipitation"] == 400 + 0.5 * row["elevation"]
