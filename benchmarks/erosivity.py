"""Erosivity of daily grids and of storms: soilloss against the usual ways, on the same rain in one run.

    python benchmarks/erosivity.py [--cells 200] [--repeat 3]
    python benchmarks/erosivity.py --stream 1000 [--folder FOLDER]
    python benchmarks/erosivity.py --storms [--rfactor PYTHON]

Without a choice: 25 years of daily rain on a square of cells, `xie_2016` against NumPy (slabs, `reduceat`) and xarray
(`where`, power, `groupby`), all on one thread. `--stream` writes such a record to a Zarr store (6 GB compressed,
36 GB in memory for a thousand cells a side), then reads it without and with the sums: seconds and highest memory.
`--storms` times `ei30` on 31 years of 5-minute rain, and against the package rfactor under the Python in whose
environment that is installed, at its own kind of record and rules, comparing the storms one by one.
"""

from __future__ import annotations

import argparse
import io
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from soilloss import erosivity
from soilloss.derive.climate import half_month_periods

FIRST, LAST = "1998-01-01", "2022-12-31"
DATES = np.arange(np.datetime64(FIRST), np.datetime64(LAST) + np.timedelta64(1, "D"))
CHUNK = 32


def rain_of(days: int, cells: int, random: np.random.Generator) -> np.ndarray:
    """Rain on a quarter of the days, 12 mm on average, in tenths of a millimetre."""
    shape = (days, cells, cells)
    drawn = random.random(shape, dtype=np.float32)
    wet = np.round(-120 * np.log(random.random(shape, dtype=np.float32) + np.float32(1e-6)))
    return np.where(drawn < 0.25, wet / 10, 0).astype("f4")


