import json

import numpy as np
import pytest

from soilloss.errors import SourceError
from soilloss.publish import comparison
from soilloss.sources import synthetic


def line(method, ratio, own=False):
    made = {"mean": 10.0 * (ratio or 0), "total_t": 1e4, "area_ha": 900.0, "ratio": ratio, "correlation": 0.9}
    return {"method": method, "own": own, **made, "map": f"{method}.tif"}


@pytest.fixture
def folder(tmp_path):
    topography = {"variable": "topography", "times": 4.0, "share": 0.7}
    cover = {"variable": "cover", "times": 1.5, "share": 0.2}
    result = {
        "name": "hills <1>",
        "model": "rusle",
        "file": "project.yml",
        "design": "full factorial",
        "cells": 1000,
        "positive_cells": 900,
        "interplay": 0.1,
        "factors": [
            {**topography, "alternatives": [line("desmet_govers_1996", 1.0, own=True), line("moore_burch_1986", 0.25)]},
            {**cover, "alternatives": [line("cai_2000", 1.0, own=True), line("durigon_2014", 1.5), line("odd", None)]},
        ],
        "combinations": [{}] * 6,
        "left_out": [{"variable": "cover", "method": "lookup", "reason": "table has no published value"}],
    }
    grid = synthetic.small_grid((20, 30))
    for factor in result["factors"]:
        for one in factor["alternatives"]:
            values = np.full((20, 30), one["mean"] or np.nan, "f4")
            synthetic.write_raster(tmp_path / one["map"], values, grid)
    (tmp_path / "compare.json").write_text(json.dumps(result))
    return tmp_path


def test_the_page_says_what_was_found(folder):
    page = comparison.write_comparison(folder).read_text()
    assert "<strong>4 times</strong>" in page
    assert "70 % of the variance" in page
    assert "moore_burch_1986" in page
    assert "table has no published value" in page
    assert "hills &lt;1&gt;" in page
    assert page.count("<img") == 4
    assert "http" not in page.replace("http://www.w3.org", "")
    assert {p.name for p in (folder / "figures").iterdir()} == {
        "ratios.png", "variance.png", "topography.png", "cover.png",
    }  # fmt: skip


def test_there_has_to_be_a_comparison(tmp_path):
    with pytest.raises(SourceError, match=r"no compare.json"):
        comparison.write_comparison(tmp_path)
