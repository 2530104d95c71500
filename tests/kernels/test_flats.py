"""Level land by both gradients, against the definition written out in Python."""

import numpy as np
import pytest

from soilloss.kernels import fill, flats, flow, surface

STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def terrace(seed, shape=(14, 17)):
    """Few heights, so that most land is level; one way out at least."""
    z = np.random.default_rng(seed).integers(0, 3, shape).astype(np.float32)
    flat, stride = surface.with_ring(z), shape[1] + 2
    fill.fill(flat, stride)
    return flat, stride


def by_definition(w, low):
    """Directions of flat cells: nested loops until nothing changes."""
    rows, columns = w.shape
    high = np.full(w.shape, np.inf)
    cells = [(y, x) for y in range(1, rows - 1) for x in range(1, columns - 1) if low[y, x] > 0]
    beside = {c: [(k, (c[0] + dy, c[1] + dx)) for k, (dy, dx) in enumerate(STEPS)] for c in cells}
    for c in cells:
        if any(w[p] > w[c] for _, p in beside[c]):
            high[c] = 1
    for _ in cells:
        for c in cells:
            around = [high[p] for _, p in beside[c] if low[p] > 0 and w[p] == w[c]]
            high[c] = min([high[c], *(h + 1 for h in around)])
    out = {}
    for c in cells:
        ways = [(k, p) for k, p in beside[c] if low[p] >= 0 and w[p] == w[c]]
        cost = {k: -np.inf if low[p] == 0 else 2 * low[p] - (0 if np.isinf(high[p]) else high[p]) for k, p in ways}
        out[c] = min(cost, key=lambda k: (cost[k], k))
    return out


@pytest.mark.parametrize("seed", range(8))
def test_directions_are_those_of_the_definition(seed):
    w, stride = terrace(seed)
    direction, low = np.full(w.size, flow.VOID, np.uint8), np.full(w.size, -1, np.int32)
    flow.steepest(w, stride, np.ones((3, w.size // stride - 2)), direction)
    n = flow.mark_flats(w, stride, direction, low)
    flow.drain_flats(w, stride, direction, low, n)
    high = np.full(w.size, -1, np.int32)
    flats.steps_from_higher(w, stride, low, high)
    flats.drain_by_both(w, stride, low, high, direction)
    shape = (-1, stride)
    expected = by_definition(w.reshape(shape), low.reshape(shape))
    assert len(expected) > 20
    for cell, code in expected.items():
        assert direction.reshape(shape)[cell] == code
    cells = np.flatnonzero(low >= 0).astype(np.int32)
    codes = flats.directions_by_both(w, stride, low, high, cells)
    np.testing.assert_array_equal(codes[low[cells] > 0], direction[cells][low[cells] > 0])
    assert (codes[low[cells] == 0] == flow.VOID).all()
