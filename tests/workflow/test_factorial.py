import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.workflow import factorial


@pytest.mark.parametrize(("counts", "made", "full"), [((3,), 3, True), ((4, 5, 6), 120, True), ((9, 9, 9), 25, False)])
def test_all_combinations_or_one_at_a_time(counts, made, full):
    found, complete = factorial.combinations(counts)
    assert (len(found), complete) == (made, full)
    assert found[0] == (0,) * len(counts)
    assert len(set(found)) == made
    for f, count in enumerate(counts):  # each single change is among them
        assert {(0,) * f + (i,) + (0,) * (len(counts) - f - 1) for i in range(count)} <= set(found)


@given(
    st.lists(st.floats(-3, 3), min_size=2, max_size=4),
    st.lists(st.floats(-3, 3), min_size=2, max_size=4),
)
def test_effects_that_add_up_leave_no_interplay(first, second):
    made, full = factorial.combinations([len(first), len(second)])
    values = [first[i] + second[j] for i, j in made]
    spread = np.var(first) + np.var(second)
    if spread > 1e-6:
        shares, interplay = factorial.variance_shares(values, made, full)
        assert shares == pytest.approx([np.var(first) / spread, np.var(second) / spread], abs=1e-6)
        assert interplay == pytest.approx(0, abs=1e-6)


def test_pure_interplay_is_told_apart():
    made, full = factorial.combinations([2, 2])
    shares, interplay = factorial.variance_shares([0, 1, 1, 0], made, full)
    assert shares == pytest.approx([0, 0])
    assert interplay == pytest.approx(1)


def test_one_at_a_time_says_nothing_of_interplay():
    made = [(0, 0), (1, 0), (0, 1)]
    shares, interplay = factorial.variance_shares([0.0, 2.0, 1.0], made, False)
    assert shares == pytest.approx([0.8, 0.2])
    assert math.isnan(interplay)
    assert all(math.isnan(s) for s in factorial.variance_shares([1.0, 1.0, 1.0], made, False)[0])


def test_sums_are_taken_where_all_are_known():
    losses = np.array([[[1.0, 2.0, np.nan, 4.0]], [[2.0, 0.0, 3.0, 8.0]]], "f4")
    counted = factorial.count(losses, np.full((1, 4), 0.5))
    assert (counted.cells, counted.positive) == (3, 2)
    named = dict(zip(factorial.SUMS, counted.sums.T, strict=True))
    assert named["area"].tolist() == [1.5, 2.0]
    assert named["mass"].tolist() == [3.5, 6.5]
    assert named["common_mass"].tolist() == [3.5, 5.0]
    np.testing.assert_allclose(named["log"], [math.log(4), math.log(16)])
    expected = np.corrcoef([1, 2, 4], [2, 0, 8])[0, 1]
    np.testing.assert_allclose(factorial.correlations(counted), [1, expected])
