"""Erodibility against worked figures, and its edges."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from soilloss import erodibility, soil

PRINTED = [0.0288, 0.0341, 0.0360, 0.0394, 0.0423, 0.0264, 0.0394, 0.0499, 0.05, 0.045, 0.017, 0.0053]
RECOMMENDED = [*PRINTED[:8], 0.0171, 0.045, 0.0053, 0.0026]
SOILS = [
    ((0.40, 0.40, 0.20, 0.015), 0.260440, 0.034300, 0.015869),
    ((0.20, 0.65, 0.15, 0.006), 0.415229, 0.054686, 0.026383),
    ((0.85, 0.10, 0.05, 0.003), 0.132235, 0.017415, 0.007161),
    ((0.95, 0.03, 0.02, 0.001), 0.086505, 0.011393, 0.004054),
    ((0.00, 0.60, 0.40, 0.020), 0.327456, 0.043126, 0.020421),
]
BY_TEXTURE = ["sharpley_williams_1990", "zhang_2008", "romkens_1997", "romkens_1997_us"]


def by_texture(name, sand, silt, clay):
    carbon = () if name.startswith("romkens") else (np.float32(0.01),)
    return getattr(erodibility, name)(sand, silt, clay, *carbon)


@pytest.mark.parametrize("dtype", ["u1", "f4", "f8"])
def test_texture_tables(dtype):
    codes = np.arange(1, 13).astype(dtype)
    np.testing.assert_allclose(erodibility.texture_table(codes), RECOMMENDED, rtol=1e-6)
    np.testing.assert_allclose(erodibility.bouguerra_2017_as_printed(codes), PRINTED, rtol=1e-6)
    assert np.isnan(erodibility.texture_table(np.array([0, 13, 255]).astype(dtype))).all()


def test_recommended_sandy_classes_are_those_of_the_fact_sheet():
    np.testing.assert_allclose(erodibility.texture_table([9, 11, 12]), np.array([0.13, 0.04, 0.02]) * 0.1317, atol=5e-5)


@pytest.mark.parametrize(
    ("soil_sample", "expected"),
    [
        ((0.65, 0.05, 0.15, 0.028, 2, 4), 0.054407),
        ((0.65, 0.05, 0.15, 0.028), 0.051114),
        ((0.40, 0.10, 0.20, 0.02), 0.035331),
        ((0.65, 0.00, 0.30, 0.028, 2, 4), 0.040939),
    ],
)
def test_nomograph(soil_sample, expected):
    assert erodibility.wischmeier_1971(*soil_sample) == pytest.approx(expected, abs=6e-7)


def test_nomograph_against_the_handbook_example():
    assert erodibility.wischmeier_1971(0.65, 0.0, 0.30, 0.028, 2, 4) / 0.1317 == pytest.approx(0.31, abs=0.005)


def test_nomograph_as_printed_stays_in_us_units():
    assert erodibility.wischmeier_1971_as_printed(0.65, 0.05, 0.15, 0.028) == pytest.approx(0.388111, abs=6e-7)
    assert erodibility.wischmeier_1971_as_printed(0.40, 0.10, 0.20, 0.02) == pytest.approx(0.268267, abs=6e-7)
    assert erodibility.wischmeier_1971_as_printed(0.40, 0.10, 0.20, 0.13) == 0


def test_nomograph_edges():
    k = erodibility.wischmeier_1971
    assert k(0.4, 0.1, 0.2, 0.30) == k(0.4, 0.1, 0.2, 0.04)
    assert k(0.0, 0.0, 0.0, 0.01, 3, 4) == pytest.approx(0.1317 * (3.25 + 2.5) / 100)
    assert k(0.0, 0.0, 0.0, 0.01, 1, 1) == 0
    assert np.isnan(k(0.6, 0.3, 0.2, 0.01))
    assert np.isnan(k(-0.1, 0.3, 0.2, 0.01))
    assert np.isnan([k(0.4, 0.1, 0.2, 0.02, 0), k(0.4, 0.1, 0.2, 0.02, 2, 7)]).all()


def test_nomograph_takes_class_rasters():
    part = np.full(3, 0.3, "f4")
    made = erodibility.wischmeier_1971(part, part / 3, part, part / 10, np.array([2, 3, 0], "u1"), np.array([3, 3, 3]))
    assert made.dtype == np.float32
    assert made[1] - made[0] == pytest.approx(0.1317 * 0.0325, rel=1e-4)
    assert np.isnan(made[2])


@pytest.mark.parametrize(("content", "us", "si", "chinese"), SOILS)
def test_epic_and_its_correction(content, us, si, chinese):
    made = erodibility.sharpley_williams_1990(*content)
    assert made == pytest.approx(si, abs=6e-7)
    assert made / 0.1317 == pytest.approx(us, abs=6e-7)
    assert erodibility.zhang_2008(*content) == pytest.approx(chinese, abs=6e-7)


def test_epic_without_silt_and_clay_or_carbon():
    assert erodibility.sharpley_williams_1990(1.0, 0.0, 0.0, 0.01) == 0
    assert erodibility.zhang_2008(1.0, 0.0, 0.0, 0.01) == 0
    assert erodibility.sharpley_williams_1990(0.4, 0.4, 0.2, 0.0) == pytest.approx(0.034300 / 0.811946, rel=1e-4)


def test_grain_size():
    assert erodibility.romkens_1997(0.4, 0.4, 0.2) == pytest.approx(0.037136, abs=6e-7)
    assert erodibility.romkens_1997_us(0.4, 0.4, 0.2) == pytest.approx(0.042019, abs=6e-7)


@pytest.mark.parametrize("name", BY_TEXTURE)
def test_parts_must_make_a_whole(name):
    sand = np.array([0.40, 0.42, 0.425, 0.38, 0.375, np.nan, -0.1, 40], "f4")
    made = by_texture(name, sand, np.float32(0.4), np.float32(0.2))
    assert made.dtype == np.float32
    assert np.isfinite(made).tolist() == [True, True, False, True, False, False, False, False]


@pytest.mark.parametrize("name", BY_TEXTURE)
@given(sand=st.floats(0, 1), share=st.floats(0, 1))
def test_finite_and_not_negative_over_the_triangle(name, sand, share):
    made = by_texture(name, sand, (1 - sand) * share, (1 - sand) * (1 - share))
    assert 0 <= made < 0.08


def test_stones():
    assert erodibility.rock_fragments(0.03, 0.35) == pytest.approx(0.03 * np.exp(-1))
    np.testing.assert_array_equal(erodibility.rock_fragments(np.full(2, 0.03), [0.0, 0.1]), 0.03)
    assert np.isnan(erodibility.rock_fragments(0.03, np.nan))


def test_dataarrays_in_per_cent_and_per_mille():
    def layer(value, unit):
        return xr.DataArray([[value]], dims=("y", "x"), attrs={"units": unit})

    parts = layer(40.0, "%"), layer(400.0, "g kg-1"), layer(0.2, "1")
    made = erodibility.sharpley_williams_1990(*parts, soil.organic_carbon(layer(2.586, "%")))
    assert float(made[0, 0]) == pytest.approx(0.034300, abs=6e-7)
