"""Read project files as YAML 1.2: ``1e-4`` is a number, ``no`` is a word, a repeated key is an error.

PyYAML follows YAML 1.1, where ``1e-4`` is text, ``no`` is false and ``1999-01-02`` a date; a project file must not
depend on knowing that.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from soilloss.errors import ProjectError


class _Loader(yaml.SafeLoader):
    """SafeLoader with the resolvers of the YAML 1.2 core schema."""

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012  the name and form PyYAML asks for

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in seen:
                raise yaml.MarkedYAMLError(problem=f"the key {key!r} is given twice", problem_mark=key_node.start_mark)
            seen.add(key)
        return super().construct_mapping(node, deep=deep)


_RESOLVERS = {
    "bool": (r"true|True|TRUE|false|False|FALSE", "tTfF"),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", "-+0123456789"),
    "float": (
        r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)",
        "-+0123456789.",
    ),
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
}
for _tag, (_pattern, _first) in _RESOLVERS.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), list(_first))


def _decimal_int(loader: yaml.SafeLoader, node: Any) -> int:
    text = loader.construct_scalar(node)
    base = {"0o": 8, "0x": 16}.get(text[:2], 10)
    return int(text, base)


def _float(loader: yaml.SafeLoader, node: Any) -> float:
    return float(loader.construct_scalar(node).lower().replace(".inf", "inf").replace(".nan", "nan"))


_Loader.add_constructor("tag:yaml.org,2002:int", _decimal_int)
_Loader.add_constructor("tag:yaml.org,2002:float", _float)


def parse(text: str, name: str = "project file") -> Any:
    """Return what the YAML 1.2 `text` says.

    Examples
    --------
    >>> parse("{a: 1e-4, b: no, c: 010}")
    {'a': 0.0001, 'b': 'no', 'c': 10}
    """
    try:
        return yaml.load(text, _Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f" line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        why = f"{error.problem}; check indentation and colons"
        raise ProjectError(f"{name}:{where} cannot be read as YAML: {why}") from None
    except yaml.YAMLError as error:
        raise ProjectError(f"{name} cannot be read as YAML: {error}") from None


def read(path: Path, change: Callable[[dict[str, Any]], None] = lambda _: None) -> dict[str, Any]:
    """Read a project file; ``${NAME}`` in any text is replaced by the environment variable of that name.

    `change` may put other values in before, so that a variable whose text is replaced need not be set.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ProjectError(f"{path} does not exist; write one with: soilloss new DIR --like minimal") from None
    except (UnicodeDecodeError, IsADirectoryError):
        raise ProjectError(f"{path} is not a text file; expected a project file in YAML") from None
    data = parse(text, path.name)
    if not isinstance(data, dict):
        raise ProjectError(f"{path.name} holds {type(data).__name__}, expected keys such as 'sources' and 'methods'")
    change(data)
    return expand(data, path.name)


def expand(value: Any, name: str) -> Any:
    """Replace ``${NAME}`` in every text of a nested structure."""
    if isinstance(value, dict):
        return {key: expand(item, name) for key, item in value.items()}
    if isinstance(value, list):
        return [expand(item, name) for item in value]
    return re.sub(r"\$\{(\w+)\}", lambda m: _environment(m[1], name), value) if isinstance(value, str) else value


def _environment(variable: str, name: str) -> str:
    if variable not in os.environ:
        raise ProjectError(
            f"{name} uses ${{{variable}}}, but no environment variable {variable} is set; set it or write the path"
        )
    return os.environ[variable]
