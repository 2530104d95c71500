"""Validation points of a project: drawn for QGIS, read back from one interpreter or several, looked up on maps."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from odc.geo.geobox import GeoBox
from pyproj import Transformer

from soilloss.analysis.validation_points import checked_points, consensus, draw_points
from soilloss.errors import DataError, ProjectError, SourceError
from soilloss.grid.target import parse_crs
from soilloss.sources import files
from soilloss.workflow.landcover.series import BLOCK, finest_grid, smooth_maps, smooth_series
from soilloss.workflow.landcover.work import Work
from soilloss.workflow.project.landcover import PointSet

LON_LAT = "EPSG:4326"


def write_points(
    work: Work, out: Path, *, count: int, dates: Sequence[str], stratified: bool = True, seed: int = 0
) -> int:
    """Draw places on the smoothed map of the last date and write them for interpreters; return how many.

    A GeoPackage or another vector file opens in QGIS, where `class` is filled in; a CSV has longitude and latitude.

    Raises
    ------
    ProjectError
        If a date is no step or year of the period, or the file exists.
    """
    smooth_series(work)
    if out.exists():
        raise ProjectError(f"{out} exists already; name another file, so that nobody's interpretation is lost")
    steps = {date: steps_of(work, date) for date in dates}
    for date in (date for date, found in steps.items() if not found):
        raise ProjectError(f"--dates {date}: not a step or year of the period {work.steps[0]} to {work.steps[-1]}")
    step = (steps[dates[-1]] if dates else work.steps)[-1]
    maps = smooth_maps(work)
    grid = finest_grid(maps)
    window = (slice(0, int(grid.shape[0])), slice(0, int(grid.shape[1])))
    classes = files.read_block(maps, grid, step, window)
    points = draw_points(classes, grid, count=count, dates=list(dates), stratified=stratified, seed=seed)
    wkt = grid.crs.to_wkt() if grid.crs else LON_LAT
    x, y = Transformer.from_crs(wkt, LON_LAT, always_xy=True).transform(points["x"], points["y"])
    _save(points.assign(x=np.round(x, 7), y=np.round(y, 7)), out)
    return len(set(points["id"]))


def _save(points: pd.DataFrame, out: Path) -> None:
    out.parent.mkdir(parents=True, exist_ok=True)
    if out.suffix.lower() == ".csv":
        points.to_csv(out, index=False)
        return
    import geopandas as gpd

    places = gpd.points_from_xy(points["x"], points["y"], crs=LON_LAT)
    table = points.drop(columns=["x", "y"]).assign(**{"class": points["class"].astype("Int64")})
    gpd.GeoDataFrame(table, geometry=places).to_file(out)


def read_set(work: Work, name: str, given: PointSet) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Return the points of a validation set, x and y in its CRS, and how its interpreters agree if several."""
    if isinstance(given.points, str):
        return _read(work.data / given.points, name), {}
    tables = {who: _read(work.data / path, f"{name}, {who}") for who, path in given.points.items()}
    return consensus(tables)


def _read(path: Path, name: str) -> pd.DataFrame:
    from pyogrio.errors import DataLayerError, DataSourceError

    try:
        if path.suffix.lower() == ".csv":
            return checked_points(pd.read_csv(path, encoding="utf-8-sig"), name)
        import geopandas as gpd

        frame = gpd.read_file(path).to_crs(LON_LAT)
    except (OSError, ValueError, pd.errors.ParserError, DataSourceError, DataLayerError) as error:
        raise SourceError(f"validation points {name}: {path} cannot be read ({error})") from None
    if not (frame.geometry.geom_type == "Point").all():
        raise DataError(f"validation points {name}: {path} holds {frame.geometry.geom_type.iloc[0]}s, expected points")
    table = pd.DataFrame(frame.drop(columns="geometry")).assign(x=frame.geometry.x, y=frame.geometry.y)
    return checked_points(table, name)


def steps_of(work: Work, date: str) -> list[str]:
    """Return the steps that a date means: itself, or all of a year."""
    return [step for step in work.steps if step == date or step.split("-")[0] == date]


def cells_of(points: pd.DataFrame, crs: str | None, grid: GeoBox) -> tuple[np.ndarray, np.ndarray]:
    """Return row and column of each point on a grid, -1 outside."""
    source = parse_crs(crs or LON_LAT)
    to_grid = Transformer.from_crs(source, grid.crs.to_wkt() if grid.crs else source, always_xy=True)
    x, y = to_grid.transform(points["x"].to_numpy("f8"), points["y"].to_numpy("f8"))
    a = grid.affine
    row, column = np.floor((y - a.f) / a.e), np.floor((x - a.c) / a.a)
    inside = (row >= 0) & (row < grid.shape[0]) & (column >= 0) & (column < grid.shape[1])
    return np.where(inside, row, -1).astype(int), np.where(inside, column, -1).astype(int)


def look_up(work: Work, source: files.RasterSource, grid: GeoBox, points: pd.DataFrame, crs: str | None) -> np.ndarray:
    """Return the mapped class of each point at its date, 0 where unknown; of a year, its most frequent class."""
    row, column = cells_of(points, crs, grid)
    out = np.zeros(len(points), np.int64)
    served = dict(source.files)
    for date in points["date"].unique():
        steps = [step for step in steps_of(work, date) if step in served or "" in served]
        here = np.flatnonzero((points["date"] == date).to_numpy() & (row >= 0))
        votes = np.stack([_values(source, grid, step, row[here], column[here]) for step in steps] or [here * 0])
        counts = np.stack([(votes == code).sum(axis=0) for code in range(1, 9)])
        out[here] = np.where(counts.max(axis=0) > 0, counts.argmax(axis=0) + 1, 0)
    return out


def _values(source: files.RasterSource, grid: GeoBox, step: str, row: np.ndarray, column: np.ndarray) -> np.ndarray:
    """Classes of cells, read block by block."""
    out = np.zeros(len(row), np.int64)
    blocks = np.stack([row // BLOCK, column // BLOCK], axis=1)
    for i, j in np.unique(blocks, axis=0) * BLOCK:
        inside = (blocks * BLOCK == (i, j)).all(axis=1)
        window = tuple(slice(int(at), int(min(at + BLOCK, n))) for at, n in zip((i, j), grid.shape, strict=True))
        cells = np.nan_to_num(files.read_block(source, grid, step, (window[0], window[1])), nan=0)
        out[inside] = cells[row[inside] - i, column[inside] - j]
    return out
