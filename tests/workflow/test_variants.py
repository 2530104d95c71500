import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from shapely.geometry import box

from soilloss.errors import ProjectError
from soilloss.sources import synthetic
from soilloss.workflow import variants as module
from soilloss.workflow.record import verify
from soilloss.workflow.site import open_site
from soilloss.workflow.variants import examine_variants, execute_all, variant, variant_site

SOURCES = {
    "elevation": "dem.tif",
    "annual_precipitation": "rain_{year}.tif",
    "ndvi": "ndvi_{year}.tif",
    "erodibility": 0.03,
    "topography": 2.0,
    "land_cover": "cover.tif",
    "practice": 0.5,
}


def read(path):
    with rasterio.open(path) as data:
        return data.read(1)


@pytest.fixture
def project(landscape, write_project):
    """Write the project with variants and open it."""

    def write(variants, **changes):
        return open_site(write_project(landscape, sources=SOURCES, **changes, variants=variants))

    return write


def test_a_factor_of_one_source_scales_the_result(landscape, project):
    execute_all(project({"halved": {"sources": {"practice": {"times": 0.5}}}}))
    base, half = (read(landscape / "out" / path) for path in ("soil_loss.tif", "variants/halved/soil_loss.tif"))
    np.testing.assert_allclose(half, base / 2, rtol=1e-6)
    np.testing.assert_allclose(read(landscape / "out/differences/halved.tif"), half - base, rtol=1e-6)
    table = pd.read_csv(landscape / "out/tables/variants.csv")
    assert table["difference [%]"].tolist() == [pytest.approx(-50)]
    assert np.isnan(table["converted area [ha]"][0])
    zones = pd.read_csv(landscape / "out/tables/variant_zones.csv")
    assert zones["zone"].tolist() == ["west", "east"]
    np.testing.assert_allclose(zones["difference [%]"], -50, rtol=1e-6)
    (entry,) = json.loads((landscape / "out/record.json").read_text())["analyses"]
    assert entry["words"][0].startswith("halved lowers mean soil loss by 50 %, to ")


def test_rain_times_a_factor_reaches_the_equation(landscape, project):
    site = project({"wetter": {"sources": {"annual_precipitation": {"times": 1.1}}}})
    window = (slice(0, 3), slice(0, 4))
    wetter = variant_site(site, "wetter")
    np.testing.assert_allclose(
        wetter.read("annual_precipitation", "2002", window),
        1.1 * site.read("annual_precipitation", "2002", window),
        rtol=1e-6,
    )
    assert wetter.keys["annual_precipitation"] != site.keys["annual_precipitation"]
    assert wetter.keys["ndvi"] == site.keys["ndvi"]


def test_what_becomes_of_practice_inside_polygons(landscape, project, grid):
    west, south, east, north = grid.boundingbox
    parcel = box(west, south, (west + east) / 2, north)
    gpd.GeoDataFrame(geometry=[parcel], crs=grid.crs.to_wkt()).to_file(landscape / "terraces.gpkg")
    execute_all(project({"terraced": {"sources": {"practice": {"inside": "terraces.gpkg", "becomes": 0.25}}}}))
    base, made = (read(landscape / "out" / path) for path in ("soil_loss.tif", "variants/terraced/soil_loss.tif"))
    np.testing.assert_allclose(made[:, :40], base[:, :40] / 2, rtol=1e-6)
    np.testing.assert_array_equal(made[:, 40:], base[:, 40:])


def test_rules_and_donors_change_land_cover_and_what_grows_there(landscape, project, grid):
    cover = np.full((60, 80), 4, "u1")
    cover[:, :20], cover[:, 20:40] = 1, 6
    synthetic.write_raster(landscape / "cover.tif", cover, grid, nodata=0)
    rules = [
        {"from": "cropland", "to": "forest", "annual_precipitation [mm]": ">600"},
        {"from": "cropland", "to": "cropland"},
        {"from": "bare", "to": "forest"},
    ]
    changed = {"land_cover": {"rules": rules, "inside": "zones.gpkg"}, "ndvi": {"donor": "land_cover"}}
    site = project({"forest": {"sources": changed}}, zones=None, zero_classes=None)
    execute_all(site)
    made = variant_site(site, "forest")
    window = (slice(0, 60), slice(0, 80))
    # rain is 600, 700 and 800 mm, so the mean of 700 decides even in 2001
    assert (made.read("land_cover", "2001", window) == 1).all()
    for year in (2001, 2002):
        before, after = site.read("ndvi", str(year), window), made.read("ndvi", str(year), window)
        np.testing.assert_array_equal(after[:, :20], before[:, :20])
        np.testing.assert_allclose(after[:, 20:], np.nanmean(before[:, :20].astype(float)), rtol=1e-6)
    table = pd.read_csv(landscape / "out/tables/conversions.csv")
    assert sorted(zip(table["from"], table["to"], strict=True)) == [("bare", "forest"), ("cropland", "forest")]
    np.testing.assert_allclose(table["area [ha]"].sum(), 60 * 60 * 0.09, rtol=0.05)  # 24 cells have a gap
    total = pd.read_csv(landscape / "out/tables/variants.csv")["difference in total [t yr-1]"][0]
    assert table["difference in total [t yr-1]"].sum() == pytest.approx(total, rel=0.05)


