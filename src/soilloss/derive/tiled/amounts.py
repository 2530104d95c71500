"""Amounts that D8 accumulates, tile by tile: which rim cell leads to which, what leaves there, what enters elsewhere.

Within a tile the water that enters at a rim cell leaves at one other, or nowhere: rim cells of all tiles are a forest.
Whole numbers add up to the same bits in any order, and of lengths the longest counts.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from soilloss.derive.routing import MOST_UNITS
from soilloss.derive.tiled.d8 import Ground, Routed, inner, settled_flats
from soilloss.errors import GridError
from soilloss.grid.blocks import Window
from soilloss.grid.passes import Passes
from soilloss.grid.rims import Tile, Tiles, with_core
from soilloss.grid.scratch import Answer, Files
from soilloss.kernels import flow, surface
from soilloss.kernels import tiles as kernels


def find_links(
    ground: Ground,
    own: np.ndarray | None,
    keep: Callable[[Files, np.ndarray], None],
    files: Files,
    tile: Tile,
    *flats: Any,
) -> Answer:
    """Third pass: the last directions of a tile, which rim cell leads to which, and what leaves there.

    `own` (rows,) are the whole units that each cell of a row gives; without them nothing is added up.
    """
    direction = with_core(files.get("direction"), flow.VOID)
    cells, codes = settled_flats(ground, files, tile, *flats)
    level = codes != flow.VOID
    direction.reshape(-1)[cells[level]] = codes[level]
    files.save("patch", cells=cells[level], codes=codes[level])
    keep(files, inner(direction))
    amount = None if own is None else added_up(direction, own[ground.tiles.window(tile)[0]], None)
    return links(ground.rows(tile), direction, amount)


def directions(files: Files, missing: int = flow.VOID) -> np.ndarray:
    """Return the final directions of a tile, with a ring of `missing`."""
    direction, patch = with_core(files.get("direction"), missing), files.load("patch")
    direction.reshape(-1)[patch["cells"]] = patch["codes"]
    return direction


def added_up(direction: np.ndarray, own: np.ndarray, inflow: np.ndarray | None) -> np.ndarray:
    """Return what drains through each cell of a tile, flat with a ring; `inflow` enters at the cells of the rim."""
    flat = np.empty(direction.size, own.dtype)
    flat[: direction.shape[1]] = flat[-direction.shape[1] :] = 0
    flow.give(direction.reshape(-1), direction.shape[1], own, flat)
    if inflow is not None:
        flat[kernels.rim_cells(direction.shape[0] - 2, direction.shape[1] - 2)] += inflow
    flow.accumulate(direction.reshape(-1), direction.shape[1], flat)
    return flat


def links(metres: np.ndarray, direction: np.ndarray, amount: np.ndarray | None) -> Answer:
    """Return for each rim cell its way out of the tile, its direction if it leads out, and the amount there."""
    stride = direction.shape[1]
    rim = kernels.rim_cells(direction.shape[0] - 2, stride - 2)
    flat = direction.reshape(-1)
    out, way = kernels.follow_water(flat, stride, rim, metres)
    codes = flat[rim].copy()
    goes = rim + surface.offsets(stride)[codes & 7]
    codes[(codes >= flow.LEAVES) | (flat[goes] != flow.VOID)] = flow.VOID
    link = np.where(out < 0, -1, np.searchsorted(rim, out)).astype(np.int32)
    answer = {"link": link, "code": codes, "way": way}
    return answer if amount is None else {**answer, "amount": amount[rim]}


def hand_over(tiles: Tiles, found: dict[Tile, Answer], longest: bool = False) -> dict[Tile, np.ndarray]:
    """Second central step: what enters each rim cell from other tiles, by tile in the order of `rim_cells`."""
    target, link, first = nodes(tiles, found)
    amount, way = (np.concatenate([a[part] for a in found.values()]) for part in ("amount", "way"))
    inflow = kernels.hand_over(link, target, way, amount, longest)
    return {tile: inflow[n : n + found[tile]["link"].size] for tile, n in first.items()}


def nodes(tiles: Tiles, found: dict[Tile, Answer]) -> tuple[np.ndarray, np.ndarray, dict[Tile, int]]:
    """Number the rim cells of all tiles; return where each leads in another tile or -1, its own end, first of tiles."""
    first, count = {}, 0
    for tile, answer in found.items():
        first[tile] = count
        count += answer["link"].size
    link = np.concatenate([np.where(a["link"] < 0, -1, a["link"] + first[t]) for t, a in found.items()])
    return np.concatenate([_targets(tiles, tile, found[tile]["code"], first) for tile in found]), link, first


def _targets(tiles: Tiles, tile: Tile, codes: np.ndarray, first: dict[Tile, int]) -> np.ndarray:
    """Return the node into which each rim cell's water leaves the tile, or -1."""
    rows, columns = tiles.window(tile)
    width = columns.stop - columns.start
    y, x = np.divmod(kernels.rim_cells(rows.stop - rows.start, width), width + 2)
    step = kernels.row_step()[:, codes & 7]
    y, x = rows.start + y - 1 + step[0], columns.start + x - 1 + step[1]
    out = np.full(codes.size, -1, np.int64)
    leaving = np.flatnonzero(codes != flow.VOID)
    i, j = y[leaving] // tiles.size[0], x[leaving] // tiles.size[1]
    for other in set(zip(i.tolist(), j.tolist(), strict=True)):
        there = leaving[(i == other[0]) & (j == other[1])]
        out[there] = first[other] + _place(tiles.window(other), y[there], x[there])
    return out


def _place(window: Window, y: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Return the places of rim cells in the order of `rim_cells`."""
    height, width = (w.stop - w.start for w in window)
    y, x = y - window[0].start, x - window[1].start
    middle = width + (y - 1) * min(2, width) + (x > 0)
    last = width + (height - 2) * min(2, width) + x
    return np.where(y == 0, x, np.where(y == height - 1, last, middle))


def accumulate(
    passes: Passes,
    ground: Ground,
    routed: Routed,
    own: np.ndarray | None,
    keep: Callable[[Files, np.ndarray], None],
    parameters: str,
) -> dict[Tile, Answer]:
    """Run the pass that settles directions and, with `own` units, adds up; return its answers."""
    given = {t: routed.flats(t) for t in ground.tiles.names()}
    return passes.run("links", partial(find_links, ground, own, keep), given, parameters=(parameters, own))


def own_units(own: np.ndarray, unit: float, columns: int) -> tuple[np.ndarray, int]:
    """Return what each cell of a row gives in whole numbers, and how many units each is worth.

    Their sum can be held. Cells that are all alike are counted, in half the memory if there are not too many.
    """
    units = np.rint(own / unit)
    if units.sum() * columns > MOST_UNITS:
        raise GridError(f"cell_size makes cells of {own.max():g} m2, too large to add up; expected metres, check it")
    if (units == units[0]).all() and own.size * columns <= np.iinfo(np.int32).max:
        return np.ones(own.size, np.int32), int(units[0])
    return units.astype(np.int64), 1
