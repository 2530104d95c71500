"""The report: one page that holds all it needs, says what it must, and lets nobody's text become markup."""

from __future__ import annotations

import copy
import json

import pytest

from soilloss.errors import SourceError
from soilloss.publish.report import SECTIONS, write_report

HOSTILE = '<script>alert("x")</script>'


def test_holds_all_it_needs(report):
    text, reader = report
    assert reader.loads
    assert all(load.startswith("data:image/png;base64,") for load in reader.loads)
    assert all(link.startswith("#") for link in reader.links)
    assert not {"script", "link", "iframe", "object"} & set(reader.tags)
    assert "@import" not in text
    assert "url(" not in text


def test_tags_nest_and_links_lead_somewhere(report):
    _, reader = report
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link[1:] for link in reader.links} <= set(reader.ids)


def test_has_every_section(report):
    assert {name for name, _, _ in SECTIONS} <= set(report[1].ids)


def test_text_of_users_is_escaped(report):
    text, reader = report
    assert "Mula & Mutha <catchment>" in reader.words
    assert "<catchment>" not in text
    assert "A & B <b>" in reader.words
    assert "data/ndvi_<2014>.tif" in reader.words


def test_hostile_words_everywhere_stay_words(finished, tmp_path, read_page):
    record = copy.deepcopy(finished[1])
    record |= {"name": HOSTILE, "citations": [HOSTILE], "versions": {HOSTILE: HOSTILE}, "rasters": [], "model": HOSTILE}
    record |= {"project": {HOSTILE: HOSTILE}, "created": HOSTILE, "soilloss": HOSTILE}
    for entry in record["plan"]:
        entry |= {"summary": HOSTILE, "method": HOSTILE, "cite": HOSTILE, "formula": HOSTILE, "inputs": [HOSTILE]}
        entry |= {"coefficients": {HOSTILE: HOSTILE}, "unit": HOSTILE, "place": HOSTILE}
    for entry in record["findings"]:
        entry |= {"where": HOSTILE, "message": HOSTILE}
    for entry in record["inputs"]:
        entry |= {"path": HOSTILE, "kind": HOSTILE, "crs": HOSTILE, "unit": HOSTILE}
    record["points"][0] |= {"interpolate": HOSTILE, "table": HOSTILE}
    record["severity"] |= {"scheme": HOSTILE}
    record["grid"] |= {"crs": HOSTILE}
    text = write_report(tmp_path, record).read_text(encoding="utf-8")
    assert "<script" not in text
    assert HOSTILE in read_page(text).words


def test_figures_lie_beside(finished, report):
    names = {path.stem for path in (finished[0] / "figures").glob("*.png")}
    wanted = {"location", "soil_loss", "histogram", "severity", "severity_area", "years", "soil_loss_years", "factors"}
    assert names == wanted | {"interpolation_annual_precipitation"}
    assert not list(finished[0].glob("*.part"))


def test_a_folder_without_record_is_refused(tmp_path):
    with pytest.raises(SourceError, match=r"no record\.json"):
        write_report(tmp_path)


def test_the_record_is_not_changed(finished, report):
    folder, record = finished
    assert json.loads((folder / "record.json").read_text()) == json.loads(json.dumps(record))
