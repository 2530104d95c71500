"""Mann-Kendall, Theil-Sen and p of many series: soilloss, NumPy and pymannkendall on the same series in one run.

    python benchmarks/trends.py [--cells 200000] [--years 25] [--repeat 5] [--peer PYTHON]

Series of float32 with a tenth of the years missing, everything on one thread, processor seconds. `--peer` is the Python
in whose environment pymannkendall is installed; it gets a thousand of the series.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from scipy import special

from soilloss import trend
from soilloss.grid import blocks

PEER_CELLS = 1000
PEER = """
import sys, time
import numpy as np, pymannkendall
values = np.load(sys.argv[1])
started = time.process_time()
found = [pymannkendall.original_test(cell) for cell in values.T]
print(time.process_time() - started)
np.save(sys.argv[2], [(f.s, f.slope, f.p) for f in found])
"""


def series_of(cells: int, years: int) -> np.ndarray:
    """Soil loss of many cells with a weak trend and gaps."""
    random = np.random.default_rng(3)
    values = random.gamma(2.0, 10.0, (years, cells)) + 0.3 * np.arange(years)[:, None]
    values[random.random(values.shape) < 0.1] = np.nan
    return values.astype("f4")


def timed(function: Callable[[], Any], repeat: int) -> tuple[float, Any]:
    """Median processor seconds of a call, and what it returns."""
    seconds = []
    for _ in range(repeat):
        started = time.process_time()
        out = function()
        seconds.append(time.process_time() - started)
    return statistics.median(seconds), out


def by_numpy(values: np.ndarray, cells_at_once: int = 2000) -> np.ndarray:
    """The good way by hand: all pairs of a strip of cells that stays in the cache, missing slopes sorted last."""
    first, second = np.triu_indices(len(values), 1)
    span = (second - first).astype("f4")[:, None]
    out = np.empty((3, values.shape[1]), "f4")
    for start in range(0, values.shape[1], cells_at_once):
        strip = values[:, start : start + cells_at_once]
        n = np.isfinite(strip).sum(axis=0)
        rise = strip[second] - strip[first]
        score = (rise > 0).sum(axis=0) - (rise < 0).sum(axis=0)
        slopes = np.sort(rise / span, axis=0)
        count = n * (n - 1) // 2
        middle = [np.take_along_axis(slopes, at[None], axis=0)[0] for at in ((count - 1) // 2, count // 2)]
        z = (score - np.sign(score)) / np.sqrt(n * (n - 1) * (2 * n + 5) / 18)
        out[:, start : start + cells_at_once] = score, (middle[0] + middle[1]) / 2, special.erfc(np.abs(z) / np.sqrt(2))
    return out


def peer(python: str, values: np.ndarray) -> tuple[float, np.ndarray]:
    """Seconds of pymannkendall, and its S, slope and p."""
    with tempfile.TemporaryDirectory() as folder:
        given, made = Path(folder, "given.npy"), Path(folder, "made.npy")
        np.save(given, values.astype("f8"))
        done = subprocess.run([python, "-c", PEER, str(given), str(made)], check=True, capture_output=True, text=True)
        return float(done.stdout), np.load(made).T


def show(name: str, seconds: float, cells: int, ours: float) -> None:
    """Print a line: seconds for a million series, and how many times ours."""
    million = seconds / cells * 1e6
    print(f"{name:24} {million:9.2f} s per million series   x {million / ours:.1f}")


def main() -> None:
    """Run all ways and print what they cost and how they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cells", type=int, default=200_000)
    parser.add_argument("--years", type=int, default=25)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--peer", default="", metavar="PYTHON")
    options = parser.parse_args()
    blocks.worker_count = lambda workers=None: 1  # one thread, as the others
    values = series_of(options.cells, options.years)
    trend.mann_kendall(values[:, :1])
    seconds, ours = timed(lambda: trend.mann_kendall(values), options.repeat)
    million = seconds / options.cells * 1e6
    show("soilloss", seconds, options.cells, million)
    quarters = series_of(options.cells // 4, 4 * options.years)
    show(
        "soilloss, 4 seasons",
        timed(lambda: trend.seasonal_kendall(quarters, period=4), 1)[0],
        quarters.shape[1],
        million,
    )
    part = values[:, : options.cells // 4]
    seconds, found = timed(lambda: by_numpy(part), 3)
    show("NumPy", seconds, part.shape[1], million)
    print(f"  S equal: {np.array_equal(found[0], ours['s'][: part.shape[1]])}")
    if options.peer:
        seconds, (s, slope, p) = peer(options.peer, values[:, :PEER_CELLS])
        show("pymannkendall", seconds, PEER_CELLS, million)
        few = {name: ours[name][:PEER_CELLS] for name in ("s", "slope", "p_value")}
        slopes, p_values = np.abs(few["slope"] - slope).max(), np.abs(few["p_value"] - p).max()
        print(f"  S equal: {np.array_equal(few['s'], s)}, slope within {slopes:.1e}, p within {p_values:.1e}")


if __name__ == "__main__":
    main()
