"""From an outline on the map to files: what is fetched, that a fetch resumes, and that a run then needs no network."""

import json
import os
import time

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import world
import yaml
from loopback import Server
from shapely.geometry import box

from soilloss.errors import GridError, MissingInputError, ProjectError, SoilLossWarning, SourceError
from soilloss.sources import remote
from soilloss.workflow import record
from soilloss.workflow import run as runs
from soilloss.workflow.fetch import describe, fetch, missing, outline, resolve
from soilloss.workflow.project import load
from soilloss.workflow.site import open_site
from soilloss.workflow.variants import variant


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    folder = tmp_path_factory.mktemp("far")
    world.build(folder)
    world.days(folder, 2001)
    return folder


@pytest.fixture
def server(far, tmp_path, monkeypatch):
    monkeypatch.setattr(remote, "DELAY", 0.001)
    monkeypatch.setenv("SOILLOSS_CACHE", str(tmp_path / "cache"))
    with Server(far) as running:
        yield running


def fetched(file, name):
    (path,) = file.parent.glob(f".soilloss/fetched/{name}-*/*.tif")
    with rasterio.open(path) as raster:
        return raster.read(masked=True), raster.transform


def one(tmp_path, server, variable, **source):
    """A project with one product, fetched."""
    file = world.project(tmp_path / "p", server.url, sources={variable: source}, period={"start": 2001, "end": 2001})
    fetch(file)
    return fetched(file, variable)


def test_heights_of_two_tiles(tmp_path, server):
    cells, transform = one(tmp_path, server, "elevation", product="copernicus-dem-30")
    east, north = world.places(transform.c, transform.f, 0.001, cells.shape[1:])
    np.testing.assert_array_equal(cells[0], world.height(east, north))
    assert transform.c < world.AREA[0] < world.AREA[2] < transform.c + 0.001 * cells.shape[2]


def test_monthly_rain_in_bands_and_as_a_sum(tmp_path, server):
    cells, transform = one(tmp_path, server, "monthly_precipitation", product="chirps-v2-monthly")
    east = transform.c + (np.arange(cells.shape[2]) + 0.5) * 0.05
    np.testing.assert_allclose(cells[6, 0], world.rain(7) + 1 + east - 10, rtol=1e-6)
    total, _ = one(tmp_path / "year", server, "annual_precipitation", product="chirps-v2-monthly")
    np.testing.assert_allclose(total[0, 0], sum(map(world.rain, range(1, 13))) + 12 * (1 + east - 10), rtol=1e-6)


def test_days(tmp_path, server):
    cells, _ = one(tmp_path, server, "daily_precipitation", product="chirps-v2-daily")
    assert cells.shape[0] == 365
    assert cells[[0, 30, 31, 364], 2, 2].tolist() == [1, 31, 1, 31]


DAYS = (31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)


def monthly_rain(cells, transform, year=2001):
    """What the cube of means of days gives for the months of a year, in m."""
    east, north = world.places(transform.c, transform.f, transform.a, cells.shape[1:])
    return [days * world.mean_rain(year, month, east, north) for month, days in enumerate(DAYS, start=1)]


def test_months_of_a_cube_count_as_often_as_they_have_days(tmp_path, server):
    world.rain_cube(server.folder / "era5/v3.zarr")
    cells, transform = one(tmp_path, server, "monthly_precipitation", product="era5-land-monthly")
    np.testing.assert_allclose(cells, monthly_rain(cells, transform), rtol=1e-6)
    total, _ = one(tmp_path / "year", server, "annual_precipitation", product="era5-land-monthly")
    np.testing.assert_allclose(total[0], sum(monthly_rain(cells, transform)), rtol=1e-6)
    file = tmp_path / "year/p/project.yml"
    assert resolve(load(file), file)[1][0]["items"][0]["id"] == f"{server.url}/era5/v3.zarr"
    data = dict.fromkeys(("erodibility", "topography", "cover", "practice"), 1.0) | {"elevation": 300.0}
    site = open_site(file, {f"sources.{name}": value for name, value in data.items()} | {"zero_classes": []})
    assert site.given["annual_precipitation"].unit == "m"  # which is brought to mm


