"""Sums by zone over many layers: coverage is worked out once per block and serves all years; against exactextract.

    python benchmarks/zones.py [--cells 3000] [--side 100] [--layers 25]

Side x side polygons with bent borders tile a square raster. Printed are processor seconds per layer: ours with the
share of the coverage that falls on one of the layers, and exactextract (sum and mean) on one layer.
"""

from __future__ import annotations

import argparse
import time
from typing import Any

import numpy as np
import shapely
from affine import Affine
from exactextract import exact_extract
from exactextract.raster import NumPyRasterSource
from odc.geo.geobox import GeoBox
from shapely.geometry import mapping

from soilloss.grid import zones
from soilloss.grid.blocks import windows
from soilloss.kernels.classes import thresholds
from soilloss.kernels.summary import add_cells, grade_whole

CELL = 30
EDGES = thresholds([5.0, 10.0, 30.0])


def polygons(cells: int, side: int) -> list[shapely.Polygon]:
    """Quadrangles with shifted corners and a vertex every two cells, y downwards from 0."""
    random = np.random.default_rng(0)
    across = np.linspace(0, cells * CELL, side + 1)
    x, y = np.meshgrid(across, -across)
    shift = 0.25 * cells * CELL / side
    corner = np.stack([x, y], axis=-1) + random.uniform(-shift, shift, (side + 1, side + 1, 2))
    rings = np.stack([corner[:-1, :-1], corner[:-1, 1:], corner[1:, 1:], corner[1:, :-1]], axis=2)
    whole: Any = shapely.polygons(rings.reshape(-1, 4, 2))
    return list(shapely.segmentize(whole, 2 * CELL))


def ours(values: np.ndarray, shapes: list[shapely.Polygon], layers: int) -> tuple[float, np.ndarray]:
    """Processor seconds per layer, and the mean of each zone."""
    grid = GeoBox(values.shape, Affine(CELL, 0, 0, 0, -CELL, 0), "EPSG:32649")
    started = time.process_time()
    area = np.full(len(values), float(CELL * CELL))
    sums = np.zeros((layers, 2, len(shapes), len(EDGES) + 2), np.int64)
    for window in windows((len(values), values.shape[1]), (512, 8192)):
        zone, row, column, share = zones.coverage(shapes, grid, window)
        zone, row, column = (part.astype(np.int32) for part in (zone, row, column))
        share = share.astype(np.float32)
        part, rows, inside = np.ascontiguousarray(values[window]), area[window[0]], np.ones(values[window].shape, bool)
        grade, whole = np.empty(part.shape, np.uint8), np.zeros((2, len(EDGES) + 2), np.int64)
        for mass, surface in sums:
            grade_whole(part, rows, inside, EDGES, grade, whole[0], whole[1])
            add_cells(part, rows, grade, zone, row, column, share, mass, surface)
    grams, area_sum = sums[0].sum(axis=-1)
    return (time.process_time() - started) / layers, grams / area_sum * 10


def theirs(values: np.ndarray, shapes: list[shapely.Polygon]) -> tuple[float, np.ndarray]:
    """The same by exactextract on one layer."""
    side = len(values) * CELL
    raster = NumPyRasterSource(values, 0, -side, side, 0)
    features: list[Any] = [{"type": "Feature", "properties": {}, "geometry": mapping(one)} for one in shapes]
    started = time.process_time()
    found = exact_extract(raster, features, ["sum", "mean"]) or []
    return time.process_time() - started, np.array([one["properties"]["mean"] for one in found])


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=3000)
    parser.add_argument("--side", type=int, default=100)
    parser.add_argument("--layers", type=int, default=25)
    options = parser.parse_args()
    values = np.random.default_rng(1).gamma(2, 10, (options.cells, options.cells)).astype("f4")
    shapes = polygons(options.cells, options.side)
    ours(values[:600, :600], shapes[:2], 1)  # compiles
    seconds, means = ours(values, shapes, options.layers)
    other, expected = theirs(values, shapes)
    print(f"{len(shapes)} zones, {options.cells} x {options.cells} cells, {options.layers} layers")
    print(f"soilloss      {seconds:7.3f} s per layer")
    print(f"exactextract  {other:7.3f} s per layer   x {other / seconds:.1f}")
    print(f"largest difference of the means of the zones: {np.abs(means / expected - 1).max():.1e}")


if __name__ == "__main__":
    main()
