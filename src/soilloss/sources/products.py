"""The catalogue of known products: where each is found, what it holds, and whom to thank.

``catalogue(own) -> {name: Product}`` merges a user's entries over the packaged ones; ``find(name, products)``;
``others(variable, years, bounds, products)`` names what else would do.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from soilloss.errors import ProjectError, SoilLossError, did_you_mean
from soilloss.sources.legends import read_legend
from soilloss.units import conversion
from soilloss.variables import VARIABLES

Bounds = tuple[float, float, float, float]
FIELDS = {"year", "month", "day", "pentad", "ns", "lat", "ew", "lon", "depth", "name"}
CUBES = (".nc", ".nc4", ".zarr")
MASKS = ("scl", "qa_pixel", "qa_radsat", "reliability")


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Band(_Strict):
    """What a product gives of one variable: which band or asset, and how its numbers are meant.

    `of` names the variables that it is made of, where the product does not hold it itself (NDVI of red and nir);
    `per: day` says that the number of a month is the mean of its days, so it counts as often as the month has days.
    """

    url: str = ""
    name: str = ""
    per: Literal["", "day"] = ""
    asset: str = ""
    band: int = Field(default=1, ge=1)
    unit: str | None = None
    scale: float | None = None
    offset: float | None = None
    nodata: float | None = None
    legend: str | None = None
    of: list[str] = []


class Time(_Strict):
    """The steps of a product and the years it covers; no `end` means up to now."""

    step: Literal["day", "pentad", "month", "quarter", "year", "scene"]
    start: int
    end: int | None = None

    def covers(self, years: Sequence[int]) -> bool:
        """Whether all years are covered."""
        return not years or (years[0] >= self.start and (self.end is None or years[-1] <= self.end))


class Tiles(_Strict):
    """Tiles of whole degrees named by their south-west corner; `may_lack`: none where there is nothing (sea)."""

    degrees: int = Field(ge=1)
    may_lack: bool = False


class Stac(_Strict):
    """A search service: its address, collection, further conditions; `sign` gives a key to the files for nothing."""

    api: str
    collection: str
    query: dict[str, dict[str, Any]] = {}
    sign: str = ""
    sensor: Literal["", "sentinel-2", "landsat"] = ""
    mask: dict[str, Literal["scl", "qa_pixel", "qa_radsat", "reliability"]] = {}


class Token(_Strict):
    """The environment variable that holds the user's token, and where one is got; `user`: it is their password."""

    env: str
    user: str = ""
    get: str = ""


class Product(_Strict):
    """One entry of the catalogue."""

    title: str
    access: Literal["url", "stac", "earthengine", "file"]
    variables: dict[str, Band] = Field(min_length=1)
    coverage: Bounds
    cell: float = Field(gt=0)
    bytes: int = Field(gt=0, le=8)
    licence: str
    citation: str
    url: str = ""
    tiles: Tiles | None = None
    time: Time | None = None
    layers: dict[str, tuple[float, float]] = {}
    stac: Stac | None = None
    hosts: list[str] = []
    token: Token | None = None
    earthengine: str = ""
    get: str = ""
    homepage: str = ""
    unverified: bool = False

    @model_validator(mode="after")
    def _fits(self) -> Product:
        for name, band in self.variables.items():
            if name not in VARIABLES:
                raise ValueError(f"{name} is not a variable soilloss knows{did_you_mean(name, VARIABLES)}")
            _check_band(self, name, band)
        west, south, east, north = self.coverage
        if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
            raise ValueError(f"coverage {self.coverage}: expected west, south, east, north in degrees")
        needs = {"stac": self.stac, "earthengine": self.earthengine, "file": self.get}
        if self.access in needs and not needs[self.access]:
            raise ValueError(f"access: {self.access} needs {'get' if self.access == 'file' else self.access}")
        return self

    def address(self, variable: str) -> str:
        """The template of the files of a variable."""
        return self.variables[variable].url or self.url


