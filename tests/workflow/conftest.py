"""A small landscape on disk: three years, a gap, zones; and its project file."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pytest
import yaml
from loopback import Server
from shapely.geometry import box

from soilloss.sources import remote, synthetic

YEARS = (2001, 2002, 2003)
SHAPE = (60, 80)


@pytest.fixture
def server(tmp_path, monkeypatch):
    """A server on loopback with an empty folder, a cache of its own, and no waiting between attempts."""
    monkeypatch.setattr(remote, "DELAY", 0.0005)
    monkeypatch.setenv("SOILLOSS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "far").mkdir()
    with Server(tmp_path / "far") as running:
        yield running


@pytest.fixture(scope="session")
def grid():
    return synthetic.small_grid(SHAPE)


def make_landscape(folder, grid, shape=SHAPE):
    """Rasters of a landscape: heights, NDVI and rain of three years, land cover with water in the west."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(5)
    synthetic.write_raster(folder / "dem.tif", synthetic.fractal(shape, seed=3), grid)
    for year in YEARS:
        ndvi = random.uniform(0.1, 0.8, shape).astype("f4")
        if year == 2002:
            ndvi[5:8, 10:14] = np.nan
        synthetic.write_raster(folder / f"ndvi_{year}.tif", ndvi, grid)
        rain = np.full(shape, 500 + 100 * (year - 2000), "f4")
        synthetic.write_raster(folder / f"rain_{year}.tif", rain, grid)
    cover = np.full(shape, 4, "u1")
    cover[:, :10] = 7
    synthetic.write_raster(folder / "cover.tif", cover, grid, nodata=0)
    west, south, east, north = grid.boundingbox
    middle = (west + east) / 2
    halves = [box(west, south, middle, north), box(middle, south, east, north)]
    gpd.GeoDataFrame({"NAME": ["west", "east"]}, geometry=halves, crs=grid.crs.to_wkt()).to_file(folder / "zones.gpkg")


PROJECT = {
    "name": "made-up hills",
    "grid": {"like": "elevation"},
    "period": {"start": 2001, "end": 2003},
    "model": "rusle",
    "sources": {
        "elevation": "dem.tif",
        "annual_precipitation": "rain_{year}.tif",
        "ndvi": "ndvi_{year}.tif",
        "sand": 0.4,
        "silt": 0.4,
        "clay": 0.2,
        "organic_carbon": 0.015,
        "land_cover": "cover.tif",
        "practice": 0.5,
    },
    "zones": {"file": "zones.gpkg", "name": "NAME"},
    "zero_classes": ["water"],
}


def make_project(folder, **changes):
    """Write the project file, top-level keys replaced by `changes`; None drops a key."""
    project = {key: value for key, value in {**PROJECT, **changes}.items() if value is not None}
    file = folder / "project.yml"
    file.write_text(yaml.safe_dump(project), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def write_landscape():
    """The function that writes the rasters of a landscape."""
    return make_landscape


@pytest.fixture(scope="session")
def write_project():
    """The function that writes a project file."""
    return make_project


@pytest.fixture(autouse=True)
def _no_pictures(monkeypatch):
    """Drawing the report takes most of the time of a small run; `finished` and the command's tests draw it."""
    monkeypatch.setattr("soilloss.publish.report.write_report", lambda folder, record: None)


@pytest.fixture
def landscape(tmp_path, grid):
    """A folder with the rasters of the landscape and its project file."""
    make_landscape(tmp_path, grid)
    make_project(tmp_path)
    return tmp_path


@pytest.fixture(scope="session")
def finished(tmp_path_factory, grid):
    """The folder of a project that has been run; not to be changed."""
    from soilloss.workflow.run import execute
    from soilloss.workflow.site import open_site

    folder = tmp_path_factory.mktemp("finished")
    make_landscape(folder, grid)
    execute(open_site(make_project(folder)))
    return folder
