"""Mean and standard deviation of each band, in one pass over the training tiles."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from soilloss.errors import DataError
from soilloss.landcover.tiles import NODATA, SCALE


def moments(image: Any, tiles: Iterable[int]) -> np.ndarray:
    r"""Return mean and standard deviation of reflectance per band over the valid cells of some tiles.

    Parameters
    ----------
    image : array (tile, quarter, band, y, x), int16
        Reflectance times 10 000, -32768 where missing; NumPy's or Zarr's, read tile by tile.
    tiles : iterable of int
        The tiles to take: those of the training split, so that nothing of the others leaks into the network.

    Returns
    -------
    moments : array (2, band), float32

    Raises
    ------
    DataError
        If a band has no valid cell, or the same value everywhere.

    Notes
    -----
    Sums of whole numbers are exact in 64 bits, so neither the order nor the number of tiles changes the result:

    .. math:: s^2 = \frac{\sum x^2 - (\sum x)^2 / n}{n}

    Examples
    --------
    >>> moments(np.array([1000, 3000], np.int16).reshape(1, 1, 1, 1, 2), [0]).tolist()
    [[0.20000000298023224], [0.10000000149011612]]
    """
    count, total, squares = (np.zeros(image.shape[2], np.int64) for _ in range(3))
    for tile in tiles:
        x = np.asarray(image[tile])
        valid = x != NODATA
        x = np.where(valid, x, 0).astype(np.int64)
        count += valid.sum((0, 2, 3))
        total += x.sum((0, 2, 3))
        squares += (x * x).sum((0, 2, 3))
    n = np.maximum(count, 1)
    mean, deviation = total / n, np.sqrt(np.maximum(squares / n - (total / n) ** 2, 0))
    for band in np.flatnonzero(deviation == 0):
        found = "no valid cell" if count[band] == 0 else f"the value {mean[band] / SCALE:g} everywhere"
        raise DataError(f"band {band + 1} of the training tiles has {found}; give its images, or leave the band out")
    return (np.stack([mean, deviation]) / SCALE).astype(np.float32)
