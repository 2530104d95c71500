"""The space-time pass: quarters of many years from compressed files to statistics or maps, as a whole command.

    python benchmarks/pass.py [--cells 5000] [--years 5] [--cover table|ndvi] [--maps none|year] [--workers 1]

Land cover (uint8, zstd) or NDVI (int16, zstd) comes for each quarter on the target grid, rain for each quarter on a
geographic grid of 0.05 degrees, K on 250 m, LS and P once. Eight different quarters are made; the rest are links to
them, which costs a run as much as other files would. Printed are processor seconds of a process of its own for the
whole command and for what grows with the cells alone (the same command on a raster of 512 cells taken off), per
thousand million cell-quarters, and the peak of its memory.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from pyproj import Transformer
from rasterio.transform import from_origin
from scipy.ndimage import gaussian_filter

PATTERN, CELL = 2048, 30
WEST, NORTH, CRS = 3e5, 4.2e6, "EPSG:32649"
DIFFERENT = 8
PROJECT = """
grid: {{like: topography}}
period: {{start: 2001-01, end: {last}-12, step: quarter}}
sources:
  erosivity: "rain_{{year}}_{{quarter}}.tif"
  erodibility: erodibility.tif
  topography: topography.tif
  practice: practice.tif
  {cover}
methods:
  {method}
