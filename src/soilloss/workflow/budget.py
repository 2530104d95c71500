"""What routing over a whole grid takes, before it is done: memory, scratch on disk, time; in memory or tile by tile."""

from __future__ import annotations

from typing import NamedTuple

from soilloss.grid.blocks import worker_count
from soilloss.workflow.stored import GRID_BYTES, Limits, tile_side

BASE_BYTES = 250e6
# Bytes per cell of a tile that is worked on, and per cell on the rims of tiles, of which the centre knows all.
TILE_BYTES, RIM_BYTES = 30, 100
# Measured on 3 000 x 3 000 to 10 000 x 10 000 cells: processor seconds per million cells in memory and in tiles, and
# bytes of scratch per cell of the tiles.
RATES = {"one receiver": (0.1, 0.2, 1.1), "slope length": (0.15, 0.3, 6.1), "divided": (0.2, 1.1, 20.0)}


class Cost(NamedTuple):
    """Bytes of memory and of scratch on disk, seconds of wall time, the side of a tile (None: in memory)."""

    memory: float
    scratch: float
    seconds: float
    tile: int | None


def routing_cost(kind: str, shape: tuple[int, int], limits: Limits, workers: int | None) -> Cost:
    """Return what one variable of the flow takes; `kind` is one of `RATES`.

    Examples
    --------
    >>> routing_cost("divided", (40_000, 40_000), Limits(4e9), 2).tile
    2048
    """
    cells, threads = shape[0] * shape[1], worker_count(workers)
    whole, tiled, bytes_each = RATES[kind]
    if not limits.cluster and cells * GRID_BYTES <= limits.memory:
        return Cost(BASE_BYTES + cells * GRID_BYTES, 0.0, cells / 1e6 * whole / threads, None)
    side = tile_side(limits, workers)
    rims = 4 * cells / side * RIM_BYTES
    memory = BASE_BYTES + min(side * side, cells) * TILE_BYTES * threads + rims
    return Cost(memory, cells * bytes_each, cells / 1e6 * tiled / threads, side)


def kind_of(variable: str, routing: str, masked: bool) -> str:
    """Return the kind of a variable: one that divides flow, or is held back, is swept until nothing changes.

    Examples
    --------
    >>> kind_of("contributing_area", "d8", masked=False)
    'one receiver'
    """
    if variable == "slope_length":
        return "slope length"
    amounts = variable in ("flow_accumulation", "contributing_area")
    return "divided" if amounts and (routing != "d8" or masked) else "one receiver"
