"""Rain by month and year, sums of half-months, dates."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from soilloss import climate
from soilloss.errors import DataError


def test_fournier_index():
    months = [75, 60, 58, 48, 45, 35, 25, 20, 35, 60, 95, 108]
    assert climate.modified_fournier_index(months) == pytest.approx(67.292169, abs=5e-7)
    assert climate.modified_fournier_index(np.zeros(12)) == 0
    assert np.isnan(climate.modified_fournier_index([np.nan] * 12))


def test_sums_keep_gaps():
    months = np.full((3, 12), 50, "f4")
    months[1, 3], months[2, 3] = np.nan, -1
    made = climate.sum_of_months(months)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, [600, np.nan, np.nan])
    assert climate.step_sum(np.arange(24.0)) == 276
    assert np.isnan(climate.step_sum([np.nan] * 24))


def test_months_of_days_against_pandas():
    dates = pd.date_range("2001-01-01", "2004-12-31")
    rain = pd.Series(np.random.default_rng(5).gamma(0.3, 20, len(dates)), dates)
    monthly = rain.groupby([dates.year, dates.month]).sum()
    np.testing.assert_allclose(climate.months_of_days(rain.to_numpy(), time=dates), monthly.groupby(level=1).mean())


def test_months_with_too_few_days_are_left_out():
    rain = np.ones(730)
    rain[:3] = np.nan
    np.testing.assert_array_equal(climate.months_of_days(rain, time="2001-01-01")[:2], [(28 + 31) / 2, 28])
    rain[3] = np.nan
    assert climate.months_of_days(rain, time="2001-01-01")[0] == 31
    assert np.isnan(climate.months_of_days(rain[:365], time="2001-01-01")[0])


def test_months_of_days_on_a_cube():
    dates = pd.date_range("2001-01-01", "2001-12-31")
    cube = xr.DataArray(np.ones((365, 2, 3), "f4"), dims=("time", "y", "x"), coords={"time": dates}).assign_attrs(
        units="cm"
    )
    made = climate.months_of_days(cube)
    assert made.dims == ("y", "x", "month")
    assert made.dtype == np.float32
    assert made.sum("month").values.tolist() == [[3650] * 3] * 2


def test_periods_cover_a_leap_year():
    periods = climate.half_month_periods("2000-01-01", 366)
    assert periods.slots.tolist() == list(range(24))
    assert periods.lengths.tolist()[:4] == [15, 16, 15, 14]
    assert periods.lengths.sum() == periods.starts[-1] == 366
    assert periods.days_per_year == 366


def test_dates():
    assert climate.dates_of("2001-02-27", 3).astype(str).tolist() == ["2001-02-27", "2001-02-28", "2001-03-01"]
    for time, sentence in (
        (None, "give time= one date per day"),
        ("spring", "dates of the rain cannot be read"),
        (["2001-01-01"], "2 days on its last axis but 1 dates"),
        (["2001-01-01", "2001-01-01"], "2001-01-01 follows 2001-01-01, expected rising dates"),
        (["2001-01-01", "NaT"], "NaT follows"),
    ):
        with pytest.raises(DataError, match=sentence):
            climate.dates_of(time, 2)


@pytest.mark.parametrize("count", [12, 24])
@pytest.mark.parametrize("labels", [[f"2001-Q{q}" for q in range(1, 5)], [f"2001-{m:02d}" for m in range(1, 13)]])
def test_steps_share_out_the_year(count, labels):
    year = np.arange(2.0 * count).reshape(2, count)
    parts = [climate.of_step(year, label) for label in labels]
    np.testing.assert_array_equal(np.concatenate(parts, axis=-1), year)
    np.testing.assert_array_equal(climate.of_step(year, "2001"), year)


def test_erosivity_of_quarters_adds_up_to_the_year():
    half_months = np.random.default_rng(0).gamma(1, 50, (3, 24)).astype("f4")
    quarters = [climate.step_sum(half_months, step=f"2001-Q{q}") for q in range(1, 5)]
    np.testing.assert_allclose(np.sum(quarters, axis=0), climate.step_sum(half_months), rtol=1e-6)
    np.testing.assert_allclose(quarters[2], half_months[:, 12:18].sum(-1), rtol=1e-6)
    assert quarters[0].dtype == np.float32


def test_whole_half_months():
    """Each piece ends with a half-month, whatever the parts are."""
    dates = np.arange("2001-01-01", "2001-04-01", dtype="datetime64[D]")
    rain = np.arange(90.0)[:, None]
    for cuts in ([], [15], [16, 17, 18, 80], [31, 59], list(range(1, 90))):
        parts = zip(np.split(dates, cuts), np.split(rain, cuts), strict=True)
        pieces = list(climate.whole_half_months(parts))
        np.testing.assert_array_equal(np.concatenate([d for d, _ in pieces]), dates)
        np.testing.assert_array_equal(np.concatenate([r for _, r in pieces]), rain)
        ends = [d[-1] for d, _ in pieces]
        assert all(np.datetime_as_string(end)[-2:] in ("15", "31", "28") for end in ends)
    assert list(climate.whole_half_months([])) == []


def test_strips_keep_the_order_of_memory():
    days = np.random.default_rng(8).random((10, 3000)).astype("f4")
    [(some, same)] = climate.strips(days.T)
    assert some == slice(0, 3000)
    assert np.shares_memory(same, days)
    pieces = list(climate.strips(np.ascontiguousarray(days.T)))
    assert len(pieces) == 3
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces], axis=1), days)
