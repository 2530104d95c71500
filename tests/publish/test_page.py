"""What sections ask a finished folder for."""

from __future__ import annotations

import pytest

from soilloss.publish.page import Page, value


def test_rasters_come_mean_first_and_only_if_they_are_there(finished):
    folder, record = finished
    extra = {**record["rasters"][-2], "path": "gone.tif", "label": "1999"}
    page = Page(folder, {**record, "rasters": [extra, *reversed(record["rasters"])]}, {})
    assert [entry["label"] for entry in page.rasters("soil_loss")] == ["mean", "2014", "2015", "2016", "2017"]
    assert page.unit() == "t ha-1 yr-1"


@pytest.mark.parametrize(
    ("steps", "wanted"), [(["mean", "2014"], ["mean"]), (["2014"], ["2014"]), (["2014", "2015"], []), ([], [])]
)
def test_rows_of_the_mean(tmp_path, steps, wanted):
    page = Page(tmp_path, {}, {"summary": [{"step": step} for step in steps]})
    assert [row["step"] for row in page.mean_of("summary")] == wanted


def test_columns_are_found_by_their_first_word():
    assert value({"step": "a", "mean soil loss [t ha-1]": 3.0}, "mean") == 3.0
