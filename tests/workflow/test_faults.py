"""A server that fails at random: the result is the one without faults, or one sentence and a resume that gives it.

20 seeds for each product, 10 where they are many files; `make test-faults` takes 200 of each (SOILLOSS_FAULTS).
"""

import os
import random

import pytest
import world
from loopback import FAULTS, Server

from soilloss.errors import SourceError
from soilloss.sources import pieces, remote
from soilloss.sources.products import packaged
from soilloss.workflow.fetch import fetch

ENTRIES = world.entries
SEEDS = int(os.environ.get("SOILLOSS_FAULTS", "0"))
SHARE = 0.35
CLOUD = (slice(0, 70), slice(0, 80))
PRODUCTS = {  # name of the case: product, variable, step, what is said of the source
    "heights": ("copernicus-dem-30", "elevation", "year", {}),
    "land cover": ("esa-worldcover-2021", "land_cover", "year", {}),
    "months of rain": ("chirps-v2-monthly", "annual_precipitation", "year", {}),
    "days of rain": ("chirps-v2-daily", "daily_precipitation", "year", {}),
    "soil": ("soilgrids-2", "sand", "year", {}),
    "Zarr": ("era5-land-monthly", "monthly_precipitation", "year", {}),
    "NetCDF": ("era5-in-years", "annual_precipitation", "year", {}),
    "Sentinel-2 by quarters": ("sentinel-2-l2a", "ndvi", "quarter", {}),
    "Landsat by years": ("landsat-c2-l2", "nir", "year", {"composite": "medoid", "harmonise": "rma"}),
}
MANY_FILES = {"days of rain", "NetCDF", "Sentinel-2 by quarters", "Landsat by years"}


def entries(url):
    """Known products on the server; a medoid reads no bands that are not there."""
    found = ENTRIES(url)
    for name, assets in (("sentinel-2-l2a", ("B04", "B08")), ("landsat-c2-l2", ("red", "nir08"))):
        bands = {band: {"asset": asset, "nodata": 0} for band, asset in zip(("red", "nir"), assets, strict=True)}
        found[name] |= {
            "variables": {**bands, "ndvi": {"of": ["red", "nir"]}},
            "time": {"step": "scene", "start": 2001},
        }
    found["era5-in-years"] = {
        **packaged()["era5-land-monthly"].model_dump(mode="json", exclude_unset=True),
        "access": "url",
        "url": url + "/era5/{year}/4.nc",
    }
    return found


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    folder = tmp_path_factory.mktemp("far")
    world.build(folder, years=(2001,))
    world.days(folder, 2001)
    world.rain_cube(folder / "era5/v3.zarr")
    world.rain_cube(folder / "era5/2001/4.nc")
    return folder


@pytest.fixture(scope="module")
def server(far):
    with Server(far) as running:
        dates = {"a": "2001-02-01", "b": "2001-05-01", "c": "2001-08-01", "d": "2001-11-01"}
        for number, (name, date) in enumerate(dates.items()):
            how = {"shift": number / 50, "clouds": [CLOUD] if name == "c" else []}
            running.items += [
                world.scene(far, running.url, name, date, **how),
                world.landsat(far, running.url, name, date, platform=f"landsat-{5 if name == 'b' else 8}", **how),
            ]
        yield running


def cells(folder):
    """The bytes of all fetched rasters."""
    return {path.name: path.read_bytes() for path in folder.glob(".soilloss/fetched/*/*.tif")}


@pytest.mark.parametrize("case", PRODUCTS)
def test_faults_end_in_the_same_cells_or_in_a_sentence(case, server, tmp_path, monkeypatch):
    product, variable, step, said = PRODUCTS[case]
    monkeypatch.setattr(remote, "DELAY", 0.0005)
    monkeypatch.setattr(world, "entries", entries)
    monkeypatch.setattr(pieces, "monthrange", lambda year, month: (0, 3))  # days of rain are many: three a month do

    def prepared(name):
        monkeypatch.setenv("SOILLOSS_CACHE", str(tmp_path / f"{name}-cache"))
        period = {"start": 2001, "end": 2001, "step": step}
        return world.project(
            tmp_path / name, server.url, sources={variable: {"product": product, **said}}, period=period
        )

    steady = prepared("steady")
    fetch(steady)
    expected = cells(steady.parent)
    assert expected
    stopped = 0
    seeds = SEEDS or (10 if case in MANY_FILES else 20)
    for seed in range(seeds):
        file = prepared(str(seed))
        draw = random.Random(seed)
        server.faults = [draw.choice(FAULTS) if draw.random() < SHARE else "" for _ in range(60)]
        if seed % 5 == 4:  # and one in five is unplugged for a while
            at = draw.randrange(2)
            server.faults[at:at] = ["drop"] * 60
        sentence = ""
        try:
            fetch(file)
        except SourceError as error:
            stopped, sentence = stopped + 1, str(error)
            assert not list(file.parent.glob(".soilloss/fetched/*/*.json"))
            server.faults = []
            fetch(file)
        assert "\n" not in sentence
        assert cells(file.parent) == expected, f"seed {seed}"
        assert not [path for path in tmp_path.rglob("*draft*") if path.is_file()]
    server.faults = []
    assert stopped >= seeds // 10
