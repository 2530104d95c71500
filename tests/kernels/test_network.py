from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.derive.terrain import flow_direction_d8
from soilloss.kernels import network

STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))
# two streams of order 1 and one of order 2: down the left and the right column, joined in the middle of the bottom
FORK = np.array([[2, 255, 2], [2, 255, 2], [0, 2, 4], [255, 8, 255]], np.uint8)


def ringed(grid, fill):
    return np.pad(grid, 1, constant_values=fill).reshape(-1)


def inner(flat, shape):
    return flat.reshape(shape[0] + 2, -1)[1:-1, 1:-1]


def path(codes, y, x):
    """Cells downstream of one, itself first."""
    seen = []
    while 0 <= y < codes.shape[0] and 0 <= x < codes.shape[1] and codes[y, x] != 255 and (y, x) not in seen:
        seen.append((y, x))
        if codes[y, x] == 8:
            break
        step = STEPS[codes[y, x]]
        y, x = y + step[0], x + step[1]
    return seen


def labelled(codes, outlets):
    label = np.where(codes == 255, -1, 0).astype(np.int32)
    for n, where in enumerate(outlets, 1):
        label[where] = n
    flat = ringed(label, -1)
    network.label_watersheds(ringed(codes, 255), codes.shape[1] + 2, flat)
    return inner(flat, codes.shape)


def some_codes(seed, real):
    rng = np.random.default_rng(seed)
    z = rng.integers(0, 9, (7, 8)).astype(np.float32)
    z[rng.random(z.shape) < 0.1] = np.nan
    if real:
        made = flow_direction_d8(z, close_holes=0)
        return np.where(np.isnan(made), 255, made).astype(np.uint8)
    return rng.choice(np.array([*range(9), 255], np.uint8), z.shape)


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_watersheds_are_those_of_the_walk_downstream(seed, real):
    codes = some_codes(seed, real)
    rng = np.random.default_rng(seed + 1)
    known = np.argwhere(codes != 255)
    outlets = [tuple(known[i]) for i in rng.choice(len(known), min(3, len(known)), replace=False)]
    label = labelled(codes, outlets)
    for y, x in known:
        met = [outlets.index(c) + 1 for c in path(codes, y, x) if c in outlets]
        assert label[y, x] == (met[0] if met else -1)


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_outside_reaches_what_lies_downstream_of_rims(seed, real):
    codes = some_codes(seed, real)
    direction, stride = ringed(codes, 255), codes.shape[1] + 2
    flat = np.zeros(direction.size, np.uint8)
    network.reach(direction, stride, network.beside_outside(direction, stride), flat)
    voids = np.pad(codes == 255, 1, constant_values=True)
    expected = np.zeros(codes.shape, np.uint8)
    for y, x in np.argwhere(codes != 255):
        if voids[y : y + 3, x : x + 3].any():
            for cell in path(codes, y, x):
                expected[cell] = 1
    np.testing.assert_array_equal(inner(flat, codes.shape), expected)


def nodes(codes, channel):
    """Channel cells as a list, and the one that each drains into."""
    cells = [tuple(c) for c in np.argwhere(channel).tolist()]
    number = {c: n for n, c in enumerate(cells)}
    down = []
    for y, x in cells:
        step = STEPS[codes[y, x]] if codes[y, x] < 8 else None
        down.append(number.get((y + step[0], x + step[1]), -1) if step else -1)
    return cells, np.array(down, np.int64)


def streams(codes, channel):
    """Order on the grid, and the cells of each link."""
    cells, down = nodes(codes, channel)
    count = np.bincount(down[down >= 0], minlength=down.size).astype(np.uint8)
    order = np.zeros(down.size, np.uint8)
    network.strahler(down, count, order)
    grid = np.zeros(codes.shape, int)
    for cell, one in zip(cells, order.tolist(), strict=True):
        grid[cell] = one
    found, begin = network.links(down, count)
    return grid, [[cells[n] for n in found[a:b]] for a, b in pairwise(begin)]


def test_two_heads_make_a_stream_of_second_order():
    order, found = streams(FORK, FORK != 255)
    assert order.tolist() == [[1, 0, 1], [1, 0, 1], [1, 2, 1], [0, 2, 0]]
    assert found == [
        [(0, 0), (1, 0), (2, 0), (2, 1)],
        [(0, 2), (1, 2), (2, 2), (2, 1)],
        [(2, 1), (3, 1)],
    ]


def test_a_tributary_of_lower_order_raises_nothing():
    """A head of order 1 joins the stream of order 2 of the fork one cell below."""
    codes = np.vstack([FORK, [[0, 8, 255]]]).astype(np.uint8)
    codes[3, 1] = 2
    order = streams(codes, codes != 255)[0]
    assert order[3:].tolist() == [[0, 2, 0], [1, 2, 0]]


@pytest.mark.parametrize("heads", [2, 3, 5])
def test_many_of_the_highest_order_raise_it_once(heads):
    """Cells around one, all draining into it."""
    codes = np.full((3, 3), 255, np.uint8)
    codes[1, 1] = 8
    for k in range(heads):
        step = STEPS[k]
        codes[1 + step[0], 1 + step[1]] = (k + 4) % 8
    assert streams(codes, codes != 255)[0][1, 1] == 2


def test_a_channel_that_is_broken_off_ends_its_link():
    codes = np.array([[0, 0, 0, 8]], np.uint8)
    assert streams(codes, np.array([[1, 1, 0, 1]]))[1] == [[(0, 0), (0, 1)]]


def test_more_links_than_fit_at_first():
    codes = np.tile(np.array([[0, 8]], np.uint8), (3000, 1))
    assert [len(link) for link in streams(codes, np.ones(codes.shape))[1]] == [2] * 3000


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_links_part_the_channel_even_where_directions_run_in_circles(seed):
    codes = some_codes(seed, real=False)
    order, found = streams(codes, codes != 255)
    starts = [link[0] for link in found]
    assert len(set(starts)) == len(starts)
    inside = [c for link in found for c in link[1:-1]]
    assert len(set(inside)) == len(inside)
    assert not set(inside) & set(starts)
    assert order.max() >= 1


@given(st.integers(0, 2**32 - 1), st.booleans())
@settings(max_examples=60, deadline=None)
def test_labels_of_nodes_are_those_of_the_walk_downstream(seed, real):
    codes = some_codes(seed, real)
    cells, down = nodes(codes, codes != 255)
    label = np.where(np.random.default_rng(seed).random(len(cells)) < 0.1, np.arange(1, len(cells) + 1), 0)
    expected = []
    for cell in cells:
        met = [label[cells.index(c)] for c in path(codes, *cell)]
        expected.append(next((one for one in met if one), 0))
    network.label_nodes(down, label)
    assert label.tolist() == expected
