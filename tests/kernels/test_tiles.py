import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.kernels import fill, flow, multiflow, tiles

STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def ringed(core, ring):
    return np.pad(np.asarray(core), 1, constant_values=ring)


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2), (3, 3), (4, 6)])
def test_rim_cells_are_those_at_the_sides(shape):
    core = np.ones(shape, int)
    core[1:-1, 1:-1] = 0
    assert tiles.rim_cells(*shape).tolist() == np.flatnonzero(np.pad(core, 1)).tolist()


# basins


@st.composite
def graphs(draw):
    """A connected graph of basins with levels, often equal, and some chosen nodes; 0 is always chosen."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n = draw(st.integers(1, 30))
    high = np.arange(1, n + 1)
    low = rng.integers(0, high)
    more = rng.integers(0, n + 1, (2, draw(st.integers(0, 60))))
    more = np.sort(more[:, more[0] != more[1]], axis=0)
    level = rng.integers(0, draw(st.sampled_from([3, 1000])), n + more.shape[1]).astype(np.float32)
    chosen = rng.random(n + 1) < draw(st.sampled_from([0, 0.2, 0.8]))
    chosen[0] = True
    return np.r_[low, more[0]].astype(np.int32), np.r_[high, more[1]].astype(np.int32), level, chosen


@given(graphs())
@settings(max_examples=150, deadline=None)
def test_a_reduced_graph_gives_every_basin_its_level(graph):
    """Spill levels by the whole graph, and by the chosen basins alone, must be the same floats."""
    low, high, level, chosen = graph
    near, rise, which, first, second = tiles.join_basins(np.argsort(level, kind="stable"), low, high, level, chosen)
    whole = fill.spill_levels(chosen.size - 1, low, high, level)
    reduced = fill.spill_levels(chosen.size - 1, first, second, level[which])
    assert chosen[near].all()
    assert chosen[first].all()
    assert chosen[second].all()
    assert which.size == chosen.sum() - 1
    np.testing.assert_array_equal(np.maximum(rise, reduced[near]), whole)


# flats


def test_flats_at_the_border_are_listed_with_their_ways_out():
    w = np.full((6, 6), 9.0, np.float32)
    w[2, 0:4] = w[4, 2:5] = 5  # one goes on in the ring to the left, one lies inside
    distance = np.where(w == 5, 2, 0).astype(np.int32)
    distance[2, 3] = 0
    distance[[0, -1]] = distance[:, [0, -1]] = -1
    cells = tiles.border_flats(w.reshape(-1), 6, distance.reshape(-1))
    assert sorted(cells.tolist()) == [2 * 6 + 1, 2 * 6 + 2, 2 * 6 + 3]


@given(st.integers(0, 2**32 - 1), st.sampled_from([0.4, 0.6, 0.9]), st.integers(1, 12), st.integers(1, 12))
@settings(max_examples=150, deadline=None)
def test_distances_from_the_ring_are_the_shortest(seed, share, rows, columns):
    """Against Bellman's relaxation of the definition until nothing changes."""
    rng = np.random.default_rng(seed)
    shape = (rows + 2, columns + 2)
    w = (rng.random(shape) > share).astype(np.float32)
    distance = np.where(rng.random(shape) < 0.1, 0, flow.FAR).astype(np.int32)
    ring = ringed(np.zeros((rows, columns), bool), True)
    distance[ring] = rng.choice([-1, 0, 3, 8, int(flow.FAR)], ring.sum())
    expected = distance.copy()
    for _ in range(rows * columns + 1):
        for y, x in np.argwhere(~ring):
            near = [(y + a, x + b) for a, b in STEPS if w[y + a, x + b] == w[y, x] and expected[y + a, x + b] >= 0]
            expected[y, x] = min([expected[y, x], *(expected[p] + 1 for p in near)])
    flat, stride, cells = distance.reshape(-1), shape[1], np.flatnonzero(~ring).astype(np.int32)
    heights = w.reshape(-1)
    # those inside first, as a tile does on its own
    kept = flat[ring.reshape(-1)].copy()
    flat[ring.reshape(-1)] = -1
    tiles.spread_distances(heights, stride, flat, cells[flat[cells] == 0], 1)
    flat[ring.reshape(-1)] = kept
    changed = tiles.enter_flats(heights, stride, flat, cells)
    flat[ring.reshape(-1)] = -1
    tiles.spread_distances(heights, stride, flat, changed[np.argsort(flat[changed], kind="stable")], 1)
    np.testing.assert_array_equal(distance[~ring], expected[~ring])
    flat[ring.reshape(-1)] = kept
    codes = tiles.flat_directions(heights, stride, flat, cells)
    for c, code in zip(cells, codes, strict=True):
        y, x = divmod(c, stride)
        first = [k for k, (a, b) in enumerate(STEPS)
                 if w[y + a, x + b] == w[y, x] and distance[y + a, x + b] == distance[y, x] - 1]  # fmt: skip
        reached = 0 < distance[y, x] < flow.FAR
        assert code == (first[0] if reached else flow.VOID)


