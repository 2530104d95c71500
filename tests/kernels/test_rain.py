"""Kernels of rain: sums by period, storms, windows."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.kernels.rain import (
    add_periods,
    add_powers,
    heavy_days,
    largest_depth,
    power_parts,
    storm_starts,
    storm_table,
)

STARTS, SLOTS = np.array([0, 3, 5, 8]), np.array([0, 1, 0])
WEIGHTS = np.array([1.0, 10.0, 1.0])


def empty(cells):
    return np.zeros((2, cells)), np.zeros((2, cells), np.int32)


def summed(days, threshold=2.0, exponent=2.0, needed=1):
    cells = days.shape[1]
    sums, years = empty(cells)
    power = np.ones(cells), np.full(cells, exponent), threshold
    add_periods(days, STARTS, SLOTS, WEIGHTS, np.full(3, needed), *power, sums, years)
    return sums, years


def summed_fast(days, threshold=2.0, exponent=2.0, needed=1):
    sums, years = empty(days.shape[1])
    power = *power_parts(exponent), np.float32(threshold).view(np.int32)
    add_powers(days.view(np.int32), STARTS, SLOTS, WEIGHTS, np.full(3, needed), *power, sums, years)
    return sums, years


@pytest.mark.parametrize("kernel", [summed, summed_fast])
def test_periods_by_hand(kernel):
    days = np.array([[1, 2, 3, np.nan, 4, np.nan, -1, np.inf]], "f4").T.copy()
    sums, years = kernel(days)
    np.testing.assert_allclose(sums, [[13], [160]], rtol=1e-6)
    assert years.tolist() == [[1], [1]]
    assert kernel(days, needed=2)[1].tolist() == [[1], [0]]
    days[3:5] = -0.0
    assert kernel(days, needed=2)[1].tolist() == [[1], [1]]


@pytest.mark.parametrize("kernel", [summed, summed_fast])
def test_more_cells_than_a_tile(kernel):
    days = np.random.default_rng(3).gamma(0.5, 5, (8, 9000)).astype("f4")
    sums, _ = kernel(days)
    squares = np.where(days >= 2, days.astype(float) ** 2, 0)
    np.testing.assert_allclose(sums[0], squares[[0, 1, 2, 5, 6, 7]].sum(axis=0), rtol=1e-6)
    np.testing.assert_allclose(sums[1], 10 * squares[3:5].sum(axis=0), rtol=1e-6)


def test_a_record_may_come_in_pieces():
    days = np.random.default_rng(4).gamma(0.5, 5, (8, 3))
    whole, _ = summed(days)
    sums, years = empty(3)
    for part, starts, slot in ((days[:3], [0, 3], 0), (days[3:5], [0, 2], 1), (days[5:], [0, 3], 0)):
        one, weights = np.ones(1, np.int64), np.array([10.0 if slot else 1.0])
        options = (np.array(starts), np.array([slot]), weights, one, np.ones(3), np.full(3, 2.0), 2.0)
        add_periods(part, *options, sums, years)
    np.testing.assert_array_equal(sums, whole)


@pytest.mark.parametrize("exponent", [1.05, 1.7265, 2.0, 3.5, 4.0])
def test_fast_power_is_good_to_a_millionth(exponent):
    """Over every binary exponent, with mantissas at and between the borders of 2; far beyond any rain, infinite."""
    amounts = np.concatenate([np.geomspace(1, 65_500, 200_000), np.exp2(np.arange(16)), [1.9999999, 65_536, 1e30]])
    amounts = amounts.astype("f4")
    sums, years = np.zeros((1, amounts.size)), np.zeros((1, amounts.size), np.int32)
    one, slot = np.ones(1, np.int64), np.zeros(1, np.int64)
    rain = amounts[None]
    power = *power_parts(exponent), np.float32(1).view(np.int32)
    add_powers(rain.view(np.int32), np.array([0, 1]), slot, np.ones(1), one, *power, sums, years)
    expected = np.where(amounts < 65_536, amounts.astype(float) ** exponent, np.inf)
    np.testing.assert_allclose(sums[0], expected, rtol=1e-6)


def test_heavy_days():
    counts, amounts, valid = np.zeros((3, 2))
    heavy_days(np.array([[12, 11.9, np.nan, 30], [0, 0, -1, np.inf]]).T.copy(), 12.0, counts, amounts, valid)
    assert [counts.tolist(), amounts.tolist(), valid.tolist()] == [[2, 0], [42, 0], [3, 2]]


def test_storms_by_hand():
    index, depth = np.array([0, 1, 2, 40, 41, 90]), np.array([1.0, 1.0, 1.0, 0.5, 0.5, 3.0])
    assert np.flatnonzero(storm_starts(index, depth, 36, 1.27)).tolist() == [0, 3, 5]
    assert np.flatnonzero(storm_starts(index, depth, 50, -1.0)).tolist() == [0]
    assert np.flatnonzero(storm_starts(index, depth, 49, -1.0)).tolist() == [0, 5]
    table = storm_table(index, depth, depth * 2, np.array([0, 3, 5]), 3.0, 1.5)
    np.testing.assert_allclose(table[0], [0, 2, 3, 6, 3, 1.5])


@given(
    depths=st.lists(st.sampled_from([0.0, 0.0, 0.2, 1.0, 7.0]), min_size=1, max_size=40),
    steps=st.sampled_from([0.5, 1.0, 1.5, 3.0, 6.0, 30.0]),
)
def test_window_against_fine_steps(depths, steps):
    full = np.array(depths)
    wet = np.flatnonzero(full)
    fine = np.concatenate([np.zeros(60), np.repeat(full / 2, 2), np.zeros(60)])
    expected = np.convolve(fine, np.ones(round(steps * 2))).max()
    assert largest_depth(wet, full[wet], 0, wet.size, steps) == pytest.approx(expected)


@given(depths=st.lists(st.floats(0.01, 20), min_size=1, max_size=30), gap=st.integers(1, 10), data=st.data())
def test_every_record_is_in_one_storm(depths, gap, data):
    depth = np.array(depths)
    index = np.cumsum(data.draw(st.lists(st.integers(1, 20), min_size=len(depth), max_size=len(depth))))
    firsts = np.flatnonzero(storm_starts(index, depth, gap, 1.27))
    assert firsts[0] == 0
    table = storm_table(index, depth, depth, firsts, 3.0, 1.5)
    assert table[:, 2].sum() == pytest.approx(depth.sum())
    assert (table[:, 5] <= table[:, 4] + 1e-9).all()
    assert (table[:, 4] <= table[:, 2] + 1e-9).all()
