"""Flow that divides, tile by tile: every cell is summed once, when all that enters it is known.

A window is a tile with a halo; around it lies a ring of cells whose amounts its neighbours find. First each window sums
what does not depend on the ring and puts aside the rest: the cells below the ring and what they still need. Then rounds
go on from there wherever cells of the ring have become known, until nothing is left. Every cell sums its inflows in a
fixed order, and the flow has no circles, so the end is the same for every cut: that of the whole grid, bit for bit. The
halo takes in the ways that wind along a border; without it they cost a round at each crossing.
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
from soilloss.grid.rims import Rims, Tile, rim_of, rim_of_cells
from soilloss.grid.scratch import Answer, Files, digest
from soilloss.kernels import flow, multiflow, rest
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

    def name(self, what: str) -> str:
        """Name of an array or a list in the store."""
        return f"{what} {self.key()[:8]}"


class Place(NamedTuple):
    """Where the window of a tile lies: `wide` in the grid, one cell wider than it; with its ring `here` in an array.

    The array is as large as `wide` with a ring. In `core` of the window lies the tile.
    """

    wide: Window
    here: Window
    core: Window

    @property
    def size(self) -> tuple[int, int]:
        """Rows and columns of the array."""
        return self.wide[0].stop - self.wide[0].start + 2, self.wide[1].stop - self.wide[1].start + 2

    def ring(self) -> np.ndarray:
        """Return the positions of the ring in the array, in the order of `Rims.ring`."""
        (rows, columns), stride = self.here, self.size[1]
        across, down = np.arange(columns.start, columns.stop), np.arange(rows.start + 1, rows.stop - 1) * stride
        sides = (rows.start * stride + across, (rows.stop - 1) * stride + across)
        return np.concatenate([*sides, down + columns.start, down + columns.stop - 1])


class Left(NamedTuple):
    """Cells that are not known yet, see `soilloss.kernels.rest`."""

    senders: np.ndarray
    sender: np.ndarray
    part: np.ndarray
    value: np.ndarray


def place_of(ground: d8.Ground, sharing: Sharing, tile: Tile) -> Place:
    """Return where the window of a tile lies."""
    window, shape = ground.tiles.window(tile), ground.tiles.shape
    inside, core = grow(window, sharing.halo, shape)
    wide = grow(window, sharing.halo + 1, shape)[0]
    # at an edge of the grid there is nothing beyond
    rows, columns = (slice(i.start - w.start, i.stop - w.start + 2) for i, w in zip(inside, wide, strict=True))
    return Place(wide, (rows, columns), core)


def begin(ground: d8.Ground, sharing: Sharing, files: Files, tile: Tile) -> Answer:
    """Sum up what does not depend on the cells around a window; keep the tile, NaN where it is not known yet."""
    place = place_of(ground, sharing, tile)
    parts, coming, waiting, amount = _divided(ground, sharing, files, tile, place)
    stride, ring = place.size[1], place.ring()
    amount[ring] = np.nan
    y, x = np.divmod(ring, stride)
    inside = (y > 0) & (x > 0) & (y < place.size[0] - 1) & (x < stride - 1)
    kernels.tell_receivers(parts, coming, waiting, stride, ring[inside])
    cells = np.empty(amount.size, np.int32)
    found = multiflow.share_out(parts, coming, waiting, stride, amount, stride, amount.size - stride, cells)
    cells = cells[:found].copy()
    core = d8.inner(amount.reshape(place.size)[place.here])[place.core]
    files.put(sharing.name("amount"), core)
    rim = rim_of(core, sharing.halo)
    del waiting
    left = Left(*rest.put_aside(parts, coming, amount, stride, cells, ring))
    return {"rim": rim, "awaited": _keep(files, sharing, 1, cells, ring.size, left)}


def _divided(
    ground: d8.Ground, sharing: Sharing, files: Files, tile: Tile, place: Place
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return the parts that flow in an array, who sends, for how many each cell waits and what it gives, all flat.

    The ring lies inside the array, so what flows out of it is known like all the rest.
    """
    code = d8.inner(amounts.directions(files))
    code = around(ground, files, tile, "direction", code, sharing.halo + 1, np.uint8(flow.VOID))
    code[0] = code[-1] = code[:, 0] = code[:, -1] = flow.VOID
    w = around(ground, files, tile, "filled", files.get("filled"), sharing.halo + 1, np.nan)
    size, stride, cells = place.size, place.size[1], w.size
    parts, coming = np.zeros((cells, 4), np.uint16), np.zeros(cells, np.uint8)
    rows, flat, last = place.wide[0], code.reshape(-1), size[0] - 2
    metres, held = ground.metres[:, rows], sharing.barriers.held(place.wide)
    multiflow.share(w.reshape(-1), stride, metres, flat, sharing.exponent, 0, last, parts, coming, held)
    del w, held
    waiting, outside = np.zeros(size, np.uint8), np.ones(size, bool)
    multiflow.count_coming(coming, stride, waiting.reshape(-1))
    d8.inner(outside[place.here])[...] = False
    waiting[outside] = multiflow.DONE
    amount = np.zeros(cells)
    flow.give(flat, stride, sharing.own[rows], amount)
    return parts, coming, waiting.reshape(-1), amount


