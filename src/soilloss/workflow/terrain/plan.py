"""What a terrain task will take, told before anything is computed."""

from __future__ import annotations

from typing import Any

from soilloss.grid.blocks import worker_count
from soilloss.sources import files
from soilloss.variables import VARIABLES
from soilloss.workflow.budget import kind_of, routing_cost
from soilloss.workflow.estimate import COMPRESSED, in_words
from soilloss.workflow.stored import USUAL, Limits
from soilloss.workflow.terrain.task import FLAG, LOCAL, Task

# processor seconds per million cells of a map: reading, the equation, packing
MAP_SECONDS = 0.15


def plan_terrain(task: Task, limits: Limits = USUAL, workers: int | None = None) -> dict[str, Any]:
    """Return memory, disk and time that a task takes, and the side of a tile or None; only the file's head is read."""
    task.checked()
    source = files.raster_source("elevation", task.dem.resolve(), [""], nodata=task.nodata)
    grid = files.native_grid(source)
    shape = grid.shape[0], grid.shape[1]
    cells, masked = shape[0] * shape[1], bool(task.channels or task.trapping)
    # LS is made of contributing area; gauges and streams go by D8 with nothing in its way
    routed = [kind_of("contributing_area" if n == "topography" else n, task.routing, masked) for n in _flow(task)]
    routed += ["one receiver"] * 2 * bool(task.outlets or task.streams)
    costs = [routing_cost(kind, shape, limits, workers) for kind in routed] or [
        routing_cost("one receiver", (1, 1), limits, workers)
    ]
    maps = sum(cells * (8 if VARIABLES[n].dtype == "float64" else 1 if n == FLAG else 4) for n in task.wanted)
    scratch = sum(routing_cost(kind, shape, limits, workers).scratch for kind in set(routed))
    seconds = sum(cost.seconds for cost in costs) + cells / 1e6 * MAP_SECONDS * len(task.wanted) / worker_count(workers)
    out = {
        "grid": {"crs": str(grid.crs), "shape": list(shape)},
        "tile": costs[0].tile,
        "memory_bytes": int(max(cost.memory for cost in costs)),
        "disk_bytes": int(scratch + COMPRESSED * maps),
        "seconds": round(seconds, 1),
    }
    way = f"in tiles of {out['tile']} x {out['tile']} cells" if out["tile"] else "in memory"
    out["words"] = f"{shape[0]} x {shape[1]} cells {way}; {in_words(out)}"
    return out


def _flow(task: Task) -> list[str]:
    return [name for name in task.wanted if name not in LOCAL]
