"""The report: one page that holds all it needs, says what it must, and lets nobody's text become markup."""

from __future__ import annotations

import copy
import json
from html.parser import HTMLParser

import pytest

from soilloss.errors import SourceError
from soilloss.publish.report import SECTIONS, write_report

VOID = {"meta", "img", "br", "mspace", "link", "hr"}
HOSTILE = '<script>alert("x")</script>'


class Reader(HTMLParser):
    """Collects links, ids, words and images, and checks that tags nest."""

    def __init__(self, page):
        super().__init__()
        self.open, self.loads, self.links, self.ids, self.images, self.words = [], [], [], [], [], []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attributes):
        found = dict(attributes)
        self.loads += [found[name] for name in ("src", "data", "poster", "srcset") if name in found]
        assert tag not in ("script", "link", "iframe", "object", "b")
        if "href" in found:
            self.links.append(found["href"])
        if "id" in found:
            self.ids.append(found["id"])
        if tag == "img":
            self.images.append(found)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@pytest.fixture(scope="module")
def page(finished):
    text = write_report(finished[0]).read_text(encoding="utf-8")
    return text, Reader(text)


def words(reader):
    return " ".join(" ".join(reader.words).split())


def test_holds_all_it_needs(page):
    text, reader = page
    assert reader.loads
    assert all(load.startswith("data:image/png;base64,") for load in reader.loads)
    assert all(link.startswith("#") for link in reader.links)
    assert "@import" not in text
    assert "url(" not in text


def test_tags_nest_and_links_lead_somewhere(page):
    _, reader = page
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    assert {link[1:] for link in reader.links} <= set(reader.ids)


def test_has_every_section(page):
    assert {name for name, _, _ in SECTIONS} <= set(page[1].ids)


def test_the_answer_comes_first_with_units(page, finished):
    text = words(page[1])
    start = text.index("Over 2014–2017 the area lost on average")
    assert "t ha⁻¹ yr⁻¹ of soil by sheet and rill erosion" in text[start : start + 120]
    assert start < text.index("Where")
    assert "is graded high or very high" in text


def test_text_of_users_is_escaped(page):
    text, reader = page
    assert "Mula & Mutha <catchment>" in words(reader)
    assert "<catchment>" not in text
    assert "A & B <b>" in words(reader)
    assert "data/ndvi_<2014>.tif" in words(reader)


def test_hostile_words_everywhere_stay_words(finished, tmp_path):
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
    assert HOSTILE in words(Reader(text))


def test_captions_name_units_and_images_have_words(page):
    text = words(page[1])
    assert "Mean annual soil loss (t ha⁻¹ yr⁻¹)" in text
    assert "MJ mm ha⁻¹ h⁻¹" in text
    assert "mean soil loss (t ha⁻¹ yr⁻¹)" in text
    assert all(image["alt"] and int(image["width"]) > 200 for image in page[1].images)


def test_methods_have_equations_and_sources(page):
    text, reader = page
    assert text.count("<math") == 4
    assert "alpha = 2, beta = 1" in words(reader)
    assert "Van der Knijff, J. M., Jones, R. J. A. and Montanarella, L. (2000)" in words(reader)


def test_gaps_points_and_caveats(page):
    text = words(page[1])
    assert "erodibility K 3 200 2 592 1.2" in text
    assert "4 821 cells lie in channels" in text
    assert "mean error 3.2 mm, root mean square error 142 mm" in text
    assert "Vegetation from digital numbers." in text


def test_figures_lie_beside(finished, page):
    names = {path.stem for path in (finished[0] / "figures").glob("*.png")}
    wanted = {"location", "soil_loss", "histogram", "severity", "severity_area", "years", "soil_loss_years", "factors"}
    assert wanted | {"interpolation_annual_precipitation"} == names


def test_a_single_run_without_extras_leaves_sections_out(finished, tmp_path):
    folder, record = finished
    record = copy.deepcopy(record) | {"period": None, "points": [], "findings": [], "gaps": [], "channel_cells": 0}
    (tmp_path / "soil_loss.tif").write_bytes((folder / "soil_loss.tif").read_bytes())
    reader = Reader(write_report(tmp_path, record).read_text(encoding="utf-8"))
    assert "years" not in reader.ids
    assert "zones" not in reader.ids
    assert "By these data the area lost" in words(reader)
    assert "No cell of the area lacks a value" in words(reader)
    assert "Vegetation from digital numbers." not in words(reader)


def test_a_folder_without_record_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no record.json"):
        write_report(tmp_path)


def test_the_record_is_not_changed(finished, page):
    folder, record = finished
    assert json.loads((folder / "record.json").read_text()) == json.loads(json.dumps(record))
