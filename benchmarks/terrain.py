"""From one GeoTIFF of heights to flow and LS: soilloss against other programs, on the same file in one run.

    python benchmarks/terrain.py [--cells 4000] [--repeat 3] [--only NAME ...] [--install]

Three jobs: the D8 chain (fill, directions, flats, accumulation), accumulation of flow that divides (fill included), and
DEM to LS from file to file. Libraries are timed in memory after a small warm-up, GRASS and SAGA by command, with their
own import; the third job is the wall time of a whole process for all. `--install` makes an environment for each
library in build/peers; what is not there is said. Prints the least wall time of the rounds, processor time and the
peak of memory of that round, and how many times soilloss is as fast.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import rasterio
from rasterio.transform import from_origin
from terrain_steps import fractal

PEERS = Path("build/peers")
PACKAGES = {
    "whitebox": "whitebox-workflows",
    "pyflwdir": "pyflwdir",
    "pysheds": "pysheds numpy<2.4",
    "richdem": "richdem",
    "richdem2": "richdem2",
    "topotoolbox": "topotoolbox",
    "xarray-spatial": "xarray-spatial",
}
LIMIT = 900

HEAD = """
import json, resource, sys, time
import numpy as np
def read(path):
    import rasterio
    with rasterio.open(path) as d: return d.read(1)
def timed(job, first, then):
    job(first)
    runs, began = [], time.perf_counter()
    while not runs or (len(runs) < 5 and time.perf_counter() - began < 10):
        wall, cpu = time.perf_counter(), time.process_time()
        job(then)
        runs.append((time.perf_counter() - wall, time.process_time() - cpu))
    wall, cpu = min(runs)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1048576
    print(json.dumps({"wall": wall, "cpu": cpu, "memory": memory}))
small, large = sys.argv[1:3]
"""
"""Every library runs `timed(job, small, large)`: warmed up with the small file, the best of up to five runs in 10 s."""

D8 = {
    "soilloss": """
from soilloss.derive import terrain
timed(lambda z: terrain.flow_accumulation(z, cell_size=30), read(small), read(large))
""",
    "whitebox": """
import whitebox_workflows as w
e = w.WbEnvironment(); e.verbose = False
def job(dem):
    pointer = e.hydrology.d8_pointer(dem=e.hydrology.fill_depressions(dem=dem))
    e.hydrology.d8_flow_accum(input=pointer, out_type="cells", input_is_pointer=True)
timed(job, e.read_raster(small, "m"), e.read_raster(large, "m"))
""",
    "pyflwdir": """
import pyflwdir
def job(z):
    _, d8 = pyflwdir.dem.fill_depressions(z, outlets="edge", nodata=-9999.0)
    pyflwdir.from_array(d8, ftype="d8", check_ftype=False).upstream_area()
timed(job, read(small), read(large))
""",
    "pysheds": """
from affine import Affine
from pysheds.sgrid import sGrid
from pysheds.view import Raster, ViewFinder
def job(z):
    view = ViewFinder(affine=Affine(30, 0, 3e5, 0, -30, 4.2e6), shape=z.shape, nodata=np.float64(-9999.0))
    grid = sGrid(viewfinder=view)
    filled = grid.fill_depressions(grid.fill_pits(Raster(z.astype("f8"), viewfinder=view)))
    grid.accumulation(grid.flowdir(grid.resolve_flats(filled)))
timed(job, read(small), read(large))
""",
    "richdem": """
import richdem
def job(z):
    filled = richdem.FillDepressions(richdem.rdarray(z, no_data=-9999.0), epsilon=True, in_place=False)
    richdem.FlowAccumulation(filled, method="D8")
timed(job, read(small), read(large))
""",
    "topotoolbox": """
import topotoolbox
timed(lambda g: topotoolbox.FlowObject(g).flow_accumulation(), topotoolbox.read_tif(small), topotoolbox.read_tif(large))
""",
    "xarray-spatial": """
import xarray, xrspatial.hydro as h
def grid(path):
    z = read(path); n = len(z)
    return xarray.DataArray(z, dims=("y", "x"), attrs={"res": (30.0, 30.0)},
        coords={"y": np.arange(n)[::-1] * 30.0, "x": np.arange(n) * 30.0})
timed(lambda z: h.flow_accumulation_d8(h.flow_direction_d8(h.fill_d8(z))).values, grid(small), grid(large))
""",
}
D8["richdem2"] = D8["richdem"]
MFD = {
    "soilloss": D8["soilloss"].replace("flow_accumulation(", "contributing_area("),
    "whitebox": """
