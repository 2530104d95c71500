"""Worked values from published sources and closed forms, run against these or any other implementation.

The table ``worked_values`` has one line per value: the method (``module.function`` or ``variable.function``), its
inputs and the expected result as JSON, the largest difference allowed, and where the numbers come from.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from soilloss import tables
from soilloss.equation import spec_of
from soilloss.errors import DataError, did_you_mean
from soilloss.units import convert
from soilloss.variables import VARIABLES

ROOMS = ("soilloss.derive", "soilloss.factors", "soilloss.model")
PASS, FAIL, MISSING = "pass", "fail", "missing"


def check(implementations: Mapping[str, Callable[..., Any]] | None = None, *, only: str = "") -> pd.DataFrame:
    """Run every worked value.

    Parameters
    ----------
    implementations : mapping, optional
        Method to function, for example ``{"topography.mccool_1987": my_function}``. The functions take data and
        coefficients by the names of the vocabulary, in canonical units. Without it, soilloss itself.
    only : str
        Part of the names of the methods to run, e.g. ``erosivity``; default all.

    Returns
    -------
    DataFrame
        One line per worked value: ``method, inputs, expected, tolerance, source, page``, then ``got`` and ``status``:
        ``pass``, ``fail``, or ``missing`` where the mapping has no such method.

    Raises
    ------
    DataError
        If no method's name holds `only`.

    Examples
    --------
    >>> rows = check({"topography.mccool_1987": lambda slope: 0.03})
    >>> sorted(set(rows["status"]))
    ['fail', 'missing', 'pass']
    """
    functions = own() if implementations is None else implementations
    every = tables.read("worked_values")
    rows = [row for row in every.to_dict("records") if only in str(row["method"])]
    if not rows:
        raise DataError(
            f"no worked value is for {only!r}{did_you_mean(only, known_parts())}; give part of a method's name, such "
            "as erosivity or mccool_1987"
        )
    results = [_run(functions.get(row["method"]), row) for row in rows]
    table = pd.DataFrame(rows, columns=every.columns)
    return table.assign(got=[got for got, _ in results], status=[status for _, status in results])


def known_parts() -> list[str]:
    """Return the modules, variables and functions that worked values are for."""
    return sorted({part for method in tables.read("worked_values")["method"] for part in method.split(".")})


def by_method(rows: pd.DataFrame) -> dict[str, tuple[int, int]]:
    """Return how many worked values of each method pass, and how many there are.

    Examples
    --------
    >>> by_method(check(only="mccool_1987"))
    {'topography.mccool_1987': (..., ...)}
    """
    found: dict[str, tuple[int, int]] = {}
    for method, status in zip(rows["method"], rows["status"], strict=True):
        passed, count = found.get(method, (0, 0))
        found[method] = passed + (status == PASS), count + 1
    return found


def own() -> dict[str, Callable[..., Any]]:
    """Return the functions of soilloss by ``module.function`` and, for equations, also by ``variable.function``.

    Examples
    --------
    >>> own()["topography.mccool_1987"] is own()["slope_steepness_factor.mccool_1987"]
    True
    """
    found: dict[str, Callable[..., Any]] = {}
    for module in _modules():
        for name, function in vars(module).items():
            if name.startswith("_") or not str(getattr(function, "__module__", "")).startswith(module.__name__):
                continue
            if callable(function):
                found[f"{module.__name__.rpartition('.')[2]}.{name}"] = function
                if "spec" in vars(function):
                    found[f"{spec_of(function).gives}.{name}"] = function
    return found


def _modules() -> list[Any]:
    rooms = [importlib.import_module(room) for room in ROOMS]
    inner = [
        f"{room.__name__}.{part.name}" for room in rooms for part in pkgutil.iter_modules(getattr(room, "__path__", []))
    ]
    return rooms + [importlib.import_module(name) for name in inner]


def _run(function: Callable[..., Any] | None, row: Mapping[Any, Any]) -> tuple[Any, str]:
    if function is None:
        return None, MISSING
    inputs = {name: _input(name, value) for name, value in json.loads(row["inputs"]).items()}
    expected = json.loads(row["expected"])
    try:
        got = _plain(function(**inputs), expected)
    except Exception as error:  # another implementation may raise anything: that is its result
        return repr(error), FAIL
    return got, PASS if _equal(got, expected, float(row["tolerance"])) else FAIL


def _input(name: str, value: Any) -> Any:
    """``{"value": 15, "unit": "degree"}`` in canonical units, lists as arrays, null as missing."""
    if isinstance(value, dict) and set(value) == {"value", "unit"}:
        if name not in VARIABLES:
            raise DataError(f"worked_values.csv: {name} has a unit, but is not a variable of the vocabulary")
        return convert(name, _input(name, value["value"]), value["unit"])
    if isinstance(value, list):
        return np.array(value, "datetime64[s]" if value and isinstance(value[0], str) else float)
    return float("nan") if value is None else value


def _plain(got: Any, expected: Any) -> Any:
    """The part of a result that is compared, as numbers, lists, texts and mappings."""
    if isinstance(expected, dict):
        return {key: _plain(got[key], value) for key, value in expected.items()}
    return got if isinstance(got, str) else np.asarray(got, float).tolist()


def _equal(got: Any, expected: Any, tolerance: float) -> bool:
    if isinstance(expected, dict):
        return all(_equal(got[key], value, tolerance) for key, value in expected.items())
    if isinstance(expected, str):
        return got == expected
    wanted, given = np.asarray(expected, float), np.asarray(got, float)
    if wanted.shape != given.shape:
        return False
    close = (np.abs(given - wanted) <= tolerance) | (np.isnan(given) & np.isnan(wanted))
    return bool(np.all(close))
