"""Polygons from any vector file that GDAL reads: the study area, zones, and polygons that carry a variable.

``read_area(path) -> (geometry, crs)``; ``read_polygons(path, column=) -> GeoDataFrame``; ``read_lines`` alike;
``read_zones(path, name, crs)`` with a column ``zone``; ``reproject(geometry, source, target)``;
``overlaps(frame) -> findings``.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import shapely
from pyproj import CRS, Transformer
from shapely.geometry.base import BaseGeometry

from soilloss.errors import DataError, GridError, SourceError, did_you_mean

if TYPE_CHECKING:
    import geopandas as gpd

# Borders drawn twice overlap by slivers; this share of the smaller polygon is worth a finding.
OVERLAP_SHARE = 0.001


def read_polygons(path: str | Path, *, column: str | None = None) -> gpd.GeoDataFrame:
    """Return the valid polygons of a vector file, broken ones mended.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, Shapefile or whatever else GDAL reads; the first layer.
    column : str, optional
        A column that must be there.

    Raises
    ------
    SourceError
        If the file is missing or no vector file.
    GridError
        If it has no coordinate reference system.
    DataError
        If it holds no polygons, or lacks the column.
    """
    return _only_polygons(_read(path, column, "polygons"), Path(path))


def read_lines(path: str | Path, *, column: str | None = None) -> gpd.GeoDataFrame:
    """Return the lines of a vector file; of polygons, their outlines.

    Parameters
    ----------
    path : path
        GeoPackage, GeoJSON, Shapefile or whatever else GDAL reads; the first layer.
    column : str, optional
        A column that must be there.

    Raises
    ------
    SourceError
        If the file is missing or no vector file.
    GridError
        If it has no coordinate reference system.
    DataError
        If it holds other shapes, or lacks the column.
    """
    frame = _read(path, column, "lines or polygons")
    shapes = shapely.force_2d(np.asarray(frame.geometry))
    dimensions = shapely.get_dimensions(shapes)
    if (dimensions < 1).any() or len(shapes) == 0:
        raise DataError(f"{path} holds {_kinds(frame)}, expected lines or polygons only")
    return frame.set_geometry(np.where(dimensions == 2, shapely.boundary(shapes), shapes), crs=frame.crs)


def _read(path: str | Path, column: str | None, wanted: str) -> gpd.GeoDataFrame:
    import geopandas as gpd
    from pyogrio.errors import DataLayerError, DataSourceError

    path = Path(path)
    if not path.exists():
        raise SourceError(f"there is no file {path}; check the path, which is taken from the data folder")
    try:
        frame = gpd.read_file(path, engine="pyogrio")
    except (DataSourceError, DataLayerError) as error:
        raise SourceError(f"{path} cannot be read as a vector file ({' '.join(str(error).split())})") from None
    if not isinstance(frame, gpd.GeoDataFrame):
        raise DataError(f"{path} is a table without geometry; expected {wanted}")
    if frame.crs is None:
        raise GridError(
            f"{path} has no coordinate reference system; set it with: ogr2ogr -a_srs EPSG:... out.gpkg {path.name}"
        )
    if column is not None and column not in frame.columns:
        columns = [str(name) for name in frame.columns if name != frame.geometry.name]
        raise DataError(
            f"{path} has no column {column!r}{did_you_mean(column, columns)} (columns: {', '.join(columns)})"
        )
    return frame


def read_area(path: str | Path) -> tuple[BaseGeometry, CRS]:
    """Return the union of all polygons of a vector file, and its CRS."""
    frame = read_polygons(path)
    return frame.geometry.union_all(), CRS.from_user_input(frame.crs)


def read_zones(path: str | Path, name: str | None, crs: Any) -> gpd.GeoDataFrame:
    """Return polygons in `crs` with a column ``zone`` of their names: those of column `name`, else 1, 2, 3 ...

    Polygons of the same name become one zone, in the order in which they are first met.
    """
    import geopandas as gpd

    frame = read_polygons(path, column=name).to_crs(crs)
    labels = frame[name].astype(str) if name else np.arange(1, len(frame) + 1).astype(str)
    zones = gpd.GeoDataFrame({"zone": np.asarray(labels, object)}, geometry=np.asarray(frame.geometry), crs=frame.crs)
    return zones if zones["zone"].is_unique else gpd.GeoDataFrame(zones.dissolve("zone", sort=False).reset_index())


def reproject(geometry: BaseGeometry, source: Any, target: Any) -> BaseGeometry:
    """Return `geometry` in another CRS.

    Examples
    --------
    >>> reproject(shapely.Point(27, 0), "EPSG:4326", "EPSG:32635")
    <POINT (500000 0)>
    """
    change = Transformer.from_crs(CRS.from_user_input(source), CRS.from_user_input(target), always_xy=True).transform
    return shapely.transform(geometry, lambda xy: np.column_stack(change(xy[:, 0], xy[:, 1])))


def overlaps(frame: gpd.GeoDataFrame) -> list[str]:
    """Return a sentence if polygons overlap by more than slivers: how often, the first pair and the share of area.

    Rows are counted from 1, in the order of the file.
    """
    shapes = np.asarray(frame.geometry)
    one, other = shapely.STRtree(shapes).query(shapes, predicate="intersects")
    pairs = one < other
    one, other = one[pairs], other[pairs]
    common = shapely.area(shapely.intersection(shapes[one], shapes[other]))
    large = common > OVERLAP_SHARE * np.minimum(shapely.area(shapes[one]), shapely.area(shapes[other]))
    if not large.any():
        return []
    share = common[large].sum() / shapely.area(shapes).sum()
    first, second = min(zip(one[large].tolist(), other[large].tolist(), strict=True))
    return [
        f"polygons overlap in {large.sum()} places ({share:.1%} of the area of all), the first are rows {first + 1} "
        f"and {second + 1}"
    ]


def _only_polygons(frame: gpd.GeoDataFrame, path: Path) -> gpd.GeoDataFrame:
    """Mend what crosses itself; drop empty shapes; refuse points and lines."""
    import geopandas as gpd

    shapes = shapely.make_valid(shapely.force_2d(np.asarray(frame.geometry)))
    if (shapely.get_dimensions(np.asarray(frame.geometry)) < 2).any() or len(shapes) == 0:
        raise DataError(f"{path} holds {_kinds(frame)}, expected polygons only")
    polygons = np.array([_polygonal(shape) for shape in shapes], object)
    kept = np.array([shape is not None and not shape.is_empty for shape in polygons])
    if not kept.any():
        raise DataError(f"{path} holds only empty polygons")
    mended = frame.set_geometry(gpd.GeoSeries(polygons, index=frame.index, crs=frame.crs))
    return gpd.GeoDataFrame(mended[kept].reset_index(drop=True))


def _kinds(frame: gpd.GeoDataFrame) -> str:
    return ", ".join(sorted(set(frame.geom_type.dropna()))) or "no shapes"


def _polygonal(shape: BaseGeometry | None) -> BaseGeometry | None:
    """Without the stray lines that mending can leave."""
    if shape is None or shape.geom_type in ("Polygon", "MultiPolygon"):
        return shape
    parts = [part for part in shapely.get_parts(shape) if shapely.get_dimensions(part) == 2]
    return shapely.union_all(parts)
