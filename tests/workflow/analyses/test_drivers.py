import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.analysis import drivers
from soilloss.publish.report import write_report
from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.analyses.drivers import stride
from soilloss.workflow.check import check
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def run(file, **overrides):
    return execute(open_site(file, overrides)).folder


def test_space_is_that_of_the_functions_on_the_published_maps(decade):
    out = run(decade({"drivers": {"classes": 5}}))
    loss, cover = read(out / "soil_loss.tif"), read(out / "factors/cover.tif")
    table = pd.read_csv(out / "tables/divergence.csv").set_index("map")
    assert list(table.index) == ["cover"]  # what is the same everywhere has no divergence
    counted, placed = drivers.kl_divergence(loss, cover), drivers.kl_divergence_spatial(loss, cover)
    row = table.loc["cover"]
    assert row["divergence of histograms [nat]"] == pytest.approx(counted["divergence"], rel=1e-6)
    assert row["Jensen-Shannon of shares in space [nat]"] == pytest.approx(
        placed["jensen_shannon"], rel=1e-6, abs=1e-12
    )
    assert row["Spearman's rho"] == pytest.approx(1, abs=1e-6)
    detector = pd.read_csv(out / "tables/detector.csv").set_index("map")
    expected = drivers.geographical_detector(loss, {"cover": cover}, classes=5)["factors"]
    assert detector.loc["cover", "q"] == pytest.approx(expected["q"][0], rel=1e-6)


def test_time_correlates_the_means_of_the_years(decade, tmp_path):
    rain = np.arange(2001, 2011) * 2.0
    pd.DataFrame({"year": range(2001, 2011), "temperature": rain}).to_csv(tmp_path / "more.csv", index=False)
    options = {"series": "more.csv", "also": ["land_cover"], "periods": [[2001, 2005]], "window": 4}
    out = run(decade({"drivers": options}))
    series = pd.read_csv(out / "tables/series.csv")
    summary = pd.read_csv(out / "tables/summary.csv", dtype={"step": str}).set_index("step")
    loss = series["soil loss A [t ha-1 yr-1]"]
    np.testing.assert_allclose(
        loss, summary.loc[[str(y) for y in range(2001, 2011)], "mean soil loss [t ha-1]"], rtol=1e-6
    )
    table = pd.read_csv(out / "tables/correlations.csv")
    whole = table[table["kind"] == "whole"]
    found = whole[whole["second"] == "temperature"].set_index("first")["r"]
    assert found.iloc[0] == pytest.approx(np.corrcoef(loss, rain)[0, 1], rel=1e-5)
    assert set(table["kind"]) == {"whole", "period", "window"}
    assert len(table[table["kind"] == "window"]["start"].unique()) == 7
    page = write_report(out, record.read(out)).read_text(encoding="utf-8")
    assert "shuffling the cells" in page
    for name in ("correlations", "correlations_2001_2005", "correlations_window", "detector"):
        assert (out / f"figures/{name}.png").is_file()
    assert all(proof.equal for proof in record.verify(out))


def test_land_cover_gives_its_shares_and_its_strata(decade):
    sources = {"land_cover": "cover_class_{year}.tif"}
    file = decade({"drivers": {"of": ["cover", "land_cover"], "also": ["land_cover"]}})
    grid = synthetic.small_grid((60, 80))
    for at, year in enumerate(range(2001, 2011)):
        codes = np.full((60, 80), 4, "u1")
        codes[: 6 * at] = 1
        codes[-1] = 200  # no class of the vocabulary
        synthetic.write_raster(file.parent / f"cover_class_{year}.tif", codes, grid, nodata=0)
    out = run(file, **{f"sources.{name}": path for name, path in sources.items()})
    series = pd.read_csv(out / "tables/series.csv")
    np.testing.assert_allclose(series["share of forest [%]"], np.arange(10) * 600 / 59, atol=1e-9)
    np.testing.assert_allclose(series["share of forest [%]"] + series["share of cropland [%]"], 100)
    assert pd.read_csv(out / "tables/detector.csv")["map"].tolist() == ["cover", "land_cover"]
    assert pd.read_csv(out / "tables/divergence.csv")["map"].tolist() == ["cover"]
    assert len(pd.read_csv(out / "tables/detector_pairs.csv")) == 1


