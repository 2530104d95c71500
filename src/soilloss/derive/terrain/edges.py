"""Where the map ends too early: cells into which water may come from outside it."""

from __future__ import annotations

import numpy as np

from soilloss.derive.routing import directions, metres_of, on_grid, routed, stride_of
from soilloss.derive.ways import Ways
from soilloss.derive.whole import whole_grid
from soilloss.kernels import flow, network


@whole_grid(gives="edge_contaminated", cite="ocallaghan1984")
def edge_contaminated(elevation, *, close_holes=1, voids="outlet", flats="lower", cell_size=None):
    r"""Cells whose contributing area may be too small because water may come from outside.

    Parameters
    ----------
    elevation : array, m
        Heights of the whole grid; filled first.
    close_holes : int
        Holes of at most so many missing cells are bridged and do not count as outside.
    voids : {"outlet", "wall"}
        Whether other missing cells count as outside, or only the border of the grid; see `fill_depressions`.
    flats : {"lower", "garbrecht"}
        How level land drains, see `flow_direction_d8`.
    cell_size : float or CellSize, m
        Side of a cell. Without it the cells of a plain array are taken to be square.

    Returns
    -------
    edge_contaminated : array
        Float32: 1 in cells at the border or beside a void and in all cells downstream of them by D8, else 0; NaN where
        the height is missing.

    Raises
    ------
    DataError, GridError
        If heights or cell size do not fit.

    Notes
    -----
    .. math:: e(c) = [c \text{ beside a void or the border}] \lor \bigvee_{n \to c} e(n)

    Directions as in O'Callaghan, J. F. and Mark, D. M. (1984), Computer Vision, Graphics, and Image Processing 28,
    323-344.

    Examples
    --------
    >>> valley = np.array([[9.0, 8, 9, 9], [9, 7, 9, 9], [9, 6, 5, 4], [9, 9, 9, 9]])
    >>> edge_contaminated(valley)[1:3, 1:3].tolist()
    [[1.0, 0.0], [1.0, 1.0]]
    """
    ways, stride = Ways(close_holes, voids, flats), stride_of(elevation)
    codes, _ = directions(elevation, metres_of(1.0 if cell_size is None else cell_size, elevation), ways)
    around = codes.reshape(-1, stride).copy()
    if ways.walls:
        hide_voids(around)
    reached = np.zeros(codes.size, np.uint8)
    network.reach(codes, stride, network.beside_outside(around.reshape(-1), stride), reached)
    return on_grid(routed(elevation, codes, ways), reached)


def hide_voids(codes: np.ndarray) -> None:
    """Let voids inside the ring not look like the outside, in place."""
    inner = codes[1:-1, 1:-1]
    inner[inner == flow.VOID] = flow.LEVEL