import whitebox_workflows as w
e = w.WbEnvironment(); e.verbose = False
job = lambda dem: e.hydrology.fd8_flow_accum(dem=e.hydrology.fill_depressions(dem=dem), out_type="ca")
timed(job, e.read_raster(small, "m"), e.read_raster(large, "m"))
""",
    "pysheds": D8["pysheds"].replace(
        "grid.accumulation(grid.flowdir(grid.resolve_flats(filled)))",
        'grid.accumulation(grid.flowdir(grid.resolve_flats(filled), routing="mfd"), routing="mfd")',
    ),
    "richdem": D8["richdem"].replace('method="D8"', 'method="Freeman", exponent=1.1'),
    "xarray-spatial": D8["xarray-spatial"]
    .replace("direction_d8", "direction_mfd")
    .replace("accumulation_d8", "accumulation_mfd"),
}
MFD["richdem2"] = MFD["richdem"]
LS = {
    "soilloss": """
import rasterio, sys
import numpy as np
from soilloss.derive import terrain
from soilloss.factors import topography
from soilloss.grid.blocks import grow, run_blocks, windows
with rasterio.open(sys.argv[2]) as source:
    z, profile = source.read(1), source.profile
area = terrain.contributing_area(z, cell_size=30)
ls = np.empty_like(z)
def strip(window):
    outer, inner = grow(window, 1, z.shape)
    slope = terrain.slope_horn_1981(z[outer], cell_size=30)[inner]
    aspect = terrain.aspect_horn_1981(z[outer], cell_size=30)[inner]
    ls[window] = topography.desmet_govers_1996(area[window], slope, aspect, cell_size=30)
for _ in run_blocks(strip, windows(z.shape, (256, z.shape[1]))):
    pass
with rasterio.open("ours.tif", "w", **{**profile, "num_threads": "all_cpus"}) as out:
    out.write(ls, 1)
""",
    "whitebox": """
