import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.kernels import multiflow, rest

STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def divided(seed, rows, columns):
    """Flow down a random ranking inside a ring that sends too: parts by link, who sends, shares of every cell."""
    rng = np.random.default_rng(seed)
    stride = columns + 2
    rank = rng.permutation((rows + 2) * stride).reshape(rows + 2, stride)
    shares = np.zeros((*rank.shape, 8), np.uint16)
    for y, x in np.ndindex(rank.shape):
        lower = [
            k
            for k, (a, b) in enumerate(STEPS)
            if 0 < y + a <= rows and 0 < x + b <= columns and rank[y + a, x + b] < rank[y, x]
        ]
        for k in lower:
            shares[y, x, k] = multiflow.PARTS // len(lower)
    parts, coming = np.zeros((rank.size, 4), np.uint16), np.zeros(rank.size, np.uint8)
    for y, x in np.ndindex(rank.shape):
        for k in np.flatnonzero(shares[y, x]):
            p = (y + STEPS[k][0], x + STEPS[k][1])
            there, here = np.ravel_multi_index(p, rank.shape), y * stride + x
            parts[(here, k) if k < 4 else (there, k - 4)] = shares[y, x, k]
            coming[there] |= 1 << ((k + 4) & 7)
    return rank, shares, parts, coming


def summed(rank, shares, own, amount):
    """By the definition, from the highest to the lowest cell inside."""
    for c in np.argsort(-rank.reshape(-1)):
        y, x = divmod(c, rank.shape[1])
        if 0 < y < rank.shape[0] - 1 and 0 < x < rank.shape[1] - 1:
            total = own[y - 1]
            for k, (a, b) in enumerate(STEPS):
                part = shares[y + a, x + b, (k + 4) & 7]
                if part:
                    total += amount[y + a, x + b] * (part / multiflow.PARTS)
            amount[y, x] = total
    return amount


@given(st.integers(0, 2**32 - 1), st.integers(1, 8), st.integers(1, 8))
@settings(max_examples=60, deadline=None)
def test_what_is_put_aside_is_summed_when_the_ring_becomes_known(seed, rows, columns):
    """Known bit by bit, in three rounds; the sums are those of the whole, to the last bit."""
    rank, shares, parts, coming = divided(seed, rows, columns)
    rng = np.random.default_rng(seed)
    own = rng.random(rows) + 0.5
    ring = np.flatnonzero(np.pad(np.zeros((rows, columns), bool), 1, constant_values=True))
    full = np.zeros(rank.shape)
    full.reshape(-1)[ring] = rng.random(ring.size) * 1e6
    missing = full.copy()
    missing.reshape(-1)[ring] = np.nan
    full, missing = summed(rank, shares, own, full), summed(rank, shares, own, missing).reshape(-1)
    inside = np.isnan(missing)
    inside[ring] = False
    cells = np.flatnonzero(inside)
    cells = cells[np.argsort(-rank.reshape(-1)[cells])].astype(np.int32)
    left = rest.put_aside(parts, coming, missing, columns + 2, cells, ring.astype(np.int64))
    given_ = np.full(ring.size, np.nan)
    found = np.full(rank.size, np.nan)
    for round_ in range(3):
        told = rng.random(ring.size) < 0.5 if round_ < 2 else np.ones(ring.size, bool)
        given_[told] = full.reshape(-1)[ring[told]]
        amount = np.concatenate([np.zeros(cells.size), given_])
        rest.sum_up(own[cells // (columns + 2) - 1], *left, amount)
        known = ~np.isnan(amount[: cells.size])
        found[cells[known]] = amount[: cells.size][known]
        left, cells = rest.left_over(*left, amount), cells[~known]
    assert cells.size == 0
    assert all(part.size == 0 for part in left)
    np.testing.assert_array_equal(found[inside], full.reshape(-1)[inside])
