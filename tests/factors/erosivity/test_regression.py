"""The user's own regressions."""

from __future__ import annotations

import numpy as np
import pytest

from soilloss import erosivity


@pytest.mark.parametrize(("height", "expected"), [(0, 61.342), (44, 131.2756), (100, 220.282), (1000, 1650.742)])
def test_altitude_regression(height, expected):
    assert erosivity.altitude_regression(height, gradient=1.5894, intercept=61.342) == pytest.approx(expected)


def test_altitude_regression_raises_to_minimum_and_keeps_gaps():
    made = erosivity.altitude_regression(np.array([-100, np.nan], "f4"), gradient=1.5894, intercept=61.342)
    assert made[0] == 0
    assert np.isnan(made[1])
    assert made.dtype == np.float32


def test_general_forms_reproduce_published_ones():
    rain = np.array([0.0, 500, 1200, np.nan, -1])
    power = erosivity.power_regression(rain, coefficient=0.0534, exponent=1.6548)
    np.testing.assert_allclose(power, erosivity.zhang_fu_2003(rain))
    line = erosivity.linear_regression(rain, slope=3.48, intercept=38.46)
    np.testing.assert_allclose(line, erosivity.lo_1985(rain))
    curve = erosivity.quadratic_regression(1200.0, constant=587.8, linear=-1.219, quadratic=0.004105)
    assert curve == pytest.approx(5036.2)


def test_negative_results_are_raised():
    assert erosivity.linear_regression(100.0, slope=1, intercept=-200) == 0
    assert erosivity.quadratic_regression(100.0, linear=-1, quadratic=0.001, minimum=-np.inf) == pytest.approx(-90)
