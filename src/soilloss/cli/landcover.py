"""Verbs of land cover: tiles, train, predict, smooth, score, points; each first does what it needs of those before."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cyclopts import App

from soilloss.cli.common import Json, Set, Workers, app, print_json

landcover = App(name="landcover", help="Map land cover from image series by deep learning, and judge the maps.")
app.command(landcover)


@contextmanager
def _open(file: Path, settings: list[str], workers: int | None, quiet: bool) -> Iterator[Any]:
    from soilloss.workflow.landcover import open_work
    from soilloss.workflow.watch import parse_settings, watch

    with watch(quiet=quiet) as progress:
        yield open_work(file, parse_settings(settings), progress=progress, workers=workers)


def _tell(result: Any, json: bool, words: Callable[[], Any]) -> None:
    """Print one JSON object, or the notes on standard error and the result in words."""
    if json:
        print_json(result)
        return
    for note in result.get("notes", []) if isinstance(result, dict) else ():
        print(f"warning: {note}", file=sys.stderr)
    print(words())


@landcover.command
def tiles(file: Path, /, *, set: Set = [], workers: Workers = None, json: Json = False) -> None:  # noqa: B006
    """Cut tiles from images and labels: drawn by class, parted into training, validation and test.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.workflow.landcover import cut

    with _open(file, set, workers, json) as work:
        report = cut(work)
    counts = ", ".join(f"{count} {name}" for name, count in report["tiles"].items())
    _tell(report, json, lambda: f"{work.folder / 'tiles.zarr'}: {counts}")


@landcover.command
def train(file: Path, /, *, set: Set = [], workers: Workers = None, json: Json = False) -> None:  # noqa: B006
    """Train the network in stages, or go on where a crash stopped it.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.workflow.landcover import teach

    with _open(file, set, workers, json) as work:
        path = teach(work)
    _tell({"model": str(path)}, json, lambda: path)


@landcover.command
def predict(file: Path, /, *, set: Set = [], workers: Workers = None, json: Json = False) -> None:  # noqa: B006
    """Map each step by itself: class, confidence, entropy; goes on where it was stopped.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.workflow.landcover import map_steps

    with _open(file, set, workers, json) as work:
        made = map_steps(work)
    notes = [one["note"] for one in made.values() if one["note"]]
    _tell({"steps": made, "notes": notes}, json, lambda: work.folder / "single")


@landcover.command
def smooth(file: Path, /, *, set: Set = [], workers: Workers = None, json: Json = False) -> None:  # noqa: B006
    """Make the maps consistent in time.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.workflow.landcover import smooth_series

    with _open(file, set, workers, json) as work:
        report = smooth_series(work)
    _tell(report, json, lambda: f"{work.folder / 'maps'}: {100 * report['changed']:.1f} % of the cells changed class")


@landcover.command
def score(file: Path, /, *, set: Set = [], workers: Workers = None, json: Json = False) -> None:  # noqa: B006
    """Judge the maps at validation points: accuracy, areas with intervals, other products; writes report.html.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.workflow.landcover import score_series

    with _open(file, set, workers, json) as work:
        found = score_series(work)
    if not json:
        for row in found["scores"]:
            accuracy = f"OA {row['overall_accuracy']:.3f}, kappa {row['kappa']:.3f}, mIoU {row['miou']:.3f}"
            print(f"{row['set']}, {row['map']}: {accuracy}, {row['n']} points", file=sys.stderr)
    _tell(found, json, lambda: found["page"])


@landcover.command
def points(
    file: Path,
    /,
    *,
    out: Path,
    dates: str,
    count: int = 500,
    random: bool = False,
    seed: int = 0,
    set: Set = [],  # noqa: B006
    workers: Workers = None,
) -> None:
    """Draw places for validation points on the maps, for interpreters to fill in, in QGIS or a spreadsheet.

    Parameters
    ----------
    file
        Project file.
    out
        File to write: .gpkg for QGIS, or .csv.
    dates
        Steps or years parted by commas, e.g. 2005,2010,2021-Q3; the map of the last one gives the strata.
    count
        Places in all.
    random
        Draw from all cells alike; default is by mapped class, at least 50 each.
    seed
        Of the draw.
    """
    from soilloss.workflow.landcover.points import write_points

    names = [date.strip() for date in dates.split(",") if date.strip()]
    with _open(file, set, workers, quiet=False) as work:
        number = write_points(work, out, count=count, dates=names, stratified=not random, seed=seed)
    print(f"{out}: {number} places, {len(names)} dates")
