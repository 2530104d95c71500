"""Overviews for a GeoTIFF, and the order of a Cloud-Optimized one."""

from __future__ import annotations

import os
from pathlib import Path


def add_overviews(path: Path) -> None:
    """Rewrite the tiled GeoTIFF at `path` with overviews: averages of quantities, the mode of classes."""
    import rasterio
    from rasterio.shutil import copy

    with rasterio.open(path) as dataset:
        floating = dataset.dtypes[0].startswith("float")
    whole = path.with_name(path.name + ".cog")
    copy(
        path,
        whole,
        driver="COG",
        BLOCKSIZE=512,
        COMPRESS="ZSTD",
        LEVEL=1,
        PREDICTOR="YES" if floating else "NO",
        NUM_THREADS="ALL_CPUS",
        BIGTIFF="IF_SAFER",
        OVERVIEW_RESAMPLING="AVERAGE" if floating else "MODE",
    )
    os.replace(whole, path)
