"""The questions a project puts to the finished maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, cast

from pydantic import Field, model_validator

from soilloss.workflow.project.sources import Strict


class Severity(Strict):
    """The severity scheme; `tolerance` (t ha-1 yr-1) belongs to the schemes that ask for one."""

    scheme: Literal["poyang", "rodopi", "sl190_2007", "hj1174_5", "fao_1979", "oecd"] = "fao_1979"
    tolerance: float | None = Field(default=None, gt=0)


class Analysis(Strict):
    """Questions put to the finished maps."""

    summary: dict[str, Any] = Field(default={}, max_length=0)
    severity: Severity = Severity()

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