publish: {{folder: out, maps: {maps}, steps: {steps}}}
"""
COVER = {
    "table": (
        'land_cover: "land_{year}_{quarter}.tif"',
        "cover: {name: lookup, table: {forest: 0.003, shrubland: 0.02, grassland: 0.05, cropland: 0.3, built_up: 0.01, "
        "bare: 0.7, water: 0, wetland: 0}}",
    ),
    "ndvi": (
        'ndvi: {file: "ndvi_{year}_{quarter}.tif", scale: 0.0001, nodata: -32768}',
        "cover: van_der_knijff_2000",
    ),
}


def smooth(seed: int, width: float) -> np.ndarray:
    """A periodic surface of PATTERN cells a side, evenly spread between 0 and 1."""
    noise = np.random.default_rng(seed).standard_normal((PATTERN, PATTERN)).astype("f4")
    field = gaussian_filter(noise, width, mode="wrap")
    edges = np.quantile(field[::8, ::8], np.linspace(0, 1, 257))
    return np.interp(field, edges, np.linspace(0, 1, 257)).astype("f4")


def write(path: Path, pattern: np.ndarray, cells: int, cell: float = CELL, nodata: float | None = None) -> None:
    """Write a pattern, repeated over a square raster of `cells` cells, tiled and compressed."""
    floating = pattern.dtype.kind == "f"
    profile = {
        "driver": "GTiff",
        "width": cells,
        "height": cells,
        "count": 1,
        "dtype": pattern.dtype,
        "crs": CRS,
        "transform": from_origin(WEST, NORTH, cell, cell),
        "nodata": nodata,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "zstd",
        "predictor": 3 if floating else 1 if pattern.dtype == np.uint8 else 2,
        "num_threads": "all_cpus",
    }
    with rasterio.open(path, "w", **profile) as out:
        for top in range(0, cells, 512):
            rows = np.arange(top, min(top + 512, cells)) % PATTERN
            out.write(
                np.take(pattern[rows], np.arange(cells) % PATTERN, axis=1),
                1,
                window=((top, top + len(rows)), (0, cells)),
            )


def write_rain(folder: Path, cells: int, number: int) -> None:
    """Rain of a quarter on a geographic grid that covers the target with some to spare."""
    side = cells * CELL
    west, south, east, north = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform_bounds(
        WEST, NORTH - side, WEST + side, NORTH
    )
    width, height = int((east - west) / 0.05) + 6, int((north - south) / 0.05) + 6
    values = np.random.default_rng(number).gamma(4, 100, (height, width)).astype("f4")
    profile = {"driver": "GTiff", "width": width, "height": height, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
    with rasterio.open(
        folder / f"rain{number}.tif", "w", transform=from_origin(west - 0.1, north + 0.1, 0.05, 0.05), **profile
    ) as out:
        out.write(values, 1)


def make(folder: Path, cells: int, years: int, cover: str, maps: str) -> None:
    """Write sources and project file."""
    folder.mkdir(parents=True)
    relief, patches = smooth(1, 6), smooth(2, 12)
    write(folder / "topography.tif", (0.03 + 20 * relief**3).astype("f4"), cells)
    write(folder / "practice.tif", np.where(patches > 0.7, np.float32(0.5), np.float32(1)), cells)
    write(
        folder / "erodibility.tif",
        (0.02 + 0.03 * patches[::8, ::8].repeat(8, 0).repeat(8, 1)),
        -(-cells * CELL // 250) + 1,
        250,
    )
    classes = 1 + (7.99 * patches).astype("u1")
    for number in range(min(DIFFERENT, 4 * years)):
        write_rain(folder, cells, number)
        season = smooth(10 + number, 5)
        if cover == "table":
            crops = (classes == 4) & (season > 0.5)
            write(
                folder / f"land{number}.tif",
                np.where(relief < 0.01, 0, np.where(crops, 6, classes)).astype("u1"),
                cells,
                nodata=0,
            )
        else:
            noise = np.random.default_rng(number).normal(0, 60, season.shape)
            ndvi = np.where(relief < 0.01, -32768, 500 + 8000 * season + noise).astype("i2")
            write(folder / f"ndvi{number}.tif", ndvi, cells, nodata=-32768)
    kinds = ("rain", "land" if cover == "table" else "ndvi")
    for step in range(4 * years):
        for kind in kinds:
            os.link(folder / f"{kind}{step % DIFFERENT}.tif", folder / f"{kind}_{2001 + step // 4}_{step % 4 + 1}.tif")
    source, method = COVER[cover]
    steps = "[year]" if maps == "year" else "[]"
    text = PROJECT.format(last=2000 + years, cover=source, method=method, maps="[soil_loss]", steps=steps)
    (folder / "project.yml").write_text(text)


def measured(folder: Path, workers: int) -> tuple[float, float, float]:
    """Processor and wall seconds of the command in `folder`, and the peak of its memory in GB."""
    command = [sys.executable, __file__, "--measure", str(folder), "--workers", str(workers)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return tuple(json.loads(done.stdout))


def measure(folder: Path, workers: int) -> None:
    """Run the command and print what it took."""
    started = time.perf_counter()
    command = [sys.executable, "-m", "soilloss.cli", "run", "project.yml", "--json", "--workers", str(workers)]
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(json.dumps([used.ru_utime + used.ru_stime, time.perf_counter() - started, used.ru_maxrss / 1e6]))


def main() -> None:
    """Make the project, run it, print the costs."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=5000)
    parser.add_argument("--years", type=int, default=5)
    parser.add_argument("--cover", choices=COVER, default="table")
    parser.add_argument("--maps", choices=("none", "year"), default="none")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", default="", metavar="DIR", help="make the project there and leave it")
    parser.add_argument("--measure", default="", metavar="DIR", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(Path(options.measure), options.workers)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(options.keep or Path(scratch, "project"))
        if not folder.exists():
            make(folder, options.cells, options.years, options.cover, options.maps)
        small = Path(scratch, "small")
        make(small, 512, options.years, options.cover, options.maps)
        measured(small, options.workers)  # compiles what is not compiled yet
        shutil.rmtree(small / "out")
        fixed, _, _ = measured(small, options.workers)
        processor, wall, memory = measured(folder, options.workers)
    steps = 4 * options.years
    phases = options.cells**2 * steps / 1e9
    grows = processor - fixed
    print(f"{options.cells} x {options.cells} cells, {steps} quarters, cover by {options.cover}, maps: {options.maps}")
    print(f"whole command   {processor:8.1f} s processor, {wall:8.1f} s wall, {memory:.2f} GB at most")
    print(f"what grows      {grows / phases:8.2f} s per 1e9 cell-quarters, {phases * 1e3 / grows:.0f} million a second")


if __name__ == "__main__":
    main()
