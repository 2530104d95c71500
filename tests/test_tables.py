import numpy as np
import pandas as pd
import pytest

from soilloss import tables
from soilloss.errors import DataError
from soilloss.variables import VARIABLES


def test_every_table_can_be_read():
    for name in tables.names():
        table = tables.read(name)
        assert len(table), name
        assert not table.columns.str.contains("Unnamed").any()
        assert tables.read(name) is table


def test_unknown_table_gets_a_sentence():
    with pytest.raises(DataError, match="did you mean 'severity'"):
        tables.read("sevrity")


@pytest.mark.parametrize("name", [name for name in tables.names() if name.startswith("legend_")])
def test_legends_lead_to_our_classes(name):
    legend = tables.read(name)
    assert legend["code"].is_unique
    assert set(legend["class"]) <= set(range(9))
    assert {1, 4, 7} <= set(legend["class"])


def test_classes_are_those_of_the_vocabulary():
    classes = tables.read("land_cover")
    listed = ", ".join(f"{code} {name}" for code, name in zip(classes["code"], classes["name"], strict=True))
    assert VARIABLES["land_cover"].meaning == f"land cover: {listed}"


@pytest.mark.parametrize("name", ["cover_hj1173", "practice_igbp", "practice_yan"])
def test_tables_by_step_hold_factors_and_rising_edges(name):
    values, edges = tables.by_code_and_step(name)
    assert values.shape == (256, len(edges) + 1)
    assert np.all(np.diff(edges) > 0)
    known = values[~np.isnan(values).all(axis=1)]
    assert np.all((known >= 0) & (known <= 1))


def test_by_code_leaves_the_rest_missing():
    values = tables.by_code({"built_up": 0.01, "Water": 0, 255: 1})
    assert np.flatnonzero(~np.isnan(values)).tolist() == [5, 7, 255]
    assert tables.by_code("example_engineering_unverified")[1] == 0.084


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"savanna": 0.1}, "'savanna' is not a land-cover class"),
        ({256: 0.1}, "code 256, expected a whole number from 0 to 255"),
        ({1.5: 0.1}, "code 1.5, expected a whole number"),
        ({1: None}, "value None, expected a number"),
        ({1: 2}, "value 2, expected a number from 0 to 1"),
        ([(1, 0.1), ("forest", 0.2)], "'forest' twice"),
        (pd.DataFrame({"code": [1], "c": [0.1]}), "no column 'value'"),
    ],
)
def test_bad_tables_get_a_sentence(table, words):
    with pytest.raises(DataError, match=words):
        tables.by_code(table)
