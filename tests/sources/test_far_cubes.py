"""Windows of NetCDF and Zarr from a server: the cells that are stored there, few bytes, faults and bad cubes."""

import numpy as np
import pandas as pd
import pytest
import rasterio
import world
import xarray as xr
from loopback import FAULTS, Server

from soilloss.errors import DataError, GridError, SourceError
from soilloss.sources import remote
from soilloss.sources.far_cubes import fetch_cube
from soilloss.sources.remote import DamagedError, Web

BELOW = (9.96, 45.3, 10.9, 46.2)
ACROSS = (-0.7, 45.3, 0.9, 46.2)  # of Greenwich, where the columns of the cube begin and end
FORMS = ("4.nc", "3.nc", "v2.zarr", "v3.zarr", "sharded.zarr")


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    folder = tmp_path_factory.mktemp("far")
    for form in FORMS:
        world.rain_cube(folder / form)
    return folder


@pytest.fixture
def server(far, monkeypatch):
    monkeypatch.setattr(remote, "DELAY", 0.0005)
    with Server(far) as running:
        yield running


def got(server, form, path, bounds=BELOW, part="tp/2002/12"):
    found = fetch_cube(Web([server.url], name="made-up"), f"{server.url}/{form}#{part}", bounds, path)
    if found is None:
        return None
    with rasterio.open(path) as raster:
        return raster.read(), raster.transform, raster


@pytest.mark.parametrize("bounds", [BELOW, ACROSS], ids=["inside", "across"])
@pytest.mark.parametrize("form", FORMS)
def test_a_window_of_a_year(form, bounds, server, tmp_path):
    cells, transform, raster = got(server, form, tmp_path / "a.tif", bounds)
    east, north = world.places(transform.c, transform.f, transform.a, cells.shape[1:])
    months = np.arange(12)[:, None, None]
    np.testing.assert_allclose(cells, world.mean_rain(2002, months + 1, east, north), rtol=1e-6)
    assert transform.c < bounds[0] < bounds[2] < transform.c + transform.a * cells.shape[2]
    assert (raster.crs.to_epsg(), transform.a) == (4326, pytest.approx(0.1))
    assert not list(tmp_path.glob("*.bytes"))


@pytest.mark.parametrize("form", ["4.nc", "v2.zarr", "v3.zarr", "sharded.zarr"])
def test_few_bytes(form, server, tmp_path):
    place = server.folder / form
    whole = sum(path.stat().st_size for path in ([place] if place.is_file() else place.rglob("*")) if path.is_file())
    got(server, form, tmp_path / "a.tif")
    assert server.sent < whole / 2


@pytest.mark.parametrize("form", ["4.nc", "v2.zarr", "sharded.zarr"])
def test_faults_that_pass_change_nothing(form, server, tmp_path):
    expected, *_ = got(server, form, tmp_path / "a.tif")
    server.faults = [one for fault in FAULTS for one in (fault, "")]
    cells, *_ = got(server, form, tmp_path / "b.tif")
    np.testing.assert_array_equal(cells, expected)
    assert not server.faults


@pytest.mark.parametrize("form", FORMS)
def test_a_fault_that_stays_is_one_sentence(form, server, tmp_path):
    server.faults = ["", *["503"] * 200]
    with pytest.raises(SourceError, match="made-up: .* answered 503 .*try again later") as caught:
        got(server, form, tmp_path / "a.tif")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("form", ["v2.zarr", "4.nc", "3.nc"])
def test_a_server_without_ranges(form, server, tmp_path):
    expected, *_ = got(server, form, tmp_path / "a.tif")
    server.ranges = False
    cells, *_ = got(server, form, tmp_path / "b.tif")
    np.testing.assert_array_equal(cells, expected)


def test_chunks_that_are_not_there_hold_nothing(tmp_path, monkeypatch):
    world.rain_cube(tmp_path / "far/v2.zarr", missing=("2002-03", 45.8))
    with Server(tmp_path / "far") as running:
        cells, *_ = got(running, "v2.zarr", tmp_path / "a.tif")
        assert "404" not in str(running.log)
    assert np.isnan(cells[2]).any()
    assert not np.isnan(cells[2]).all()


@pytest.mark.parametrize(
    ("form", "bounds", "part", "error", "sentence"),
    [
        ("4.nc", BELOW, "tp/2004/12", SourceError, "tp in 4.nc has 0 of 12 layers of 2004 .it spans 2001 to 2003"),
        ("v3.zarr", BELOW, "tp/2003/12", SourceError, "has 5 of 12 layers of 2003"),
        ("v3.zarr", BELOW, "rain/2002/12", DataError, "v3.zarr has no variable 'rain'"),
        ("none.zarr", BELOW, "tp/2002/12", SourceError, "there is no Zarr store with consolidated metadata"),
        ("none.nc", BELOW, "tp/2002/12", SourceError, "there is no http://.*/none.nc"),
        ("page.nc", BELOW, "tp/2002/12", SourceError, "web page in place of data"),
        ("cut.nc", BELOW, "tp/2002/12", DamagedError, "made-up: .*/cut.nc cannot be decoded .*try again"),
        ("3cut.nc", BELOW, "tp/2002/12", DamagedError, "cannot be decoded"),
        ("uneven.nc", BELOW, "tp/2002/12", GridError, "cells of unequal size"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(form, bounds, part, error, sentence, server, tmp_path):
    folder = server.folder
    (folder / "page.nc").write_bytes(b"<!DOCTYPE html><html>login</html>")
    (folder / "cut.nc").write_bytes((folder / "4.nc").read_bytes()[:100_000])
    (folder / "3cut.nc").write_bytes((folder / "3.nc").read_bytes()[:5000])
    uneven = xr.DataArray(
        np.zeros((1, 3, 3)), {"time": pd.to_datetime(["2002-01-01"]), "lat": [1.0, 2, 4], "lon": [0.0, 1, 2]},
        ("time", "lat", "lon"), "tp",
    )  # fmt: skip
    uneven.to_netcdf(folder / "uneven.nc", engine="h5netcdf")
    with pytest.raises(error, match=sentence) as caught:
        got(server, form, tmp_path / "a.tif", bounds, part)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.glob("*.bytes"))


def test_beside_the_cube(server, tmp_path):
    assert got(server, "4.nc", tmp_path / "a.tif", (100, 10, 101, 11)) is None
