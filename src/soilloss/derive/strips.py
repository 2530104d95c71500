"""Routing in memory, in strips of rows over the processors: filled heights, D8 codes, amounts.

A strip sees one row of its neighbours on either side. What crosses a border of strips is little and is settled in
between, by one thread; the results are the same bits for any number of strips. Flat arrays with a ring, see
`soilloss.kernels.surface`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from soilloss.derive.ways import Ways
from soilloss.grid.blocks import run_blocks, worker_count
from soilloss.kernels import fill, flow, multiflow, surface
from soilloss.kernels.multiflow import NONE_UNKNOWN

SMALLEST = 1 << 18
"""Cells in a strip, at least: less is not worth a thread."""
PER_WORKER = 2


class Strip(NamedTuple):
    """Rows `top` to before `bottom` of a grid; `above` and `below` tell whether another strip follows there."""

    top: int
    bottom: int
    stride: int
    above: bool
    below: bool

    @property
    def rows(self) -> slice:
        """Its rows of the grid."""
        return slice(self.top, self.bottom)

    def own(self, flat: np.ndarray) -> np.ndarray:
        """Return its rows of a flat array with a ring."""
        return flat[(self.top + 1) * self.stride : (self.bottom + 1) * self.stride]

    def wide(self, flat: np.ndarray) -> np.ndarray:
        """Return its rows and one more on either side, which is the ring of the strip."""
        return flat[self.top * self.stride : (self.bottom + 2) * self.stride]


def strips_of(shape: tuple[int, int]) -> list[Strip]:
    """Cut a grid into strips: some per processor, or one if it is small."""
    rows, columns = shape
    workers = worker_count()
    count = max(1, min(PER_WORKER * workers if workers > 1 else 1, rows * columns // SMALLEST, rows // 2))
    edges = [rows * i // count for i in range(count + 1)]
    return [Strip(a, b, columns + 2, a > 0, b < rows) for a, b in itertools.pairwise(edges)]


def each(strips: list[Strip], function: Callable[[Strip], Any]) -> list[Any]:
    """Return the results of a function for every strip, in their order."""
    found = dict(run_blocks(function, strips))
    return [found[s] for s in strips]


def filled(elevation: np.ndarray, ways: Ways) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    """Return the filled heights, and two arrays for `directions` to use again: uint8, 255 in the ring; int32, -1.

    Where voids are walls, they and the land that they wall in are infinitely high.
    """
    strips, stride = strips_of(elevation.shape), elevation.shape[1] + 2
    cells = (elevation.shape[0] + 2) * stride
    z = ringed(cells, stride, np.float32, np.nan)
    voids = each(strips, lambda s: surface.put_rows(elevation[s.rows], s.own(z).reshape(-1, stride)))
    if ways.close_holes > 0 and sum(voids):
        surface.close_holes(z, stride, ways.close_holes)
    if ways.walls and sum(voids):
        each(strips, lambda s: wall_up(s.own(z).reshape(-1, stride)[:, 1:-1]))
    pointer, label = ringed(cells, stride, np.uint8, fill.VOID), ringed(cells, stride, np.int32, fill.NO_BASIN)

    def point(s: Strip) -> int:
        fill.point_down(s.wide(z), stride, s.wide(pointer), s.wide(label))
        return fill.end_at_border(s.wide(pointer), stride, s.above, s.below)

    before = [0, *itertools.accumulate(each(strips, point))]
    first, basins = dict(zip(strips, before[:-1], strict=True)), before[-1]
    each(strips, lambda s: fill.label_basins(s.wide(pointer), stride, s.wide(label), first[s]))
    if basins:
        passes = each(strips, lambda s: fill.basin_edges(s.wide(z), stride, s.wide(label), basins))
        levels = fill.spill_levels(basins, *(np.concatenate(part) for part in zip(*passes, strict=True)))
        each(strips, lambda s: fill.raise_basins(s.own(z), s.own(label), levels))
    return z, (pointer, label)


def wall_up(z: np.ndarray) -> None:
    """Make voids infinitely high, in place: water never goes there, and there is no way out beside them."""
    z[np.isnan(z)] = np.inf


def directions(w: np.ndarray, spare: tuple[np.ndarray, np.ndarray], metres: np.ndarray) -> np.ndarray:
    """Return the D8 codes of filled heights; `spare` as `filled` returns it."""
    codes, distance = spare
    stride = w.size // (metres.shape[1] + 2)
    strips, inverse = strips_of((metres.shape[1], stride - 2)), 1 / metres

    def mark(s: Strip) -> int:
        flow.steepest(s.wide(w), stride, inverse[:, s.rows], s.wide(codes))
        return flow.mark_flats(s.wide(w), stride, s.wide(codes), s.wide(distance))

    flats = dict(zip(strips, each(strips, mark), strict=True))

    def drain(s: Strip) -> np.ndarray:
        # flats that touch a border of strips are few, and drained together at the end
        aside = flow.set_aside(stride, s.wide(distance), flats[s], s.above, s.below)
        flow.drain_flats(s.wide(w), stride, s.wide(codes), s.wide(distance), flats[s] - aside.size)
        return aside + np.int32(s.top * stride)

    flow.drain_listed(w, stride, codes, distance, np.concatenate(each(strips, drain)))
    return codes


def accumulated(codes: np.ndarray, own: np.ndarray) -> np.ndarray:
    """Return what drains through each cell by D8, if each gives the whole number `own` (int32 or int64) of its row."""
    stride = codes.size // (own.size + 2)
    strips = strips_of((own.size, stride - 2))
    amount = ringed(codes.size, stride, own.dtype, 0)
    state = ringed(codes.size, stride, np.uint8, flow.LEAVES)

    def start(s: Strip) -> None:
        flow.give(s.wide(codes), stride, own[s.rows], s.wide(amount))
        flow.ready_to_flow(s.wide(codes), stride, s.wide(state), s.above, s.below)
        flow.carry(s.wide(state), stride, s.wide(amount))

    each(strips, start)
    # the last row of a strip and the first of the next, counted with the ring
    borders = np.array([row for s in strips if s.below for row in (s.bottom, s.bottom + 1)], np.int64)
    flow.carry_across(state, stride, amount, borders)
    return amount


def shared(
    codes: np.ndarray, w: np.ndarray, own: np.ndarray, metres: np.ndarray, exponent: float, held: np.ndarray
) -> np.ndarray:
    """Return what drains through each cell if flow divides; `exponent` and `held` as in `multiflow.share`."""
    stride = codes.size // (own.size + 2)
    strips = strips_of((own.size, stride - 2))
    parts, coming = np.zeros((codes.size, 4), np.uint16), ringed(codes.size, stride, np.uint8, 0)
    waiting = ringed(codes.size, stride, np.uint8, multiflow.DONE)
    amount = ringed(codes.size, stride, np.float64, 0)

    def share(s: Strip) -> None:
        multiflow.share(w, stride, metres, codes, exponent, s.top, s.bottom, parts, coming, held)
        flow.give(s.wide(codes), stride, own[s.rows], s.wide(amount))
        multiflow.count_coming(s.own(coming), stride, s.own(waiting))

    def share_out(s: Strip) -> None:
        first, last = (s.top + 1) * stride, (s.bottom + 1) * stride
        multiflow.share_out(parts, coming, waiting, stride, amount, first, last, NONE_UNKNOWN)

    each(strips, share)
    each(strips, share_out)
    for s in strips[:-1]:
        multiflow.tell_across(parts, coming, waiting, stride, s.bottom)
    # what lies below the borders of strips is little
    multiflow.share_out(parts, coming, waiting, stride, amount, stride, codes.size - stride, NONE_UNKNOWN)
    return amount


def on_grid(elevation: np.ndarray, flat: np.ndarray, kind: Any = np.float32, scale: float = 1) -> np.ndarray:
    """Return `scale` times a flat array as a grid, missing where the height is: bridged holes stay holes."""
    out = np.empty(elevation.shape, kind)

    def put(s: Strip) -> None:
        inner = s.own(flat).reshape(-1, s.stride)[:, 1:-1]
        np.multiply(inner, scale, out=out[s.rows], casting="same_kind")
        np.copyto(out[s.rows], np.nan, where=~np.isfinite(elevation[s.rows]))

    each(strips_of(elevation.shape), put)
    return out


def ringed(cells: int, stride: int, kind: Any, ring: float) -> np.ndarray:
    """Return a flat array of which only the ring is set."""
    flat = np.empty(cells, kind)
    grid = flat.reshape(-1, stride)
    grid[0] = grid[-1] = grid[:, 0] = grid[:, -1] = ring
    return flat
