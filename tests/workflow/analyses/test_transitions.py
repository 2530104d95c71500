import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.analysis import change
from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.check import check
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

SHAPE = (60, 80)


@pytest.fixture
def cleared(decade, tmp_path, grid):
    """Forest in the north, cropland in the south; each year two more rows of forest are cleared, from 2003 on."""
    for at, year in enumerate(range(2001, 2011)):
        land = np.full(SHAPE, 4, "u1")
        land[: 30 - 2 * max(0, at - 1)] = 1
        land[:, :5] = 7 if year != 2006 else 0
        synthetic.write_raster(tmp_path / f"land_{year}.tif", land, grid, nodata=0)

    def write(options, **changes):
        sources = {
            "elevation": "dem.tif",
            "erosivity": 1000.0,
            "erodibility": 0.05,
            "topography": 20.0,
            "practice": 1.0,
            "cover": "cover_{year}.tif",
            "land_cover": "land_{year}.tif",
        }
        return decade({"transitions": options}, sources=sources, **changes)

    return write


def land(folder, year):
    with rasterio.open(folder / f"land_{year}.tif") as dataset:
        return dataset.read(1)


def test_areas_and_matrix_are_those_of_the_maps(cleared, tmp_path):
    out = execute(open_site(cleared({"periods": [2001, 2010]}))).folder
    matrix = pd.read_csv(out / "tables/transition_matrix_land_cover.csv").set_index("from")
    expected = change.transition_matrix(land(tmp_path, 2001), land(tmp_path, 2010), cell_area=0.09)
    np.testing.assert_allclose(matrix.drop(columns="sum [ha]").to_numpy(), expected.to_numpy())
    assert list(matrix.index) == ["forest", "cropland", "water"]
    areas = pd.read_csv(out / "tables/class_areas_land_cover.csv")
    whole = areas[areas["place"] == "whole area"].set_index(["year", "class"])["area [ha]"]
    assert whole[2001, "forest"] == pytest.approx(30 * 75 * 0.09)
    assert whole[2010, "forest"] == pytest.approx(14 * 75 * 0.09)
    both = areas[areas["place"] != "whole area"].groupby(["year", "class"])["area [ha]"].sum()
    np.testing.assert_allclose(both.to_numpy(), whole.sort_index().to_numpy())


def test_gain_loss_and_timing(cleared):
    site = open_site(cleared({"periods": [2001, 2010]}))
    done = execute(site)
    table = pd.read_csv(done.folder / "tables/gain_loss_land_cover.csv").set_index("place")
    assert table.loc["whole area", "loss [ha]"] == pytest.approx(16 * 75 * 0.09)
    assert table.loc["whole area", "gain [ha]"] == 0
    with rasterio.open(done.folder / "analyses/gain_loss_land_cover.tif") as dataset:
        turn = dataset.read(1)
        assert set(np.unique(turn[14:30, 5:])) == {1}
        assert set(np.unique(turn[:14])) == {2}
    with rasterio.open(done.folder / "analyses/timing_land_cover.tif") as dataset:
        assert dataset.descriptions == ("gain", "loss", "gains", "losses")
        gain, loss = dataset.read([1, 2])
        assert (gain[28:30, 5:] == 2003).all()
        assert (gain[14:16, 5:] == 2010).all()
        assert np.isnan(loss).all()
    timing = pd.read_csv(done.folder / "tables/timing_land_cover.csv").set_index(["year", "class"])
    assert timing.loc[(2005, "cropland"), "gained [ha]"] == pytest.approx(2 * 75 * 0.09)
    sudden = [f.message for f in done.findings if "occurs in only 9 of 10 years" in f.message]
    assert sudden
    assert sudden[0].startswith("water covers 6.25 % of the area in 2001")


def test_severity_of_periods_is_the_grade_of_their_means(cleared):
    options = {"of": "severity", "periods": ["2001-2005", "2006-2010"]}
    scheme = {"scheme": "sl190_2007", "tolerance": 8}
    file = cleared(options)
    out = execute(open_site(file, {"analysis": [{"severity": scheme}, {"transitions": options}]})).folder
    matrix = pd.read_csv(out / "tables/transition_matrix_severity.csv").set_index("from")
    # the west falls from 8 (mean of 10 .. 6) to 3, the east rises from 12 to 17, the north stays at 5
    assert matrix.index.tolist()[0].startswith("slight")
    turns = pd.read_csv(out / "tables/gain_loss_severity.csv").set_index("place")
    assert turns.loc["east", "loss [ha]"] == 0
    assert 0 < turns.loc["west", "gain [ha]"] < 50 * 40 * 0.09
    assert not (out / "analyses/timing_severity.tif").exists()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"periods": [2001, 2012]}, "2012 is not within the project's period, 2001–2010"),
        ({"periods": [2001]}, "names 1, expected 2 or more"),
        ({"periods": [2005, 2001]}, "period 2001 does not come after 2005"),
        ({"periods": ["2005-2001"]}, "period 2005-2001 ends before it starts"),
        ({"periods": ["last"]}, "'last' is no period; write a year, 2016-2018 or [2016, 2018]"),
        ({"timing": "maize"}, "'maize' is no class; expected one of forest"),
    ],
)
def test_what_cannot_be_compared_is_said(cleared, options, sentence):
    assert any(sentence in finding.message for finding in check(cleared(options)))


def test_land_cover_that_never_changes_is_refused(decade):
    (found,) = [f for f in check(decade("transitions")) if f.where == "analysis.transitions"]
    assert "land_cover is the same every year" in found.message
    assert found.level == "error"


def test_names_of_classes_survive_the_record(cleared):
    out = execute(open_site(cleared({"periods": [2001, 2010], "names": {1: "old forest"}}))).folder
    matrix = pd.read_csv(out / "tables/transition_matrix_land_cover.csv").set_index("from")
    assert matrix.index[0] == "old forest"
    assert all(proof.equal for proof in record.verify(out))
