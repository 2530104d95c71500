"""Soil contents, topsoil and texture class."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss import soil
from soilloss.errors import DataError

# a typical soil of each class: sand, clay
TYPICAL = {
    1: (0.20, 0.60),
    2: (0.05, 0.47),
    3: (0.52, 0.42),
    4: (0.33, 0.34),
    5: (0.10, 0.34),
    6: (0.60, 0.27),
    7: (0.42, 0.18),
    8: (0.20, 0.15),
    9: (0.65, 0.10),
    10: (0.07, 0.05),
    11: (0.82, 0.06),
    12: (0.92, 0.03),
}


def test_carbon_and_matter():
    assert soil.organic_carbon(0.028) == pytest.approx(0.01624130, abs=5e-9)
    assert soil.organic_matter(soil.organic_carbon(0.028)) == pytest.approx(0.028)
    assert soil.organic_carbon(np.array([0.1], "f4")).dtype == np.float32


def test_silt_is_the_rest():
    made = soil.silt(np.array([0.4, 0.6, 0.6, np.nan], "f4"), np.array([0.2, 0.41, 0.5, 0.2], "f4"))
    assert made.dtype == np.float32
    np.testing.assert_allclose(made[:2], [0.4, 0], atol=1e-7)
    assert np.isnan(made[2:]).all()


def test_very_fine_sand():
    assert soil.very_fine_sand(0.4) == pytest.approx(0.08)
    assert soil.very_fine_sand(0.4, share=0.5) == pytest.approx(0.2)


@pytest.mark.parametrize(("code", "content"), TYPICAL.items())
def test_typical_soils(code, content):
    assert soil.texture_class(*content) == code


@pytest.mark.parametrize(
    ("sand", "clay", "code"),
    [
        (0.2, 0.4, 2),
        (0.45, 0.4, 1),
        (0.45, 0.35, 4),
        (0.46, 0.35, 3),
        (0.2, 0.27, 5),
        (0.21, 0.27, 4),
        (0.5, 0.0, 8),
        (0.2, 0.0, 10),
        (0.08, 0.12, 8),
        (0.52, 0.07, 7),
        (0.53, 0.07, 9),
        (0.85, 0.0, 11),
        (0.7, 0.0, 9),
    ],
)
@pytest.mark.parametrize("dtype", ["f4", "f8"])
def test_limits(sand, clay, code, dtype):
    assert soil.texture_class(np.array(sand, dtype), np.array(clay, dtype)) == code


def test_texture_class_of_nothing():
    made = soil.texture_class(np.array([np.nan, 0.5, -0.1, 40], "f4"), np.array([0.2, 0.6, 0.2, 20], "f4"))
    assert np.isnan(made).all()
    assert made.dtype == np.float32


@given(sand=st.floats(0, 1), share=st.floats(0, 1))
def test_every_soil_has_a_class(sand, share):
    assert 1 <= soil.texture_class(sand, (1 - sand) * share) <= 12


def test_topsoil():
    layers = np.array([[0.2, 0.3, 0.4, np.nan], [0.2, np.nan, 0.4, 0.5]], "f4")
    made = soil.topsoil_mean(layers, [0, 0.05, 0.15, 0.30, 0.60])
    assert made.dtype == np.float32
    assert made[0] == pytest.approx((0.2 * 5 + 0.3 * 10 + 0.4 * 15) / 30)
    assert np.isnan(made[1])
    assert soil.topsoil_mean([0.1, 0.3], [0, 0.2, 0.4]) == pytest.approx((0.1 * 20 + 0.3 * 10) / 30)


@pytest.mark.parametrize(
    ("bounds", "sentence"),
    [([0, 0.1], "2 soil layers with limits"), ([0, 0.3, 0.2], "rising depths"), ([0, 0.1, 0.2], "expected 0 to 0.3 m")],
)
def test_topsoil_limits_are_checked(bounds, sentence):
    with pytest.raises(DataError, match=sentence):
        soil.topsoil_mean([0.1, 0.2], bounds)
