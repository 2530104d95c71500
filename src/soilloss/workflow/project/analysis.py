"""The questions a project puts to the finished maps: the options of each analysis, and what they default to."""

from __future__ import annotations

import re
from collections.abc import Mapping
from itertools import pairwise
from typing import Annotated, Any, Literal, cast

from pydantic import AliasChoices, BeforeValidator, Field, model_validator

from soilloss.errors import did_you_mean
from soilloss.variables import VARIABLES
from soilloss.workflow.project.sources import Strict


def _as_list(value: Any) -> Any:
    return [value] if isinstance(value, str) else value


def _known_variables(value: Any) -> Any:
    """One variable or a list of them, each from the vocabulary."""
    names = _as_list(value)
    for name in cast("list[Any]", names) if isinstance(names, list) else []:
        if name not in VARIABLES:
            raise ValueError(f"{name!r} is not a variable soilloss knows{did_you_mean(str(name), VARIABLES)}")
        if VARIABLES[name].axis:
            raise ValueError(f"{name!r} has an axis of its own ({VARIABLES[name].axis}); name what is made of it")
    return cast("Any", names)


Variables = Annotated[list[str], BeforeValidator(_known_variables), Field(min_length=1)]


def _years_of_periods(value: Any) -> Any:
    """Periods as first and last year: from ``2016``, ``2016-2018`` or ``[2016, 2018]``, each after the one before."""
    if not isinstance(value, list):
        return value
    out = [_two_years(item) for item in cast("list[Any]", value)]
    for before, after in pairwise(out):
        if after[0] <= before[1]:
            raise ValueError(f"period {_words(after)} does not come after {_words(before)}; put periods in order")
    return out


def _two_years(item: Any) -> list[int]:
    match = re.fullmatch(r"(\d{4})(?:\s*[-–]\s*(\d{4}))?", str(item))
    given = cast("list[Any]", item) if isinstance(item, list) else []
    years = [int(match[1]), int(match[2] or match[1])] if match else [one for one in given if type(one) is int]
    if len(years) != 2 or len(given) not in (0, 2):
        raise ValueError(f"{item!r} is no period; write a year, 2016-2018 or [2016, 2018]")
    if years[1] < years[0]:
        raise ValueError(f"period {_words(years)} ends before it starts")
    return years


def _words(years: list[int]) -> str:
    return "-".join(str(year) for year in dict.fromkeys(years))


Periods = Annotated[list[list[int]], BeforeValidator(_years_of_periods)]


class Severity(Strict):
    """The severity scheme; `tolerance` (t ha-1 yr-1) belongs to the schemes that ask for one."""

    scheme: Literal["poyang", "rodopi", "sl190_2007", "hj1174_5", "fao_1979", "oecd"] = "fao_1979"
    tolerance: float | None = Field(default=None, gt=0)


class Trend(Strict):
    """Slope and significance of each cell's series; slopes beyond `edge` (unit per year) are called strong."""

    of: Variables = ["soil_loss"]
    method: Literal["theil_sen_mann_kendall", "linear", "hamed_rao", "seasonal_kendall"] = "theil_sen_mann_kendall"
    significance: float = Field(default=0.05, gt=0, lt=1)
    edge: float | None = Field(default=None, gt=0)


Span = Annotated[list[int], BeforeValidator(_two_years)]


LandCover = Literal["forest", "shrubland", "grassland", "cropland", "built-up", "bare", "water", "wetland"]


class Change(Strict):
    """Soil loss of sub-periods (default: the two halves of the period) and the difference of the last and the first.

    `only` restricts it to classes of land cover, year by year; `by` breaks it down by elevation, slope and aspect, with
    `elevation` (m) and `slope` (degrees) as edges in place of the usual ones. Where land cover changes, the effect of
    its changes is told too.
    """

    periods: Periods = []
    only: list[LandCover] = []
    by: list[Literal["elevation", "slope", "aspect"]] = []
    elevation: list[float] = []
    slope: list[float] = []


class HotSpots(Strict):
    """The `fraction` of the land with the highest mean soil loss, and where high values gather (Gi*).

    Gi* is that of squares of `square` by `square` cells (a power of two; default so that there are at most 40 000), at
    a `significance` of each test, or of all together if it is a `false_discovery_rate`. `by` says on which elevations,
    slopes and aspects the hot spot lies.
    """

    fraction: float = Field(default=0.1, gt=0, lt=1)
    square: int | None = Field(default=None, ge=1, le=512)
    significance: float = Field(default=0.05, gt=0, lt=1)
    false_discovery_rate: bool = False
    by: list[Literal["elevation", "slope", "aspect"]] = []


class Attribution(Strict):
    """Why soil loss changed: its change shared out among the factors.

    From the mean of some years (`from`) to that of others (`to`), by default the first and the last third of the
    period; or year by year from the first to the last (`along`).
    """

    # `from` is a word of Python; a record keeps these names
    before: Span | None = Field(default=None, validation_alias=AliasChoices("from", "before"))
    after: Span | None = Field(default=None, validation_alias=AliasChoices("to", "after"))
    along: bool = False


