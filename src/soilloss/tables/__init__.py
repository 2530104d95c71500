"""Look-up tables as CSV beside this file; `read` is the only way to them."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from soilloss.errors import DataError, did_you_mean

CODES = 256


def names() -> list[str]:
    """Return the names of the tables that come with the package.

    Examples
    --------
    >>> "severity" in names()
    True
    """
    return sorted(entry.name[:-4] for entry in files("soilloss.tables").iterdir() if entry.name.endswith(".csv"))


@functools.cache
def read(name: str) -> pd.DataFrame:
    """Return the table `name` (without ``.csv``); it is shared, so copy before changing it.

    Raises
    ------
    DataError
        If there is no such table.

    Examples
    --------
    >>> list(read("land_cover")["name"])[:3]
    ['forest', 'shrubland', 'grassland']
    """
    known = names()
    if name not in known:
        raise DataError(f"there is no table {name!r}{did_you_mean(name, known)} (known: {', '.join(known)})")
    with files("soilloss.tables").joinpath(f"{name}.csv").open(encoding="utf-8") as stream:
        return pd.read_csv(stream, keep_default_na=False, na_values=[""])


@functools.cache
def by_code_and_step(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return the values of the packaged table `name` by code and interval, and the edges between the intervals.

    The columns of such a table are called ``below_10, from_10, from_30``: the names hold the edges.

    Examples
    --------
    >>> values, edges = by_code_and_step("cover_hj1173")
    >>> edges.tolist(), float(values[1, 0])
    ([10.0, 30.0, 50.0, 70.0, 90.0], 0.1)
    """
    frame = read(name)
    steps = [column for column in frame if str(column).startswith(("below_", "from_"))]
    values = np.full((CODES, len(steps)), np.nan)
    values[frame["code"]] = frame[steps]
    return values, np.array([float(str(column).removeprefix("from_")) for column in steps[1:]])


def by_code(table: Any) -> np.ndarray:
    """Return the factors of codes 0 to 255, NaN for codes that are not in `table`.

    Parameters
    ----------
    table : mapping, DataFrame, str or pairs
        Code (or name of one of the eight land-cover classes) to value; a DataFrame has the columns ``code`` and
        ``value``; text is the name of a table of the package.

    Returns
    -------
    values : array of shape (256,)

    Raises
    ------
    DataError
        If a code or name is unknown or given twice, or a value is not from 0 to 1.

    Examples
    --------
    >>> by_code({"forest": 0.1, 4: 0.3})[1:5].tolist()
    [0.1, nan, nan, 0.3]
    """
    values = np.full(CODES, np.nan)
    for key, value in _pairs(table):
        code = _code(key)
        if not np.isnan(values[code]):
            raise DataError(f"the table gives class {key!r} twice; keep one line for it")
        values[code] = _factor(key, value)
    return values


def _pairs(table: Any) -> Iterable[tuple[Any, Any]]:
    frame = read(table) if isinstance(table, str) else table
    if isinstance(frame, pd.DataFrame):
        missing = [column for column in ("code", "value") if column not in frame]
        if missing:
            raise DataError(f"the table has no column {missing[0]!r} (it has {', '.join(map(str, frame.columns))})")
        return zip(frame["code"], frame["value"], strict=True)
    return frame.items() if isinstance(frame, Mapping) else frame


def _code(key: Any) -> int:
    if isinstance(key, str) and not key.strip().isdigit():
        known = dict(zip(read("land_cover")["name"], read("land_cover")["code"], strict=True))
        name = key.strip().lower().replace("_", "-")
        if name not in known:
            raise DataError(
                f"{key!r} is not a land-cover class{did_you_mean(key, known)} (known: {', '.join(known)}); "
                "codes from 0 to 255 are fine too"
            )
        return int(known[name])
    code = float(key)
    if not (0 <= code < CODES and code == int(code)):
        raise DataError(f"the table has code {key}, expected a whole number from 0 to 255")
    return int(code)


def _factor(key: Any, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = np.nan
    if not 0 <= number <= 1:
        raise DataError(f"the table gives class {key!r} the value {value!r}, expected a number from 0 to 1")
    return number
