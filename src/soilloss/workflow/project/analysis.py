"""The questions a project puts to the finished maps: the options of each analysis, and what they default to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, model_validator

from soilloss.errors import did_you_mean
from soilloss.variables import VARIABLES
from soilloss.workflow.project.sources import Strict


def _known_variables(value: Any) -> Any:
    """One variable or a list of them, each from the vocabulary."""
    names = [value] if isinstance(value, str) else value
    for name in cast("list[Any]", names) if isinstance(names, list) else []:
        if name not in VARIABLES:
            raise ValueError(f"{name!r} is not a variable soilloss knows{did_you_mean(str(name), VARIABLES)}")
        if VARIABLES[name].axis:
            raise ValueError(f"{name!r} has an axis of its own ({VARIABLES[name].axis}); name what is made of it")
    return names


Variables = Annotated[list[str], BeforeValidator(_known_variables), Field(min_length=1)]


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


class Analysis(Strict):
    """Questions put to the finished maps; each but the first two is a module of ``workflow/analyses``."""

    summary: dict[str, Any] = Field(default={}, max_length=0)
    severity: Severity = Severity()
    trend: Trend | None = None

    @property
    def asked(self) -> dict[str, Any]:
        """The options of each analysis that a sweep over the maps answers, by name."""
        given = ((name, getattr(self, name)) for name in type(self).model_fields)
        return {name: options for name, options in given if name not in ("summary", "severity") and options is not None}

    @model_validator(mode="before")
    @classmethod
    def _from_list(cls, value: Any) -> Any:
        if isinstance(value, Mapping):
            return cast("Mapping[str, Any]", value)
        if not isinstance(value, list):
            raise ValueError("expected a list such as [summary, {severity: {scheme: fao_1979}}]")
        merged: dict[str, Any] = {}
        for item in cast("list[Any]", value):
            merged |= {item: {}} if isinstance(item, str) else dict(cast("Mapping[str, Any]", item))
        return merged
