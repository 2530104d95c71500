import numpy as np
import pandas as pd
import pytest

from soilloss import tables
from soilloss.errors import DataError
from soilloss.factors import practice


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: practice.lookup(1, table={1: 1.5}), "value 1.5, expected a number from 0 to 1"),
        (lambda: practice.engineering_lookup(1, table={1: -0.1}), "expected a number from 0 to 1"),
        (lambda: practice.tillage_lookup(1, table={1: "much"}), "value 'much', expected a number"),
        (lambda: practice.tillage_slope_lookup(4, 0.1, table={5: 0.3}), "expected them to rise from 0 degrees"),
        (lambda: practice.tillage_slope_lookup(4, 0.1, table={0: 0.1, 9: 0.2, 5: 0.3}), "expected them to rise"),
        (lambda: practice.tillage_slope_lookup(4, 0.1, table={0: 2}), "expected numbers from 0 to 1"),
    ],
)
def test_bad_tables_get_a_sentence(call, words):
    with pytest.raises(DataError, match=words):
        call()


def test_measures_by_code():
    codes = np.array([0, 1, 2, 77])
    table = {0: 1, 1: 0.084, 2: 0.121}
    for function in (practice.engineering_lookup, practice.tillage_lookup, practice.lookup):
        np.testing.assert_array_equal(function(codes, table=table), [1, 0.084, 0.121, np.nan])


def test_tillage_acts_on_cropland_only():
    ladder = pd.DataFrame({"lower_degrees": [0, 10], "value": [0.2, 0.4]})
    slope = np.radians(np.array([5, 10, 30, 30], "f4"))
    t = practice.tillage_slope_lookup(np.array([4, 4, 4, 1], "f4"), slope, table=ladder)
    np.testing.assert_array_equal(t, np.array([0.2, 0.4, 0.4, 1], "f4"))


def test_unverified_values_must_be_named():
    """Tables whose source nobody could read are examples: no function takes them unasked."""
    names = [name for name in tables.names() if name.startswith("example_")]
    assert names
    for name in names:
        assert name.endswith("_unverified")
        assert "status" in tables.read(name)
