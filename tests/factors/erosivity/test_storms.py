"""Storms: splitting, energy, 30-minute intensity, erosive storms, years."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from soilloss import erosivity
from soilloss.errors import DataError

STORM = [0.5, 1, 2, 4, 6, 3, 2, 1, 0.5, 0.2]
EVERY = {"minimum_depth": 0, "minimum_burst": np.inf}


def times(count: int, minutes: int = 10, start: str = "2001-05-01") -> pd.DatetimeIndex:
    return pd.date_range(start, periods=count, freq=f"{minutes}min")


def record(bursts: dict[float, list[float]], hours: int = 48, minutes: int = 10):
    """Return a record with `bursts` by hour of their start."""
    rain = np.zeros(hours * 60 // minutes)
    for hour, depths in bursts.items():
        first = round(hour * 60 / minutes)
        rain[first : first + len(depths)] = depths
    return rain, times(len(rain), minutes)


@pytest.mark.parametrize(
    ("energy", "expected", "product"),
    [
        ("brown_foster_1987", 4.157904, 108.1055),
        ("mcgregor_1995", 4.764047, 123.86521),
        ("wischmeier_smith_1978_energy", 4.585467, 119.22215),
        ("salles_2002", 5.563319, 144.6463),
    ],
)
def test_worked_storm(energy, expected, product):
    storms = erosivity.ei30(STORM, times(10), energy=getattr(erosivity, energy))
    assert len(storms) == 1
    row = storms.iloc[0]
    assert row["depth"] == pytest.approx(20.2)
    assert row["duration"] == pytest.approx(100 / 60)
    assert row["i30"] == pytest.approx(26)
    assert row["energy"] == pytest.approx(expected, rel=1e-6)
    assert row["erosivity"] == pytest.approx(product, rel=1e-6)


@pytest.mark.parametrize(
    ("energy", "expected"),
    [("brown_foster_1987", 0.272861), ("mcgregor_1995", 0.28654), ("wischmeier_smith_1978_energy", 0.26732)],
)
def test_energy_at_50_mm_per_hour(energy, expected):
    assert getattr(erosivity, energy)(50) == pytest.approx(expected, abs=5e-7)


def test_logarithmic_energy_is_bounded():
    made = erosivity.wischmeier_smith_1978_energy([0, -1, 0.04, 76, 76.1, 500])
    np.testing.assert_allclose(made, [0, 0, 0, 0.119 + 0.0873 * np.log10(76), 0.283, 0.283])


def test_salles_against_rfactor():
    for rain, expected in (([1.0], 0.19379), ([1.1, 1.2, 1.3], 0.73891)):
        made = erosivity.ei30(rain, times(len(rain)), energy=erosivity.salles_2002, step_minutes=10, **EVERY)
        assert made["energy"][0] == pytest.approx(expected, abs=5e-6)


def test_largest_half_hour():
    ramp = erosivity.ei30(np.arange(30.0), times(30), **EVERY)
    assert ramp["i30"][0] == pytest.approx(168)
    short = erosivity.ei30([3.0], times(1), step_minutes=5, **EVERY)
    assert short["i30"][0] == pytest.approx(6)
    hourly = erosivity.ei30([0.0, 8.0, 2.0], times(3, 60), **EVERY)
    assert hourly["i30"][0] == pytest.approx(8)
    twenty = erosivity.ei30([1.0, 4.0, 2.0], times(3, 20), **EVERY)
    assert twenty["i30"][0] == pytest.approx(2 * (4 + 2 / 2))


def test_intensity_is_the_same_at_finer_steps():
    fine = np.repeat(np.array(STORM) / 2, 2)
    coarse, made = erosivity.ei30(STORM, times(10)), erosivity.ei30(fine, times(20, 5))
    columns = ["depth", "duration", "energy", "i30", "erosivity"]
    np.testing.assert_allclose(made[columns], coarse[columns])


@pytest.mark.parametrize(("drizzle", "count"), [(1.2, 2), (1.3, 1)])
def test_less_than_1_27_mm_in_six_hours_parts_storms(drizzle, count):
    rain, dates = record({1: [5, 5], 4: [drizzle], 7.5: [5, 5]})
    storms = erosivity.ei30(rain, dates, **EVERY)
    assert len(storms) == count
    assert storms["depth"].sum() == pytest.approx(20 + drizzle)


def test_a_storm_may_begin_with_drops():
    rain, dates = record({10: [0.1, 0.1, 0.1, 5, 5]})
    assert erosivity.ei30(rain, dates, **EVERY)["depth"].tolist() == pytest.approx([10.3])


@pytest.mark.parametrize(("second", "count"), [(7.0, 1), (7 + 1 / 6, 2)])
def test_dry_gap_rule_measures_from_wet_step_to_wet_step(second, count):
    rain, dates = record({1: [5, 5], second: [5]})
    assert len(erosivity.ei30(rain, dates, storm_gap_depth=None, **EVERY)) == count
    rain[15] = 0.01
    assert len(erosivity.ei30(rain, dates, storm_gap_depth=None, **EVERY)) == 1


def test_which_storms_are_erosive():
    small, long, sharp = [0.1] * 20, [0.2] * 70, [4.5]
    rain, dates = record({1: small, 15: long, 40: sharp})
    storms = erosivity.ei30(rain, dates)
    assert storms["depth"].tolist() == pytest.approx([14])
    rain[240] = 6.3
    assert len(erosivity.ei30(rain, dates)) == 1
    rain[240:242] = 4.3
    assert erosivity.ei30(rain, dates)["depth"].tolist() == pytest.approx([14, 8.6])
    assert len(erosivity.ei30(rain, dates, minimum_depth=0)) == 3


def test_resolution_factor_changes_erosivity_only():
    plain, raised = erosivity.ei30(STORM, times(10)), erosivity.ei30(STORM, times(10), resolution_factor=1.73)
    assert raised["erosivity"][0] == pytest.approx(1.73 * plain["erosivity"][0])
    assert raised["energy"][0] == plain["energy"][0]


def test_dry_steps_may_be_left_out():
    rain, dates = record({1: STORM, 20: [8, 8], 40: [3, 3, 0, 0, 9]})
    rain[100] = np.nan
    wet = rain > 0
    pd.testing.assert_frame_equal(
        erosivity.ei30(rain, dates, **EVERY), erosivity.ei30(rain[wet], dates[wet], **EVERY), check_exact=True
    )


def test_no_rain_gives_an_empty_table():
    storms = erosivity.ei30(np.zeros(144), times(144))
    assert storms.empty
    assert list(storms.columns) == ["start", "depth", "duration", "energy", "i30", "erosivity"]
    assert np.isnan(erosivity.annual_erosivity(storms, np.zeros(144), times(144)))


@pytest.mark.parametrize(
    ("dates", "options", "sentence"),
    [
        (["2001-05-01 12:10", "2001-05-01 12:00", "2001-05-01 12:20"], {}, "unsorted times: 2001-05-01T12:00:00 foll"),
        (["2001-05-01 12:00", "2001-05-01 12:00", "2001-05-01 12:20"], {}, "repeated times: 2001-05-01T12:00:00 foll"),
        (
            ["2001-05-01 12:00", "2001-05-01 12:10", "2001-05-01 12:25"],
            {},
            "15 minutes after .* expected multiples of 10",
        ),
        (["2001-05-01 12:00", "2001-05-01 14:00", "2001-05-01 16:00"], {}, "steps of 120 minutes, expected whole ones"),
        (["2001-05-01 12:00", "2001-05-01 14:00"], {}, "shape .3,. and its dates .2,."),
        (["2001-05-01 12:00:00", "2001-05-01 12:00:30", "2001-05-01 12:01"], {}, "steps of 0.5 minutes"),
    ],
)
def test_disorder_is_refused_by_a_sentence(dates, options, sentence):
    with pytest.raises(DataError, match=sentence):
        erosivity.ei30([1, 2, 3], dates, **options)


def test_one_value_needs_its_step():
    with pytest.raises(DataError, match="give step_minutes="):
        erosivity.ei30([1.0], times(1))


def test_years_without_enough_record_are_dropped_not_zero():
    dates = pd.date_range("2001-01-01", "2004-06-30 23:00", freq="h")
    rain = np.zeros(len(dates))
    rain[(dates == "2001-07-01 12:00") | (dates == "2004-05-01 12:00")] = 40
    rain[dates.year == 2003] = np.nan
    storms = erosivity.ei30(rain, dates)
    yearly = erosivity.yearly_erosivity(storms, rain, dates)
    assert yearly.index.tolist() == [2001, 2002, 2003, 2004]
    np.testing.assert_allclose(yearly, [storms["erosivity"][0], 0, np.nan, np.nan])
    assert erosivity.annual_erosivity(storms, rain, dates) == pytest.approx(storms["erosivity"][0] / 2)
    loose = erosivity.yearly_erosivity(storms, rain, dates, min_coverage=0.4)
    assert loose[2004] == pytest.approx(storms["erosivity"][1])


def test_smoke_on_a_real_gauge_with_gaps(shared_data):
    gauge = pd.read_csv(shared_data / "rain_greece_5min" / "prec5min.csv.gz", parse_dates=["time"])
    rain, dates = gauge["precip_mm"], gauge["time"]
    storms, all_storms = erosivity.ei30(rain, dates), erosivity.ei30(rain, dates, **EVERY)
    assert all_storms["depth"].sum() == pytest.approx(rain.sum())
    assert set(storms["start"]) <= set(all_storms["start"])
    assert storms["erosivity"].between(1, 500).all()
