"""Earth Engine through a made-up session: what is asked of it, and what is made of its answer.

The service itself was out of reach: that its answers have this form is taken from the documentation of xee 0.1.
"""

import sys
import types

import numpy as np
import pytest
import rasterio
import xarray as xr

from soilloss.errors import MissingExtraError, ProjectError, SourceError
from soilloss.sources.earthengine import fetch_image
from soilloss.sources.products import catalogue, packaged

BOUNDS = (115.41, 28.2, 115.6, 28.31)


class Session(types.ModuleType):
    """As much of the module `ee` as is used."""

    class EEException(Exception):
        pass

    def __init__(self, kind="IMAGE_COLLECTION", fails=False):
        super().__init__("ee")
        self.asked, self.fails = [], fails
        self.data = types.SimpleNamespace(getAsset=lambda _: {"type": kind})

    def Initialize(self, project=None):
        self.asked.append(("project", project))
        if self.fails:
            raise self.EEException("no\ncredentials")

    def Image(self, asset):
        return ("image", asset)

    def ImageCollection(self, what):
        session = self

        class Images:
            def filterDate(self, *days):
                session.asked.append(days)
                return self

            def select(self, bands):
                session.asked.append(bands)
                return self

        session.asked.append(what)
        return Images()


@pytest.fixture
def session(monkeypatch):
    def start(dates=("2001-01-01",), **options):
        made = Session(**options)

        def open_dataset(_images, engine, crs, crs_transform, shape_2d):
            made.asked.append((engine, crs, shape_2d))
            width, height = shape_2d
            steps = np.arange(len(dates), dtype="f4").reshape(-1, 1, 1)
            values = np.broadcast_to(np.arange(width, dtype="f4"), (len(dates), height, width)) + 10 * steps
            made.transform = crs_transform
            times = np.array(dates, "datetime64[ns]")
            return xr.Dataset({"LC_Type1": (("time", "y", "x"), values)}, coords={"time": times})

        monkeypatch.setitem(sys.modules, "ee", made)
        monkeypatch.setitem(sys.modules, "xee", types.ModuleType("xee"))
        monkeypatch.setattr(xr, "open_dataset", open_dataset)
        monkeypatch.setenv("EARTHENGINE_PROJECT", "mine")
        return made

    return start


def test_a_year_of_classes(session, tmp_path):
    made = session(("2001-01-01", "2001-12-31"))
    ids = fetch_image("igbp_class", packaged()["modis-mcd12q1"], BOUNDS, 2001, tmp_path / "a.tif")
    assert made.asked[:4] == [("project", "mine"), "MODIS/061/MCD12Q1", ("2001-01-01", "2002-01-01"), ["LC_Type1"]]
    assert ids[0].startswith("MODIS/061/MCD12Q1/2001-01-01")
    with rasterio.open(tmp_path / "a.tif") as raster:
        west, south, east, north = raster.bounds
        assert west <= BOUNDS[0] < BOUNDS[2] <= east
        assert south <= BOUNDS[1] < BOUNDS[3] <= north
        assert raster.read(1)[0, :4].tolist() == [0, 1, 2, 3]
        assert list(raster.transform)[:6] == pytest.approx(list(made.transform))


@pytest.mark.parametrize(("variable", "value"), [("annual_precipitation", 10), ("ndvi", 5), ("igbp_class", 0)])
def test_what_is_made_of_several_images(session, tmp_path, variable, value):
    session(("2001-01-01", "2001-07-01"))
    entry = {"variables": {variable: {"asset": "LC_Type1", "nodata": 255}}}
    product = catalogue({"modis-mcd12q1": entry})["modis-mcd12q1"]
    fetch_image(variable, product, BOUNDS, 2001, tmp_path / "a.tif")
    with rasterio.open(tmp_path / "a.tif") as raster:
        assert raster.read(1)[0, 0] == value


def test_a_single_image_has_no_years(session, tmp_path):
    made = session(kind="IMAGE")
    fetch_image("igbp_class", packaged()["modis-mcd12q1"], BOUNDS, None, tmp_path / "a.tif")
    assert [("image", "MODIS/061/MCD12Q1")] in made.asked


def test_refusals(session, tmp_path, monkeypatch):
    product = packaged()["modis-mcd12q1"]
    session(fails=True)
    with pytest.raises(SourceError, match=r"refused MODIS/061/MCD12Q1 \(no credentials\); sign in with"):
        fetch_image("igbp_class", product, BOUNDS, 2001, tmp_path / "a.tif")
    session(())
    with pytest.raises(SourceError, match="has no image of 2001"):
        fetch_image("igbp_class", product, BOUNDS, 2001, tmp_path / "a.tif")
    with pytest.raises(ProjectError, match="months and days are not taken"):
        fetch_image("daily_precipitation", product, BOUNDS, 2001, tmp_path / "a.tif")
    monkeypatch.setitem(sys.modules, "ee", None)
    with pytest.raises(MissingExtraError, match="soilloss\\[earthengine\\]"):
        fetch_image("igbp_class", product, BOUNDS, 2001, tmp_path / "a.tif")
