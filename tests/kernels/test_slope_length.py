import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.kernels import fill, flow, slope_length, surface

STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
BREAK = math.atan(0.05)


def lengths(z, side=10.0, half=True, channel=None, gentle=0.7, steep=0.5):
    """Return filled heights, directions, cut directions and slope lengths of `z` on square cells."""
    z = np.asarray(z, np.float32)
    stride = z.shape[1] + 2
    metres = np.empty((3, z.shape[0]))
    metres[:2], metres[2] = side, math.hypot(side, side)
    w = surface.with_ring(z)
    fill.fill(w, stride)
    codes = flow.route(w, stride, 1 / metres)
    stops = np.zeros(w.size, np.uint8)
    if channel is not None:
        surface.without_ring(stops, z.shape)[...] = channel
    cut = slope_length.cut_flow(w, stride, metres, codes, stops, gentle, steep, BREAK)
    length = np.zeros(w.size)
    slope_length.longest_slope(codes, cut, stride, metres, half, length)
    return [surface.without_ring(a, z.shape) for a in (w, codes, cut, length)]


def falling(slopes, side=10.0):
    """A column of heights with these slopes between its cells."""
    return 1000 - np.concatenate([[0], np.cumsum(np.array(slopes) * side)])[:, None]


def test_inclined_plane_with_the_half_cell_at_the_divide():
    length = lengths(np.repeat(falling([0.1] * 5), 3, axis=1))[3]
    np.testing.assert_allclose(length, np.repeat((np.arange(6) + 0.5)[:, None] * 10, 3, axis=1))


def test_inclined_plane_with_the_half_cell_at_the_end():
    length = lengths(np.repeat(falling([0.1] * 5), 3, axis=1), half=False)[3]
    np.testing.assert_allclose(length[:-1, 0], (np.arange(5) + 1) * 10)
    np.testing.assert_allclose(length[-1], 55)


def test_a_slackening_slope_starts_anew():
    """10 % then 3 %: the angle falls below half."""
    length = lengths(falling([0.1, 0.1, 0.1, 0.03, 0.03, 0.03]))[3][:, 0]
    np.testing.assert_allclose(length, [5, 15, 25, 5, 15, 25, 35])
    ended = lengths(falling([0.1, 0.1, 0.1, 0.03, 0.03, 0.03]), half=False)[3][:, 0]
    np.testing.assert_allclose(ended, [10, 20, 25, 10, 20, 30, 35])


@pytest.mark.parametrize(
    ("above", "below", "ends"),
    [
        (0.10, 0.0505, False),  # steep: ends below half of the angle
        (0.10, 0.0495, True),
        (0.051, 0.030, False),  # just above 5 %: the steep ratio
        (0.049, 0.030, True),  # just below 5 %: the gentle ratio, 0.61 < 0.7
        (0.049, 0.035, False),
        (0.08, 0.049, False),  # 4.6 degrees is steep: a break read as 5 degrees would end it
        (1.0, 0.45, False),  # angles 45 and 24.2 degrees, ratio 0.54; tangents would give 0.45
    ],
)
def test_ratio_of_angles_and_break_at_five_per_cent(above, below, ends):
    length = lengths(falling([above, above, below, below]))[3][:, 0]
    assert (length[2] == 5) == ends


def test_flow_into_the_outlet_is_never_cut_and_flats_pass_on():
    assert lengths([[3.0], [2.0]])[3][1, 0] == 15
    level = lengths(np.full((3, 9), 4.0))[3]
    assert level.max() > 5


def test_diagonal_flow_counts_its_length():
    y, x = np.mgrid[0:5, 0:5]
    length = lengths(100 - 10 * (x + y))[3]
    assert length[3, 3] == pytest.approx(10 * math.sqrt(2) * 3.5)


def test_channels_take_nothing_and_give_nothing():
    z = falling([0.1] * 5)
    channel = np.zeros((6, 1), np.uint8)
    channel[2:4] = 1
    length = lengths(z, channel=channel)[3][:, 0]
    assert length.tolist() == [5, 15, 5, 5, 5, 15]


def test_a_filled_hollow_ends_the_slope_above_it():
    z = falling([0.1] * 3 + [-0.1, 0.2, 0.1])
    length = lengths(np.hstack([z + 9, z, z + 9]))[3][:, 1]
    assert length[2:4].tolist() == [5, 15]


def slow(codes, cut, side, half):
    """Longest of all flow paths into each cell, walked one by one from every start."""
    best = np.zeros(codes.shape)
    inflow = np.zeros(codes.shape, int)
    for y, x in np.argwhere(cut < flow.LEAVES):
        inflow[y + STEPS[cut[y, x]][0], x + STEPS[cut[y, x]][1]] += 1
    for y, x in np.argwhere((inflow == 0) & (codes != flow.VOID)):
        length = 0.0
        while True:
            own = side * (math.sqrt(2) if codes[y, x] < flow.LEAVES and codes[y, x] % 2 else 1)
            ends = cut[y, x] >= flow.LEAVES
            length += own / 2 if (half and length == 0) or (not half and ends) else own
            best[y, x] = max(best[y, x], length)
            if ends:
                break
            y, x = y + STEPS[cut[y, x]][0], x + STEPS[cut[y, x]][1]
    return best


@given(st.integers(0, 2**32 - 1), st.sampled_from([3, 20, 1000]), st.booleans())
@settings(max_examples=100, deadline=None)
def test_equals_the_longest_of_all_paths(seed, steps, half):
    rng = np.random.default_rng(seed)
    z = rng.integers(0, steps, (9, 8)).astype(np.float32)
    z[rng.random(z.shape) < 0.05] = np.nan
    _, codes, cut, length = lengths(z, half=half)
    inner = codes != flow.VOID
    np.testing.assert_allclose(length[inner], slow(codes, cut, 10.0, half)[inner], rtol=1e-9)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=50, deadline=None)
def test_without_ratios_only_outlets_end_a_slope_and_lengths_grow_downwards(seed):
    z = np.random.default_rng(seed).random((8, 8))
    _, codes, cut, length = lengths(z, gentle=0.0, steep=0.0)
    np.testing.assert_array_equal(codes, cut)
    for y, x in np.argwhere(codes < flow.LEAVES):
        a, b = STEPS[codes[y, x]]
        assert length[y + a, x + b] > length[y, x]


def test_a_tile_goes_on_from_the_length_that_enters():
    codes = np.full((5, 3), flow.VOID, np.uint8)
    codes[1:3, 1], codes[3, 1] = 2, flow.LEAVES
    metres = np.full((3, 3), 10.0)
    length = np.zeros((5, 3))
    length[1, 1] = 100
    length = length.ravel()
    slope_length.longest_slope(codes.ravel(), codes.ravel(), 3, metres, True, length)
    assert length.reshape(5, 3)[1:4, 1].tolist() == [110, 120, 130]
