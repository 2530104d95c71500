"""Trends against printed series, scipy and the rules for gaps."""

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from scipy import stats

from soilloss.analysis import trend
from soilloss.errors import DataError

X = np.array([13.3, 12.9, 14.1, 15.0, 11.2, 10.8, 12.0, 11.2, 9.9, 10.4, 9.0, 10.1, 8.8, 9.6, 9.0, 9.4])
Y1 = [12.3, 11.32, 12.412, 12.362, 11.597, 12.362, 10.849, 11.216, 11.184, 10.736, 11.352, 10.522, 10.634, 10.999]
Y1 += [9.867, 10.638, 10.33, 10.46, 9.84, 10.32, 10.08, 9.164, 10.107, 9.638, 9.838]
Y2 = [5, 5.2, 5.6, 6.1, 6, 5.5, 5.1, 4.7, 4.4, 4.6, 5, 5.5, 5.9, 6.3, 6.6, 6.5, 6.1, 5.7, 5.3, 5]
METHODS = [trend.linear, trend.mann_kendall, trend.mann_kendall_hamed_rao_1998, trend.theil_sen]


def near(found, rel=1e-5, **expected):
    for name, value in expected.items():
        assert float(found[name]) == pytest.approx(value, rel=rel), name


def test_linear():
    found = trend.linear(X)
    near(found, slope=-0.348971, intercept=13.661029, r_squared=0.748208, direction=-1)
    near(found, rel=5e-5, p_value=1.5229e-5)


def test_linear_agrees_with_scipy_over_gaps():
    values = np.random.default_rng(1).random((12, 5))
    values[[2, 7], 1] = np.nan
    values[:, 2] = np.arange(12)
    time = np.arange(12) + 2000.0
    ours = trend.linear(values, time=time)
    for cell in range(5):
        valid = np.isfinite(values[:, cell])
        theirs = stats.linregress(time[valid], values[valid, cell])
        assert ours["slope"][cell] == pytest.approx(theirs.slope)
        assert ours["intercept"][cell] == pytest.approx(theirs.intercept, abs=1e-8)
        assert ours["p_value"][cell] == pytest.approx(theirs.pvalue, abs=1e-9)


def test_mann_kendall():
    near(trend.mann_kendall(X), s=-84, z=-3.744467, p_value=0.000180777, tau=-0.7, slope=-0.309821, direction=-1)
    near(trend.mann_kendall([1, 2, 2, 3, 3, 3, 2, 4, 5, 5]), s=32, z=2.870042, p_value=0.004104, rel=1e-4)
    near(trend.mann_kendall(np.full(9, 4.0)), s=0, z=0, p_value=1, direction=0, slope=0, intercept=4)


def test_theil_sen():
    near(trend.theil_sen(X), slope=-0.309821, intercept=12.923661)


def test_hamed_rao():
    near(trend.mann_kendall_hamed_rao_1998(Y1), s=-225, z=-9.426279, slope=-0.105564, corrected=1)
    near(trend.mann_kendall_hamed_rao_1998(Y2), s=27, z=0.912311, p_value=0.361605)
    near(trend.mann_kendall(Y1), z=-5.232940)
    near(trend.mann_kendall(Y2), p_value=0.397509)


def test_only_positive_correlations_never_make_the_test_liberal():
    cautious = trend.mann_kendall_hamed_rao_1998(Y1, only_positive=True)
    near(cautious, z=-5.232940)


def test_hamed_rao_falls_back_where_the_variance_would_not_be_positive():
    values = np.array([5.0, 1, 8, 3, 9, 2, 6, 0, 7, 4])  # up and down: n/n* is -0.4
    found = trend.mann_kendall_hamed_rao_1998(values)
    near(found, corrected=0, z=float(trend.mann_kendall(values)["z"]))


def test_seasonal_kendall_of_one_season_is_mann_kendall():
    values = np.random.default_rng(4).random((20, 7))
    seasonal, plain = trend.seasonal_kendall(values, period=1), trend.mann_kendall(values)
    assert all(np.array_equal(seasonal[name], plain[name]) for name in plain)


def test_seasonal_kendall_sums_its_seasons():
    values = np.random.default_rng(5).random((40, 6))
    found = trend.seasonal_kendall(values, period=4)
    parts = [trend.mann_kendall(values[season::4]) for season in range(4)]
    np.testing.assert_array_equal(found["s"], sum(part["s"] for part in parts))
    score, variance = found["s"], 4 * 125.0
    np.testing.assert_allclose(found["z"], (score - np.sign(score)) / np.sqrt(variance))


def test_seasonal_kendall_finds_its_seasons_in_the_labels():
    labels = [f"{year}-Q{quarter}" for year in range(2000, 2011) for quarter in (1, 2, 3, 4)][3:]
    values = np.array([10.0 * int(label[-1]) + int(label[:4]) - 2000 for label in labels])
    keep = np.arange(len(labels)) != 9
    found = trend.seasonal_kendall(values[keep], time=np.array(labels)[keep])
    near(found, slope=1, tau=1, direction=1)
    with pytest.raises(DataError, match="give period=4"):
        trend.seasonal_kendall(values)


@pytest.mark.parametrize("method", METHODS)
def test_gaps_are_skipped_and_short_series_have_no_answer(method):
    values = np.full((12, 3), np.nan)
    values[:, 0] = np.arange(12)
    values[[0, 1, 3, 4, 6, 8, 9, 11], 1] = values[[0, 1, 3, 4, 6, 8, 9, 11], 0]
    values[5, 2] = 1
    found = method(values)
    np.testing.assert_allclose(found["slope"], [1, 1, np.nan])
    np.testing.assert_allclose(found["intercept"], [0, 0, np.nan], atol=1e-12)
    assert all(np.isnan(found[name][2]) for name in found)


@pytest.mark.parametrize("method", METHODS)
def test_arrays_dataarrays_and_dask_agree(method):
    values = np.random.default_rng(6).random((10, 6, 7)).astype("f4")
    values[3, 2, 2] = np.nan
    time = np.array([f"{year}-01-01" for year in range(2001, 2011)], "M8[ns]")
    place = xr.DataArray(0, attrs={"crs_wkt": "here"})
    data = xr.DataArray(
        values, dims=("time", "y", "x"), coords={"time": time, "spatial_ref": place}, attrs={"units": "t ha-1"}
    )
    plain = method(values, time=np.arange(2001, 2011))
    whole = method(data)
    lazy = method(data.copy(data=da.from_array(values, chunks=(4, 3, 4))))
    assert whole["slope"].attrs["units"] == "t ha-1 yr-1"
    assert whole["slope"].coords["spatial_ref"].attrs == {"crs_wkt": "here"}
    assert whole["slope"].dims == ("y", "x")
    assert isinstance(lazy["slope"].data, da.Array)
    for name in plain:
        assert plain[name].dtype == np.float32
        np.testing.assert_array_equal(plain[name], whole[name])
        np.testing.assert_array_equal(plain[name], lazy[name])


def test_strips_do_not_change_the_answer(monkeypatch):
    values = np.random.default_rng(7).random((9, 300)).astype("f4")
    whole = trend.mann_kendall(values)
    monkeypatch.setattr(trend, "CELLS_AT_ONCE", 77)
    cut = trend.mann_kendall(values)
    assert all(np.array_equal(whole[name], cut[name]) for name in whole)


def test_a_time_for_every_step():
    with pytest.raises(DataError, match="there are 16 steps but 3 times"):
        trend.linear(X, time=[1, 2, 3])
