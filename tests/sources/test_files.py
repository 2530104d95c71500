import threading

import numpy as np
import pytest
import rasterio.shutil
from affine import Affine
from odc.geo.geobox import GeoBox

from soilloss.errors import DataError, GridError, SourceError, UnitsError
from soilloss.grid.blocks import windows
from soilloss.sources import files
from soilloss.sources.synthetic import fractal, small_grid, write_raster

GRID = small_grid((40, 50))
ALL = (slice(0, 40), slice(0, 50))


@pytest.fixture(autouse=True)
def _close():
    yield
    files.close_all()


def ndvi(seed=0):
    return np.random.default_rng(seed).integers(-2000, 9000, (40, 50)).astype("int16")


def test_what_the_file_states_is_used(tmp_path):
    raw = ndvi()
    raw[3, 4] = -32768
    write_raster(tmp_path / "ndvi.tif", raw, GRID, -32768, scale=1e-4)
    source = files.raster_source("ndvi", "ndvi.tif", ["2016"], folder=tmp_path)
    assert source == ("ndvi", (("", str(tmp_path / "ndvi.tif")),), (1,), 1e-4, 0.0, -32768, "1", "")
    out = files.read_block(source, GRID, "2016", ALL)
    assert out.dtype == np.float32
    assert np.isnan(out[3, 4])
    np.testing.assert_allclose(np.delete(out, 3, 0), np.delete(raw, 3, 0) * 1e-4, rtol=1e-6)


def test_what_the_user_says_wins(tmp_path):
    write_raster(tmp_path / "p.tif", np.full((40, 50), 640, "int16"), GRID, -1, scale=1e-4, unit="mm")
    source = files.raster_source(
        "annual_precipitation", "p.tif", ["2016"], folder=tmp_path, scale=0.1, offset=1, nodata=3, unit="cm"
    )
    assert (source.scale, source.offset, source.nodata, source.unit) == (0.1, 1, 3, "cm")
    assert files.read_block(source, GRID, "2016", ALL)[0, 0] == pytest.approx(650)


def test_units_convert_even_where_not_proportional(tmp_path):
    write_raster(tmp_path / "slope.tif", np.full((40, 50), 100, "uint8"), GRID)
    source = files.raster_source("slope", "slope.tif", [], folder=tmp_path, unit="percent")
    out = files.read_block(source, GRID, "", ALL)
    assert out.dtype == np.float32
    assert out[0, 0] == pytest.approx(np.pi / 4)
    with pytest.raises(UnitsError, match="slope is in 'furlong'"):
        files.raster_source("slope", "slope.tif", [], folder=tmp_path, unit="furlong")


def test_double_precision_where_the_vocabulary_says_so(tmp_path):
    area = np.full((40, 50), 2.0**40 + 1)
    write_raster(tmp_path / "area.tif", area, GRID)
    source = files.raster_source("contributing_area", "area.tif", [], folder=tmp_path)
    assert files.read_block(source, GRID, "", ALL)[0, 0] == 2.0**40 + 1


def test_files_that_disagree(tmp_path):
    write_raster(tmp_path / "n_2016.tif", ndvi(), GRID, scale=1e-4)
    write_raster(tmp_path / "n_2017.tif", ndvi(), GRID)
    with pytest.raises(DataError, match=r"n_2017.tif states scale 1.0, .*n_2016.tif 0.0001; make them agree or give"):
        files.raster_source("ndvi", "n_{year}.tif", ["2016", "2017"], folder=tmp_path)
    source = files.raster_source("ndvi", "n_{year}.tif", ["2016", "2017"], folder=tmp_path, scale=1e-4)
    assert source.scale == 1e-4


def test_bands(tmp_path):
    values = np.arange(40 * 50 * 12, dtype="uint16").reshape(40, 50, 12)
    write_raster(tmp_path / "months.tif", values, GRID)
    rain = files.raster_source("monthly_precipitation", "months.tif", [], folder=tmp_path)
    assert rain.bands == tuple(range(1, 13))
    block = files.read_block(rain, GRID, "", (slice(3, 7), slice(5, 9)))
    np.testing.assert_array_equal(block, values[3:7, 5:9])
    red = files.raster_source("red", "months.tif", [], folder=tmp_path, band=4)
    np.testing.assert_array_equal(files.read_block(red, GRID, "", ALL), values[..., 3])
    with pytest.raises(
        DataError, match=r"red takes 1 band of .*, which has 12; say which: \{file: months.tif, band: 1"
    ):
        files.raster_source("red", "months.tif", [], folder=tmp_path)
    with pytest.raises(DataError, match=r"monthly_precipitation takes 12 bands of .*name the 12 of them in order"):
        files.raster_source("monthly_precipitation", "months.tif", [], folder=tmp_path, band=3)
    with pytest.raises(DataError, match=r"red: band 13 is not in .*, which has bands 1 to 12"):
        files.raster_source("red", "months.tif", [], folder=tmp_path, band=13)


