import re
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.analysis import bivariate
from soilloss.publish.report import write_report
from soilloss.workflow import record
from soilloss.workflow.analyses.bivariate import _sentence, side_of, squares
from soilloss.workflow.check import check
from soilloss.workflow.project.analysis import Bivariate
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

FEW = {"permutations": 99}


def read(path):
    with rasterio.open(path) as dataset:
        return dataset.read(1)


def test_maps_and_numbers_are_those_of_the_functions(decade):
    out = execute(open_site(decade({"bivariate": {"b": "cover", **FEW}}))).folder
    loss, cover = read(out / "soil_loss.tif"), read(out / "factors/cover.tif")
    expected = bivariate.choropleth(loss, cover)
    np.testing.assert_array_equal(read(out / "analyses/bivariate.tif"), np.nan_to_num(expected + 1))
    local = bivariate.local_morans_i(loss.astype(float), cover.astype(float), permutations=99)["cluster"]
    np.testing.assert_array_equal(read(out / "analyses/bivariate_clusters.tif"), np.nan_to_num(local + 1))
    table = pd.read_csv(out / "tables/bivariate_moran.csv").iloc[0]
    found = bivariate.morans_i(loss.astype(float), cover.astype(float), permutations=99)
    assert table["i"] == pytest.approx(found["i"], rel=1e-6)
    assert table["p_value"] == pytest.approx(found["p_value"])
    areas = pd.read_csv(out / "tables/bivariate.csv")
    assert areas.groupby("place")["share [%]"].sum().tolist() == pytest.approx([100, 100, 100])
    write_report(out, record.read(out))
    assert (out / "figures/bivariate.png").is_file()
    assert all(proof.equal for proof in record.verify(out))


def test_squares_stand_for_cells_of_a_large_grid(decade):
    out = execute(open_site(decade({"bivariate": {"b": "cover", "cells": 1200, **FEW}}))).folder
    assert side_of((60, 80), 1200) == 2
    loss, cover = (squares(read(out / path).astype(float), 2) for path in ("soil_loss.tif", "factors/cover.tif"))
    found = bivariate.morans_i(loss, cover, permutations=99)
    assert pd.read_csv(out / "tables/bivariate_moran.csv")["i"][0] == pytest.approx(found["i"], rel=1e-6)
    clusters = read(out / "analyses/bivariate_clusters.tif")
    np.testing.assert_array_equal(clusters[::2, ::2], clusters[1::2, 1::2])
    assert "squares of 2 × 2 cells" in record.read(out)["analyses"][0]["words"][0]


def test_squares_at_the_rim_and_over_gaps():
    cells = np.arange(9.0).reshape(3, 3)
    cells[0, :] = np.nan
    assert squares(cells, 2).tolist() == [[3.5, 5.0], [6.5, 8.0]]
    cells[1, 1] = np.nan
    assert np.isnan(squares(cells, 2)[0, 0])


def test_gain_and_loss_of_severity_and_land_cover(decade, grid):
    from soilloss.sources import synthetic

    options = {"bivariate": {"a": "severity", "b": "land_cover", "kind": "change", **FEW}}
    file = decade(options, {"severity": {"scheme": "poyang"}})
    for year in range(2001, 2011):
        codes = np.full((60, 80), 4, "u1")
        codes[:, 20:60] = 4 if year < 2006 else 1
        synthetic.write_raster(file.parent / f"land_{year}.tif", codes, grid, nodata=0)
    out = execute(open_site(file, {"sources.land_cover": "land_{year}.tif"})).folder
    before, after = (read(out / f"severity/{year}.tif").astype(int) for year in (2001, 2010))
    erosion, land = np.sign(before - after), np.zeros((60, 80), int)
    land[:, 20:60] = 1
    expected = 1 + 3 * (erosion + 1) + land + 1
    np.testing.assert_array_equal(read(out / "analyses/bivariate.tif"), np.where(before * after > 0, expected, 0))
    words = record.read(out)["analyses"][0]["words"][0]
    assert re.match("High gain of severity .* high gain of land cover around it: bivariate Moran's I is", words)


def test_chance_is_no_pattern():
    options = Bivariate(b="cover")
    site = SimpleNamespace(shape=(9, 9))
    areas = np.array([0.0, 10, 0, 0, 0, 0])
    said = [
        _sentence(SimpleNamespace(site=site), options, {"i": i, "p_value": p}, areas)
        for i, p in ((0.3, 0.001), (-0.3, 0.001), (0.001, 0.49))
    ]
    assert said[0].startswith("High soil loss A goes with high cover C around it")
    assert said[1].startswith("High soil loss A stands against high cover C")
    assert said[2].startswith("High soil loss A neither goes with nor stands against high cover C")


@pytest.mark.parametrize(
    ("options", "where", "sentence"),
    [
        ({}, "project", "b: is missing"),
        ({"b": "soil_loss"}, "analysis.bivariate", "a and b are both soil_loss"),
        ({"b": "covr"}, "project", "did you mean 'cover'"),
        ({"b": "practice"}, "analysis.bivariate", "practice is 1 everywhere"),
        ({"b": "land_cover"}, "analysis.bivariate", "land_cover holds classes, which have no thirds"),
        ({"b": "cover", "kind": "change"}, "analysis.bivariate", "kind: change compares severity and land_cover, not"),
    ],
)
def test_mistakes_are_sentences(decade, options, where, sentence):
    found = [one for one in check(decade({"bivariate": options})) if one.level == "error"]
    assert found[0].where == where
    assert any(sentence in one.message for one in found)
