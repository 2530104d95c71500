"""Support practice P, engineering E and tillage T from tables of the user."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from soilloss import tables
from soilloss.equation import equation
from soilloss.errors import DataError
from soilloss.kernels import classes

CROPLAND = 4


@equation(gives="practice", cite="renard1997")
def lookup(land_cover, *, table):
    r"""Support practice by land cover, from a table.

    Parameters
    ----------
    land_cover : array, codes
        Land cover.
    table : mapping, DataFrame, str or pairs
        Code or class name to P, between 0 and 1.

    Returns
    -------
    practice : array, 1
        P; NaN for codes that are not in the table.

    Raises
    ------
    DataError
        If the table has an unknown name, a class twice or a value outside 0-1.

    Notes
    -----
    .. math:: P = table[land\,cover]

    Renard et al. (1997), USDA Agriculture Handbook 703.

    Examples
    --------
    >>> lookup(np.array([1, 4]), table={"forest": 1, "cropland": 0.5}).tolist()
    [1.0, 0.5]
    """
    return classes.lookup(land_cover, tables.by_code(table))


@equation(gives="engineering", cite="liuby2002")
def engineering_lookup(engineering_measure, *, table):
    """Engineering factor of the CSLE by measure, from a table.

    Parameters
    ----------
    engineering_measure : array, codes
        Code of the measure in each cell, one of them for no measure.
    table : mapping, DataFrame, str or pairs
        Code to E, between 0 and 1; say 1 for no measure.

    Returns
    -------
    engineering : array, 1
        E; NaN for codes that are not in the table.

    Raises
    ------
    DataError
        If the table has a code twice or a value outside 0-1.

    Notes
    -----
    .. math:: E = table[measure]

    Liu et al. (2002). No table is the default: the values that circulate could not be read in a primary source; the
    package has them as ``example_engineering_unverified``.

    Examples
    --------
    >>> engineering_lookup(np.array([0, 1, 9]), table={0: 1, 1: 0.12}).tolist()
    [1.0, 0.12, nan]
    """
    return classes.lookup(engineering_measure, tables.by_code(table))


@equation(gives="tillage", cite="liuby2002")
def tillage_lookup(tillage_measure, *, table):
    """Tillage factor of the CSLE by measure, from a table.

    Parameters
    ----------
    tillage_measure : array, codes
        Code of the measure in each cell, one of them for no measure.
    table : mapping, DataFrame, str or pairs
        Code to T, between 0 and 1; say 1 for no measure.

    Returns
    -------
    tillage : array, 1
        T; NaN for codes that are not in the table.

    Raises
    ------
    DataError
        If the table has a code twice or a value outside 0-1.

    Notes
    -----
    .. math:: T = table[measure]

    Liu et al. (2002). No table is the default; ``example_tillage_unverified`` holds values that circulate.

    Examples
    --------
    >>> tillage_lookup(np.array([0, 1]), table={0: 1, 1: 0.43}).tolist()
    [1.0, 0.43]
    """
    return classes.lookup(tillage_measure, tables.by_code(table))


@equation(gives="tillage", cite="liuby2002")
def tillage_slope_lookup(land_cover, slope, *, table):
    r"""Tillage factor of the CSLE by slope on cropland, from a table; 1 elsewhere.

    Parameters
    ----------
    land_cover : array, codes
        The eight classes.
    slope : array, rad
        Slope angle.
    table : mapping, DataFrame or str
        Lower edge in degrees to T, the first edge 0 (columns ``lower_degrees`` and ``value``).

    Returns
    -------
    tillage : array, 1
        T; an edge belongs to the steeper class.

    Raises
    ------
    DataError
        If the edges do not rise from 0 or a value is outside 0-1.

    Notes
    -----
    .. math:: T = table[\theta] \text{ on cropland}, \quad 1 \text{ elsewhere}

    Liu et al. (2002). No table is the default; ``example_contour_ladder_unverified`` holds one that circulates.

    Examples
    --------
    >>> tillage_slope_lookup(np.array([1, 4, 4]), np.radians([9.0, 9.0, 10.0]), table={0: 0.2, 10: 0.3}).tolist()
    [1.0, 0.2, 0.3]
    """
    edges, values = _ladder(table)
    by_class = np.ones((tables.CODES, len(values)))
    by_class[CROPLAND] = values
    by_class[0] = np.nan
    return classes.lookup_steps(land_cover, slope, by_class, classes.thresholds(np.radians(edges[1:])))


def _ladder(table):
    """Edges and values of a table by slope, checked."""
    frame = tables.read(table) if isinstance(table, str) else table
    if not isinstance(frame, Mapping):
        frame = dict(zip(frame["lower_degrees"], frame["value"], strict=True))
    try:
        edges, values = np.array(list(frame), "f8"), np.array(list(frame.values()), "f8")
    except (TypeError, ValueError) as error:
        raise DataError(
            f"the table by slope is not made of numbers ({error}); expected lower edge in degrees to value, such as "
            "{0: 0.2, 5: 0.3}"
        ) from None
    if not (len(edges) and edges[0] == 0 and np.all(np.diff(edges) > 0)):
        raise DataError(
            f"the table by slope has the lower edges {edges.tolist()}, expected them to rise from 0 degrees"
        )
    if not np.all((values >= 0) & (values <= 1)):
        raise DataError(f"the table by slope has the values {values.tolist()}, expected numbers from 0 to 1")
    return edges, values
