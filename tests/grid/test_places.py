import numpy as np
import pytest
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from soilloss.grid import places
from soilloss.grid.blocks import windows
from soilloss.sources.synthetic import write_raster

WORLD = GeoBox((180, 360), Affine(1, 0, -180, 0, -1, 90), "EPSG:4326")
PACIFIC = GeoBox((180, 360), Affine(1, 0, 0, 0, -1, 90), "EPSG:4326")
UTM35 = GeoBox((900, 800), Affine(30, 0, 400_000, 0, -30, 4_650_000), "EPSG:32635")
UTM34 = GeoBox((900, 800), Affine(30, 0, 900_000, 0, -30, 4_660_000), "EPSG:32634")
DEGREES = GeoBox((900, 800), Affine(0.0003, 0, 25.7, 0, -0.0003, 42.05), "EPSG:4326")
EUROPE = GeoBox((300, 320), Affine(100, 0, 5_500_000, 0, -100, 2_200_000), "EPSG:3035")
TURNED = GeoBox((900, 800), Affine(28, 8, 395_000, 8, -28, 4_645_000), "EPSG:32635")


@pytest.fixture
def found_in(tmp_path):
    """Places of a target in a source, in windows and each by itself by the projection library."""

    def found(source, target, window=None):
        path = write_raster(tmp_path / "a.tif", np.zeros(source.shape, "uint8"), source)
        rows, columns = window or (slice(0, target.shape[0]), slice(0, target.shape[1]))
        with rasterio.open(path) as data:
            u, v = places.window_places(places.places_in(data, target), (rows, columns))
        x, y = target.affine @ np.meshgrid(
            np.arange(columns.start, columns.stop) + 0.5, np.arange(rows.start, rows.stop) + 0.5
        )
        back = Transformer.from_crs(target.crs.to_wkt(), source.crs.to_wkt(), always_xy=True).transform(x, y)
        with np.errstate(invalid="ignore"):
            return np.broadcast_arrays(u, v), ~source.affine @ back

    return found


@pytest.mark.parametrize(
    ("source", "target"),
    [
        (DEGREES, UTM35),
        (UTM35, DEGREES),
        (UTM34, UTM35),
        (EUROPE, UTM35),
        (UTM35, EUROPE),
        (TURNED, UTM35),
        (UTM35, TURNED),
        (DEGREES, DEGREES[3:500, 7:600]),
        (WORLD, UTM35),
    ],
)
def test_every_cell_is_found_where_the_projection_puts_it(found_in, source, target):
    for ours, theirs in zip(*found_in(source, target), strict=True):
        assert np.abs(ours - theirs).max() < 1e-3  # far better than the bound


@pytest.mark.parametrize("side", [6_000, 20_000, 100_000])
def test_where_the_grid_bends_each_cell_is_transformed(found_in, side):
    cells = 6_000_000 // side
    target = GeoBox((cells, cells), Affine(side, 0, -3_000_000, 0, -side, 3_000_000), "EPSG:3413")  # the pole inside
    ours, theirs = found_in(GeoBox((1800, 3600), Affine(0.1, 0, -180, 0, -0.1, 90), "EPSG:4326"), target)
    across = np.abs(ours[0] - theirs[0])
    assert np.minimum(across, 3600 - across).max() < places.TOLERANCE
    assert np.abs(ours[1] - theirs[1]).max() < places.TOLERANCE


def test_beyond_the_horizon_is_nowhere(found_in):
    target = GeoBox((200, 210), Affine(70_000, 0, -7_350_000, 0, -70_000, 7_000_000), "+proj=ortho +lat_0=20 +lon_0=30")
    ours, theirs = found_in(WORLD, target)
    assert 0.1 < np.mean(~np.isfinite(ours[0])) < 0.4
    np.testing.assert_array_equal(np.isfinite(ours[0]), np.isfinite(theirs[0]))
    good = np.isfinite(ours[0])
    assert np.abs(ours[1] - theirs[1])[good].max() < places.TOLERANCE


def test_longitudes_turn_to_where_the_source_has_them(found_in):
    americas = GeoBox((50, 60), Affine(1000, 0, 400_000, 0, -1000, 4_650_000), "EPSG:32613")
    (u, v), (plain, _) = found_in(PACIFIC, americas)
    np.testing.assert_allclose(u, plain + 360, atol=1e-3)
    (u, other), _ = found_in(WORLD, americas)
    np.testing.assert_allclose(u, plain + 180, atol=1e-3)
    np.testing.assert_array_equal(other, v)
    (u, _), _ = found_in(PACIFIC, WORLD)
    np.testing.assert_allclose(u[0], (np.arange(360) + 180) % 360 + 0.5)


@pytest.mark.parametrize(("source", "target"), [(DEGREES, UTM35), (PACIFIC, EUROPE), (WORLD, WORLD[5:80, 20:90])])
@pytest.mark.parametrize("cut", [1000, 100, 16, (7, 300), (300, 5)])
def test_places_do_not_depend_on_the_cut(found_in, source, target, cut):
    target = target[:150, :170]
    whole, _ = found_in(source, target)
    for window in windows(target.shape, cut)[::7]:
        part, _ = found_in(source, target, window)
        for one, other in zip(part, whole, strict=True):
            np.testing.assert_array_equal(one, other[window])


def test_a_full_turn_in_other_units():
    assert places.full_turn("EPSG:4326") == 360
    assert places.full_turn("EPSG:4807") == pytest.approx(400)  # grads
