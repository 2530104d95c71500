"""Terrain tile by tile, streamed from a file: speed, memory, and what it costs against the same work in memory.

    python benchmarks/terrain_tiled.py [--cells 10000] [--tile 1792] [--folder DIR] [--jobs count,length,area,ls]

Every row runs in a process of its own, which reads windows of a file and writes the result by windows to another.
The peak is of resident memory beyond the process before its work. `--in-memory` adds the rows that need the whole grid
in memory. The job `ls` (D8 area to LS) makes its heights window by window and keeps only sums, so that no file of the
whole grid is needed: with `--cells 40000` it is a run of 1.6 thousand million cells.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SIDE = 30.0
JOBS = {
    "count": ("flow_accumulation", {}),
    "length": ("slope_length", {"channel_area": 1e6}),
    "area": ("contributing_area", {"routing": "mfd"}),
}


class Landscape:
    """Heights by window: a fractal repeated and mirrored, so it joins, on a slope and some long waves, in steps."""

    def __init__(self, cells: int, step: float = 0.1) -> None:
        from terrain import fractal

        patch = fractal(min(cells, 2000), 3.2, 0.0)
        patch = np.hstack([np.vstack([patch, patch[::-1]]), np.vstack([patch, patch[::-1]])[:, ::-1]])
        self.patch, self.shape, self.step = patch / 2, (cells, cells), np.float32(step)

    def __call__(self, window) -> np.ndarray:
        y, x = (np.arange(w.start, w.stop) for w in window)
        across = (np.sin(x / 3100) + np.cos(x / 1700)).astype(np.float32)
        down = (300 * np.sin(y / 2300)).astype(np.float32)
        z = self.patch[np.ix_(y % len(self.patch), x % len(self.patch))]
        z += down[:, None] * across
        z -= (0.002 * x).astype(np.float32)
        z -= (0.002 * y).astype(np.float32)[:, None]
        z /= self.step
        np.round(z, out=z)
        z *= self.step
        return z


def make_heights(path: Path, cells: int) -> None:
    """Write the landscape to a file by strips."""
    made = Landscape(cells)
    out = np.lib.format.open_memmap(path, "w+", np.float32, made.shape)
    for top in range(0, cells, 500):
        rows = slice(top, min(top + 500, cells))
        out[rows] = made((rows, slice(0, cells)))
    out.flush()


def peak_while(work) -> tuple[float, float, float]:
    """Return processor and wall seconds and the growth of resident memory at its peak, in MB."""

    def resident() -> float:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6

    before, peak, done = resident(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], resident() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    done.set()
    watcher.join()
    return cpu, wall, peak[0]


class Array:
    """Reads and writes windows of an array file row by row: mapped pages would count as memory of the process."""

    def __init__(self, path: Path) -> None:
        mapped = np.load(path, mmap_mode="r")
        self.path, self.shape, self.dtype, self.start = path, mapped.shape, mapped.dtype, mapped.offset

    def places(self, window) -> list[int]:
        rows, columns = window
        at = [(y * self.shape[1] + columns.start) * self.dtype.itemsize for y in range(rows.start, rows.stop)]
        return [self.start + place for place in at]

    def __call__(self, window) -> np.ndarray:
        out = np.empty([w.stop - w.start for w in window], self.dtype)
        with self.path.open("rb", buffering=0) as file:
            for row, place in zip(out, self.places(window), strict=True):
                os.preadv(file.fileno(), [row], place)
        return out

    def write(self, window, part: np.ndarray) -> None:
        with self.path.open("rb+", buffering=0) as file:
            for row, place in zip(part, self.places(window), strict=True):
                os.pwrite(file.fileno(), np.ascontiguousarray(row, self.dtype).data, place)


def stream(cells: int, folder: Path, tile: int, workers: int) -> dict[str, float]:
    """From heights made on the way to sums of LS, tile by tile; nothing of the whole grid is kept but scratch."""
    from soilloss.derive import terrain
    from soilloss.derive.tiled import Source, route
    from soilloss.factors import topography
    from soilloss.grid.blocks import grow, run_blocks, windows

    heights, small = Landscape(cells), np.random.default_rng(1).random((64, 64)).astype(np.float32)
    options = {"routing": "d8"}

    def steep(read, area, shape, window) -> float:
        here, (rows, columns), total = area(window), window, 0.0
        for top in range(rows.start, rows.stop, 64):
            strip = slice(top, min(top + 64, rows.stop)), columns
            outer, inner = grow(strip, 1, shape)
            z, part = read(outer), here[top - rows.start : top - rows.start + 64]
            slope, aspect = (f(z, cell_size=SIDE)[inner] for f in (terrain.slope_horn_1981, terrain.aspect_horn_1981))
            ls = topography.desmet_govers_1996(part, slope, aspect, cell_size=SIDE)
            total += float(np.nansum(ls, dtype=np.float64))
        return total

    def run(read, shape, tile: int, **how) -> list[float]:
        area = route("contributing_area", Source(read, "made"), shape, SIDE, options=options, tile=tile, **how)
        work = run_blocks(lambda w: steep(read, area, shape, w), windows(shape, area.tile), how["workers"])
        sums = [part for _, part in work]
        area.discard()
        return sums

    run(small.__getitem__, small.shape, 32, workers=1)
    told: dict[str, float] = {}
    start = time.perf_counter()
    progress = lambda name, done, total: told.__setitem__(name, time.perf_counter() - start)  # noqa: E731
    sums: list[float] = []
    how = {"folder": folder / "scratch", "workers": workers, "progress": progress}
    cpu, wall, peak = peak_while(lambda: sums.extend(run(heights, heights.shape, tile, **how)))
    return {"cpu": cpu, "wall": wall, "peak": peak, "passes": told, "sum": sum(sorted(sums))}


def one(job: str, path: Path, folder: Path, tile: int, workers: int) -> dict[str, float]:
    """Run one job in this process; `workers` 0 is the whole grid in memory."""
    from soilloss.derive import terrain
    from soilloss.derive.tiled import Source, route
    from soilloss.grid.blocks import run_blocks, windows

    name, options = JOBS[job]
    functions = {"flow_accumulation": terrain.flow_accumulation, "slope_length": terrain.slope_length}
    function = functions.get(name, terrain.contributing_area)
    read = Array(path)
    np.lib.format.open_memmap(folder / f"{job}.npy", "w+", np.float64, read.shape).flush()
    out = Array(folder / f"{job}.npy")
    small = np.random.default_rng(1).random((64, 64)).astype(np.float32)
    function(small, cell_size=SIDE, **options)
    route(name, Source(small.__getitem__), small.shape, SIDE, options=options, tile=32, workers=1)((slice(0, 64),) * 2)
    told: dict[str, float] = {}
    start = time.perf_counter()

    def work() -> None:
        if not workers:
            out.write((slice(0, n) for n in read.shape), function(np.load(path), cell_size=SIDE, **options))
            return
        how = {"folder": folder / "scratch", "tile": tile, "workers": workers}
        progress = lambda name, done, total: told.__setitem__(name, time.perf_counter() - start)  # noqa: E731
        reader = route(name, Source(read, "bench"), read.shape, SIDE, options=options, progress=progress, **how)
        for window, part in run_blocks(reader, windows(read.shape, reader.tile), workers):
            out.write(window, part)
        reader.discard()

    cpu, wall, peak = peak_while(work)
    some = [out((slice(y, y + 1), slice(0, out.shape[1]))) for y in range(0, out.shape[0], 97)]
    return {"cpu": cpu, "wall": wall, "peak": peak, "passes": told, "sum": float(np.nansum(some))}


def main() -> None:
    """Run every job in memory and tile by tile, one process each, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--tile", type=int, default=1792)
    parser.add_argument("--threads", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--jobs", default="count,length,area")
    parser.add_argument("--in-memory", action="store_true")
    parser.add_argument("--one", nargs=3, metavar=("JOB", "WORKERS", "FOLDER"), help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.one:
        job, workers, folder = asked.one
        place, threads = Path(folder), int(workers)
        streamed = job == "ls"
        row = (
            stream(asked.cells, place, asked.tile, threads)
            if streamed
            else one(job, place / "z.npy", place, asked.tile, threads)
        )
        print(json.dumps(row))
        return
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        if asked.jobs != "ls":
            make_heights(Path(folder) / "z.npy", asked.cells)
        print(f"{'job':8} {'threads':>9} {'CPU s':>8} {'wall s':>8} {'Mcells/CPU s':>13} {'peak MB':>9}")
        for job in asked.jobs.split(","):
            for workers in ([0] if asked.in_memory and job != "ls" else []) + asked.threads:
                words = ["--cells", str(asked.cells), "--tile", str(asked.tile), "--one", job, str(workers), folder]
                done = subprocess.run([sys.executable, __file__, *words], check=True, capture_output=True, text=True)
                row = json.loads(done.stdout.splitlines()[-1])
                speed = asked.cells**2 / 1e6 / row["cpu"]
                threads = "in memory" if workers == 0 else workers
                print(
                    f"{job:8} {threads:>9} {row['cpu']:8.1f} {row['wall']:8.1f} {speed:13.1f} {row['peak']:9.0f}"
                    f"   {row['sum']:.6e} {' '.join(f'{k}: {v:.1f}' for k, v in row['passes'].items())}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
