"""What a command shows and is told: `watch`, `count`, `parse_size`, `parse_settings`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from soilloss.errors import ProjectError


@contextmanager
def watch(quiet: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Progress on standard error with time left: a bar on a terminal, a line per stage elsewhere, or nothing."""
    if quiet:
        yield lambda _stage, _done, _total: None
        return
    if not sys.stderr.isatty():
        yield _tell_stages()
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description:32}"), BarColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: dict[str, Any] = {}

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in tasks:
                tasks[stage] = bar.add_task(stage, total=total)
            bar.update(tasks[stage], completed=done, total=total)

        yield tell


def _tell_stages() -> Callable[[str, int, int], None]:
    seen: set[str] = set()

    def tell(stage: str, _done: int, _total: int) -> None:
        if stage not in seen:
            seen.add(stage)
            print(f"{stage} ...", file=sys.stderr, flush=True)

    return tell


def parse_size(text: str) -> float:
    """Bytes of a size such as 500MB or 4GB.

    Examples
    --------
    >>> parse_size("500MB")
    500000000.0
    """
    match = re.fullmatch(r"\s*([0-9.]+)\s*([KMGT]?)B?\s*", text, re.IGNORECASE)
    if not match or not match[1].replace(".", "", 1).isdigit():
        raise ProjectError(f"--memory {text!r}: expected a size such as 500MB or 4GB")
    return float(match[1]) * 1000.0 ** " KMGT".index(match[2].upper() or " ")


def parse_settings(settings: Sequence[str]) -> dict[str, Any]:
    """Keys and values of settings such as methods.cover.alpha=2.5, the values read as in a project file.

    Examples
    --------
    >>> parse_settings(["methods.cover.alpha=2.5"])
    {'methods.cover.alpha': 2.5}
    """
    from soilloss.workflow.yaml12 import parse

    overrides = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ProjectError(f"--set {setting!r}: expected KEY=VALUE, such as methods.cover.alpha=2.5")
        overrides[key.strip()] = parse(value, f"--set {key}")
    return overrides


def count(findings: Sequence[Any]) -> str:
    """How many findings of each level, in words."""
    numbers = [(level, sum(f.level == level for f in findings)) for level in ("error", "warning", "note")]
    return ", ".join(f"{n} {level}{'s' * (n != 1)}" for level, n in numbers)
