"""A search service on loopback: pages, what an item's numbers mean, and answers that are none."""

import pytest
from loopback import Server

from soilloss.errors import DataError, SourceError
from soilloss.sources import pieces, stac
from soilloss.sources.products import catalogue
from soilloss.sources.stac import Item, meaning

AREA = (10, 45, 11, 46)


def item(number, date="2021-02-03", **properties):
    given = {"datetime": f"{date}T10:00:00Z", "platform": "sentinel-2a", "eo:cloud_cover": 10, **properties}
    assets = {"B04": {"href": f"files/{number}.tif"}}
    links = [{"rel": "self", "href": "http://127.0.0.1/stac/items/x"}]
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": f"scene-{number:04d}",
        "collection": "sentinel-2-l2a",
        "bbox": [10, 45, 11, 46],
        "geometry": None,
        "properties": given,
        "links": links,
        "assets": assets,
    }


@pytest.fixture
def server(tmp_path):
    with Server(tmp_path) as running:
        yield running


def asked(server, start="2021-01-01", end="2021-03-31", **options):
    entry = {"stac": {"api": f"{server.url}/stac", "collection": "sentinel-2-l2a", "sensor": "sentinel-2"}}
    product = catalogue({"sentinel-2-l2a": entry})["sentinel-2-l2a"]
    web = pieces.web_for("sentinel-2-l2a", product)
    web.delay = 0.001
    return stac.search(web, product, AREA, start, end, **options)


def test_all_pages(server):
    server.items = [item(number) for number in range(230)]
    found = asked(server)
    assert [one.id for one in found] == [f"scene-{number:04d}" for number in range(230)]
    assert len(server.log) == 3
    assert found[0].assets["B04"]["href"] == "http://127.0.0.1/stac/items/files/0.tif"


def test_dates_clouds_and_place(server):
    server.items = [item(1), item(2, "2021-04-01"), item(3, "2020-12-31"), item(4, **{"eo:cloud_cover": 80})]
    server.items.append(item(5) | {"bbox": [0, 0, 1, 1]})
    assert [one.id for one in asked(server, cloud=60)] == ["scene-0001"]
    assert [one.id for one in asked(server)] == ["scene-0001", "scene-0004"]
    assert asked(server, "1999-01-01", "1999-12-31") == []


def test_a_scene_that_was_processed_again_counts_once(server):
    again = {"s2:mgrs_tile": "32TQR"}
    server.items = [
        item(1, **again, **{"s2:processing_baseline": "05.00"}),
        item(2, **again, **{"s2:processing_baseline": "02.14"}),
        item(3, **{"s2:mgrs_tile": "32TQS"}),
    ]
    assert [one.id for one in asked(server)] == ["scene-0001", "scene-0003"]


@pytest.mark.parametrize("fault", ["503", "500", "429", "cut", "drop", "html", "short"])
def test_faults(server, fault):
    server.items = [item(number) for number in range(130)]
    server.faults = ["", fault]
    assert len(asked(server)) == 130
    server.faults = [fault] * 99
    with pytest.raises(SourceError, match="try again later"):
        asked(server)


def test_a_search_that_leads_elsewhere_is_refused(server, tmp_path):
    with Server(tmp_path) as other:
        server.moves = {"/stac/search": f"{other.url}/stac/search"}
        with pytest.raises(SourceError, match="refused to contact"):
            asked(server)
        assert other.log == []


def scene(asset=None, **properties):
    return Item("one", "2021-01-01", "sentinel-2a", {"B04": asset or {}}, properties)


STATED = {"raster:bands": [{"scale": 0.0001, "offset": -0.1}]}
ZERO = {"raster:bands": [{"scale": 0.0001, "offset": 0}]}


@pytest.mark.parametrize(
    ("properties", "asset", "offset"),
    [
        ({"s2:processing_baseline": "04.00"}, {}, -0.1),
        ({"s2:processing_baseline": "05.10"}, {}, -0.1),
        ({"s2:processing_baseline": "03.01"}, {}, 0.0),
        ({"s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": True}, STATED, 0.0),
        ({"s2:processing_baseline": "05.10", "earthsearch:boa_offset_applied": False}, STATED, -0.1),
        ({"s2:processing_baseline": "02.14", "earthsearch:boa_offset_applied": False}, STATED, 0.0),
        ({"earthsearch:boa_offset_applied": True}, {}, 0.0),
        ({"processing:version": "05.00"}, {}, -0.1),
        ({}, STATED, -0.1),
        ({}, ZERO, 0.0),
        ({}, {"bands": [{"raster:scale": 0.0001, "raster:offset": -0.1}]}, -0.1),
    ],
)
def test_the_offset_of_sentinel_2_comes_from_what_is_stated(properties, asset, offset):
    assert meaning(scene(asset, **properties), "B04", "sentinel-2") == (0.0001, offset)


def test_an_offset_that_nobody_knows_is_refused():
    with pytest.raises(DataError, match="states neither its processing baseline nor an offset of B04"):
        meaning(scene(datetime="2024-01-01"), "B04", "sentinel-2")
    with pytest.raises(DataError, match="states an offset of 0, but baseline 05.00 means -0.1"):
        meaning(scene(ZERO, **{"s2:processing_baseline": "05.00"}), "B04", "sentinel-2")
    with pytest.raises(DataError, match="one has no asset 'B08' \\(assets: B04\\)"):
        meaning(scene(), "B08", "sentinel-2")


def test_landsat():
    assert meaning(scene(), "B04", "landsat") == (2.75e-5, -0.2)
    stated = {"raster:bands": [{"scale": 2.75e-5, "offset": -0.2}]}
    assert meaning(scene(stated), "B04", "landsat") == (2.75e-5, -0.2)
    with pytest.raises(DataError, match="states 0.0001 x \\+ 0, but collection 2 has"):
        meaning(scene(ZERO), "B04", "landsat")
