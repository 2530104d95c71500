"""Bringing a raster onto the target grid: soilloss against GDAL's warper, from file to blocks, on one thread.

    python benchmarks/warp.py [--cells 4000] [--repeat 3] [--block 512]

A geographic DEM of one arc second and a map of classes of the same grid go to a UTM grid of `--cells` cells of 30 m a
side, and to 90 m for coarsening. The others are one warp over the whole target with exact positions, read by blocks
(`WarpedVRT`, tolerance 1e-12), and `rasterio.warp.reproject` of the whole as it comes. Reading the source is part of
every figure.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import rasterio
from affine import Affine
from odc.geo.geobox import GeoBox
from pyproj import Transformer
from rasterio.enums import Resampling
from rasterio.vrt import WarpedVRT
from rasterio.warp import reproject

from soilloss.grid import align
from soilloss.grid.blocks import windows
from soilloss.sources.synthetic import fractal, write_raster

PLACE = (24.25, 41.8)
ARC_SECOND = 1 / 3600
WAYS: dict[str, Callable[..., np.ndarray]] = {}


def target(cells: int, side: float) -> GeoBox:
    """A UTM grid around the place."""
    x, y = Transformer.from_crs(4326, 32635, always_xy=True).transform(*PLACE)
    half = cells * side / 2
    return GeoBox((cells, cells), Affine(side, 0, round(x - half), 0, -side, round(y + half)), "EPSG:32635")


def sources(folder: Path, width: float) -> tuple[Path, Path]:
    """A DEM and a map of classes wide enough for a target of so many metres."""
    degrees = width / 111_000 * 1.06
    shape = (int(degrees / ARC_SECOND), int(degrees / np.cos(np.radians(PLACE[1])) / ARC_SECOND))
    corner = Affine.translation(PLACE[0] - shape[1] / 2 * ARC_SECOND, PLACE[1] + shape[0] / 2 * ARC_SECOND)
    grid = GeoBox(shape, corner @ Affine.scale(ARC_SECOND, -ARC_SECOND), "EPSG:4326")
    height = fractal(shape, seed=3)
    classes = (1 + (height * 7 / height.max())).astype("uint8")
    dem = write_raster(folder / "dem.tif", height.round().astype("int16"), grid, -9999, block=256)
    return dem, write_raster(folder / "classes.tif", classes, grid, 0, block=256)


def by_soilloss(path: Path, grid: GeoBox, rule: str, block: int) -> np.ndarray:
    out = np.empty(grid.shape, "float32")
    with rasterio.open(path) as data:
        aligned = align.open_aligned(data, grid, rule)
        for window in windows(grid.shape, block):
            out[window] = align.read(aligned, window)
    return out


def by_exact_vrt(path: Path, grid: GeoBox, rule: str, block: int) -> np.ndarray:
    out = np.empty(grid.shape, "float32")
    with rasterio.open(path) as data:
        across, down = align.cells_per_cell(data, grid)
        scales = {"XSCALE": min(1.0, 1 / across), "YSCALE": min(1.0, 1 / down)}
        form = {"crs": "EPSG:32635", "transform": grid.affine, "height": grid.shape[0], "width": grid.shape[1]}
        options = {"resampling": Resampling[rule], "tolerance": 1e-12, "nodata": np.nan, "dtype": "float32"}
        with WarpedVRT(data, **form, **options, **scales) as warped:
            for rows, columns in windows(grid.shape, block):
                box = ((rows.start, rows.stop), (columns.start, columns.stop))
                out[rows, columns] = warped.read(1, window=box)
    return out


def by_reproject(path: Path, grid: GeoBox, rule: str, _block: int) -> np.ndarray:
    out = np.full(grid.shape, np.nan, "float32")
    with rasterio.open(path) as data:
        reproject(
            rasterio.band(data, 1),
            out,
            dst_transform=grid.affine,
            dst_crs="EPSG:32635",
            dst_nodata=np.nan,
            resampling=Resampling[rule],
        )
    return out


def timed(way: Callable[..., np.ndarray], repeat: int, *arguments: object) -> tuple[float, np.ndarray]:
    """Median processor seconds of a call, and what it returns."""
    seconds = []
    for _ in range(repeat):
        started = time.process_time()
        out = way(*arguments)
        seconds.append(time.process_time() - started)
    return statistics.median(seconds), out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=4000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--block", type=int, default=512)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch, rasterio.Env(GDAL_CACHEMAX=256):
        dem, classes = sources(Path(scratch), options.cells * 30)
        fine, coarse = target(options.cells, 30), target(options.cells // 3, 90)
        cases = (
            ("bilinear", dem, fine),
            ("nearest", classes, fine),
            ("bilinear", dem, coarse),
            ("mode", classes, coarse),
        )
        for rule, path, grid in cases:
            compare(rule, path, grid, options.repeat, options.block)


def compare(rule: str, path: Path, grid: GeoBox, repeat: int, block: int) -> None:
    """Print processor seconds per million target cells of the three ways, and where they differ."""
    by_soilloss(path, grid[:8, :8], rule, block)
    million = grid.shape[0] * grid.shape[1] / 1e6
    print(f"\n{rule}, {path.stem}, {grid.shape[0]} x {grid.shape[1]} cells of {grid.resolution.x:g} m")
    ours, made = timed(by_soilloss, repeat, path, grid, rule, block)
    print(f"{'soilloss':28} {ours / million:.3f} s per million cells")
    for name, way in (("WarpedVRT, exact positions", by_exact_vrt), ("reproject, default", by_reproject)):
        seconds, other = timed(way, 1, path, grid, rule, block)
        apart = np.abs(other - made)
        print(
            f"{name:28} {seconds / million:.3f} s per million cells   x {seconds / ours:.1f}   median difference "
            f"{np.nanmedian(apart):.2g}, 99.9 % {np.nanpercentile(apart, 99.9):.2g}, cells {np.mean(apart > 0):.2%}"
        )


if __name__ == "__main__":
    main()