def test_one_band_of_many_is_warped_alone(tmp_path):
    values = np.stack([fractal(seed=seed) for seed in range(3)], axis=2)
    values[20, 20, 1] = -9999
    write_raster(tmp_path / "bands.tif", values, GRID, -9999)
    write_raster(tmp_path / "one.tif", values[..., 1].copy(), GRID, -9999)
    many = files.raster_source("elevation", "bands.tif", [], folder=tmp_path, band=2)
    one = files.raster_source("elevation", "one.tif", [], folder=tmp_path)
    grid = GeoBox((30, 30), GRID.affine @ Affine.translation(3.3, 2.6), GRID.crs)
    box = (slice(0, 30), slice(0, 30))
    np.testing.assert_array_equal(files.read_block(many, grid, "", box), files.read_block(one, grid, "", box))


@pytest.mark.parametrize("dtype", ["uint8", "int16", "float32"])
@pytest.mark.parametrize("factor", [1, 3])
def test_legend_converts_before_classes_vote(tmp_path, dtype, factor):
    (tmp_path / "mine.csv").write_text("\ufeffcode,class\n10,1\n20,1\n30,2\n90,0\n", encoding="utf-8")
    codes = np.array([[10, 10, 30], [20, 20, 30], [30, 30, 99]], dtype)  # 1 wins 4:4 only if 10 and 20 count together
    codes[2, 1] = 90
    raster = np.tile(codes, (14, 17))[:39, :48]
    grid = small_grid((39, 48))
    write_raster(tmp_path / "lc.tif", raster, grid, 255 if dtype == "uint8" else None)
    source = files.raster_source("land_cover", "lc.tif", [], folder=tmp_path, legend="mine.csv")
    target = GeoBox((39 // factor, 48 // factor), grid.affine @ Affine.scale(factor), grid.crs)
    out = files.read_block(source, target, "", (slice(0, 39 // factor), slice(0, 48 // factor)))
    assert out.dtype == np.float32
    if factor == 3:
        assert (out == 1).all()
    else:
        classes = np.array([[1, 1, 2], [1, 1, 2], [2, np.nan, np.nan]])
        np.testing.assert_array_equal(out, np.tile(classes, (13, 16)))


def test_packaged_legend_and_one_that_is_none(tmp_path):
    write_raster(tmp_path / "lc.tif", np.full((40, 50), 10, "uint8"), GRID, 0)
    source = files.raster_source("land_cover", "lc.tif", [], folder=tmp_path, legend="worldcover")
    assert (files.read_block(source, GRID, "", ALL) == 1).all()
    with pytest.raises(DataError, match="legend_worldcovr"):
        files.raster_source("land_cover", "lc.tif", [], folder=tmp_path, legend="worldcovr")


@pytest.mark.parametrize("dtype", ["uint8", "int16"])
@pytest.mark.parametrize("shift", [0, 0.3])
def test_zero_is_missing_in_classes_but_not_in_channels(tmp_path, dtype, shift):
    codes = np.zeros((40, 50), dtype)
    codes[10:30, 10:30] = 1
    write_raster(tmp_path / "c.tif", codes, GRID)
    grid = GeoBox((20, 20), GRID.affine @ Affine.translation(5 + shift, 5 + shift), GRID.crs)
    box = (slice(0, 20), slice(0, 20))
    cover = files.read_block(files.raster_source("land_cover", "c.tif", [], folder=tmp_path), grid, "", box)
    channels = files.read_block(files.raster_source("channels", "c.tif", [], folder=tmp_path), grid, "", box)
    assert np.isnan(cover[0, 0])
    assert cover[10, 10] == 1
    assert channels[0, 0] == 0
    assert channels[10, 10] == 1


@pytest.mark.parametrize("legend", ["code,class\n1,two\n", "code,class\n1,300\n", "code,name\n1,x\n", ""])
def test_legends_that_are_none(tmp_path, legend):
    (tmp_path / "mine.csv").write_text(legend)
    write_raster(tmp_path / "lc.tif", np.full((40, 50), 10, "uint8"), GRID, 0)
    with pytest.raises(DataError, match=r"legend .*mine.csv"):
        files.raster_source("land_cover", "lc.tif", [], folder=tmp_path, legend="mine.csv")


# Trap 9: a truncated file is found only at its first read
@pytest.mark.parametrize("shift", [0, 0.3])
def test_a_truncated_file_is_named(tmp_path, shift):
    whole = write_raster(tmp_path / "whole.tif", fractal((400, 400)), small_grid((400, 400)))
    rasterio.shutil.copy(whole, tmp_path / "dem.tif", driver="COG")  # keeps its directory at the front
    (tmp_path / "dem.tif").write_bytes((tmp_path / "dem.tif").read_bytes()[:200_000])
    source = files.raster_source("elevation", "dem.tif", [], folder=tmp_path)
    grid = GeoBox((390, 390), GRID.affine @ Affine.translation(shift, shift), GRID.crs)
    with pytest.raises(SourceError, match=r"dem.tif is damaged or cut short"):
        files.read_block(source, grid, "", (slice(0, 390), slice(0, 390)))


def test_what_is_no_raster_is_named(tmp_path):
    (tmp_path / "dem.tif").write_text("hello")
    with pytest.raises(SourceError, match=r"dem.tif cannot be opened as a raster"):
        files.raster_source("elevation", "dem.tif", [], folder=tmp_path)


def test_no_overlap_names_the_variable(tmp_path):
    write_raster(tmp_path / "dem.tif", fractal(), GRID)
    source = files.raster_source("elevation", "dem.tif", [], folder=tmp_path)
    away = GeoBox((10, 10), Affine(30, 0, 900_000, 0, -30, 4_000_000), "EPSG:32635")
    with pytest.raises(GridError, match=r"elevation \(dem.tif\) does not overlap the target grid"):
        files.read_block(source, away, "", (slice(0, 10), slice(0, 10)))


def test_native_grid(tmp_path):
    write_raster(tmp_path / "dem.tif", fractal(), GRID)
    source = files.raster_source("elevation", "dem.tif", [], folder=tmp_path)
    assert files.native_grid(source) == GRID
    write_raster(tmp_path / "bare.tif", fractal(), GeoBox(GRID.shape, GRID.affine, None))
    with pytest.raises(GridError, match=r"bare.tif has no coordinate reference system"):
        files.native_grid(files.raster_source("elevation", "bare.tif", [], folder=tmp_path))


def test_threads_have_handles_of_their_own_and_old_ones_are_closed(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "LEAST_FILES", 2)
    monkeypatch.setattr(files, "_most_files", lambda: 2)
    for year in range(2000, 2005):
        write_raster(tmp_path / f"n_{year}.tif", ndvi(year), GRID, scale=1e-4)
    steps = [str(year) for year in range(2000, 2005)]
    source = files.raster_source("ndvi", "n_{year}.tif", steps, folder=tmp_path)
    wrong = []

    def read():
        wrong.extend(
            step
            for step in steps * 3
            for window in windows(GRID.shape, 16)
            if not np.array_equal(files.read_block(source, GRID, step, window), expected[step][window])
        )

    expected = {step: files.read_block(source, GRID, step, ALL) for step in steps}
    threads = [threading.Thread(target=read) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert all(len(held) <= 2 for held in files._open.values())
    files.close_all()
    assert not files._open
    files._open[-1] = files.OrderedDict()  # a thread that has ended is cleared away when a new one comes
    assert np.array_equal(files.read_block(source, GRID, "2000", ALL), expected["2000"])
    assert set(files._open) == {threading.get_ident()}


def test_real_catchment(shared_data):
    folder = shared_data / "mula_mutha"
    steps = [str(year) for year in range(2016, 2026)]
    ndvi = files.raster_source("ndvi", "ndvi/ndvi_{year}.tif", steps, folder=folder)
    grid = files.native_grid(files.raster_source("elevation", "dem_srtm_90m.tif", steps, folder=folder))
    assert grid.shape == (871, 1305)
    rows = (slice(0, 100), slice(300, 900))
    block = files.read_block(ndvi, grid, "2020", rows)
    assert np.isnan(block[0]).all()  # the DEM has one row more in the north
    assert -1 <= np.nanmin(block) < np.nanmax(block) <= 1
    with rasterio.open(ndvi.files[4][1]) as data:
        raw = data.read(1)[:99, 300:900]
    np.testing.assert_allclose(block[1:], np.where(raw == -32768, np.nan, raw * 1e-4), rtol=1e-6)


def test_real_land_cover_of_an_island(shared_data):
    path = shared_data / "landcover/worldcover/ESA_WorldCover_10m_2021_v200_N00E006_Map.tif"
    if not path.exists():
        pytest.skip("the WorldCover tile is absent")
    source = files.raster_source("land_cover", path, ["2021"], legend="worldcover")
    grid = GeoBox((100, 100), Affine(30, 0, 325_000, 0, -30, 181_000), "EPSG:32632")  # Principe, 10 m to 30 m
    out = files.read_block(source, grid, "2021", (slice(0, 100), slice(0, 100)))
    assert set(np.unique(out[~np.isnan(out)])) <= set(range(1, 9))
    assert (out == 1).mean() > 0.5
    part = files.read_block(source, grid, "2021", (slice(13, 60), slice(29, 97)))
    np.testing.assert_array_equal(part, out[13:60, 29:97])