import sys
import whitebox_workflows as w
e = w.WbEnvironment(); e.verbose = False
dem = e.read_raster(sys.argv[2], "m")
area = e.hydrology.fd8_flow_accum(dem=e.hydrology.fill_depressions(dem=dem), out_type="sca")
tools = next(getattr(e, n) for n in dir(e) if not n.startswith("_") and hasattr(getattr(e, n), "slope"))
slope = tools.slope(input=dem, units="degrees")
e.write_raster(e.hydrology.sediment_transport_index(sca=area, slope=slope), "whitebox.tif")
""",
}

GRASS = (
    'rm -rf db; grass -c {dem} -e db > /dev/null; g() {{ grass db/PERMANENT --exec "$@"; }}'
    "; g r.in.gdal input={dem} output=dem"
)
SAGA = (
    "saga_cmd io_gdal 0 -FILES {dem} -GRIDS dem.sgrd"
    "; saga_cmd ta_preprocessor 4 -ELEV dem.sgrd -FILLED f.sgrd -FDIR d -WSHED w -MINSLOPE 0.01"
)
COMMANDS = {
    "D8": {
        "GRASS": GRASS + "; g r.watershed -s elevation=dem accumulation=a drainage=d memory=8000",
        "SAGA": SAGA + "; saga_cmd ta_hydrology 0 -ELEVATION f.sgrd -FLOW a.sgrd -METHOD 0",
    },
    "MFD": {
        "GRASS": GRASS + "; g r.watershed elevation=dem accumulation=a drainage=d memory=8000",
        "SAGA": SAGA + "; saga_cmd ta_hydrology 0 -ELEVATION f.sgrd -FLOW a.sgrd -METHOD 4",
    },
    "DEM to LS": {
        "GRASS": GRASS
        + "; g r.watershed elevation=dem length_slope=l slope_steepness=s threshold=1000 memory=8000"
        + '; g r.mapcalc "ls = l * s"; g r.out.gdal input=ls output=grass.tif type=Float32 -f',
        "SAGA": SAGA
        + "; saga_cmd ta_hydrology 0 -ELEVATION f.sgrd -FLOW a.sgrd -METHOD 4"
        + "; saga_cmd ta_morphometry 0 -ELEVATION dem.sgrd -SLOPE s.sgrd"
        + "; saga_cmd ta_hydrology 22 -SLOPE s.sgrd -AREA a.sgrd -LS ls.sgrd -CONV 1 -METHOD 1"
        + "; saga_cmd io_gdal 2 -GRIDS ls.sgrd -FILE saga.tif",
    },
}
JOBS = {"D8": D8, "MFD": MFD, "DEM to LS": LS}


def python_of(name: str) -> str:
    """Return the interpreter of a library, absolute; "" if it is not installed."""
    if name == "soilloss":
        return sys.executable
    path = PEERS.resolve() / name / "bin/python"
    package = PACKAGES[name].split()[0].replace("-", "_")
    installed = path.exists() and any(path.parent.parent.glob(f"lib/*/site-packages/{package}-*"))
    return str(path) if installed else ""


def install() -> None:
    """Make an environment for each library; one that does not build is left out. xarray-spatial wants Python 3.12."""
    newer = subprocess.run(["bash", "-c", "python3.12 --version"], capture_output=True).returncode == 0
    python = "python3.12" if newer else sys.executable
    for name, package in PACKAGES.items():
        if not python_of(name):
            subprocess.run([python, "-m", "venv", PEERS / name], check=True)
            subprocess.run([PEERS / name / "bin/pip", "install", "-q", *package.split(), "rasterio"], check=False)


def version_of(name: str) -> str:
    """Return the version of a library or program; "" if it is not installed."""
    if name in ("GRASS", "SAGA"):
        command = {"GRASS": ["grass", "--version"], "SAGA": ["saga_cmd", "--version"]}[name]
        if not shutil.which(command[0]):
            return ""
        said = subprocess.run(command, capture_output=True, text=True)
        return re.findall(r"\d+\.\d+[.\d]*", said.stdout + said.stderr)[0]
    package = PACKAGES.get(name, name).split()[0]
    code = f"from importlib.metadata import version; print(version({package!r}))"
    python = python_of(name)
    return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip() if python else ""


def run(name: str, job: str, folder: Path) -> dict[str, float]:
    """Run one job of one program in a process of its own; {} if it has none, fails or takes too long."""
    if name in COMMANDS[job]:
        script = "set -e; " + COMMANDS[job][name].format(dem="large.tif")
        command = ["bash", "-c", script]
    elif name in JOBS[job]:
        code = JOBS[job][name] if job == "DEM to LS" else HEAD + JOBS[job][name]
        command = [python_of(name), "-c", code, "small.tif", "large.tif"]
    else:
        return {}
    before, started = os.times(), time.perf_counter()
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=LIMIT)
    except subprocess.TimeoutExpired:
        return {}
    wall, after = time.perf_counter() - started, os.times()
    if done.returncode:
        print(f"{name}, {job}: {(done.stderr.strip().splitlines() or ['failed'])[-1]}", file=sys.stderr)
        return {}
    said = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if said:
        return json.loads(said[-1])
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return {"wall": wall, "cpu": cpu}


def write_dem(path: Path, cells: int) -> None:
    """Write a fractal surface like real hills, unrounded, with a tilt."""
    z = fractal(cells, 3.0, 0.0)
    profile = {"driver": "GTiff", "width": cells, "height": cells, "count": 1, "dtype": "float32", "nodata": -9999.0}
    profile |= {"crs": "EPSG:32649", "transform": from_origin(3e5, 4.2e6, 30, 30)}
    with rasterio.open(path, "w", **profile, tiled=True, blockxsize=512, blockysize=512) as out:
        out.write(z, 1)


def main() -> None:
    """Run every program in turn, round by round, and print a table per job."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=4000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--only", nargs="*", default=[])
    parser.add_argument("--jobs", nargs="*", default=list(JOBS))
    parser.add_argument("--install", action="store_true")
    asked = parser.parse_args()
    if asked.install:
        install()
    names = ["soilloss", *(asked.only or [*PACKAGES, "GRASS", "SAGA"])]
    versions = {name: version_of(name) for name in names}
    print("not here:", ", ".join(name for name in names if not versions[name]) or "none")
    best: dict[tuple[str, str], dict[str, float]] = {}
    with tempfile.TemporaryDirectory() as scratch:
        write_dem(Path(scratch, "small.tif"), 500)
        write_dem(Path(scratch, "large.tif"), asked.cells)
        for _ in range(asked.repeat):
            for job in asked.jobs:
                for name in (n for n in names if versions[n]):
                    found = run(name, job, Path(scratch))
                    print(f"{job}, {name}: {found}", file=sys.stderr, flush=True)
                    if found and found["wall"] < best.get((job, name), {"wall": float("inf")})["wall"]:
                        best[job, name] = found
    for job in asked.jobs:
        ours = best[job, "soilloss"]["wall"]
        print(f"\n{job}, {asked.cells} x {asked.cells} cells, least of {asked.repeat}")
        for name in sorted((n for n in names if (job, n) in best), key=lambda n: best[job, n]["wall"]):
            found = best[job, name]
            memory = f"{found['memory']:6.1f} GiB" if "memory" in found else ""
            times = f"{found['wall']:8.2f} s {found['cpu']:8.2f} s cpu  x {found['wall'] / ours:5.1f}"
            print(f"{name + ' ' + versions[name]:24} {times} {memory}")


if __name__ == "__main__":
    main()
