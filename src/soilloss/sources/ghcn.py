"""Daily rain of stations in the two forms of GHCN-Daily, as a table of points.

``read_ghcn(paths, first, last) -> DataFrame`` with station, x, y, elevation, date, precipitation (mm), as tables of
points have it. Files of one station are ``ID.csv`` with places in their rows, or ``ID.dly`` of fixed width, whose
places stand in ``ghcnd-stations.txt`` beside them (Menne et al. 2012).
"""

from __future__ import annotations

import calendar
import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from soilloss.errors import DataError, SourceError

STATIONS = "ghcnd-stations.txt"
TENTHS = 0.1
MISSING = -9999
COLUMNS = ("station", "x", "y", "elevation", "date", "precipitation")
# rain of a day beyond this, in mm, has never been measured (the record is 1825 mm)
MOST = 1900.0

_Row = tuple[str, float, float, float, str, float]


def read_ghcn(paths: Sequence[str | Path], first: int, last: int) -> pd.DataFrame:
    """Return the rain of the days of stations from year `first` to `last`, without what failed a quality check.

    Parameters
    ----------
    paths : sequence of path
        ``.csv`` or ``.dly`` files of GHCN-Daily.
    first, last : int
        Years.

    Returns
    -------
    DataFrame
        One row for each station and day that was measured; longitude and latitude in degrees, elevation in m.

    Raises
    ------
    SourceError
        If a file, or the list of stations, is not there.
    DataError
        If a file is not in one of the two forms, or no file has rain in these years.
    """
    rows = [row for path in paths for row in _rows(Path(path)) if first <= int(row[4][:4]) <= last]
    if not rows:
        raise DataError(f"no rain (PRCP) from {first} to {last} in {len(paths)} files; check the years")
    return pd.DataFrame(sorted(rows, key=lambda row: (row[0], row[4])), columns=list(COLUMNS))


def _rows(path: Path) -> list[_Row]:
    if not path.exists():
        raise SourceError(f"there is no file {path}; check the path")
    rows = list(_fixed(path) if path.suffix == ".dly" else _csv(path))
    largest = max((row[5] for row in rows), default=0.0)
    if largest > MOST:
        raise DataError(
            f"{path.name}: {largest:g} mm of rain in a day, expected less than {MOST:g}; GHCN-Daily has tenths of a "
            "millimetre: is this file in another unit?"
        )
    return rows


def _csv(path: Path) -> Iterable[_Row]:
    """The form with a header: STATION, DATE, LATITUDE, LONGITUDE, ELEVATION, PRCP, PRCP_ATTRIBUTES."""
    with path.open(encoding="utf-8-sig", newline="") as stream:
        table = csv.DictReader(stream)
        for name in ("STATION", "DATE", "LATITUDE", "LONGITUDE", "PRCP"):
            if name not in (table.fieldnames or ()):
                raise DataError(f"{path.name} has no column {name}; expected a station's file of GHCN-Daily")
        for row in table:
            value = (row["PRCP"] or "").strip()
            # attributes are measurement, quality, source: a quality flag means a check that failed
            quality = [*(row.get("PRCP_ATTRIBUTES") or "").split(","), ""][1].strip()
            if value and int(float(value)) != MISSING and not quality:
                place = float(row["LONGITUDE"]), float(row["LATITUDE"]), float(row.get("ELEVATION") or "nan")
                yield row["STATION"], *place, row["DATE"], round(float(value) * TENTHS, 1)


def _fixed(path: Path) -> Iterable[_Row]:
    """The form of fixed width: a month a row, 31 values of five characters and three flags."""
    places = _places(path.parent / STATIONS)
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        for station, date, rain in _month(line):
            if station not in places:
                raise DataError(f"{path.name}: {STATIONS} has no station {station}; fetch a newer list")
            yield station, *places[station], date, rain


def _month(line: str) -> Iterable[tuple[str, str, float]]:
    if line[17:21] != "PRCP":
        return
    year, month = int(line[11:15]), int(line[15:17])
    for day in range(1, calendar.monthrange(year, month)[1] + 1):
        at = 21 + 8 * (day - 1)
        value, quality = int(line[at : at + 5]), line[at + 6 : at + 7].strip()
        if value != MISSING and not quality:
            yield line[:11], f"{year:04d}-{month:02d}-{day:02d}", round(value * TENTHS, 1)


def _places(path: Path) -> dict[str, tuple[float, float, float]]:
    """Longitude, latitude and elevation of each station."""
    if not path.exists():
        raise SourceError(f"there is no {path}; files of fixed width need the list of stations beside them")
    found = {}
    for line in path.read_text(encoding="ascii", errors="replace").splitlines():
        elevation = float(line[31:37])
        found[line[:11]] = float(line[21:30]), float(line[12:20]), float("nan") if elevation < -900 else elevation
    return found
