import numpy as np
import pandas as pd
import pytest
import xarray as xr

from soilloss.errors import DataError, GridError, SourceError, UnitsError
from soilloss.sources import files
from soilloss.sources.cubes import import_cube

MONTHS = pd.date_range("2016-01-01", periods=24, freq="MS")


@pytest.fixture(autouse=True)
def _close():
    yield
    files.close_all()


def rain(lat=None, lon=None, time=MONTHS):
    lat = np.arange(41, 40, -0.1) if lat is None else lat
    lon = np.arange(24, 25.5, 0.1) if lon is None else lon
    values = np.random.default_rng(0).uniform(0, 100, (len(time), len(lat), len(lon))).astype("float32")
    values[:, 2, 3] = np.nan
    return xr.DataArray(
        values, {"time": time, "lat": lat, "lon": lon}, ("time", "lat", "lon"), "precip", {"units": "mm"}
    )


def save(array, path):
    if str(path).endswith(".zarr"):
        array.to_dataset().to_zarr(path, zarr_format=2, consolidated=True)
    else:
        array.to_dataset().to_netcdf(path, engine="h5netcdf")
    return path


def read(source, step):
    grid = files.native_grid(source)
    return grid, files.read_block(source, grid, step, (slice(0, grid.shape[0]), slice(0, grid.shape[1])))


@pytest.mark.parametrize("suffix", ["nc", "zarr"])
def test_months_of_each_year(tmp_path, suffix):
    cube = rain()
    path = save(cube, tmp_path / f"rain.{suffix}")
    steps = ["2016", "2017"]
    source = import_cube(path, "precip", "monthly_precipitation", steps, tmp_path / "store")
    assert [label for label, _ in source.files] == steps
    assert source.bands == tuple(range(1, 13))
    grid, values = read(source, "2017")
    assert grid.crs.epsg == 4326
    assert grid.affine.c == pytest.approx(23.95)
    assert grid.affine.f == pytest.approx(41.05)
    np.testing.assert_array_equal(values, np.moveaxis(cube.values[12:], 0, 2))
    path.rename(tmp_path / "gone")
    (tmp_path / "gone").rename(path)
    before = (tmp_path / "store" / "2016.tif").stat().st_mtime_ns
    assert import_cube(path, "precip", "monthly_precipitation", steps, tmp_path / "store") == source
    assert (tmp_path / "store" / "2016.tif").stat().st_mtime_ns == before


def test_south_up_and_longitudes_beyond_180_are_turned(tmp_path):
    plain = rain(lon=np.arange(-1, 1, 0.1))
    turned = plain.isel(lat=slice(None, None, -1)).assign_coords(lon=plain.lon % 360).sortby("lon")
    one = import_cube(save(plain, tmp_path / "a.nc"), "precip", "monthly_precipitation", ["2016"], tmp_path / "a")
    other = import_cube(save(turned, tmp_path / "b.nc"), "precip", "monthly_precipitation", ["2016"], tmp_path / "b")
    np.testing.assert_array_equal(read(one, "2016")[1], read(other, "2016")[1])
    assert read(other, "2016")[0].affine.almost_equals(read(one, "2016")[0].affine, 1e-6)


def test_months_as_steps(tmp_path):
    cube = rain()
    source = import_cube(
        save(cube, tmp_path / "a.nc"), "precip", "annual_precipitation", ["2016-03", "2016-04"], tmp_path / "a"
    )
    np.testing.assert_array_equal(read(source, "2016-04")[1], cube.values[3])


def test_quarters_as_steps(tmp_path):
    cube = rain(time=pd.date_range("2016-01-01", periods=4, freq="QS"))
    source = import_cube(save(cube, tmp_path / "a.nc"), "precip", "annual_precipitation", ["2016-Q3"], tmp_path / "a")
    np.testing.assert_array_equal(read(source, "2016-Q3")[1], cube.values[2])


def test_a_climate_with_a_month_dimension_serves_all_years(tmp_path):
    cube = rain().isel(time=slice(12)).rename(time="month").assign_coords(month=range(1, 13))
    source = import_cube(save(cube, tmp_path / "a.nc"), "precip", "monthly_precipitation", ["2001"], tmp_path / "a")
    assert source.files[0][0] == ""
    assert read(source, "2001")[1].shape == (10, 15, 12)


