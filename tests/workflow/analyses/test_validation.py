import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from shapely.geometry import Point, box

from soilloss.publish.report import write_report
from soilloss.workflow import record
from soilloss.workflow.check import check
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

YEARS = range(2001, 2011)


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_shares_of_the_years_against_official_ones(decade, tmp_path):
    file = decade({"severity": {"scheme": "poyang"}}, {"validation": {"official": "official.csv", "eroded_from": 2}})
    official = {2003: 30.0, 2005: 25.0, 2008: 20.0, 1999: 50.0}
    frame = pd.DataFrame({"year": list(official), "bulletin": list(official.values())})
    frame["other map"] = [28.0, 29.0, np.nan, 10.0]
    frame.to_csv(tmp_path / "official.csv", index=False)
    out = execute(open_site(file)).folder
    table = pd.read_csv(out / "tables/validation_shares.csv").set_index("year")
    severity = {year: read(out / f"severity/{year}.tif") for year in (2003, 2005, 2008)}
    shares = {year: 100 * (grades >= 2).sum() / (grades > 0).sum() for year, grades in severity.items()}
    for year, share in shares.items():
        assert table.loc[year, "this map"] == pytest.approx(share, rel=1e-6)
    scores = pd.read_csv(out / "tables/validation_scores.csv").set_index("product")
    assert scores["years"].tolist() == [2, 2]  # all products are judged on the years that all have
    errors = np.array([shares[2003] - 30, shares[2005] - 25])
    assert scores.loc["this map", "bias [points]"] == pytest.approx(errors.mean(), rel=1e-6)
    assert scores.loc["this map", "MAE [points]"] == pytest.approx(np.abs(errors).mean(), rel=1e-6)
    assert scores.loc["other map", "bias [points]"] == pytest.approx((28 - 30 + 29 - 25) / 2)
    write_report(out, record.read(out))
    assert (out / "figures/validation_shares.png").is_file()


def test_plots_against_the_cells_they_lie_in(decade, tmp_path, grid):
    x0, y0 = grid.affine * (0.5, 0.5)
    rows, columns = [3, 20, 40, 55, 30], [5, 30, 60, 79, 10]
    points = pd.DataFrame({"station": [f"P{i}" for i in range(5)]})
    points["x"], points["y"] = x0 + 30.0 * np.array(columns), y0 - 30.0 * np.array(rows)
    points["soil_loss"] = [4.0, 9.0, 3.0, 12.0, np.nan]
    points.loc[len(points)] = ["far away", x0 - 1e5, y0, 3.0]
    points.to_csv(tmp_path / "plots.csv", index=False)
    file = decade({"validation": {"observed": "plots.csv", "crs": grid.crs.to_wkt()}})
    out = execute(open_site(file)).folder
    loss = read(out / "soil_loss.tif").astype(float)
    table = pd.read_csv(out / "tables/validation_observed.csv")
    np.testing.assert_allclose(table["modelled [t ha-1 yr-1]"][:5], loss[rows, columns], rtol=1e-6)
    assert np.isnan(table["modelled [t ha-1 yr-1]"][5])
    scores = pd.read_csv(out / "tables/validation_observed_scores.csv").iloc[0]
    model, truth = loss[rows[:4], columns[:4]], points["soil_loss"][:4].to_numpy()
    assert scores["observations"] == 4
    assert scores["bias [t ha-1 yr-1]"] == pytest.approx((model - truth).mean(), rel=1e-6)
    assert scores["RMSE [t ha-1 yr-1]"] == pytest.approx(np.sqrt(((model - truth) ** 2).mean()), rel=1e-6)
    spread = ((truth - truth.mean()) ** 2).sum()
    assert scores["Nash-Sutcliffe"] == pytest.approx(1 - ((model - truth) ** 2).sum() / spread, rel=1e-6)
    write_report(out, record.read(out))
    assert (out / "figures/validation_observed.png").is_file()
    assert all(proof.equal for proof in record.verify(out))


