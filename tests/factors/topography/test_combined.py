from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.errors import GridError
from soilloss.factors import topography as lst
from soilloss.grid.target import CellSize

NINE_PERCENT = np.arctan(0.09)
slopes = st.floats(0, 1.5)
areas = st.floats(900, 1e9)


@pytest.mark.parametrize(
    ("function", "exact"),
    [(lst.smith_wischmeier_1957, 0.005), (lst.wischmeier_smith_1978, 0.001)],
)
def test_unit_plot_is_one(function, exact):
    assert function(22.13, NINE_PERCENT) == pytest.approx(1, abs=exact)


def test_desmet_govers_is_the_product_of_length_and_steepness_on_one_cell():
    slope = np.linspace(0, 1.2, 50)
    one_cell = lst.desmet_govers_1996(np.full(50, 400.0), slope, np.zeros(50), cell_size=20)
    expected = lst.length_times_steepness(lst.mccool_1989(20.0, slope), lst.mccool_1987(slope))
    np.testing.assert_allclose(one_cell, expected, rtol=1e-12)


@pytest.mark.parametrize(("aspect", "side"), [(0.0, 30.0), (np.pi / 2, 20.0), (np.pi, 30.0)])
@pytest.mark.parametrize("percent", [1, 9, 40])
def test_desmet_govers_telescopes_on_a_plane(percent, aspect, side):
    """The mean of L over N cells in a row is exactly the L of the whole slope; also where cells are 20 m by 30 m."""
    cells, slope = 50, np.arctan(percent / 100)
    area = 600.0 * np.arange(1, cells + 1)
    size = CellSize(np.full((cells, 1), 20.0), np.full((cells, 1), 30.0))
    ls = lst.desmet_govers_1996(area[:, None], slope, aspect, cell_size=size)
    whole = lst.mccool_1989(cells * side, slope) * lst.mccool_1987(slope)
    assert ls.mean() == pytest.approx(whole, rel=1e-12)


def test_desmet_govers_turns_with_the_landscape():
    quarter_turns = np.pi / 2 * np.arange(4) + 0.3
    ls = lst.desmet_govers_1996(9900.0, 0.2, quarter_turns, cell_size=30)
    np.testing.assert_allclose(ls, ls[0], rtol=1e-12)


def test_longest_slope_caps_the_length_at_the_lower_edge():
    area = 900.0 * np.arange(1, 21)
    capped = lst.desmet_govers_1996(area, 0.2, 0.0, max_length=300, cell_size=30)
    free = lst.desmet_govers_1996(area, 0.2, 0.0, cell_size=30)
    np.testing.assert_array_equal(capped[:10], free[:10])
    np.testing.assert_array_equal(capped[10:], free[9])
    # a cell is never shorter than itself
    assert lst.desmet_govers_1996(9e5, 0.2, 0.0, max_length=1, cell_size=30) == free[0]


def test_channels_are_left_out():
    area = np.array([9e5, 1e6, 2e6])
    assert np.isnan(lst.desmet_govers_1996(area, 0.1, 0.0, channel_area=1e6, cell_size=30)).tolist() == [0, 1, 1]
    mask = np.array([1, 0, 0], "u1")
    ls = lst.desmet_govers_1996(area.astype("f4"), np.full(3, 0.1, "f4"), np.zeros(3, "f4"), mask, cell_size=30)
    assert np.isnan(ls).tolist() == [True, False, False]
    assert ls.dtype == np.float32


def test_flat_cells_need_no_aspect():
    assert lst.desmet_govers_1996(5000.0, 0.0, np.nan, cell_size=30) == pytest.approx(0.03)
    assert np.isnan(lst.desmet_govers_1996(5000.0, 0.1, np.nan, cell_size=30))


