"""Every preset runs to its end on made-up data of the kind it asks for, and gives results of a sane size."""

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
from pyproj import Transformer
from shapely.geometry import box

from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.fetch import all_jobs
from soilloss.workflow.site import open_site
from soilloss.workflow.start import new_project, presets
from soilloss.workflow.variants import execute_all

SHAPE = (40, 50)
STUDY = {  # grid, and a range that holds any sane mean soil loss in t/ha/yr
    "minimal": ("EPSG:32635", 30, (0.5, 500)),
    "rodopi": ("EPSG:32635", 30, (0.5, 500)),
    "poyang": ("EPSG:32650", 500, (0.01, 100)),
    "jiuyuangou": ("EPSG:32649", 10, (0.5, 500)),
    "loess-plateau": ("EPSG:32649", 30, (0.05, 500)),
    "mee2021": ("EPSG:32649", 30, (0.5, 500)),
}
ANSWERED = {  # what the reports of the studies hold beyond maps and tables
    "poyang": {"trend", "change", "hot_spots", "drivers"},
    "jiuyuangou": {"transitions", "change", "bivariate"},
    "loess-plateau": {"trend", "transitions", "change", "hot_spots", "validation", "variants"},
}


class Stand:
    """Made-up data of one study area."""

    def __init__(self, folder, crs, cell):
        self.folder = folder / "data"
        self.folder.mkdir(exist_ok=True)
        self.grid = synthetic.small_grid(SHAPE, cell, crs)
        self.random = np.random.default_rng(7)
        self.raster("dem", synthetic.fractal(SHAPE, seed=4, relief=4 * cell))
        west, south, east, north = self.grid.boundingbox
        self.box = box(west + 3 * cell, south + 3 * cell, east - 3 * cell, north - 3 * cell)
        gpd.GeoDataFrame(geometry=[self.box], crs=crs).to_file(self.folder / "area.geojson", driver="GeoJSON")
        self.lonlat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True).transform

    def raster(self, name, values, **stated):
        synthetic.write_raster(self.folder / f"{name}.tif", values, self.grid, **stated)

    def uniform(self, low, high, *bands):
        return self.random.uniform(low, high, (*SHAPE, *bands)).astype("f4")

    def classes(self, low, high, kind="u1"):
        return self.random.integers(low, high + 1, SHAPE).astype(kind)

    def soil(self, factor=100):
        sand, clay = self.uniform(0.2, 0.4), self.uniform(0.1, 0.3)
        for name, share in (("sand", sand), ("clay", clay), ("silt", 1 - sand - clay)):
            self.raster(name, share * factor)
        self.raster("organic_carbon", self.uniform(0.005, 0.02) * factor)

    def ndvi(self, *names, scale=10_000):
        for name in names:
            self.raster(name, (self.uniform(0.1, 0.8) * scale).astype("i2" if scale > 1 else "f4"))

    def days(self, year, *shape):
        count = 366 if year % 4 == 0 else 365
        wet = self.random.random((*shape, count)) < 0.2
        return np.where(wet, self.random.gamma(0.8, 15, (*shape, count)), 0).astype("f4")

    def places(self, count):
        west, south, east, north = self.box.bounds
        at = self.random.uniform(0.1, 0.9, (count, 2))
        return self.lonlat(west + at[:, 0] * (east - west), south + at[:, 1] * (north - south))

    def daily_stations(self, *years):
        places = list(enumerate(zip(*self.places(4), strict=True)))
        parts = [
            pd.DataFrame({"station": f"s{i}", "x": x, "y": y, "date": days.date, "precipitation": self.days(year)})
            for year in years
            for days in [pd.date_range(f"{year}-01-01", f"{year}-12-31")]
            for i, (x, y) in places
        ]
        pd.concat(parts).to_csv(self.folder / "daily_rain.csv", index=False)


def minimal(stand):
    (stand.folder / "dem.tif").rename(stand.folder / "elevation.tif")
    stand.raster("rain", stand.uniform(500, 700))
    stand.soil(1)
    stand.ndvi("ndvi", scale=1)


