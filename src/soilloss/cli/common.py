"""What the verbs share: flags, the site of a project file, printing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, Parameter

from soilloss import __version__

app = App(
    name="soilloss",
    version=__version__,
    help="Maps of soil erosion by water from Earth-observation data. Start with: soilloss demo",
    suppress_keyboard_interrupt=False,  # `main` has words for it
)

Set = Annotated[list[str], Parameter(name="--set", negative=(), help="Change one key, e.g. methods.cover.alpha=2.5.")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print one JSON object and nothing else.")]
Workers = Annotated[int | None, Parameter(help="Threads; default is the processors at hand.")]


def open_project(file: Path, settings: list[str]) -> Any:
    """Open the site of a project file, with the keys changed that `--set` names."""
    from soilloss.workflow.site import open_site
    from soilloss.workflow.watch import parse_settings

    return open_site(file, parse_settings(settings))


def open_fetched(file: Path, settings: list[str], progress: Any) -> Any:
    """Fetch what a project file takes from known products and has not got, then open it."""
    from soilloss.workflow.fetch import fetch
    from soilloss.workflow.watch import parse_settings

    fetch(file, parse_settings(settings), progress=progress)
    return open_project(file, settings)


def print_json(data: Any) -> None:
    """Print one JSON object."""
    print(json.dumps(data, indent=1, default=str))
