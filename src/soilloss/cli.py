"""The `soilloss` command: a thin door to `workflow`.

Results go to standard output, progress and words to standard error.

Nothing heavy is imported before a verb is chosen, so that ``soilloss --help`` answers at once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Annotated, Any

from cyclopts import App, Parameter

from soilloss import __version__
from soilloss.errors import MissingExtraError, SoilLossError

app = App(
    name="soilloss",
    version=__version__,
    help="Maps of soil erosion by water from Earth-observation data. Start with: soilloss demo",
    suppress_keyboard_interrupt=False,  # `main` has words for it
)

Set = Annotated[list[str], Parameter(name="--set", negative=(), help="Change one key, e.g. methods.cover.alpha=2.5.")]
Json = Annotated[bool, Parameter(name="--json", negative=(), help="Print one JSON object and nothing else.")]
Workers = Annotated[int | None, Parameter(help="Threads; default is the processors at hand.")]

_WHOLE_WORDS: dict[str, Any] = {"break_long_words": False, "break_on_hyphens": False}


@app.command
def demo(folder: Path = Path("demo"), /, *, workers: Workers = None, json: Json = False) -> None:
    """Run the main job on the packaged real data: writes DIR/project.yml and DIR/out.

    Parameters
    ----------
    folder
        Where to write.
    """
    from soilloss.workflow.start import write_demo

    run(write_demo(folder), workers=workers, json=json)


@app.command
def new(folder: Path, /, *, like: str = "minimal") -> None:
    """Write a project file to start from.

    Parameters
    ----------
    folder
        Where to write project.yml.
    like
        Preset: minimal, rodopi, poyang, jiuyuangou, loess-plateau or mee2021.
    """
    from soilloss.workflow.start import new_project

    print(new_project(folder, like))


@app.command
def check(file: Path, /, *, set: Set = [], json: Json = False) -> None:  # noqa: B006  names and form of the command
    """Examine a project without computing: file, sources, units, scale, missing values, grid, plausible values.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.workflow.check import examine, refuse
    from soilloss.workflow.watch import count

    findings = examine(_site(file, set))
    if json:
        _print_json([finding._asdict() | {"kind": finding.kind.__name__} for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.level}: {finding.where}: {finding.message}")
        print(count(findings))
    if any(finding.level == "error" for finding in findings):
        refuse(findings)


@app.command
def plan(file: Path, /, *, set: Set = [], graph: Path | None = None, json: Json = False) -> None:  # noqa: B006
    """Show the steps of a project, where each is made, what is reused, and the memory and disk it takes.

    Parameters
    ----------
    file
        Project file.
    graph
        Draw the steps into this SVG file.
    """
    from soilloss.workflow.estimate import describe, draw

    described = describe(_site(file, set))
    if graph:
        graph.write_text(draw(described), encoding="utf-8")
    if json:
        _print_json(described)
        return
    width = min(120, get_terminal_size().columns)
    for step in described["steps"]:
        start, cite = f"{step['place']:10}{step['state']:8}", f"  [{step['citation']}]" if step["citation"] else ""
        print(fill(step["text"] + cite, width, initial_indent=start, subsequent_indent=" " * 19, **_WHOLE_WORDS))
    print(fill(described["words"], width, **_WHOLE_WORDS))


@app.command
def run(
    file: Path,
    /,
    *,
    set: Set = [],  # noqa: B006
    workers: Workers = None,
    memory: str = "4GB",
    cluster: str = "",
    json: Json = False,
) -> None:
    """Compute a project and publish maps, tables and the report.

    Parameters
    ----------
    file
        Project file.
    memory
        What flow routing may use, e.g. 500MB; a larger grid goes tile by tile.
    cluster
        Address of a dask scheduler for flow routing, e.g. tcp://10.0.0.1:8786.
    """
    from soilloss.workflow.run import execute
    from soilloss.workflow.stored import Limits
    from soilloss.workflow.watch import parse_size, watch

    limits = Limits(parse_size(memory), cluster)
    site = _site(file, set)
    with watch(quiet=json) as progress:
        done = execute(site, workers=workers, limits=limits, progress=progress)
    if json:
        from soilloss.workflow.record import read

        _print_json(
            {"folder": str(done.folder), "seconds": done.seconds, "made": done.made, "reused": done.reused}
            | {key: read(done.folder)[key] for key in ("total", "gaps", "findings")}
        )
        return
    for finding in done.findings:
        print(f"{finding.level}: {finding.where}: {finding.message}", file=sys.stderr)
    stored = f"{len(done.made)} stored steps made, {len(done.reused)} reused"
    print(f"done in {done.seconds:.1f} s ({stored})", file=sys.stderr)
    print(done.folder / "report.html")


@app.command
def compare(
    file: Path,
    /,
    *,
    vary: str = "",
    set: Set = [],  # noqa: B006
    workers: Workers = None,
    json: Json = False,
) -> None:
    """Run the alternatives of one or more factors on the project's area and show the spread, in compare/.

    Parameters
    ----------
    file
        Project file.
    vary
        Factors parted by commas, e.g. topography,erosivity; default all that have an alternative.
    """
    from soilloss.workflow.compare import run_comparison
    from soilloss.workflow.watch import watch

    names = [name.strip() for name in vary.split(",") if name.strip()] or None
    site = _site(file, set)
    with watch(quiet=json) as progress:
        found = run_comparison(site, names, workers=workers, progress=progress)
    if json:
        _print_json(found)
        return
    for factor in found["factors"]:
        share = "" if factor["share"] is None else f", {100 * factor['share']:.0f} % of the variance"
        print(f"{factor['variable']}: {len(factor['alternatives'])} methods, {factor['times']:.3g} times{share}")
        for line in factor["alternatives"]:
            mark = "*" if line["own"] else " "
            print(f" {mark} {line['method']:44} {line['mean']:10.4g} t/ha/yr  x {line['ratio'] or 0:.3g}")
    for one in found["left_out"]:
        print(f"left out: {one['variable']} {one['method']}: {one['reason']}", file=sys.stderr)
    print(Path(found["folder"]) / "index.html")


@app.command
def conformance(*, only: str = "", json: Json = False) -> None:
    """Check the worked values of published sources: pass or fail per method.

    Parameters
    ----------
    only
        Part of a method's name, e.g. erosivity or mccool_1987.
    """
    from soilloss.conformance import by_method
    from soilloss.conformance import check as run_values

    rows = run_values(only=only)
    if json:
        _print_json(rows.to_dict("records"))
    else:
        for method, (passed, count) in by_method(rows).items():
            print(f"{'pass' if passed == count else 'FAIL'}  {method}  {passed} of {count}")
        print(f"{list(rows['status']).count('pass')} of {len(rows)} worked values pass")
    if any(status != "pass" for status in rows["status"]):
        sys.exit(4)


@app.command
def terrain(
    dem: Path,
    /,
    *,
    out: Path,
    wanted: str = "",
    routing: str = "mfd",
    codes: str = "soilloss",
    nodata: float | None = None,
    outlets: Path | None = None,
    outlets_crs: str | None = None,
    snap: float = 0.0,
    streams: float | None = None,
    workers: Workers = None,
    memory: str = "4GB",
    json: Json = False,
) -> None:
    """Make terrain alone from heights: fill, directions, accumulation, LS, catchments, streams.

    Parameters
    ----------
    dem
        Raster of heights in m.
    out
        Folder to write.
    wanted
        Names of variables parted by commas, e.g. filled_elevation,topography; default all, listed for a wrong one.
    routing
        How flow divides: mfd, d8 or dinf; directions, catchments and streams are always d8.
    codes
        Codes of flow_direction: soilloss, esri, pyflwdir, ldd, taudem, grass, whitebox or pygeoprocessing.
    nodata
        Value of missing cells, if the raster does not say.
    outlets
        Gauges (CSV with station, x, y, or a point file): writes watersheds.gpkg, to be given as zones.
    outlets_crs
        CRS of x and y in a CSV; default longitude and latitude.
    snap
        Metres that a gauge may be moved, to the largest area draining through a cell.
    streams
        Least area in m2 that makes a stream, e.g. 1e6: writes streams.gpkg.
    memory
        What flow routing may use, e.g. 500MB; a larger grid goes tile by tile.
    """
    from soilloss.workflow.stored import Limits
    from soilloss.workflow.terrain import Task, make_terrain, names_of
    from soilloss.workflow.watch import parse_size, watch

    task = Task(dem, names_of(wanted), routing, codes, nodata, outlets, outlets_crs, snap, streams)
    with watch(quiet=json) as progress:
        made = make_terrain(task, out, workers=workers, limits=Limits(parse_size(memory)), progress=progress)
    if json:
        _print_json(made)
        return
    for one in made.get("watersheds", []):
        print(f"{one['station']}: {one['upstream_area_m2'] / 1e6:.6g} km2, moved {one['moved_m']:.0f} m")
    print(out)


@app.command
def report(file: Path, /, *, set: Set = []) -> None:  # noqa: B006
    """Write the HTML page of a finished run again.

    Parameters
    ----------
    file
        Project file, or the folder of a result.
    """
    from soilloss.publish.report import write_report
    from soilloss.workflow.record import read

    folder = file if file.is_dir() else _site(file, set).folder
    write_report(folder, read(folder))
    print(folder / "report.html")


@app.command
def verify(folder: Path, /, *, workers: Workers = None, json: Json = False) -> None:
    """Run a finished folder again from its record and prove that the results are equal.

    Parameters
    ----------
    folder
        Folder of a result.
    """
    from soilloss.workflow.record import verify as prove

    proofs = prove(folder, workers=workers)
    wrong = [proof for proof in proofs if not proof.equal]
    if json:
        _print_json({"equal": not wrong, "compared": [proof._asdict() for proof in proofs]})
    else:
        for proof in wrong:
            print(f"{proof.what}: {proof.detail}")
        print(f"{'equal' if not wrong else 'NOT equal'}: {len(proofs) - len(wrong)} of {len(proofs)} agree")
    if wrong:
        sys.exit(4)


@app.command
def cite(file: Path, /, *, set: Set = []) -> None:  # noqa: B006
    """Print the BibTeX of exactly the methods a project uses.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.publish.bibliography import bibtex
    from soilloss.workflow.record import citations

    print(bibtex(citations(_site(file, set).steps)))


@app.command
def methods(variable: str | None = None, name: str | None = None, /, *, json: Json = False) -> None:
    """Show what can be chosen: methods, formulas, units, citations.

    Parameters
    ----------
    variable
        Only methods that make this variable.
    name
        Only this method, in full.
    """
    from soilloss.workflow.catalogue import describe_methods, page

    found = describe_methods(variable, name)
    if json:
        _print_json(found)
    else:
        print(page(found, full=name is not None))


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; a user's mistake becomes one sentence and an exit code, never a traceback."""
    try:
        app(arguments, result_action="return_value")
    except SoilLossError as error:
        print(f"soilloss: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        print("\nsoilloss: stopped; earlier results are as they were, run again to go on", file=sys.stderr)
        sys.exit(130)
    except BrokenPipeError:
        sys.stderr.close()
        sys.exit(141)
    except ModuleNotFoundError as error:
        print(f"soilloss: {error.name} is not installed; install soilloss again", file=sys.stderr)
        sys.exit(MissingExtraError.exit_code)
    except OSError as error:
        print(f"soilloss: {_reason(error)}; check the path, the disk and permissions", file=sys.stderr)
        sys.exit(3)


def _reason(error: OSError) -> str:
    """What went wrong where; the raster library names only the last step and keeps the cause behind it."""
    cause: BaseException = error
    while cause.__cause__ is not None:
        cause = cause.__cause__
    return f"{error.filename}: {error.strerror}" if error.filename else error.strerror or str(cause)


def _site(file: Path, settings: list[str]) -> Any:
    from soilloss.workflow.site import open_site
    from soilloss.workflow.watch import parse_settings

    return open_site(file, parse_settings(settings))


def _print_json(data: Any) -> None:
    print(json.dumps(data, indent=1, default=str))


if __name__ == "__main__":
    main()
