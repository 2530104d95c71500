"""A = R K LS C P from five compressed rasters to one: soilloss against the usual ways, on the same files in one run.

    python benchmarks/factors.py [--cells 10000] [--repeat 3]

C comes from NDVI (van der Knijff et al. 2000) and P from slope (Wener 1981). Every way runs as a process of its own and
writes a tiled float32 GeoTIFF (zstd level 1, floating-point predictor); soilloss also checks its inputs, hashes them,
sums up, and writes tables and a report. Ways whose tools are not installed are left out.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import rasterio
from rasterio.transform import from_origin

RANGES = {
    "erosivity": (3000, 6000),
    "erodibility": (0.01, 0.05),
    "topography": (0.03, 30),
    "ndvi": (0.02, 0.9),
    "slope": (0, 0.6),
}
PROJECT = """
grid: {like: erosivity}
sources:
  erosivity: erosivity.tif
  erodibility: erodibility.tif
  topography: topography.tif
  ndvi: ndvi.tif
  slope: slope.tif
methods: {practice: wener_1981}
publish: {folder: out, maps: [soil_loss]}
"""
PRELUDE = """
import numpy as np
NAMES = ["erosivity", "erodibility", "topography", "ndvi", "slope"]
def product(r, k, ls, ndvi, slope):
    c = np.clip(np.exp(-2 * ndvi / (1 - ndvi)), 0, 1)
    p = np.minimum(1, np.float32(0.2) + np.float32(3) * np.tan(slope))
    known = (r != -9999) & (k != -9999) & (ls != -9999) & (ndvi != -9999) & (slope != -9999)
    return np.where(known, r * k * ls * c * p, np.float32(np.nan)).astype("f4")
"""
RASTERIO = (
    PRELUDE
    + """
import rasterio
from rasterio.windows import Window
sources = [rasterio.open(f"{n}.tif") for n in NAMES]
first = sources[0]
profile = {**first.profile, "compress": "zstd", "zstd_level": 1, "predictor": 3, "nodata": np.nan}
with rasterio.open("numpy.tif", "w", **profile) as out:
    for top in range(0, first.height, 512):
        window = Window(0, top, first.width, min(512, first.height - top))
        out.write(product(*[s.read(1, window=window) for s in sources]), 1, window=window)
"""
)
DASK = (
    PRELUDE
    + """
import threading, dask, rioxarray, xarray as xr
dask.config.set(scheduler="threads")
chunks = {"x": 2048, "y": 2048}
data = [rioxarray.open_rasterio(f"{n}.tif", chunks=chunks, lock=False)[0] for n in NAMES]
out = xr.apply_ufunc(product, *data, dask="parallelized", output_dtypes=["f4"]).rio.write_nodata(np.nan)
out.rio.to_raster("dask.tif", tiled=True, blockxsize=512, blockysize=512, lock=threading.Lock(), compress="zstd",
                  zstd_level=1, predictor=3)
"""
)
FORMULA = "A*B*C*clip(exp(-2*D/(1-D)),0,1)*minimum(1,0.2+3*tan(E))"


def ways(folder: Path) -> dict[str, list[str]]:
    """Command of each way that can run here."""
    python = sys.executable
    out = {
        "soilloss": [python, "-m", "soilloss.cli", "run", "project.yml", "--json"],
        "rasterio + NumPy": [python, "-c", RASTERIO],
        "rioxarray + dask": [python, "-c", DASK],
    }
    if calc := shutil.which("gdal_calc.py"):
        letters = [
            x for pair in zip(("-A", "-B", "-C", "-D", "-E"), (f"{n}.tif" for n in RANGES), strict=True) for x in pair
        ]
        options = ["TILED=YES", "BLOCKXSIZE=512", "BLOCKYSIZE=512", "COMPRESS=ZSTD", "ZSTD_LEVEL=1", "PREDICTOR=3"]
        flags = [f"--co={o}" for o in options]
        out["gdal_calc.py"] = [
            calc,
            *letters,
            "--outfile=calc.tif",
            "--type=Float32",
            f"--calc={FORMULA}",
            "--overwrite",
            "--quiet",
            *flags,
        ]
    return out


def make_inputs(folder: Path, cells: int) -> None:
    """Write the five rasters: a level per block and a little noise, so that they compress like real ones."""
    random = np.random.default_rng(7)
    base = random.random((512, 512), dtype=np.float32)
    profile = {
        "driver": "GTiff",
        "width": cells,
        "height": cells,
        "count": 1,
        "dtype": "float32",
        "crs": "EPSG:32649",
        "transform": from_origin(3e5, 4.2e6, 30, 30),
        "nodata": -9999.0,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "deflate",
        "predictor": 3,
        "num_threads": "all_cpus",
    }
    for name, (low, high) in RANGES.items():
        with rasterio.open(folder / f"{name}.tif", "w", **profile) as out:
            for _, window in out.block_windows(1):
                part = base[: window.height, : window.width]
                values = (np.float32(0.7 * random.random()) + np.float32(0.3) * part) * (high - low) + low
                out.write(np.where(part < 0.01, -9999, values).astype("f4"), 1, window=window)
    (folder / "project.yml").write_text(PROJECT)


def timed(command: list[str], folder: Path) -> float:
    """Wall seconds of a command in `folder`; without the results of an earlier run."""
    shutil.rmtree(folder / "out", ignore_errors=True)
    shutil.rmtree(folder / ".soilloss", ignore_errors=True)
    started = time.perf_counter()
    subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def main() -> None:
    """Print a line per way: median seconds, and how many times soilloss is as fast."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        make_inputs(folder, options.cells)
        seconds: dict[str, list[float]] = {}
        for _ in range(options.repeat):
            for name, command in ways(folder).items():
                seconds.setdefault(name, []).append(timed(command, folder))
        ours = statistics.median(seconds["soilloss"])
        print(f"A = R K LS C P, {options.cells} x {options.cells} cells, median of {options.repeat}")
        for name, runs in seconds.items():
            print(f"{name:20} {statistics.median(runs):7.2f} s   x {statistics.median(runs) / ours:.2f}")


if __name__ == "__main__":
    main()
