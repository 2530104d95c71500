"""What can be chosen, in words: read from the functions themselves."""

from __future__ import annotations

import inspect
import re
from math import isfinite
from typing import Any

from soilloss.equation import formula_of, spec_of
from soilloss.errors import ProjectError, did_you_mean
from soilloss.variables import VARIABLES
from soilloss.workflow.methods import DEFAULTS, METHODS, MODEL_DEFAULTS, UNVERIFIED, method

WORKS_ON = {
    "cell": "one cell",
    "neighbourhood": "neighbouring cells",
    "series": "a cell's series",
    "grid": "the whole grid",
    "statistic": "all cells, giving one number",
}


def describe_methods(variable: str | None = None, name: str | None = None) -> list[dict[str, Any]]:
    """Return what is known of the methods, of one variable or of one method.

    Raises
    ------
    ProjectError
        If the variable or the method is unknown.
    """
    if variable is not None and variable not in METHODS:
        hint = did_you_mean(variable, METHODS) or f"; known are {', '.join(METHODS)}"
        raise ProjectError(f"{variable!r} is not a variable that can be computed{hint}")
    if variable is not None and name is not None:
        method(variable, name)
    return [
        _describe(made, known, function)
        for made, functions in METHODS.items()
        for known, function in functions.items()
        if variable in (None, made) and name in (None, known)
    ]


def _describe(variable: str, name: str, function: Any) -> dict[str, Any]:
    spec = spec_of(function)
    usual = [choice for choices in (DEFAULTS, *MODEL_DEFAULTS.values()) for choice, _ in choices.get(variable, [])]
    return {
        "variable": variable,
        "name": name,
        "summary": (inspect.getdoc(function) or "").split("\n")[0],
        "inputs": [
            {
                "name": i,
                "unit": VARIABLES[i].unit,
                "meaning": VARIABLES[i].meaning,
                "range": _range(i),
                "optional": i in spec.optional,
            }
            for i in spec.inputs
        ],
        "coefficients": {key: repr(value) for key, value in spec.coefficients.items()},
        "unit": VARIABLES[variable].unit,
        "works_on": WORKS_ON[spec.shape],
        "step": spec.step,
        "citation": spec.cite,
        "formula": formula_of(function),
        "notes": _notes(function),
        "unverified": UNVERIFIED.get(name, ""),
        "default": name in usual,
        "text": inspect.getdoc(function) or "",
    }


def _range(variable: str) -> str:
    """The values a variable allows, in words; nothing where it allows all."""
    low, high = VARIABLES[variable].range
    if not (isfinite(low) or isfinite(high)):
        return ""
    if isfinite(low) and isfinite(high):
        return f"{low:.4g} to {high:.4g}"
    return f"from {low:.4g}" if isfinite(low) else f"up to {high:.4g}"


def _notes(function: Any) -> str:
    """What the docstring notes beside its formulas: where a method holds, its source, how readings differ."""
    found = re.search(r"^Notes\n-+\n(.*?)(?=^\w+\n-+$|\Z)", inspect.getdoc(function) or "", re.DOTALL | re.MULTILINE)
    text = re.sub(r"\.\. math::.*?(?=^\S|\Z)", "", found[1] if found else "", flags=re.DOTALL | re.MULTILINE)
    return " ".join(text.split())


def page(found: list[dict[str, Any]], full: bool = False) -> str:
    """Return methods as text for a terminal: a line each, or everything about each."""
    if full:
        return "\n\n".join(_full(one) for one in found)
    lines: list[str] = []
    for one in found:
        if not lines or one["variable"] != lines[-1]:
            heading = f"{one['variable']} [{one['unit'] or 'class'}]"
            if heading not in lines:
                lines += ["", heading] if lines else [heading]
        inputs = ", ".join(i["name"] for i in one["inputs"])
        mark = "*" if one["default"] else " "
        lines.append(f" {mark} {one['name']}({inputs})\n      {one['summary']}  [{one['citation']}]")
    return "\n".join([*lines, "", "* taken when the project names no method. More: soilloss methods VARIABLE NAME"])


def _full(one: dict[str, Any]) -> str:
    coefficients = ", ".join(f"{k}={v}" for k, v in one["coefficients"].items()) or "none"
    only = "; only for amounts of a year" if one["step"] else ""
    head = [
        f"{one['variable']} <- {one['name']}    [{one['unit'] or 'class'}]",
        f"works on {one['works_on']}{only}; coefficients: {coefficients}; citation: {one['citation']}",
    ]
    head += [f"  {i['name']} [{i['unit'] or 'class'}]: {i['meaning']}{_allowed(i)}" for i in one["inputs"]]
    head += [f"not verified: {one['unverified']}"] if one["unverified"] else []
    return "\n".join([*head, "", one["text"]])


def _allowed(data: dict[str, Any]) -> str:
    asked = "; optional" if data["optional"] else ""
    return f" ({data['range']}){asked}" if data["range"] else asked
