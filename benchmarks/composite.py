"""A quarter of Sentinel-2 scenes to one image: soilloss against odc-stac with xarray's median, on the same local COGs.

    python benchmarks/composite.py [--scenes 40] [--bands 5] [--cells 2048] [--workers 2] [--folder FOLDER]
                                   [--only ours]

Needs odc-stac beside soilloss (pip install odc-stac), except with `--only ours`. Both read the same files, mask by the
scene classification, grown by three of its cells, apply scale and offset, and make a median image of each band. Without
a folder the scenes lie in a temporary one; their size is said, and refused above 12 GB. Seconds, processor seconds and
the highest memory are of a process of its own.

The images agree. Until clouds were grown alike two per cent of the cells differed: xarray's median was masked chunk
by chunk of 512 cells, so clouds did not grow into the next chunk (2.3 % of cells), and in cells of 10 m in place of the
20 m of the classification (0.06 %). Of two middle observations we round the mean up, they round it to even: that is one
stored number at most, and not counted.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.transform import from_origin

BANDS = ("blue", "green", "red", "nir", "swir1")
# of a cell of noise after compression, and the most that the scenes may take on disk
BYTES, MOST = 1.6, 12e9
CRS, LEFT, TOP, CELL = "EPSG:32649", 300_000.0, 4_200_000.0, 10.0


def write(path: Path, values: np.ndarray, cell: float, **more: Any) -> None:
    profile = {"driver": "COG", "width": values.shape[1], "height": values.shape[0], "count": 1, "crs": CRS}
    profile |= {"dtype": values.dtype.name, "transform": from_origin(LEFT, TOP, cell, cell), "compress": "deflate"}
    with rasterio.open(path, "w", **profile, blocksize=512, level=1, overviews="none", **more) as out:
        out.write(values, 1)


def make(folder: Path, scenes: int, bands: int, side: int) -> None:
    """Scenes of smooth ground with noise; clouds on 40 % of the cells in blobs."""
    random = np.random.default_rng(0)
    rows, columns = np.mgrid[:side, :side].astype("f4")
    ground = 2500 + 800 * np.sin(rows / 97) * np.cos(columns / 131)
    for number in range(scenes):
        for band in range(bands):
            noise = random.integers(-200, 200, (side, side), dtype="i2")
            write(folder / f"{number}_{BANDS[band]}.tif", (ground + 300 * band + noise).astype("u2"), CELL, nodata=0)
        blobs = random.random((side // 128, side // 128)) < 0.4
        scl = np.where(np.kron(blobs, np.ones((64, 64), bool)), 9, 4).astype("u1")
        write(folder / f"{number}_scl.tif", scl, 2 * CELL)


def ours(folder: Path, scenes: int, bands: int, side: int, workers: int) -> None:
    from soilloss.grid import blocks
    from soilloss.sources import stac
    from soilloss.sources.pieces import Piece
    from soilloss.sources.products import packaged
    from soilloss.workflow.fetch import scenes as making
    from soilloss.workflow.fetch.jobs import Job, assets_of
    from soilloss.workflow.project import Product

    blocks.worker_count = lambda _=None: workers
    product = packaged()["sentinel-2-l2a"]
    for band in BANDS[:bands]:
        source = Product(product="sentinel-2-l2a")
        out = folder / f"ours_{band}.tif"
        job = Job(band, "2020", out, "sentinel-2-l2a", product, source, (0, 0, 1, 1), out)
        names = assets_of(job)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            parts = []
            for number in range(scenes):
                assets = {name: {"href": ""} for name in names}
                item = stac.Item(str(number), "", "sentinel-2a", assets, {"s2:processing_baseline": "02.14"})
                got = [Piece("", folder / f"{number}_{name}.tif", {}) for name in (band, "scl")]
                parts.append(making._scene(job, item, got, names, Path(scratch)))
            grid = making._grid_of([job]) or _grid(folder, side)
            making._composite(job, parts, grid, out, lambda *_: None)


def _grid(folder: Path, side: int) -> Any:
    from odc.geo.geobox import GeoBox

    return GeoBox((side, side), from_origin(LEFT, TOP, CELL, CELL), CRS)


def theirs(folder: Path, scenes: int, bands: int, side: int, workers: int) -> None:
    import dask
    import odc.stac
    import pystac
    from scipy.ndimage import binary_dilation

    dask.config.set(scheduler="threads", num_workers=workers)
    # around all scenes: what lies outside is not read
    outline = {"type": "Polygon", "coordinates": [[[108, 35], [112, 35], [112, 39], [108, 39], [108, 35]]]}
    items = []
    for number in range(scenes):
        when = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=number)
        item = pystac.Item(str(number), outline, [108, 35, 112, 39], when, {"proj:epsg": 32649})
        for name, cell in [*((band, CELL) for band in BANDS[:bands]), ("scl", 2 * CELL)]:
            asset = pystac.Asset(str(folder / f"{number}_{name}.tif"), media_type="image/tiff; application=geotiff")
            asset.extra_fields |= {
                "proj:shape": [int(side * CELL / cell)] * 2,
                "proj:transform": list(from_origin(LEFT, TOP, cell, cell))[:6],
            }
            item.add_asset(name, asset)
        items.append(item)
    names = [*BANDS[:bands], "scl"]
    data = odc.stac.load(
        items,
        bands=names,
        geobox=_grid(folder, side),
        chunks={"x": 512, "y": 512, "time": -1},
        groupby="id",
        resampling={"scl": "nearest"},
    )

    def usable(scl: np.ndarray) -> np.ndarray:
        # grown as it is stored, in cells twice as large
        grown = [binary_dilation(np.isin(one[::2, ::2], (3, 8, 9, 10)), iterations=3) for one in scl]
        return ~np.stack(grown).repeat(2, 1).repeat(2, 2)

    clear = data.scl.data.map_overlap(usable, depth={0: 0, 1: 6, 2: 6}, boundary=0, dtype=bool)
    for band in BANDS[:bands]:
        values = data[band].where(data[band] > 0)
        values = values.where(values.copy(data=clear))
        image = (values * np.float32(1e-4)).median("time").compute()
        np.save(folder / f"theirs_{band}.npy", np.rint(image.to_numpy() * 10_000).astype("f4"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=40)
    parser.add_argument("--bands", type=int, default=5)
    parser.add_argument("--cells", type=int, default=2048, help="rows and columns of a band")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--only", choices=("ours", "theirs"), help="run one of the two; nothing is compared")
    parser.add_argument("--child", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        child(given)
        return
    size = given.scenes * given.cells**2 * (given.bands * BYTES + 1 / 16)
    print(
        f"{given.scenes} scenes, {given.bands} bands, {given.cells} x {given.cells} cells: {size / 1e9:.1f} GB on disk"
    )
    if size > MOST:
        raise SystemExit(f"that is over {MOST / 1e9:.0f} GB: take fewer scenes, bands or cells")
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        if not (folder / "0_scl.tif").exists():
            folder.mkdir(parents=True, exist_ok=True)
            make(folder, given.scenes, given.bands, given.cells)
        compare(given, folder)


def child(given: argparse.Namespace) -> None:
    started = time.perf_counter()
    {"ours": ours, "theirs": theirs}[given.child](given.folder, given.scenes, given.bands, given.cells, given.workers)
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = {"seconds": time.perf_counter() - started, "processor": used.ru_utime + used.ru_stime}
    print(json.dumps(found | {"memory_gb": used.ru_maxrss / 1e6}))


def compare(given: argparse.Namespace, folder: Path) -> None:
    options = [f"--{key}={getattr(given, key)}" for key in ("scenes", "bands", "cells", "workers")]
    found = {}
    for name in [given.only] if given.only else ("ours", "theirs"):
        command = [sys.executable, __file__, f"--child={name}", f"--folder={folder}", *options]
        out = subprocess.run(command, capture_output=True, text=True, check=False)
        if out.returncode:
            print(f"{name}: {out.stderr.strip().splitlines()[-1]}")
            return
        found[name] = json.loads(out.stdout.splitlines()[-1])
        one = found[name]
        print(f"{name:8}{one['seconds']:8.1f} s  {one['processor']:8.1f} processor s  {one['memory_gb']:.2f} GB")
    if given.only:
        return
    print(f"times faster: {found['theirs']['seconds'] / found['ours']['seconds']:.2f}")
    for band in BANDS[: given.bands]:
        with rasterio.open(folder / f"ours_{band}.tif") as image:
            mine, other = image.read(1).astype("f4"), np.load(folder / f"theirs_{band}.npy")
        known = ~np.isnan(other)
        differs = np.abs(mine - other)[known]
        wrong = np.mean(known != (mine != -32768))
        print(f"{band}: {100 * np.mean(differs > 1):.3f} % differ by more than one stored number")
        print(f"{band}: {100 * wrong:.3f} % have a number in one and none in the other")


if __name__ == "__main__":
    main()