def _check_band(product: Product, name: str, band: Band) -> None:
    try:
        if band.unit is not None:
            conversion(name, band.unit)
        read_legend(band.legend or "")
    except SoilLossError as error:
        raise ValueError(f"{name}: {error}") from None
    url = product.address(name)
    unknown = {field for _, field, _, _ in string.Formatter().parse(url) if field is not None} - FIELDS
    if unknown:
        raise ValueError(f"{name}: {{{min(unknown)}}} in its url has no meaning (known: {', '.join(sorted(FIELDS))})")
    if is_cube(url) and not (band.name and product.time):
        raise ValueError(f"{name}: {url.rpartition('/')[2]} is a cube: add the variable in it as name:, and time:")
    if band.per and (product.time is None or product.time.step != "month"):
        raise ValueError(f"{name}: per: {band.per} needs a time with step: month")
    if product.access == "url" and not url.startswith(("https://", "http://")):
        raise ValueError(f"{name}: access: url needs a url that begins with https://")
    if product.access == "stac" and not (band.asset or band.of):
        raise ValueError(f"{name}: access: stac needs the asset")
    if not set(band.of) <= product.variables.keys():
        raise ValueError(f"{name}: is made of {', '.join(band.of)}, which the product must have")


def is_cube(url: str) -> bool:
    """Tell NetCDF and Zarr by the ending of an address.

    Examples
    --------
    >>> is_cube("https://host.org/era5.zarr#tp/2001/12"), is_cube("https://host.org/rain.tif")
    (True, False)
    """
    return url.partition("#")[0].partition("?")[0].endswith(CUBES)


def is_own(url: str) -> bool:
    """Tell a file of the user's from an address."""
    return "://" not in url


@functools.cache
def packaged() -> Mapping[str, Product]:
    """Return the products that come with the package."""
    text = files("soilloss.sources").joinpath("products.yml").read_text(encoding="utf-8")
    return _validated(yaml.safe_load(text), "products.yml")


def catalogue(own: Mapping[str, Any] | None = None, name: str = "the catalogue") -> dict[str, Product]:
    """Return the packaged products with a user's entries merged over them.

    Parameters
    ----------
    own : mapping, optional
        Name -> entry. One that names a known product changes the keys it gives; another must be whole.
    name : str
        The file it comes from, for messages.

    Raises
    ------
    ProjectError
        If an entry cannot mean anything: place, value, expectation.

    Examples
    --------
    >>> catalogue({"soilgrids-2": {"url": "http://127.0.0.1:8000/{name}_{depth}.vrt"}})["soilgrids-2"].cell
    250.0
    """
    known = dict(packaged())
    entries: dict[str, Any] = {}
    for key, entry in (own or {}).items():
        if not isinstance(entry, Mapping):
            raise ProjectError(f"{name}: {key}: {entry!r} is not an entry; expected keys such as title, access, url")
        base = known[key].model_dump(exclude_unset=True) if key in known else {}
        entries[str(key)] = {**base, **entry}
    return known | _validated(entries, name)


def _validated(entries: Mapping[str, Any], name: str) -> dict[str, Product]:
    found = {}
    for key, entry in entries.items():
        try:
            found[key] = Product.model_validate(entry)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            place = ".".join(str(part) for part in (key, *first["loc"]))
            what = first["msg"].removeprefix("Value error, ")
            if first["type"] == "extra_forbidden":
                what = f"unknown key{did_you_mean(str(first['loc'][-1]), Product.model_fields)}"
            raise ProjectError(f"{name}: {place}: {what}") from None
    return found


def find(name: str, variable: str, products: Mapping[str, Product]) -> Product:
    """Return the product called `name`, which has to give `variable`.

    Raises
    ------
    ProjectError
        If there is none, or it does not give the variable; the message names what does.

    Examples
    --------
    >>> find("clcd", "land_cover", packaged()).cell
    30.0
    """
    having = [other for other, product in products.items() if variable in product.variables]
    if name not in products:
        hint = did_you_mean(name, products) or (f"; {variable} is in {', '.join(having)}" if having else "")
        raise ProjectError(f"sources.{variable}: there is no product {name!r}{hint} (soilloss products)")
    if variable not in products[name].variables:
        gives = ", ".join(products[name].variables)
        have = f"; {variable} is in {', '.join(having)}" if having else "; no known product has it"
        raise ProjectError(f"sources.{variable}: {name} does not give {variable}, but {gives}{have}")
    return products[name]


def others(variable: str, years: Sequence[int], bounds: Bounds, products: Mapping[str, Product]) -> str:
    """Return a remedy: the products that give `variable` for these years and bounds, or one's own file."""
    west, south, east, north = bounds
    fitting = [
        name
        for name, product in products.items()
        if variable in product.variables
        and product.access != "file"
        and (product.time is None or product.time.covers(years))
        and product.coverage[0] <= west
        and product.coverage[1] <= south
        and product.coverage[2] >= east
        and product.coverage[3] >= north
    ]
    return f"take {' or '.join(fitting)}" if fitting else f"give a file of your own for {variable}"
