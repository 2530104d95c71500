"""The kinds of sources, told by their keys: a number, raster, known product, table, polygons, changed values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from soilloss import tables
from soilloss.errors import did_you_mean


class Strict(BaseModel):
    """A model that knows all its keys and guesses no types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Scaled(Strict):
    """What the values of a source are multiplied by, such as 1.1 for a tenth more rain."""

    times: float = Field(default=1.0, gt=0)


class Constant(Scaled):
    """One number for the whole area."""

    value: float
    unit: str | None = None


def _legend_text(value: Any) -> Any:
    """A legend given as a mapping of code to class (a number, or a name of land cover), as text: ``30: 1, 50: 4``."""
    if not isinstance(value, Mapping):
        return value
    table: Any = tables.read("land_cover")
    known = cast("dict[str, int]", table.set_index("name")["code"].to_dict())
    pairs: list[str] = []
    for code, name in cast("Mapping[Any, Any]", value).items():
        if isinstance(name, str) and name not in known:
            raise ValueError(f"{name!r} is no class{did_you_mean(name, known)} (classes: {', '.join(known)})")
        pairs.append(f"{code}: {known.get(name, name)}")
    return ", ".join(pairs)


class Raster(Scaled):
    """A GDAL raster, or a variable of a NetCDF or Zarr file; its path may hold ``{year}`` and the like.

    `legend` makes classes of codes: a packaged table, a CSV file, or a mapping such as ``{30: forest, 50: cropland}``.
    """

    file: str
    band: int | list[int] | None = None
    variable: str | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    unit: str | None = None
    legend: Annotated[str | None, BeforeValidator(_legend_text)] = None


class Product(Raster):
    """A known product: fetched before the run, or, with `file`, a copy of one's own that is read as the product.

    `year` takes one year for all steps, `depth` is the lower limit of the topsoil in m. Of images: `composite` is made
    for each step of the scenes with less than `cloud` per cent of cloud, `harmonise` brings sensors together, and
    `fill` closes what no scene saw from the neighbouring steps.
    """

    product: str
    file: str = ""
    year: int | None = None
    depth: float = 0.30
    composite: Literal["median", "medoid"] = "median"
    cloud: float = 60.0
    harmonise: Literal["none", "rma", "ols", "hls"] = "none"
    fill: bool = True


class Table(Scaled):
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


class Polygons(Scaled):
    """Polygons whose column gives the value; `elsewhere` holds outside them."""

    polygons: str
    column: str
    elsewhere: float | None = None
    unit: str | None = None

    @property
    def path(self) -> str:
        """The file that is read."""
        return self.polygons


class Lines(Scaled):
    """Lines, or the outlines of polygons, drawn on every cell they touch; `column` or `value` says what they carry."""

    lines: str
    column: str | None = None
    value: float = 1.0
    elsewhere: float | None = 0.0
    unit: str | None = None

    @property
    def path(self) -> str:
        """The file that is read."""
        return self.lines


class Changed(Strict):
    """Values that are changed in some places.

    By `rules`, a decision table (a file, a packaged table or lines); to what they `becomes` inside polygons; or, with
    ``donor: land_cover``, where land cover changed, to the mean of the cells that had the new class already (in the
    same zone and step). `inside` limits rules, too, which see the mean annual rain of the listed `years` (default those
    of the project). `source` or `method` makes what is changed, `land_cover` is what a
    donor follows as it was before; a variant takes them from the project.
    """

    rules: str | list[dict[str, Any]] | None = None
    becomes: str | float | int | None = None
    donor: Literal["land_cover"] | None = None
    inside: str | None = None
    years: list[int] | None = Field(default=None, min_length=1)
    source: Any = None
    method: dict[str, Any] | None = None
    land_cover: Any = None

    @field_validator("source", "land_cover", mode="before")
    @classmethod
    def _as_source(cls, value: Any) -> Any:
        return None if value is None else _pick_source(value)

    @model_validator(mode="after")
    def _one_way(self) -> Changed:
        if sum(way is not None for way in (self.rules, self.becomes, self.donor)) != 1:
            raise ValueError("expected one of 'rules', 'becomes' (with 'inside') and 'donor'")
        if self.becomes is not None and self.inside is None:
            raise ValueError(f"becomes {self.becomes!r} where? give 'inside' with polygons, or the value alone")
        if self.years is not None and self.rules is None:
            raise ValueError("years are those whose rain 'rules' see; leave them out")
        return self

    def describe(self) -> str:
        """In a few words, what is done."""
        where = f" inside {self.inside}" if self.inside else ""
        if self.donor:
            return f"values of cells that have the new {self.donor} already"
        if self.rules is None:
            return f"{self.becomes}{where}"
        return f"{self.rules if isinstance(self.rules, str) else f'{len(self.rules)} rules'}{where}"


# the keys that tell each kind
_ALONE: dict[str, type[Strict]] = {
    "product": Product,
    "file": Raster,
    "table": Table,
    "polygons": Polygons,
    "lines": Lines,
    "value": Constant,
}
KINDS = _ALONE | dict.fromkeys(("rules", "becomes", "donor"), Changed)


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


Source = Annotated[Constant | Product | Raster | Table | Polygons | Lines | Changed, BeforeValidator(_pick_source)]