def one_source(variable, **source):
    return {
        "sources": {variable: {"product": "era5-land-monthly", **source}},
        "period": {"start": 2001, "end": 2001},
    }


@pytest.mark.parametrize("form", ["4.nc", "v2.zarr"])
def test_ones_own_download_of_a_cube_is_read_with_the_meaning_of_the_product(form, tmp_path, server):
    world.rain_cube(tmp_path / "p" / form)
    file = world.project(tmp_path / "p", server.url, **one_source("monthly_precipitation", file=form))
    row = describe(missing(file))[0]
    assert (row["items"], row["bytes"], row["from"]) == (1, 0, "your file")
    fetch(file)
    cells, transform = fetched(file, "monthly_precipitation")
    np.testing.assert_allclose(cells, monthly_rain(cells, transform), rtol=1e-6)
    assert resolve(load(file), file)[1][0]["items"][0]["id"] == form
    assert server.log == []
    assert missing(file) == []
    os.utime(tmp_path / "p" / form, (1e9, 1e9))  # another file of that name
    assert [job.what for job in missing(file)] == ["monthly_precipitation 2001"]


def test_ones_own_months_that_may_be_amounts(tmp_path, server):
    world.rains(tmp_path / "p", (2001,))
    file = world.project(tmp_path / "p", server.url, **one_source("annual_precipitation", file="rain/2001.01.cog"))
    with pytest.raises(
        ProjectError, match="means of days .* as it was downloaded, or say unit: mm if it holds amounts"
    ):
        fetch(file)
    file = world.project(
        tmp_path / "p", server.url, **one_source("annual_precipitation", file="rain/2001.01.cog", unit="mm")
    )
    assert missing(file) == []


def test_soil_by_depth(tmp_path, server):
    cells, _ = one(tmp_path, server, "organic_carbon", product="soilgrids-2", depth=0.15)
    first, deeper = world.SOIL["soc"]
    np.testing.assert_allclose(cells.compressed(), (0.05 * first + 0.10 * (first + deeper)) / 0.15, rtol=1e-6)


def test_small_windows_read_few_bytes(tmp_path, server):
    one(tmp_path, server, "elevation", product="copernicus-dem-30")
    whole = sum((server.folder / f"dem/N45E{lon:03d}.tif").stat().st_size for lon in (9, 10))
    assert server.sent < whole / 8


def test_what_a_fetch_would_take(tmp_path, server):
    file = world.project(tmp_path, server.url)
    rows = {row["variable"]: row for row in describe(missing(file))}
    assert rows["annual_precipitation"]["items"] == 24
    assert rows["elevation"]["items"] == 2
    assert rows["elevation"]["from"] == server.url.removeprefix("http://")
    assert server.log == []
    with pytest.raises(
        MissingInputError, match="elevation of copernicus-dem-30 and 7 more is not fetched.*soilloss fet"
    ):
        open_site(file)
    fetch(file)
    assert missing(file) == []
    received = server.sent
    assert received < 3 * sum(row["bytes"] for row in rows.values())


