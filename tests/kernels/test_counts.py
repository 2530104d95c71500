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
