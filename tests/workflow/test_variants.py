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
    execute_all(project({"last": {"period": {"start": 2003, "end": 2003}}}))
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


def test_variants_of_changed_land_cover_prove_themselves(landscape, project):
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
    made = variant(site.project, "x")
    assert made.methods["cover"].coefficients == {"beta": 1.1, "alpha": 3}
    assert "practice" not in made.sources
    assert made.name == "made-up hills: x"
    assert made.publish.folder == "out/variants/x"
