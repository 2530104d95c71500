"""The catalogue is whole, and a user's entries are merged or refused in one sentence."""

import re

import pytest

from soilloss.errors import ProjectError
from soilloss.sources.products import FIELDS, catalogue, find, others, packaged
from soilloss.variables import VARIABLES

ENTRY = {
    "title": "made-up",
    "access": "url",
    "url": "https://example.org/{year}.tif",
    "time": {"step": "year", "start": 2000},
    "variables": {"ndvi": {"scale": 0.0001}},
    "coverage": [0, 0, 10, 10],
    "cell": 10,
    "bytes": 2,
    "licence": "CC0",
    "citation": "A. Author (2020).",
}


def test_the_products_that_the_studies_used():
    known = packaged()
    wanted = {
        "sentinel-2-l2a", "landsat-c2-l2", "copernicus-dem-30", "srtm-30", "alos-12.5", "esa-worldcover-2021",
        "modis-mcd12q1", "clcd", "glc-fcs30d", "esri-land-cover", "chirps-v2-daily", "chirps-v2-pentad",
        "chirps-v3-daily", "chirps-v3-pentad", "era5-land-monthly", "soilgrids-2", "openlandmap-texture", "lp-qlc10",
        "cswed",
    }  # fmt: skip
    assert wanted <= known.keys()


@pytest.mark.parametrize("name", packaged())
def test_every_entry_is_whole(name):
    product = packaged()[name]
    assert product.licence
    assert re.search(r"\d{4}|European Space Agency", product.citation)
    for variable, band in product.variables.items():
        url = product.address(variable)
        fields = dict.fromkeys(FIELDS, 1) | {"ns": "N", "ew": "E", "depth": "0-5cm", "name": "sand"}
        url.format(**fields)
        assert band.unit is not None or VARIABLES[variable].unit in ("", "1")
    if product.access == "url":
        assert product.url.startswith("https://")


def test_an_entry_of_ones_own():
    assert catalogue({"mine": ENTRY})["mine"].variables["ndvi"].scale == 0.0001
    assert catalogue({"clcd": {"cell": 31}})["clcd"].model_copy(update={"cell": 30.0}) == packaged()["clcd"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"titel": "x"}, "mine.titel: unknown key; did you mean 'title'?"),
        ({"coverage": [10, 0, 0, 10]}, "coverage .* expected west, south, east, north"),
        ({"variables": {"ndvy": {}}}, "ndvy is not a variable soilloss knows; did you mean 'ndvi'?"),
        ({"variables": {"sand": {"unit": "kilo"}}}, "sand: .*kilo"),
        ({"variables": {"land_cover": {"legend": "nothing"}}}, "land_cover: there is no table"),
        ({"url": "file:///etc/passwd"}, "needs a url that begins with https"),
        ({"url": "https://example.org/{jahr}.tif"}, "{jahr} in its url has no meaning"),
        ({"access": "stac"}, "stac needs the asset"),
        ({"access": "file"}, "access: file needs get"),
        ({"variables": {"ndvi": {"of": ["red"]}}}, "is made of red"),
        ({"bytes": 9}, "mine.bytes: "),
        ({"url": "https://example.org/a.zarr"}, "ndvi: a.zarr is a cube: add the variable in it as name:"),
        (
            {"variables": {"annual_precipitation": {"unit": "m", "per": "day"}}},
            "per: day needs a time with step: month",
        ),
    ],
)
def test_a_wrong_entry_is_one_sentence(change, sentence):
    with pytest.raises(ProjectError, match=sentence):
        catalogue({"mine": {**ENTRY, **change}}, "my.yml")


def test_what_is_no_entry():
    with pytest.raises(ProjectError, match="clcd: 3 is not an entry"):
        catalogue({"clcd": 3})


def test_the_wrong_product_names_the_right_one():
    with pytest.raises(ProjectError, match="no product 'clcs'; did you mean 'clcd'"):
        find("clcs", "land_cover", packaged())
    with pytest.raises(
        ProjectError, match="soilgrids-2 does not give land_cover, but sand.*land_cover is in esa-world"
    ):
        find("soilgrids-2", "land_cover", packaged())
    with pytest.raises(ProjectError, match="no product 'zzzzzz'; elevation is in copernicus-dem-30"):
        find("zzzzzz", "elevation", packaged())


def test_the_nearest_that_works():
    known = others("daily_precipitation", range(2000, 2002), (10, 52, 11, 53), packaged())
    assert known == "take chirps-v3-daily or era5-land-daily"
    assert "file of your own" in others("daily_precipitation", range(1940, 1942), (10, 52, 11, 53), packaged())