def rodopi(stand):
    x, y = stand.places(4)
    table = {"station": list("abcd"), "x": x, "y": y, "elevation": [200, 400, 600, 800]}
    months = {f"monthly_precipitation_{m:02d}": 40 + 5 * m + np.arange(4) * 10 for m in range(1, 13)}
    pd.DataFrame({**table, **months}).to_csv(stand.folder / "stations.csv", index=False)
    x, y = stand.places(12)
    soil = {"silt": 35, "very_fine_sand": 8, "clay": 20, "organic_matter": 2}
    columns = {name: value + stand.random.uniform(-0.5, 0.5, 12) for name, value in soil.items()}
    pd.DataFrame({"x": x, "y": y, **columns}).to_csv(stand.folder / "soil.csv", index=False)
    bands = np.stack([stand.uniform(0.05, 0.15) for _ in range(3)] + [stand.uniform(0.2, 0.5)], axis=-1)
    stand.raster("landsat", bands)


def poyang(stand):
    stand.raster("texture", stand.classes(1, 12))
    for year in range(2001, 2021):
        stand.raster(f"rain_{year}", stand.uniform(1300, 1800))
        stand.ndvi(f"ndvi_{year}")
        stand.raster(f"igbp_{year}", stand.classes(1, 16))


def jiuyuangou(stand):
    stand.daily_stations(2010, 2015, 2020)
    stand.soil()
    for year in (2010, 2015, 2020):
        stand.raster(f"land_cover_{year}", stand.classes(1, 7))
        stand.raster(f"fractional_cover_{year}", stand.uniform(0.05, 0.9, 24))
    west, south, east, north = stand.box.bounds
    middle = (west + east) / 2
    shapes = [box(west, south, middle, (south + north) / 2), box(middle, south, east, south + 40)]
    measures = gpd.GeoDataFrame({"code": [1, 2]}, geometry=shapes, crs=stand.grid.crs.to_wkt())
    measures.to_file(stand.folder / "measures.gpkg")


def loess_plateau(stand):
    stand.soil()
    stand.raster("ls", stand.uniform(0.5, 20))
    for year in range(2000, 2025):
        stand.raster(f"rain_{year}", stand.days(year, *SHAPE))
        for quarter in range(1, 5):
            stand.ndvi(f"ndvi_{year}_q{quarter}")
            stand.raster(f"land_cover_{year}_q{quarter}", stand.classes(1, 7))


def mee2021(stand):
    stand.daily_stations(2020)
    stand.soil()
    stand.ndvi("ndvi_2020")
    stand.raster("land_cover_2020", stand.classes(1, 7))


# the forms with files of one's own, which the presets give as comments
OWN = {
    "poyang": {
        "elevation": "data/dem.tif",
        "annual_precipitation": "data/rain_{year}.tif",
        "texture_class": "data/texture.tif",
        "ndvi": {"file": "data/ndvi_{year}.tif", "scale": 0.0001},
        "igbp_class": "data/igbp_{year}.tif",
    },
    "loess-plateau": {
        "elevation": "data/dem.tif",
        "topography": "data/ls.tif",
        "daily_precipitation": "data/rain_{year}.tif",
        **{n: {"file": f"data/{n}.tif", "unit": "%"} for n in ("sand", "silt", "clay", "organic_carbon")},
        "ndvi": {"file": "data/ndvi_{year}_q{quarter}.tif", "scale": 0.0001},
        "land_cover": "data/land_cover_{year}_q{quarter}.tif",
    },
}
MAKERS = {f.__name__.replace("_", "-"): f for f in (minimal, rodopi, poyang, jiuyuangou, loess_plateau, mee2021)}


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The record and the maps' folder of a preset that was run."""
    known = {}

    def run(name):
        if name not in known:
            crs, cell, _ = STUDY[name]
            folder = tmp_path_factory.mktemp(name)
            file = new_project(folder, name)
            MAKERS[name](Stand(folder, crs, cell))
            overrides = {"publish.factors": [2020]} if name == "jiuyuangou" else {}
            overrides |= {f"sources.{variable}": source for variable, source in OWN.get(name, {}).items()}
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("soilloss.publish.report.write_report", lambda folder, record: None)
                execute_all(open_site(file, overrides))
            known[name] = (record.read(folder / "out"), folder / "out")
        return known[name]

    return run