def test_yearly_maps_of_a_search_service(tmp_path, server):
    """Two tiles in different zones; the maps of each year are put side by side."""
    product = {"api": f"{server.url}/stac", "collection": "io-lulc-annual-v02"}
    for year, code in ((2020, 5), (2021, 2)):
        for name, left, top, crs in (("west", 560_000, 5_030_000, 32632), ("east", 106_000, 5_042_000, 32633)):
            where = server.folder / f"lulc/{name}{year}.tif"
            world.write(where, np.full((300, 170), code, "u1"), left, top, 100, f"EPSG:{crs}", nodata=0)
            asset = {"data": {"href": f"{server.url}/lulc/{name}{year}.tif"}}
            server.items.append(
                {
                    "id": f"{name}{year}",
                    "collection": product["collection"],
                    "bbox": [9, 45, 11, 46],
                    "properties": {"datetime": f"{year}-07-01T00:00:00Z"},
                    "assets": asset,
                }
            )
    file = world.project(
        tmp_path,
        server.url,
        sources={"land_cover": {"product": "esri-land-cover"}},
        period={"start": 2020, "end": 2021},
    )
    entries = {"esri-land-cover": {"stac": product, "hosts": [server.url]}}
    (tmp_path / "products.yml").write_text(yaml.safe_dump(entries))
    assert describe(missing(file))[0]["items"] == 4
    fetch(file)
    paths = sorted(file.parent.glob(".soilloss/fetched/land_cover-*/*.tif"))
    assert [path.name for path in paths] == ["2020.tif", "2021.tif"]
    for path, code in zip(paths, (5, 2), strict=True):
        with rasterio.open(path) as raster:
            cells = raster.read(1)
        assert set(np.unique(cells)) <= {0, code}
        assert (cells[10:-10, 10:-10] == code).all()  # the rim has what turned tiles leave open
    data = dict.fromkeys(("erosivity", "erodibility", "topography", "cover", "practice"), 1.0)
    site = open_site(file, {f"sources.{name}": value for name, value in data.items()})
    assert site.given["land_cover"].legend == "esri"


def hashes(folder):
    made = record.read(folder)
    return {one["path"]: one["hash"] for one in made["rasters"] + made["tables"]}


def test_what_each_way_of_fetching_would_take(tmp_path, server):
    """By address, index, search, Zarr, Earth Engine: items, bytes and where from, with nothing but searches asked."""
    server.items = [world.landsat(server.folder, server.url, name, f"2001-0{n}-10") for n, name in enumerate("abc", 1)]
    wanted = {
        "elevation": ("copernicus-dem-30", 2), "annual_precipitation": ("chirps-v2-daily", 365),
        "monthly_precipitation": ("era5-land-monthly", 1), "sand": ("soilgrids-2", 3),
        "ndvi": ("landsat-c2-l2", 12), "igbp_class": ("modis-mcd12q1", 1),
    }  # fmt: skip
    sources = {variable: {"product": product} for variable, (product, _) in wanted.items()}
    file = world.project(tmp_path, server.url, sources=sources, period={"start": 2001, "end": 2001})
    rows = {row["variable"]: row for row in describe(missing(file))}
    assert {name: row["items"] for name, row in rows.items()} == {name: items for name, (_, items) in wanted.items()}
    assert all(row["bytes"] > 1000 for row in rows.values())
    assert rows.pop("igbp_class")["from"] == "Earth Engine"
    assert {row["from"] for row in rows.values()} == {server.url.removeprefix("http://")}
    assert {path for _, path, _ in server.log} == {"/stac/search"}


