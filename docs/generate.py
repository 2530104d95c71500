"""Write the reference pages from the code, so that they cannot differ from it. Called by `conf.py`."""

import inspect
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import soilloss
from soilloss import cli, errors, tables
from soilloss.equation import spec_of
from soilloss.publish import bibliography
from soilloss.variables import VARIABLES
from soilloss.workflow.methods import DEFAULTS, METHODS
from soilloss.workflow.project import Project

PAGES: dict[str, Callable[[], str]] = {}


def page(function: Callable[[], str]) -> Callable[[], str]:
    """Enter `function` as the writer of the page of its name."""
    PAGES[function.__name__] = function
    return function


def main(folder: Path) -> None:
    """Write every page below `folder`; a page that is unchanged keeps its time."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, write in PAGES.items():
        path, text = folder / f"{name}.md", write().rstrip() + "\n"
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")


def table(header: str, rows: Iterable[Iterable[Any]]) -> str:
    """Return a Markdown table; `header` holds the column names, separated by ``|``."""
    columns = header.split("|")
    lines = [columns, ["---"] * len(columns), *([str(cell).replace("|", "\\|") for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def summary(thing: Any) -> str:
    """Return the first paragraph of the docstring on one line."""
    return " ".join((inspect.getdoc(thing) or "").split("\n\n")[0].split())


def autofunction(function: Callable[..., Any], option: str = "") -> str:
    """Return the directive that prints signature and docstring."""
    return f"```{{eval-rst}}\n.. autofunction:: {function.__module__}.{function.__name__}\n{option}```\n"


@page
def variables() -> str:
    """Every name of the vocabulary."""
    rows = (
        (f"`{name}`", v.symbol, v.meaning, v.unit or "class", span(v.range), v.resampling, v.in_time, v.axis)
        for name, v in VARIABLES.items()
    )
    return "# Variables\n\n" + table("name|symbol|meaning|unit|valid range|in space|in time|extra axis", rows)


def span(limits: tuple[float, float]) -> str:
    """Write a range, open ends left out."""
    low, high = (f"{limit:g}" if abs(limit) != float("inf") else "" for limit in limits)
    return f"{low} to {high}".strip() if low or high else ""


@page
def methods() -> str:
    """Every published equation, by the variable it makes."""
    return "# Methods\n\n" + "\n".join(section(variable, found) for variable, found in METHODS.items())


def section(variable: str, found: dict[str, Callable[..., Any]]) -> str:
    """Return the methods of one variable under its meaning, unit and default."""
    meaning, unit = VARIABLES[variable].meaning, VARIABLES[variable].unit or "class"
    defaults = [f"`{name}`" for name, _ in DEFAULTS.get(variable, [])]
    chosen = f"Default: {', else '.join(defaults)}." if defaults else "No default."
    entries = "\n".join(one_method(name, function) for name, function in found.items())
    return f"## {variable}\n\n{meaning}, {unit}. {chosen}\n\n{entries}"


def one_method(name: str, function: Callable[..., Any]) -> str:
    """Return the entry of a method."""
    spec = spec_of(function)
    needs = ", ".join(f"`{n}`" + (" (optional)" if n in spec.optional else "") for n in spec.inputs)
    only = " Holds for amounts of a year only." if spec.step else ""
    cite = f"[{bibliography.short(spec.cite)}](references.md#{spec.cite})"
    return f"### {name}\n\nNeeds {needs}. Source: {cite}.{only}\n\n{autofunction(function)}"


@page
def references() -> str:
    """Every citation."""
    return "# References\n\n" + "\n".join(
        f"({key})=\n`{key}`: {bibliography.full(key)}\n" for key in bibliography.ordered(bibliography.entries())
    )


@page
def lookup_tables() -> str:
    """The tables of the package, whole."""
    parts = [
        f"## {name}\n\n{table('|'.join(map(str, t.columns)), t.astype(object).fillna('').to_numpy())}"
        for name, t in all_tables()
    ]
    return "# Tables\n\nWhere a table says *unverified*, nobody has checked it against its source yet.\n\n" + "\n".join(
        parts
    )


def all_tables() -> Iterable[tuple[str, Any]]:
    """Name and content of each table."""
    return ((name, tables.read(name)) for name in tables.names())


@page
def project_file() -> str:
    """Every key of a project file."""
    schema = Project.model_json_schema()
    parts = [("project", schema), *schema["$defs"].items()]
    return "# Keys of the project file\n\n" + "\n".join(
        f"## {name}\n\n{' '.join(part.get('description', '').split())}\n\n{keys(part)}" for name, part in parts
    )


def keys(part: dict[str, Any]) -> str:
    """Return the table of one model's keys."""
    required = part.get("required", [])
    rows = (
        (f"`{key}`", kind(field), "required" if key in required else default(field))
        for key, field in part["properties"].items()
    )
    return table("key|value|default", rows)


def default(field: dict[str, Any]) -> str:
    """Write the default of a key, nothing where it has none of its own."""
    value = field.get("default")
    return "" if value is None or value in ({}, []) or isinstance(value, dict) else f"`{value}`"


def kind(field: dict[str, Any]) -> str:
    """Say in words what a JSON schema field accepts."""
    if "$ref" in field:
        name = field["$ref"].rpartition("/")[2]
        return f"[{name}](#{name.lower()})"
    if "anyOf" in field:
        return " or ".join(dict.fromkeys(kind(option) for option in field["anyOf"] if option.get("type") != "null"))
    if "enum" in field:
        return ", ".join(f"`{value}`" for value in field["enum"])
    words = {"string": "text", "number": "number", "integer": "whole number", "boolean": "true or false"}
    if field.get("type") == "array":
        return f"list of {kind(field.get('items', {}))}"
    if field.get("type") == "object":
        inner = field.get("additionalProperties")
        return f"names to {kind(inner)}" if isinstance(inner, dict) else "mapping"
    return words.get(field.get("type", ""), "any")


@page
def error_classes() -> str:
    """What can go wrong."""
    classes = [errors.SoilLossError, *errors.SoilLossError.__subclasses__()]
    rows = ((f"`{c.__name__}`", summary(c), c.__bases__[-1].__name__, c.exit_code) for c in classes)
    return (
        "# Errors\n\nEvery message says what is wrong (with the value), what was expected, and what to do.\n\n"
        + table("class|means|is also|exit code", rows)
    )


@page
def command_line() -> str:
    """Every verb of the `soilloss` command."""
    return "# Command line\n\n" + cli.app.generate_docs(output_format="markdown", heading_level=2)


@page
def python_names() -> str:
    """What `import soilloss` offers."""
    rows = (
        (f"`soilloss.{name}`", summary(getattr(soilloss, name))) for name in soilloss.__all__ if name != "VARIABLES"
    )
    doers = [getattr(soilloss, name) for name in soilloss.__all__]
    functions = [thing for thing in doers if inspect.isfunction(thing) and not hasattr(thing, "spec")]
    return "# Python names\n\n" + table("name|what", rows) + "\n" + "\n".join(map(autofunction, functions))
