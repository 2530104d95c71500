"""The mistakes of a project file in one sentence each: place, value, expectation, the nearest known key."""

from __future__ import annotations

import re
from typing import Any

from pydantic import BaseModel, ValidationError

from soilloss.errors import did_you_mean
from soilloss.workflow.project.sources import KINDS, Scaled, Strict

_WORDS = {
    "string_type": "expected text",
    "int_type": "expected a whole number",
    "float_type": "expected a number",
    "dict_type": "expected a mapping of keys to values",
    "list_type": "expected a list",
    "model_type": "expected a mapping of keys to values",
}


def sentence(error: ValidationError, root: type[BaseModel]) -> str:
    """Say the first error of the model `root` in our words: place, value, expectation."""
    first = error.errors(include_url=False)[0]
    place = ".".join(str(part) for part in first["loc"] if not _is_model_name(part))
    kind, given = first["type"], first["input"]
    if kind == "extra_forbidden":
        key = str(first["loc"][-1])
        return f"{place}: unknown key{did_you_mean(key, _keys_at(first['loc'][:-1], root))}"
    if kind == "missing":
        return f"{place}: is missing"
    if kind == "value_error":
        message = first["msg"].removeprefix("Value error, ")
        return f"{place}: {message}" if place else message
    if kind == "literal_error":
        expected = first.get("ctx", {})["expected"]
        choices = re.findall(r"'([^']+)'", expected)
        return f"{place}: {given!r} is not known{did_you_mean(str(given), choices)} (expected {expected})"
    expectation = _WORDS.get(kind, first["msg"][0].lower() + first["msg"][1:])
    return f"{place}: {expectation}, got {given!r}"


def _models() -> dict[str, type[BaseModel]]:
    return {model.__name__: model for model in (*Strict.__subclasses__(), *Scaled.__subclasses__())}


def _is_model_name(part: Any) -> bool:
    return part in _models() or part in {"int", "list[int]"}


def _keys_at(place: tuple[Any, ...], root: type[BaseModel]) -> list[str]:
    """The keys known where an unknown one stood."""
    if place[:1] == ("sources",):
        return [key for kind in KINDS.values() for key in kind.model_fields]
    model = root
    for part in place:
        field = model.model_fields.get(str(part))
        named = [m for n, m in _models().items() if part == n or (field and n in str(field.annotation))]
        model = named[0] if named else model
    return list(model.model_fields)
