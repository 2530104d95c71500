"""Project files to start from: the packaged demo and the presets."""

from __future__ import annotations

import re
from importlib.resources import as_file, files
from pathlib import Path

from soilloss.errors import ProjectError, did_you_mean
from soilloss.workflow import project as projects

DEMO = "soilloss.demo"
PRESETS = "soilloss.presets"
MADE_UP = "landcover-demo"  # written with its data, which are made anew
KINDS = ("file", "table", "polygons", "lines")  # keys of sources that name a file
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


def advice(file: Path) -> str:
    """Return what a new project still needs, in a sentence: which files where, or that it is fetched.

    Examples
    --------
    >>> advice(new_project(getfixture("tmp_path"), "poyang"))
    'everything is fetched: soilloss plan project.yml says what it takes, soilloss run project.yml does it'
    """
    project = projects.load(file)
    given = {name: source for name, source in project.sources.items() if not getattr(source, "product", "")}
    asked = {name: getattr(one, key) for name, one in given.items() for key in KINDS if getattr(one, key, None)}
    asked |= {"area": project.area} if project.area else {}
    absent: dict[str, list[str]] = {}
    for name, path in asked.items():
        if not list(file.parent.glob(str(Path(project.data, re.sub(r"\{.*?\}", "*", path))))):
            absent.setdefault(path, []).append(name)
    if absent:
        listed = ", ".join(f"{path} ({' and '.join(names)})" for path, names in absent.items())
        return (
            f"put into {file.parent}: {listed}; write other paths into the file, or let a variable be fetched, such as "
            "elevation: {product: copernicus-dem-30} (soilloss products elevation)"
        )
    fetched = len(given) < len(project.sources)
    what = "everything is fetched" if fetched else "everything is here"
    return f"{what}: soilloss plan {file.name} says what it takes, soilloss run {file.name} does it"


def write_demo(folder: Path) -> Path:
    """Copy the packaged data and their project file into `folder`; files that are there already stay as they are."""
    folder.mkdir(parents=True, exist_ok=True)
    for entry in files(DEMO).iterdir():
        if entry.name.endswith((".py", ".pyc")) or entry.is_dir() or (folder / entry.name).exists():
            continue
        with as_file(entry) as source:
            (folder / entry.name).write_bytes(source.read_bytes())
    return folder / "project.yml"
