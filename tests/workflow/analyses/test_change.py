import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.analysis import change
from soilloss.publish.report import write_report
from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.check import check
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

SHAPE = (60, 80)
SOURCES = {
    "elevation": "dem.tif",
    "erosivity": 1000.0,
    "erodibility": 0.05,
    "topography": 20.0,
    "practice": 1.0,
    "cover": "cover_{year}.tif",
}


def read(path, band=1):
    with rasterio.open(path) as dataset:
        return dataset.read(band)


def table(folder, name, *index):
    return pd.read_csv(folder / f"tables/{name}.csv").set_index(list(index))


def test_halves_differences_and_tables(decade):
    out = execute(open_site(decade("change"))).folder
    before, after = read(out / "analyses/soil_loss_2001-2005.tif"), read(out / "analyses/soil_loss_2006-2010.tif")
    years = np.stack([read(out / f"soil_loss/{year}.tif") for year in range(2001, 2006)])
    known = ~np.isnan(years).any(0)
    np.testing.assert_allclose(before[known], years.mean(0, dtype="f8")[known], rtol=1e-6)
    np.testing.assert_array_equal(read(out / "analyses/soil_loss_change.tif"), after - before)
    means = table(out, "change_periods", "place", "period")["mean soil loss [t ha-1 yr-1]"]
    # the west falls by one a year from 10, but for the north (a sixth of it), which stays at 5
    assert means["west", "2001–2005"] == pytest.approx(8 * 5 / 6 + 5 / 6, rel=0.01)
    assert means["west", "2006–2010"] == pytest.approx(3 * 5 / 6 + 5 / 6, rel=0.01)
    grades = table(out, "change_grades", "place", "period", "grade")
    assert grades["area [ha]"].groupby("place").sum()["whole area"] == pytest.approx(2 * 60 * 80 * 0.09)
    yearly = table(out, "change_years", "place", "year")["total soil loss [t yr-1]"]
    assert yearly["whole area", 2001] == pytest.approx(yearly["west", 2001] + yearly["east", 2001])
    summary = pd.read_csv(out / "tables/summary.csv").set_index("step")["total soil loss [t]"]
    assert yearly["whole area", 2001] == pytest.approx(summary["2001"], rel=1e-6)


def test_statistics_of_cropland_follow_it_through_the_years(decade, tmp_path, grid):
    for year in range(2001, 2011):
        land = np.full(SHAPE, 1, "u1")
        land[:, : 40 if year < 2006 else 20] = 4
        synthetic.write_raster(tmp_path / f"land_{year}.tif", land, grid, nodata=0)
    sources = {**SOURCES, "land_cover": "land_{year}.tif"}
    out = execute(open_site(decade({"change": {"only": ["cropland"]}}, sources=sources))).folder
    areas = table(out, "change_periods", "place", "period")["area [ha]"]
    assert areas["whole area", "2001–2005"] == pytest.approx(60 * 40 * 0.09)
    assert areas["whole area", "2006–2010"] == pytest.approx(60 * 20 * 0.09)
    assert areas["east", "2001–2005"] == 0
    assert np.isnan(read(out / "analyses/soil_loss_2006-2010.tif")[:, 20:]).all()


def test_a_class_that_disappears(decade, tmp_path, grid):
    for year in range(2001, 2011):
        synthetic.write_raster(tmp_path / f"land_{year}.tif", np.full(SHAPE, 4 if year < 2006 else 1, "u1"), grid)
    sources = {**SOURCES, "land_cover": "land_{year}.tif"}
    file = decade({"change": {"only": ["cropland"], "by": ["elevation"]}}, sources=sources)
    out = execute(open_site(file)).folder
    (answer,) = record.read(out)["analyses"]
    assert answer["words"] == ["No cell has soil loss on cropland in both 2001–2005 and 2006–2010."]
    bars = next(one for one in answer["figures"] if one["name"] == "change_elevation")
    assert [name for name, _ in bars["series"]] == ["2001–2005", "2006–2010"]
    assert set(bars["series"][1][1]) == {None}
    write_report(out, record.read(out))


