import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soilloss.kernels import counts

values = arrays(np.float32, st.integers(1, 200), elements=st.floats(-2, 2, width=32) | st.just(np.float32(np.nan)))


@given(values, st.integers(0, 200))
def test_counts_of_blocks_add_up_to_numpy(data, cut):
    found = np.zeros(50, np.int64)
    for part in (data[:cut], data[cut:]):
        counts.histogram(part, -1.0, 1.0, found)
    inside = data[np.abs(data) <= 1].astype("f8")
    assert found.sum() == inside.size
    # an edge may fall to either side in the last bit
    expected = np.cumsum(np.histogram(inside, 50, (-1, 1))[0])
    assert np.all(np.abs(np.cumsum(found) - expected) <= np.sum(np.abs(inside * 25 - np.rint(inside * 25)) < 1e-6))


@pytest.mark.parametrize(("q", "expected"), [(0, 1.0), (25, 1.5), (50, 2.0), (75, 4.5), (100, 5.0)])
def test_percentiles_are_linear_inside_a_bin_and_jump_over_empty_ones(q, expected):
    assert counts.percentile_from_histogram(np.array([0, 4, 0, 0, 4, 0]), np.arange(7.0), q) == expected


def test_no_counts_no_percentile():
    assert np.isnan(counts.percentile_from_histogram(np.zeros(3), np.arange(4.0), 50))


@given(arrays(np.int64, 20, elements=st.integers(0, 9)), st.floats(0, 100), st.floats(0, 100))
def test_percentiles_rise(found, first, second):
    if found.any():
        low, high = sorted((first, second))
        edges = np.linspace(-1, 1, 21)
        a, b = (counts.percentile_from_histogram(found, edges, q) for q in (low, high))
        assert -1 <= a <= b <= 1


def test_tallies_are_those_of_numpy_and_pass_over_what_is_missing():
    random = np.random.default_rng(2)
    codes = random.integers(0, 4, (30, 40)).astype("i4")
    area, values = random.uniform(800, 900, 30), random.normal(size=(30, 40))
    inside = random.random((30, 40)) > 0.2
    values[3, :5] = np.nan
    weight = np.broadcast_to(area[:, None], codes.shape)
    areas, sums = np.zeros(4), np.zeros(4)
    counts.tally(codes, area, np.empty((0, 0)), inside, areas)
    counts.tally(codes, area, values, inside, sums)
    np.testing.assert_allclose(areas, np.bincount(codes[inside], weight[inside], 4), rtol=1e-12)
    np.testing.assert_allclose(sums, np.bincount(codes[inside], (weight * np.nan_to_num(values))[inside], 4), rtol=1e-9)
    row, column = np.nonzero(inside)
    zone, share = random.integers(0, 3, row.size), random.uniform(0.1, 1, row.size)
    by_zone = np.zeros((3, 4))
    counts.tally_zones(codes, area, values, zone, row, column, share, by_zone)
    expected = np.zeros((3, 4))
    np.add.at(expected, (zone, codes[inside]), (weight * np.nan_to_num(values))[inside] * share)
    np.testing.assert_allclose(by_zone, expected, rtol=1e-9)
