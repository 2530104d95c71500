"""Contributions sum to the change, a known cause is found, and zeros follow the published limit."""

import itertools

import dask.array as da
import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.analysis.attribution import along_series, by_zone, divisia, shapley
from soilloss.errors import DataError

NAMES = ["erosivity", "erodibility", "topography", "cover", "practice"]
BOTH = pytest.mark.parametrize("method", [divisia, shapley])


def landscape(seed, cells=50):
    random = np.random.default_rng(seed)
    scales = [1000, 0.03, 3, 0.2, 0.5]
    return {name: scale * random.gamma(2, 0.5, cells) for name, scale in zip(NAMES, scales, strict=True)}


@BOTH
def test_contributions_sum_to_the_change(method):
    before, after = landscape(1), landscape(2)
    change = np.prod(list(after.values()), axis=0) - np.prod(list(before.values()), axis=0)
    np.testing.assert_allclose(sum(method(before, after).values()), change, rtol=1e-12, atol=1e-12)


@BOTH
@settings(max_examples=60, deadline=None)
@given(st.lists(st.sampled_from([0.0, 1e-9, 0.3, 1.0, 1.0000001, 700.0]), min_size=8, max_size=8))
def test_they_sum_with_zeros_too(method, values):
    before = dict(zip("abcd", values[:4], strict=True))
    after = dict(zip("abcd", values[4:], strict=True))
    change = np.prod(values[4:]) - np.prod(values[:4])
    scale = max(np.prod([max(pair) for pair in zip(values[:4], values[4:], strict=True)]), 1e-300)
    assert abs(sum(method(before, after).values()) - change) <= 1e-12 * scale


@BOTH
@pytest.mark.parametrize("cause", ["cover", "erosivity"])
def test_a_known_cause_is_found(method, cause):
    before = landscape(3)
    after = {**before, cause: before[cause] * 0.7}
    parts = method(before, after)
    change = -0.3 * np.prod(list(before.values()), axis=0)
    np.testing.assert_allclose(parts[cause], change, rtol=1e-9)
    assert all(np.abs(parts[name]).max() < 1e-9 for name in NAMES if name != cause)


def test_the_logarithmic_mean():
    """Two factors that double share equally: A goes from 1 to 4, each gives 3 / 2."""
    parts = divisia({"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 2.0})
    assert parts["a"] == pytest.approx(1.5)
    parts = divisia({"a": 1.0, "b": 1.0}, {"a": 2.0, "b": 8.0})  # L = 15 / ln 16
    assert parts["a"] == pytest.approx(15 / 4)
    assert parts["b"] == pytest.approx(45 / 4)


@pytest.mark.parametrize(
    ("before", "after"),
    [((0, 2, 3), (5, 4, 3)), ((0, 0, 3), (5, 4, 6)), ((5, 4, 3), (5, 0, 9)), ((0, 1, 2), (3, 0, 2))],
)
def test_zeros_are_the_limit_of_small_numbers(before, after):
    def with_zeros_as(small):
        first = {name: value or small for name, value in zip("abc", before, strict=True)}
        second = {name: value or small for name, value in zip("abc", after, strict=True)}
        return divisia(first, second)

    exact = divisia(dict(zip("abc", before, strict=True)), dict(zip("abc", after, strict=True)))
    errors = [max(abs(exact[n] - with_zeros_as(small)[n]) for n in "abc") for small in (1e-20, 1e-60, 1e-140)]
    scale = max(np.prod(before), np.prod(after), 1)
    assert errors[2] <= 0.02 * scale  # the limit is approached as 1 / ln(small)
    assert errors[0] >= errors[1] >= errors[2]


def test_shapley_is_the_mean_over_all_orders():
    before, after = {"a": 1.0, "b": 2.0, "c": 5.0}, {"a": 3.0, "b": 1.0, "c": 4.0}
    totals = dict.fromkeys("abc", 0.0)
    for order in itertools.permutations("abc"):
        now = dict(before)
        for name in order:
            start = np.prod(list(now.values()))
            now[name] = after[name]
            totals[name] += np.prod(list(now.values())) - start
    found = shapley(before, after)
    assert {n: pytest.approx(v / 6) for n, v in totals.items()} == {n: float(v) for n, v in found.items()}


@BOTH
def test_missing_and_negative_factors_have_no_answer(method):
    before = {"a": np.array([1.0, np.nan, -1.0, np.inf]), "b": 2.0}
    parts = method(before, {"a": np.ones(4) * 3, "b": 2.0})
    assert np.isnan(parts["a"]).tolist() == [False, True, True, True]
    assert np.isnan(parts["b"]).tolist() == [False, True, True, True]


@BOTH
def test_dataarrays_and_dask_agree_with_arrays(method):
    before, after = ({n: v.astype("f4").reshape(5, 10) for n, v in landscape(s).items()} for s in (5, 6))
    plain = method(before, after)
    whole = method(*({n: xr.DataArray(v, dims=("y", "x")) for n, v in f.items()} for f in (before, after)))
    lazy = method(
        *({n: xr.DataArray(da.from_array(v, chunks=3), dims=("y", "x")) for n, v in f.items()} for f in (before, after))
    )
    for name in NAMES:
        assert plain[name].dtype == lazy[name].dtype == np.float32
        np.testing.assert_array_equal(plain[name], whole[name])
        np.testing.assert_array_equal(plain[name], lazy[name])


@BOTH
def test_along_a_series(method):
    steps = [landscape(seed, cells=4) for seed in range(6)]
    factors = {name: np.stack([step[name] for step in steps]) for name in NAMES}
    factors["topography"] = factors["topography"][0]
    parts = along_series(factors, method=method)
    ends = [np.prod([factors[n][at] if factors[n].ndim == 2 else factors[n] for n in NAMES], axis=0) for at in (0, -1)]
    np.testing.assert_allclose(sum(parts.values()), ends[1] - ends[0], rtol=1e-10)
    assert np.abs(parts["topography"]).max() < 1e-12
    cube = {n: xr.DataArray(v, dims=("time", "x")[2 - v.ndim :]) for n, v in factors.items()}
    np.testing.assert_array_equal(along_series(cube, method=method)["cover"], parts["cover"])


def test_zones():
    before, after = landscape(8), landscape(9)
    parts = divisia(before, after)
    zones = np.repeat([0, 1, 2], [10, 20, 20])
    area = np.random.default_rng(1).random(50)
    started = np.prod(list(before.values()), axis=0)
    table = by_zone(parts, started, zones, cell_area=area).set_index(["zone", "factor"])
    change = np.prod(list(after.values()), axis=0) - started
    expected = np.average(change[30:], weights=area[30:])
    assert table.loc[(2, "change"), "contribution"] == pytest.approx(expected)
    assert table.loc[2].loc[NAMES, "contribution"].sum() == pytest.approx(expected)
    assert table.loc[(2, "change"), "percent"] == pytest.approx(
        100 * expected / np.average(started[30:], weights=area[30:])
    )


def test_mistakes():
    with pytest.raises(DataError, match="cover is among the factors of one time only"):
        divisia({"cover": 1, "erosivity": 1}, {"erosivity": 1})
    with pytest.raises(DataError, match="given 11 factors, at most 10"):
        shapley({str(n): 1 for n in range(11)}, {str(n): 1 for n in range(11)})
