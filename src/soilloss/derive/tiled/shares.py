"""Flow that divides, tile by tile: overlapping windows swept until nothing changes any more.

A window is a tile with a halo; the amounts in the ring around it come from its neighbours' last sweep, and only the
tile itself is kept. Every cell sums its inflows in a fixed order, and the flow has no circles, so a cell whose
inflows are final is final, and the end is the same for every cut: that of the whole grid, bit for bit. The halo takes
in the ways that wind along a border; without it they cost a round at each crossing.
"""

from __future__ import annotations

import itertools
from functools import partial
from typing import NamedTuple

import numpy as np

from soilloss.derive.tiled import amounts, d8
from soilloss.derive.tiled.frames import DEPTH, around
from soilloss.grid.blocks import grow
from soilloss.grid.passes import Answer, Files, Passes, digest
from soilloss.grid.rims import Rims, Tile, rim_of, set_ring
from soilloss.kernels import flow, multiflow

HALO = DEPTH - 2
# the directions in which the cells of a ring's first row, last row, first column, last column look outwards
OUTWARDS = ((5, 6, 7), (1, 2, 3), (3, 4, 5), (7, 0, 1))


class Sharing(NamedTuple):
    """How flow divides: by slope to the `exponent`, or over the steepest facet if there is none; `own` of each row."""

    exponent: float | None
    own: np.ndarray
    halo: int

    def array(self) -> str:
        """Name of the amounts in the store."""
        return f"amount {digest(self.exponent, self.own)[:8]}"


def shares_of(sharing: Sharing, w: np.ndarray, direction: np.ndarray, metres: np.ndarray) -> np.ndarray:
    """Return the shares of the cells inside the ring of `w`, shape (rows, columns, 8) with the ring, there 0."""
    shares = np.zeros((w.size, 8), np.uint16)
    flat, codes, stride = np.ascontiguousarray(w).reshape(-1), np.ascontiguousarray(direction).reshape(-1), w.shape[1]
    if sharing.exponent is None:
        multiflow.tarboton_shares(flat, stride, metres, codes, shares)
    else:
        multiflow.freeman_shares(flat, stride, 1 / metres, codes, sharing.exponent, shares)
    return shares.reshape(*w.shape, 8)


def sweep(ground: d8.Ground, sharing: Sharing, files: Files, tile: Tile, ring: np.ndarray) -> Answer:
    """Accumulate over a tile and its halo with the given amounts in the ring; keep the tile."""
    shape, window = ground.tiles.shape, ground.tiles.window(tile)
    (rows, columns), place = grow(window, sharing.halo, shape)
    wide = grow(window, sharing.halo + 1, shape)[0]
    w = around(ground, files, tile, "filled", files.get("filled"), sharing.halo + 1, np.nan)
    code = around(
        ground, files, tile, "direction", d8.inner(amounts.directions(files)), sharing.halo + 1, np.uint8(flow.VOID)
    )
    top, left = rows.start - wide[0].start, columns.start - wide[1].start
    cut = (slice(top, top + rows.stop - rows.start + 2), slice(left, left + columns.stop - columns.start + 2))
    direction = np.ascontiguousarray(code[cut])
    shares = shares_of(sharing, w[cut], direction, ground.metres[:, rows])
    _share_ring(sharing, ground.metres[:, wide[0]], shares, w, code, (top, left))
    del w, code
    amount = np.zeros(direction.shape)
    d8.inner(amount)[...] = sharing.own[rows, None]
    amount[direction == flow.VOID] = 0
    set_ring(amount, ring)
    multiflow.accumulate_shares(shares.reshape(-1, 8), direction.reshape(-1), direction.shape[1], amount.reshape(-1))
    core = d8.inner(amount)[place]
    files.put(sharing.array(), core)
    return {"rim": rim_of(core, sharing.halo)}


def _share_ring(
    sharing: Sharing, metres: np.ndarray, shares: np.ndarray, w: np.ndarray, code: np.ndarray, corner: tuple[int, int]
) -> None:
    """Give the ring its shares, which need the heights one cell further; `w` and `code` reach so far.

    Sides at the edge of the grid have nothing outside. What the ring sends outwards concerns nobody here.
    """
    top, left = corner
    height, width = w.shape[0] - 2, w.shape[1] - 2
    bottom, right = height - shares.shape[0] + 2 - top, width - shares.shape[1] + 2 - left
    down, across = slice(1 - top, 1 - top + height), slice(1 - left, 1 - left + width)
    if top:
        shares[0, across] = shares_of(sharing, w[:3], code[:3], metres[:, :1])[1, 1:-1]
    if bottom:
        shares[-1, across] = shares_of(sharing, w[-3:], code[-3:], metres[:, -1:])[1, 1:-1]
    if left:
        shares[down, 0] = shares_of(sharing, w[:, :3], code[:, :3], metres)[1:-1, 1]
    if right:
        shares[down, -1] = shares_of(sharing, w[:, -3:], code[:, -3:], metres)[1:-1, 1]
    for side, outwards in zip((shares[0], shares[-1], shares[:, 0], shares[:, -1]), OUTWARDS, strict=True):
        side[:, outwards] = 0


def accumulate(passes: Passes, ground: d8.Ground, sharing: Sharing) -> None:
    """Sweep until no ring changes; the amounts are in the store."""
    tiles = ground.tiles
    rims = Rims(tiles, 0.0, np.float64, sharing.halo)
    told: dict[Tile, str] = {}
    for round_ in itertools.count(1):
        rings = {tile: rims.ring(tile) for tile in tiles.names()}
        active = {tile: (ring,) for tile, ring in rings.items() if told.get(tile) != digest(ring)}
        if not active:
            return
        answers = passes.run(
            f"sweep {round_}",
            partial(sweep, ground, sharing),
            active,
            {sharing.array(): "f8"},
            (sharing.exponent, sharing.own, sharing.halo),
        )
        for tile, answer in answers.items():
            told[tile] = digest(rings[tile])
            rims.put(tile, answer["rim"])
