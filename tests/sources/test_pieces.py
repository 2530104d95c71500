"""Which files are behind a product, and that only what an area needs is asked for."""

import pytest
import world
from loopback import Server

from soilloss.errors import ProjectError, SourceError
from soilloss.sources import pieces
from soilloss.sources.cache import Cache
from soilloss.sources.products import catalogue, packaged

KNOWN = packaged()


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    folder = tmp_path_factory.mktemp("far")
    world.heights(folder)
    world.soil(folder)
    return folder


def test_tiles_are_named_by_their_south_west_corner():
    urls = pieces.layers_of(KNOWN["copernicus-dem-30"], "elevation", None, (-0.5, -0.5, 0.5, 0.5))[0].urls
    names = [url.rsplit("/")[-1].removeprefix("Copernicus_DSM_COG_10_").removesuffix("_DEM.tif") for url in urls]
    assert names == ["S01_00_W001_00", "S01_00_E000_00", "N00_00_W001_00", "N00_00_E000_00"]
    urls = pieces.layers_of(KNOWN["esa-worldcover-2021"], "land_cover", None, (115.5, 28.1, 117, 29.9))[0].urls
    assert [url[-15:] for url in urls] == ["N27E114_Map.tif"]
    with pytest.raises(ProjectError, match="needs 64800 tiles, expected at most 2500"):
        pieces.layers_of(KNOWN["copernicus-dem-30"], "elevation", None, (-180, -90, 180, 90))


def test_dates():
    def layers(name, variable, year):
        return pieces.layers_of(KNOWN[name], variable, year, (10, 45, 11, 46))

    days = layers("chirps-v2-daily", "daily_precipitation", 2020)
    assert len(days) == 366
    assert [layer.group for layer in days] == list(range(366))
    assert days[59].urls[0].endswith("p05/2020/chirps-v2.0.2020.02.29.cog")
    months = layers("chirps-v2-daily", "monthly_precipitation", 2021)
    assert [layer.group for layer in months].count(1) == 28
    pentads = layers("chirps-v3-pentad", "annual_precipitation", 2021)
    assert len(pentads) == 72
    assert {layer.group for layer in pentads} == {0}
    assert pentads[-1].urls[0].endswith("chirps-v3.0.2021.12.6.cog")
    assert layers("clcd", "land_cover", 2001)[0].urls[0].endswith("CLCD_v01_2001_albert.tif")


def test_depths_are_weighted_by_thickness():
    def shares(depth):
        layers = pieces.layers_of(KNOWN["soilgrids-2"], "organic_carbon", None, (10, 45, 11, 46), depth)
        return [(layer.name, layer.share) for layer in layers]

    assert shares(0.30) == [("0-5cm", pytest.approx(1 / 6)), ("5-15cm", pytest.approx(1 / 3)), ("15-30cm", 0.5)]
    assert shares(0.05) == [("0-5cm", 1.0)]
    assert sum(share for _, share in shares(1.5)) == pytest.approx(1)
    for wrong in (0, -1, 2.5):
        with pytest.raises(ProjectError, match=f"depth is {wrong} m, expected a number above 0, to 2 m"):
            shares(wrong)


def test_an_index_gives_the_files_below_the_area(far, tmp_path):
    with Server(far) as server:
        product = catalogue(world.entries(server.url))["soilgrids-2"]
        web, cache = pieces.web_for("soilgrids-2", product), Cache(tmp_path)
        layer = pieces.layers_of(product, "sand", None, world.AREA)[0]
        found = pieces.expand(layer, web, cache, world.AREA)
        assert {url.rsplit("/")[-1] for url in found.urls} == {"tile0.tif", "tile1.tif"}
        asked = len(server.log)
        assert pieces.expand(layer, web, cache, world.AREA) == found
        assert len(server.log) == asked


@pytest.mark.parametrize("text", ["<VRTData", "not xml", "<VRTDataset/>", '<!DOCTYPE a [<!ENTITY b "c">]><a/>'])
def test_a_broken_index(tmp_path, text):
    (tmp_path / "a.vrt").write_text(text)
    with Server(tmp_path) as server:
        product = catalogue({"soilgrids-2": {"url": f"{server.url}/a.vrt"}})["soilgrids-2"]
        layer = pieces.layers_of(product, "sand", None, world.AREA)[0]
        with pytest.raises(SourceError, match="a.vrt (is no index|does not say where)"):
            pieces.expand(layer, pieces.web_for("soilgrids-2", product), Cache(tmp_path / "c"), world.AREA)


def test_an_index_that_leads_elsewhere_is_refused(tmp_path, monkeypatch):
    with Server(tmp_path) as other, Server(tmp_path) as server:
        world.soil(tmp_path)
        index = tmp_path / "soil/sand/sand_0-5cm_mean.vrt"
        index.write_text(index.read_text().replace(">sand_0-5cm_mean/", f">{other.url}/"))
        product = catalogue(world.entries(server.url))["soilgrids-2"]
        web, cache = pieces.web_for("soilgrids-2", product), Cache(tmp_path / "c")
        layer = pieces.expand(pieces.layers_of(product, "sand", None, world.AREA)[0], web, cache, world.AREA)
        with pytest.raises(SourceError, match="refused to contact"):
            pieces.fetch_piece(web, cache, layer.urls[0], world.AREA)
        assert other.log == []


def test_a_piece_is_fetched_once(far, tmp_path):
    with Server(far) as server:
        product = catalogue(world.entries(server.url))["copernicus-dem-30"]
        web, cache = pieces.web_for("copernicus-dem-30", product), Cache(tmp_path)
        url = pieces.layers_of(product, "elevation", None, world.AREA)[0].urls[0]
        first = pieces.fetch_piece(web, cache, url, world.AREA)
        asked = len(server.log)
        assert pieces.fetch_piece(web, cache, url, world.AREA) == first
        assert len(server.log) == asked
        assert first.about["url"] == url
        lacking = pieces.fetch_piece(web, cache, f"{server.url}/dem/N00E000.tif", world.AREA, may_lack=True)
        assert lacking.path is None
        with pytest.raises(SourceError, match="there is no"):
            pieces.fetch_piece(web, cache, f"{server.url}/dem/N00E001.tif", world.AREA)


def test_the_token_of_the_user(monkeypatch):
    entry = {"token": {"env": "MADE_UP_TOKEN", "get": "https://example.org/account"}}
    monkeypatch.setenv("MADE_UP_TOKEN", "s3cret")
    web = pieces.web_for("clcd", catalogue({"clcd": entry})["clcd"])
    assert web._authorization("https://zenodo.org/x") == {"Authorization": "Bearer s3cret"}
    assert web._authorization("https://example.org/x") == {}
    assert "MADE_UP_TOKEN" in web.remedy
    assert "s3cret" not in web.remedy
