import numpy as np
import pytest

from soilloss.factors import topography as lst

STEEPNESS = [
    lst.mccool_1987,
    lst.mccool_1987_thawing,
    lst.liu_1994,
    lst.mee_2021_steepness,
    lst.nearing_1997,
]


@pytest.mark.parametrize("function", STEEPNESS)
def test_unit_plot_is_about_one(function):
    assert function(np.arctan(0.09)) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("function", [*STEEPNESS, lst.mccool_1987_short])
def test_no_slope_is_below_nothing_or_missing(function):
    values = function(np.linspace(0, 1.57, 300).astype("f4"))
    assert values.dtype == np.float32
    assert np.all(values > 0)
    assert np.isnan(function(np.nan))


@pytest.mark.parametrize(
    ("function", "degrees", "below", "at"),
    [
        (lst.mccool_1987, np.degrees(np.arctan(0.09)), 10.8 * 0.0896378 + 0.03, 16.8 * 0.0896378 - 0.5),
        (lst.liu_1994, 5, 0.971282, 0.964216),
        (lst.liu_1994, 10, 2.417289, 2.842895),
        (lst.mee_2021_steepness, 10.20, 2.475004, 2.918156),
        (lst.mee_2021_steepness, 28.81, 9.593770, 9.5988),
    ],
)
def test_steps_are_where_they_were_printed(function, degrees, below, at):
    """An edge belongs to the steeper line, also when float32 puts it a little lower."""
    edge = np.radians(degrees)
    assert function(edge - 1e-6) == pytest.approx(below, abs=5e-5)
    assert function(edge) == pytest.approx(at, abs=5e-5)
    assert function(np.float32(edge)) == pytest.approx(at, abs=5e-5)


def test_the_two_chinese_factors_differ_only_between_their_edges():
    slope = np.radians([0, 3, 4.99, 5.2, 8, 9.99, 10.3, 20, 28.8])
    np.testing.assert_allclose(lst.liu_1994(slope), lst.mee_2021_steepness(slope), rtol=1e-12)


def test_thawing_soil_is_not_the_branch_with_the_slipped_decimal_point():
    assert lst.mccool_1987_thawing(np.arctan(0.15)) == pytest.approx(1.3532, abs=5e-5)