def test_float32_agrees_with_float64():
    rng = np.random.default_rng(2)
    area, slope, aspect = rng.uniform(900, 1e8, 500), rng.uniform(0, 1.4, 500), rng.uniform(0, 6.28, 500)
    wide = lst.desmet_govers_1996(area, slope, aspect, cell_size=30)
    narrow = lst.desmet_govers_1996(area, slope.astype("f4"), aspect.astype("f4"), cell_size=30)
    np.testing.assert_allclose(narrow, wide, rtol=2e-5)


@given(areas, areas, slopes)
def test_more_area_never_means_less(first, second, slope):
    low, high = sorted((first, second))
    for function in (
        lambda a: lst.desmet_govers_1996(a, slope, 0.0, cell_size=30),
        lambda a: lst.boehner_selige_2006(a, slope, cell_size=30),
        lambda a: lst.moore_burch_1986(a, slope, cell_size=30),
    ):
        assert 0 <= function(low) <= function(high) * (1 + 1e-12)


def test_counting_oneself_or_not():
    cells = np.array([1.0, 2.0, 11.0])
    printed = lst.moore_burch_1986_as_printed(cells, 0.3, cell_size=30)
    np.testing.assert_allclose(printed, lst.moore_burch_1986(cells - 1, 0.3, cell_size=30))
    assert printed[0] == 0
    assert lst.moore_burch_1986(50.0, 0.0, cell_size=30) == 0


def test_printed_form_is_too_small_by_the_same_factor_everywhere():
    length, slope = np.array([10.0, 22.13, 300.0]), np.array([0.0, 0.1, 0.6])
    ratio = lst.smith_wischmeier_1957(length, slope) / lst.smith_wischmeier_1957_as_printed(length, slope)
    np.testing.assert_allclose(ratio, 1 / (0.305 * np.sqrt(0.3048)), rtol=1e-12)


@pytest.mark.parametrize("percent", [1, 3, 5])
def test_exponent_changes_at_the_edge_also_in_float32(percent):
    """An edge belongs to the steeper class, whatever float32 makes of it."""
    edge = np.arctan(percent / 100)
    ten_plots = 221.3
    at = [
        lst.wischmeier_smith_1978(ten_plots, x) / lst.wischmeier_smith_1978(22.13, x) for x in (edge, np.float32(edge))
    ]
    below = lst.wischmeier_smith_1978(ten_plots, edge - 1e-5) / lst.wischmeier_smith_1978(22.13, edge - 1e-5)
    assert at[0] == pytest.approx(at[1], rel=1e-5)
    assert at[0] > 1.2 * below


def test_rectangular_cells_count_by_the_side_of_the_equal_square():
    size = CellSize(np.array([[20.0]]), np.array([[45.0]]))
    for function, count in ((lst.moore_burch_1986, 10.0), (lst.boehner_selige_2006, 9000.0)):
        assert function(count, 0.2, cell_size=size) == pytest.approx(function(count, 0.2, cell_size=30))


@pytest.mark.parametrize("function", [lst.moore_burch_1986, lst.boehner_selige_2006])
@pytest.mark.parametrize("cell_size", [None, 0, -30])
def test_metres_are_needed(function, cell_size):
    with pytest.raises(GridError, match="cell_size is"):
        function(1.0, 0.1, cell_size=cell_size)


def test_depositional_foot_of_the_gentle_branch():
    """The exponent of Boehner and Selige grows to about a half at 0.0505."""
    values = [lst.boehner_selige_2006(22_130.0, slope, cell_size=10) for slope in (0.01, 0.03, 0.0505, 0.06)]
    assert all(a < b for a, b in pairwise(values))


@pytest.mark.parametrize(
    "function", [lst.smith_wischmeier_1957, lst.smith_wischmeier_1957_as_printed, lst.wischmeier_smith_1978]
)
def test_one_length_for_all_cells_keeps_float32(function):
    slope = np.array([0.0, 0.1, 0.4], "f4")
    assert function(22.13, slope).dtype == np.float32
