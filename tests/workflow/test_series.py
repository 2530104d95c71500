import numpy as np
import pandas as pd
import pytest
import rasterio
import xarray as xr
import yaml
from affine import Affine
from odc.geo.geobox import GeoBox

import soilloss as sl
from soilloss.errors import DataError, ProjectError
from soilloss.sources import synthetic
from soilloss.workflow import series
from soilloss.workflow.check import check
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

YEARS = (2003, 2004)  # the second is a leap year
METHODS = {"half_month_erosivity": "xie_2016", "erosivity": "step_sum"}


def rain_of(year, shape=(9, 11)):
    days = 366 if year == 2004 else 365
    random = np.random.default_rng(year)
    return np.where(random.random((*shape, days)) < 0.3, random.gamma(0.8, 15, (*shape, days)), 0).astype("f4")


@pytest.fixture
def coarse(grid):
    """Cells of 300 m that reach beyond the target on all sides."""
    return GeoBox((9, 11), Affine(300, 0, 499_710, 0, -300, 4_620_300), grid.crs.to_wkt())


@pytest.fixture
def daily(landscape, coarse, write_project):
    """The landscape with daily rain in a file per year, and the function that writes its project."""
    for year in YEARS:
        synthetic.write_raster(landscape / f"days_{year}.tif", rain_of(year), coarse)

    def write(step="year", rain="days_{year}.tif", **changes):
        sources = yaml.safe_load((landscape / "project.yml").read_text())["sources"]
        sources.pop("annual_precipitation", None)
        sources |= {"ndvi": "ndvi_2001.tif", "daily_precipitation": rain}
        given = {
            "sources": sources,
            "period": {"start": 2003, "end": 2004, "step": step},
            "methods": METHODS,
            "publish": {"folder": "out", "steps": ["year"], "factors": [2003, 2004]},
        }
        return write_project(landscape, **{**given, **changes})

    return write


def read(path):
    with rasterio.open(path) as data:
        return data.read(1)


def test_years_of_days_become_erosivity_of_years(daily, landscape):
    execute(open_site(daily()))
    for year in YEARS:
        half_months = sl.erosivity.xie_2016(rain_of(year), time=f"{year}-01-01")
        around = half_months.sum(-1)[2:5, 3:6]
        found = read(landscape / f"out/factors/erosivity/{year}.tif")
        # four target cells meet in the middle of the rain cell in row 3, column 4: bilinear between the cells' R
        near = np.array([0.025, 0.95, 0.025])
        assert found[24:26, 34:36].mean() == pytest.approx(near @ around @ near, rel=1e-4)
        assert np.isfinite(found).all()
    assert execute(open_site(daily())).made == []


def test_a_year_of_days_is_made_of_its_own_file(daily, landscape):
    def made(**changes):
        items = open_site(daily(**changes)).stored
        return {item.label: item for item in items if item.kind == "series"}

    execute(open_site(daily(period={"start": 2003, "end": 2003}, publish={"folder": "out"})))
    assert {year: item.exists for year, item in made().items()} == {"2003": True, "2004": False}
    execute(open_site(daily()))
    with rasterio.open(landscape / "days_2003.tif", "r+") as data:
        data.write(2 * data.read())
    assert {year: item.exists for year, item in made().items()} == {"2003": False, "2004": True}


def test_quarters_and_months_share_out_the_year(daily, landscape):
    execute(open_site(daily()))
    yearly = [read(landscape / f"out/factors/erosivity/{year}.tif") for year in YEARS]
    losses = [read(landscape / f"out/soil_loss/{year}.tif") for year in YEARS]
    for step in ("quarter", "month"):
        outcome = execute(open_site(daily(step)))
        assert outcome.made == []  # half-months of a year serve all its steps
        for year, erosivity, loss in zip(YEARS, yearly, losses, strict=True):
            np.testing.assert_allclose(read(landscape / f"out/factors/erosivity/{year}.tif"), erosivity, rtol=1e-5)
            np.testing.assert_allclose(read(landscape / f"out/soil_loss/{year}.tif"), loss, rtol=1e-5)


def test_no_bit_depends_on_the_blocks_of_days(daily, landscape, monkeypatch):
    def half_months():
        site = open_site(daily())
        items = [item for item in site.stored if item.kind == "series"]
        assert [item.label for item in items] == ["2003", "2004"]
        for item in items:
            item.path.unlink(missing_ok=True)
            series.make(site, item, 2, lambda *_: None)
        with rasterio.open(items[1].path) as data:
            return data.read()

    whole = half_months()
    monkeypatch.setattr(
        series, "windows", lambda shape, side: [(slice(r, r + 1), slice(0, shape[1])) for r in range(shape[0])]
    )
    np.testing.assert_array_equal(half_months(), whole)


