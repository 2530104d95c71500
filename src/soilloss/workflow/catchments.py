"""Catchments of gauges and streams as GeoPackages beside the rasters of a terrain folder; grids of any size."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.windows import Window as RasterWindow

from soilloss.derive import network, streams
from soilloss.derive.tiled import Source
from soilloss.derive.tiled.watersheds import watersheds
from soilloss.grid.blocks import Window, run_blocks
from soilloss.grid.rims import Tiles
from soilloss.grid.target import cell_size
from soilloss.sources.tables import read_points


class Gauges(NamedTuple):
    """Where gauges are: a CSV or point file, the CRS of its places, how far they may be moved onto a stream, m."""

    path: Path
    crs: str | None = None
    radius: float = 0.0


class Flow(Protocol):
    """What is read by window: D8 directions as codes, and the area that drains through each cell by D8."""

    grid: GeoBox
    blocks: list[Window]
    side: int
    workers: int | None
    masks: dict[str, Source]
    progress: Callable[[str, int, int], None]

    def directions(self, window: Window) -> np.ndarray:
        """Codes, uint8."""
        ...

    def area(self, window: Window) -> np.ndarray:
        """Area, m2."""
        ...


def write_watersheds(folder: Path, gauges: Gauges, flow: Flow) -> list[dict[str, Any]]:
    """Write ``watersheds.gpkg``, polygons that can be given as zones, and return their lines for the record."""
    points = read_points(gauges.path, crs=gauges.crs)
    outlets = network.locate(points.names, points.x, points.y, points.crs, flow.grid)
    shape = flow.grid.shape[0], flow.grid.shape[1]
    outlets = network.snap(outlets, flow.area, radius=gauges.radius, cell_size=cell_size(flow.grid), shape=shape)
    tiles = Tiles(shape, (flow.side, flow.side))
    label = watersheds(flow.directions, tiles, outlets.rows, outlets.columns, flow.workers)
    codes = np.array([_one(flow, row, column) for row, column in zip(outlets.rows, outlets.columns, strict=True)])
    path = folder / "watersheds.part.tif"
    own, below = _write_labels(path, flow, label, outlets, codes)
    with rasterio.open(path) as dataset:
        frame = network.catchments(rasterio.band(dataset, 1), outlets, own, below, flow.grid)
    path.unlink()
    frame.to_file(folder / "watersheds.gpkg", driver="GPKG", layer="watersheds")
    return frame.drop(columns="geometry").to_dict("records")


def _one(flow: Flow, row: int, column: int) -> int:
    return int(flow.directions((slice(row, row + 1), slice(column, column + 1)))[0, 0])


def _write_labels(
    path: Path, flow: Flow, label: Callable[[Window], np.ndarray], outlets: network.Outlets, codes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Write the labels to a raster and return what was measured of them."""
    grid, own, below = flow.grid, np.zeros(len(codes), np.int64), np.zeros(len(codes), np.int64)
    profile = {"width": grid.shape[1], "height": grid.shape[0], "count": 1, "dtype": "int32", "nodata": 0}
    profile |= {"crs": str(grid.crs), "transform": grid.affine, "tiled": True, "compress": "deflate", "zlevel": 1}
    with rasterio.open(path, "w", driver="GTiff", bigtiff="IF_SAFER", **profile) as dataset:
        for done, (window, part) in enumerate(run_blocks(label, flow.blocks, flow.workers), 1):
            dataset.write(part, 1, window=RasterWindow.from_slices(*window))
            units, met = network.measured(part, window, outlets, codes, grid)
            own += units
            below += met
            flow.progress("watersheds", done, len(flow.blocks))
    return own, below


def write_streams(folder: Path, flow: Flow, threshold_area: float) -> dict[str, Any]:
    """Write ``streams.gpkg``, lines with Strahler order, and return a summary for the record."""

    def cells(window: Window) -> streams.Channels:
        drawn = flow.masks["channels"].read(window) if "channels" in flow.masks else None
        codes, area = flow.directions(window), flow.area(window)
        return streams.channel_cells(codes, area, window, threshold_area=threshold_area, channels=drawn)

    parts = []
    for done, (_, part) in enumerate(run_blocks(cells, flow.blocks, flow.workers), 1):
        parts.append(part)
        flow.progress("streams", done, len(flow.blocks))
    frame = streams.stream_lines(streams.joined(parts), grid=flow.grid)
    frame.to_file(folder / "streams.gpkg", driver="GPKG", layer="streams", geometry_type="LineString")
    order, length = frame["strahler_order"].to_numpy(), frame["length_m"].to_numpy()
    return {
        "threshold_area_m2": threshold_area,
        "links": len(frame),
        "length_m": {str(one): float(length[order == one].sum()) for one in np.unique(order)},
    }
