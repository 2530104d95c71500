"""Months and half-months out of days, on the grid the days come on.

Daily rain is mostly coarse: the equation runs on its own cells, and what it gives is then brought onto the target like
any other source. So a year of days costs what it holds, not what the target's cells would multiply it to.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from soilloss.errors import DataError
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.sources import files
from soilloss.workflow.kept import Stored, native_part, years_of
from soilloss.workflow.site import Site
from soilloss.workflow.store import write_raster

# a block holds this many bytes of days at most, and no fewer than 64 cells a side
BLOCK_BYTES = 64e6


def make(site: Site, item: Stored, workers: int | None, progress: Callable[[int, int], None]) -> None:
    """Run the equation of a step over the days of one file, block by block."""
    step = next(s for s in site.steps if s.variable == item.variable)
    assert step.function is not None
    function, (name,) = step.function, step.inputs
    days = site.given[name]
    made = site.given[item.variable]
    assert isinstance(days, files.RasterSource)
    assert isinstance(made, files.RasterSource)
    grid = native_part(site, days)
    dates = dates_of(site, days, item.label)

    def one(window: Window) -> np.ndarray:
        rain = files.read_block(days, grid, item.label, window)
        return function(rain, time=dates, **step.coefficients)

    side = max(64, int((BLOCK_BYTES / 4 / len(dates)) ** 0.5) // 64 * 64)
    blocks = windows((int(grid.shape[0]), int(grid.shape[1])), side)
    count = iter(range(1, len(blocks) + 1))
    parts = run_blocks(one, blocks, workers)
    write_raster(item.path, grid, "float32", len(made.bands), parts, lambda: progress(next(count), len(blocks)))


def dates_of(site: Site, days: files.RasterSource, label: str) -> np.ndarray:
    """The date of each band: as the file states its first day, else the year of its label, else the whole period."""
    path = files.path_of(days, label)
    first, count = files.days_in(path)
    if first:
        return np.datetime64(first, "D") + np.arange(count)
    years = [label[:4]] if label else list(years_of(site.project.steps))
    if not years[0]:
        raise DataError(
            f"{path} has {count} days without dates; give a period, with {{year}} in the path where each year has its "
            "file, or a cube with time"
        )
    dates = np.arange(f"{years[0]}-01-01", f"{int(years[-1]) + 1}-01-01", dtype="datetime64[D]")
    if len(dates) != count:
        raise DataError(
            f"{path} has {count} bands, expected {len(dates)}: one for each day from {dates[0]} to {dates[-1]}"
        )
    return dates