def _keep(files: Files, sharing: Sharing, round_: int, cells: np.ndarray, given: int, left: Left) -> np.ndarray:
    """Keep what is left; return which of the `given` cells it waits for."""
    files.save(sharing.name(f"rest {round_}"), cells=cells, **left._asdict())
    awaited = np.zeros(given, bool)
    awaited[left.sender[left.sender >= cells.size] - cells.size] = True
    return awaited


def resume(
    ground: d8.Ground, sharing: Sharing, round_: int, files: Files, tile: Tile, last: int, ring: np.ndarray
) -> Answer:
    """Sum up what has become possible since the round `last`; `ring` are the amounts around, NaN where not known."""
    place = place_of(ground, sharing, tile)
    known = files.load(sharing.name(f"rest {last}"))
    files.use_up(sharing.name(f"rest {last}"))
    cells, left = known["cells"], Left(*(known[name] for name in Left._fields))
    y, x = np.divmod(cells, np.int32(place.size[1]))
    amount = np.concatenate([np.zeros(cells.size), ring])
    rest.sum_up(sharing.own[place.wide[0]][y - 1], *left, amount)
    done = ~np.isnan(amount[: cells.size])
    awaited = _keep(files, sharing, round_, cells[~done], ring.size, Left(*rest.left_over(*left, amount)))
    rows, columns = ground.tiles.window(tile)
    shape = rows.stop - rows.start, columns.stop - columns.start
    y -= place.here[0].start + 1 + place.core[0].start
    x -= place.here[1].start + 1 + place.core[1].start
    done &= (y >= 0) & (x >= 0) & (y < shape[0]) & (x < shape[1])
    y, x, found = y[done], x[done], amount[: cells.size][done]
    files.save(sharing.name(f"late {round_}"), cells=y * np.int32(shape[1]) + x, amount=found)
    return {"rim": rim_of_cells(shape, y, x, found, sharing.halo), "awaited": awaited}


def accumulate(passes: Passes, ground: d8.Ground, sharing: Sharing) -> dict[Tile, list[int]]:
    """Sum up all cells; return the rounds of each tile after the first, see `amounts_of`."""
    tiles, known = ground.tiles, (sharing.key(), sharing.halo)
    rims = Rims(tiles, np.nan, np.float64, sharing.halo)
    rounds: dict[Tile, list[int]] = {tile: [] for tile in tiles.names()}
    first = dict.fromkeys(tiles.names(), ())
    answers = passes.run("sweep 1", partial(begin, ground, sharing), first, {sharing.name("amount"): "f8"}, known)
    awaited: dict[Tile, np.ndarray] = {}
    for round_ in itertools.count(2):
        for tile, answer in answers.items():
            before = rims.get(tile)
            rims.put(tile, np.where(np.isnan(before), answer["rim"], before))
            awaited[tile] = answer["awaited"]
        rings = {tile: rims.ring(tile) for tile, places in awaited.items() if places.any()}
        active = {
            tile: (rounds[tile][-1] if rounds[tile] else 1, ring)
            for tile, ring in rings.items()
            if not np.isnan(ring[awaited[tile]]).all()
        }
        if not active:
            return rounds
        answers = passes.run(f"sweep {round_}", partial(resume, ground, sharing, round_), active, None, known)
        for tile in active:
            rounds[tile].append(round_)
    raise AssertionError("rounds end")


def amounts_of(sharing: Sharing, files: Files, rounds: list[int]) -> np.ndarray:
    """Return the amounts of a tile after its rounds."""
    out = files.get(sharing.name("amount")).copy()
    for round_ in rounds:
        late = files.load(sharing.name(f"late {round_}"))
        out.reshape(-1)[late["cells"]] = late["amount"]
    return out
