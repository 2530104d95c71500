"""Slope and aspect of the heights as given, from the eight neighbours of each cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from soilloss.derive.routing import metres_of, stride_of
from soilloss.equation import equation
from soilloss.kernels import surface


@equation(gives="slope", cite="horn1981", halo=1)
def slope_horn_1981(elevation, *, cell_size=None):
    r"""Slope angle from the 3 x 3 neighbourhood, weighted after Horn.

    Missing neighbours and those outside the grid are extrapolated linearly from the two next to them, so a plane keeps
    its slope to the rim (there as gdaldem does with -compute_edges); with too few, the centre's height stands in.

    Parameters
    ----------
    elevation : array, m
        Heights, rows from north to south; not filled, since filling makes depressions level.
    cell_size : float or CellSize, m
        Side of a cell; on geographic and non-square grids `CellSize(dx, dy)` by row.

    Returns
    -------
    slope : array, rad
        Float32 from 0 to pi/2, NaN where the height is missing.

    Raises
    ------
    GridError
        If the cell size is missing or does not fit the rows.

    Notes
    -----
    With the neighbours a b c / d e f / g h i:

    .. math:: \tan\theta = \sqrt{\left(\frac{c + 2f + i - a - 2d - g}{8\,\Delta x}\right)^2
              + \left(\frac{g + 2h + i - a - 2b - c}{8\,\Delta y}\right)^2}

    Horn, B. K. P. (1981), Proceedings of the IEEE 69, 14-47.

    Examples
    --------
    >>> z = [[50, 45, 50], [30, 30, 30], [8, 10, 10]]
    >>> round(float(np.degrees(slope_horn_1981(np.array(z), cell_size=5)[1, 1])), 4)
    75.2577
    """
    return _horn(surface.slope, elevation, cell_size)


@equation(gives="aspect", cite="horn1981", halo=1)
def aspect_horn_1981(elevation, *, cell_size=None):
    r"""Compass direction that the surface faces, from the gradient of Horn.

    Parameters
    ----------
    elevation : array, m
        Heights, rows from north to south.
    cell_size : float or CellSize, m
        Side of a cell; on geographic and non-square grids `CellSize(dx, dy)` by row.

    Returns
    -------
    aspect : array, rad
        Downslope direction clockwise from north, float32 from 0 to below 2 pi; NaN where level or missing.

    Raises
    ------
    GridError
        If the cell size is missing or does not fit the rows.

    Notes
    -----
    .. math:: \alpha = \operatorname{atan2}(-\partial z/\partial x,\; \partial z/\partial y) \bmod 2\pi

    with x towards the east and y towards the south; missing neighbours as in `slope_horn_1981`.
    Horn, B. K. P. (1981), Proceedings of the IEEE 69, 14-47.

    Examples
    --------
    >>> falls_east = np.array([[2.0, 1.0, 0.0]] * 3)
    >>> float(np.degrees(aspect_horn_1981(falls_east, cell_size=1)[1, 1]))
    90.0
    """
    return _horn(surface.aspect, elevation, cell_size)


def _horn(kernel: Any, elevation: np.ndarray, cell_size: Any) -> np.ndarray:
    metres = metres_of(cell_size, elevation)
    out = np.empty(elevation.shape, np.float32)
    kernel(surface.with_ring(elevation), stride_of(elevation), metres[0], metres[1], out)
    return out
