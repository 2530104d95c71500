import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.kernels import fill, flow, surface

STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def distances(rows, dx=1.0, dy=1.0):
    metres = np.empty((3, rows))
    metres[0], metres[1] = dx, dy
    metres[2] = np.hypot(metres[0], metres[1])
    return metres


def routed(z, dx=1.0, dy=1.0):
    """Return the filled surface and the directions of `z`."""
    z = np.asarray(z, np.float32)
    flat = surface.with_ring(z)
    fill.fill(flat, z.shape[1] + 2)
    codes = flow.route(flat, z.shape[1] + 2, 1 / distances(z.shape[0], dx, dy))
    return surface.without_ring(flat, z.shape), surface.without_ring(codes, z.shape)


def accumulated(codes, own=1):
    ringed = np.full((codes.shape[0] + 2, codes.shape[1] + 2), flow.VOID, np.uint8)
    ringed[1:-1, 1:-1] = codes
    amount = np.where(ringed == flow.VOID, 0, own).astype(np.int64).ravel()
    flow.accumulate(ringed.ravel(), ringed.shape[1], amount)
    return surface.without_ring(amount, codes.shape)


def slow_directions(w, metres):
    """The definition, cell by cell: steepest of eight in order, then flats by distance to a way out."""
    codes, distance = np.full(w.shape, flow.VOID), {}
    inside = lambda y, x: 0 <= y < w.shape[0] and 0 <= x < w.shape[1]  # noqa: E731
    height = lambda y, x: float(w[y, x]) if inside(y, x) else math.nan  # noqa: E731
    cells = [tuple(c) for c in np.argwhere(np.isfinite(w))]
    for y, x in cells:
        slopes = []
        for k, (a, b) in enumerate(STEPS):
            inverse = 1 / metres[2 if k % 2 else (0 if k in (0, 4) else 1)][y]
            slopes.append((height(y, x) - height(y + a, x + b)) * inverse)
        lower = [s for s in slopes if s > 0]
        if lower:
            codes[y, x] = slopes.index(max(lower))
        elif any(math.isnan(s) for s in slopes):
            codes[y, x] = flow.LEAVES
        else:
            continue
        distance[y, x] = 0
    step = 0
    while len(distance) < len(cells):
        found = {}
        for y, x in cells:
            if (y, x) in distance:
                continue
            for k, (a, b) in enumerate(STEPS):
                n = (y + a, x + b)
                if distance.get(n) == step and w[n] == w[y, x]:
                    codes[y, x], found[y, x] = k, step + 1
                    break
        assert found, "a flat without a way out"
        distance |= found
        step += 1
    return codes


def slow_accumulation(codes):
    count = np.zeros(codes.shape, np.int64)
    for start in np.argwhere(codes != flow.VOID):
        y, x = start
        for _ in range(codes.size + 1):
            count[y, x] += 1
            if codes[y, x] >= flow.LEAVES:
                break
            y, x = y + STEPS[codes[y, x]][0], x + STEPS[codes[y, x]][1]
        else:
            raise AssertionError("the directions go round in circles")
    return count


@st.composite
def heights(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 14)), draw(st.integers(1, 14))
    z = rng.integers(-3, draw(st.sampled_from([-2, 0, 5, 1000])), shape).astype(np.float32)
    z[rng.random(shape) < draw(st.sampled_from([0, 0.03, 0.2]))] = np.nan
    return z


@given(heights(), st.sampled_from([(1.0, 1.0), (30.0, 30.0), (20.0, 30.0)]))
@settings(max_examples=150, deadline=None)
def test_directions_and_accumulation_equal_their_definition(z, sides):
    w, codes = routed(z, *sides)
    np.testing.assert_array_equal(codes, slow_directions(w, distances(z.shape[0], *sides)))
    count = accumulated(codes)
    np.testing.assert_array_equal(count, slow_accumulation(codes))
    assert count[codes == flow.LEAVES].sum() == np.isfinite(z).sum()


