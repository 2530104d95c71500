"""From a grid of heights to directions and accumulated amounts: the steps that the equations of `terrain` share.

Flat arrays with a ring, see `soilloss.kernels.surface`; `metres` (3, rows) holds the distances east-west, north-south
and diagonal of each row.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np

from soilloss.derive import strips
from soilloss.derive.barriers import held_back
from soilloss.derive.strips import on_grid as on_grid
from soilloss.derive.ways import Ways
from soilloss.derive.ways import unknown as unknown
from soilloss.errors import DataError, GridError
from soilloss.grid.target import CellSize
from soilloss.kernels import flats, flow, multiflow, slope_length

ROUTINGS = ("d8", "mfd", "dinf")
# integer areas in 1/1024 m2 add up to the same bits in any order
AREA_UNIT = 1 / 1024
MOST_CELLS = 2**31 - 1
MOST_UNITS = 2**62


def metres_of(cell_size: Any, elevation: np.ndarray) -> np.ndarray:
    """Return the distances of each row, shape (3, rows), after checking grid and cell size."""
    if elevation.ndim != 2:
        raise DataError(f"elevation has {elevation.ndim} dimensions, expected rows and columns; give one grid")
    rows = elevation.shape[0]
    if cell_size is None:
        raise GridError("cell_size is missing, expected the side of a cell in metres; pass cell_size=30, say")
    dx, dy = cell_size if isinstance(cell_size, CellSize) else (cell_size, cell_size)
    metres = np.empty((3, rows))
    for i, given in enumerate((dx, dy)):
        side = np.ravel(np.asarray(given, np.float64))
        if side.size not in (1, rows):
            raise GridError(f"cell_size has {side.size} rows, the grid has {rows}; cut both alike")
        if not (np.isfinite(side).all() and (side > 0).all()):
            raise GridError(f"cell_size is {side.min():g}, expected positive metres; check the grid")
        metres[i] = side
    np.hypot(metres[0], metres[1], out=metres[2])
    return metres


def countable(metres: np.ndarray) -> np.ndarray:
    """Return the distances rounded to whole parts of 2**-20 m: sums of them are exact, in whatever order."""
    return np.rint(metres * 2**20) / 2**20


def stride_of(elevation: np.ndarray) -> int:
    """Return the length of a row with its ring."""
    return elevation.shape[1] + 2


def filled(elevation: np.ndarray, ways: Ways) -> np.ndarray:
    """Return the heights with small holes bridged and depressions filled; NaN where water has no way out."""
    w, _ = _filled(elevation, ways)
    if ways.walls:
        w[np.isinf(w)] = np.nan
    return w


def _filled(elevation: np.ndarray, ways: Ways) -> tuple[np.ndarray, tuple[np.ndarray, np.ndarray]]:
    if elevation.ndim != 2:
        raise DataError(f"elevation has {elevation.ndim} dimensions, expected rows and columns; give one grid")
    cells = (elevation.shape[0] + 2) * stride_of(elevation)
    if cells > MOST_CELLS:
        raise DataError(
            f"elevation has {elevation.size} cells, expected at most {MOST_CELLS} for routing in memory; "
            "use a coarser grid or a smaller area"
        )
    return strips.filled(elevation, ways.checked())


def directions(elevation: np.ndarray, metres: np.ndarray, ways: Ways) -> tuple[np.ndarray, np.ndarray]:
    """Return D8 codes and the filled heights they follow."""
    w, spare = _filled(elevation, ways)
    codes = strips.directions(w, spare, metres)
    if ways.walls:
        w[np.isinf(w)] = np.nan
    if ways.flats == "garbrecht":
        stride, low, high = stride_of(elevation), spare[1], np.full(w.size, -1, np.int32)
        flats.steps_from_higher(w, stride, low, high)
        flats.drain_by_both(w, stride, low, high, codes)
    return codes, w


def routed(elevation: np.ndarray, codes: np.ndarray, ways: Ways) -> np.ndarray:
    """Return the heights, NaN also where voids wall the land in, for `on_grid`."""
    if not ways.walls:
        return elevation
    return np.where(codes.reshape(-1, stride_of(elevation))[1:-1, 1:-1] == flow.VOID, np.nan, elevation)


def accumulated(
    elevation: np.ndarray,
    metres: np.ndarray,
    own: np.ndarray,
    unit: float,
    routing: str,
    exponent: float,
    ways: Ways,
    held: np.ndarray = multiflow.NOTHING_HELD,
) -> np.ndarray:
    """Return what drains through each cell of `elevation` if each gives the amount `own` of its row; NaN in voids.

    With D8 amounts are whole multiples of `unit`, unless cells hold back flow: `held` as in `barriers.held_back`.
    """
    divides = exponent_of(routing, exponent)
    codes, w = directions(elevation, metres, ways)
    elevation = routed(elevation, codes, ways)
    if routing == "d8" and not held.size:
        del w
        amount, worth = accumulated_d8(codes, own, unit)
        return on_grid(elevation, amount, np.float64, worth * unit)
    return on_grid(elevation, strips.shared(codes, w, own, metres, divides, held), np.float64)


def exponent_of(routing: str, exponent: float) -> float:
    """Return how flow divides as `multiflow.share` wants it."""
    if routing not in ROUTINGS:
        raise unknown("routing", routing, ROUTINGS)
    return {"d8": multiflow.ONE_RECEIVER, "dinf": multiflow.STEEPEST_FACET}.get(routing, exponent)


def accumulated_d8(codes: np.ndarray, own: np.ndarray, unit: float) -> tuple[np.ndarray, int]:
    """Return the amounts of D8 from `own` of each row, and how many units each is worth; all whole numbers."""
    units = np.rint(own / unit)
    stride = codes.size // (own.size + 2)
    if units.sum() * stride > MOST_UNITS:
        raise GridError(f"cell_size makes cells of {own.max():g} m2, too large to add up; expected metres, check it")
    if (units == units[0]).all():
        # cells are counted in half the memory
        return strips.accumulated(codes, np.ones(own.size, np.int32)), int(units[0])
    return strips.accumulated(codes, units.astype(np.int64)), 1


def stops_of(channels: Any, trapping: Any, channel_area: float, codes: np.ndarray, metres: np.ndarray) -> np.ndarray:
    """Return the cells where slopes end, see `slope_length.cut_flow`, flat with a ring."""
    rows = metres.shape[1]
    stops = mapped_stops(channels, trapping, (rows, codes.size // (rows + 2) - 2))
    if math.isfinite(channel_area):
        area, worth = accumulated_d8(codes, metres[0] * metres[1], AREA_UNIT)
        stops[area >= math.ceil(Fraction(channel_area) / Fraction(AREA_UNIT) / worth)] = slope_length.CHANNEL
    return stops


def mapped_stops(channels: Any, trapping: Any, shape: tuple[int, int]) -> np.ndarray:
    """Return where slopes end by maps: in channels, and below cells that pass nothing on; flat with a ring."""
    stops = np.zeros((shape[0] + 2) * (shape[1] + 2), np.uint8)
    if trapping is not None:
        stops[held_back(None, trapping, shape) == multiflow.PARTS] = slope_length.LAST
    if channels is not None:
        stops[held_back(channels, None, shape) == multiflow.PARTS] = slope_length.CHANNEL
    return stops
