"""Series kernels against sorting, counting by hand and printed numbers."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from soilloss.kernels import series

X = [13.3, 12.9, 14.1, 15.0, 11.2, 10.8, 12.0, 11.2, 9.9, 10.4, 9.0, 10.1, 8.8, 9.6, 9.0, 9.4]


def kendall(values, period=1, minimum=0, exact=False):
    values = np.asarray(values)
    steps = len(values)
    season = np.arange(steps) % period
    first, second = (a.astype("i4") for a in np.triu_indices(steps, 1))
    same = season[first] == season[second]
    out = np.empty((series.ROWS, values.shape[1]), values.dtype)
    time = np.arange(steps) / period
    series.kendall(values, time, season.astype("i4"), first[same], second[same], minimum, exact, out)
    return out


def by_hand(series_of_cell):
    """S and the median slope of one series, the plain way."""
    valid = np.flatnonzero(np.isfinite(series_of_cell))
    values = series_of_cell[valid].astype("f8")
    i, j = np.triu_indices(len(valid), 1)
    rise = values[j] - values[i]
    slope = np.median(rise / (valid[j] - valid[i])) if rise.size else np.nan
    return np.sign(rise).sum(), slope


@pytest.mark.parametrize("steps", [2, 3, 8, 25])
def test_s_is_exact_and_the_slope_is_the_median(steps):
    random = np.random.default_rng(steps)
    values = random.gamma(2, 10, (steps, 300)).astype("f4")
    values[random.random(values.shape) < 0.15] = np.nan
    values[random.random(values.shape) < 0.02] = np.inf
    values[:, :50] = np.round(values[:, :50] / 10)
    out = kendall(values)
    expected = np.array([by_hand(cell) for cell in values.T])
    assert np.array_equal(out[series.S], expected[:, 0])
    np.testing.assert_allclose(out[series.SLOPE], expected[:, 1], rtol=1.2e-7, atol=1e-7)
    exact = kendall(values.astype("f8"), exact=True)
    np.testing.assert_allclose(exact[series.SLOPE], expected[:, 1], rtol=1e-14, atol=1e-15)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.just(float("nan")), st.floats(-1e6, 1e6, width=32)), min_size=9, max_size=9),
        min_size=1,
        max_size=3,
    )
)
@example([[float("nan")] * 7 + [0.0, -0.0]])
def test_any_numbers(cells):
    values = np.array(cells).T
    out = kendall(values, exact=True)
    for cell, found in zip(values.T, out.T, strict=True):
        score, slope = by_hand(cell)
        assert found[series.S] == score
        assert found[series.SLOPE] == pytest.approx(slope, rel=1e-12, abs=1e-12, nan_ok=True)
        assert np.isnan(found[series.INTERCEPT]) == np.isnan(slope)


def test_printed_series():
    out = kendall(np.array([X]).T, exact=True)[:, 0]
    assert out[series.S] == -84
    assert out[series.VARIANCE] == pytest.approx(491.333333, abs=1e-6)
    assert out[series.Z] == pytest.approx(-3.744467, abs=1e-6)
    assert out[series.P_VALUE] == pytest.approx(0.000180777, abs=1e-9)
    assert out[series.TAU] == pytest.approx(-0.7)
    assert out[series.SLOPE] == pytest.approx(-0.309821, abs=1e-6)
    assert out[series.INTERCEPT] == pytest.approx(12.923661, abs=1e-6)


def test_ties_lower_the_variance():
    out = kendall(np.array([[1, 2, 2, 3, 3, 3, 2, 4, 5, 5.0]]).T)[:, 0]
    assert out[series.S] == 32
    assert out[series.VARIANCE] == pytest.approx(116.666667, abs=1e-6)
    assert out[series.Z] == pytest.approx(2.870042, abs=1e-6)
    assert out[series.P_VALUE] == pytest.approx(0.004104, abs=1e-6)


def test_a_gap_changes_nothing_of_the_ties_beside_it():
    whole = [1, 2, 2, 3, 3, 3, 2, 4, 5, 5.0]
    with_gaps = [1, np.nan, *whole[1:6], np.nan, *whole[6:], np.nan]
    variances = [kendall(np.array([values]).T)[series.VARIANCE, 0] for values in (whole, with_gaps)]
    assert variances == pytest.approx([116.666667, 116.666667], abs=1e-6)


def test_differences_too_small_for_float32_have_a_sign():
    assert kendall(np.array([[1e-60, 3e-60, 2e-60]]).T, minimum=2)[series.S, 0] == 1
    least = np.float32(1.4e-45)
    assert kendall(np.array([[0, least, least, 2 * least]], "f4").T, minimum=2)[series.S, 0] == 5


def test_a_constant_series_has_no_trend_and_a_short_one_no_answer():
    out = kendall(np.array([[5.0] * 9, [1, 2] + [np.nan] * 7], "f4").T, minimum=8)
    assert out[[series.S, series.VARIANCE, series.Z, series.P_VALUE, series.SLOPE], 0].tolist() == [0, 0, 0, 1, 0]
    assert out[series.COUNT, 1] == 2
    assert np.isnan(out[series.S :, 1]).all()


def test_seasons_are_compared_with_themselves_only():
    years = np.arange(10)
    quarters = np.stack([100 - 3 * years, 2 * years, 5 * years, 1 + 0 * years], axis=1).reshape(-1, 1)
    out = kendall(quarters.astype("f8"), period=4, exact=True)[:, 0]
    assert out[series.S] == 45
    assert out[series.TAU] == 45 / 180
    assert out[series.SLOPE] == 1  # 45 each of -3, 2, 5 and 0
    assert out[series.VARIANCE] == 3 * 125


def test_the_answer_of_a_cell_does_not_depend_on_its_neighbours():
    values = np.random.default_rng(1).random((25, 400)).astype("f4")
    together = kendall(values)
    np.testing.assert_array_equal(together[:, 130:131], kendall(values[:, 130:131]))


def test_more_pairs_than_a_small_counter_holds():
    values = np.random.default_rng(2).random((200, 3))
    expected = [by_hand(cell) for cell in values.T]
    out = kendall(values, exact=True)
    np.testing.assert_allclose(out[[series.S, series.SLOPE]].T, expected, rtol=1e-13)


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([1, 1, 2, 1, 1, 3, 3, 3, 2, 3], [1, 1, 1, 1, 1, 3, 3, 3, 3, 3]),
        ([1, 1, 2, 2, 3, 3, 1, 2], [1, 1, 2, 2, 3, 3, 3, 2]),
        ([4, 4, 4, 6, 4, 4, 4], [4] * 7),
        ([1, 2, 3, 4, 5], [1, 2, 3, 4, 5]),
        ([1, 3, 2, 3, 1], [1, 3, 3, 3, 1]),
        ([1, 1, 2, 3, 3], [1, 1, 1, 3, 3]),
        ([1, 0, 1, 1, 0], [1, 0, 1, 1, 0]),
    ],
)
def test_majority(labels, expected):
    labels = np.array([labels], "u1").T
    out = np.empty_like(labels)
    series.majority(labels, 2, False, out)
    assert out[:, 0].tolist() == expected


def test_majority_fills_gaps_when_asked():
    labels = np.array([[1, 0, 1, 0, 0, 0, 0]], "u1").T
    out = np.empty_like(labels)
    series.majority(labels, 2, True, out)
    assert out[:, 0].tolist() == [1, 1, 1, 1, 1, 0, 0]
