"""The tables of the page on real rain, computed again where the records are at hand."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/explanation/real_rain.md").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("real_rain", ROOT / "benchmarks/real_rain.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def printed() -> dict[str, float]:
    """R of each method as the page has it."""
    return {name: float(value) for name, value in re.findall(r"^\| \w+ \| `([^`]+)` \| (\d+) \|", PAGE, re.MULTILINE)}


def test_models_of_daily_monthly_and_annual_rain(script, shared_data):
    made = script.models(script.daily_rain(shared_data))
    assert len(made) == 14
    for _, name, value in made:
        assert round(value) == printed()[name], name


def test_storms_of_the_hourly_record(script, shared_data):
    pytest.importorskip("pyarrow", reason="the hourly record is a Parquet file")
    hours = script.hourly_rain(shared_data)
    assert round(script.by_storms(hours)) == printed()["ei30"]
    assert round(script.by_storms(hours, script.HOURLY_FACTOR)) == printed()["ei30 x 1.730"]
    days = hours.resample("D").sum(min_count=24)
    np.testing.assert_allclose(days, script.daily_rain(shared_data), rtol=1e-9)


def test_steps_of_the_greek_record(script, shared_data):
    found = script.resolutions(shared_data)
    rows = re.findall(r"^\| (\d+) min \| (\d+) \|.*?\| (\d+) \| [\d.]+ \| [\d.]+ \|$", PAGE, re.MULTILINE)
    assert [int(row[0]) for row in rows] == list(script.MINUTES)
    assert [int(row[1]) for row in rows] == found["storms"].tolist()
    assert [int(row[2]) for row in rows] == found["erosivity"].round().tolist()
