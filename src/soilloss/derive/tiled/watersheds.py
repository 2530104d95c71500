"""Watersheds of outlets, tile by tile: what of the rim drains to which outlet inside, and where the rest leads."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from soilloss.derive.codes import own_codes
from soilloss.derive.network import refuse_doubles, with_outlets
from soilloss.derive.tiled import amounts
from soilloss.grid.blocks import Window, run_blocks
from soilloss.grid.rims import Tile, Tiles, with_core
from soilloss.grid.scratch import Answer
from soilloss.kernels import flow, network
from soilloss.kernels import tiles as kernels
from soilloss.kernels.surface import offsets


class Watersheds(NamedTuple):
    """Labels by window: call it with the window of a tile. `entering` is where water at rim cells goes, by tile."""

    read: Callable[[Window], np.ndarray]
    tiles: Tiles
    rows: np.ndarray
    columns: np.ndarray
    entering: dict[Tile, np.ndarray]

    def __call__(self, window: Window) -> np.ndarray:
        """Return the labels of a tile as `soilloss.derive.network.watersheds` gives them."""
        (tile,) = self.tiles.within(window)
        direction, label = self.start(tile)
        rim = kernels.rim_cells(direction.shape[0] - 2, direction.shape[1] - 2)
        flat = label.reshape(-1)
        known = self.entering[tile]
        given = flat[rim] == 0
        flat[rim[given]] = known[given]
        network.label_watersheds(direction.reshape(-1), direction.shape[1], flat)
        return np.maximum(label[1:-1, 1:-1], 0)

    def start(self, tile: Tile) -> tuple[np.ndarray, np.ndarray]:
        """Return directions and labels of a tile with its ring; the flow ends in outlets."""
        (rows, columns), chosen = self.tiles.window(tile), self._inside(tile)
        codes = own_codes(self.read((rows, columns)))
        corner = rows.start, columns.start
        label = with_outlets(codes, self.rows[chosen], self.columns[chosen], (chosen + 1).tolist(), corner)
        codes[(label > 0) | _into_void(codes)] = flow.LEAVES
        return with_core(codes, flow.VOID), with_core(label, -1)

    def _inside(self, tile: Tile) -> np.ndarray:
        rows, columns = self.tiles.window(tile)
        inside = (self.rows >= rows.start) & (self.rows < rows.stop)
        return np.flatnonzero(inside & (self.columns >= columns.start) & (self.columns < columns.stop))


def _into_void(codes: np.ndarray) -> np.ndarray:
    """Return the cells that drain into a missing one of the same tile."""
    ringed = with_core(codes, flow.LEAVES)
    inside = ringed[1:-1, 1:-1]
    goes = np.arange(ringed.size).reshape(ringed.shape)[1:-1, 1:-1] + offsets(ringed.shape[1])[inside & 7]
    return (inside < flow.LEAVES) & (ringed.reshape(-1)[goes] == flow.VOID)


def watersheds(
    read: Callable[[Window], np.ndarray], tiles: Tiles, rows: np.ndarray, columns: np.ndarray, workers: int | None
) -> Watersheds:
    """Label the cells of a grid of any size; the directions are `read` by tile, twice.

    Raises
    ------
    DataError
        As `soilloss.derive.network.watersheds`.
    """
    refuse_doubles(rows, columns)
    found = Watersheds(read, tiles, np.asarray(rows), np.asarray(columns), {})
    links = dict(run_blocks(lambda tile: _links(found, tile), tiles.names(), workers))
    links = {tile: links[tile] for tile in tiles.names()}
    target, link, first = amounts.nodes(tiles, links)
    own = np.concatenate([answer["label"] for answer in links.values()])
    after = np.where(link < 0, -1, target[link])
    entering = own.copy()
    network.label_nodes(after, entering)
    leaving = np.where(target < 0, 0, entering[target])
    leaving[leaving == 0] = network.NOWHERE
    ends = np.concatenate([answer["code"] for answer in links.values()]) != flow.VOID
    leaving[~ends] = 0
    for tile, start in first.items():
        found.entering[tile] = leaving[start : start + links[tile]["link"].size].astype(np.int32)
    return found


def _links(found: Watersheds, tile: Tile) -> Answer:
    """Return how the rim cells of a tile are linked, and the labels of those that drain to an outlet inside."""
    direction, label = found.start(tile)
    answer = amounts.links(np.ones((3, direction.shape[0] - 2)), direction, None)
    network.label_watersheds(direction.reshape(-1), direction.shape[1], label.reshape(-1))
    rim = kernels.rim_cells(direction.shape[0] - 2, direction.shape[1] - 2)
    return {**answer, "label": np.maximum(label.reshape(-1)[rim], 0)}