def test_strata_sum_to_the_whole(decade):
    by = {"by": ["elevation", "slope", "aspect"], "slope": [2, 10]}
    out = execute(open_site(decade({"change": by}))).folder
    whole = table(out, "change_periods", "place", "period").loc["whole area"]
    for kind in by["by"]:
        rows = pd.read_csv(out / f"tables/change_{kind}.csv").groupby("period")
        assert rows["share of soil loss [%]"].sum().tolist() == pytest.approx([100, 100])
        if kind == "elevation":
            assert rows["area [ha]"].sum().tolist() == pytest.approx(whole["area [ha]"].tolist())
    slopes = pd.read_csv(out / "tables/change_slope.csv")
    assert set(slopes["slope"]) <= {"below 2°", "2 to 10°", "10° and more"}


def quarterly(folder, grid):
    """Two years of quarters; the east becomes cropland in the second, and loses twice as much in each quarter."""
    for year in (2001, 2002):
        land = np.full(SHAPE, 1, "u1")
        land[:, 40:] = 4 if year == 2002 else 1
        land[5, 5] = 0
        synthetic.write_raster(folder / f"land_{year}.tif", land, grid, nodata=0)
        for quarter in range(1, 5):
            c = np.full(SHAPE, quarter / 1000, "f4")
            c[:, 40:] *= 2 if year == 2002 else 1
            if quarter == 3:
                c[50, 60] = np.nan  # its other quarters must not count either
            synthetic.write_raster(folder / f"c_{year}-Q{quarter}.tif", c, grid)


def test_effect_of_land_cover_has_one_mask_for_all_quarters(decade, tmp_path, grid):
    quarterly(tmp_path, grid)
    sources = {**SOURCES, "cover": "c_{year}-Q{quarter}.tif", "land_cover": "land_{year}.tif"}
    sources["erosivity"] = "r_{year}-Q{quarter}.tif"
    for year in (2001, 2002):
        for quarter in range(1, 5):
            rain = np.full(SHAPE, 1000, "f4")
            synthetic.write_raster(tmp_path / f"r_{year}-Q{quarter}.tif", rain, grid)
    period = {"start": 2001, "end": 2002, "step": "quarter"}
    publish = {"folder": "out", "steps": ["year", "quarter"]}
    out = execute(open_site(decade("change", sources=sources, period=period, publish=publish))).folder
    made = table(out, "land_cover_effect", "place", "class", "effect").loc["whole area"]
    steps = [[read(out / f"soil_loss/{year}-Q{q}.tif") for q in range(1, 5)] for year in (2001, 2002)]
    lands = [read(tmp_path / f"land_{year}.tif") for year in (2001, 2002)]
    expected = change.change_effect(*lands, *steps, cell_area=0.09)
    for code, name in ((1, "forest"), (4, "cropland")):
        for effect in ("gain", "loss", "current"):
            own = made.loc[(name, effect)]
            np.testing.assert_allclose(own.iloc[1:].to_numpy(float), expected.loc[(code, effect)].iloc[1:], rtol=1e-6)
    gain = made.loc[("cropland", "gain")]
    assert gain["soil loss [t ha-1 yr-1]"] == pytest.approx(10.0)
    assert gain["area [ha]"] == pytest.approx((60 * 40 - 1) * 0.09)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"periods": ["1999-2001", "2005-2008"]}, "1999–2001 is not within the project's period"),
        ({"slope": [10, 5], "by": ["slope"]}, "does not rise"),
        ({"only": ["maize"]}, "analysis.change.only.0: 'maize' is not known"),
        ({"by": ["height"]}, "'height' is not known"),
    ],
)
def test_mistakes_are_sentences(decade, options, sentence):
    found = check(decade({"change": options}))
    assert any(sentence in finding.message for finding in found), [f.message for f in found]
