import numpy as np
import pytest

from soilloss.workflow import block
from soilloss.workflow.analyses.place import Place, make_study
from soilloss.workflow.site import open_site


@pytest.fixture
def study_of(write_project, landscape):
    def make(names, published=None, **changes):
        site = open_site(write_project(landscape, **changes))
        from soilloss.sources import vectors

        zones = vectors.read_zones(site.data / "zones.gpkg", "NAME", site.wkt)
        return make_study(site, published or {}, zones, set(names), {})

    return make


WINDOW = (slice(0, 60), slice(0, 80))
SIMPLE = {
    "elevation": "dem.tif",
    "erosivity": "rain_{year}.tif",
    "erodibility": 0.03,
    "topography": 2.0,
    "cover": "ndvi_{year}.tif",
    "practice": 1.0,
    "land_cover": "cover.tif",
}


def test_years_of_what_changes_and_of_what_does_not(study_of):
    place = Place(study_of({"erosivity", "practice"}, sources=SIMPLE), WINDOW)
    assert place.years("erosivity")[:, 0, 0].tolist() == [600, 700, 800]
    assert place.years("practice").shape == (3, 60, 80)
    assert place.static("erosivity")[3, 3] == 700


def test_soil_loss_is_zero_on_water_and_severity_follows(study_of):
    place = Place(study_of({"severity"}, sources=SIMPLE), WINDOW)
    loss = place.years("soil_loss")
    assert (loss[:, :, :10] == 0).all()
    assert np.isnan(loss[1, 6, 12])  # a gap of 2002
    assert np.isnan(place.years("severity")[1, 6, 12])
    assert np.isfinite(place.static("soil_loss")[6, 12])  # two years of three are enough


def test_quarters_are_added_up_to_years(study_of, landscape, grid, monkeypatch):
    from soilloss.sources import synthetic

    for quarter in range(1, 5):
        synthetic.write_raster(landscape / f"r_2001-Q{quarter}.tif", np.full((60, 80), quarter, "f4"), grid)
    sources = {**SIMPLE, "erosivity": "r_{year}-Q{quarter}.tif", "cover": 0.5}
    period = {"start": 2001, "end": 2001, "step": "quarter"}
    place = Place(study_of({"erosivity", "cover", "severity"}, sources=sources, period=period), WINDOW)
    walks, evaluate = [], block.evaluate
    monkeypatch.setattr(block, "evaluate", lambda *given: walks.append(given) or evaluate(*given))
    place.hold(["erosivity", "cover", "severity"])
    assert place.steps("erosivity")[:, 0, 0].tolist() == [1, 2, 3, 4]
    assert place.steps("cover")[:, 0, 0].tolist() == [0.5] * 4
    assert np.isfinite(place.steps("severity")[:, 0, 20]).all()
    assert len(walks) == 1
    assert place.years("erosivity")[:, 0, 0].tolist() == [10]
    assert place.years("cover")[0, 0, 0] == np.float32(0.5)


def test_tally_sums_by_place_and_class(study_of):
    place = Place(study_of({"practice"}, sources=SIMPLE), WINDOW)
    classes = np.ones((60, 80), np.uint8)
    classes[:, :20] = 2
    areas = place.tally(classes, 2)
    assert areas.shape == (3, 3)
    np.testing.assert_allclose(areas[:, 1:] / 900, [[3600, 1200], [1200, 1200], [2400, 0]])
    sums = place.tally(classes, 2, np.full((60, 80), 2.0))
    np.testing.assert_allclose(sums, 2 * areas)
