import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.transform import from_origin

from soilloss.grid import align
from soilloss.grid.opened import Coded, Warped, cells, open_window

GRID = GeoBox((200, 300), from_origin(5e5, 4e6, 30, 30), "EPSG:32649")
WINDOWS = [(slice(0, 200), slice(0, 300)), (slice(16, 131), slice(7, 290)), (slice(199, 200), slice(5, 6))]


def written(path, values, transform, crs, nodata=None):
    profile = {"driver": "GTiff", "width": values.shape[1], "height": values.shape[0], "count": 1, "crs": crs}
    with rasterio.open(path, "w", dtype=values.dtype, transform=transform, nodata=nodata, **profile) as out:
        out.write(values, 1)
    return rasterio.open(path)


@pytest.fixture
def codes(tmp_path):
    values = np.random.default_rng(1).integers(-10_000, 10_000, (200, 300)).astype("i2")
    values[3:9, 4:8] = -32768
    with written(tmp_path / "codes.tif", values, GRID.affine, "EPSG:32649", -32768) as data:
        yield data


@pytest.fixture(params=[True, False], ids=["whole", "with gaps"])
def rain(tmp_path, request):
    values = np.random.default_rng(2).gamma(4, 100, (12, 14)).astype("f4")
    if not request.param:
        values[4:6, 5:7] = np.nan
    with written(tmp_path / "rain.tif", values, from_origin(110.9, 36.3, 0.05, 0.05), "EPSG:4326") as data:
        yield data


@pytest.mark.parametrize("window", WINDOWS)
def test_codes_mean_what_is_read(codes, window):
    aligned = align.open_aligned(codes, GRID, "bilinear")
    found = open_window(aligned, window, scale=1e-4, offset=0.5, key=("ndvi",))
    assert isinstance(found, Coded)
    assert found.values.shape == (65536,)
    expected = align.read(aligned, window, scale=1e-4, offset=0.5)
    np.testing.assert_array_equal(cells(found, slice(0, expected.shape[0]), {}), expected)


@pytest.mark.parametrize("rule", ["bilinear", "nearest"])
@pytest.mark.parametrize("window", WINDOWS[:2])
def test_a_coarse_raster_gives_the_bits_it_gives_when_read_whole(rain, window, rule):
    aligned = align.open_aligned(rain, GRID, rule)
    found = open_window(aligned, window)
    assert isinstance(found, Warped)
    expected = align.read(aligned, window)
    assert np.isfinite(expected).any()
    for height in (1, 37, expected.shape[0]):
        parts = [
            cells(found, slice(top, min(top + height, len(expected))), {}) for top in range(0, len(expected), height)
        ]
        np.testing.assert_array_equal(np.concatenate(parts), expected)


def test_strips_of_one_place_share_what_was_worked_out(rain):
    aligned = align.open_aligned(rain, GRID, "bilinear")
    held = {}
    first, second = (open_window(aligned, WINDOWS[0]) for _ in range(2))
    cells(first, slice(0, 50), held)
    count = len(held)
    cells(second, slice(0, 50), held)
    assert len(held) == count


def test_what_is_neither_codes_nor_coarse_is_read_as_before(tmp_path):
    fine = np.ones((400, 600), "f4")
    with written(tmp_path / "fine.tif", fine, from_origin(5e5, 4e6, 15, 15), "EPSG:32649") as data:
        assert open_window(align.open_aligned(data, GRID, "bilinear"), WINDOWS[0]) is None
    with written(tmp_path / "same.tif", fine[:200, :300], GRID.affine, "EPSG:32649") as data:
        assert open_window(align.open_aligned(data, GRID, "bilinear"), WINDOWS[0]) is None
    with written(tmp_path / "part.tif", fine[:100, :300].astype("u1"), GRID.affine, "EPSG:32649") as data:
        assert open_window(align.open_aligned(data, GRID, "mode"), WINDOWS[0]) is None
