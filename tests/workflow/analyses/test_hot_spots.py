import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.analysis import change, hot_spots
from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.check import check, examine
from soilloss.workflow.estimate import describe
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

SHAPE = (60, 80)
EVEN = {"elevation": "dem.tif", "erosivity": 1000.0, "erodibility": 0.05, "topography": 20.0, "practice": 1.0}


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_the_tenth_is_exact_and_its_tables_add_up(decade):
    out = execute(open_site(decade({"hot_spots": {"square": 4}}))).folder
    mean = read(out / "soil_loss.tif")
    hot = read(out / "analyses/hot_spots.tif")
    np.testing.assert_array_equal(hot == 2, change.top_fraction(mean, 0.1))
    assert (hot > 0).all()
    zones = pd.read_csv(out / "tables/hot_spot_zones.csv").set_index("zone")
    assert zones["rank"].to_dict() == {"east": 1, "west": 2}
    assert zones.loc["east", "hot spot [ha]"] == pytest.approx((hot == 2).sum() * 0.09)
    assert zones["Gi* z"].isna().all()  # two zones have no pattern
    years = pd.read_csv(out / "tables/hot_spot_years.csv").set_index("year")
    assert years.loc[2010, "hot spot [t ha-1 yr-1]"] > years.loc[2001, "hot spot [t ha-1 yr-1]"]
    words = record.read(out)["analyses"][0]["words"]
    assert words[0].startswith("The 10 % of the land with the highest mean soil loss, 43.2 ha from")


def test_on_what_land_the_hot_spot_lies(decade):
    out = execute(open_site(decade({"hot_spots": {"by": ["elevation", "aspect"]}}))).folder
    elevation = pd.read_csv(out / "tables/hot_spot_elevation.csv")
    assert elevation["hot spot [ha]"].sum() == pytest.approx(43.2)
    assert elevation["area [ha]"].sum() == pytest.approx(60 * 80 * 0.09)
    assert pd.read_csv(out / "tables/hot_spot_aspect.csv")["share of hot spot [%]"].sum() == pytest.approx(100)


def test_equal_cells_are_marked_together_and_that_is_said(decade):
    out = execute(open_site(decade("hot_spots", sources={**EVEN, "cover": 0.01}))).folder
    words = record.read(out)["analyses"][0]["words"][0]
    assert "432 ha (100 %, because so many cells have the same value) from" in words
    file = decade({"hot_spots": {"fraction": 0.0001}}, sources={**EVEN, "cover": "cover_{year}.tif"})
    words = record.read(execute(open_site(file)).folder)["analyses"][0]["words"][0]
    assert words == "0.01 % of the land is less than one cell, so that there is no hot spot."


def test_a_project_without_a_period_has_hot_spots_but_no_change(decade):
    once = {"period": None, "sources": {"elevation": "dem.tif", "erosivity": 1000.0, "erodibility": 0.05}}
    once["sources"] |= {"topography": 20.0, "practice": 1.0, "cover": "cover_2001.tif"}
    out = execute(open_site(decade("hot_spots", **once))).folder
    hot = read(out / "analyses/hot_spots.tif")
    np.testing.assert_array_equal(hot == 2, change.top_fraction(read(out / "soil_loss.tif"), 0.1))
    site = open_site(decade("change", "trend", {"transitions": {"of": "severity"}}, **once))
    assert [entry["name"] for entry in describe(site)["analyses"]] == ["trend", "transitions", "change"]
    said = {finding.where: finding.message for finding in examine(site)}
    assert "the project has none" in said["analysis.change"]
    assert "the project has none" in said["analysis.transitions"]
    assert "has 0 years" in said["analysis.trend"]


def test_clusters_are_those_of_the_function_on_squares(decade):
    out = execute(open_site(decade({"hot_spots": {"square": 4}}))).folder
    squares = read(out / "soil_loss.tif").astype("f8").reshape(15, 4, 20, 4).mean((1, 3))
    expected = hot_spots.getis_ord(squares)["cluster"] + 2
    np.testing.assert_array_equal(read(out / "analyses/hot_spot_clusters.tif")[::4, ::4], expected)
    assert {"getis1992", "ord1995"} <= set(record.read(out)["citations"])


def test_land_cover_inside_the_hot_spot(decade, tmp_path, grid):
    for year in range(2001, 2011):
        land = np.full(SHAPE, 1, "u1")
        land[:, 40:] = 4 if year > 2005 else 3
        synthetic.write_raster(tmp_path / f"land_{year}.tif", land, grid, nodata=0)
    file = decade({"hot_spots": {"fraction": 0.2}})
    changed = {"analysis": [{"hot_spots": {"fraction": 0.2}}], "sources.land_cover": "land_{year}.tif"}
    out = execute(open_site(file, changed)).folder
    moved = pd.read_csv(out / "tables/hot_spot_transitions.csv")
    assert moved.iloc[0].tolist() == ["grassland", "cropland", pytest.approx(0.2 * 60 * 80 * 0.09)]
    cover = pd.read_csv(out / "tables/hot_spot_land_cover.csv").set_index("class")
    assert cover.loc["cropland", "hot spot 2010 [%]"] == 100
    assert cover.loc["forest", "the rest 2001 [%]"] == pytest.approx(100 * 2400 / 3840)


def test_bits_do_not_depend_on_threads_with_several_tiles(tmp_path, write_landscape, write_project):
    shape = (600, 1100)
    grid = synthetic.small_grid(shape)
    write_landscape(tmp_path, grid, shape)
    file = write_project(tmp_path, analysis=["hot_spots"])
    found = []
    for workers in (1, 3):
        execute(open_site(file), workers=workers)
        answer = record.read(tmp_path / "out")["analyses"][0]
        found.append([one["hash"] for one in [*answer["rasters"], *answer["tables"]]])
    assert found[0] == found[1]
    mean = read(tmp_path / "out/soil_loss.tif")
    expected = change.top_fraction(mean, 0.1)
    np.testing.assert_array_equal(read(tmp_path / "out/analyses/hot_spots.tif") == 2, expected)


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"square": 6}, "6 cells are not a power of two"),
        ({"square": 64}, "makes 2 squares"),
        ({"fraction": 1.5}, "analysis.hot_spots.fraction"),
    ],
)
def test_mistakes_are_sentences(decade, options, sentence):
    found = check(decade({"hot_spots": options}))
    assert any(sentence in finding.message for finding in found), [f.message for f in found]
