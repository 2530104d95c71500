import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.kernels import surface


def horn(z, dx=1.0, dy=1.0):
    z = np.asarray(z, np.float32)
    rows, stride = z.shape[0], z.shape[1] + 2
    slope, aspect = np.empty(z.shape, np.float32), np.empty(z.shape, np.float32)
    sides = np.full(rows, dx), np.full(rows, dy)
    surface.slope(surface.with_ring(z), stride, *sides, slope)
    surface.aspect(surface.with_ring(z), stride, *sides, aspect)
    return slope, aspect


def closed(z, largest):
    z = np.asarray(z, np.float32)
    flat = surface.with_ring(z)
    surface.close_holes(flat, z.shape[1] + 2, largest)
    return surface.without_ring(flat, z.shape)


def test_ring_is_void_and_infinite_heights_are_missing():
    flat = surface.with_ring(np.array([[1.0, np.inf], [-np.inf, 4e38]]))
    assert flat.dtype == np.float32
    grid = flat.reshape(4, 4)
    assert np.isnan(grid[0]).all()
    assert np.isnan(grid[:, -1]).all()
    np.testing.assert_array_equal(surface.without_ring(flat, (2, 2)), [[1, np.nan], [np.nan, np.nan]])


def test_worked_example_of_horn():
    slope, aspect = horn([[50, 45, 50], [30, 30, 30], [8, 10, 10]], 5, 5)
    assert math.degrees(slope[1, 1]) == pytest.approx(75.257658, abs=1e-5)
    assert math.degrees(aspect[1, 1]) == pytest.approx(180.753854, abs=1e-5)


@pytest.mark.parametrize(("east", "south"), [(0.3, 0.0), (0.0, -0.2), (0.25, 0.5), (-1.0, 0.125)])
def test_a_plane_keeps_slope_and_aspect_to_the_rim_and_beside_voids(east, south):
    y, x = np.mgrid[0:6, 0:7]
    z = 100 + 10 * east * x + 5 * south * y
    z[2, 3] = np.nan
    slope, aspect = horn(z, dx=10, dy=5)
    valid = np.isfinite(z)
    np.testing.assert_allclose(slope[valid], math.atan(math.hypot(east, south)), rtol=1e-5)
    np.testing.assert_allclose(aspect[valid], math.atan2(-east, south) % (2 * math.pi), atol=1e-5)
    assert np.isnan(slope[~valid]).all()
    assert np.isnan(aspect[~valid]).all()


@pytest.mark.parametrize(
    ("fall", "degrees"), [((0, -1), 0), ((1, -1), 45), ((1, 0), 90), ((0, 1), 180), ((-1, 0), 270)]
)
def test_aspect_is_the_compass_direction_of_the_fall(fall, degrees):
    y, x = np.mgrid[0:3, 0:3]
    _, aspect = horn(-(fall[0] * x + fall[1] * y))
    assert math.degrees(aspect[1, 1]) == pytest.approx(degrees)


def test_aspect_stays_below_a_full_turn():
    _, aspect = horn(np.array([[0, 0, 1e-12], [0, 0, 0], [1, 1, 1]]))
    assert 0 <= aspect[1, 1] < surface.TWO_PI


def test_level_ground_and_a_lone_cell():
    slope, aspect = horn(np.full((3, 4), 7))
    assert (slope == 0).all()
    assert np.isnan(aspect).all()
    assert horn([[5]])[0] == 0


def test_one_row_and_one_column_keep_the_slope_along_them():
    line = np.arange(5.0)[None]
    np.testing.assert_allclose(horn(line)[0], math.atan(1), rtol=1e-6)
    np.testing.assert_allclose(horn(line.T)[0], math.atan(1), rtol=1e-6)


def test_great_heights_do_not_cancel():
    """In float32 the sums of Horn's numerator would lose the last digits of heights of 8 000 m."""
    y, _ = np.mgrid[0:3, 0:3]
    slope, _ = horn(8000 + y * 2.0**-10, 30, 30)
    assert slope[1, 1] == pytest.approx(2.0**-10 / 30, rel=1e-6)


@given(st.integers(0, 2**32 - 1), st.integers(1, 3))
@settings(max_examples=25, deadline=None)
def test_slope_turns_with_the_grid(seed, turns):
    z = np.random.default_rng(seed).integers(0, 50, (6, 5)).astype(np.float32)
    z[0, 3] = np.nan
    np.testing.assert_allclose(np.rot90(horn(z)[0], turns), horn(np.rot90(z, turns))[0], rtol=1e-6)


def test_a_small_hole_takes_the_lowest_height_of_its_rim():
    z = np.array([[9, 9, 9, 9], [9, np.nan, 4, 9], [9, 5, 9, 9], [9, 9, 9, 9]])
    assert closed(z, 1)[1, 1] == 4
    assert np.isnan(closed(z, 0)[1, 1])


def test_holes_are_joined_over_corners_and_larger_ones_stay():
    z = np.full((5, 5), 3.0)
    z[1, 1] = z[2, 2] = np.nan
    assert np.isnan(closed(z, 1)[2, 2])
    assert (closed(z, 2) == 3).all()


def test_voids_that_reach_the_border_stay():
    z = np.full((3, 5), 3.0)
    z[0, 1] = np.nan
    assert np.isnan(closed(z, 5)[0, 1])
    nothing = np.full((2, 2), np.nan)
    assert np.isnan(closed(nothing, 10**6)).all()


def test_many_cells_of_void_outgrow_the_first_queue():
    z = np.full((60, 60), np.nan)
    z[0] = z[-1] = z[:, 0] = z[:, -1] = 2.0
    assert (closed(z, 58 * 58) == 2).all()
    assert np.isnan(closed(z, 58 * 58 - 1)).sum() == 58 * 58
