"""`@whole_grid`: an equation of the whole grid that also takes Dask arrays and arrays too large for one piece."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from soilloss.derive.routing import MOST_CELLS
from soilloss.equation import equation


def whole_grid(gives: str, cite: str, **words: Any) -> Callable[[Any], Any]:
    """Mark a function as an equation of the whole grid, see `soilloss.equation.equation`, that can go tile by tile.

    The function itself sees NumPy arrays of at most `MOST_CELLS` cells; its results do not depend on the way taken.
    """

    def decorate(function: Any) -> Any:
        @functools.wraps(function)
        def call(
            elevation: Any, channels: Any = None, trapping: Any = None, *, cell_size: Any = None, **options: Any
        ) -> Any:
            masks = {"channels": channels, "trapping": trapping}
            masks = {name: mask for name, mask in masks.items() if mask is not None}
            lazy = hasattr(elevation, "dask")
            if lazy or np.size(elevation) > MOST_CELLS:
                from soilloss.derive.tiled.lazy import at_once, lazily

                return (lazily if lazy else at_once)(gives, elevation, masks, cell_size, options)
            sized = {} if cell_size is None else {"cell_size": cell_size}
            return function(elevation, **masks, **sized, **options)

        return equation(gives, cite, whole=True, **words)(call)

    return decorate