def test_a_single_year_is_set_against_that_year(landscape, project):
    execute_all(project({"last": {"period": {"start": 2003, "end": 2003}}}, publish={"factors": [2001]}))
    table = pd.read_csv(landscape / "out/tables/variants.csv")
    assert table["compared with"].tolist() == [2003]
    assert table["difference [%]"].tolist() == [0]
    assert not read(landscape / "out/differences/last.tif")[5:8, 10:14].any()


def test_one_variant_alone_and_everything_again_is_equal(landscape, project):
    site = project({"a": {"sources": {"practice": {"times": 0.5}}}, "b": {"methods": {"cover": "cai_2000"}}})
    execute_all(site)
    before = json.loads((landscape / "out/record.json").read_text())
    (outcome,) = execute_all(site, "a")
    assert outcome.folder.name == "a"
    again = json.loads((landscape / "out/record.json").read_text())
    assert again["analyses"] == before["analyses"]
    assert all(proof.equal for proof in verify(landscape / "out"))
    assert all(proof.equal for proof in verify(landscape / "out/variants/b"))


def test_variants_of_changed_land_cover_prove_themselves(landscape, project, grid):
    cover = np.full((60, 80), 4, "u1")
    cover[:, :20] = 1
    synthetic.write_raster(landscape / "cover.tif", cover, grid, nodata=0)
    rules = {"land_cover": {"rules": [{"from": "cropland", "to": "forest"}]}, "ndvi": {"donor": "land_cover"}}
    execute_all(project({"forest": {"sources": rules}}))
    assert all(proof.equal for proof in verify(landscape / "out/variants/forest"))


def test_a_killed_run_leaves_the_former_result_and_is_repeated(landscape, project, monkeypatch):
    variants = {"a": {"sources": {"practice": {"times": 0.5}}}, "b": {"sources": {"practice": {"times": 0.2}}}}
    execute_all(project(variants))
    before = (landscape / "out/variants/b/record.json").read_bytes()
    real = module.execute
    monkeypatch.setattr(
        module,
        "execute",
        lambda site, **k: real(site, **k) if site.folder.name != "b" else exec("raise KeyboardInterrupt"),
    )
    with pytest.raises(KeyboardInterrupt):
        execute_all(project(variants))
    assert (landscape / "out/variants/b/record.json").read_bytes() == before
    monkeypatch.undo()
    execute_all(project(variants))
    assert len(pd.read_csv(landscape / "out/tables/variants.csv")) == 2


@pytest.mark.parametrize(
    ("overrides", "sentence"),
    [
        ({"sources": {"cover": {"times": 2}}}, "variants.x.sources.cover: times changes a source, but the project"),
        ({"sources": {"annual_precipitation": {"times": "more"}}}, "times is 'more', expected a number such as 1.1"),
        ({"sources": {"practice": {"becomes": "half", "inside": "zones.gpkg"}}}, "becomes 'half', expected a number"),
        ({"sources": {"practise": 1}}, "sources.practise: not a variable soilloss knows; did you mean 'practice'"),
        ({"variants": {}}, "a variant has no variants of its own"),
        ({"sources": 5}, "variants.x.sources: expected a mapping of variables, got 5"),
        ({"sources": {"practice": {"becomes": 0.5}}}, "becomes 0.5 where? give 'inside' with polygons"),
        ({"perod": {}}, "perod: unknown key; did you mean 'period'"),
        ({"methods": {"cover": "cai"}}, "'cai' is not a method for cover; did you mean 'cai_2000'"),
        ({"sources": {"land_cover": {"times": 2}}}, "times 2 has no meaning for classes"),
        ({"sources": {"practice": {"rules": []}}}, "rules change land_cover only"),
        ({"sources": {"land_cover": {"rules": "loes_plateau"}}}, "no packaged decision table; did you mean 'loess_pla"),
        ({"sources": {"land_cover": {"rules": "no.csv"}}}, "the decision table"),
        ({"sources": {"land_cover": {"rules": [{"form": "bare"}]}}}, "line 1 of the rules: unknown column 'form'; did"),
        (
            {"sources": {"land_cover": {"rules": [{"from": "cropland", "to": "wood"}]}}},
            "line 1 of the decision table: 'wood' is not a land-cover class",
        ),
        (
            {"sources": {"land_cover": {"rules": [{"from": "cropland", "to": "forest", "slope [%]": ">15"}]}}},
            "the decision table leaves a gap: no line applies to cropland at",
        ),
    ],
)
def test_a_mistake_in_a_variant_is_one_sentence(landscape, project, overrides, sentence):
    site = project({"x": overrides})
    findings = [one for one in examine_variants(site) if one.level == "error"]
    assert len(findings) == 1, findings
    assert findings[0].where == "variants.x"
    assert sentence in findings[0].message
    with pytest.raises(findings[0].kind):
        execute_all(site)
    assert not (landscape / "out").exists()


