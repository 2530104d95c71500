import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.kernels import fill, flow, multiflow, surface

STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def distances(rows, dx=1.0, dy=1.0):
    metres = np.empty((3, rows))
    metres[0], metres[1] = dx, dy
    metres[2] = np.hypot(metres[0], metres[1])
    return metres


def shared(z, routing, exponent=1.1, dx=1.0, dy=1.0, absorb=None):
    """Return filled heights, directions, shares (rows, columns, 8) and accumulated cells of `z`."""
    z = np.asarray(z, np.float32)
    stride, metres = z.shape[1] + 2, distances(z.shape[0], dx, dy)
    w = surface.with_ring(z)
    fill.fill(w, stride)
    codes = flow.route(w, stride, 1 / metres)
    if absorb is not None:
        surface.without_ring(codes, z.shape)[absorb] = flow.LEAVES
    shares = np.empty((w.size, 8), np.uint16)
    shares[:] = 0
    if routing == "mfd":
        multiflow.freeman_shares(w, stride, 1 / metres, codes, exponent, shares)
    else:
        multiflow.tarboton_shares(w, stride, metres, codes, shares)
    amount = (codes != flow.VOID).astype(np.float64)
    multiflow.accumulate_shares(shares, codes, stride, amount)
    grids = shares.reshape(z.shape[0] + 2, stride, 8)[1:-1, 1:-1]
    w, codes, amount = (surface.without_ring(a, z.shape) for a in (w, codes, amount))
    return w, codes, grids, amount


def slow_accumulation(w, codes, shares):
    """Sum over the neighbours by recursion."""
    known = {}

    def amount(y, x):
        if (y, x) not in known:
            total = 1.0
            for k, (a, b) in enumerate(STEPS):
                n = (y + a, x + b)
                if 0 <= n[0] < w.shape[0] and 0 <= n[1] < w.shape[1] and shares[n][(k + 4) % 8]:
                    total += amount(*n) * (shares[n][(k + 4) % 8] / 65535)
            known[y, x] = total
        return known[y, x]

    out = np.zeros(w.shape)
    for y, x in np.argwhere(codes != flow.VOID):
        out[y, x] = amount(int(y), int(x))
    return out


@st.composite
def heights(draw):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    shape = draw(st.integers(1, 12)), draw(st.integers(1, 12))
    z = rng.integers(-3, draw(st.sampled_from([-2, 0, 5, 1000])), shape).astype(np.float32)
    z[rng.random(shape) < draw(st.sampled_from([0, 0.03, 0.2]))] = np.nan
    return z


@given(heights(), st.sampled_from(["mfd", "dinf"]), st.sampled_from([(1.0, 1.0), (20.0, 30.0)]))
@settings(max_examples=150, deadline=None)
def test_shares_sum_exactly_flow_down_and_lose_nothing(z, routing, sides):
    w, codes, shares, amount = shared(z, routing, dx=sides[0], dy=sides[1])
    sends = codes < flow.LEAVES
    assert (shares.sum(axis=-1, dtype=int) == np.where(sends, 65535, 0)).all()
    for y, x in np.argwhere(sends):
        for k in np.flatnonzero(shares[y, x]):
            a, b = STEPS[k]
            assert w[y + a, x + b] < w[y, x] or (w[y + a, x + b] == w[y, x] and k == codes[y, x])
    np.testing.assert_array_equal(amount, slow_accumulation(w, codes, shares))
    assert amount[codes == flow.LEAVES].sum() == pytest.approx(np.isfinite(z).sum(), rel=1e-9)


def test_freeman_shares_follow_the_slopes():
    z = np.array([[9, 9, 9], [9, 6, 4], [9, 5, 9]])
    _, _, shares, _ = shared(z, "mfd", exponent=1.1)
    part = 2**1.1 / (1 + 2**1.1)
    assert shares[1, 1, 0] / 65535 == pytest.approx(part, abs=2e-5)
    assert shares[1, 1, 2] / 65535 == pytest.approx(1 - part, abs=2e-5)
    _, _, steep, _ = shared(z, "mfd", exponent=400.0)
    assert steep[1, 1, 0] == 65535


def test_freeman_counts_the_longer_way_to_a_corner():
    z = np.array([[9, 9, 9], [9, 6, 5], [9, 9, 5]])
    _, _, shares, _ = shared(z, "mfd", exponent=1.0)
    assert shares[1, 1, 1] / shares[1, 1, 0] == pytest.approx(1 / math.sqrt(2), rel=1e-4)


@pytest.mark.parametrize("degrees", [0, 10, 30, 45, 80, 200, 301])
@pytest.mark.parametrize("sides", [(1.0, 1.0), (2.0, 3.0)])
def test_tarboton_shares_of_a_plane_are_its_angle_between_two_neighbours(degrees, sides):
    dx, dy = sides
    y, x = np.mgrid[0:3, 0:3]
    fall = math.radians(degrees)  # from east, clockwise as the codes
    z = -(x * dx * math.cos(fall) + y * dy * math.sin(fall))
    _, _, shares, _ = shared(z, "dinf", dx=dx, dy=dy)
    corner = math.degrees(math.atan2(dy, dx))
    bearings = [0, corner, 90, 180 - corner, 180, 180 + corner, 270, 360 - corner, 360]
    k = max(i for i in range(8) if bearings[i] <= degrees)
    part = (degrees - bearings[k]) / (bearings[k + 1] - bearings[k])
    expected = np.zeros(8)
    expected[k] += 1 - part
    expected[(k + 1) % 8] += part
    np.testing.assert_allclose(shares[1, 1] / 65535, expected, atol=1e-4)


