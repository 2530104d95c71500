"""Verbs of a project: write, check, plan, run, compare; and of its finished folder: report, verify, cite."""

from __future__ import annotations

import sys
from pathlib import Path
from shutil import get_terminal_size
from textwrap import fill
from typing import Any

from soilloss.cli.common import Json, Set, Workers, app, open_fetched, open_project, print_json

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
        Preset: minimal, rodopi, poyang, jiuyuangou, loess-plateau, mee2021, or landcover-demo (with its data).
    """
    from soilloss.workflow.start import advice, new_project, presets

    file = new_project(folder, like)
    print(file)
    if like in presets():
        print(advice(file), file=sys.stderr)


@app.command
def check(file: Path, /, *, set: Set = [], json: Json = False) -> None:  # noqa: B006  names and form of the command
    """Examine a project without computing: file, sources, units, scale, missing values, grid, plausible values.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.workflow.check import examine, refuse
    from soilloss.workflow.variants import examine_variants
    from soilloss.workflow.watch import count

    site = open_project(file, set)
    findings = [*examine(site), *examine_variants(site)]
    if json:
        print_json([finding._asdict() | {"kind": finding.kind.__name__} for finding in findings])
    else:
        for finding in findings:
            print(f"{finding.level}: {finding.where}: {finding.message}")
        print(count(findings))
    if any(finding.level == "error" for finding in findings):
        refuse(findings)


@app.command
def plan(
    file: Path,
    /,
    *,
    set: Set = [],  # noqa: B006
    graph: Path | None = None,
    workers: Workers = None,
    memory: str = "4GB",
    json: Json = False,
) -> None:
    """Show the steps of a project, where each is made, what is reused, and the memory and disk it takes.

    Parameters
    ----------
    file
        Project file.
    graph
        Draw the steps into this SVG file.
    memory
        What flow routing may use, as in run.
    """
    from soilloss.cli.data import tell_missing
    from soilloss.workflow.estimate import describe, draw
    from soilloss.workflow.stored import Limits
    from soilloss.workflow.watch import parse_size

    if tell_missing(file, set, json):
        return
    described = describe(open_project(file, set), Limits(parse_size(memory)), workers)
    if graph:
        graph.write_text(draw(described), encoding="utf-8")
    if json:
        print_json(described)
        return
    width = min(120, get_terminal_size().columns)
    for step in described["steps"]:
        start, cite = f"{step['place']:10}{step['state']:8}", f"  [{step['citation']}]" if step["citation"] else ""
        print(fill(step["text"] + cite, width, initial_indent=start, subsequent_indent=" " * 19, **_WHOLE_WORDS))
    for asked in described["analyses"]:
        text = f"{asked['name']}({', '.join(asked['reads'])}) -> {', '.join([*asked['rasters'], 'tables'])}"
        print(fill(text, width, initial_indent=f"{'analysis':18} ", subsequent_indent=" " * 19, **_WHOLE_WORDS))
    print(fill(described["words"], width, **_WHOLE_WORDS))


@app.command
def run(
    file: Path,
    /,
    *,
    variant: str = "",
    set: Set = [],  # noqa: B006
    workers: Workers = None,
    memory: str = "4GB",
    cluster: str = "",
    json: Json = False,
) -> None:
    """Compute a project and its variants, and publish maps, tables and the report.

    Parameters
    ----------
    file
        Project file.
    variant
        Only this variant of the project.
    memory
        What flow routing may use, e.g. 500MB; a larger grid goes tile by tile.
    cluster
        Address of a dask scheduler, e.g. tcp://10.0.0.1:8786: its workers route flow and compute the maps.
    """
    from soilloss.workflow.stored import Limits
    from soilloss.workflow.variants import execute_all
    from soilloss.workflow.watch import parse_size, watch

    limits = Limits(parse_size(memory), cluster)
    with watch(quiet=json) as progress:
        # workers have a folder of their own
        site = open_fetched(file.absolute() if cluster else file, set, progress)
        done, *others = execute_all(site, variant, workers=workers, limits=limits, progress=progress)
    if json:
        from soilloss.workflow.record import read

        print_json(
            {"folder": str(done.folder), "seconds": done.seconds, "made": done.made, "reused": done.reused}
            | {key: read(done.folder)[key] for key in ("total", "gaps", "findings")}
        )
        return
    for finding in done.findings:
        print(f"{finding.level}: {finding.where}: {finding.message}", file=sys.stderr)
    made, reused = (sum(len(getattr(one, key)) for one in (done, *others)) for key in ("made", "reused"))
    seconds = sum(one.seconds for one in (done, *others))
    variants = f", {len(others)} variant{'s'[: len(others) != 1]}" if others else ""
    stored = f"{made} stored steps made, {reused} reused{variants}"
    print(f"done in {seconds:.1f} s ({stored})", file=sys.stderr)
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
    with watch(quiet=json) as progress:
        site = open_fetched(file, set, progress)
        found = run_comparison(site, names, workers=workers, progress=progress)
    if json:
        print_json(found)
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
def report(file: Path, /, *, set: Set = []) -> None:  # noqa: B006
    """Write the HTML page of a finished run again.

    Parameters
    ----------
    file
        Project file, or the folder of a result.
    """
    from soilloss.publish.report import write_report
    from soilloss.workflow.record import read

    folder = file if file.is_dir() else open_project(file, set).folder
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
        print_json({"equal": not wrong, "compared": [proof._asdict() for proof in proofs]})
    else:
        for proof in wrong:
            print(f"{proof.what}: {proof.detail}")
        print(f"{'equal' if not wrong else 'NOT equal'}: {len(proofs) - len(wrong)} of {len(proofs)} agree")
    if wrong:
        sys.exit(4)


@app.command
def cite(file: Path, /, *, set: Set = []) -> None:  # noqa: B006
    """Print the BibTeX of exactly the methods a project uses, and the citations of data it has fetched.

    Parameters
    ----------
    file
        Project file.
    """
    from soilloss.publish.bibliography import bibtex
    from soilloss.workflow.analyses import sweep
    from soilloss.workflow.record import citations

    site = open_project(file, set)
    print(bibtex(dict.fromkeys([*citations(site.steps), *sweep.citations(site)])))
    for line in dict.fromkeys(note["citation"] for note in site.fetched):
        print(f"% data: {line}")
