"""The kinds of sources: a number, a raster, a table of points, polygons; each is told by its keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict


class Strict(BaseModel):
    """A model that knows all its keys and guesses no types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Constant(Strict):
    """One number for the whole area."""

    value: float
    unit: str | None = None


class Raster(Strict):
    """A GDAL raster, or a variable of a NetCDF or Zarr file; its path may hold ``{year}`` and the like."""

    file: str
    band: int | list[int] | None = None
    variable: str | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    unit: str | None = None
    legend: str | None = None


class Table(Strict):
    """Points with values; the equation runs at the points, then the surface is made.

    A table of days gives the mean of all its years, or each year of the period apart with ``yearly: true``.
    """

    table: str
    method: str | None = None
    coefficients: dict[str, Any] = {}
    interpolate: Literal["height", "inverse_distance", "thin_plate_spline", "kriging"] = "inverse_distance"
    options: dict[str, Any] = {}
    yearly: bool = False
    crs: str | None = None
    units: dict[str, str] = {}


class Polygons(Strict):
    """Polygons whose column gives the value; `elsewhere` holds outside them."""

    polygons: str
    column: str
    elsewhere: float | None = None
    unit: str | None = None


# the key that tells each kind
KINDS: dict[str, type[Strict]] = {"file": Raster, "table": Table, "polygons": Polygons, "value": Constant}


def _pick_source(value: Any) -> Any:
    """Turn the short forms into mappings and choose the model by its telling key."""
    if isinstance(value, bool) or value is None:
        raise ValueError(f"{value!r} is not a source; expected a path, a number or a mapping")
    if isinstance(value, int | float):
        return Constant(value=float(value))
    if isinstance(value, str):
        return Raster(file=value)
    if not isinstance(value, Mapping):
        return value
    given = cast("Mapping[str, Any]", value)
    for key, model in KINDS.items():
        if key in given:
            return model(**given)
    raise ValueError(f"needs one of {', '.join(map(repr, KINDS))}, but has {', '.join(map(repr, given))}")


Source = Annotated[Constant | Raster | Table | Polygons, BeforeValidator(_pick_source)]
