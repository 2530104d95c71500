import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.grid import rims
from soilloss.grid.blocks import grow
from soilloss.grid.rims import Rims, Tiles

sizes = st.integers(1, 12)


def test_tiles_cover_the_grid_once():
    tiles = Tiles((7, 10), (3, 4))
    seen = np.zeros(tiles.shape, int)
    for tile in tiles.names():
        seen[tiles.window(tile)] += 1
    assert (seen == 1).all()
    assert tiles.counts == (3, 3)
    assert tiles.within((slice(3, 4), slice(0, 10))) == [(1, 0), (1, 1), (1, 2)]
    assert Tiles((2, 2), (9, 9)).names() == [(0, 0)]


@given(st.tuples(sizes, sizes), st.tuples(sizes, sizes), st.integers(0, 4))
@settings(max_examples=60, deadline=None)
def test_a_ring_holds_what_lies_around(shape, size, depth):
    depth = min(depth, *(n - 1 for n in size))
    grid = np.random.default_rng(1).integers(0, 1000, shape)
    tiles = Tiles(shape, size)
    around = Rims(tiles, -1, np.int64, depth)
    for tile in tiles.names():
        around.put(tile, rims.rim_of(grid[tiles.window(tile)], depth))
    padded = np.pad(grid, 1, constant_values=-1)
    for tile in tiles.names():
        outer, _ = grow(tiles.window(tile), depth, shape)
        expected = padded[outer[0].start : outer[0].stop + 2, outer[1].start : outer[1].stop + 2].copy()
        made = rims.with_core(grid[outer], 7)
        rims.set_ring(made, around.ring(tile))
        np.testing.assert_array_equal(made, expected)


def test_rims_of_borders_lie_side_by_side():
    grid = np.arange(30).reshape(5, 6)
    tiles = Tiles(grid.shape, (2, 4))
    around = Rims(tiles, -1, np.int64)
    for tile in tiles.names():
        around.put(tile, rims.rim_of(grid[tiles.window(tile)]))
        np.testing.assert_array_equal(around.get(tile), rims.rim_of(grid[tiles.window(tile)]))
    assert list(around.borders()) == [("row", 0), ("row", 1), ("column", 0)]
    for border, (a, b) in {("row", 1): (grid[3], grid[4]), ("column", 0): (grid[:, 3], grid[:, 4])}.items():
        np.testing.assert_array_equal(around.sides(border), (a, b))


@pytest.mark.parametrize("shape", [(70_000, 70_000), (3_000_000, 2)])
def test_places_of_huge_grids_are_exact(shape):
    tiles = Tiles(shape, (2048, 2048))
    last = tiles.window(tiles.names()[-1])
    assert [w.stop for w in last] == list(shape)


@pytest.mark.parametrize("shape", [(1, 1), (2, 7), (9, 3), (8, 8)])
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_a_rim_can_be_put_together_from_single_cells(shape, depth):
    core = np.random.default_rng(1).random(shape)
    core[core < 0.3] = np.nan
    y, x = np.nonzero(~np.isnan(core))
    np.testing.assert_array_equal(rims.rim_of_cells(shape, y, x, core[y, x], depth), rims.rim_of(core, depth))
