"""Where tiles lie: anchored, balanced, split without leaks."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.errors import DataError
from soilloss.grid.target import make_grid
from soilloss.landcover import places as pl

GRID = make_grid((500_000, 4_000_000, 512_800, 4_009_600), "EPSG:32649", 10)


@given(st.integers(0, 300), st.integers(0, 300), st.sampled_from([0, 5]))
def test_tiles_do_not_depend_on_the_crop(down, right, shift):
    """A part of an area has the same tiles, at the same places, as the whole; also where cells lie half-way."""
    grid = make_grid((500_000, 4_000_000, 512_800, 4_009_600), "EPSG:32649", 10).translate_pix(shift / 10, shift / 10)
    part = grid[down : down + 500, right : right + 600]
    inside = pl.whole_tiles(part, 64)
    assert set(inside) <= set(pl.whole_tiles(grid, 64))
    for place in inside[:3]:
        whole, own = pl.window_of(grid, place, 64), pl.window_of(part, place, 64)
        assert (whole[0].start - down, whole[1].start - right) == (own[0].start, own[1].start)


def test_whole_tiles_lie_inside():
    tiles = pl.whole_tiles(GRID, 256)
    rows, columns = zip(*(pl.window_of(GRID, place, 256) for place in tiles), strict=True)
    assert min(r.start for r in rows) >= 0
    assert max(r.stop for r in rows) <= GRID.shape[0]
    assert max(c.stop for c in columns) <= GRID.shape[1]
    assert pl.whole_tiles(GRID[:100, :100], 256) == []


def test_every_class_gets_its_tiles_and_the_rarest_first():
    shares = np.zeros((60, 3))
    shares[:, 0] = 1
    shares[:3, 1] = 0.02  # rare: a hundredth is enough
    shares[3:23, 2] = 0.1
    shares[:, 0] -= shares[:, 1:].sum(1)
    chosen = pl.draw(shares, per_class=10)
    assert set(range(3)) <= set(chosen)
    assert len(chosen) == 3 + 10 + 10
    assert sum(3 <= n < 23 for n in chosen) >= 10
    assert chosen == pl.draw(shares, per_class=10)
    assert chosen != pl.draw(shares, per_class=10, seed=1)


@pytest.mark.parametrize("block", [1, 2, 3, 10])
def test_no_place_in_two_splits_and_a_gap_between_them(block):
    places = [pl.Place(row, column) for row in range(-20, 20) for column in range(5, 45)]
    splits = pl.split_blocks((pl.block_of(p, block) for p in places), seed=block)
    kept = [places[n] for n in pl.without_gaps(places, splits, block)]
    of = {place: splits[pl.block_of(place, block)] for place in kept}
    for place, (i, j) in itertools.product(kept, itertools.product((-1, 0, 1), repeat=2)):
        beside = of.get(pl.Place(place.row + i, place.column + j), of[place])
        assert beside == of[place], "neighbours in different splits"
    counts = [list(splits.values()).count(name) / len(splits) for name in pl.SPLITS]
    np.testing.assert_allclose(counts, [0.7, 0.15, 0.15], atol=0.04)


def test_coarse_tiles_keep_their_distance():
    places = [pl.Place(row, column) for row in range(60) for column in range(60)]
    splits = pl.split_blocks(pl.block_of(p, 10) for p in places)
    coarse = pl.coarse_places(places, splits, 10, 3)
    assert coarse
    for place, split in coarse.items():
        for row, column in itertools.product(range(-1, 4), repeat=2):
            near = pl.Place(3 * place.row + row, 3 * place.column + column)
            assert splits.get(pl.block_of(near, 10), split) == split


def test_fewer_blocks_than_splits():
    with pytest.raises(DataError, match="2 blocks, expected at least 3"):
        pl.split_blocks([pl.Place(0, 0), pl.Place(0, 1), pl.Place(0, 0)])


def test_coarse_tiles_of_two_splits_do_not_touch():
    """Few tiles drawn: between their blocks lie others without any, over which coarse tiles would meet."""
    touching = 0
    for seed in range(60):
        random = np.random.default_rng(seed)
        places = [pl.Place(i, j) for i in range(12) for j in range(12) if random.random() < 0.25]
        splits = pl.split_blocks({pl.block_of(place, 2) for place in places}, seed=seed)
        kept = [places[n] for n in pl.without_gaps(places, splits, 2)]
        coarse = pl.coarse_places(kept, splits, 2, 3)
        for one, other in itertools.combinations(coarse, 2):
            near = max(abs(one.row - other.row), abs(one.column - other.column)) <= 1
            touching += near and coarse[one] != coarse[other]
    assert touching == 0