def test_a_year_that_is_hardly_known_and_a_name_given_twice(decade, tmp_path, grid):
    file = decade({"drivers": {"of": "cover", "series": "more.csv"}})
    (tmp_path / "more.csv").write_text("year,cover C\n" + "".join(f"{year},{year % 5}\n" for year in range(2001, 2011)))
    gap = read(tmp_path / "cover_2004.tif")
    gap[:, 70:] = np.nan
    synthetic.write_raster(tmp_path / "cover_2004.tif", gap, grid)
    out = run(file)
    series = pd.read_csv(out / "tables/series.csv").set_index("year")
    assert list(series)[1:] == ["cover C", "cover C of more.csv"]
    assert np.flatnonzero(series["cover C"].isna()).tolist() == [3]
    whole = pd.read_csv(out / "tables/correlations.csv").query("kind == 'whole'").iloc[0]
    assert whole["n"] == 9


def test_a_sample_is_the_same_whatever_the_tiles(decade, monkeypatch):
    from soilloss.workflow.analyses import drivers as module

    monkeypatch.setattr(module, "MOST", 1200)
    out = run(decade("drivers"))
    loss = read(out / "soil_loss.tif")[::2, ::2]
    cover = read(out / "factors/cover.tif")[::2, ::2]
    table = pd.read_csv(out / "tables/divergence.csv")
    assert table["cells"][0] == 1200
    expected = drivers.kl_divergence(loss, cover)["divergence"]
    assert table["divergence of histograms [nat]"][0] == pytest.approx(expected, rel=1e-6)
    assert stride((60, 80), 1200) == 2


@pytest.mark.parametrize(
    ("options", "text", "where", "sentence"),
    [
        ({"series": "more.csv"}, None, "analysis.drivers.series", "cannot be read as a table"),
        (
            {"series": "more.csv"},
            "date,t\n2001,3\n",
            "analysis.drivers.series",
            "has the columns date, t; expected one",
        ),
        ({"series": "more.csv"}, "year,t\n2001,warm\n", "analysis.drivers.series", "the column 't' holds text"),
        ({"series": "more.csv"}, "year,t\n2001,3\n2001,4\n", "analysis.drivers.series", "has the year 2001 twice"),
        ({"series": "more.csv"}, "year,t\n2001,3\n,\n", "analysis.drivers.series", "has the year nan, expected whole"),
        ({"series": "more.csv"}, "year,t\n1990,3\n", "analysis.drivers.series", "none of them in the project's period"),
        ({"periods": [[2001, 2002]]}, None, "analysis.drivers.periods", "2001 to 2002 has fewer than 3 years"),
        ({"window": 12}, None, "analysis.drivers.window", "is 12 years, but the period has 10"),
        ({"of": ["covr"]}, None, "project", "'covr' is not a variable soilloss knows; did you mean 'cover'"),
    ],
)
def test_mistakes_are_sentences(decade, tmp_path, options, text, where, sentence):
    file = decade({"drivers": options})
    if text is not None:
        (tmp_path / "more.csv").write_text(text)
    found = [one for one in check(file) if one.level == "error"]
    assert [one.where for one in found] == [where]
    assert sentence in found[0].message


def test_two_years_are_compared_in_space_only(decade):
    file = decade("drivers", period={"start": 2001, "end": 2002})
    assert any("only the comparison in space" in one.message for one in check(file))
    out = run(file)
    assert not (out / "tables/correlations.csv").exists()
    assert (out / "tables/detector.csv").exists()
    file = decade({"drivers": {"of": "practice"}}, period={"start": 2001, "end": 2002})
    words = record.read(run(file))["analyses"][0]["words"]
    assert words == ["No map differs from place to place, and there are too few years."]