def test_tarboton_on_a_plane_that_falls_along_the_rows():
    z = np.repeat(np.arange(6.0, 0, -1)[:, None], 4, axis=1)
    np.testing.assert_array_equal(shared(z, "dinf")[3], np.repeat(np.arange(1.0, 7)[:, None], 4, axis=1))


def cone(cells):
    """A cone with its peak between cells: a lone top cell would have one steepest facet only."""
    y, x = np.mgrid[-cells:cells, -cells:cells] + 0.5
    return y, x, np.hypot(y, x)


@pytest.mark.parametrize("routing", ["mfd", "dinf"])
def test_a_cone_looks_the_same_from_all_sides(routing):
    amount = shared(100 - cone(15)[2], routing)[3]
    np.testing.assert_allclose(np.rot90(amount), amount, rtol=1e-9 if routing == "dinf" else 1e-4)


def test_tarboton_on_a_cone_drains_half_the_radius():
    """Area per width at radius r is the sector's r/2 (Tarboton 1997).

    Both receivers lie one row (or column) further, so a cell is as wide as its side seen along the flow.
    """
    y, x, radius = cone(60)
    amount = shared(200 - radius, "dinf")[3]
    width = np.maximum(abs(x), abs(y)) / radius
    ring = (radius > 30) & (radius < 50)
    assert np.mean(amount[ring] / (radius * width / 2)[ring]) == pytest.approx(1, abs=0.02)


def test_cells_that_absorb_keep_what_they_get():
    z = np.repeat(np.arange(5.0, 0, -1)[:, None], 3, axis=1)
    amount = shared(z, "mfd", absorb=(slice(2, 3), slice(None)))[3]
    np.testing.assert_allclose(amount.sum(axis=1), [3, 6, 9, 3, 6], rtol=1e-4)


def test_a_ring_that_sends_is_a_finished_source():
    """A tile whose ring holds its neighbour's amounts and shares gets the neighbour's water."""
    z = np.random.default_rng(3).random((9, 7)).astype(np.float32) - 3 * np.mgrid[0:9, 0:7][0].astype(np.float32)
    _, codes, shares, whole = shared(z, "mfd")
    top, stride = 4, z.shape[1] + 2
    lower = np.zeros((z.shape[0] - top + 2, stride, 8), np.uint16)
    lower[:-1, 1:-1] = shares[top - 1 :]
    ringed = np.full(lower.shape[:2], flow.VOID, np.uint8)
    ringed[1:-1, 1:-1] = codes[top:]
    amount = (ringed != flow.VOID).astype(np.float64)
    amount[0, 1:-1] = whole[top - 1]
    amount = amount.ravel()
    multiflow.accumulate_shares(lower.reshape(-1, 8), ringed.ravel(), stride, amount)
    np.testing.assert_array_equal(surface.without_ring(amount, codes[top:].shape), whole[top:])


def test_many_ready_cells_outgrow_the_first_stack():
    y, x = np.mgrid[-70:71, -70:71]
    z = np.hypot(y, x) + 0.01 * x
    _, codes, _, amount = shared(-z, "mfd")
    assert amount[codes == flow.LEAVES].sum() == pytest.approx(141**2)


@pytest.mark.parametrize("exponent", [1.1, multiflow.STEEPEST_FACET, multiflow.ONE_RECEIVER])
def test_what_is_held_back_is_missing_from_the_shares(exponent):
    """Of 65535 parts a cell sends what it does not hold, whole, and to the same neighbours."""
    rng = np.random.default_rng(5)
    w = surface.with_ring(rng.random((12, 15)).astype(np.float32))
    stride = 17
    direction, metres = flow.route(w, stride, np.ones((3, 12))), np.ones((3, 12))
    held = np.zeros((14, 17), np.uint16)
    held[1:-1, 1:-1] = rng.choice([0, 1, 30_000, 65_534, 65_535], (12, 15))
    sent = {}
    for name, mask in (("all", multiflow.NOTHING_HELD), ("rest", held.reshape(-1))):
        parts, coming = np.zeros((w.size, 4), np.uint16), np.zeros(w.size, np.uint8)
        multiflow.share(w, stride, metres, direction, exponent, 0, 12, parts, coming, mask)
        out = np.zeros((w.size, 8), int)
        for c in np.flatnonzero(direction < flow.LEAVES):
            for k, step in enumerate(surface.offsets(stride)):
                part = parts[c, k] if k < 4 else parts[c + step, k - 4]
                out[c, k] = 0 if (coming[c] >> k) & 1 else part
        sent[name] = out
    runs = direction < flow.LEAVES
    assert (sent["all"][runs].sum(1) == multiflow.PARTS).all()
    np.testing.assert_array_equal(sent["rest"][runs].sum(1), multiflow.PARTS - held.reshape(-1)[runs].astype(int))
    assert not (sent["rest"] > 0)[sent["all"] == 0].any()
