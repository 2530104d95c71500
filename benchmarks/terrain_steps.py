"""Terrain on one thread: filling, directions, accumulation, slope length and LS of a fractal surface.

    python benchmarks/terrain_steps.py [--cells 4000] [--beta 3.2] [--step 0.1] [--repeat 3]

`--beta` is the spectral slope of the surface: 3.2 is like real hills, 2.2 very rough (1 cell in 28 a pit). `--step`
rounds the heights (m), as DEMs are. Prints the best processor time, millions of cells per second, and the peak of
memory beyond the input in bytes per cell.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from soilloss.derive import terrain
from soilloss.factors import topography

SIDE = 30.0


def fractal(cells: int, beta: float, step: float, seed: int = 1) -> np.ndarray:
    """Return heights from 0 to 1000 m with power falling as frequency to the power -(beta + 1)."""
    rng = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(cells)[:, None], np.fft.rfftfreq(cells)[None, :])
    frequency[0, 0] = 1
    waves = rng.standard_normal(frequency.shape) + 1j * rng.standard_normal(frequency.shape)
    waves *= frequency ** (-(beta + 1) / 2)
    waves[0, 0] = 0
    z = np.fft.irfft2(waves, (cells, cells))
    z = (z - z.min()) / (z.max() - z.min()) * 1000
    return (np.round(z / step) * step if step else z).astype(np.float32)


def length_and_steepness(z: np.ndarray) -> np.ndarray:
    """The default LS: contributing area by MFD, Horn's slope and aspect, Desmet and Govers."""
    area = terrain.contributing_area(z, cell_size=SIDE)
    slope, aspect = terrain.slope_horn_1981(z, cell_size=SIDE), terrain.aspect_horn_1981(z, cell_size=SIDE)
    return topography.desmet_govers_1996(area, slope, aspect, cell_size=SIDE)


JOBS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "slope": lambda z: terrain.slope_horn_1981(z, cell_size=SIDE),
    "fill": terrain.fill_depressions,
    "fill, D8": lambda z: terrain.flow_direction_d8(z, cell_size=SIDE),
    "fill, D8, accumulation": lambda z: terrain.flow_accumulation(z, cell_size=SIDE),
    "fill, MFD area": lambda z: terrain.contributing_area(z, cell_size=SIDE),
    "fill, D-infinity area": lambda z: terrain.contributing_area(z, routing="dinf", cell_size=SIDE),
    "slope length": lambda z: terrain.slope_length(z, cell_size=SIDE, channel_area=1e6),
    "DEM to LS": length_and_steepness,
}


def resident() -> int:
    """Return this process's memory in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def measured(job: Callable[[np.ndarray], np.ndarray], z: np.ndarray) -> tuple[float, int]:
    """Return processor seconds and the growth of memory at its peak."""
    before, peak, done = resident(), 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not done.wait(0.005):
            peak = max(peak, resident() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.process_time()
    job(z)
    spent = time.process_time() - start
    done.set()
    watcher.join()
    return spent, peak


def main() -> None:
    """Run every job and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=4000)
    parser.add_argument("--beta", type=float, default=3.2)
    parser.add_argument("--step", type=float, default=0.1)
    parser.add_argument("--repeat", type=int, default=3)
    asked = parser.parse_args()
    z, warm = fractal(asked.cells, asked.beta, asked.step), fractal(64, asked.beta, asked.step)
    print(f"{'job':24} {'s':>7} {'Mcells/s':>9} {'B/cell':>7}")
    for name, job in JOBS.items():
        job(warm)
        runs = [measured(job, z) for _ in range(asked.repeat)]
        seconds, peak = min(r[0] for r in runs), max(r[1] for r in runs)
        print(f"{name:24} {seconds:7.2f} {z.size / 1e6 / seconds:9.1f} {peak / z.size:7.1f}")


if __name__ == "__main__":
    main()
