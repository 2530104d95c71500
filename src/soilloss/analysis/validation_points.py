"""Validation points: drawn from a map, interpreted by people, and how far the interpreters agree.

One table for all: ``id, x, y, date, class`` and, where they are known, ``stratum`` (the mapped class a point was drawn
for), ``stratum_area`` (hectares of that class on the map it was drawn from) and ``interpreter``. A date is a step such
as ``2021-Q3``, or a year.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox

from soilloss import tables
from soilloss.errors import DataError, did_you_mean
from soilloss.grid.target import cell_area

COLUMNS = ("id", "x", "y", "date", "class")


def draw_points(
    classes: Any,
    grid: GeoBox,
    *,
    count: int,
    dates: Sequence[str],
    stratified: bool = True,
    fewest: int = 50,
    seed: int = 0,
) -> pd.DataFrame:
    """Places for validation points, the same for all dates, at centres of cells.

    Parameters
    ----------
    classes : array (y, x)
        A map; places are drawn where it is not missing (0, NaN).
    grid : GeoBox
        Its grid.
    count : int
        Places in all.
    dates : sequence of str
        Steps or years to interpret.
    stratified : bool
        Share places out by the area of the mapped classes, but give each at least `fewest`; else draw from all cells.
    fewest : int
        Places of each class, or all its cells if it has fewer.
    seed : int
        Of the draw.

    Returns
    -------
    points : DataFrame
        ``id, x, y, date, class, stratum, stratum_area``; x and y in the grid's CRS, `class` empty for the interpreter.

    Raises
    ------
    DataError
        If the map has no cells.

    Notes
    -----
    Equal shares for rare classes make their accuracy known; areas of such a sample must be estimated by stratum
    (`area_estimate`). Olofsson et al. (2014).

    Examples
    --------
    >>> from soilloss.grid.target import make_grid
    >>> grid = make_grid((0, 0, 40, 20), "EPSG:32635", 10)
    >>> points = draw_points([[1, 1, 1, 0], [1, 1, 1, 4]], grid, count=3, dates=["2021"], fewest=1)
    >>> sorted(points["stratum"])
    [1, 1, 4]
    """
    codes = np.nan_to_num(np.asarray(classes, "f8"), nan=0).astype(int)
    if not codes.any():
        raise DataError("the map has no cell with a class, so no validation points can be drawn from it")
    random = np.random.default_rng(seed)
    present, cells = np.unique(codes[codes > 0], return_counts=True)
    wanted = _shared_out(cells, count, fewest) if stratified else [count]
    chosen = []
    for code, number in zip(present if stratified else [0], wanted, strict=True):
        places = np.flatnonzero(codes.reshape(-1) == code if stratified else codes.reshape(-1) > 0)
        chosen.append(np.sort(random.choice(places, min(number, len(places)), replace=False)))
    row, column = np.unravel_index(np.concatenate(chosen), codes.shape)
    a = grid.affine
    x, y = a.c + (column + 0.5) * a.a, a.f + (row + 0.5) * a.e
    hectares = np.broadcast_to(cell_area(grid) / 1e4, codes.shape)
    area = np.bincount(codes.reshape(-1), hectares.reshape(-1)).round(4)
    stratum = codes[row, column]
    points = pd.DataFrame(
        {"id": np.arange(1, len(row) + 1), "x": x, "y": y, "stratum": stratum, "stratum_area": area[stratum]}
    )
    every: Any = pd.concat([points.assign(date=str(date)) for date in dates], ignore_index=True)
    return every.assign(**{"class": pd.NA})[[*COLUMNS, "stratum", "stratum_area"]]


def _shared_out(cells: np.ndarray, count: int, fewest: int) -> list[int]:
    """Places for each class: by area, at least `fewest`, together `count` unless the least numbers are more."""
    least = np.minimum(fewest, cells)
    rest = max(count - int(least.sum()), 0)
    return (least + np.floor(rest * cells / cells.sum() + 0.5).astype(int)).tolist()


def checked_points(table: pd.DataFrame, name: str = "the points") -> pd.DataFrame:
    """Return a table of points with classes as codes, or say what is wrong with it.

    Parameters
    ----------
    table : DataFrame
        With the columns of the module; `class` holds codes, or names of land cover. Rows without a class are left out.
    name : str
        What messages call it.

    Examples
    --------
    >>> table = pd.DataFrame({"id": [1], "x": [0], "y": [0], "date": [2021], "class": ["cropland"]})
    >>> checked_points(table)["class"].tolist()
    [4]
    """
    absent = [column for column in COLUMNS if column not in table]
    if absent:
        has = ", ".join(map(str, table.columns))
        raise DataError(f"{name}: there is no column {absent[0]!r} (it has {has}); expected {', '.join(COLUMNS)}")
    kept: Any = table[table["class"].notna() & (table["class"].astype(str).str.strip() != "")].copy()
    kept["class"] = [_code(value, name) for value in kept["class"]]
    kept["date"] = kept["date"].astype(str).str.removesuffix(".0")
    twice = kept.duplicated([*(c for c in ("interpreter",) if c in kept), "id", "date"])
    if twice.any():
        row = kept[twice].iloc[0]
        raise DataError(f"{name}: point {row['id']} has two classes for {row['date']}; keep one, or name interpreters")
    return kept


def _code(value: Any, name: str) -> int:
    known: Any = dict(zip(tables.read("land_cover")["name"], tables.read("land_cover")["code"], strict=True))
    text = str(value).strip().lower().replace("_", "-")
    number = pd.to_numeric(text, errors="coerce")
    if text in known or number in known.values():
        return int(known.get(text, number))
    raise DataError(
        f"{name}: class {value!r} is not known{did_you_mean(text, known)}; expected {', '.join(known)}, or 1 to 8"
    )


def consensus(interpreted: Mapping[str, pd.DataFrame]) -> tuple[pd.DataFrame, dict[str, float]]:
    r"""One class per point from several interpreters, and how far they agree.

    Parameters
    ----------
    interpreted : mapping of interpreter to DataFrame
        Tables of `checked_points`.

    Returns
    -------
    points : DataFrame
        One row per point and date: the class of most interpreters, ``agreement`` (their share) and ``interpreters``.
        Where no class has more than half of them the point is left out: nobody knows what is there.
    summary : dict
        ``points``, ``undecided``, ``agreement`` (mean share of pairs that agree) and ``kappa``.

    Notes
    -----
    .. math:: \kappa = \frac{\bar P - \bar P_e}{1 - \bar P_e}

    over points with at least two interpreters, weighted by pairs where their number differs; Fleiss (1971).

    Examples
    --------
    >>> table = pd.DataFrame({"id": [1, 2], "x": 0.0, "y": 0.0, "date": "2021", "class": [1, 4]})
    >>> consensus({"A": table, "B": table.assign(**{"class": [1, 3]})})[1]["undecided"]
    1
    """
    every: Any = pd.concat([table.assign(interpreter=name) for name, table in interpreted.items()], ignore_index=True)
    keys = ["id", "date"]
    votes: Any = every.groupby([*keys, "class"]).size().unstack(fill_value=0)
    total, most = votes.sum(axis=1), votes.max(axis=1)
    decided = most * 2 > total
    kept: Any = every.groupby(keys).first().drop(columns=["class", "interpreter"])[decided]
    kept["class"], kept["agreement"] = votes.idxmax(axis=1)[decided], (most / total)[decided]
    kept["interpreters"] = total[decided]
    agreement, kappa = agreement_of(votes.to_numpy())
    summary = {"points": int(decided.sum()), "undecided": int((~decided).sum()), "agreement": agreement, "kappa": kappa}
    return kept.reset_index(), summary


def agreement_of(votes: Any) -> tuple[float, float]:
    """Share of pairs of interpreters that agree, and Fleiss' kappa, of votes ``(point, class)``.

    Examples
    --------
    >>> agreement_of([[2, 0], [0, 2]])
    (1.0, 1.0)
    """
    counts = np.asarray(votes, "f8")
    counts = counts[counts.sum(axis=1) > 1]
    if not len(counts):
        return float("nan"), float("nan")
    raters = counts.sum(axis=1)
    agreed = float((counts * (counts - 1)).sum() / (raters * (raters - 1)).sum())
    chance = float(((counts.sum(axis=0) / counts.sum()) ** 2).sum())
    return agreed, (agreed - chance) / (1 - chance) if chance < 1 else float("nan")