@pytest.mark.parametrize("suffix", [".nc", ".zarr"])
def test_a_cube_of_days(daily, landscape, coarse, suffix):
    execute(open_site(daily()))
    expected = read(landscape / "out/soil_loss.tif")
    rain = np.concatenate([rain_of(year) for year in YEARS], axis=-1)
    a = coarse.affine
    coords = {
        "time": pd.date_range("2003-01-01", "2004-12-31"),
        "y": a.f + (np.arange(9) + 0.5) * a.e,
        "x": a.c + (np.arange(11) + 0.5) * a.a,
    }
    cube = xr.DataArray(np.moveaxis(rain, -1, 0), dims=("time", "y", "x"), coords=coords, attrs={"units": "mm"})
    dataset = cube.to_dataset(name="pr").assign_attrs(crs="EPSG:32635")
    if suffix == ".nc":
        dataset.to_netcdf(landscape / "days.nc", engine="h5netcdf")
    else:
        dataset.to_zarr(landscape / "days.zarr", consolidated=False, zarr_format=2)
    source = {"file": f"days{suffix}", "variable": "pr"}
    for step in ("year", "quarter"):
        execute(open_site(daily(step, rain=source)))
        np.testing.assert_allclose(read(landscape / "out/soil_loss.tif"), expected, rtol=1e-5)
    # without a period: the mean year of the record
    execute(open_site(daily(rain=source, period=None, publish={"folder": "out"})))
    np.testing.assert_allclose(read(landscape / "out/soil_loss.tif"), expected, rtol=1e-4)


def test_days_open_along_time(daily, landscape):
    opened = sl.open(daily())
    rain = opened["daily_precipitation"]
    assert rain.dims == ("time", "y", "x")
    assert rain.sizes["time"] == 365 + 366
    assert not (landscape / ".soilloss/steps").exists()  # nothing is computed before it is asked for
    middle = rain.isel(y=slice(24, 26), x=slice(34, 36)).mean(["y", "x"]).values[:365]
    near = np.array([0.025, 0.95, 0.025])
    np.testing.assert_allclose(middle, np.einsum("i,ijt,j", near, rain_of(2003)[2:5, 3:6], near), rtol=1e-3, atol=1e-4)
    half_months = sl.erosivity.xie_2016(rain.isel(y=slice(24, 26), x=slice(34, 36)).compute())
    assert half_months.dims == ("y", "x", "half_month")


def test_a_leap_year_has_its_days(daily, landscape, coarse):
    synthetic.write_raster(landscape / "days_2004.tif", rain_of(2004)[..., :365], coarse)
    with pytest.raises(DataError, match=r"days_2004.tif has 365 bands, expected 366, one for each day of 2004"):
        open_site(daily())


def test_days_need_dates(daily, landscape):
    site = open_site(daily(rain="days_2003.tif", period=None, publish={"folder": "out"}))
    with pytest.raises(DataError, match=r"365 days without dates; give a period"):
        execute(site)


def test_days_from_stations_are_asked_for_otherwise(daily, landscape):
    (landscape / "rain.csv").write_text("station,x,y,date,precipitation\na,24,41,2003-01-01,1\n")
    with pytest.raises(ProjectError, match=r"write half_month_erosivity: \{table: \.\.\., method: xie_2016\}"):
        open_site(daily(rain={"table": "rain.csv"}))


@pytest.fixture
def stations(landscape, grid):
    """Two stations with daily rain of two years, in the upper left and lower right corner."""
    west, south, east, north = grid.boundingbox
    rows = []
    for station, x, y in (("a", west, north), ("b", east, south)):
        for year in YEARS:
            rain = rain_of(year)[0 if station == "a" else 1, 0]
            for date, amount in zip(pd.date_range(f"{year}-01-01", f"{year}-12-31"), rain, strict=True):
                rows.append((station, x, y, date.date(), amount))
    pd.DataFrame(rows, columns=["station", "x", "y", "date", "precipitation"]).to_csv(
        landscape / "rain.csv", index=False
    )
    return landscape


@pytest.mark.parametrize("yearly", [False, True])
def test_half_months_from_stations_by_quarters(stations, daily, grid, yearly):
    table = {"table": "rain.csv", "method": "xie_2016", "crs": "EPSG:32635", "yearly": yearly}
    for step in ("year", "quarter"):
        file = daily(step, methods={"erosivity": "step_sum"})
        project = yaml.safe_load(file.read_text())
        del project["sources"]["daily_precipitation"]
        project["sources"]["half_month_erosivity"] = table
        file.write_text(yaml.safe_dump(project))
        execute(open_site(file))
        found = read(stations / "out/factors/erosivity.tif")
        both = [
            np.mean([sl.erosivity.xie_2016(rain_of(year)[row, 0], time=f"{year}-01-01").sum() for year in YEARS])
            for row in (0, 1)
        ]
        assert found[0, 0] == pytest.approx(both[0], rel=1e-3)
        assert min(both) <= found.min()
        assert found.max() <= max(both)


def test_years_of_a_table_need_days_and_a_finer_variable(stations, daily):
    file = daily("quarter")
    project = yaml.safe_load(file.read_text())
    del project["sources"]["daily_precipitation"], project["methods"]
    project["sources"]["erosivity"] = {"table": "rain.csv", "crs": "EPSG:32635", "yearly": True}
    file.write_text(yaml.safe_dump(project))
    with pytest.raises(ProjectError, match=r"gives the erosivity of a year, but the project's step is quarter"):
        open_site(file)


def test_a_fit_to_single_years_is_warned_of(daily):
    methods = {"half_month_erosivity": "zhang_2002", "erosivity": "step_sum"}
    (found,) = [f for f in check(daily("quarter", methods=methods)) if f.where == "methods.half_month_erosivity"]
    assert "fitted to each year alone" in found.message
    methods["half_month_erosivity"] = {"name": "zhang_2002", "mean_erosive_rain": 25, "annual_erosive_rain": 500}
    assert not [f for f in check(daily("quarter", methods=methods)) if f.where.startswith(("methods", "period"))]
