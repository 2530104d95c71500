import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from soilloss import conformance, tables
from soilloss.errors import DataError


@pytest.fixture(scope="module")
def rows():
    return conformance.check()


def test_every_worked_value_passes(rows):
    wrong = rows[rows["status"] != conformance.PASS]
    assert wrong.empty, wrong[["method", "inputs", "expected", "got"]].to_string()


def test_there_are_many_with_their_source(rows):
    assert len(rows) >= 200
    assert rows["source"].notna().all()
    assert (rows["tolerance"] >= 0).all()
    assert not rows.duplicated(["method", "inputs", "expected"]).any()


def test_another_implementation_is_put_under_it():
    def mccool(slope):
        sine = np.sin(slope)
        return np.where(np.tan(slope) < 0.0899999, 10.8 * sine + 0.03, 16.8 * sine - 0.5)

    def broken(slope):
        raise ValueError("no")

    own = {"topography.mccool_1987": mccool, "topography.nearing_1997": broken}
    status = conformance.check(own).groupby("method")["status"].unique()
    assert status["topography.mccool_1987"] == ["pass"]
    assert status["topography.nearing_1997"] == ["fail"]
    assert status["topography.liu_1994"] == ["missing"]


def test_a_wrong_number_and_a_wrong_shape_fail():
    got = conformance.check(
        {"topography.nearing_1997": lambda slope: [0.0, 1.0], "cover.colman_2018": lambda ndvi: 0.3}
    )
    assert "pass" not in set(got.loc[got["got"].notna(), "status"])


def test_methods_have_two_names():
    own = conformance.own()
    assert own["topography.mccool_1987"] is own["slope_steepness_factor.mccool_1987"]
    assert set(tables.read("worked_values")["method"]) <= own.keys()


def test_inputs_may_have_units():
    assert conformance._input("slope", {"value": [0, 180], "unit": "degree"}).tolist() == [0, np.pi]
    assert conformance._input("slope", None) != conformance._input("slope", None)
    assert conformance._input("time", ["2021-01-01"]).dtype.kind == "M"
    with pytest.raises(DataError, match="speed has a unit"):
        conformance._input("speed", {"value": 1, "unit": "m"})


def test_results_may_be_mappings_and_texts():
    assert conformance._equal(conformance._plain({"a": 1.0, "b": 2}, {"a": 1}), {"a": 1}, 0)
    assert conformance._equal("x", "x", 0)
    assert not conformance._equal("x", "y", 0)


def test_the_file_is_valid_json_throughout():
    for row in tables.read("worked_values").to_dict("records"):
        assert isinstance(json.loads(row["inputs"]), dict)
        json.loads(row["expected"])


def test_the_example_of_another_implementation_runs():
    example = Path(__file__).parents[1] / "examples/conformance_adapter.py"
    done = subprocess.run([sys.executable, "-W", "ignore", example], capture_output=True, text=True, check=True)
    assert done.stdout.count("\npass  ") >= 10
    assert "expected 1, got 1.39" in done.stdout


def test_a_part_of_the_table():
    rows = conformance.check(only="erosivity.xie")
    assert set(rows["method"]) == {m for m in conformance.check()["method"] if "erosivity.xie" in m}
    with pytest.raises(DataError, match="did you mean 'mccool_1987'"):
        conformance.check(only="mccol_1987")
