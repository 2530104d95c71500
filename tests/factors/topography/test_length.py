import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.errors import GridError
from soilloss.factors import topography as lst

LENGTHS = [lst.mccool_1989, lst.mee_2021_length, lst.liu_2000]


@pytest.mark.parametrize("function", LENGTHS)
@given(slope=st.floats(0, 1.5))
def test_unit_plot_is_one_on_any_slope(function, slope):
    assert function(22.13, slope) == pytest.approx(1, abs=1e-12)


@pytest.mark.parametrize("function", LENGTHS)
@given(first=st.floats(0, 1e4), second=st.floats(0, 1e4), slope=st.floats(0, 1.5))
def test_a_longer_slope_never_has_less(function, first, second, slope):
    low, high = sorted((first, second))
    assert 0 <= function(low, slope) <= function(high, slope) * (1 + 1e-12)


def test_rilling_soil_feels_the_length_more():
    low, moderate, high = (lst.mccool_1989(100.0, 0.15, rill_ratio=r) for r in (0.5, 1.0, 2.0))
    assert low < moderate < high


def test_flat_land_has_length_one():
    assert lst.mccool_1989(300.0, 0.0) == 1


@pytest.mark.parametrize(("degrees", "exponent"), [(0.5, 0.2), (1, 0.2), (1.001, 0.3), (3, 0.4), (5, 0.5), (40, 0.5)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_exponents_of_the_csle(degrees, exponent, kind):
    assert lst.liu_2000(kind(221.3), kind(np.radians(degrees))) == pytest.approx(10**exponent, rel=1e-5)


def test_segments_add_up_to_the_slope():
    ends = 25.0 * np.arange(1, 41)
    segments = lst.liu_2000_segment(ends, 0.2, cell_size=25)
    assert segments.mean() == pytest.approx(lst.liu_2000(1000.0, 0.2), rel=1e-12)


def test_segment_of_a_short_or_no_slope():
    assert lst.liu_2000_segment(10.0, 0.2, cell_size=25) == pytest.approx(lst.liu_2000(10.0, 0.2))
    assert lst.liu_2000_segment(0.0, 0.2, cell_size=25) == 0
    assert np.isnan(lst.liu_2000_segment(np.nan, 0.2, cell_size=25))


def test_segment_far_down_the_slope_in_float32():
    length, slope = np.float32(20_000), np.float32(0.2)
    exact = ((20_000**1.5 - 19_999**1.5) / 22.13**0.5) / 1
    assert lst.liu_2000_segment(length, slope, cell_size=1.0) == pytest.approx(exact, rel=1e-5)


def test_segment_needs_metres():
    with pytest.raises(GridError, match="cell_size is missing"):
        lst.liu_2000_segment(100.0, 0.2)