def test_from_nothing_to_the_report_and_unplugged_half_way(tmp_path, server, monkeypatch):
    dates = {"a": "2001-02-01", "b": "2001-08-01", "c": "2002-05-01"}
    server.items = [world.scene(server.folder, server.url, name, date) for name, date in dates.items()]
    images = {"sources.ndvi": {"product": "sentinel-2-l2a"}}
    entries = world.entries(server.url)
    entries["sentinel-2-l2a"]["time"] = {"step": "scene", "start": 2001}
    monkeypatch.setattr(world, "entries", lambda _url: entries)
    steady = world.project(tmp_path / "steady", server.url)
    runs.run(steady, **images)
    asked = len(server.log)

    monkeypatch.setenv("SOILLOSS_CACHE", str(tmp_path / "second"))
    cut = world.project(tmp_path / "cut", server.url)
    serve = server.http.RequestHandlerClass._serve
    left = [asked // 2]

    def unplugged(self, body):
        left[0] -= 1
        server.dead = left[0] < 0
        serve(self, body)

    monkeypatch.setattr(server.http.RequestHandlerClass, "_serve", unplugged)
    with pytest.raises(SourceError, match="try again later: what is already fetched is kept"):
        runs.run(cut, **images)
    left[0] = 10**6
    before = len(server.log)
    runs.run(cut, **images)
    assert len(server.log) - before < asked
    assert hashes(cut.parent / "out") == hashes(steady.parent / "out")

    server.dead, left[0] = True, 0  # and without network at all
    runs.run(cut, **images)
    assert hashes(cut.parent / "out") == hashes(steady.parent / "out")
    assert all(proof.equal for proof in record.verify(cut.parent / "out"))
    noted = record.read(cut.parent / "out")["fetched"]
    assert {one["variable"] for one in noted} >= {"elevation", "sand", "land_cover"}
    first = noted[0]
    assert first["items"][0].keys() == {"id", "sha256", "tag", "fetched"}
    assert first["items"][0]["fetched"].startswith(time.strftime("%Y-", time.gmtime()))
    assert "Copernicus" in first["citation"]


def test_a_copy_of_ones_own_is_read_as_the_product(tmp_path, server):
    file = world.project(tmp_path, server.url)
    fetch(file)
    (codes,) = file.parent.glob(".soilloss/fetched/land_cover-*/*.tif")
    (heights,) = file.parent.glob(".soilloss/fetched/elevation-*/*.tif")
    sources = {
        "elevation": {"product": "copernicus-dem-30", "file": str(heights)},
        "land_cover": {"product": "esa-worldcover-2021", "file": str(codes)},
        "sand": {"product": "soilgrids-2", "file": str(heights), "unit": "%"},
    }
    own = world.project(tmp_path / "own", server.url, sources=sources, grid={"like": "elevation"})
    data = yaml.safe_load(own.read_text())
    data["sources"] |= {"erosivity": 1000, "erodibility": 0.03, "topography": 1, "cover": 0.1, "practice": 1}
    own.write_text(yaml.safe_dump(data))
    site = open_site(own)
    assert site.given["land_cover"].legend == "worldcover"
    assert site.project.sources["sand"].unit == "%"
    assert site.fetched == []


def test_the_grid_of_a_product(tmp_path, server):
    file = world.project(tmp_path, server.url, grid={"like": "elevation"})
    fetch(file)
    assert open_site(file).grid.affine.a == pytest.approx(0.001)


def test_an_entry_that_was_not_checked_is_said_so(tmp_path, server):
    file = world.project(tmp_path, server.url, sources={"elevation": {"product": "srtm-30"}})
    (tmp_path / "products.yml").write_text(yaml.safe_dump({"srtm-30": {"url": f"{server.url}/none.tif"}}))
    with pytest.warns(SoilLossWarning, match="srtm-30: its entry was not checked"), pytest.raises(SourceError):
        fetch(file)


def shape(folder, geometry, crs="EPSG:4326"):
    gpd.GeoDataFrame(geometry=[geometry], crs=crs).to_file(folder / "area.geojson", driver="GeoJSON")


@pytest.mark.parametrize(
    ("area", "changes", "error", "sentence"),
    [
        ((45.30, 99.96, 45.36, 100.08), {}, GridError, "latitudes run from 99.96 to 100.08.*exchanged"),
        ((45.30, 9.96, 45.36, 10.08), {"grid": {"like": "elevation"}}, SourceError, "covers 9..13 E.*would lie inside"),
        (
            (-181, 60, -179, 61),
            {"grid": {"crs": "EPSG:3832", "resolution": 5000}},
            GridError,
            "across the antimeridian",
        ),
        ((-179.9, 60, 179.9, 61), {"grid": {"like": "elevation"}}, GridError, "across the antimeridian"),
        (None, {"area": None}, GridError, "products need an area"),
        (None, {"period": {"start": 1979, "end": 1981}}, SourceError, "has 1981 to now, but 1979 to 1981 is wanted"),
        (None, {"period": None}, ProjectError, "changes with the years: add period"),
        (None, {"sources": {"elevation": {"product": "copernicus"}}}, ProjectError, "did you mean 'copernicus-dem-30'"),
        (
            None,
            {"sources": {"elevation": {"product": "alos-12.5"}}},
            ProjectError,
            "cannot be fetched: download the RTC",
        ),
        (None, {"sources": {"elevation": {"product": "srtm-30", "year": 2000}}}, ProjectError, "leave out year"),
        (None, {"sources": {"sand": {"product": "soilgrids-2", "depth": 9}}}, ProjectError, "depth is 9"),
        (
            None,
            {"sources": {"sand": {"product": "soilgrids-2", "unit": "%"}}},
            ProjectError,
            "unit is the product's own",
        ),
        (
            (10, 70, 11, 71),
            {"grid": {"like": "elevation"}},
            SourceError,
            "covers -180..180 E, -50..50 N.*take era5-land",
        ),
        (
            None,
            {"period": {"start": 1940, "end": 1941}},
            SourceError,
            "give a file of your own for annual_precipitation",
        ),
    ],
)
def test_what_cannot_be_fetched_is_one_sentence(tmp_path, server, area, changes, error, sentence):
    file = world.project(tmp_path, server.url, **changes)
    entries = yaml.safe_load((tmp_path / "products.yml").read_text())
    entries["copernicus-dem-30"]["coverage"] = [9, 45, 13, 90] if "would lie" in sentence else [-180, -90, 180, 90]
    (tmp_path / "products.yml").write_text(yaml.safe_dump(entries))
    if area:
        shape(tmp_path, box(*area))
    with pytest.raises(error, match=sentence) as caught:
        fetch(file)
    assert "\n" not in str(caught.value)
    assert server.log == []


def test_only_sea(tmp_path, server):
    file = world.project(tmp_path, server.url, sources={"elevation": {"product": "copernicus-dem-30"}})
    shape(tmp_path, box(30.1, 45.1, 30.2, 45.2))
    with pytest.raises(SourceError, match="has no cell in the area .* sea or a gap"):
        fetch(file, {"grid": {"crs": "EPSG:32636", "resolution": 100}})


def test_the_disk_quota(tmp_path, server, monkeypatch):
    monkeypatch.setenv("SOILLOSS_CACHE_SIZE", "1KB")
    with pytest.raises(SourceError, match="reached its limit .* SOILLOSS_CACHE_SIZE higher"):
        fetch(world.project(tmp_path, server.url))


def test_no_token_in_anything_kept(tmp_path, server, monkeypatch):
    server.token = "s3cret"
    monkeypatch.setenv("MADE_UP_TOKEN", "s3cret")
    file = world.project(tmp_path, server.url, sources={"elevation": {"product": "copernicus-dem-30"}})
    entries = yaml.safe_load((tmp_path / "products.yml").read_text())
    entries["copernicus-dem-30"]["token"] = {"env": "MADE_UP_TOKEN"}
    (tmp_path / "products.yml").write_text(yaml.safe_dump(entries))
    fetch(file)
    kept = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(kept) > 4
    assert not [path for path in kept if b"s3cret" in path.read_bytes()]
    monkeypatch.delenv("MADE_UP_TOKEN")
    monkeypatch.setenv("SOILLOSS_CACHE", str(tmp_path / "other"))
    second = world.project(tmp_path / "b", server.url, sources={"elevation": {"product": "copernicus-dem-30"}})
    (tmp_path / "b/products.yml").write_text(yaml.safe_dump(entries))
    with pytest.raises(SourceError, match="401: it wants a token; set MADE_UP_TOKEN"):
        fetch(second)


def test_variants_are_fetched_too(tmp_path, server):
    file = world.project(
        tmp_path,
        server.url,
        sources={"elevation": {"product": "copernicus-dem-30"}},
        variants={"covered": {"sources": {"land_cover": {"product": "esa-worldcover-2021"}}}},
    )
    assert fetch(file)["made"] == ["elevation", "land_cover"]


def test_variants_of_other_years_and_the_scenario_are_fetched_too(tmp_path, server):
    """Each finds its own years afterwards; images of one year are composed apart from those of many."""
    server.items = [world.landsat(server.folder, server.url, n, f"200{i}-05-10") for i, n in enumerate("ab", 1)]
    file = world.project(
        tmp_path,
        server.url,
        sources={
            "ndvi": {"product": "landsat-c2-l2"},
            "annual_precipitation": {"product": "chirps-v2-monthly"},
            "land_cover": 3,
        },
        period={"start": 2001, "end": 2001},
        analysis=[{"scenario": {"rules": "loess_plateau"}}],
        variants={"later": {"period": {"start": 2002, "end": 2002}}},
    )
    made = fetch(file)["made"]
    assert {"ndvi 2001", "ndvi 2002", "annual_precipitation 2001", "annual_precipitation 2002"} == set(made)
    project = load(file)
    for given in ({"period": {"start": 2002, "end": 2002}}, {"period": {"years": [2001]}}):
        resolve(variant(project, "one", given), file)


def test_products_inside_changed_values(tmp_path, server):
    changed = {"becomes": "forest", "inside": "area.geojson", "source": {"product": "esa-worldcover-2021"}}
    file = world.project(tmp_path, server.url, sources={"land_cover": changed})
    assert fetch(file)["made"] == ["land_cover"]
    project, notes = resolve(load(file), file)
    assert project.sources["land_cover"].source.legend == "worldcover"
    assert project.sources["land_cover"].source.file.endswith("land_cover.tif")
    assert [note["product"] for note in notes] == ["esa-worldcover-2021"]


def test_earth_engine(tmp_path, server, monkeypatch):
    """The session is made up: the module is tested by itself."""

    def image(variable, product, bounds, year, path):
        world.write(path, np.full((90, 90), year - 1995, "f4"), bounds[0] - 0.01, bounds[3] + 0.01, 0.005)
        return [f"{product.earthengine}/{variable}/{year}"]

    monkeypatch.setattr("soilloss.sources.earthengine.fetch_image", image)
    file = world.project(tmp_path, server.url, sources={"igbp_class": {"product": "modis-mcd12q1"}})
    assert describe(missing(file))[0]["from"] == "Earth Engine"
    assert fetch(file)["made"] == ["igbp_class 2001", "igbp_class 2002"]
    _, notes = resolve(load(file), file)
    assert [note["items"][0]["id"] for note in notes] == [f"MODIS/061/MCD12Q1/igbp_class/{y}" for y in (2001, 2002)]
    assert server.log == []


def test_one_year_for_all_steps(tmp_path, server):
    source = {"product": "chirps-v2-monthly", "year": 2002}
    file = world.project(tmp_path, server.url, sources={"annual_precipitation": source})
    fetch(file)
    assert load(file).steps == ("2001", "2002")
    project, _ = resolve(load(file), file)
    assert project.sources["annual_precipitation"].file.endswith("annual_precipitation.tif")


def test_the_outline_has_two_cells_more(tmp_path, server):
    file = world.project(tmp_path, server.url)
    west, south, east, north = outline(load(file), tmp_path)
    assert west < world.AREA[0] - 0.004
    assert north > world.AREA[3] + 0.003
    assert east - west < 0.15
    assert south < world.AREA[1]


def test_progress_names_items_and_bytes(tmp_path, server):
    told = []
    file = world.project(tmp_path, server.url, sources={"elevation": {"product": "copernicus-dem-30"}})
    fetch(file, progress=lambda *what: told.append(what))
    assert ("fetching elevation: 2 items, about 0.1 MB", 2, 2) in told


def test_the_note_is_json_beside_the_raster(tmp_path, server):
    file = world.project(tmp_path, server.url, sources={"elevation": {"product": "copernicus-dem-30"}})
    fetch(file)
    (note,) = file.parent.glob(".soilloss/fetched/elevation-*/elevation.json")
    assert [item["id"][-11:] for item in json.loads(note.read_text())["items"]] == ["N45E009.tif", "N45E010.tif"]
