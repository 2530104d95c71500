"""The reach of water from outside, tile by tile: how much of it leaves at each rim cell, and enters elsewhere."""

from __future__ import annotations

from functools import partial

import numpy as np

from soilloss.derive.terrain.edges import hide_voids
from soilloss.derive.tiled import amounts, d8
from soilloss.derive.tiled.frames import nothing
from soilloss.grid.passes import Passes
from soilloss.grid.rims import Tile, set_ring
from soilloss.grid.scratch import Answer, Files
from soilloss.kernels import flow, network
from soilloss.kernels import tiles as kernels


def find_reach(ground: d8.Ground, files: Files, tile: Tile, height: np.ndarray) -> Answer:
    """Tell at which rim cells water from outside leaves; `height` are the filled heights around."""
    reached = spread(ground, files, height, None)
    rows, columns = ground.tiles.window(tile)
    rim = kernels.rim_cells(rows.stop - rows.start, columns.stop - columns.start)
    return {"amount": np.minimum(reached.reshape(-1)[rim], 1)}


def spread(ground: d8.Ground, files: Files, height: np.ndarray, inflow: np.ndarray | None) -> np.ndarray:
    """Return a tile with its ring: above 0 where water may come from outside, or enters with `inflow` at the rim."""
    direction = amounts.directions(files)
    around = direction.copy()
    if ground.ways.walls:
        hide_voids(around)
    # what is not known around lies outside; walls are infinitely high
    set_ring(around, np.where(np.isnan(height), flow.VOID, flow.LEVEL).astype(np.uint8))
    reached = network.beside_outside(around.reshape(-1), around.shape[1])
    reached[direction.reshape(-1) == flow.VOID] = 0
    if inflow is not None:
        reached[kernels.rim_cells(direction.shape[0] - 2, direction.shape[1] - 2)] += inflow
    flow.accumulate(direction.reshape(-1), direction.shape[1], reached)
    return reached.reshape(direction.shape)


def prepare(passes: Passes, ground: d8.Ground) -> tuple[dict[Tile, np.ndarray], dict[Tile, np.ndarray]]:
    """Run the passes; return the heights around each tile and what enters its rim cells."""
    routed = d8.route(passes, ground, nothing, "")
    links = amounts.accumulate(passes, ground, routed, None, nothing, "")
    height = {tile: routed.filled.ring(tile) for tile in ground.tiles.names()}
    found = passes.run("reach", partial(find_reach, ground), {tile: (ring,) for tile, ring in height.items()})
    return height, amounts.hand_over(ground.tiles, {tile: {**links[tile], **found[tile]} for tile in links})
