import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.kernels import fill, surface


def filled(z):
    z = np.asarray(z, np.float32)
    flat = surface.with_ring(z)
    fill.fill(flat, z.shape[1] + 2)
    return surface.without_ring(flat, z.shape)


def neighbours(z, y, x):
    for a in range(max(y - 1, 0), min(y + 2, z.shape[0])):
        for b in range(max(x - 1, 0), min(x + 2, z.shape[1])):
            if (a, b) != (y, x):
                yield a, b


def flooded(z):
    """Fill by a queue of cells ordered by height, from the outlets inwards: slow and independent."""
    w, queue = np.full(z.shape, np.nan, np.float32), []
    for y, x in np.argwhere(np.isfinite(z)):
        around = list(neighbours(z, y, x))
        if len(around) < 8 or any(np.isnan(z[n]) for n in around):
            heapq.heappush(queue, (z[y, x], y, x))
            w[y, x] = z[y, x]
    while queue:
        level, y, x = heapq.heappop(queue)
        for n in neighbours(z, y, x):
            if np.isfinite(z[n]) and np.isnan(w[n]):
                w[n] = max(level, z[n])
                heapq.heappush(queue, (w[n], *n))
    return w


@st.composite
def heights(draw):
    """Coarsely stepped heights with holes: ties, flats and nested depressions abound."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    z = rng.integers(-3, draw(st.sampled_from([-2, 0, 5, 1000])), shape).astype(np.float32)
    z[rng.random(shape) < draw(st.sampled_from([0, 0.03, 0.2]))] = np.nan
    return z


@given(heights())
@settings(max_examples=200, deadline=None)
def test_equals_a_flood_from_the_outlets(z):
    np.testing.assert_array_equal(filled(z), flooded(z))


@given(heights())
@settings(max_examples=50, deadline=None)
def test_filling_twice_changes_nothing_and_never_lowers(z):
    w = filled(z)
    np.testing.assert_array_equal(filled(w), w)
    assert (w[np.isfinite(z)] >= z[np.isfinite(z)]).all()


@given(heights(), st.integers(0, 10**6))
@settings(max_examples=50, deadline=None)
def test_raising_a_cell_lowers_nothing(z, where):
    before = filled(z)
    z.flat[where % z.size] += 2
    after = filled(z)
    assert (after[np.isfinite(z)] >= before[np.isfinite(z)]).all()


@given(heights())
@settings(max_examples=50, deadline=None)
def test_moving_and_doubling_the_heights_moves_and_doubles_the_result(z):
    np.testing.assert_array_equal(filled(z + 512), filled(z) + 512)
    np.testing.assert_array_equal(filled(z * 4), filled(z) * 4)


def test_a_bowl_over_the_whole_grid_fills_to_its_rim():
    y, x = np.mgrid[-20:21, -20:21]
    bowl = np.hypot(y, x).astype(np.float32)
    w = filled(bowl)
    assert (w == np.maximum(bowl, 20)).all()


def test_a_ring_wall_spills_through_its_corner():
    """The only pass lies over a corner: filling knows eight neighbours."""
    z = np.zeros((5, 5))
    z[1:4, 1:4] = 9
    z[2, 2] = 1
    z[1, 1] = 4
    assert filled(z)[2, 2] == 4


def test_zeros_of_either_sign_are_level():
    z = np.zeros((4, 4), np.float32)
    z[1, 1] = -0.0
    assert (filled(z) == 0).all()


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2)])
def test_grids_without_an_inside_stay_as_they_are(shape):
    z = np.arange(shape[0] * shape[1], dtype=np.float32).reshape(shape)
    np.testing.assert_array_equal(filled(z), z)
    assert np.isnan(filled(z * np.nan)).all()


def test_a_tile_neither_spills_nor_descends_into_its_neighbours():
    """A valid cell beyond the tile's border is +inf in the ring: what lies beside it is no outlet."""
    z = np.array([[1, 2, 3], [1, 0, 3], [1, 2, 3]], np.float32)
    flat = surface.with_ring(z)
    flat.reshape(5, 5)[:, :4] = np.where(np.isnan(flat.reshape(5, 5)[:, :4]), np.inf, flat.reshape(5, 5)[:, :4])
    pointer, label = np.full(flat.size, 255, np.uint8), np.full(flat.size, -1, np.int32)
    fill.point_down(flat, 5, pointer, label)
    basins = fill.label_basins(pointer, 5, label)
    inner = surface.without_ring(label, z.shape)
    assert basins == 1
    assert (inner[:, 2] == fill.OUTSIDE).all()
    assert (inner[:, :2] == 1).all()
    assert (surface.without_ring(label, z.shape) >= 0).all()
    low, high, level = fill.basin_edges(flat, 5, label, basins)
    assert (low.tolist(), high.tolist(), level.tolist()) == ([0], [1], [3.0])


def test_many_basins_outgrow_the_first_lists():
    rng = np.random.default_rng(7)
    z = rng.random((120, 120)).astype(np.float32)
    np.testing.assert_array_equal(filled(z), flooded(z))
