"""What can be chosen, in words: read from the functions themselves."""

from __future__ import annotations

import inspect
from typing import Any

from soilloss.equation import formula_of, spec_of
from soilloss.errors import ProjectError, did_you_mean
from soilloss.variables import VARIABLES
from soilloss.workflow.methods import DEFAULTS, METHODS, MODEL_DEFAULTS, method

WORKS_ON = {
    "cell": "one cell",
    "neighbourhood": "neighbouring cells",
    "series": "a cell's series",
    "grid": "the whole grid",
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
            {"name": i, "unit": VARIABLES[i].unit, "meaning": VARIABLES[i].meaning, "optional": i in spec.optional}
            for i in spec.inputs
        ],
        "coefficients": {key: repr(value) for key, value in spec.coefficients.items()},
        "unit": VARIABLES[variable].unit,
        "works_on": WORKS_ON[spec.shape],
        "step": spec.step,
        "citation": spec.cite,
        "formula": formula_of(function),
        "default": name in usual,
        "text": inspect.getdoc(function) or "",
    }


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
    return "\n".join([*head, "", one["text"]])
