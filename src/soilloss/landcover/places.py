"""Where tiles lie: anchored to the origin of the CRS, drawn so that every class has its share, split by blocks."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox

from soilloss.errors import DataError
from soilloss.grid.blocks import Window

SPLITS = ("train", "val", "test")
_PHASE = 1e-3  # of a cell: grids shifted by half a cell must all round the same way


class Place(NamedTuple):
    """Row and column of a tile, counted south and east from the origin of the CRS."""

    row: int
    column: int


def first_cell(grid: GeoBox) -> tuple[int, int]:
    """Return row and column of the grid's first cell, counted south and east from the origin of the CRS.

    Examples
    --------
    >>> from soilloss.grid.target import make_grid
    >>> first_cell(make_grid((600, 300, 900, 900), "EPSG:32635", 30))
    (-30, 20)
    """
    a = grid.affine
    return math.floor(a.f / a.e + _PHASE), math.floor(a.c / a.a + _PHASE)


def window_of(grid: GeoBox, place: Place, size: int) -> Window:
    """Return where a tile lies in the grid; it may reach beyond."""
    top, left = (at * size - first for at, first in zip(place, first_cell(grid), strict=True))
    return slice(top, top + size), slice(left, left + size)


def whole_tiles(grid: GeoBox, size: int) -> list[Place]:
    """Return the tiles that lie inside the grid, row by row."""
    ranges = [
        range(-(-first // size), (first + n) // size) for first, n in zip(first_cell(grid), grid.shape, strict=True)
    ]
    return [Place(row, column) for row in ranges[0] for column in ranges[1]]


def draw(
    shares: np.ndarray, *, per_class: int = 1800, least: float = 0.05, rare: float = 0.01, seed: int = 0
) -> list[int]:
    """Choose tiles so that every class has up to `per_class` of them: the rarest class draws first.

    Parameters
    ----------
    shares : array (tile, class)
        Share of each class in each tile.
    per_class : int
        Tiles for each class; a tile serves one class only.
    least, rare : float
        Share from which a tile can stand for a class; `rare` for a class that covers less than that of all tiles.
    seed : int
        Of the draw.

    Returns
    -------
    chosen : list of int
        Rising.

    Examples
    --------
    >>> draw(np.array([[1.0, 0.0], [0.9, 0.1], [1.0, 0.0]]), per_class=1)[-1] <= 2
    True
    """
    random = np.random.default_rng(seed)
    limit = np.where(shares.mean(axis=0) < rare, rare, least)
    fits = shares >= limit
    free = np.ones(len(shares), bool)
    for code in np.argsort(fits.sum(axis=0), kind="stable"):
        candidates = np.flatnonzero(fits[:, code] & free)
        free[random.permutation(candidates)[:per_class]] = False
    return np.flatnonzero(~free).tolist()


def split_blocks(
    blocks: Iterable[Place], *, shares: Sequence[float] = (0.70, 0.15, 0.15), seed: int = 0
) -> dict[Place, str]:
    """Give each block of tiles to train, val or test: in the order of a hash of its place, each split at least one.

    Raises
    ------
    DataError
        If there are fewer blocks than splits.

    Examples
    --------
    >>> sorted(split_blocks([Place(0, 0), Place(0, 1), Place(1, 0)]).values())
    ['test', 'train', 'val']
    """
    known = sorted(set(blocks), key=lambda block: hashlib.sha256(f"{seed} {block}".encode()).digest())
    if len(known) < len(SPLITS):
        raise DataError(
            f"the tiles lie in {len(known)} blocks, expected at least {len(SPLITS)} (one each for training, validation "
            "and test); take smaller blocks or tiles (landcover.tiles: {block: 2, size: 64}) or a larger area"
        )
    test, val = (max(1, round(share * len(known))) for share in (shares[2], shares[1]))
    names = ["test"] * test + ["val"] * val + ["train"] * len(known)
    return dict(zip(known, names, strict=False))


def block_of(place: Place, block: int) -> Place:
    """Return the block of `block` times `block` tiles that a tile lies in."""
    return Place(place.row // block, place.column // block)


def without_gaps(places: Sequence[Place], splits: Mapping[Place, str], block: int) -> list[int]:
    """Return the tiles that stay when there has to be a tile's width between splits.

    Of two neighbours in different splits the training tile is left out: there are more of them. Between validation and
    test it is the one of the test.
    """
    there = {place: splits[block_of(place, block)] for place in places}
    return [n for n, place in enumerate(places) if _stays(place, there)]


def _stays(place: Place, there: Mapping[Place, str]) -> bool:
    """Whether a tile has no neighbour in a split that it gives way to."""
    gives_way = {"train": ("val", "test"), "test": ("val",), "val": ()}[there[place]]
    around = [Place(place.row + i, place.column + j) for i in (-1, 0, 1) for j in (-1, 0, 1)]
    return not any(there.get(near) in gives_way for near in around)


def coarse_places(places: Sequence[Place], splits: Mapping[Place, str], block: int, factor: int) -> dict[Place, str]:
    """Return coarse tiles, `factor` times as wide, that lie whole in one split with a tile's width to any other.

    A coarse tile qualifies where it covers at least one of `places`.
    """
    found: dict[Place, str] = {}
    for coarse in sorted({Place(p.row // factor, p.column // factor) for p in places}):
        near = {
            splits.get(block_of(Place(row, column), block), "")
            for row in range(coarse.row * factor - 1, (coarse.row + 1) * factor + 1)
            for column in range(coarse.column * factor - 1, (coarse.column + 1) * factor + 1)
        }
        if len(near - {""}) == 1:
            found[coarse] = (near - {""}).pop()
    return {coarse: split for coarse, split in found.items() if _stays(coarse, found)}
