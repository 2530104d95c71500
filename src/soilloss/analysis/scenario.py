"""What the land could carry: a decision table turns land cover into a suitable one.

A table has the columns ``from`` and ``to`` (classes by name), ``note``, and one for each condition, its unit in
brackets: ``annual_precipitation [mm]``, ``elevation [m]``, ``slope [%]``, ``silt [%]``. A condition reads ``<15``,
``>=15 <=25`` or nothing. For each class the first line applies whose conditions hold; classes without a line stay.
"""

from __future__ import annotations

import itertools
import re
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import xarray as xr

from soilloss import tables
from soilloss.errors import DataError, did_you_mean

CONDITIONS = ("annual_precipitation [mm]", "elevation [m]", "slope [%]", "silt [%]")
LIMIT = re.compile(r"(<=|>=|<|>)(-?\d+(?:\.\d+)?)")
SLACK = 1e-6
UNRESOLVED = "unresolved"
CLASSES = 256  # codes a land cover may have, 0 included; rules and legend know those up to 8


class Rule(NamedTuple):
    """One line: from a class to a class where all limits (position of the condition, sign, number) hold."""

    number: int
    start: int
    end: int
    limits: tuple[tuple[int, str, float], ...]
    note: str


def suitable_land_cover(
    land_cover: Any,
    annual_precipitation: Any,
    elevation: Any,
    slope: Any,
    silt: Any,
    *,
    table: Any = "scenario_loess_plateau",
    grass_to_forest: bool = True,
) -> Any:
    """Land cover after the suitability rules of the Loess Plateau study, or of a table of one's own.

    Parameters
    ----------
    land_cover : array, the eight classes
    annual_precipitation : array, mm
        Mean of many years.
    elevation : array, m
    slope : array, rad
    silt : array, 1
        Mass fraction.
    table : str or DataFrame
        Name of a packaged table, or a table of one's own.
    grass_to_forest : bool
        Whether the rules that turn grassland into forest apply, as the study's text says; most of its wet grassland
        then becomes forest, which its map does not show.

    Returns
    -------
    scenario : mapping or Dataset
        ``land_cover`` (uint8; 0 where missing, also where the answer depends on a value that is missing), ``rule``
        (number of the line that applied, from 1; 0 where the class has none), ``unresolved`` (1 where its note says
        so).

    Raises
    ------
    DataError
        If the table leaves a gap, has a line that can never apply, or names an unknown class.

    Notes
    -----
    Numbers are compared with a relative slack of one in a million, so that 15 per cent remains 15 per cent after
    conversion from radians.

    Examples
    --------
    >>> found = suitable_land_cover([4, 6], [500, 400], 1000, np.arctan([0.2, 0.05]), [0.6, 0.6])
    >>> found["land_cover"].tolist()
    [1, 4]
    """
    rules = read_rules(table)
    if not grass_to_forest:
        grass, forest = _classes()["grassland"], _classes()["forest"]
        rules = tuple(rule for rule in rules if (rule.start, rule.end) != (grass, forest))

    def block(codes: Any, rain: Any, height: Any, angle: Any, share: Any) -> tuple[np.ndarray, ...]:
        conditions = [rain, height, 100 * np.tan(np.asarray(angle, "f8")), 100 * np.asarray(share, "f8")]
        shape = np.broadcast_shapes(np.shape(codes), *(np.shape(values) for values in conditions))
        return _apply_rules(
            np.broadcast_to(codes, shape), [np.broadcast_to(np.asarray(v, "f8"), shape) for v in conditions], rules
        )

    names = ("land_cover", "rule", UNRESOLVED)
    data = (land_cover, annual_precipitation, elevation, slope, silt)
    if not any(isinstance(values, xr.DataArray) for values in data):
        return dict(zip(names, block(*data), strict=True))
    made = xr.apply_ufunc(
        block,
        *data,
        output_core_dims=[[], [], []],
        join="override",
        dask="parallelized",
        output_dtypes=[np.dtype("u1")] * 3,
        keep_attrs=True,
    )
    legend = tables.read("land_cover")
    attributes = {
        "land_cover": {"flag_values": legend["code"].tolist(), "flag_meanings": " ".join(legend["name"])},
        "rule": {"long_name": "line of the decision table that applied"},
        UNRESOLVED: {"long_name": "no suitable class was found"},
    }
    for name, found in zip(names, made, strict=True):
        found.attrs = attributes[name]
    return xr.Dataset(dict(zip(names, made, strict=True)))


