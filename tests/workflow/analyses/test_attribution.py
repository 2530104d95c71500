import json

import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.publish.report import write_report
from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.check import check
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

YEARS = range(2001, 2007)
SHAPE = (60, 80)
SPANS = {"from": [2001, 2002], "to": [2005, 2006]}
SOURCES = {
    "elevation": "dem.tif",
    "erosivity": "r_{year}.tif",
    "erodibility": 0.03,
    "topography": "ls.tif",
    "cover": "c_{year}.tif",
    "practice": 0.5,
}


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


@pytest.fixture
def causes(tmp_path, grid, write_landscape, write_project):
    """Write a landscape in which only the named factors change between 2002 and 2005, by known ratios."""

    def write(options, *, rain=1.0, cover=1.0, **changes):
        write_landscape(tmp_path, grid)
        random = np.random.default_rng(9)
        r, c = random.uniform(500, 900, SHAPE), random.uniform(0.05, 0.3, SHAPE)
        synthetic.write_raster(tmp_path / "ls.tif", random.uniform(0.5, 4, SHAPE).astype("f4"), grid)
        for year in YEARS:
            late = year > 2003
            synthetic.write_raster(tmp_path / f"r_{year}.tif", (r * (rain if late else 1)).astype("f4"), grid)
            synthetic.write_raster(tmp_path / f"c_{year}.tif", (c * (cover if late else 1)).astype("f4"), grid)
        given = {
            "period": {"start": 2001, "end": 2006},
            "sources": SOURCES,
            "zero_classes": [],
            "analysis": [{"attribution": options}],
        }
        return write_project(tmp_path, **{**given, **changes})

    return write


@pytest.mark.parametrize(("rain", "cover", "cause"), [(1.0, 0.6, "cover"), (1.3, 1.0, "erosivity")])
def test_a_single_cause_gets_the_whole_change(causes, rain, cover, cause):
    out = execute(open_site(causes(SPANS, rain=rain, cover=cover))).folder
    table = pd.read_csv(out / "tables/attribution.csv").set_index(["place", "factor"])["contribution [%]"]
    other = {"cover": "erosivity", "erosivity": "cover"}[cause]
    for place in ("whole area", "west", "east"):
        assert table[place, cause] == pytest.approx(100 * (rain * cover - 1), rel=1e-6)
        assert abs(table[place, other]) < 1e-6
        assert table[place, "change"] == pytest.approx(table[place, cause], rel=1e-9)
    change = read(out / "soil_loss/2006.tif").astype(float) - read(out / "soil_loss/2001.tif")
    np.testing.assert_allclose(read(out / f"analyses/attribution_{cause}.tif"), change, rtol=1e-5)
    assert np.abs(read(out / f"analyses/attribution_{other}.tif")).max() < 1e-6
    names = json.loads((out / "record.json").read_text())["analyses"][0]["rasters"][-1]["names"]
    found = np.unique(read(out / "analyses/attribution_cause.tif"))
    word, side = {"cover": ("cover", "less"), "erosivity": ("rain", "more")}[cause]
    assert {names[code - 1] for code in found} <= {names[0], f"{word}: {side} erosion"}