def test_an_unknown_variant_and_a_bad_name_are_refused(landscape, project):
    with pytest.raises(ProjectError, match="there is no variant 'wet'; did you mean 'wetter'"):
        execute_all(project({"wetter": {}}), "wet")
    with pytest.raises(ProjectError, match="cannot name a folder"):
        project({"a/b": {}})


def test_overrides_are_put_into_the_project(project):
    site = project(
        {"x": {"methods": {"cover": {"alpha": 3}}, "sources": {"practice": None}}}, methods={"cover": {"beta": 1.1}}
    )
    made = variant(site.project, "x", site.project.variants["x"])
    assert made.methods["cover"].coefficients == {"beta": 1.1, "alpha": 3}
    assert "practice" not in made.sources
    assert made.name == "made-up hills: x"
    assert made.publish.folder == "out/variants/x"


def test_a_scenario_is_a_variant_of_the_last_year(landscape, project, grid):
    cover = np.full((60, 80), 4, "u1")
    cover[:, :30] = 1
    synthetic.write_raster(landscape / "cover.tif", cover, grid, nodata=0)
    rules = [
        {"from": "cropland", "to": "cropland", "slope [%]": "<15"},
        {"from": "cropland", "to": "forest", "note": "too steep"},
    ]
    site = project(None, analysis=[{"scenario": {"rules": rules}}], zero_classes=None)
    execute_all(site)
    made = variant_site(site, "scenario")
    assert list(made.project.period.years) == [2003]
    assert set(made.project.sources) >= {"land_cover", "ndvi"}
    after = read(landscape / "out/differences/scenario_land_cover.tif")
    from soilloss.derive.terrain import slope_horn_1981

    steep = np.tan(slope_horn_1981(read(landscape / "dem.tif"), cell_size=30.0)) >= 0.15
    use = after > 0
    np.testing.assert_array_equal(after[use], np.where((cover == 4) & steep, 1, cover)[use])
    assert (cover == 4)[steep & use].any()
    ndvi = {year: site.read("ndvi", str(year), (slice(0, 60), slice(0, 80))) for year in (2003,)}[2003]
    changed = read(landscape / "out/variants/scenario/soil_loss.tif") != read(landscape / "out/soil_loss/2003.tif")
    np.testing.assert_array_equal(changed[use], ((cover == 4) & steep & (ndvi > -9))[use])
    table = pd.read_csv(landscape / "out/tables/conversions.csv")
    assert table["area [ha]"].sum() == pytest.approx(((cover == 4) & steep & use).sum() * 0.09, rel=1e-6)
    row = pd.read_csv(landscape / "out/tables/variants.csv").iloc[0]
    assert row["compared with"] == 2003
    per = row["difference in total [t yr-1]"] / row["converted area [ha]"]
    assert row["difference per converted hectare [t ha-1 yr-1]"] == pytest.approx(per, rel=1e-5)
    assert all(proof.equal for proof in verify(landscape / "out"))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"year": 1999}, "analysis.scenario.year: 1999 is not in the period 2001 to 2003"),
        ({"rules": [{"from": "cropland", "to": "forest", "slope [%]": ">15"}]}, "leaves a gap"),
        ({"rules": [{"from": "farmland", "to": "forest"}]}, "'farmland' is not a land-cover class"),
        ({"rules": [{"to": "forest"}]}, "line 1 of the decision table has no class under 'from'"),
        ({"donors": ["land_cover"]}, "analysis.scenario.donors: the rules change land_cover; name what follows it"),
        ({"donors": ["cover"], "rules": "loess_plateau"}, "sand is needed by silt"),
        ({"grass_to_forest": False, "rules": "nothing"}, "is no packaged decision table"),
    ],
)
def test_a_mistake_in_a_scenario_is_one_sentence(project, options, sentence):
    findings = examine_variants(project(None, analysis=[{"scenario": options}]))
    assert len([one for one in findings if one.level == "error"]) == 1
    assert sentence in findings[0].message


def test_a_scenario_needs_land_cover_and_its_name(landscape, write_project):
    sources = {key: value for key, value in SOURCES.items() if key != "land_cover"}
    site = open_site(write_project(landscape, sources=sources, analysis=["scenario"], zero_classes=None))
    assert "needs land_cover" in examine_variants(site)[0].message
    site = open_site(write_project(landscape, sources=SOURCES, analysis=["scenario"], variants={"scenario": {}}))
    assert "makes a variant of that name" in examine_variants(site)[0].message


def test_grassland_stays_where_it_is_asked_to(landscape, write_project):
    sources = {**SOURCES, "silt": 0.5}
    options = {"scenario": {"grass_to_forest": False}}
    site = open_site(write_project(landscape, sources=sources, analysis=[options]))
    rules = variant_site(site, "scenario").project.sources["land_cover"].rules
    assert [line["to"] for line in rules if line["from"] == "grassland"] == ["grassland"]
    assert len(rules) == 11