def _whole_keys(value: Any) -> Any:
    """Codes as numbers: JSON, as in the record of a run, knows keys of text only."""
    if not isinstance(value, Mapping):
        return value
    given = cast("Mapping[Any, Any]", value)
    return {int(key) if str(key).isdigit() else key: name for key, name in given.items()}


Classified = Literal["land_cover", "severity"]


class Transitions(Strict):
    """What became what between `periods` (default five years of the period, the first and the last among them).

    `names` are names of classes by code where they are not those of the vocabulary; `timing` is the class whose gains
    and losses get a map of their years (default cropland, for land cover).
    """

    of: Annotated[list[Classified], BeforeValidator(_as_list), Field(min_length=1)] = ["land_cover"]
    periods: Periods = []
    names: Annotated[dict[Annotated[int, Field(ge=1, le=255)], str], BeforeValidator(_whole_keys)] = {}
    timing: str | None = None


class Drivers(Strict):
    """What goes along with soil loss: in space with the maps `of` (default: all factors), and from year to year.

    `also` names more variables for the series by year (of ``land_cover`` the shares of its classes), `series` a CSV
    with a column ``year``. Correlations are given for the whole period, for `periods` and in a moving `window` of
    years. `classes` is the number of strata for the geographical detector.
    """

    of: Variables | None = None
    also: Variables = ["soil_loss"]
    series: str | None = None
    periods: list[Span] = []
    window: int | None = Field(default=None, ge=3)
    classes: int = Field(default=8, ge=2)


class Scenario(Strict):
    """The land cover that `rules` find suitable, and what soil loss would be: a variant called ``scenario``.

    It is made for one `year` (default: the last). Where land cover changes, the variables `donors` take the mean of
    the cells that had the new class already; by default those that cover and practice are made from.
    """

    rules: str | list[dict[str, Any]] = "loess_plateau"
    year: int | None = None
    donors: Variables | None = None
    grass_to_forest: bool = True


class Validation(Strict):
    """Results against what others found.

    `official` is a CSV with ``year`` and the eroded share in per cent; further columns are other products judged beside
    ours. Grades from `eroded_from` on count as eroded. `observed` has ``soil_loss`` (t/ha a year) of plots or gauges:
    points (CSV with ``x, y`` in `crs`, or a point file), or polygons over which the map is averaged; of one `year`, or
    of the mean of the period.
    """

    official: str | None = None
    eroded_from: int = Field(default=2, ge=1)
    common_years: bool = True
    observed: str | None = None
    crs: str | None = None
    year: int | None = None

    @model_validator(mode="after")
    def _something(self) -> Validation:
        if self.official is None and self.observed is None:
            raise ValueError("against what? give 'official' (eroded shares by year) or 'observed' (plots, gauges)")
        return self


class Bivariate(Strict):
    """Two maps at once: where high meets high, by Moran's I of one and its neighbours' other, and in one map.

    `a` and `b` name variables, or with ``kind: change`` severity and land_cover, whose gain and loss from the first to
    the last year are set together. Moran's I works on squares of cells where the grid has more than `cells`.
    """

    a: str = "soil_loss"
    b: str
    kind: Literal["terciles", "change"] = "terciles"
    neighbours: Literal["queen", "rook"] = "queen"
    permutations: int = Field(default=999, ge=99)
    significance: float = Field(default=0.05, gt=0, lt=1)
    false_discovery_rate: bool = False
    cells: int = Field(default=100_000, ge=100)

    @model_validator(mode="after")
    def _names(self) -> Bivariate:
        for name in (self.a, self.b):
            if name != "severity":
                _known_variables(name)
        return self


# what is answered elsewhere: by the pass, and by a variant
ELSEWHERE = ("summary", "severity", "scenario")


class Analysis(Strict):
    """Questions put to the finished maps; each but those `ELSEWHERE` is a module of ``workflow/analyses``."""

    summary: dict[str, Any] = Field(default={}, max_length=0)
    severity: Severity = Severity()
    trend: Trend | None = None
    transitions: Transitions | None = None
    change: Change | None = None
    hot_spots: HotSpots | None = None
    attribution: Attribution | None = None
    drivers: Drivers | None = None
    scenario: Scenario | None = None
    validation: Validation | None = None
    bivariate: Bivariate | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """The options of each analysis that a sweep over the maps answers, by name."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: options for name, options in given if name not in ELSEWHERE and options is not None}

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return cast("Mapping[str, Any]", value)
        if not isinstance(value, list):
            raise ValueError("expected a list such as [summary, {severity: {scheme: fao_1979}}]")
        merged: dict[str, Any] = {}
        for item in cast("list[Any]", value):
            if not isinstance(item, str | Mapping):
                raise ValueError(f"{item!r} is no analysis; write a name, or a name with its options in braces")
            asked: dict[str, Any] = {item: {}} if isinstance(item, str) else dict(cast("Mapping[str, Any]", item))
            if twice := merged.keys() & asked.keys():
                raise ValueError(f"{', '.join(sorted(twice))} is asked twice; ask once")
            merged |= asked
        return merged
