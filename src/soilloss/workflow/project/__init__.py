"""The project file as strict models; below `workflow` nothing knows it exists.

A source is told by its keys (``table``, ``polygons``, ``file`` or a number), so a mistake is answered by the one model
that was meant and not by all of them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

from pydantic import AliasChoices, Field, ValidationError, field_validator, model_validator

from soilloss.errors import ProjectError, did_you_mean
from soilloss.variables import VARIABLES
from soilloss.workflow import yaml12
from soilloss.workflow.project.analysis import Analysis, LandCover, Severity
from soilloss.workflow.project.landcover import LandCoverMaps
from soilloss.workflow.project.sentences import sentence
from soilloss.workflow.project.sources import Changed, Constant, Lines, Polygons, Product, Raster, Source, Strict, Table

__all__ = [
    "Analysis",
    "Changed",
    "Constant",
    "Grid",
    "LandCover",
    "LandCoverMaps",
    "Lines",
    "Method",
    "Period",
    "Polygons",
    "Product",
    "Project",
    "Publish",
    "Raster",
    "Severity",
    "Source",
    "StepName",
    "Table",
    "Zones",
    "load",
    "override",
    "validate",
]

StepName = Literal["year", "quarter", "month"]


class Method(Strict):
    """The method of a variable (None: the default one) and coefficients that differ from the published ones."""

    name: str | None = None
    coefficients: dict[str, Any] = {}

    @model_validator(mode="before")
    @classmethod
    def _short_forms(cls, value: Any) -> Any:
        if isinstance(value, str):
            return {"name": value}
        if isinstance(value, Mapping):
            given = dict(cast("Mapping[str, Any]", value))
            nested = given.pop("coefficients", {})
            return {"name": given.pop("name", None), "coefficients": {**nested, **given}}
        raise ValueError(f"{value!r} is not a method; expected a name, or a mapping with 'name' and coefficients")


class Grid(Strict):
    """The target grid: its CRS and cell size, or the variable whose grid is taken."""

    crs: str | None = None
    resolution: float | None = Field(default=None, gt=0)
    like: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Grid:
        if self.like is None and (self.crs is None or self.resolution is None):
            raise ValueError("needs 'crs' and 'resolution', or 'like' with the variable whose grid is taken")
        if self.like is not None and (self.crs is not None or self.resolution is not None):
            raise ValueError("has 'like' and also 'crs' or 'resolution': give one or the other")
        return self


def _month(text: Any, last: bool) -> tuple[int, int]:
    match = re.fullmatch(r"(\d{4})(?:-(\d{2}))?", str(text))
    if not match or (match[2] and not 1 <= int(match[2]) <= 12):
        raise ValueError(f"{text!r} is not a year or month; write 2001 or 2001-01")
    return int(match[1]), int(match[2]) if match[2] else (12 if last else 1)


class Period(Strict):
    """Whole years, cut into steps: from `start` to `end`, or those listed as ``years``.

    `min_valid` is the share of years a cell needs for its mean.
    """

    start: int | str | None = None
    end: int | str | None = None
    # `years` is a property; a record keeps this name
    listed: list[int] | None = Field(default=None, min_length=1, validation_alias=AliasChoices("years", "listed"))
    step: StepName = "year"
    min_valid: float = Field(default=0.5, ge=0, le=1)

    @model_validator(mode="after")
    def _whole_years(self) -> Period:
        if self.listed is not None and (self.start is not None or self.end is not None):
            raise ValueError("has 'years' and also 'start' or 'end': give one or the other")
        if self.listed is not None:
            if any(after <= before for before, after in pairwise(self.listed)):
                raise ValueError(f"years {self.listed}: put them in order, each once")
            return self
        if self.start is None or self.end is None:
            raise ValueError("needs 'start' and 'end', or 'years' with a list such as [2010, 2015, 2020]")
        (first, from_month), (last, to_month) = _month(self.start, last=False), _month(self.end, last=True)
        if from_month != 1 or to_month != 12:
            raise ValueError(f"runs from {self.start} to {self.end}: expected whole years, January to December")
        if last < first:
            raise ValueError(f"ends in {last}, before it starts in {first}")
        return self

    @property
    def years(self) -> Sequence[int]:
        """The years of the period."""
        if self.listed is not None:
            return self.listed
        return range(_month(self.start, last=False)[0], _month(self.end, last=True)[0] + 1)

    @property
    def steps(self) -> tuple[str, ...]:
        """The labels of the steps: ``2001``, ``2001-Q3`` or ``2001-07``."""
        tail = {"year": [""], "quarter": [f"-Q{q}" for q in range(1, 5)], "month": [f"-{m:02d}" for m in range(1, 13)]}
        return tuple(f"{year}{end}" for year in self.years for end in tail[self.step])


class Zones(Strict):
    """Polygons to sum over, and the column that names them."""

    file: str
    name: str | None = None


class Publish(Strict):
    """Where results go and which maps are written; `factors` names years whose factors are wanted too."""

    folder: str = "out"
    maps: list[Literal["soil_loss", "severity", "factors"]] = ["soil_loss", "severity", "factors"]
    steps: list[StepName] = ["year"]
    factors: list[int] = []


class Project(Strict):
    """A whole project file; `note` is what readers of the report have to know first, `products` a catalogue file."""

    name: str = "soil loss"
    note: str = ""
    data: str = "."
    area: str | None = None
    products: str | None = None
    grid: Grid = Grid(like="elevation")
    period: Period | None = None
    model: Literal["usle", "rusle", "csle"] = "rusle"
    sources: dict[str, Source]
    methods: dict[str, Method] = {}
    zones: Zones | None = None
    zero_classes: list[LandCover] = []
    analysis: Analysis = Field(default_factory=lambda: Analysis.model_validate([]))
    publish: Publish = Publish()
    landcover: LandCoverMaps | None = None
    variants: dict[str, dict[str, Any]] = {}

    @field_validator("variants")
    @classmethod
    def _folder_names(cls, value: dict[str, Any]) -> dict[str, Any]:
        for name in value:
            if not re.fullmatch(r"\w[\w.-]*", name):
                raise ValueError(f"{name!r} cannot name a folder; use letters, digits, '-' and '_'")
        return value

    @model_validator(mode="after")
    def _names(self) -> Project:
        for part, given in (("sources", self.sources), ("methods", self.methods)):
            for name in given:
                if name not in VARIABLES:
                    raise ValueError(f"{part}.{name}: not a variable soilloss knows{did_you_mean(name, VARIABLES)}")
        both = sorted(set(self.sources) & set(self.methods))
        if both:
            name = both[0]
            raise ValueError(f"{name} has both a source and a method; keep one of sources.{name} and methods.{name}")
        if self.publish.factors and not (self.period and set(self.publish.factors) <= set(self.period.years)):
            raise ValueError(f"publish.factors names {self.publish.factors}, which are not all years of the period")
        return self

    @property
    def step(self) -> StepName:
        """The time step of the run."""
        return self.period.step if self.period else "year"

    @property
    def steps(self) -> tuple[str, ...]:
        """The labels of the steps, or one empty label when the project names no period."""
        return self.period.steps if self.period else ("",)


def load(path: Path, overrides: Mapping[str, Any] | None = None) -> Project:
    """Read and validate a project file, with dotted overrides (``methods.cover.alpha``: 2.5) put in first.

    Raises
    ------
    ProjectError
        With the place, the value, what was expected and the nearest known key.
    """

    def change(data: dict[str, Any]) -> None:
        for dotted, value in (overrides or {}).items():
            override(data, dotted, value)

    return validate(yaml12.read(path, change), path.name)


def validate(data: dict[str, Any], name: str = "project") -> Project:
    """Return the project that `data` describes, or raise one clear sentence."""
    try:
        return Project.model_validate(data)
    except ValidationError as error:
        raise ProjectError(f"{name}: {sentence(error, Project)}") from None


def override(data: dict[str, Any], dotted: str, value: Any) -> None:
    """Set one nested key; a short form on the way (``cover: cai_2000``) becomes the mapping it stands for."""
    *parents, last = dotted.split(".")
    place = data
    for parent in parents:
        inner = place.get(parent)
        if isinstance(inner, str):
            inner = {"name" if parents[0] == "methods" else "file": inner}
        elif not isinstance(inner, dict):
            inner = {}
        place[parent] = inner
        place = cast("dict[str, Any]", inner)
    place[last] = value
