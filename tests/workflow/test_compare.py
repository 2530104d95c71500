import json

import numpy as np
import pandas as pd
import pytest
import rasterio

import soilloss as sl
from soilloss.errors import ProjectError
from soilloss.workflow import factorial
from soilloss.workflow.compare import run_comparison
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site


def read(path):
    with rasterio.open(path) as data:
        return data.read(1)


@pytest.fixture
def compared(landscape):
    found = run_comparison(open_site(landscape / "project.yml"), ["topography", "cover"])
    return found, landscape


def test_each_line_equals_a_run_with_that_method(compared):
    found, folder = compared
    topography = {line["method"]: line for line in found["factors"][0]["alternatives"]}
    assert found["factors"][0]["variable"] == "topography"
    assert topography["desmet_govers_1996"]["own"]
    assert topography["desmet_govers_1996"]["ratio"] == 1
    for method in ("desmet_govers_1996", "moore_burch_1986"):
        execute(open_site(folder / "project.yml", {"methods.topography": method}))
        total = json.loads((folder / "out/record.json").read_text())["total"]
        assert topography[method]["mean"] == pytest.approx(total["mean"], rel=1e-6)
        assert topography[method]["area_ha"] == pytest.approx(total["area_ha"], rel=1e-9)
        np.testing.assert_array_equal(
            read(folder / "compare" / topography[method]["map"]), read(folder / "out/soil_loss.tif")
        )
    pair = topography["liu_2000 x liu_1994"]
    methods = {
        "topography": "length_times_steepness", "slope_length_factor": "liu_2000", "slope_steepness_factor": "liu_1994",
    }  # fmt: skip
    execute(open_site(folder / "project.yml", {f"methods.{k}": v for k, v in methods.items()}))
    total = json.loads((folder / "out/record.json").read_text())["total"]
    assert pair["mean"] == pytest.approx(total["mean"], rel=1e-6)


def test_the_whole_factorial_is_split_into_shares(compared):
    found, folder = compared
    assert found["design"] == "full factorial"
    assert len(found["combinations"]) == np.prod([len(f["alternatives"]) for f in found["factors"]])
    assert sum(f["share"] for f in found["factors"]) + found["interplay"] == pytest.approx(1)
    assert found["interplay"] < 0.01  # logs of static factors add up, and C changes little among the years
    assert {path.name for path in (folder / "compare").iterdir()} == {
        *("compare.json", "index.html", "figures", "maps"),
        *("spread.csv", "variance.csv", "combinations.csv", "left_out.csv"),
    }
    spread = pd.read_csv(folder / "compare/spread.csv")
    assert list(spread.columns[:4]) == ["factor", "method", "chosen by the project", "mean soil loss [t ha-1 yr-1]"]
    assert not (folder / "out").exists()


def test_what_cannot_be_had_is_named_with_the_reason(compared):
    reasons = {one["method"]: one["reason"] for one in compared[0]["left_out"]}
    assert "no published value" in reasons["lookup"]
    assert "repeats what a study printed" in reasons["moore_burch_1986_as_printed"]
    assert "whole series" in reasons["erosivity_weighted"]


def test_missing_data_of_a_method_is_named(landscape):
    found = run_comparison(open_site(landscape / "project.yml"), ["erosivity"])
    reasons = {one["method"]: one["reason"] for one in found["left_out"]}
    assert reasons["wischmeier_smith_1978"] == "needs monthly_precipitation"
    assert reasons["step_sum"] == "needs half_month_erosivity"


def test_a_given_factor_is_one_of_the_choices(landscape):
    found = run_comparison(open_site(landscape / "project.yml"), ["practice"])
    methods = {line["method"]: line for line in found["factors"][0]["alternatives"]}
    assert methods["given"]["own"]
    assert len(methods) > 1


def test_no_bit_depends_on_threads(landscape, monkeypatch):
    first = run_comparison(open_site(landscape / "project.yml"), ["topography"], workers=1)
    monkeypatch.setattr(factorial, "MOST", 2)
    second = run_comparison(open_site(landscape / "project.yml"), ["topography", "cover"], workers=2)
    assert second["design"] == "one at a time"
    assert second["interplay"] is None
    maps = {line["method"]: line["map"] for line in second["factors"][0]["alternatives"]}
    assert maps == {line["method"]: line["map"] for line in first["factors"][0]["alternatives"]}


def test_quarters_and_areas(landscape, write_project):
    file = write_project(landscape, period={"start": 2001, "end": 2003, "min_valid": 0.3})
    frame = sl.compare(file, ["cover"])
    assert (frame["factor"] == "cover").all()
    assert frame["ratio of means"].iloc[0] == 1
    assert (frame["correlation"].dropna() <= 1 + 1e-9).all()


def test_mistakes(landscape):
    site = open_site(landscape / "project.yml")
    with pytest.raises(ProjectError, match=r"'topograpy' is not a factor of rusle; did you mean 'topography'"):
        run_comparison(site, ["topograpy"])
    (landscape / "compare").mkdir()
    (landscape / "compare/thesis.doc").write_text("mine")
    with pytest.raises(ProjectError, match="no comparison of soilloss"):
        run_comparison(site, ["topography"])
    assert (landscape / "compare/thesis.doc").read_text() == "mine"