def read_rules(table: Any = "scenario_loess_plateau") -> tuple[Rule, ...]:
    """Return the rules of a decision table after checking that each class has an answer everywhere.

    Parameters
    ----------
    table : str or DataFrame
        Name of a packaged table, or a table of one's own.

    Raises
    ------
    DataError
        If a column is missing, a condition cannot be read, a class is unknown, the table leaves a gap or has a line
        that can never apply.

    Examples
    --------
    >>> len(read_rules())
    12
    """
    frame = tables.read(table) if isinstance(table, str) else table
    missing = [column for column in ("from", "to", *CONDITIONS) if column not in frame]
    if missing:
        raise DataError(
            f"the decision table has no column {missing[0]!r} (it has {', '.join(map(str, frame.columns))})"
        )
    rules = tuple(_rule(number, line) for number, line in enumerate(frame.to_dict("records"), start=1))
    for start in dict.fromkeys(rule.start for rule in rules):
        _check_class(start, [rule for rule in rules if rule.start == start])
    return rules


def donor_values(values: Any, land_cover_before: Any, land_cover_after: Any, zones: Any = None) -> np.ndarray:
    """Values of converted cells: the mean of the cells that had the new class before, in the same zone.

    Parameters
    ----------
    values : array (y, x)
        Such as the fractional cover of a quarter.
    land_cover_before, land_cover_after : array of classes (y, x)
    zones : int array (y, x), optional
        Sub-regions from 0; without them the whole raster is one.

    Returns
    -------
    values : array (y, x)
        Cells that keep their class keep their value. A zone without a cell of the new class takes the mean of all
        zones; NaN where none has one.

    Examples
    --------
    >>> donor_values(np.array([0.8, 0.6, 0.1]), [1, 1, 4], [1, 1, 1]).round(2).tolist()
    [0.8, 0.6, 0.7]
    """
    before = np.asarray(land_cover_before)
    places = np.zeros(before.shape, "i8") if zones is None else np.asarray(zones, "i8")
    means = donor_means(donor_sums(values, before, places, int(places.max(initial=0))))
    return with_donors(values, before, land_cover_after, places, means)


def donor_sums(values: Any, land_cover: Any, zones: Any, count: int) -> np.ndarray:
    """Number of cells and sum of their values by zone and class; sums of parts of a raster can be added.

    Parameters
    ----------
    values, land_cover : array
    zones : int array
        From 0 to `count`.
    count : int
        The highest zone.

    Returns
    -------
    sums : array (2, count + 1, 256)
    """
    data, codes = np.asarray(values, "f8"), np.asarray(land_cover, "f8")
    use = np.isfinite(data) & (codes > 0)
    places = np.asarray(zones)[use] * CLASSES + codes[use].astype("i8")
    size = (count + 1) * CLASSES
    sums = [np.bincount(places, weights, size) for weights in (np.ones(places.size), data[use])]
    return np.stack(sums).reshape(2, count + 1, CLASSES)


def donor_means(sums: np.ndarray) -> np.ndarray:
    """Mean value by zone and class from `donor_sums`; a zone without a class takes the mean of all zones."""
    with np.errstate(invalid="ignore"):
        number, total = sums
        return np.where(number > 0, total / number, total.sum(axis=0) / number.sum(axis=0))


def with_donors(values: Any, land_cover_before: Any, land_cover_after: Any, zones: Any, means: np.ndarray) -> Any:
    """Give converted cells the mean of their new class; the others keep their value."""
    first, second = np.asarray(land_cover_before), np.asarray(land_cover_after)
    converted = (first != second) & (second > 0)
    out = np.array(values, np.result_type(np.asarray(values), np.float32))
    out[converted] = means[np.asarray(zones)[converted], second[converted].astype("i8")]
    return out


