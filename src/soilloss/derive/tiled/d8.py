"""D8 tile by tile: what one tile does in each pass, and the small steps between the passes.

Basins end at the tile's border. The basins at the rim and the lowest passes between them are enough to know every
spill level; then each tile fills itself, finds its directions with its neighbours' filled heights in the ring, and
drains flats that cross borders in rounds until no distance shrinks any more. Of the accumulation neighbours need to
know which rim cell leads to which, and how much leaves there.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from soilloss.derive.strips import ringed, wall_up
from soilloss.derive.ways import Ways
from soilloss.grid.blocks import Window, grow
from soilloss.grid.passes import Passes
from soilloss.grid.rims import Rims, Tile, Tiles, rim_of, set_ring
from soilloss.grid.scratch import Answer, Files
from soilloss.kernels import fill, flow, surface
from soilloss.kernels import flats as both
from soilloss.kernels import tiles as kernels

# lists of flat cells that go on beyond their tile, with the steps to a way out and from higher land
LOW, HIGH = "flats", "flats from higher"


class Source(NamedTuple):
    """A grid that is read by windows; `fingerprint` changes with its cells, so that records of others do not count."""

    read: Callable[[Window], np.ndarray]
    fingerprint: str = ""


class Ground(NamedTuple):
    """The heights and how they are cut; `metres` (3, rows) are the distances of all rows."""

    source: Source
    tiles: Tiles
    metres: np.ndarray
    ways: Ways

    def rows(self, tile: Tile, depth: int = 0) -> np.ndarray:
        """Return the metres of a tile's rows, grown by `depth` inside the grid."""
        rows = grow(self.tiles.window(tile), depth, self.tiles.shape)[0][0]
        return self.metres[:, rows]


class Routed(NamedTuple):
    """What the centre knows after the directions are found."""

    filled: Rims
    distance: Rims
    rounds: dict[Tile, int]
    high: Rims
    high_rounds: dict[Tile, int]

    def flats(self, tile: Tile) -> tuple[Any, ...]:
        """Return what a tile must be told to settle its flats: their last rounds and what lies around."""
        around = (self.filled.ring(tile), self.distance.ring(tile), self.high.ring(tile))
        return self.rounds[tile], self.high_rounds[tile], *around


def inner(ringed: np.ndarray) -> np.ndarray:
    """Return a two-dimensional array without its ring."""
    return ringed[1:-1, 1:-1]


