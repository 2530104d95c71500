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
from soilloss.derive.tiled.barriers import Barriers
from soilloss.derive.tiled.frames import DEPTH, around
from soilloss.grid.blocks import Window, grow
from soilloss.grid.passes import Passes
from soilloss.grid.rims import Rims, Tile, rim_of, set_ring
from soilloss.grid.scratch import Answer, Files, digest
from soilloss.kernels import flow, multiflow
from soilloss.kernels import tiles as kernels

HALO = DEPTH - 2


class Sharing(NamedTuple):
    """How flow divides: by slope to the `exponent`, see `soilloss.kernels.multiflow.share`; `own` of each row.

    `barriers` hold flow back.
    """

    exponent: float
    own: np.ndarray
    halo: int
    barriers: Barriers

    def key(self) -> str:
        """Hash of what the amounts depend on."""
        return digest(self.exponent, self.own, self.barriers.fingerprint)

    def array(self) -> str:
        """Name of the amounts in the store."""
        return f"amount {self.key()[:8]}"


def sweep(ground: d8.Ground, sharing: Sharing, files: Files, tile: Tile, ring: np.ndarray) -> Answer:
    """Accumulate over a tile and its halo with the given amounts in the ring; keep the tile."""
    window, shape = ground.tiles.window(tile), ground.tiles.shape
    inside, place = grow(window, sharing.halo, shape)
    wide = grow(window, sharing.halo + 1, shape)[0]
    # where the window lies in the wider one: at an edge of the grid there is nothing beyond
    corner = [i.start - w.start for i, w in zip(inside, wide, strict=True)]
    here = tuple(slice(c, c + i.stop - i.start + 2) for c, i in zip(corner, inside, strict=True))
    core = d8.inner(_summed(ground, sharing, files, tile, wide, here, ring)[here])[place]
    files.put(sharing.array(), core)
    return {"rim": rim_of(core, sharing.halo)}


def _summed(
    ground: d8.Ground,
    sharing: Sharing,
    files: Files,
    tile: Tile,
    wide: Window,
    here: tuple[slice, ...],
    ring: np.ndarray,
) -> np.ndarray:
    """Return the amounts of a window that lies `here` in the `wide` one.

    In the wider window the ring is the outermost line, so what flows out of it is known like all the rest.
    """
    code = d8.inner(amounts.directions(files))
    code = around(ground, files, tile, "direction", code, sharing.halo + 1, np.uint8(flow.VOID))
    code[0] = code[-1] = code[:, 0] = code[:, -1] = flow.VOID
    w = around(ground, files, tile, "filled", files.get("filled"), sharing.halo + 1, np.nan)
    size, stride, cells = w.shape, w.shape[1], w.size
    parts, coming = np.zeros((cells, 4), np.uint16), np.zeros(cells, np.uint8)
    last = size[0] - 2
    metres, held = ground.metres[:, wide[0]], sharing.barriers.held(wide)
    multiflow.share(w.reshape(-1), stride, metres, code.reshape(-1), sharing.exponent, 0, last, parts, coming, held)
    del w, held
    waiting = np.zeros(size, np.uint8)
    multiflow.count_coming(coming, stride, waiting.reshape(-1))
    outside = np.ones(size, bool)
    d8.inner(outside[here])[...] = False
    waiting[outside] = multiflow.DONE
    del outside
    kernels.tell_receivers(parts, coming, waiting.reshape(-1), stride, np.flatnonzero(_line(size, here)))
    amount = np.zeros(size)
    flow.give(code.reshape(-1), stride, sharing.own[wide[0]], amount.reshape(-1))
    set_ring(amount[here], ring)
    multiflow.share_out(parts, coming, waiting.reshape(-1), stride, amount.reshape(-1), stride, cells - stride)
    return amount


def _line(size: tuple[int, int], here: tuple[slice, ...]) -> np.ndarray:
    """Return where the ring of a window lies in an array, as far as it is inside the array's own ring."""
    line, inside = np.zeros(size, bool), np.zeros(size, bool)
    line[here] = True
    d8.inner(line[here])[...] = False
    d8.inner(inside)[...] = True
    return line & inside


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
            (sharing.key(), sharing.halo),
        )
        for tile, answer in answers.items():
            told[tile] = digest(rings[tile])
            rims.put(tile, answer["rim"])
