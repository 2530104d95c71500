import json

import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.analysis import trend
from soilloss.errors import MissingInputError
from soilloss.publish.report import write_report
from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.check import check
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read()


def yearly(folder, years=range(2001, 2011)):
    return np.concatenate([read(folder / f"soil_loss/{year}.tif") for year in years])


def test_the_maps_are_those_of_the_function_on_the_published_years(decade):
    out = execute(open_site(decade("trend"))).folder
    slope, p, direction = read(out / "trend.tif")
    expected = trend.mann_kendall(yearly(out), time=range(2001, 2011))
    for made, name in ((slope, "slope"), (p, "p_value"), (direction, "direction")):
        np.testing.assert_array_equal(made, expected[name], err_msg=name)
    with rasterio.open(out / "trend.tif") as dataset:
        assert dataset.descriptions == ("slope", "p_value", "direction")
        assert dataset.units[0] == "t ha-1 yr-2"


def test_classes_areas_and_lines_of_a_known_trend(decade):
    out = execute(open_site(decade("trend"))).folder
    classes = read(out / "analyses/trend_class.tif")[0]
    assert set(np.unique(classes[:10])) == {3}
    assert set(np.unique(classes[10:, :40])) <= {0, 1, 2}
    assert set(np.unique(classes[10:, 40:])) == {4, 5}
    assert classes[50, 7] == 0  # seven years are too few
    table = pd.read_csv(out / "tables/trend_classes.csv").set_index(["place", "class"])
    assert table.loc[("whole area", "no significant trend"), "area [ha]"] == pytest.approx(10 * 80 * 0.09)
    assert table.loc[("west", "increase"), "area [ha]"] == 0
    assert table.groupby("place")["share [%]"].sum().tolist() == pytest.approx([100, 100, 100])
    lines = pd.read_csv(out / "tables/trend_lines.csv").set_index("place")
    assert lines.loc["west", "slope [t ha-1 yr-2]"] == pytest.approx(-5 / 6, rel=0.01)
    assert lines["direction"].to_dict() == {"whole area": "none", "west": "falls", "east": "rises"}


def test_another_variable_has_three_classes_and_names_of_its_own(decade):
    out = execute(open_site(decade({"trend": {"of": ["soil_loss", "cover"], "method": "linear"}}))).folder
    with rasterio.open(out / "analyses/trend_cover.tif") as dataset:
        assert dataset.units[0] == "yr-1"
        found = dataset.read(1)
    assert found[20, 60] == pytest.approx(0.001, rel=0.05)
    assert set(np.unique(read(out / "analyses/trend_class_cover.tif"))) == {1, 2, 3}


def test_slopes_of_seasons_are_rates_per_year(decade, tmp_path, grid):
    sources = {"elevation": "dem.tif", "erodibility": 0.05, "topography": 20.0, "practice": 1.0}
    sources |= {"cover": "cover_{year}.tif", "erosivity": "r_{quarter}.tif"}
    for quarter in range(1, 5):
        synthetic.write_raster(tmp_path / f"r_{quarter}.tif", np.full((60, 80), 250, "f4"), grid)
    options = {"of": ["soil_loss", "cover"], "method": "seasonal_kendall"}
    period = {"start": 2001, "end": 2010, "step": "quarter"}
    out = execute(open_site(decade({"trend": options}, sources=sources, period=period))).folder
    years = trend.theil_sen(yearly(out), time=range(2001, 2011))["slope"]
    np.testing.assert_allclose(read(out / "trend.tif")[0][:, 8:], years[:, 8:], rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(
        read(out / "analyses/trend_cover.tif")[0][:, 8:], years[:, 8:] / 1000, rtol=1e-4, atol=1e-9
    )


def test_a_mean_over_part_of_the_area_says_so(decade, tmp_path, grid):
    file = decade("trend")
    for year, columns in ((2002, slice(0, 20)), (2005, slice(60, 80))):
        cells = read(tmp_path / f"cover_{year}.tif")[0]
        cells[:, columns] = np.nan
        synthetic.write_raster(tmp_path / f"cover_{year}.tif", cells, grid)
    words = record.read(execute(open_site(file)).folder)["analyses"][0]["words"][0]
    assert "Its mean over the 50 % of it known in all years changed by" in words


def test_unpublished_years_are_computed_again_to_the_same_bits(decade):
    first = execute(open_site(decade("trend")))
    wanted = [one["hash"] for one in record.read(first.folder)["analyses"][0]["rasters"]]
    again = execute(open_site(decade("trend", publish={"folder": "out", "maps": ["severity"]})))
    assert [one["hash"] for one in record.read(again.folder)["analyses"][0]["rasters"]] == wanted


def test_verify_report_and_catalogue_know_the_analysis(decade):
    out = execute(open_site(decade("trend"))).folder
    proofs = {proof.what: proof.equal for proof in record.verify(out)}
    assert proofs["trend.tif"]
    assert proofs["tables/trend_classes.csv"]
    page = write_report(out).read_text(encoding="utf-8")
    assert 'id="analysis-trend"' in page
    assert "fell significantly" in page
    item = json.loads((out / "catalog/trend/trend.json").read_text())
    assert {band["name"] for band in item["assets"]["trend"]["bands"]} == {"slope", "p_value", "direction"}
    execute(open_site(decade()))  # and what is no longer asked for goes
    assert not (out / "trend.tif").exists()
    assert not (out / "analyses").exists()


@pytest.mark.parametrize(
    ("options", "period", "sentence"),
    [
        ({}, {"start": 2001, "end": 2005}, "has 5 years, expected 8 or more for theil_sen_mann_kendall"),
        ({"method": "seasonal_kendall"}, {"start": 2001, "end": 2010}, "the project's step is year"),
        ({"of": "land_cover"}, {"start": 2001, "end": 2010}, "land_cover holds classes"),
        ({"of": "practice"}, {"start": 2001, "end": 2010}, "practice is the same every year"),
        ({"of": "monthly_precipitation"}, None, "has an axis of its own (month)"),
        ({"of": "soil_los"}, None, "did you mean 'soil_loss'"),
    ],
)
def test_what_cannot_be_tested_is_said_by_the_doctor(decade, options, period, sentence):
    file = decade({"trend": options}, **({"period": period} if period else {}))
    assert any(sentence in finding.message for finding in check(file)), [f.message for f in check(file)]


def test_a_variable_that_nothing_gives_names_the_analysis(decade):
    with pytest.raises(MissingInputError, match=r"needed by ndvi \(ndvi\) <- analysis\.trend"):
        open_site(decade({"trend": {"of": "ndvi"}}))