def _classes() -> dict[str, int]:
    legend = tables.read("land_cover")
    return dict(zip(legend["name"], legend["code"].astype(int), strict=True))


def _rule(number: int, line: dict[Any, Any]) -> Rule:
    classes = ["" if pd.isna(line[side]) else str(line[side]).strip() for side in ("from", "to")]
    for side, name in zip(("from", "to"), classes, strict=True):
        if not name:
            raise DataError(f"line {number} of the decision table has no class under {side!r}; add it")
        if name not in _classes():
            raise DataError(
                f"line {number} of the decision table: {name!r} is not a land-cover class"
                f"{did_you_mean(name, _classes())} (known: {', '.join(_classes())})"
            )
    limits = []
    for position, column in enumerate(CONDITIONS):
        text = "" if pd.isna(line[column]) else str(line[column])
        if "".join(text.split()) != "".join(sign + value for sign, value in LIMIT.findall(text)):
            raise DataError(
                f"line {number} of the decision table: {column} is {text!r}, expected such as '<15' or '>=15 <=25'"
            )
        limits += [(position, sign, float(value)) for sign, value in LIMIT.findall(text)]
    note = line.get("note", "")
    return Rule(
        number, _classes()[classes[0]], _classes()[classes[1]], tuple(limits), "" if pd.isna(note) else str(note)
    )


def _check_class(start: int, rules: list[Rule]) -> None:
    """Try one point in every box that the limits cut out: each needs a rule, and each rule a point."""
    points = [
        _points([limit for rule in rules for limit in rule.limits if limit[0] == p]) for p in range(len(CONDITIONS))
    ]
    cells = [np.array(values) for values in zip(*itertools.product(*points), strict=True)]
    found = _apply_rules(np.full(len(cells[0]), start), cells, tuple(rules))[1]
    name = next(key for key, code in _classes().items() if code == start)
    if not found.all():
        at = int(np.argmin(found > 0))
        where = ", ".join(f"{column} {values[at]:g}" for column, values in zip(CONDITIONS, cells, strict=True))
        raise DataError(
            f"the decision table leaves a gap: no line applies to {name} at {where}; add a line without conditions"
        )
    for rule in rules:
        if rule.number not in found:
            raise DataError(
                f"line {rule.number} of the decision table ({name}) can never apply: the lines before it take all; "
                "move it up or remove it"
            )


def _points(limits: list[tuple[int, str, float]]) -> list[float]:
    """The limits themselves and a number on each side of them."""
    values = sorted({value for _, _, value in limits})
    between = [(low + high) / 2 for low, high in itertools.pairwise(values)]
    return [values[0] - 1, *values, *between, values[-1] + 1] if values else [0.0]


def _apply_rules(
    codes: np.ndarray, conditions: list[np.ndarray], rules: tuple[Rule, ...]
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """New class, number of the rule and whether it is unresolved."""
    with np.errstate(invalid="ignore"):
        out = np.where(np.isfinite(codes), codes, 0).astype("u1")
    used, unresolved = np.zeros_like(out), np.zeros_like(out)
    start, waiting = out.copy(), out > 0
    for rule in rules:
        asked, known = waiting & (start == rule.start), np.ones(out.shape, bool)
        for position, sign, value in rule.limits:
            there = np.isfinite(conditions[position])
            asked &= _holds(conditions[position], sign, value) | ~there  # what is missing might hold
            known &= there
        out[asked & ~known] = 0
        taken = asked & known
        out[taken], used[taken], unresolved[taken] = rule.end, rule.number, rule.note == UNRESOLVED
        waiting &= ~asked
    return out, used, unresolved


def _holds(values: np.ndarray, sign: str, limit: float) -> np.ndarray:
    slack = SLACK * abs(limit)
    if sign in ("<", ">="):
        above = values >= limit - slack
        return above if sign == ">=" else ~above
    above = values > limit + slack
    return above if sign == ">" else ~above
