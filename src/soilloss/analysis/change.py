"""What became what, where it was gained and lost, and what that did to soil loss.

Classes are whole numbers from 1 to 255; 0 and NaN are missing. Areas come in the unit of `cell_area` (a number, or an
array that broadcasts over the cells); without it cells are counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import pandas as pd
import xarray as xr

from soilloss.analysis.years import decimal_years
from soilloss.errors import DataError

CODES = 256
CROPLAND = 4


def transition_matrix(before: Any, after: Any, *, cell_area: Any = None) -> pd.DataFrame:
    """Area that went from each class to each class.

    Parameters
    ----------
    before, after : array of classes
        Of the same shape; cells missing in one of them are left out.
    cell_area : float or array, optional
        Area of a cell.

    Returns
    -------
    table : DataFrame
        Rows from, columns to, each with all classes that occur, by name where the maps have ``flag_meanings``. The
        diagonal is what stayed; row sums are the areas before, column sums those after.

    Raises
    ------
    DataError
        If the shapes differ or a class is no whole number from 0 to 255.

    Examples
    --------
    >>> transition_matrix([1, 1, 4, 4], [1, 4, 4, 0]).loc[1].tolist()
    [1.0, 1.0]
    """
    first, second = _codes(before), _codes(after)
    if first.shape != second.shape:
        raise DataError(f"the maps have shapes {first.shape} and {second.shape}; bring both to the same grid")
    use = (first > 0) & (second > 0)
    pairs = first[use].astype("i8") * CODES + second[use]
    flows = np.bincount(pairs, _area(cell_area, first.shape)[use], CODES * CODES).reshape(CODES, CODES)
    present = np.union1d(np.unique(first[use]), np.unique(second[use]))
    names = _names(before, present)
    return pd.DataFrame(
        flows[np.ix_(present, present)], index=pd.Index(names, name="from"), columns=pd.Index(names, name="to")
    )


def gain_loss(
    before: Any, after: Any, *, of: Literal["severity", "land_cover"] = "severity", cropland: int = CROPLAND
) -> Any:
    """Gain (1), loss (-1) or no change (0) between two maps.

    Parameters
    ----------
    before, after : array of classes
        Severity grades, or land cover.
    of : {"severity", "land_cover"}
        A severity grade that rises is a loss, one that falls a gain. Land that becomes cropland is a loss, cropland
        that becomes something else a gain; changes among the other classes count as none.
    cropland : int
        Its code.

    Returns
    -------
    change : float32 array
        NaN where either is missing.

    Examples
    --------
    >>> gain_loss([1, 3, 2], [2, 1, 2]).tolist()
    [-1.0, 1.0, 0.0]
    >>> gain_loss([1, 4, 1], [4, 1, 3], of="land_cover").tolist()
    [-1.0, 1.0, 0.0]
    """
    first, second = _codes(before).astype("i2"), _codes(after).astype("i2")
    worse = np.sign(second - first) if of == "severity" else 1 * (second == cropland) - (first == cropland)
    change = np.where((first > 0) & (second > 0), -worse, np.nan).astype("f4")
    if not isinstance(after, xr.DataArray):
        return change
    attributes = {"long_name": f"gain or loss of {of}", "flag_values": [-1, 0, 1], "flag_meanings": "loss none gain"}
    return after.copy(data=change).rename("gain_loss").assign_attrs(attributes)


def sankey(maps: Sequence[Any], *, steps: Sequence[str] | None = None, cell_area: Any = None) -> dict[str, Any]:
    """Flows between classes from each map to the next, as data of a figure.

    Parameters
    ----------
    maps : sequence of arrays of classes
    steps : sequence of str, optional
        Their labels.
    cell_area : float or array, optional
        Area of a cell.

    Returns
    -------
    figure : dict
        ``kind`` "sankey", ``steps``, and ``flows``: one tuple (step, from, to, area) for each flow that is not 0.

    Examples
    --------
    >>> sankey([[1, 1], [1, 4]], steps=["2000", "2010"])["flows"]
    [('2000', 1, 1, 1.0), ('2000', 1, 4, 1.0)]
    """
    labels = [str(label) for label in (steps if steps is not None else range(len(maps)))]
    flows = []
    for label, before, after in zip(labels, maps, maps[1:], strict=False):
        table = transition_matrix(before, after, cell_area=cell_area)
        flows += [
            (label, start, end, float(area))
            for start, row in zip(table.index, table.to_numpy(), strict=True)
            for end, area in zip(table.columns, row, strict=True)
            if area > 0
        ]
    return {"kind": "sankey", "steps": labels, "flows": flows}


def change_effect(
    land_cover_before: Any,
    land_cover_after: Any,
    soil_loss_before: Any,
    soil_loss_after: Any,
    *,
    steps: Sequence[str] | None = None,
    cell_area: Any = None,
) -> pd.DataFrame:
    """Mean change of soil loss where each class was gained and lost, and its mean where the class is now.

    Parameters
    ----------
    land_cover_before, land_cover_after : array of classes (y, x)
    soil_loss_before, soil_loss_after : array (y, x) or (step, y, x), t ha-1
        The steps of a year, such as its quarters. A cell counts if all its steps are valid, so that the means of the
        steps add up to that of the year.
    steps : sequence of str, optional
        Names of the steps.
    cell_area : float or array, optional
        Weights of the means.

    Returns
    -------
    table : DataFrame
        Rows by class and effect (gain, loss, current), columns ``cells``, one for each step, and ``sum``.

    Examples
    --------
    >>> change_effect([1, 4], [4, 4], [1.0, 5.0], [9.0, 6.0]).loc[(4, "gain"), "sum"]
    np.float64(8.0)
    """
    first, second = _codes(land_cover_before), _codes(land_cover_after)
    before, after = np.asarray(soil_loss_before, "f8"), np.asarray(soil_loss_after, "f8")
    before, after = (loss.reshape(-1, *first.shape) for loss in (before, after))
    valid = (first > 0) & (second > 0) & np.isfinite(before).all(axis=0) & np.isfinite(after).all(axis=0)
    area = _area(cell_area, first.shape)
    present = np.union1d(np.unique(first[valid]), np.unique(second[valid]))
    rows = {}
    for code, name in zip(present, _names(land_cover_before, present), strict=True):
        for effect, cells, what in (
            ("gain", valid & (first != code) & (second == code), after - before),
            ("loss", valid & (first == code) & (second != code), after - before),
            ("current", valid & (second == code), after),
        ):
            means = (
                np.average(what[:, cells], axis=1, weights=area[cells]) if cells.any() else np.full(len(what), np.nan)
            )
            rows[name, effect] = [int(cells.sum()), *means, means.sum()]
    labels = [str(label) for label in (steps if steps is not None else range(1, len(after) + 1))]
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["cells", *labels, "sum"])
    table.index = pd.MultiIndex.from_tuples(table.index, names=["class", "effect"])
    return table.astype({"cells": "i8"})


def top_fraction(values: Any, fraction: float = 0.10, *, cell_area: Any = None) -> Any:
    """Mark the highest valid cells: the tenth of the land where soil loss is largest.

    Parameters
    ----------
    values : array
        Such as soil loss summed over the years.
    fraction : float
        Share of the valid cells, or of their area; rounded down to whole cells. Cells that tie with the last are
        marked.
    cell_area : array, optional
        Area of each cell, where cells differ.

    Returns
    -------
    mask : bool array
        False where missing.

    Examples
    --------
    >>> top_fraction([5.0, 1.0, 9.0, 9.0, float("nan")], 0.25).tolist()
    [False, False, True, True, False]
    """
    data = np.asarray(values, "f8")
    area = _area(cell_area, data.shape)[np.isfinite(data)]
    valid = data[np.isfinite(data)]
    order = np.argsort(-valid, kind="stable")
    passed = np.cumsum(area[order])
    count = int((passed <= fraction * passed[-1] * (1 + 1e-12)).sum()) if valid.size else 0
    mask = data >= valid[order[count - 1]] if count else np.zeros(data.shape, bool)
    return values.copy(data=mask).rename("top_fraction") if isinstance(values, xr.DataArray) else mask


def timing(classes: Any, of: int, *, time: Any = None) -> Any:
    """When a class was last gained and lost, and how often.

    Parameters
    ----------
    classes : array (time, ...) of classes
        Missing steps are bridged: a change shows at the next valid step.
    of : int
        The class.
    time : array (time,), optional
        Years, dates or labels such as 2016-Q3; of a DataArray its coordinate; else 0, 1, 2 ...

    Returns
    -------
    timing : mapping or Dataset
        ``gain`` and ``loss``: the year in which it happened last, NaN where never; ``gains`` and ``losses``: how often.

    Examples
    --------
    >>> found = timing([1, 1, 4, 4, 1], 4, time=["2000", "2001", "2002", "2003", "2004"])
    >>> float(found["gain"]), float(found["loss"])
    (2002.0, 2004.0)
    """
    codes = _codes(classes)
    if time is None and isinstance(classes, xr.DataArray) and "time" in classes.coords:
        time = classes["time"].to_numpy()
    years = decimal_years(time)[0] if time is not None else np.arange(len(codes))
    found = {name: np.full(codes.shape[1:], np.nan, "f4") for name in ("gain", "loss")}
    found |= {name: np.zeros(codes.shape[1:], "f4") for name in ("gains", "losses")}
    last = codes[0]
    for year, now in zip(years[1:], codes[1:], strict=True):
        known = (last > 0) & (now > 0)
        for name, many, cells in (
            ("gain", "gains", known & (last != of) & (now == of)),
            ("loss", "losses", known & (last == of) & (now != of)),
        ):
            found[name] = np.where(cells, np.float32(year), found[name])
            found[many] += cells
        last = np.where(now > 0, now, last)
    if not isinstance(classes, xr.DataArray):
        return found
    place = classes.isel(time=0, drop=True).drop_attrs(deep=False)
    return xr.Dataset({name: place.copy(data=data) for name, data in found.items()})


def class_areas(classes: Any, *, steps: Sequence[str] | None = None, cell_area: Any = None) -> pd.DataFrame:
    """Area of each class in time.

    Parameters
    ----------
    classes : array (time, y, x) of classes
    steps : sequence of str, optional
        Labels of the steps.
    cell_area : float or array, optional
        Area of a cell.

    Returns
    -------
    table : DataFrame
        Columns ``step``, ``class``, ``area``, ``percent`` (of the valid area of the step).

    Examples
    --------
    >>> class_areas([[1, 1, 4, 0]], steps=["2000"])["percent"].round(1).tolist()
    [66.7, 33.3]
    """
    codes = _codes(classes)
    labels = [str(label) for label in (steps if steps is not None else range(len(codes)))]
    present = np.setdiff1d(np.unique(codes), [0])
    names = _names(classes, present)
    area = _area(cell_area, codes.shape[1:]).reshape(-1)
    rows = []
    for label, step in zip(labels, codes, strict=True):
        areas = np.bincount(step.reshape(-1), area, CODES)
        total = areas[1:].sum()
        rows += [
            (label, name, areas[code], 100 * areas[code] / total if total else np.nan)
            for code, name in zip(present, names, strict=True)
        ]
    return pd.DataFrame(rows, columns=["step", "class", "area", "percent"])


def _codes(classes: Any) -> np.ndarray:
    """Classes as uint8, 0 for what is missing."""
    data = np.asarray(classes)
    if data.dtype == np.uint8:
        return data
    known = np.where(np.isfinite(data), data, 0) if data.dtype.kind == "f" else data
    if known.size and (known.min() < 0 or known.max() >= CODES or np.any(known != np.rint(known))):
        wrong = known[(known < 0) | (known >= CODES) | (known != np.rint(known))][0]
        raise DataError(f"the map has class {wrong}, expected whole numbers from 0 (missing) to 255")
    return known.astype("u1")


def _area(cell_area: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.asarray(1.0 if cell_area is None else cell_area, "f8"), shape)


def _names(classes: Any, codes: np.ndarray) -> list[Any]:
    """Names of classes where the map has them, else their codes."""
    attributes = getattr(classes, "attrs", {})
    if "flag_values" not in attributes or "flag_meanings" not in attributes:
        return [int(code) for code in codes]
    meanings = dict(zip(np.ravel(attributes["flag_values"]), attributes["flag_meanings"].split(), strict=False))
    return [meanings.get(code, int(code)) for code in codes]
