"""Make the small inputs that every peer is given. Run from this folder: ``python make_inputs.py``.

- ``dem.tif``: 48 x 48 cells of 30 m of rough terrain without depressions.
- ``plane.tif``: 30 x 9 cells of 10 m, falling 15 % southwards.
- ``slope.tif`` (rad), ``area.tif`` (m2 per m): every slope of a list against every specific catchment area of another.
- ``sand.tif``, ``silt.tif``, ``clay.tif``, ``matter.tif`` (fractions): every class of the texture triangle, three
  organic matters.
- ``rain.csv``: one year of the wet 10-minute steps of a made-up gauge, mm.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import rasterio
from rasterio.transform import from_origin

from soilloss import terrain
from soilloss.sources.synthetic import fractal, plane

HERE = Path(__file__).parent / "inputs"
SLOPES = np.arctan(np.array([0.005, 0.01, 0.02, 0.04, 0.06, 0.085, 0.12, 0.15, 0.2, 0.3, 0.45, 0.7]))
AREAS = np.array([10.0, 22.13, 30.0, 100.0, 300.0, 1000.0, 5000.0])
# sand and clay near the middle of the twelve classes of the USDA triangle, %
SOILS = (
    (20, 60),
    (10, 45),
    (52, 42),
    (33, 34),
    (10, 34),
    (60, 28),
    (40, 18),
    (20, 15),
    (7, 6),
    (65, 10),
    (82, 6),
    (92, 3),
)
MATTERS = (0.0, 0.01, 0.03)


def write(name: str, values: np.ndarray, cell: float) -> None:
    """Write one small raster in UTM zone 35."""
    profile = {"driver": "GTiff", "count": 1, "dtype": "float32", "crs": "EPSG:32635", "nodata": -9999.0}
    profile |= {"height": values.shape[0], "width": values.shape[1], "transform": from_origin(5e5, 4.62e6, cell, cell)}
    with rasterio.open(HERE / name, "w", **profile, compress="deflate") as out:
        out.write(values.astype("f4"), 1)


def hills() -> np.ndarray:
    """Return the first terrain of a row of seeds that has no depression, tilted to the south-east."""
    rows, columns = np.mgrid[:48, :48]
    for seed in range(1000):
        height = fractal((48, 48), seed=seed, relief=120.0, roughness=2.4) + 3.0 * (48 - rows) + 2.0 * (48 - columns)
        height = height.astype("f4")
        if (terrain.fill_depressions(height) == height).all():
            return height
    raise SystemExit("no seed gives a terrain without depressions")


def gauge() -> pd.Series:
    """Return the wet steps of 2018: showers of some hours with pauses in them."""
    random = np.random.default_rng(2)
    times = pd.date_range("2018-01-01", "2018-12-31 23:50", freq="10min")
    shower = np.repeat(random.random(len(times) // 24 + 1) < 0.03, 24)[: len(times)]
    wet = shower & (random.random(len(times)) < 0.6)
    rain = pd.Series(np.where(wet, np.round(random.exponential(0.7, len(times)), 2), 0.0), times, name="rain_mm")
    return rain[rain > 0]


def main() -> None:
    """Write all."""
    HERE.mkdir(exist_ok=True)
    write("dem.tif", hills(), 30.0)
    write("plane.tif", plane((30, 9), cell_size=10.0, north=0.15), 10.0)
    slope, area = np.meshgrid(SLOPES, AREAS, indexing="ij")
    write("slope.tif", slope, 30.0)
    write("area.tif", area, 30.0)
    sand, clay = (np.repeat(np.array(SOILS, float)[:, [k]] / 100, len(MATTERS), axis=1) for k in (0, 1))
    for name, values in (("sand", sand), ("clay", clay), ("silt", 1 - sand - clay)):
        write(f"{name}.tif", values, 30.0)
    write("matter.tif", np.repeat([MATTERS], len(SOILS), axis=0), 30.0)
    gauge().to_csv(HERE / "rain.csv", index_label="datetime")


if __name__ == "__main__":
    main()