def test_packed_numbers_keep_their_scale(tmp_path):
    ndvi = xr.DataArray(
        np.array([[-2000, 9000], [100, -32768]], "int16"),
        {"y": [4_600_015.0, 4_599_985.0], "x": [500_015.0, 500_045.0]},
        ("y", "x"),
        "ndvi",
        {"scale_factor": 1e-4, "_FillValue": np.int16(-32768), "units": "1"},
    )
    dataset = ndvi.to_dataset().assign(spatial_ref=xr.DataArray(0, attrs={"crs_wkt": "EPSG:32635"}))
    dataset["ndvi"].attrs["grid_mapping"] = "spatial_ref"
    dataset.to_netcdf(tmp_path / "a.nc", engine="h5netcdf")
    source = import_cube(tmp_path / "a.nc", "ndvi", "ndvi", ["2016"], tmp_path / "a")
    assert (source.scale, source.nodata) == (1e-4, -32768)
    grid, values = read(source, "2016")
    assert grid.crs.epsg == 32635
    np.testing.assert_allclose(values, [[-0.2, 0.9], [0.01, np.nan]], rtol=1e-6)
    source = import_cube(tmp_path / "a.nc", "ndvi", "ndvi", ["2016"], tmp_path / "a", scale=1e-5)
    assert read(source, "2016")[1][0, 1] == pytest.approx(0.09)


def test_unsigned_bytes_of_old_files(tmp_path):
    cover = xr.DataArray(
        np.array([[200, 1], [2, 3]], "uint8").view("int8"),
        {"lat": [1.0, 0.0], "lon": [0.0, 1.0]},
        ("lat", "lon"),
        "v",
        {"_Unsigned": "true"},
    )
    source = import_cube(save(cover, tmp_path / "a.nc"), "v", "land_cover", ["2016"], tmp_path / "a")
    assert read(source, "2016")[1][0, 0] == 200


@pytest.mark.parametrize(
    ("change", "name", "variable", "steps", "error", "sentence"),
    [
        (
            lambda a: a,
            "precp",
            "annual_precipitation",
            ["2016"],
            DataError,
            "no variable 'precp'; did you mean 'precip'",
        ),
        (lambda a: a, "precip", "annual_precipitation", ["2016"], DataError, "12 times in 2016, expected 1"),
        (
            lambda a: a[:15],
            "precip",
            "monthly_precipitation",
            ["2016", "2017"],
            DataError,
            "3 times in 2017, expected 12",
        ),
        (
            lambda a: a,
            "precip",
            "monthly_precipitation",
            ["2019"],
            SourceError,
            "no data for 2019; it spans 2016 to 2017",
        ),
        (
            lambda a: a.rename(lon="i"),
            "precip",
            "monthly_precipitation",
            ["2016"],
            GridError,
            "none of them called x or",
        ),
        (
            lambda a: a.assign_coords(lat=np.arange(10.0) ** 2),
            "precip",
            "monthly_precipitation",
            ["2016"],
            GridError,
            "cells of unequal size",
        ),
        (
            lambda a: a.rename(lon="x", lat="y"),
            "precip",
            "monthly_precipitation",
            ["2016"],
            GridError,
            "states no coordinate reference system",
        ),
        (
            lambda a: a.expand_dims(depth=2),
            "precip",
            "monthly_precipitation",
            ["2016"],
            DataError,
            "dimensions depth, time",
        ),
        (lambda a: a[0].expand_dims(depth=[1, 2]), "precip", "elevation", ["2016"], DataError, "neither time nor"),
        (lambda a: a.assign_attrs(units="K"), "precip", "monthly_precipitation", ["2016"], UnitsError, "is in 'K'"),
    ],
)
def test_mistakes_are_sentences(tmp_path, change, name, variable, steps, error, sentence):
    path = save(change(rain()), tmp_path / "a.nc")
    with pytest.raises(error, match=sentence):
        import_cube(path, name, variable, steps, tmp_path / "store")
    assert not list(tmp_path.glob("*.part"))


def test_what_is_no_cube(tmp_path):
    with pytest.raises(SourceError, match="there is no cube"):
        import_cube(tmp_path / "a.nc", "v", "elevation", [], tmp_path / "store")
    (tmp_path / "a.nc").write_text("hello")
    with pytest.raises(SourceError, match=r"a.nc cannot be read as NetCDF or Zarr"):
        import_cube(tmp_path / "a.nc", "v", "elevation", [], tmp_path / "store")


def test_real_patch(tmp_path, shared_data):
    folder = shared_data / "slovenia_s2_patch"
    found = next(iter(sorted(folder.glob("*.nc"))), None)
    if found is None:
        pytest.skip("the Sentinel-2 patch is absent")
    with xr.open_dataset(found) as dataset:
        name = next(str(n) for n, v in dataset.data_vars.items() if "dem" in str(n).lower())
        expected = dataset[name].squeeze().values
    source = import_cube(found, name, "elevation", ["2016"], tmp_path / "store", unit="m")
    grid, values = read(source, "2016")
    assert grid.crs.epsg == 32633
    np.testing.assert_allclose(values, expected.astype("float32"))
