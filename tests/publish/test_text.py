"""Numbers and units for readers."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.publish.text import NARROW_SPACE, degrees, label, number, unit_text, with_unit


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0"), (0.0, "0"), (5, "5"), (12.345, "12.3"), (0.5, "0.5"), (99.96, "100"), (999.9, "1 000"),
        (-1234.5, "−1 230"), (1e-7, "1.00 × 10⁻⁷"), (float("nan"), "–"), (float("inf"), "–"), (None, "–"), (100, "100"),
    ],
)  # fmt: skip
def test_numbers(value, text):
    assert number(value).replace(NARROW_SPACE, " ") == text


@given(st.floats(-1e12, 1e12))
def test_numbers_keep_three_digits(value):
    plain = number(value).translate(str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹−", "-0123456789-"))
    back = float(plain.replace(NARROW_SPACE, "").replace(" × 10", "e"))
    assert math.isclose(back, value, rel_tol=0.006, abs_tol=1e-300)


def test_units():
    assert unit_text("t ha h ha-1 MJ-1 mm-1") == "t ha h ha⁻¹ MJ⁻¹ mm⁻¹"
    assert unit_text("m2") == "m²"
    assert with_unit("cover", "1") == "cover"
    assert with_unit("slope", "rad") == "slope (rad)"


def test_names_and_coordinates():
    assert label("topography") == "topography LS"
    assert label("ndvi") == "NDVI"
    assert degrees(0, "N", "S") == "0°"
    assert degrees(-8.05, "N", "S") == "8.05° S"