each = pytest.mark.parametrize("name", sorted(STUDY))


def test_no_preset_is_left_out():
    assert set(STUDY) == set(presets())


@each
def test_a_preset_runs_and_its_result_is_sane(name, finished):
    made, folder = finished(name)
    low, high = STUDY[name][2]
    assert low < made["total"]["mean"] < high
    assert not [f for f in made["findings"] if f["level"] == "error"]
    with rasterio.open(folder / "soil_loss.tif") as data:
        values = data.read(1)
    assert np.isfinite(values).mean() > 0.5
    assert np.nanmin(values) >= 0
    years = len(made["period"]["steps"]) if made["period"] else 0
    if made["period"] and made["period"]["step"] == "quarter":
        assert len(list((folder / "soil_loss").glob("*-Q*.tif"))) == years


@pytest.mark.parametrize("name", ANSWERED)
def test_a_preset_answers_the_questions_of_its_study(name, finished):
    made, _ = finished(name)
    assert {one["name"] for one in made["analyses"]} == ANSWERED[name]
    assert all(one["words"] for one in made["analyses"])


@pytest.mark.parametrize("name", OWN)
def test_own_files_are_given_as_comments(name, tmp_path):
    text = new_project(tmp_path, name).read_text()
    for variable in set(OWN[name]) - {"silt", "clay", "organic_carbon"}:
        assert f"  # {variable}: " in text


@pytest.mark.parametrize("name", OWN)
def test_products_of_a_preset_exist_and_cover_it(name, tmp_path):
    file = new_project(tmp_path, name)
    jobs = all_jobs(file)
    assert {job.variable for job in jobs} >= {"elevation", "ndvi"}
    assert len({job.path for job in jobs}) == len(jobs)


def said(made, where):
    return " ".join(f["message"] for f in made["findings"] if f["where"] == where and f["level"] == "warning")


def test_numbers_that_are_not_verified_are_named(finished):
    jiuyuangou, _ = finished("jiuyuangou")
    assert "example_engineering_loess_unverified" in said(jiuyuangou, "methods.engineering")
    assert "example_contour_ladder_unverified" in said(jiuyuangou, "methods.tillage")
    assert "one secondary source" in said(jiuyuangou, "methods.biological")
    assert "not verified" in said(finished("loess-plateau")[0], "methods.practice")
    assert "not verified" in said(finished("poyang")[0], "methods.erodibility")
    assert not said(finished("minimal")[0], "methods.erodibility")


def test_csle_is_the_product_of_its_seven_factors(finished):
    _, folder = finished("jiuyuangou")
    product = 1.0
    for name in (
        "erosivity/2020", "erodibility", "slope_length_factor", "slope_steepness_factor", "biological/2020",
        "engineering", "tillage/2020",
    ):  # fmt: skip
        with rasterio.open(folder / f"factors/{name}.tif") as data:
            product = product * data.read(1).astype("f8")
    with rasterio.open(folder / "soil_loss/2020.tif") as data:
        loss = data.read(1)
    known = np.isfinite(product) & (loss > 0)
    assert known.mean() > 0.4
    np.testing.assert_allclose(loss[known], product[known], rtol=1e-5)


def test_mee_takes_the_extremes_of_the_image(finished):
    made, _ = finished("mee2021")
    plan = {step["variable"]: step for step in made["plan"]}
    assert plan["bare_ndvi"]["value"] == pytest.approx(0.1, abs=0.01)
    assert plan["full_ndvi"]["value"] == pytest.approx(0.8, abs=0.01)
    assert plan["erosivity"]["method"] == "step_sum"
