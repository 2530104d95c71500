"""Codes of flow directions in other programs: `convert_directions` to them, `read_directions` back.

The codes lie in the table ``flow_directions``. ESRI counts from east clockwise in powers of two, PCRaster by the number
keypad, TauDEM and pygeoprocessing from east counter-clockwise, GRASS (`r.watershed`) counter-clockwise in eighths of
a turn, Whitebox from north-east clockwise in powers of two.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from soilloss import tables
from soilloss.errors import DataError, ProjectError, did_you_mean

SYSTEMS = ("soilloss", "esri", "pyflwdir", "ldd", "taudem", "grass", "whitebox", "pygeoprocessing")
LEAVES, MISSING = 8, 255
# rows and columns to the neighbours, in the order of the codes
STEPS = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


def convert_directions(flow_direction: Any, system: str) -> np.ndarray:
    """Return flow directions in the codes of another program.

    Parameters
    ----------
    flow_direction : array (rows, columns)
        0 east to 7 north-east clockwise, 8 where water leaves the grid; NaN or 255 where missing.
    system : str
        ``esri``, ``pyflwdir``, ``ldd`` (PCRaster), ``taudem``, ``grass``, ``whitebox``, ``pygeoprocessing``, or
        ``soilloss`` for our own codes as whole numbers.

    Returns
    -------
    codes : array
        Uint8, with negative codes int16; `missing_code` tells which marks missing cells. Where water leaves the grid:
        0 for ``esri``, ``pyflwdir`` and ``whitebox``, 5 for ``ldd``, missing for ``taudem``; for ``pygeoprocessing``
        the direction of the first neighbour that is missing or outside, and for ``grass`` the negative of that.

    Raises
    ------
    ProjectError
        If the program is not known.
    DataError
        If the directions are not two-dimensional or hold other codes.

    Examples
    --------
    >>> convert_directions(np.array([[0, 1, 8]]), "esri").tolist()
    [[1, 2, 0]]
    """
    column, own = _column(system), own_codes(flow_direction)
    lookup = np.full(256, column[MISSING], np.int16)
    for code, other in column.items():
        lookup[code] = other
    out = lookup[own]
    if system in ("grass", "pygeoprocessing"):
        leaving = own == LEAVES
        out[leaving] = lookup[_way_outside(own)[leaving]] * (-1 if system == "grass" else 1)
    return out.astype(dtype_of(system))


def read_directions(codes: Any, system: str) -> np.ndarray:
    """Return our flow directions from those of another program.

    Parameters
    ----------
    codes : array (rows, columns)
        Directions as `convert_directions` returns them; NaN is missing too.
    system : str
        The program, as in `convert_directions`.

    Returns
    -------
    flow_direction : array
        Float32, NaN where missing. A direction that leads to a missing cell or out of the grid becomes 8, and so does
        every negative one of GRASS. TauDEM does not tell cells that leave the grid from missing ones.

    Raises
    ------
    ProjectError
        If the program is not known.
    DataError
        If the codes are not two-dimensional, or one of them means no single direction.

    Examples
    --------
    >>> read_directions(np.array([[1, 2, 0]]), "esri").tolist()
    [[0.0, 8.0, 8.0]]
    """
    column, given = _column(system), _two_dimensional(codes)
    out = np.full(given.shape, MISSING, np.uint8)
    known = np.isnan(given) | (given == column[MISSING])
    for code, other in column.items():
        hit = given == other if code != MISSING else np.zeros(given.shape, bool)
        out[hit] = code
        known |= hit
    if system == "grass":
        leaving = (given < 0) & (given >= -8)
        out[leaving] = LEAVES
        known |= leaving
    _refuse_others(given, known, system)
    out[_leads_outside(out)] = LEAVES
    return np.where(out == MISSING, np.float32(np.nan), out.astype(np.float32))


def missing_code(system: str) -> int:
    """Return the code of missing cells.

    Examples
    --------
    >>> missing_code("pyflwdir")
    247
    """
    return _column(system)[MISSING]


def dtype_of(system: str) -> str:
    """Return the data type that holds the codes: ``uint8``, or ``int16`` where some are negative.

    Examples
    --------
    >>> dtype_of("grass")
    'int16'
    """
    return "int16" if missing_code(system) < 0 else "uint8"


def own_codes(flow_direction: Any) -> np.ndarray:
    """Return our directions as uint8, 255 where missing; a `DataError` names a value that is no direction.

    Examples
    --------
    >>> own_codes([[0, 8, np.nan]]).tolist()
    [[0, 8, 255]]
    """
    given = _two_dimensional(flow_direction)
    missing = np.isnan(given) | (given == MISSING)
    known = missing | ((given >= 0) & (given <= LEAVES) & (given == np.floor(given)))
    _refuse_others(given, known, "soilloss")
    return np.where(missing, MISSING, given).astype(np.uint8)


def _column(system: str) -> dict[int, int]:
    """Our codes and those of a program; what it has no code for is left out."""
    if system not in SYSTEMS:
        raise ProjectError(
            f"{system!r} is no known code of directions{did_you_mean(system, SYSTEMS)} (known: {', '.join(SYSTEMS)})"
        )
    table = tables.read("flow_directions").set_index("code")
    if system == "soilloss":
        return {int(code): int(code) for code in table.index}
    return {int(code): int(other) for code, other in table[system].dropna().items()}  # type: ignore[arg-type]  codes


def _two_dimensional(values: Any) -> np.ndarray:
    given = np.asarray(values)
    if given.ndim != 2:
        raise DataError(f"flow_direction has {given.ndim} dimensions, expected rows and columns; give one grid")
    return given


def _refuse_others(given: np.ndarray, known: np.ndarray, system: str) -> None:
    if not known.all():
        raise DataError(
            f"flow_direction holds {given[~known][0]:g}, which is no direction in the codes of {system}; "
            f"check the program it comes from (known: {', '.join(SYSTEMS)})"
        )


def _neighbours_missing(own: np.ndarray, k: int) -> np.ndarray:
    """Whether the neighbour in direction `k` is missing or outside the grid."""
    ringed = np.pad(own == MISSING, 1, constant_values=True)
    (down, right), (rows, columns) = STEPS[k], own.shape
    return ringed[1 + down : 1 + down + rows, 1 + right : 1 + right + columns]


def _way_outside(own: np.ndarray) -> np.ndarray:
    """Direction of each cell's first neighbour that is missing or outside the grid; missing if there is none."""
    out = np.full(own.shape, MISSING, np.uint8)
    for k in reversed(range(8)):
        out[_neighbours_missing(own, k)] = k
    return out


def _leads_outside(own: np.ndarray) -> np.ndarray:
    out = np.zeros(own.shape, bool)
    for k in range(8):
        out |= (own == k) & _neighbours_missing(own, k)
    return out
