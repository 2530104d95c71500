"""The static catalogue: readable by pystac, relative, with projection and bands; valid where a validator is at hand."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import pystac
import pytest
from shapely.geometry import box, mapping, shape

from soilloss.publish.catalog import write_catalog


@pytest.fixture(scope="module")
def catalogue(finished):
    folder, record = finished
    return folder, record, pystac.Collection.from_file(str(write_catalog(folder, record)))


def test_one_item_for_the_mean_and_each_step(catalogue):
    _, record, collection = catalogue
    items = {item.id: item for item in collection.get_items()}
    assert set(items) == {"mean", "2014", "2015", "2016", "2017"}
    assert set(items["mean"].assets) == {e["variable"] for e in record["rasters"] if e["label"] == "mean"}
    assert items["2015"].properties["start_datetime"] == "2015-01-01T00:00:00Z"
    assert items["2015"].properties["end_datetime"] == "2015-12-31T23:59:59Z"
    assert items["mean"].properties["end_datetime"] == "2017-12-31T23:59:59Z"


def test_assets_are_found_by_relative_links(catalogue):
    folder, _, collection = catalogue
    for path in (folder / "catalog").rglob("*.json"):
        text = path.read_text()
        assert str(folder) not in text
        for link in json.loads(text)["links"]:
            assert (path.parent / link["href"]).is_file()
    for item in collection.get_items():
        for asset in item.assets.values():
            assert asset.href.startswith("../../")
            assert Path(asset.get_absolute_href() or "").is_file()
            assert asset.media_type == pystac.MediaType.COG


def test_items_say_grid_unit_and_missing_value(catalogue):
    _, record, collection = catalogue
    item = collection.get_item("mean")
    assert item.properties["proj:code"] == "EPSG:32643"
    assert item.properties["proj:shape"] == record["grid"]["shape"]
    assert item.properties["proj:transform"] == record["grid"]["transform"]
    loss, grades = (item.assets[name].extra_fields["bands"][0] for name in ("soil_loss", "severity"))
    assert (loss["unit"], loss["nodata"], loss["data_type"]) == ("t ha-1 yr-1", "nan", "float32")
    assert (grades["nodata"], grades["data_type"]) == (0, "uint8")
    assert "unit" not in grades
    assert box(*item.bbox).covers(shape(item.geometry))


@pytest.mark.parametrize(
    ("label", "start", "end"),
    [
        ("2016", "2016-01-01T00:00:00Z", "2016-12-31T23:59:59Z"),
        ("2016-Q4", "2016-10-01T00:00:00Z", "2016-12-31T23:59:59Z"),
        ("2016-02", "2016-02-01T00:00:00Z", "2016-02-29T23:59:59Z"),
    ],
)
def test_steps_become_spans_of_time(finished, tmp_path, label, start, end):
    record = copy.deepcopy(finished[1])
    record["period"]["steps"] = [label]
    record["rasters"] = [{**record["rasters"][0], "label": label}]
    record["area"] = mapping(box(73.9, 18.5, 74.0, 18.6))
    item = pystac.Collection.from_file(str(write_catalog(tmp_path, record))).get_item(label)
    assert (item.properties["start_datetime"], item.properties["end_datetime"]) == (start, end)
    assert item.bbox == [73.9, 18.5, 74.0, 18.6]


def test_without_a_period_and_without_a_registered_crs(finished, tmp_path):
    record = copy.deepcopy(finished[1])
    record |= {"period": None, "created": "2026-11-21T10:00:00"}
    record["grid"]["crs"] = "a local system"
    item = pystac.Collection.from_file(str(write_catalog(tmp_path, record))).get_item("mean")
    assert item.properties["start_datetime"] == "2026-11-21T10:00:00Z"
    assert item.properties["proj:code"] is None
    assert item.properties["proj:wkt2"] == record["grid"]["wkt"]


def test_is_valid_by_the_specification(catalogue):
    pytest.importorskip("jsonschema", reason="pystac validates with jsonschema, which is not installed")
    collection = catalogue[2].full_copy()
    collection.validate()
    for item in collection.get_items():
        item.stac_extensions = []  # the schemas of extensions would come from the network
        item.validate()
