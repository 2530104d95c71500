"""What holds flow back: roads, parcel borders, terraces and water that trap a share of it, and channels that take all.

``held_back(channels, trapping, shape)`` gives the parts of its outflow that each cell keeps.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from soilloss.errors import DataError
from soilloss.kernels.multiflow import NOTHING_HELD, PARTS

ROWS = 256


def held_back(channels: Any, trapping: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return what each cell holds back, in 65535ths of its outflow, with a ring; nothing if there is no mask.

    Parameters
    ----------
    channels : array or None
        1 in channels, which hold back all; 0 or missing elsewhere.
    trapping : array, number or None
        Share of the outflow that is held back, 0 to 1; missing is 0.
    shape : tuple of int
        Rows and columns of the heights.

    Raises
    ------
    DataError
        If a share is below 0 or above 1, or a mask lies on another grid.

    Examples
    --------
    >>> held_back(None, np.array([[0.0, 0.5, 1.0]]), (1, 3))[6:9].tolist()
    [0, 32768, 65535]
    """
    if channels is None and trapping is None:
        return NOTHING_HELD
    held = np.zeros((shape[0] + 2, shape[1] + 2), np.uint16)
    inner = held[1:-1, 1:-1]
    if trapping is not None:
        share = _fitting("trapping", trapping, shape)
        for top in range(0, shape[0], ROWS):
            inner[top : top + ROWS] = _parts(share[top : top + ROWS])
    if channels is not None:
        inner[_fitting("channels", channels, shape) > 0] = PARTS
    return held.reshape(-1)


def _fitting(name: str, mask: Any, shape: tuple[int, int]) -> np.ndarray:
    values = np.asarray(mask)
    if values.ndim and values.shape != shape:
        raise DataError(f"{name} has shape {values.shape}, elevation {shape}; put both on one grid")
    return np.broadcast_to(values, shape)


def _parts(share: np.ndarray) -> np.ndarray:
    wrong = (share < 0) | (share > 1)
    if wrong.any():
        raise DataError(
            f"trapping is {share[wrong][0]:g} in some cells, expected shares of the flow from 0 to 1; check its scale"
        )
    return np.rint(np.where(share > 0, share, 0).astype(np.float64) * PARTS)
