"""Project files to start from: the packaged demo and the presets."""

from __future__ import annotations

from importlib.resources import as_file, files
from pathlib import Path

from soilloss.errors import ProjectError, did_you_mean

DEMO = "soilloss.demo"
PRESETS = "soilloss.presets"
MADE_UP = "landcover-demo"  # written with its data, which are made anew
COMPANIONS = {".geojson": "area.geojson", ".csv": "official.csv"}  # what some presets bring, and its name in data/


def presets() -> list[str]:
    """Names of the project files that `new_project` can write.

    Examples
    --------
    >>> "minimal" in presets()
    True
    """
    return sorted(entry.name.removesuffix(".yml") for entry in files(PRESETS).iterdir() if entry.name.endswith(".yml"))


def new_project(folder: Path, like: str) -> Path:
    """Write ``project.yml`` and what the preset brings into `folder`; existing files are never overwritten."""
    known = [*presets(), MADE_UP]
    if like == MADE_UP:
        from soilloss.landcover import demo

        return demo.write_demo(folder)
    if like not in known:
        raise ProjectError(f"--like {like!r} is not a preset{did_you_mean(like, known)} (known: {', '.join(known)})")
    target = folder / "project.yml"
    if target.exists():
        raise ProjectError(f"{target} exists already; name another folder, so that it is not lost")
    folder.mkdir(parents=True, exist_ok=True)
    target.write_text(files(PRESETS).joinpath(f"{like}.yml").read_text(encoding="utf-8"), encoding="utf-8")
    for ending, name in COMPANIONS.items():
        brought, path = files(PRESETS).joinpath(f"{like}{ending}"), folder / "data" / name
        if brought.is_file() and not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(brought.read_text(encoding="utf-8"), encoding="utf-8")
    return target


def write_demo(folder: Path) -> Path:
    """Copy the packaged data and their project file into `folder`; files that are there already stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in files(DEMO).iterdir():
        if entry.name.endswith((".py", ".pyc")) or entry.is_dir() or (folder / entry.name).exists():
            continue
        with as_file(entry) as source:
            (folder / entry.name).write_bytes(source.read_bytes())
    return folder / "project.yml"
