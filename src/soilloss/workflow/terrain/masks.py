"""Masks beside the heights: channels, and shares of the flow that are trapped; rasters, lines or polygons."""

from __future__ import annotations

import functools
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox

from soilloss.derive.tiled import Source
from soilloss.errors import DataError, SourceError
from soilloss.grid import zones
from soilloss.sources import files, vectors

RASTERS = {".tif", ".tiff", ".vrt", ".asc", ".img", ".nc", ".bil"}


def hash_of(path: Path) -> str:
    """SHA-256 of a file, or say that there is none."""
    try:
        with path.open("rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise SourceError(f"no file at {path} ({error.strerror or error}); check the path") from None


def mask_on(grid: GeoBox, name: str, path: Path) -> Source:
    """Return a mask that is read by windows of a grid.

    A raster is brought onto the grid; polygons count where they hold the centre of a cell, lines in all cells that they
    touch. A column of the mask's name says what they carry, 1 without.
    """
    fingerprint = hash_of(path)
    if path.suffix.lower() in RASTERS:
        source = files.raster_source(name, path.resolve(), [""])
        return Source(functools.partial(files.read_block, source, grid, ""), fingerprint)
    try:
        frame, touched = vectors.read_polygons(path), False
    except DataError:
        frame, touched = vectors.read_lines(path), True
    frame = frame.to_crs(str(grid.crs))
    values: Any = frame[name].to_numpy(float) if name in frame else np.ones(len(frame))
    return Source(zones.burn(list(frame.geometry), values, grid, 0.0, touched=touched), fingerprint)