def timed(function: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Median processor seconds of a call, and what it returns."""
    seconds = []
    for _ in range(repeat):
        started = time.process_time()
        out = function()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds), out


def by_numpy(rain: np.ndarray) -> np.ndarray:
    """The good way by hand: slabs of rows, the power of all cells, sums between the borders of half-months."""
    periods = half_month_periods(FIRST, len(rain))
    starts, weights = periods.starts[:-1], np.where(np.isin(periods.months, (5, 6, 7, 8, 9)), 0.3937, 0.3101)
    daily = np.repeat(weights, np.diff(periods.starts)).astype("f4")[:, None, None]
    out = np.empty((starts.size, *rain.shape[1:]), "f4")
    for row in range(0, rain.shape[1], 10):
        slab = rain[:, row : row + 10]
        energy = np.where(slab >= np.float32(9.7), slab, 0) ** np.float32(1.7265) * daily
        out[:, row : row + 10] = np.add.reduceat(energy, starts, axis=0)
    return out.reshape(-1, 24, *rain.shape[1:]).mean(axis=0)


def by_xarray(rain: np.ndarray) -> np.ndarray:
    """The usual way: mask, power, group."""
    import xarray as xr

    days = pd.DatetimeIndex(DATES)
    half = (days.year - days.year[0]) * 24 + (days.month - 1) * 2 + (days.day > 15)
    weights = np.where((days.month >= 5) & (days.month <= 9), 0.3937, 0.3101).astype("f4")
    data = xr.DataArray(rain, dims=("time", "y", "x"), coords={"time": days, "half": ("time", half)})
    energy = data.where(data >= np.float32(9.7), 0) ** np.float32(1.7265) * xr.DataArray(weights, dims="time")
    return energy.groupby("half").sum("time").to_numpy().reshape(-1, 24, *rain.shape[1:]).mean(axis=0)


def grids(cells: int, repeat: int) -> None:
    """Print processor seconds of the three ways, and how they differ."""
    rain = rain_of(len(DATES), cells, np.random.default_rng(5))
    last = np.moveaxis(rain, 0, -1)
    erosivity.xie_2016(last[:1, :1], time=FIRST)
    ours, made = timed(lambda: erosivity.xie_2016(last, time=FIRST), max(repeat, 5))
    print(f"daily rain, {len(DATES)} days x {cells} x {cells} cells, processor seconds on one thread")
    print(f"{'soilloss':20} {ours:7.2f} s")
    for name, way in (("NumPy reduceat", by_numpy), ("xarray groupby", by_xarray)):
        seconds, other = timed(lambda way=way: way(rain), repeat)
        apart = float(np.nanmax(np.abs(np.moveaxis(other, 0, -1) / made - 1)))
        print(f"{name:20} {seconds:7.2f} s   x {seconds / ours:.1f}   largest relative difference {apart:.1e}")


def write_store(path: Path, cells: int) -> None:
    """Write the record by months of 32 days, each the same rain shifted."""
    import zarr

    base = rain_of(CHUNK, cells, np.random.default_rng(6))
    store = zarr.create_array(
        path,
        shape=(len(DATES), cells, cells),
        chunks=(CHUNK, 250, 250),
        dtype="f4",
        compressors=zarr.codecs.ZstdCodec(),
    )
    for first in range(0, len(DATES), CHUNK):
        part = np.roll(base, first, axis=2)[: len(DATES) - first]
        store[first : first + CHUNK] = part


def parts_of(path: Path) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Read the record chunk by chunk."""
    import zarr

    store = zarr.open_array(path, mode="r")
    for first in range(0, store.shape[0], CHUNK):
        yield DATES[first : first + CHUNK], np.asarray(store[first : first + CHUNK])


def stream(cells: int, folder: str) -> None:
    """Print seconds of reading alone and of reading and summing up, and the highest memory of each."""
    with tempfile.TemporaryDirectory(dir=folder or None) as scratch:
        path = Path(scratch, "rain.zarr")
        write_store(path, cells)
        size = sum(file.stat().st_size for file in path.rglob("*") if file.is_file())
        subprocess.run([sys.executable, __file__, "--read", str(path)], check=True)
        subprocess.run([sys.executable, __file__, "--sum", str(path)], check=True)
        print(f"{len(DATES)} days x {cells} x {cells} cells, {size / 1e9:.1f} GB on disk")


def measure(path: Path, summed: bool) -> None:
    """Read a store, summing up or not, in a process of its own, so that memory is its own."""
    started, busy = time.perf_counter(), time.process_time()
    if summed:
        yearly = erosivity.xie_2016_in_parts(parts_of(path)).sum(axis=-1)
        print(f"mean erosivity {yearly.mean():.1f} MJ mm ha-1 h-1 a year")
    else:
        for _ in parts_of(path):
            pass
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    seconds, busy = time.perf_counter() - started, time.process_time() - busy
    name = "read and summed" if summed else "read only"
    print(f"{name:20} {seconds:7.1f} s, {busy:.1f} s of processors, {memory:.0f} MiB", flush=True)


def gauge(years: tuple[int, int], minutes: int) -> pd.Series:
    """Rain of a made-up gauge: showers of some hours with pauses in them, hundredths of a millimetre."""
    random = np.random.default_rng(2)
    times = pd.date_range(f"{years[0]}-01-01", f"{years[1]}-12-31 23:59", freq=f"{minutes}min")
    shower = np.repeat(random.random(len(times) // (240 // minutes) + 1) < 0.08, 240 // minutes)[: len(times)]
    wet = shower & (random.random(len(times)) < 0.6)
    return pd.Series(np.where(wet, np.round(random.exponential(0.07 * minutes, len(times)), 2), 0.0), times)


def storms(python: str) -> None:
    """Print seconds of `ei30`, and against rfactor where its Python is given."""
    rain = gauge((1990, 2020), 5)
    erosivity.ei30(rain.iloc[:1000], rain.index[:1000])
    seconds, found = timed(lambda: erosivity.ei30(rain, rain.index), 5)
    print(f"ei30, 31 years of 5 minutes: {seconds:.2f} s, {len(found)} erosive storms")
    if python:
        against_rfactor(python)


RFACTOR = """
import sys, time
import pandas as pd
from rfactor import compute_erosivity
rain = pd.read_csv(sys.argv[1], parse_dates=["datetime"])
rain["station"] = "S1"
seconds = []
for _ in range(3):
    started = time.perf_counter()
    storms = compute_erosivity(rain)
    seconds.append(time.perf_counter() - started)
print(sorted(seconds)[1], file=sys.stderr)
storms.to_csv(sys.stdout)
"""


def as_rfactor(wet: pd.Series) -> pd.DataFrame:
    """Storms by the rules of rfactor: 6 dry hours, 1.27 mm after rounding to hundredths, no storm over New Year."""
    rules: dict[str, Any] = {"storm_gap_depth": None, "minimum_depth": 1.275, "minimum_burst": np.inf}
    law = {"energy": erosivity.salles_2002, "step_minutes": 10}
    years = [rain for _, rain in wet.groupby(pd.DatetimeIndex(wet.index).year)]
    return pd.concat([erosivity.ei30(rain, rain.index, **rules, **law) for rain in years])


def against_rfactor(python: str) -> None:
    """Print seconds of both on 31 years of 10 minutes, and the largest difference of the storms."""
    rain = gauge((1990, 2020), 10)
    wet = rain.loc[rain > 0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rain.csv")
        pd.DataFrame({"datetime": wet.index, "rain_mm": wet.to_numpy()}).to_csv(path, index=False)
        done = subprocess.run([python, "-c", RFACTOR, str(path)], check=True, capture_output=True, text=True)
    theirs = pd.read_csv(io.StringIO(done.stdout), parse_dates=["datetime"])
    seconds = float(done.stderr.split()[-1])
    ours, found = timed(lambda: as_rfactor(wet), 5)
    print(
        f"31 years of 10 minutes, {len(wet)} wet steps: {ours:.3f} s; rfactor {seconds:.3f} s, x {seconds / ours:.1f}"
    )
    pairs = found.merge(theirs, left_on="start", right_on="datetime", suffixes=("", "_theirs"))
    apart = (pairs["erosivity"] / pairs["erosivity_theirs"] - 1).abs().max()
    print(f"storms: {len(found)} and {len(theirs)}, same start {len(pairs)}, largest relative difference {apart:.1e}")


def main() -> None:
    """Run what was chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=200)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--stream", type=int, metavar="CELLS")
    parser.add_argument("--folder", default="", help="where the store is made; the system's folder otherwise")
    parser.add_argument("--storms", action="store_true")
    parser.add_argument("--rfactor", default="", metavar="PYTHON")
    parser.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--sum", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.read or options.sum:
        measure(options.read or options.sum, bool(options.sum))
    elif options.stream:
        stream(options.stream, options.folder)
    elif options.storms:
        storms(options.rfactor)
    else:
        grids(options.cells, options.repeat)


if __name__ == "__main__":
    main()
