import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from soilloss import units
from soilloss.errors import UnitsError
from soilloss.units import CONVERSIONS, conversion, convert, step_unit
from soilloss.variables import VARIABLES


def test_the_factors_between_unit_systems_close():
    """17.02 x 0.1317 is the 2.2417 of tons per acre (AH-703, appendix A), within the rounding of the print."""
    assert units.R_US_TO_SI * units.K_US_TO_SI == pytest.approx(2.24153, abs=1e-5)
    assert units.R_US_TO_SI * units.K_US_TO_SI == pytest.approx(units.T_PER_ACRE_TO_T_PER_HA, rel=1e-4)
    assert units.R_US_TO_METRIC * units.R_METRIC_TO_SI == pytest.approx(units.R_US_TO_SI, rel=1e-4)


@pytest.mark.parametrize(
    ("name", "value", "unit", "expected"),
    [
        ("erosivity", 100, "us customary", 1702),
        ("erosivity", 659.8, "metric technical", 6472.638),
        ("erodibility", 0.310851, "us customary", 0.040939),
        ("soil_loss", 100, "t km-2", 1),
        ("soil_loss", 1, "ton acre-1", 2.2417),
        ("soil_loss", 1, "kg m-2", 10),
        ("annual_precipitation", 39.37, "in", 999.998),
        ("annual_precipitation", 1.2, "m yr-1", 1200),
        ("elevation", 1000, "ft", 304.8),
        ("sand", 40, "%", 0.4),
        ("clay", 200, "g kg-1", 0.2),
        ("organic_carbon", 150, "dg kg-1", 0.015),
        ("slope", 45, "degrees", np.pi / 4),
        ("slope", 100, "%", np.pi / 4),  # per cent of slope is not a hundredth of a radian
        ("slope", 9, "percent", 0.0897582),
    ],
)
def test_known_conversions(name, value, unit, expected):
    assert convert(name, value, unit) == pytest.approx(expected, rel=2e-6)


@pytest.mark.parametrize("name", VARIABLES)
def test_the_canonical_unit_changes_nothing(name):
    values = np.array([0.25, np.nan], "f4")
    assert convert(name, values, VARIABLES[name].unit) is values


@pytest.mark.parametrize("step", ["yr-1", "year-1", "a-1", "quarter-1", "month-1"])
def test_an_amount_may_carry_its_step(step):
    assert conversion("annual_precipitation", f"cm {step}") == 10
    assert conversion("soil_loss", f"t ha-1 {step}") == 1


def test_a_quantity_that_is_no_amount_may_not():
    with pytest.raises(UnitsError, match="elevation is in 'm yr-1'"):
        conversion("elevation", "m yr-1")


@pytest.mark.parametrize(
    ("name", "unit", "sentence"),
    [
        ("elevation", "furlong", "elevation is in 'furlong', expected 'm' or one that converts to it"),
        ("elevation", "metres", "did you mean 'metre'"),
        ("sand", "mm", "sand is in 'mm', expected '1'"),
        ("erosivity", "MJ", "expected 'MJ mm ha-1 h-1'"),
        ("land_cover", "m", "land_cover is in 'm', expected ''"),
    ],
)
def test_a_wrong_unit_is_a_sentence(name, unit, sentence):
    with pytest.raises(UnitsError, match=sentence.replace("(", r"\(")):
        conversion(name, unit)


@pytest.mark.parametrize("unit", ["DEGREES", "  degrees ", "Degrees"])
def test_case_and_spaces_are_forgiven(unit):
    assert conversion("slope", unit) == pytest.approx(np.pi / 180)


@pytest.mark.parametrize("canonical", CONVERSIONS)
@given(value=st.floats(1e-3, 1e3))
def test_conversions_keep_order_and_sign(canonical, value):
    for how in CONVERSIONS[canonical].values():
        small, large = (how(v) if callable(how) else v * how for v in (value, 2 * value))
        assert 0 < small < large


def test_single_precision_stays_and_missing_stays_missing():
    out = convert("sand", np.array([50, np.nan], "f4"), "%")
    assert out.dtype == np.float32
    assert np.isnan(out[1])


def test_lazy_and_labelled_arrays_pass_through():
    lazy = xr.DataArray(np.array([50.0]), dims="x").chunk()
    assert float(convert("sand", lazy, "%")[0]) == 0.5


@pytest.mark.parametrize(
    ("name", "step", "expected"),
    [
        ("soil_loss", "quarter", "t ha-1 quarter-1"),
        ("erosivity", "year", "MJ mm ha-1 h-1 yr-1"),
        ("annual_precipitation", "month", "mm month-1"),
        ("cover", "year", "1"),
        ("half_month_erosivity", "year", "MJ mm ha-1 h-1"),
    ],
)
def test_the_published_unit(name, step, expected):
    assert step_unit(name, step) == expected
