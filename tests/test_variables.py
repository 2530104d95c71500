import re
from math import isfinite

import pytest

from soilloss.units import CONVERSIONS
from soilloss.variables import VARIABLES, Variable

each = pytest.mark.parametrize("name", VARIABLES)


@each
def test_a_name_is_lower_case_words(name):
    assert re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name)


@each
def test_a_line_of_the_vocabulary_is_complete(name):
    variable = VARIABLES[name]
    low, high = variable.range
    assert variable.meaning
    assert low < high
    assert variable.unit in CONVERSIONS, "a unit nobody can convert to"
    assert variable.resampling in {"bilinear", "nearest", "mode"}
    assert variable.in_time in {"sum", "mean", "mode"}
    assert variable.axis in {"", "month", "half_month", "day", "class"}
    assert variable.dtype in ({"float32", "uint8"} if variable.is_class else {"float32", "float64"})


@each
def test_classes_are_codes_and_quantities_are_not(name):
    variable = VARIABLES[name]
    assert variable.is_class == (variable.unit == "") == (variable.resampling == "mode") == (variable.in_time == "mode")
    if variable.is_class:
        low, high = variable.range
        assert low == 0
        assert high <= 255  # uint8 on disk, 0 missing


def test_symbols_are_not_shared():
    symbols = [variable.symbol for variable in VARIABLES.values() if variable.symbol]
    assert len(symbols) == len(set(symbols))


@pytest.mark.parametrize("name", ["erosivity", "soil_loss", "annual_precipitation", "half_month_erosivity"])
def test_amounts_are_summed_in_time(name):
    assert VARIABLES[name].in_time == "sum"


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("erosivity", "MJ mm ha-1 h-1"),
        ("erodibility", "t ha h ha-1 MJ-1 mm-1"),
        ("soil_loss", "t ha-1"),
        ("slope", "rad"),
        ("sand", "1"),
        ("contributing_area", "m2"),
    ],
)
def test_units_that_are_promised(name, unit):
    assert VARIABLES[name].unit == unit


def test_large_counts_are_kept_in_double_precision():
    assert VARIABLES["flow_accumulation"].dtype == VARIABLES["contributing_area"].dtype == "float64"


def test_a_variable_without_a_range_accepts_any_number():
    low, high = Variable("1", "anything").range
    assert not isfinite(low)
    assert not isfinite(high)
