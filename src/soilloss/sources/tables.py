"""Points with values: stations with rain, soil samples, from CSV or from any point file that GDAL reads.

``read_points(path, *, crs=None, units=None) -> Points``. A CSV (UTF-8, comma) has ``x, y`` or ``station, x, y``, then
one column per variable (``monthly_precipitation_01`` to ``_12``); or, one day a row, ``station, x, y, date,
precipitation``, where the place may be given in one of a station's rows only.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from soilloss.errors import DataError, SourceError, UnitsError, did_you_mean
from soilloss.grid.target import parse_crs
from soilloss.units import convert
from soilloss.variables import VARIABLES

LON_LAT = "EPSG:4326"
AXIS_LENGTHS = {"month": 12, "half_month": 24}
MISSING = {"", "na", "nan", "null", "none"}


class Points(NamedTuple):
    """Values at points, in canonical units, NaN where missing.

    `columns` holds an array (n,) per variable, (n, 12) or (n, 24) where it has an axis, and for a table of days
    ``daily_precipitation`` of shape (n, days), whose days are `dates` (datetime64, without gaps).
    """

    names: list[str]
    x: np.ndarray
    y: np.ndarray
    crs: str
    columns: dict[str, np.ndarray]
    dates: np.ndarray | None


class _Table(NamedTuple):
    """Columns as they were read: text from a CSV, anything from other files; `rows` are their numbers there."""

    name: str
    columns: dict[str, Sequence[Any]]
    rows: Sequence[int]


def read_points(path: str | Path, *, crs: str | None = None, units: Mapping[str, str] | None = None) -> Points:
    """Return the points of a table.

    Parameters
    ----------
    path : path
        ``.csv``, else GeoPackage, GeoJSON, Shapefile ... with point shapes and the same column names.
    crs : str, optional
        CRS of ``x, y``; default longitude and latitude, or what the point file states.
    units : mapping, optional
        Unit of each column that is not in the canonical one: ``{"sand": "%"}``.

    Raises
    ------
    SourceError
        If the file cannot be read.
    DataError
        If it is not such a table; row and column are named.
    UnitsError
        If a unit does not convert, or belongs to no column.
    """
    path = Path(path)
    if not path.exists():
        raise SourceError(f"there is no table {path}; check the path, which is taken from the data folder")
    table, stated = _read_csv(path) if path.suffix.lower() in (".csv", ".txt") else _read_shapes(path)
    _require(table, ("x", "y"))
    crs = crs or stated
    parse_crs(crs)
    if "date" in table.columns:
        names, x, y, columns, dates = _days(table)
    else:
        names, dates = _names(table), None
        x, y = _numbers(table, "x"), _numbers(table, "y")
        columns = _variables(table)
    _check_places(table, names, x, y, crs)
    return Points(names, x, y, crs, _canonical(table, columns, units or {}), dates)


def _read_csv(path: Path) -> tuple[_Table, str]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            rows = list(csv.reader(stream))
    except OSError as error:
        raise SourceError(f"table {path} cannot be read ({error.strerror})") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"table {path.name} is not a CSV in UTF-8 ({error}); save it as 'CSV UTF-8'") from None
    if not rows or not rows[0]:
        raise DataError(f"table {path.name} is empty; expected a header such as station,x,y,annual_precipitation")
    header = [name.strip() for name in rows[0]]
    if len(header) == 1 and any(sign in header[0] for sign in ";\t"):
        sign = "semicolons" if ";" in header[0] else "tabs"
        raise DataError(f"table {path.name} is separated by {sign}; expected commas, with points in numbers: 12.5")
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise DataError(f"table {path.name} has two columns {twice[0]!r}; remove or rename one")
    body = [(number, row) for number, row in enumerate(rows[1:], start=2) if any(cell.strip() for cell in row)]
    for number, row in body:
        if len(row) != len(header):
            raise DataError(
                f"table {path.name}, row {number}: {len(row)} cells, the header has {len(header)}; "
                "a decimal comma (12,5) makes two cells of one: write 12.5"
            )
    if not body:
        raise DataError(f"table {path.name} has a header but no rows")
    cells = zip(*(row for _, row in body), strict=True)
    return _Table(path.name, dict(zip(header, map(list, cells), strict=True)), [number for number, _ in body]), LON_LAT


def _read_shapes(path: Path) -> tuple[_Table, str]:
    import geopandas as gpd
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        frame = gpd.read_file(path, engine="pyogrio")
    except (DataSourceError, DataLayerError) as error:
        raise SourceError(f"{path} cannot be read as a table of points ({' '.join(str(error).split())})") from None
    if not isinstance(frame, gpd.GeoDataFrame) or not (frame.geom_type == "Point").all():
        raise DataError(f"{path.name} does not hold points only; expected a point shape in each row")
    if len(frame) == 0:
        raise DataError(f"{path.name} has no points")
    if frame.crs is None:
        raise DataError(f"{path.name} has no coordinate reference system; set it with: ogr2ogr -a_srs EPSG:...")
    columns = {str(name): frame[name].tolist() for name in frame.columns if name != frame.geometry.name}
    places = {"x": frame.geometry.x.tolist(), "y": frame.geometry.y.tolist()}
    return _Table(path.name, {**columns, **places}, range(1, len(frame) + 1)), frame.crs.to_wkt()


def _require(table: _Table, names: Sequence[str]) -> None:
    for name in names:
        if name not in table.columns:
            raise DataError(
                f"table {table.name} has no column {name!r}{did_you_mean(name, table.columns)} "
                f"(columns: {', '.join(table.columns)})"
            )


def _names(table: _Table) -> list[str]:
    """Names of the points, each once; numbers where there is no column of them."""
    if "station" not in table.columns:
        return [str(number) for number in range(1, len(table.columns["x"]) + 1)]
    names = [str(name).strip() for name in table.columns["station"]]
    met: dict[str, int] = {}
    for row, name in zip(table.rows, names, strict=True):
        if name in met:
            raise DataError(
                f"table {table.name}: station {name!r} is in rows {met[name]} and {row}; keep one row per station"
            )
        met[name] = row
    return names


def _numbers(table: _Table, name: str) -> np.ndarray:
    """A column as numbers, NaN where empty; the first cell that is none is named."""
    cells = ["nan" if cell is None or str(cell).strip().lower() in MISSING else cell for cell in table.columns[name]]
    try:
        return np.array(cells, dtype=float)
    except (TypeError, ValueError):
        row, cell = next(pair for pair in zip(table.rows, cells, strict=True) if not _is_number(pair[1]))
    remedy = (
        f"write {str(cell).replace(',', '.')}" if re.fullmatch(r"\s*-?\d+,\d+\s*", str(cell)) else "correct the cell"
    )
    raise DataError(f"table {table.name}, row {row}, column {name!r}: {cell!r} is not a number; {remedy}")


def _is_number(cell: Any) -> bool:
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _variables(table: _Table) -> dict[str, np.ndarray]:
    """The columns that carry a variable of the vocabulary; those of months side by side."""
    columns: dict[str, np.ndarray] = {}
    for name in table.columns:
        stem, _, number = name.rpartition("_")
        length = AXIS_LENGTHS.get(VARIABLES[stem].axis, 0) if stem in VARIABLES and number.isdigit() else 0
        if name in VARIABLES and VARIABLES[name].axis in AXIS_LENGTHS:
            last = f"{name}_{AXIS_LENGTHS[VARIABLES[name].axis]}"
            raise DataError(
                f"table {table.name}: {name} takes a column per {VARIABLES[name].axis}: {name}_01 to {last}"
            )
        if name in VARIABLES:
            columns[name] = _numbers(table, name)
        elif length and stem not in columns:
            parts = [f"{stem}_{part:02d}" for part in range(1, length + 1)]
            _require(table, parts)
            columns[stem] = np.column_stack([_numbers(table, part) for part in parts])
    return columns


def _days(table: _Table) -> tuple[list[str], np.ndarray, np.ndarray, dict[str, np.ndarray], np.ndarray]:
    """A row per station and day to one row per station, days side by side without gaps."""
    _require(table, ("station", "date", "precipitation"))
    stations = [str(name).strip() for name in table.columns["station"]]
    names = list(dict.fromkeys(stations))
    place = {name: number for number, name in enumerate(names)}
    which = np.array([place[name] for name in stations])
    days = _dates(table)
    dates = np.arange(days.min(), days.max() + np.timedelta64(1, "D"))
    column = (days - dates[0]).astype(int)
    cells, first, count = np.unique(which * len(dates) + column, return_index=True, return_counts=True)
    if (count > 1).any():
        row = int(first[np.argmax(count > 1)])
        raise DataError(
            f"table {table.name}: station {stations[row]!r} has {count.max()} rows for {days[row]}, the first is "
            f"row {table.rows[row]}; keep one"
        )
    rain = np.full(len(names) * len(dates), np.nan)
    rain[cells] = _numbers(table, "precipitation")[first]
    x, y = (_of_station(table, name, which, len(names)) for name in ("x", "y"))
    columns = {"daily_precipitation": rain.reshape(len(names), len(dates))}
    if "elevation" in table.columns:
        columns["elevation"] = _of_station(table, "elevation", which, len(names))
    return names, x, y, columns, dates


def _dates(table: _Table) -> np.ndarray:
    cells = [str(cell).strip()[:10] for cell in table.columns["date"]]
    try:
        days = np.array(cells, "datetime64[D]")
    except ValueError:
        days = np.array("NaT", "datetime64[D]")
    if np.isnat(days).any() or not all(len(cell) == 10 for cell in cells):
        row, cell = next(pair for pair in zip(table.rows, cells, strict=True) if not _is_date(pair[1]))
        raise DataError(f"table {table.name}, row {row}, column 'date': {cell!r} is not a day like 2016-07-31")
    return days


def _is_date(cell: str) -> bool:
    try:
        return len(cell) == 10 and not np.isnat(np.datetime64(cell, "D"))
    except ValueError:
        return False


def _of_station(table: _Table, name: str, which: np.ndarray, count: int) -> np.ndarray:
    """What is the same in all rows of a station, or stands in one of them only."""
    values = _numbers(table, name)
    known = np.flatnonzero(~np.isnan(values))
    out = np.full(count, np.nan)
    out[which[known[::-1]]] = values[known[::-1]]
    other = known[values[known] != out[which[known]]]
    if len(other):
        row = int(other[0])
        raise DataError(
            f"table {table.name}, row {table.rows[row]}: {name} is {values[row]:g}, but {out[which[row]]:g} further up "
            "for the same station; a station has one place"
        )
    return out


def _check_places(table: _Table, names: list[str], x: np.ndarray, y: np.ndarray, crs: str) -> None:
    lost = np.flatnonzero(~(np.isfinite(x) & np.isfinite(y)))
    if len(lost):
        raise DataError(f"table {table.name}: point {names[lost[0]]!r} has no x or y; give its place or remove it")
    if crs == LON_LAT:
        wrong = np.flatnonzero((np.abs(x) > 360) | (np.abs(y) > 90))
        if len(wrong):
            i = wrong[0]
            raise DataError(
                f"table {table.name}: point {names[i]!r} at x {x[i]:g}, y {y[i]:g} is no longitude and latitude; "
                "give the crs of x and y, e.g. crs: EPSG:32635"
            )


def _canonical(table: _Table, columns: dict[str, np.ndarray], units: Mapping[str, str]) -> dict[str, np.ndarray]:
    named = {"daily_precipitation" if name == "precipitation" else name: unit for name, unit in units.items()}
    for name in named:
        if name not in columns:
            raise UnitsError(
                f"table {table.name}: units names {name!r}, which is no column of a variable"
                f"{did_you_mean(name, columns)} (variables: {', '.join(columns) or 'none'})"
            )
    return {name: convert(name, values, named.get(name, VARIABLES[name].unit)) for name, values in columns.items()}