@given(heights())
@settings(max_examples=50, deadline=None)
def test_moving_and_doubling_the_heights_keeps_the_directions(z):
    _, codes = routed(z)
    np.testing.assert_array_equal(routed(z + 512)[1], codes)
    np.testing.assert_array_equal(routed(z * 4)[1], codes)


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_directions_turn_with_the_grid_where_no_slopes_are_equal(seed):
    z = np.random.default_rng(seed).random((9, 8)).astype(np.float32)
    y, x = np.mgrid[0:9, 0:8]
    z += 3 * (y + 1.7 * x)  # no depressions, so no flats
    _, codes = routed(z)
    _, turned = routed(np.rot90(z))
    expected = np.rot90(np.where(codes < 8, (codes + 6) % 8, codes))
    np.testing.assert_array_equal(turned, expected)
    np.testing.assert_array_equal(accumulated(turned), np.rot90(accumulated(codes)))


def test_rows_of_different_width_take_their_own_distances():
    """Where the row is narrow, the same drop is steeper along it than down it."""
    z = np.array([[9, 9, 9], [9, 5, 4], [9, 4, 9]], np.float32)
    assert routed(z, dx=1, dy=2)[1][1, 1] == 0
    assert routed(z, dx=2, dy=1)[1][1, 1] == 2
    assert routed(z)[1][1, 1] == 0


def test_inclined_plane():
    z = np.repeat(np.arange(6.0, 0, -1)[:, None], 4, axis=1)
    _, codes = routed(z)
    assert (codes[:-1] == 2).all()
    assert (codes[-1] == flow.LEAVES).all()
    np.testing.assert_array_equal(accumulated(codes), np.repeat(np.arange(1, 7)[:, None], 4, axis=1))


def test_v_valley():
    half, rows = 4, 6
    y, x = np.mgrid[0:rows, -half : half + 1]
    count = accumulated(routed(10.0 * abs(x) + (rows - y))[1])
    np.testing.assert_array_equal(count[:, half], (2 * half + 1) * np.arange(1, rows + 1))
    sides = count * (x != 0)
    np.testing.assert_array_equal(sides, (half + 1 - abs(x)) * (x != 0))


def test_a_level_grid_drains_to_its_nearest_rim():
    _, codes = routed(np.full((5, 7), 3.0))
    assert (codes[0] == flow.LEAVES).all()
    assert codes[2, 3] == 1  # two steps from the lower and the upper rim: south-east comes first
    assert accumulated(codes)[codes == flow.LEAVES].sum() == 35


def test_nothing_and_lone_cells():
    assert (routed(np.full((3, 3), np.nan))[1] == flow.VOID).all()
    island = np.full((3, 3), np.nan)
    island[1, 1] = 5
    _, codes = routed(island)
    assert codes[1, 1] == flow.LEAVES
    assert accumulated(codes)[1, 1] == 1


def test_a_cell_that_absorbs_passes_nothing_on():
    _, codes = routed(np.arange(5.0, 0, -1)[None])
    codes[0, 2] = flow.LEAVES
    assert accumulated(codes).tolist() == [[1, 2, 3, 1, 2]]


def test_large_weights_are_exact():
    _, codes = routed(np.arange(1000.0, 0, -1)[None])
    assert accumulated(codes, own=2**50 + 1)[0, -1] == 1000 * (2**50 + 1)


@pytest.mark.parametrize("split", [1, 3, 5])
def test_two_tiles_hand_over_what_leaves_and_enters(split):
    rng = np.random.default_rng(split)
    z = rng.random((7, 9)) - 3 * np.mgrid[0:7, 0:9][0]
    _, codes = routed(z)
    whole = accumulated(codes)
    stride = codes.shape[1] + 2

    def tile(part, inflow):
        ringed = np.full((part.shape[0] + 2, stride), flow.VOID, np.uint8)
        ringed[1:-1, 1:-1] = part
        amount = (ringed != flow.VOID).astype(np.int64)
        amount[1] += inflow
        amount = amount.ravel()
        flow.accumulate(ringed.ravel(), stride, amount)
        return amount.reshape(ringed.shape)

    upper = tile(codes[:split], 0)
    lower = tile(codes[split:], upper[-1])
    np.testing.assert_array_equal(np.vstack([upper[1:-1], lower[1:-1]])[:, 1:-1], whole)