def heights(ground: Ground, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
    """Return a tile's heights with those of its ring, holes closed, and the cells that were closed (flat positions).

    A hole of n cells beside the tile reaches n cells beyond it and its rim one more: with so wide a halo every hole
    that may be closed is seen whole. What touches the halo's edge is larger, and stays open like what touches the
    outside.
    """
    window, shape = ground.tiles.window(tile), ground.tiles.shape
    close_holes = ground.ways.close_holes
    outer, place = grow(window, 1 + max(close_holes, 0), shape)
    raw = np.asarray(ground.source.read(outer))
    near, inside = grow(place, 1, raw.shape)
    rows, stride = (s.stop - s.start + 2 for s in inside)
    out = ringed(rows * stride, stride, np.float32, np.nan).reshape(rows, stride)
    known = tuple(slice(1 - s.start, 1 - s.start + n.stop - n.start) for s, n in zip(inside, near, strict=True))
    with np.errstate(over="ignore"):
        out[known] = raw[near]
    voids = surface.infinite_to_void(out.reshape(-1)) - (out.size - out[known].size)
    closed = np.empty(0, np.int64)
    if close_holes > 0 and voids:
        void, z = np.isnan(inner(out)), surface.with_ring(raw)
        surface.close_holes(z, raw.shape[1] + 2, close_holes)
        out[known] = surface.without_ring(z, raw.shape)[near]
        closed = np.flatnonzero(void & ~np.isnan(inner(out)))
    if ground.ways.walls:
        wall_up(out[known])
    return out, closed


def find_basins(ground: Ground, files: Files, tile: Tile) -> Answer:
    """First pass: basins of a tile, and what the centre must know to find the levels at which they spill."""
    z, _ = heights(ground, tile)
    rim_heights = rim_of(inner(z))
    for line in (z[0], z[-1], z[:, 0], z[:, -1]):
        line[~np.isnan(line)] = np.inf
    stride = z.shape[1]
    flat = z.reshape(-1)
    pointer, label = ringed(z.size, stride, np.uint8, fill.VOID), ringed(z.size, stride, np.int32, fill.NO_BASIN)
    fill.point_down(flat, stride, pointer, label)
    basins = fill.label_basins(pointer, stride, label)
    low, high, level = fill.basin_edges(flat, stride, label, basins)
    rim = rim_of(inner(label.reshape(z.shape)))
    at_rim = np.unique(rim[rim > 0])
    number = np.zeros(basins + 1, np.int32)
    number[at_rim] = np.arange(1, at_rim.size + 1)
    chosen = number > 0
    chosen[fill.OUTSIDE] = True
    order = np.argsort(level, kind="stable")
    near, rise, which, first, second = kernels.join_basins(order, low, high, level, chosen)
    files.save("basin", label=label, near=number[near], rise=rise)
    return {
        "height": rim_heights,
        "basin": np.where(rim < 0, fill.NO_BASIN, number[rim]),
        "low": number[first],
        "high": number[second],
        "level": level[which],
        "count": np.array(at_rim.size),
    }


def spill(tiles: Tiles, found: dict[Tile, Answer]) -> tuple[dict[Tile, np.ndarray], Rims]:
    """First central step: the level of every basin at a rim, by tile, and the filled heights of all rims."""
    filled, basin = Rims(tiles, np.nan, np.float32), Rims(tiles, fill.NO_BASIN, np.int32)
    low, high, level, first = [], [], [], {}
    basins = 0
    for tile, answer in found.items():
        first[tile] = basins
        filled.put(tile, answer["height"])
        basin.put(tile, np.where(answer["basin"] > 0, answer["basin"] + np.int32(basins), answer["basin"]))
        for numbers, where in ((answer["low"], low), (answer["high"], high)):
            where.append(np.where(numbers > 0, numbers + np.int32(basins), 0))
        level.append(answer["level"])
        basins += int(answer["count"])
    for border in filled.borders():
        for numbers, where in zip(_across(filled, basin, border, basins + 1), (low, high, level), strict=True):
            where.append(numbers)
    levels = fill.spill_levels(basins, *(np.concatenate(part) for part in (low, high, level)))
    for lines, numbers in zip(filled.lines(), basin.lines(), strict=True):
        np.maximum(lines, levels[np.maximum(numbers, 0)], out=lines, where=numbers > 0)
    of_tile = {t: np.concatenate([levels[:1], levels[n + 1 : n + 1 + found[t]["count"]]]) for t, n in first.items()}
    return of_tile, filled


def _across(height: Rims, basin: Rims, border: tuple[str, int], basins: int) -> tuple[np.ndarray, ...]:
    """Return the lowest pass between each pair of basins on both sides of a border."""
    (za, zb), (a, b) = height.sides(border), basin.sides(border)
    low, high, level = [], [], []
    for shift in (-1, 0, 1):
        here, there = _shifted(a.size, shift)
        one, other = a[here], b[there]
        both = (one >= 0) & (other >= 0) & (one != other)
        low.append(np.minimum(one, other)[both])
        high.append(np.maximum(one, other)[both])
        level.append(np.maximum(za[here], zb[there])[both])
    parts = [np.concatenate(part) for part in (low, high, level)]
    order = np.argsort(parts[2], kind="stable")
    key = parts[0][order].astype(np.int64) * basins + parts[1][order]
    best = order[np.unique(key, return_index=True)[1]]
    return parts[0][best], parts[1][best], parts[2][best]


def _shifted(size: int, shift: int) -> tuple[slice, slice]:
    """Return the cells of one side that have a neighbour `shift` cells further on the other, and those neighbours."""
    return slice(max(0, -shift), size - max(0, shift)), slice(max(0, shift), size - max(0, -shift))


def filled_heights(ground: Ground, files: Files, tile: Tile, levels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the filled heights of a tile with a ring, in which they are not filled, and the holes that were closed."""
    w, closed = heights(ground, tile)
    basin = files.load("basin")
    own = np.maximum(basin["rise"], levels[basin["near"]])
    fill.raise_basins(w.reshape(-1), basin["label"], own)
    return w, closed


def find_directions(
    ground: Ground,
    keep: Callable[[Files, np.ndarray], None],
    files: Files,
    tile: Tile,
    levels: np.ndarray,
    ring: np.ndarray,
) -> Answer:
    """Second pass: filled heights and directions of a tile; flats that cross its border are left for later."""
    w, closed = filled_heights(ground, files, tile, levels)
    files.save("closed", cells=closed)
    set_ring(w, ring)
    keep(files, np.where(np.isinf(inner(w)), np.nan, inner(w)) if ground.ways.walls else inner(w))
    stride = w.shape[1]
    flat, direction = w.reshape(-1), ringed(w.size, stride, np.uint8, flow.VOID)
    flow.steepest(flat, stride, 1 / ground.rows(tile), direction)
    distance = ringed(w.size, stride, np.int32, -1)
    flats = flow.mark_flats(flat, stride, direction, distance)
    flow.drain_flats(flat, stride, direction, distance, flats)
    cells = kernels.border_flats(flat, stride, distance)
    files.save(f"{LOW} 0", cells=cells, height=flat[cells], distance=distance[cells])
    answer = {"distance": rim_of(inner(distance.reshape(w.shape)))}
    if ground.ways.flats == "garbrecht":
        high = np.full(w.size, -1, np.int32)
        both.steps_from_higher(flat, stride, distance, high)
        both.drain_by_both(flat, stride, distance, high, direction)
        files.save(f"{HIGH} 0", cells=cells, height=flat[cells], distance=high[cells])
        answer["high"] = rim_of(inner(high.reshape(w.shape)))
    files.put("direction", inner(direction.reshape(w.shape)))
    return answer


def shrink_flats(
    ground: Ground, name: str, round_: int, files: Files, tile: Tile, last: int, height: np.ndarray, ring: np.ndarray
) -> Answer:
    """Shorten the distances of a tile's flats by what its ring offers."""
    shape, cells, w, distance = listed_flats(ground, files, tile, f"{name} {last}", height, ring)
    files.use_up(f"{name} {last}")
    stride = shape[1]
    changed = kernels.enter_flats(w, stride, distance, cells)
    changed = changed[np.argsort(distance[changed], kind="stable")]
    set_ring(distance.reshape(shape), np.full(ring.size, -1, np.int32))
    kernels.spread_distances(w, stride, distance, changed, cells.size)
    files.save(f"{name} {round_}", cells=cells, height=w[cells], distance=distance[cells])
    return {"distance": rim_of(inner(distance.reshape(shape)))}


def listed_flats(
    ground: Ground, files: Files, tile: Tile, name: str, height: np.ndarray, ring: np.ndarray
) -> tuple[tuple[int, int], np.ndarray, np.ndarray, np.ndarray]:
    """Spread the listed flats of a tile over its cells: shape, cells, heights and distances, with their rings."""
    rows, columns = ground.tiles.window(tile)
    shape = (rows.stop - rows.start + 2, columns.stop - columns.start + 2)
    listed = files.load(name)
    # heights count only where there are distances
    w, distance = np.zeros(shape, np.float32), np.full(shape, -1, np.int32)
    set_ring(w, height)
    set_ring(distance, ring)
    w.reshape(-1)[listed["cells"]] = listed["height"]
    distance.reshape(-1)[listed["cells"]] = listed["distance"]
    return shape, listed["cells"], w.reshape(-1), distance.reshape(-1)


def unsettled(filled: Rims, distance: Rims) -> list[Tile]:
    """Return the tiles whose flats can become nearer to a way out through a neighbour."""
    tiles = set()
    for border in filled.borders():
        heights_, steps = filled.sides(border), distance.sides(border)
        for here, other in ((0, 1), (1, 0)):
            for shift in (-1, 0, 1):
                a, b = _shifted(steps[0].size, shift)
                nearer = (steps[other][b] >= 0) & (steps[other][b] + 1 < steps[here][a])
                nearer &= heights_[here][a] == heights_[other][b]
                along = (np.flatnonzero(nearer) + a.start) // filled.tiles.size[1 if border[0] == "row" else 0]
                for n in np.unique(along):
                    one = border[1] + here
                    tiles.add((one, int(n)) if border[0] == "row" else (int(n), one))
    return sorted(tiles)


def fill_tiles(passes: Passes, ground: Ground) -> tuple[dict[Tile, np.ndarray], Rims]:
    """Run the pass that finds basins; return the levels of those at rims, and the filled heights of all rims."""
    work: dict[Tile, tuple[()]] = dict.fromkeys(ground.tiles.names(), ())
    return spill(ground.tiles, passes.run("basins", partial(find_basins, ground), work))


def route(passes: Passes, ground: Ground, keep: Callable[[Files, np.ndarray], None], parameters: str) -> Routed:
    """Run the passes up to the directions: basins, directions, and the rounds that drain flats across tiles."""
    tiles = ground.tiles
    levels, filled = fill_tiles(passes, ground)
    distance, high = Rims(tiles, -1, np.int32), Rims(tiles, -1, np.int32)
    answers = passes.run(
        "directions",
        partial(find_directions, ground, keep),
        {t: (levels[t], filled.ring(t)) for t in tiles.names()},
        {"direction": "u1", "filled": "f4"} if parameters else {"direction": "u1"},
        parameters,
    )
    for tile, answer in answers.items():
        distance.put(tile, answer["distance"])
        if "high" in answer:
            high.put(tile, answer["high"])
    rounds = drain_flats(passes, ground, LOW, filled, distance)
    return Routed(filled, distance, rounds, high, drain_flats(passes, ground, HIGH, filled, high))


def settled_flats(
    ground: Ground, files: Files, tile: Tile, last: int, high_last: int, height: np.ndarray, *rings: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the cells of a tile's flats that go on beyond it and their directions, `VOID` where they are no flats."""
    shape, cells, w, low = listed_flats(ground, files, tile, f"{LOW} {last}", height, rings[0])
    if ground.ways.flats != "garbrecht":
        return cells, kernels.flat_directions(w, shape[1], low, cells)
    high = listed_flats(ground, files, tile, f"{HIGH} {high_last}", height, rings[1])[3]
    return cells, both.directions_by_both(w, shape[1], low, high, cells)


def drain_flats(passes: Passes, ground: Ground, name: str, filled: Rims, distance: Rims) -> dict[Tile, int]:
    """Exchange distances between tiles until none shrinks; return the last round of each tile.

    Every round takes part of what is left one tile further, so it ends.
    """
    last = dict.fromkeys(ground.tiles.names(), 0)
    for round_ in itertools.count(1):
        active = unsettled(filled, distance)
        if not active:
            break
        work = {t: (last[t], filled.ring(t), distance.ring(t)) for t in active}
        answers = passes.run(f"{name} {round_}", partial(shrink_flats, ground, name, round_), work)
        for tile, answer in answers.items():
            distance.put(tile, np.where(answer["distance"] < 0, distance.get(tile), answer["distance"]))
            last[tile] = round_
    return last
