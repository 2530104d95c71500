"""Windows of remote TIFFs: the right cells, for few bytes, whatever form the file has."""

import numpy as np
import pytest
import rasterio
from loopback import FAULTS, Server
from rasterio.transform import from_origin

from soilloss.errors import GridError, SourceError
from soilloss.sources.remote import DamagedError, Web
from soilloss.sources.tiff import fetch_window

BOUNDS = (10.5, 45.2, 10.6, 45.25)
SHAPE = (600, 800)
FORMS = {
    "tiles": {"tiled": True, "blockxsize": 64, "blockysize": 64, "compress": "deflate"},
    "strips": {"compress": "lzw"},
    "plain": {},
    "bigtiff": {"tiled": True, "blockxsize": 64, "blockysize": 64, "bigtiff": "yes"},
    "big-endian": {"endianness": "big", "compress": "deflate", "predictor": 2},
    "cog": {"driver": "COG", "blocksize": 64, "compress": "zstd", "overview_resampling": "nearest"},
    "planar": {"interleave": "band", "tiled": True, "blockxsize": 64, "blockysize": 64},
    "pixel": {"interleave": "pixel", "tiled": True, "blockxsize": 64, "blockysize": 64},
}


def cells(bands=2):
    return np.random.default_rng(3).integers(-500, 9000, (bands, *SHAPE)).astype("i2")


def write(path, values, **options):
    profile = {
        "driver": "GTiff",
        "width": SHAPE[1],
        "height": SHAPE[0],
        "count": len(values),
        "dtype": values.dtype.name,
        "crs": "EPSG:4326",
        "transform": from_origin(8, 48, 0.0125, 0.01),
        "nodata": -999,
    }
    with rasterio.open(path, "w", **{**profile, **options}) as out:
        out.write(values)


@pytest.fixture
def server(tmp_path):
    (tmp_path / "far").mkdir()
    with Server(tmp_path / "far") as running:
        yield running


def web(server, **options):
    return Web([server.url], name="made-up", delay=0.001, **options)


def expected(values):
    """Rows and columns of BOUNDS, with two cells around."""
    rows = slice(round((48 - 45.25) / 0.01) - 2, round((48 - 45.2) / 0.01) + 2)
    columns = slice(round(2.5 / 0.0125) - 2, round(2.6 / 0.0125) + 2)
    return values[:, rows, columns]


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_file(server, tmp_path, form):
    values = cells()
    write(server.folder / "a.tif", values, **FORMS[form])
    found = fetch_window(web(server), f"{server.url}/a.tif", BOUNDS, tmp_path / "w.tif")
    assert found is not None
    with rasterio.open(tmp_path / "w.tif") as window:
        assert window.nodata == -999
        np.testing.assert_array_equal(window.read(), expected(values))
        assert window.transform.c == pytest.approx(8 + 198 * 0.0125)
        assert window.transform.f == pytest.approx(48 - 273 * 0.01)
    assert found.received == server.sent
    assert sorted(path.name for path in tmp_path.iterdir()) == ["far", "w.tif"]


def test_few_bytes_in_few_requests(server, tmp_path):
    values = cells(1)
    write(server.folder / "a.tif", values, **FORMS["cog"])
    whole = (server.folder / "a.tif").stat().st_size
    fetch_window(web(server), f"{server.url}/a.tif", BOUNDS, tmp_path / "w.tif")
    assert server.sent < whole / 10
    assert len(server.log) <= 3


def test_one_band_of_many(server, tmp_path):
    values = cells(4)
    write(server.folder / "a.tif", values, **FORMS["planar"])
    fetch_window(web(server), f"{server.url}/a.tif", BOUNDS, tmp_path / "w.tif", bands=(3,))
    with rasterio.open(tmp_path / "w.tif") as window:
        np.testing.assert_array_equal(window.read(), expected(values[2:3]))


def test_outside_there_is_nothing(server, tmp_path):
    write(server.folder / "a.tif", cells(1))
    assert fetch_window(web(server), f"{server.url}/a.tif", (30, 45, 31, 46), tmp_path / "w.tif") is None
    assert not (tmp_path / "w.tif").exists()


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_that_pass_change_nothing(server, tmp_path, fault):
    values = cells(1)
    write(server.folder / "a.tif", values, **FORMS["tiles"])
    server.faults = ["", fault, fault]
    fetch_window(web(server), f"{server.url}/a.tif", BOUNDS, tmp_path / "w.tif")
    with rasterio.open(tmp_path / "w.tif") as window:
        np.testing.assert_array_equal(window.read(), expected(values))


def test_a_server_without_ranges(server, tmp_path):
    server.ranges = False
    values = cells(1)
    write(server.folder / "a.tif", values, **FORMS["tiles"])
    fetch_window(web(server), f"{server.url}/a.tif", BOUNDS, tmp_path / "w.tif")
    with rasterio.open(tmp_path / "w.tif") as window:
        np.testing.assert_array_equal(window.read(), expected(values))
    assert len(server.log) == 1


@pytest.mark.parametrize("kept", [0, 7, 20, 400, 0.3, 0.62])
def test_a_file_cut_short_on_the_server(server, tmp_path, kept):
    write(server.folder / "a.tif", cells(1), **FORMS["tiles"])
    data = (server.folder / "a.tif").read_bytes()
    (server.folder / "a.tif").write_bytes(data[: int(kept * len(data)) if isinstance(kept, float) else kept])
    with pytest.raises(SourceError, match="cut short"):
        fetch_window(web(server), f"{server.url}/a.tif", (10.5, 42.2, 10.6, 45.25), tmp_path / "w.tif")
    assert [path.name for path in tmp_path.iterdir()] == ["far"]


def test_a_damaged_block(server, tmp_path):
    write(server.folder / "a.tif", np.zeros((1, *SHAPE), "i2"), **FORMS["tiles"])
    data = bytearray((server.folder / "a.tif").read_bytes())
    data[2500:] = bytes(len(data) - 2500)
    (server.folder / "a.tif").write_bytes(data)
    with pytest.raises(DamagedError, match="damaged"):
        fetch_window(web(server), f"{server.url}/a.tif", (8, 42.2, 17, 47), tmp_path / "w.tif")


def test_a_page_that_calls_itself_data(server, tmp_path):
    (server.folder / "a.tif").write_bytes(b"<!DOCTYPE html><html></html>")
    with pytest.raises(SourceError, match="web page"):
        fetch_window(web(server), f"{server.url}/a.tif", BOUNDS, tmp_path / "w.tif")


def test_without_a_place(server, tmp_path):
    write(server.folder / "a.tif", cells(1), crs=None)
    with pytest.raises(GridError, match="no coordinate reference system"):
        fetch_window(web(server), f"{server.url}/a.tif", BOUNDS, tmp_path / "w.tif")
