"""Tiles of image series and labels: what training reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from soilloss.errors import SourceError

NODATA = -32768
SCALE = 10_000


class Tiles(NamedTuple):
    """Image series and labels of many places; arrays may be NumPy's or Zarr's (read tile by tile).

    Parameters
    ----------
    image : array (tile, quarter, band, y, x), int16
        Surface reflectance times 10 000, -32768 where missing; bands blue, green, red, nir, swir1.
    label : array (tile, y, x), uint8
        Classes 1 to 8 of the label year, 0 where unknown or to be ignored.
    split : array (tile,), text
        ``train``, ``val`` or ``test``.
    quarters : tuple of str
        Names of the steps, such as ``2021-Q3``.
    weight : array (quarter,), float32
        Weight of a step's labels in the supervised loss; 0 where the step has none (other years than the label's).
    held_out : array (quarter,), bool
        Steps that training never sees, not even without labels.
    moments : array (2, band), float32
        Mean and standard deviation of reflectance over the valid pixels of the training tiles.
    """

    image: Any
    label: Any
    split: np.ndarray
    quarters: tuple[str, ...]
    weight: np.ndarray
    held_out: np.ndarray
    moments: np.ndarray


def season_of(step: str) -> int:
    """Return the quarter of the year of a step, from 0; a whole year counts as its summer.

    Examples
    --------
    >>> [season_of(step) for step in ("2021-Q4", "2021-12", "2021-05", "2021")]
    [3, 3, 1, 2]
    """
    part = step[5:]
    return int(part[1:]) - 1 if part.startswith("Q") else (int(part) - 1) // 3 if part else 2


def open_tiles(path: str | Path) -> Tiles:
    """Open tiles that `cut_tiles` wrote; images and labels are read tile by tile.

    Raises
    ------
    SourceError
        If there are none.
    """
    import zarr

    try:
        group = zarr.open_group(str(path), mode="r")
    except FileNotFoundError:
        raise SourceError(f"there are no tiles in {path}; cut them first: soilloss landcover tiles") from None
    kept: dict[str, Any] = json.loads(str(group.attrs["soilloss"]))
    return Tiles(
        group["image"],
        group["label"],
        np.array(kept["split"]),
        tuple(kept["quarters"]),
        np.array(kept["weight"], np.float32),
        np.array(kept["held_out"], bool),
        np.array(kept["moments"], np.float32),
    )
