"""A whole run from heights to soil loss against InVEST's sediment delivery model (SDR), on the same files.

    python benchmarks/invest.py [--cells 4000] [--repeat 1]

Both get a DEM, R, K, land cover with C and P by class, and one watershed; both route by multiple flow, write their
maps and sum up over the watershed, each in a process of its own. SDR makes delivery and export besides soil loss,
soilloss a report and severity. SDR has no wheels for Linux; where a Python with natcap.invest stands at
build/peers/invest/bin/python it is run, else only soilloss is. Prints wall and processor seconds and peak of memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import geopandas as gpd
import rasterio
import shapely
from rasterio.transform import from_origin
from terrain_steps import fractal

PEER = Path("build/peers/invest/bin/python")
SIDE, WEST, NORTH, CRS = 30, 3e5, 4.2e6, "EPSG:32649"
COVER = {1: 0.2, 2: 0.01, 3: 0.05, 4: 0.3, 5: 0.001, 6: 0.5}
PRACTICE = {1: 0.3, 2: 1, 3: 1, 4: 0.5, 5: 1, 6: 1}

PROJECT = f"""
name: the same as SDR
area: watershed.gpkg
grid: {{like: elevation}}
sources: {{elevation: dem.tif, erosivity: r.tif, erodibility: k.tif, land_cover: cover.tif}}
methods:
  cover: {{name: lookup, table: {COVER}}}
  practice: {{name: lookup, table: {PRACTICE}}}
zones: {{file: watershed.gpkg, name: ws_id}}
publish: {{maps: [soil_loss, factors]}}
"""

SDR = """
import logging, sys
from natcap.invest.sdr import sdr
logging.disable(logging.INFO)
if __name__ == "__main__":
    sdr.execute(dict(
        workspace_dir="sdr", dem_path="dem.tif", erosivity_path="r.tif", erodibility_path="k.tif",
        lulc_path="cover.tif", watersheds_path="watershed.gpkg", biophysical_table_path="table.csv", drainage_path="",
        threshold_flow_accumulation=1000, k_param=2, sdr_max=0.8, ic_0_param=0.5, l_max=122,
        flow_dir_algorithm="MFD", n_workers=int(sys.argv[1])))
"""


def write_inputs(folder: Path, cells: int) -> None:
    """Write the rasters, the table and the watershed."""
    z = fractal(cells, 3.0, 0.0)
    rasters = {
        "dem": z,
        "r": (4000 + z).astype("f4"),
        "k": (0.03 + 0.00001 * (z % 100)).astype("f4"),
        "cover": (1 + (z / 10).astype("i4") % 6).astype("u1"),
    }
    profile = {"driver": "GTiff", "width": cells, "height": cells, "count": 1, "crs": CRS, "tiled": True}
    profile |= {"transform": from_origin(WEST, NORTH, SIDE, SIDE), "blockxsize": 256, "blockysize": 256}
    for name, values in rasters.items():
        nodata = 255 if name == "cover" else -9999.0
        with rasterio.open(folder / f"{name}.tif", "w", **profile, dtype=values.dtype, nodata=nodata) as out:
            out.write(values, 1)
    rows = [f"{code},{COVER[code]},{PRACTICE[code]}" for code in COVER]
    (folder / "table.csv").write_text("\n".join(["lucode,usle_c,usle_p", *rows]) + "\n", encoding="utf-8")
    span = cells * SIDE
    inside = shapely.box(WEST + 150, NORTH - span + 150, WEST + span - 150, NORTH - 150)
    gpd.GeoDataFrame({"ws_id": [1]}, geometry=[inside], crs=CRS).to_file(folder / "watershed.gpkg")
    (folder / "project.yml").write_text(PROJECT, encoding="utf-8")
    (folder / "sdr.py").write_text(SDR, encoding="utf-8")


def timed(command: list[str], folder: Path) -> str:
    """Run a program; return what it took in words."""
    before, started = os.times(), time.perf_counter()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    wall, after = time.perf_counter() - started, os.times()
    if done.returncode:
        return (done.stderr.strip().splitlines() or ["failed"])[-1]
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1048576
    return f"{wall:8.1f} s {cpu:8.1f} s cpu, largest process so far {memory:.1f} GiB"


def main() -> None:
    """Run both in turn."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=4000)
    parser.add_argument("--repeat", type=int, default=1)
    asked = parser.parse_args()
    # not resolved: the interpreter of an environment is a link, and elsewhere it would not find its packages
    peer = PEER.absolute() if any(PEER.parents[1].glob("lib/*/site-packages/natcap/invest")) else None
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        write_inputs(folder, asked.cells)
        for _ in range(asked.repeat):
            # nothing is reused: the store of the former round goes
            subprocess.run(["rm", "-rf", ".soilloss", "out"], cwd=folder, check=True)
            ours = [sys.executable, "-m", "soilloss.cli", "run", "project.yml", "--json"]
            print(f"soilloss {timed(ours, folder)}", flush=True)
            if peer:
                print(f"InVEST   {timed([str(peer), 'sdr.py', '-1'], folder)}", flush=True)
    if not peer:
        print("not here: InVEST")


if __name__ == "__main__":
    main()
