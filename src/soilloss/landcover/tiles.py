"""Tiles of image series and labels: what training reads."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

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
