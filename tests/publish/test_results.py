"""Results in the report: the answer first, units in every caption, sections only where there is something to say."""

from __future__ import annotations

import copy

import pytest

from soilloss.publish import html, results
from soilloss.publish.page import Page
from soilloss.publish.report import write_report


def test_the_answer_comes_first_with_units(report):
    text = report[1].words
    start = text.index("Over 2014–2017 the area lost on average")
    assert "t ha⁻¹ yr⁻¹ of soil by sheet and rill erosion" in text[start : start + 120]
    assert start < text.index("The study area (red) spans")
    assert "is graded high or very high" in text


def test_the_note_of_the_project_comes_before_the_answer(finished):
    folder, record = finished
    note = "NDVI < reflectance"
    assert results.note(Page(folder, {**record, "note": note}, {})) == f"<p><strong>{html.text(note)}</strong></p>\n"
    assert results.note(Page(folder, {**record, "note": ""}, {})) == ""


def test_captions_name_units_and_images_have_words(report):
    text = report[1].words
    assert "Mean annual soil loss (t ha⁻¹ yr⁻¹)" in text
    assert "MJ mm ha⁻¹ h⁻¹" in text
    assert "mean soil loss (t ha⁻¹ yr⁻¹)" in text
    assert all(image["alt"] and int(image["width"]) > 200 for image in report[1].images)


def test_gaps_are_traced_and_points_scored(report):
    text = report[1].words
    assert "erodibility K 3 200 2 592 1.2" in text
    assert "4 821 cells lie in channels" in text
    assert "mean error 3.2 mm, root mean square error 142 mm, R² 0.81" in text


def test_a_single_run_without_extras_leaves_sections_out(finished, tmp_path, read_page):
    folder, record = finished
    record = copy.deepcopy(record) | {"period": None, "points": [], "findings": [], "gaps": [], "channel_cells": 0}
    (tmp_path / "soil_loss.tif").write_bytes((folder / "soil_loss.tif").read_bytes())
    reader = read_page(write_report(tmp_path, record).read_text(encoding="utf-8"))
    assert not {"years", "zones", "points"} & set(reader.ids)
    assert "By these data the area loses" in reader.words
    assert "No cell of the area lacks a value" in reader.words


def test_a_raster_without_statistics_is_still_shown(finished, tmp_path):
    folder, record = finished
    bare = {"path": "soil_loss.tif", "variable": "soil_loss", "label": "mean", "unit": "t ha-1 yr-1", "method": "rusle"}
    (tmp_path / "soil_loss.tif").write_bytes((folder / "soil_loss.tif").read_bytes())
    total = {"mean": None, "soil_loss_t": None, "area_ha": 0.0}
    page = Page(tmp_path, {**record, "rasters": [bare], "total": total}, {})
    assert "<img" in results.soil_loss(page)
    assert "median cell" not in results.answer(page)


def test_zones_are_sorted_and_cut(finished):
    rows = [{"zone": f"z{i}", "step": "mean", "mean soil loss [t ha-1]": float(i % 50)} for i in range(100)]
    rows.append({"zone": "empty", "step": "mean", "mean soil loss [t ha-1]": float("nan")})
    table = results.zones(Page(finished[0], finished[1], {"zones": rows}))
    assert table.index("z49") < table.index("z48")
    assert table.count("<tr>") == results.MOST_ZONES + 1
    assert f"The {results.MOST_ZONES} with the highest mean of 101." in table
    assert "empty" not in table


@pytest.mark.parametrize(
    ("steps", "text"),
    [(["2014"], "In 2014 the area lost"), (["2014-Q1", "2015-Q4"], "Over 2014–2015 the"), ([""], "By these data")],
)
def test_the_period_in_words(finished, steps, text):
    folder, record = finished
    page = Page(folder, {**record, "period": {"steps": steps}}, {})
    assert text in results.answer(page)
