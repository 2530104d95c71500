"""Catchments of gauges and streams as GeoPackages beside the rasters of a terrain folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from odc.geo.geobox import GeoBox

from soilloss.derive import network, streams
from soilloss.grid.target import cell_size
from soilloss.sources.tables import read_points


class Gauges(NamedTuple):
    """Where gauges are: a CSV or point file, the CRS of its places, how far they may be moved onto a stream, m."""

    path: Path
    crs: str | None = None
    radius: float = 0.0


def write_watersheds(
    folder: Path, gauges: Gauges, directions: np.ndarray, area: np.ndarray, grid: GeoBox
) -> list[dict[str, Any]]:
    """Write ``watersheds.gpkg``, polygons that can be given as zones, and return their lines for the record."""
    points = read_points(gauges.path, crs=gauges.crs)
    outlets = network.locate(points.names, points.x, points.y, points.crs, grid)
    outlets = network.snap(outlets, area, radius=gauges.radius, cell_size=cell_size(grid))
    label = network.watersheds(directions, outlets.rows, outlets.columns)
    frame = network.watershed_polygons(label, outlets, directions, grid)
    frame.to_file(folder / "watersheds.gpkg", driver="GPKG", layer="watersheds")
    return frame.drop(columns="geometry").to_dict("records")


def write_streams(
    folder: Path, directions: np.ndarray, area: np.ndarray, grid: GeoBox, threshold_area: float
) -> dict[str, Any]:
    """Write ``streams.gpkg``, lines with Strahler order, and return a summary for the record."""
    frame = streams.streams(directions, area, grid=grid, threshold_area=threshold_area)
    frame.to_file(folder / "streams.gpkg", driver="GPKG", layer="streams", geometry_type="LineString")
    order, length = frame["strahler_order"].to_numpy(), frame["length_m"].to_numpy()
    return {
        "threshold_area_m2": threshold_area,
        "links": len(frame),
        "length_m": {str(one): float(length[order == one].sum()) for one in np.unique(order)},
    }
