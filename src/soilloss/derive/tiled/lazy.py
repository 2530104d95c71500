"""Whole-grid terrain of Dask arrays, and of arrays too large for one piece: tile by tile, the same bits."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from soilloss.derive.tiled.d8 import Source
from soilloss.derive.tiled.route import TILE, Reader, route
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.grid.passes import LazyWindows, temporary_folder

Masks = dict[str, Any]


def lazily(variable: str, elevation: Any, masks: Masks, cell_size: Any, options: dict[str, Any]) -> Any:
    """Return a Dask array whose chunks are tiles; the passes run when the first of them is asked for.

    Their scratch lies in Dask's temporary directory, which the machines of a cluster must share, and goes with the
    result. Heights are computed a few times, tile by tile, and never held whole.
    """
    import dask.array as da
    from dask.delayed import delayed

    work = partial(_reader, variable, elevation, masks, cell_size, options)
    reader = delayed(work, pure=False, traverse=False)()
    dtype = np.dtype("float64") if variable in ("flow_accumulation", "contributing_area") else np.dtype("float32")
    height, width = elevation.shape
    rows = [slice(top, min(top + TILE, height)) for top in range(0, height, TILE)]
    columns = [slice(left, min(left + TILE, width)) for left in range(0, width, TILE)]
    read = delayed(_read, pure=False)
    return da.block([
        [da.from_delayed(read(reader, y, x), (y.stop - y.start, x.stop - x.start), dtype) for x in columns]
        for y in rows
    ])  # fmt: skip


def at_once(variable: str, elevation: Any, masks: Masks, cell_size: Any, options: dict[str, Any]) -> np.ndarray:
    """Return the result of an array in memory that has too many cells for one piece."""
    reader = _reader(variable, elevation, masks, cell_size, options)
    out = np.empty(reader.tiles.shape, reader.dtype)
    for window, part in run_blocks(reader, windows(reader.tiles.shape, reader.tile)):
        out[window] = part
    return out


def _reader(variable: str, elevation: Any, masks: Masks, cell_size: Any, options: dict[str, Any]) -> Reader:
    sources = {name: Source(LazyWindows(mask)) for name, mask in masks.items()}
    with temporary_folder() as (folder, keep):
        reader = route(
            variable,
            Source(LazyWindows(elevation)),
            elevation.shape,
            cell_size,
            channels=sources.get("channels"),
            trapping=sources.get("trapping"),
            options=options,
            folder=folder,
        )
        keep(reader.store)
        return reader


def _read(reader: Reader, rows: slice, columns: slice) -> np.ndarray:
    window: Window = (rows, columns)
    return reader(window)
