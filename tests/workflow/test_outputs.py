import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.workflow.outputs import Statistics


def read(folder, name):
    with rasterio.open(folder / "out" / name) as data:
        return data.read(1)


def test_statistics_do_not_depend_on_the_cut():
    values = np.random.default_rng(0).lognormal(0, 2, (40, 60)).astype("f4")
    values[3, 4] = np.nan
    one, many = Statistics(), Statistics()
    one.add((slice(0, 40), slice(0, 60)), values)
    for left in (0, 20, 40):
        many.add((slice(0, 40), slice(left, left + 20)), values[:, left : left + 20])
    np.testing.assert_array_equal(one.counts, many.counts)
    assert (
        (one.number, one.low, one.high)
        == (many.number, many.low, many.high)
        == (2399, np.nanmin(values), np.nanmax(values))
    )


def test_maps_hold_the_product_of_the_factors(finished):
    with rasterio.open(finished / "out/soil_loss/2001.tif") as data:
        loss = data.read(1)
        assert data.units == ("t ha-1 yr-1",)
        assert data.tags()["method"] == "rusle"
    ndvi = rasterio.open(finished / "ndvi_2001.tif").read(1)
    cover = np.exp(-2 * ndvi / (1 - ndvi))
    erosivity = 0.0483 * 600**1.610
    factors = [read(finished, f"factors/{name}.tif") for name in ("erodibility", "topography", "practice")]
    expected = erosivity * cover * np.prod(factors, axis=0)
    dry = np.s_[:, 10:]
    np.testing.assert_allclose(loss[dry], expected[dry], rtol=2e-5)


def test_water_is_zero_even_where_inputs_are_missing(finished):
    assert (read(finished, "soil_loss.tif")[:, :10] == 0).all()
    assert (read(finished, "severity.tif")[:, :10] == 1).all()


def test_a_missing_year_is_missing_and_the_mean_uses_the_others(finished):
    gap = np.s_[5:8, 10:14]
    assert np.isnan(read(finished, "soil_loss/2002.tif")[gap]).all()
    mean, first, last = (read(finished, f"soil_loss{name}.tif")[gap] for name in ("", "/2001", "/2003"))
    np.testing.assert_allclose(mean, (first.astype("f8") + last) / 2, rtol=1e-6)


def test_static_factors_are_not_summed_over_the_years(finished):
    assert read(finished, "factors/erodibility.tif").max() < 0.1
    assert read(finished, "factors/practice.tif").max() == 0.5
    rain = np.array([600.0, 700, 800])
    np.testing.assert_allclose(read(finished, "factors/erosivity.tif"), np.mean(0.0483 * rain**1.610), rtol=1e-5)


def test_tables_agree_with_the_maps(finished):
    loss = read(finished, "soil_loss/2003.tif").astype("f8")
    table = pd.read_csv(finished / "out/tables/summary.csv").set_index("step").loc["2003"]
    hectares = np.isfinite(loss).sum() * 0.09
    assert table["area [ha]"] == pytest.approx(hectares, rel=1e-9)
    assert table["total soil loss [t]"] == pytest.approx(np.nansum(loss) * 0.09, rel=1e-6)
    zones = pd.read_csv(finished / "out/tables/zones.csv")
    by_zone = zones[zones["step"] == "2003"]
    assert by_zone["total soil loss [t]"].sum() == pytest.approx(table["total soil loss [t]"], rel=1e-6)
    assert set(by_zone["zone"]) == {"west", "east"}
    grades = pd.read_csv(finished / "out/tables/severity.csv")
    assert grades[grades["step"] == "2003"]["area [ha]"].sum() == pytest.approx(hectares, rel=1e-9)