# water


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(1, 9))
@settings(max_examples=100, deadline=None)
def test_ways_to_the_rim_are_those_walked_step_by_step(seed, rows, columns):
    rng = np.random.default_rng(seed)
    # directions down a random order of the cells do not go round in circles
    rank = ringed(rng.permutation(rows * columns).reshape(rows, columns), -1)
    direction = np.full(rank.shape, flow.VOID, np.uint8)
    for y, x in np.argwhere(rank >= 0):
        lower = [k for k, (a, b) in enumerate(STEPS) if rank[y + a, x + b] < rank[y, x]]
        direction[y, x] = rng.choice([*lower, flow.LEAVES]) if rng.random() < 0.9 else flow.LEAVES
    metres = rng.integers(1, 9, (3, rows)) * 0.25
    rim = tiles.rim_cells(rows, columns)
    out, way = tiles.follow_water(direction.reshape(-1), columns + 2, rim, metres)
    for i, c in enumerate(rim):
        y, x = divmod(c, columns + 2)
        length, last = 0.0, -1
        while direction[y, x] < flow.LEAVES:
            k = direction[y, x]
            length += metres[2 if k % 2 else (0 if k in (0, 4) else 1), y - 1]
            last = y * (columns + 2) + x
            y, x = y + STEPS[k][0], x + STEPS[k][1]
        assert out[i] == (last if direction[y, x] == flow.VOID else -1)
        assert way[i] == length


@pytest.mark.parametrize("longest", [False, True])
def test_amounts_are_handed_over_from_tile_to_tile(longest):
    """0 leaves into 1, which leads to 2; 2 and 3 leave into 4, which leads nowhere; 5 has no part in it."""
    link = np.array([-1, 2, -1, -1, -1, -1], np.int32)
    target = np.array([1, -1, 4, 4, -1, -1])
    way = np.array([0, 5.0, 0, 0, 0, 0])
    amount = np.array([10, 1, 3, 7, 2, 9], float if longest else np.int64)
    inflow = tiles.hand_over(link, target, way, amount, longest)
    assert inflow.tolist() == ([0, 10, 0, 0, 15, 0] if longest else [0, 10, 0, 0, 20, 0])


def test_large_amounts_stay_exact():
    link, target = np.array([-1, 2, -1, -1], np.int32), np.array([1, -1, 3, -1])
    amount = np.array([2**61 + 1, 0, 2**60 + 1, 0])
    assert tiles.hand_over(link, target, np.zeros(4), amount, False)[3] == 2**61 + 2**60 + 2


def test_receivers_of_given_cells_wait_for_one_less():
    """Water runs east along a row of five; the first is given."""
    stride = 7
    w = np.full((3, stride), np.nan, np.float32)
    w[1, 1:6] = [5, 4, 3, 2, 1]
    direction = np.full(w.shape, flow.VOID, np.uint8)
    direction[1, 1:6] = [0, 0, 0, 0, flow.LEAVES]
    parts, coming = np.zeros((w.size, 4), np.uint16), np.zeros(w.size, np.uint8)
    nothing = multiflow.NOTHING_HELD
    multiflow.share(w.reshape(-1), stride, np.ones((3, 1)), direction.reshape(-1), 1.1, 0, 1, parts, coming, nothing)
    waiting = np.zeros(w.size, np.uint8)
    multiflow.count_coming(coming, stride, waiting)
    assert waiting[stride + 1 : stride + 6].tolist() == [0, 1, 1, 1, 1]
    waiting[stride + 1] = multiflow.DONE
    tiles.tell_receivers(parts, coming, waiting, stride, np.array([stride + 1]))
    assert waiting[stride + 1 : stride + 6].tolist() == [multiflow.DONE, 0, 1, 1, 1]


def test_steps_of_directions():
    assert list(zip(*tiles.row_step().tolist(), strict=True)) == list(STEPS)