def test_catchments_take_the_mean_of_the_year(decade, tmp_path, grid):
    west, south, east, north = grid.boundingbox
    shapes = [box(west, south, west + 600, north), box(east - 300, north - 300, east, north)]
    frame = gpd.GeoDataFrame({"name": ["a", "b"], "soil_loss": [5.0, 6.0]}, geometry=shapes, crs=grid.crs.to_wkt())
    frame.to_file(tmp_path / "gauges.gpkg")
    file = decade({"validation": {"observed": "gauges.gpkg", "year": 2010}})
    out = execute(open_site(file)).folder
    loss = read(out / "soil_loss/2010.tif").astype(float)
    table = pd.read_csv(out / "tables/validation_observed.csv")
    expected = [np.nanmean(loss[:, :20]), np.nanmean(loss[:10, 70:])]
    np.testing.assert_allclose(table["modelled [t ha-1 yr-1]"], expected, rtol=1e-6)
    assert any("settles on the way" in words for words in record.read(out)["analyses"][0]["words"])
    points = gpd.GeoDataFrame({"soil_loss": [5.0]}, geometry=[Point(west + 15, north - 15)], crs=grid.crs.to_wkt())
    points.to_file(tmp_path / "points.gpkg")
    out = execute(open_site(decade({"validation": {"observed": "points.gpkg"}}))).folder
    found = pd.read_csv(out / "tables/validation_observed.csv")["modelled [t ha-1 yr-1]"]
    assert found[0] == pytest.approx(read(out / "soil_loss.tif")[0, 0], rel=1e-6)


@pytest.mark.parametrize(
    ("options", "text", "where", "sentence"),
    [
        ({}, None, "project", "against what? give 'official'"),
        ({"official": "a.csv"}, None, "analysis.validation.official", "cannot be read as a table"),
        ({"official": "a.csv"}, "year\n2001\n", "analysis.validation.official", "has only the column year"),
        (
            {"official": "a.csv"},
            "year,s\n2001,130\n",
            "analysis.validation.official",
            "has a share of 130, expected per",
        ),
        ({"official": "a.csv"}, "year,s\n1990,13\n", "analysis.validation.official", "none of which the project has"),
        (
            {"official": "a.csv"},
            "year,s,other\n2001,13,\n1990,13,12\n",
            "analysis.validation.official",
            "no year is in all results",
        ),
        ({"official": "a.csv"}, "year,this map\n2001,13\n", "analysis.validation.official", "a column 'this map'"),
        ({"official": "a.csv", "eroded_from": 7}, "year,s\n2001,13\n", "analysis.validation.eroded_from", "is 7, but"),
        ({"observed": "a.csv"}, "x,y\n1,2\n", "analysis.validation.observed", "has no column soil_loss"),
        ({"observed": "a.csv"}, "x,y,soil_loss\n1,2,3\n", "analysis.validation.observed", "none of the 1 observations"),
        ({"observed": "b.gpkg"}, None, "analysis.validation.observed", "there is no table"),
        (
            {"observed": "a.csv", "year": 1990},
            "x,y,soil_loss\n27,41.7,3\n",
            "analysis.validation.year",
            "1990 is no year",
        ),
    ],
)
def test_mistakes_are_sentences(decade, tmp_path, options, text, where, sentence):
    file = decade({"validation": options})
    if text:
        (tmp_path / "a.csv").write_text(text)
    found = [one for one in check(file) if one.level == "error"]
    assert where in [one.where for one in found]
    assert any(sentence in one.message for one in found)


def test_no_observation_with_a_value_is_said(decade, tmp_path, grid):
    x, y = grid.affine * (7.5, 50.5)
    (tmp_path / "a.csv").write_text(f"x,y,soil_loss\n{x},{y},3\n")
    file = decade({"validation": {"observed": "a.csv", "crs": grid.crs.to_wkt(), "year": 2004}})
    out = execute(open_site(file)).folder
    assert record.read(out)["analyses"][0]["words"] == ["No observation lies where the map has a value."]
