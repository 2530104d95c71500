"""Half-month erosivity from daily rain."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from soilloss import erosivity
from soilloss.derive.climate import step_sum
from soilloss.errors import DataError

WET_DAYS = {"01-10": 12.0, "05-03": 25.0, "05-20": 40.0, "07-08": 60.0, "07-09": 9.0, "10-05": 15.0}
HALF_MONTHS = {1: 22.631232, 9: 102.02553, 10: 229.67937, 13: 462.533883, 19: 33.267742}


def days_of(year_from: int, year_to: int) -> np.ndarray:
    return np.arange(f"{year_from}-01-01", f"{year_to + 1}-01-01", dtype="datetime64[D]")


def rain_of(dates, wet=WET_DAYS, year=2001) -> np.ndarray:
    rain = np.zeros(len(dates))
    for day, amount in wet.items():
        rain[dates == np.datetime64(f"{year}-{day}")] = amount
    return rain


def one_day(day: str, amount: float, **options) -> np.ndarray:
    dates = days_of(2001, 2001)
    return erosivity.xie_2016(rain_of(dates, {day: amount}), time=dates, **options)


def test_worked_year():
    dates = days_of(2001, 2001)
    made = erosivity.xie_2016(rain_of(dates), time=dates)
    expected = np.zeros(24)
    for half_month, value in HALF_MONTHS.items():
        expected[half_month - 1] = value
    np.testing.assert_allclose(made, expected, rtol=1e-7)
    np.testing.assert_allclose(made.reshape(4, 6).sum(axis=1), [22.631232, 331.7049, 462.533883, 33.267742], rtol=1e-7)
    assert step_sum(made) == pytest.approx(850.137757)


def test_a_dry_year_counts():
    dates = days_of(2001, 2002)
    assert step_sum(erosivity.xie_2016(rain_of(dates), time=dates)) == pytest.approx(425.068879)


def test_an_unrecorded_year_does_not_count():
    dates = days_of(2001, 2002)
    rain = rain_of(dates)
    rain[365:] = np.nan
    assert step_sum(erosivity.xie_2016(rain, time=dates)) == pytest.approx(850.137757)


@pytest.mark.parametrize(
    ("day", "half_month"),
    [("01-15", 1), ("01-16", 2), ("02-28", 4), ("05-01", 9), ("09-30", 18), ("10-01", 19), ("12-31", 24)],
)
def test_half_months(day, half_month):
    assert np.flatnonzero(one_day(day, 20.0)).tolist() == [half_month - 1]


def test_leap_day_is_in_the_fourth_half_month():
    dates = days_of(2000, 2000)
    made = erosivity.xie_2016(rain_of(dates, {"02-29": 20.0}, 2000), time=dates)
    assert np.flatnonzero(made).tolist() == [3]


@pytest.mark.parametrize(("amount", "expected"), [(9.70, 19.898797), (9.69, 0), (100, 1117.2887)])
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_threshold_is_closed_in_both_float_types(amount, expected, dtype):
    dates = days_of(2001, 2001)
    rain = rain_of(dates, {"07-01": amount}).astype(dtype)
    made = erosivity.xie_2016(rain, time=dates)
    assert made.dtype == dtype
    assert made.sum() == pytest.approx(expected, rel=1e-6)


def test_warm_months_of_the_southern_hemisphere():
    southern = {"warm_months": (10, 11, 12, 1, 2, 3, 4)}
    assert one_day("01-10", 12.0, **southern).sum() == pytest.approx(22.631232 / 0.3101 * 0.3937)
    assert one_day("07-08", 60.0, **southern).sum() == pytest.approx(462.533883 / 0.3937 * 0.3101)


def test_missing_days():
    dates = days_of(2001, 2001)
    rain = rain_of(dates)
    rain[0] = np.nan
    assert erosivity.xie_2016(rain, time=dates)[0] == pytest.approx(22.631232)
    rain[1] = -9999
    assert np.isnan(erosivity.xie_2016(rain, time=dates)[0])
    assert erosivity.xie_2016(rain, time=dates, min_valid_fraction=0.8)[0] == pytest.approx(22.631232)


def test_absent_days_are_missing_too():
    dates = days_of(2001, 2001)
    rain, kept = rain_of(dates), dates != np.datetime64("2001-01-01")
    np.testing.assert_array_equal(
        erosivity.xie_2016(rain[kept], time=dates[kept]),
        erosivity.xie_2016(np.where(kept, rain, np.nan), time=dates),
    )
    made = erosivity.xie_2016(rain[:40], time=dates[:40])
    assert np.isfinite(made).tolist() == [True, True] + [False] * 22


@pytest.mark.parametrize(("method", "expected"), [("zhang_2002", 222.83965), ("zhang_fu_2003_daily", 174.435681)])
def test_fitted_power_laws(method, expected):
    dates = days_of(2001, 2001)
    rain = rain_of(dates, {"03-01": 15.0, "03-02": 30.0, "03-03": 11.0})
    options = {"mean_erosive_rain": 25.0} | ({"annual_erosive_rain": 500.0} if method == "zhang_2002" else {})
    made = getattr(erosivity, method)(rain, time=dates, **options)
    assert made[4] == pytest.approx(expected, rel=1e-6)
    assert made.sum() == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("method", ["zhang_2002", "zhang_fu_2003_daily"])
def test_power_laws_read_their_parameters_from_the_record(method):
    dates = days_of(2001, 2002)
    rain = np.stack([rain_of(dates), np.zeros(len(dates)), np.full(len(dates), np.nan)])
    erosive = rain[0][rain[0] >= 12]
    given = {"mean_erosive_rain": erosive.mean()}
    given |= {"annual_erosive_rain": erosive.sum() / 2} if method == "zhang_2002" else {}
    made = getattr(erosivity, method)(rain, time=dates)
    np.testing.assert_allclose(made[0], getattr(erosivity, method)(rain[0], time=dates, **given))
    assert (made[1] == 0).all()
    assert np.isnan(made[2]).all()


def test_axis_orders_and_dataarrays_agree():
    rng = np.random.default_rng(1)
    dates = days_of(2001, 2003)
    rain = rng.gamma(0.3, 20, (len(dates), 7, 11)).astype("f4")
    rain[rng.random(rain.shape) < 0.02] = np.nan
    last = erosivity.xie_2016(np.ascontiguousarray(np.moveaxis(rain, 0, -1)), time=dates)
    np.testing.assert_array_equal(last, erosivity.xie_2016(np.moveaxis(rain, 0, -1), time=dates))
    cube = xr.DataArray(rain, dims=("time", "y", "x"), coords={"time": dates}, attrs={"units": "mm"})
    made = erosivity.xie_2016(cube)
    assert made.dims == ("y", "x", "half_month")
    np.testing.assert_array_equal(made, last)
    np.testing.assert_array_equal(erosivity.xie_2016(cube.chunk({"y": 3})), last)


def test_against_pandas():
    rng = np.random.default_rng(2)
    dates = pd.date_range("2001-01-01", "2004-12-31")
    rain = pd.Series(rng.gamma(0.3, 20, len(dates)), dates)
    warm = dates.month.isin([5, 6, 7, 8, 9])
    daily = (rain**1.7265 * np.where(warm, 0.3937, 0.3101)).where(rain >= 9.7, 0)
    half = 2 * (dates.month - 1) + (dates.day > 15)
    expected = daily.groupby([dates.year, half]).sum().groupby(level=1).mean()
    np.testing.assert_allclose(erosivity.xie_2016(rain.to_numpy(), time=dates), expected, rtol=1e-6)


@pytest.mark.parametrize("cuts", [(), (15,), (1, 2, 3), (10, 40, 41, 400), (20, 365, 700)])
def test_a_record_in_parts(cuts):
    rng = np.random.default_rng(6)
    dates = days_of(2001, 2002)
    rain = rng.gamma(0.3, 20, (len(dates), 3, 5)).astype("f4")
    rain[rng.random(rain.shape) < 0.02] = np.nan
    parts = zip(np.split(dates, cuts), np.split(rain, cuts), strict=True)
    made = erosivity.xie_2016_in_parts(parts)
    np.testing.assert_array_equal(made, erosivity.xie_2016(np.moveaxis(rain, 0, -1), time=dates))


def test_parts_may_share_their_memory():
    """A reader may fill the same array again and again."""
    dates, buffer = days_of(2001, 2001), np.empty((10, 1))
    rain = np.random.default_rng(7).gamma(0.3, 20, (365, 1))

    def parts():
        for first in range(0, 365, 10):
            count = min(10, 365 - first)
            buffer[:count] = rain[first : first + count]
            yield dates[first : first + count], buffer[:count]

    np.testing.assert_allclose(erosivity.xie_2016_in_parts(parts()), erosivity.xie_2016(rain.T, time=dates))


def test_parts_must_follow_each_other():
    day = np.zeros((2, 1))
    with pytest.raises(DataError, match="2001-01-02 follows 2001-01-02"):
        erosivity.xie_2016_in_parts([("2001-01-01", day), ("2001-01-02", day)])
    with pytest.raises(DataError, match="the record has no parts"):
        erosivity.xie_2016_in_parts([])


def test_dates_are_required_and_checked():
    with pytest.raises(DataError, match="daily rain came without dates"):
        erosivity.xie_2016(np.zeros(3))
    with pytest.raises(DataError, match="3 days on its last axis but 2 dates"):
        erosivity.xie_2016(np.zeros(3), time=["2001-01-01", "2001-01-02"])
    with pytest.raises(DataError, match="2001-01-01 follows 2001-01-02"):
        erosivity.xie_2016(np.zeros(2), time=["2001-01-02", "2001-01-01"])