def test_parts_sum_to_the_change_of_the_published_means(causes, tmp_path, grid):
    file = causes(SPANS, rain=1.2, cover=0.5)
    gap = read(tmp_path / "c_2001.tif")
    gap[3, 4] = np.nan
    gap[5, 6] = 0
    synthetic.write_raster(tmp_path / "c_2001.tif", gap, grid)
    out = execute(open_site(file)).folder
    years = {year: read(out / f"soil_loss/{year}.tif").astype(float) for year in (2001, 2002, 2005, 2006)}
    before, after = (np.nanmean([years[y] for y in pair], axis=0) for pair in ((2001, 2002), (2005, 2006)))
    parts = [read(out / f"analyses/attribution_{name}.tif") for name in ("erosivity", "cover")]
    whole = read(out / "analyses/attribution_change.tif")
    np.testing.assert_allclose(np.sum(parts, axis=0), whole, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(whole, after - before, rtol=1e-4, atol=1e-5)
    change = pd.read_csv(out / "tables/attribution_change.csv").set_index("place")
    assert change.loc["whole area", "before [t ha-1 yr-1]"] == pytest.approx(before.mean(), rel=1e-6)
    assert np.abs(change["not attributed [t ha-1 yr-1]"]).max() < 1e-9
    table = pd.read_csv(out / "tables/attribution.csv")
    for _, rows in table.groupby("place"):
        parts = rows.set_index("factor")["contribution [t ha-1 yr-1]"]
        assert parts.drop("change").sum() == pytest.approx(parts["change"], rel=1e-8)  # as written: 9 digits
    shapley = table.set_index(["place", "factor"])["by Shapley [t ha-1 yr-1]"]
    assert shapley["whole area", "change"] == pytest.approx(parts_of(table, "change"), rel=1e-8)
    assert shapley["whole area", "cover"] == pytest.approx(parts_of(table, "cover"), rel=0.05)


def parts_of(table, factor):
    return table.set_index(["place", "factor"])["contribution [t ha-1 yr-1]"]["whole area", factor]


def test_the_sentence_the_chart_and_the_report(causes):
    out = execute(open_site(causes(SPANS, rain=1.2, cover=0.5))).folder
    made = record.read(out)
    answer = made["analyses"][0]
    assert answer["words"][0].startswith("Soil loss fell 40 % from 2001–2002 to 2005–2006 (")
    assert "rain +14, cover −54" in answer["words"][0]
    assert "erodibility K, topography LS, practice P" in answer["words"][1]
    fall = answer["figures"][0]
    assert fall["kind"] == "waterfall"
    assert fall["start"][1] + sum(part for _, part in fall["parts"]) == pytest.approx(fall["end"][1], rel=1e-9)
    page = write_report(out, made).read_text(encoding="utf-8")
    assert "Why soil loss changed" in page
    for name in ("attribution", "attribution_maps", "attribution_cause"):
        assert (out / f"figures/{name}.png").is_file()


def test_along_the_series_each_year_adds_its_part(causes):
    out = execute(open_site(causes({"along": True}, rain=1.2, cover=0.5))).folder
    years = pd.read_csv(out / "tables/attribution_years.csv")
    whole = years[years["place"] == "whole area"].pivot_table(
        index="year", columns="factor", values="contribution [t ha-1 yr-1]"
    )
    assert list(whole.index) == list(range(2002, 2007))
    assert np.abs(whole.drop(index=2004)).max().max() < 1e-9
    change = pd.read_csv(out / "tables/attribution_change.csv").iloc[0]
    assert whole.sum().sum() == pytest.approx(change["change [t ha-1 yr-1]"], rel=1e-8)
    assert (out / "analyses/attribution_cover.tif").is_file()
    write_report(out, record.read(out))
    assert (out / "figures/attribution_years.png").is_file()


def test_nothing_before_has_no_per_cent(causes, tmp_path, grid):
    file = causes(SPANS)
    for year in YEARS:
        synthetic.write_raster(tmp_path / f"p_{year}.tif", np.full(SHAPE, 0.5 * (year > 2003), "f4"), grid)
    out = execute(open_site(file, {"sources.practice": "p_{year}.tif"})).folder
    for name in ("attribution", "attribution_change"):
        table = pd.read_csv(out / f"tables/{name}.csv", keep_default_na=False)
        column = "contribution [%]" if name == "attribution" else "change [%]"
        assert set(table[column]) == {""}
    assert record.read(out)["analyses"][0]["words"][0].startswith("Soil loss rose from 2001–2002 to 2005–2006 (0 to")


def test_quarters_are_set_against_the_same_quarters(causes, tmp_path, grid):
    file = causes(SPANS, cover=0.5)
    for year in YEARS:
        for quarter in range(1, 5):
            for name in "rc":
                share = 0.1 * quarter if name == "r" else 1
                cells = (read(tmp_path / f"{name}_{year}.tif") * share).astype("f4")
                synthetic.write_raster(tmp_path / f"{name}_{year}_{quarter}.tif", cells, grid)
    sources = {**SOURCES, "erosivity": "r_{year}_{quarter}.tif", "cover": "c_{year}_{quarter}.tif"}
    project = open_site(file, {"sources": sources, "period": {"start": 2001, "end": 2006, "step": "quarter"}})
    out = execute(project).folder
    table = pd.read_csv(out / "tables/attribution.csv").set_index(["place", "factor"])["contribution [%]"]
    assert table["whole area", "cover"] == pytest.approx(-50, rel=1e-6)
    assert abs(table["whole area", "erosivity"]) < 1e-6


def test_land_that_becomes_water_is_a_change_of_cover(causes, tmp_path, grid):
    file = causes(SPANS, rain=1.2, zero_classes=["water"])
    for year in YEARS:
        codes = np.full(SHAPE, 4, "u1")
        codes[:, :10] = 7
        codes[:, 10:20] = 7 if year > 2003 else 4
        synthetic.write_raster(tmp_path / f"land_{year}.tif", codes, grid, nodata=0)
    out = execute(open_site(file, {"sources.land_cover": "land_{year}.tif"})).folder
    cover, rain = (read(out / f"analyses/attribution_{name}.tif") for name in ("cover", "erosivity"))
    before = read(out / "soil_loss/2001.tif")
    np.testing.assert_allclose(cover[:, 10:20], -before[:, 10:20], rtol=1e-5)
    assert not rain[:, :20].any()
    np.testing.assert_allclose(rain[:, 20:], 0.2 * before[:, 20:], rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "where", "sentence"),
    [
        ({"from": 1999}, "analysis.attribution.from", "1999 to 1999 is not in the period 2001 to 2006"),
        ({"from": [2001, 2004], "to": [2003, 2006]}, "analysis.attribution", "must not overlap"),
        ({"from": [2001]}, "project", "from"),
        ({"form": 2001}, "project", "unknown key; did you mean"),
    ],
)
def test_mistakes_are_sentences(causes, options, where, sentence):
    found = [one for one in check(causes(options)) if one.level == "error"]
    assert len(found) == 1
    assert found[0].where == where
    assert sentence in found[0].message


