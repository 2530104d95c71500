import numpy as np
import pytest

from soilloss.analysis import scenario
from soilloss.errors import DataError, ProjectError
from soilloss.sources import synthetic
from soilloss.workflow import changes, stored
from soilloss.workflow.project import Changed, Constant
from soilloss.workflow.site import open_site

WINDOW = (slice(0, 60), slice(0, 80))
SOURCES = {
    "elevation": "dem.tif",
    "annual_precipitation": "rain_{year}.tif",
    "ndvi": "ndvi_{year}.tif",
    "erodibility": 0.03,
    "topography": 2.0,
    "land_cover": "cover.tif",
    "practice": 0.5,
}


def made(site):
    for item in stored.pending(site):
        stored.make(site, item, 1, lambda _done, _total: None)
    return site


@pytest.fixture
def opened(landscape, write_project):
    """Open the project with some sources changed; every source under `changed` is filled in by hand."""

    def make(changed, **more):
        return made(open_site(write_project(landscape, sources={**SOURCES, **changed}, **more)))

    return make


def test_sources_that_follow_come_last():
    follows, plain = Changed(donor="land_cover"), Constant(value=1)
    assert [name for name, _ in changes.in_order({"ndvi": follows, "practice": plain})] == ["practice", "ndvi"]
    assert changes.donors({"ndvi": follows, "practice": plain}) == ["ndvi"]


def test_a_rule_is_applied_to_what_the_source_was(opened):
    rules = [{"from": "cropland", "to": "grassland", "elevation [m]": ">200"}, {"from": "cropland", "to": "cropland"}]
    site = opened({"land_cover": {"rules": rules, "source": "cover.tif"}})
    heights, found = synthetic.fractal((60, 80), seed=3), site.read("land_cover", "", WINDOW)
    expected = np.where(heights > 200, 3, 4)
    expected[:, :10] = 7  # no rule for water
    np.testing.assert_array_equal(found, expected)
    assert {item.kind for item in site.stored} == {"changed"}


def test_rules_see_the_rain_of_many_years(opened, landscape, grid):
    rain = {2001: 300, 2002: 500, 2003: 700}
    for year, amount in rain.items():
        synthetic.write_raster(landscape / f"rain_{year}.tif", np.full((60, 80), amount, "f4"), grid)
    lines = [
        {"from": "cropland", "to": "forest", "annual_precipitation [mm]": ">450"},
        {"from": "cropland", "to": "cropland"},
    ]
    period = {"years": [2001], "step": "year"}

    def found(*years):
        changed = {"rules": lines, "source": "cover.tif", **({"years": list(years)} if years else {})}
        return opened({"land_cover": changed}, period=period).read("land_cover", "", WINDOW)[0, -1]

    assert [found(), found(2001, 2002), found(2001, 2003), found(2003)] == [4, 4, 1, 1]


def test_a_method_may_be_changed_too(opened):
    changed = {"cover": {"inside": "zones.gpkg", "becomes": 0.25, "method": {"name": "cai_2000"}}}
    site = opened(changed)
    assert (site.read("cover", "2001", WINDOW) == 0.25).all()
    assert len([item for item in site.stored if item.variable == "cover"]) == 3


def test_donors_are_those_of_the_zone(opened, landscape, grid):
    codes = np.full((60, 80), 4, "u1")
    codes[:30, :] = 1
    synthetic.write_raster(landscape / "cover.tif", codes, grid, nodata=0)
    lines = {"rules": [{"from": "cropland", "to": "forest"}], "source": "cover.tif"}
    follows = {"donor": "land_cover", "source": "ndvi_{year}.tif", "land_cover": "cover.tif"}
    site = opened({"land_cover": lines, "ndvi": follows})
    before = open_site(
        landscape / "project.yml", {"sources.ndvi": "ndvi_{year}.tif", "sources.land_cover": "cover.tif"}
    )
    values, after = before.read("ndvi", "2001", WINDOW), site.read("ndvi", "2001", WINDOW)
    west = np.arange(80)[None, :] < 40
    zones = np.broadcast_to(np.where(west, 1, 2), (60, 80))
    expected = scenario.donor_values(values.astype(float), codes, np.ones_like(codes), zones)
    np.testing.assert_allclose(after, expected, rtol=1e-6)


def test_a_class_without_donors_is_refused_unless_it_does_not_erode(opened):
    follows = {"donor": "land_cover", "source": "ndvi_{year}.tif", "land_cover": "cover.tif"}

    def becoming(name):
        lines = {"rules": [{"from": "cropland", "to": name}], "source": "cover.tif"}
        return opened({"land_cover": lines, "ndvi": follows}, zero_classes=["wetland"])

    with pytest.raises(
        DataError, match="sources.ndvi: land becomes forest, but no cell that is so already has ndvi in"
    ):
        becoming("forest")
    assert np.isnan(becoming("wetland").read("ndvi", "2001", WINDOW)).any()


def test_keys_know_what_they_are_made_of(opened):
    def key(changed, **more):
        return opened({"practice": changed}, **more).keys["practice"]

    first = {"inside": "zones.gpkg", "becomes": 0.25, "source": 0.5}
    assert key(first) == key(first)
    assert key(first) != key({**first, "becomes": 0.3})
    assert key(first) != key({**first, "source": 0.6})


def test_tables_come_as_lines_a_file_or_a_name(tmp_path):
    packaged = changes.rules_table("loess_plateau", tmp_path)
    packaged.to_csv(tmp_path / "mine.csv", index=False)
    lines = packaged.fillna("").astype(str).to_dict("records")
    for rules in ("mine.csv", lines):
        assert scenario.read_rules(changes.rules_table(rules, tmp_path)) == scenario.read_rules(packaged)


def test_mistakes_are_sentences(opened):
    with pytest.raises(ProjectError, match="becomes 'wood' is not a land-cover class"):
        opened({"land_cover": {"inside": "zones.gpkg", "becomes": "wood", "source": "cover.tif"}})
    with pytest.raises(ProjectError, match="practice: becomes 'half', expected a number"):
        opened({"practice": {"inside": "zones.gpkg", "becomes": "half", "source": 1}})
    with pytest.raises(DataError, match="line 1 of the rules: unknown column 'slope'; did you mean 'slope "):
        opened({"land_cover": {"rules": [{"from": "bare", "to": "forest", "slope": ">3"}], "source": "cover.tif"}})
    with pytest.raises(ProjectError, match="expected one of 'rules', 'becomes'"):
        opened({"practice": {"becomes": 1, "donor": "land_cover", "inside": "zones.gpkg"}})
    months = {"monthly_precipitation": {"inside": "zones.gpkg", "becomes": 5, "source": 3}}
    with pytest.raises(ProjectError, match="has an axis of its own"):
        opened(months, methods={"erosivity": "wischmeier_smith_1978"}, period={"start": 2001, "end": 2003})


def test_a_lazy_dataset_has_what_is_changed(landscape, write_project):
    import soilloss as sl

    changed = {"practice": {"inside": "zones.gpkg", "becomes": 0.25, "source": 0.5}}
    file = write_project(landscape, sources={**SOURCES, **changed})
    assert (sl.open(file).practice.values == 0.25).all()