def test_nothing_changes_and_one_year_are_said(causes):
    static = {**SOURCES, "erosivity": 600, "cover": 0.1}
    (found,) = [one for one in check(causes({}), sources=static) if one.where == "analysis.attribution"]
    assert "no factor changes" in found.message
    assert found.level == "warning"
    out = execute(open_site(causes({}), {"sources": static})).folder
    words = record.read(out)["analyses"][0]["words"][0]
    assert words.startswith("Soil loss stayed the same from 2001–2002 to 2005–2006")
    assert "no factor changed" in words
    found = check(causes({}), period={"start": 2001, "end": 2001})
    assert any("needs a period of two years" in one.message for one in found)


def test_the_record_proves_itself(causes):
    out = execute(open_site(causes({"from": 2001, "to": 2006}, cover=0.8))).folder
    assert all(proof.equal for proof in record.verify(out))


def test_the_factors_of_the_chinese_equation_are_shared_out_too(causes):
    sources = {key: value for key, value in SOURCES.items() if key not in ("cover", "practice")}
    sources |= {"biological": "c_{year}.tif", "engineering": 0.8, "tillage": 0.5}
    out = execute(open_site(causes(SPANS, cover=0.5), {"model": "csle", "sources": sources})).folder
    table = pd.read_csv(out / "tables/attribution.csv").set_index(["place", "factor"])["contribution [%]"]
    assert table["whole area", "biological"] == pytest.approx(-50, rel=1e-6)
    assert "cover −50" in record.read(out)["analyses"][0]["words"][0]
