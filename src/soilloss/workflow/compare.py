"""Compare methods on the user's own area: how far apart results lie, and which choice matters most.

Everything but the varied factors is the project's; stored steps are shared with its runs. Results go to ``compare/``
beside the project file.
"""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from soilloss.equation import spec_of
from soilloss.errors import ProjectError, SoilLossError, did_you_mean
from soilloss.publish.rasters import Draft
from soilloss.sources import files
from soilloss.variables import VARIABLES
from soilloss.workflow import folders, stored
from soilloss.workflow import project as projects
from soilloss.workflow.check import examine, refuse
from soilloss.workflow.factorial import SUMS, Combination, Counted, Factorial, correlations, variance_shares
from soilloss.workflow.methods import METHODS, defaults
from soilloss.workflow.site import Site, make_site, open_site

Progress = Callable[[str, int, int], None]
FOLDER, RESULT = "compare", "compare.json"
OWN = (RESULT, "index.html", "figures", "maps", "spread.csv", "variance.csv", "combinations.csv", "left_out.csv")
SOURCE = "given"
# L and S that were published for each other; LS by `length_times_steepness` is compared for each pair
PAIRS = (("mccool_1989", "mccool_1987"), ("liu_2000", "liu_1994"), ("mee_2021_length", "mee_2021_steepness"))
PRINTED = "_as_printed"
MEASURES = ("mean", "total_t", "area_ha", "ratio", "correlation")


class Alternative(NamedTuple):
    """One way to make a factor: what it is called, and the methods it sets."""

    name: str
    methods: dict[str, projects.Method]


class LeftOut(NamedTuple):
    """A method that could not be compared, and why."""

    variable: str
    method: str
    reason: str


def compare(
    path: Path | str, vary: Sequence[str] | None = None, *, workers: int | None = None, **overrides: Any
) -> pd.DataFrame:
    """Run the alternatives of one or more factors on a project's area and write the spread to ``compare/``.

    Parameters
    ----------
    path : path
        Project file.
    vary : sequence of str, optional
        Factors to vary, e.g. ``["topography", "erosivity"]``; default all that have an alternative.
    workers : int, optional
        Threads.
    **overrides
        Top-level keys of the project file to replace.

    Returns
    -------
    DataFrame
        A line per factor and method: mean and total soil loss, the ratio of its mean to that of the project's choice
        and the spatial correlation with it (both on the cells that all methods know).

    Raises
    ------
    ProjectError
        If a name is no factor of the model, or nothing is left to compare.
    """
    found = run_comparison(open_site(path, overrides), vary, workers=workers)
    return pd.read_csv(Path(found["folder"]) / "spread.csv")


def run_comparison(
    site: Site, vary: Sequence[str] | None = None, *, workers: int | None = None, progress: Progress | None = None
) -> dict[str, Any]:
    """Compare, write ``compare/`` and return what its ``compare.json`` holds, with the folder."""
    from soilloss.publish.comparison import write_comparison

    tell = progress or (lambda *_: None)
    folder = site.file.parent / FOLDER
    folders.claim(folder, OWN, mark=RESULT, key="the folder", result="comparison")
    with files.environment():
        try:
            refuse(examine(site))
            sites, names, left_out = _alternatives(site, vary)
            for one in [site, *(s for found in sites.values() for s in found)]:
                for item in stored.pending(one):
                    stage = f"{item.variable} {item.label}".strip()
                    stored.make(one, item, workers, lambda done, total, stage=stage: tell(stage, done, total))
            with folders.drafted(folder, OWN) as draft:
                result = _compute(site, sites, names, draft, workers, tell)
                result["left_out"] = [one._asdict() for one in left_out]
                _write(draft, result)
                write_comparison(draft)
        finally:
            files.close_all()
    return {**result, "folder": str(folder)}


def factors_of(site: Site) -> tuple[str, ...]:
    """The factors that the project's model multiplies."""
    return next(step.inputs for step in site.steps if step.variable == "soil_loss")


def _alternatives(
    site: Site, vary: Sequence[str] | None
) -> tuple[dict[str, list[Site]], dict[str, list[str]], list[LeftOut]]:
    """For each factor the project with each of its methods, its own first; their names; and what was left out."""
    known = factors_of(site)
    for name in vary or ():
        if name not in known:
            raise ProjectError(
                f"--vary {name!r} is not a factor of {site.project.model}{did_you_mean(name, known)} "
                f"(factors: {', '.join(known)})"
            )
    sites: dict[str, list[Site]] = {}
    names: dict[str, list[str]] = {}
    left_out: list[LeftOut] = []
    for factor in known if vary is None else dict.fromkeys(vary):
        sites[factor], names[factor] = [site], [_own_name(site, factor)]
        for one in _ways(site, factor, left_out):
            try:
                sites[factor].append(_with(site, factor, one))
                names[factor].append(one.name)
            except SoilLossError as problem:
                left_out.append(LeftOut(factor, one.name, _short(problem, factor)))
    single = [factor for factor, found in sites.items() if len(found) < 2]
    if len(single) == len(sites):
        reasons = "; ".join(f"{one.method}: {one.reason}" for one in left_out[:4])
        raise ProjectError(f"there is no second method for {', '.join(single)} with the project's data ({reasons})")
    return {f: s for f, s in sites.items() if f not in single}, names, left_out


def _own_name(site: Site, factor: str) -> str:
    step = next(s for s in site.steps if s.variable == factor)
    if step.method == "length_times_steepness":
        made = {s.variable: s.method for s in site.steps}
        return _pair_name(made["slope_length_factor"], made["slope_steepness_factor"])
    return SOURCE if step.function is None else step.method


def _pair_name(length: str, steepness: str) -> str:
    return f"{length} x {steepness}"


def _ways(site: Site, factor: str, left_out: list[LeftOut]) -> list[Alternative]:
    """The methods of a factor beside the project's own; those that cannot be meant are left out with a reason."""
    own = _own_name(site, factor)
    usual = dict(defaults(site.project.model).get(factor, []))
    ways: list[Alternative] = []
    for name, function in METHODS.get(factor, {}).items():
        if name == own:
            continue
        missing = [k for k, v in spec_of(function).coefficients.items() if v is inspect.Parameter.empty]
        if name.endswith(PRINTED):
            left_out.append(LeftOut(factor, name, "repeats what a study printed, not what its source says"))
        elif missing:
            left_out.append(
                LeftOut(factor, name, f"{missing[0]} has no published value; the project would have to give it")
            )
        elif name == "length_times_steepness":
            ways += [_pair(length, steepness) for length, steepness in PAIRS if _pair_name(length, steepness) != own]
        else:
            ways.append(Alternative(name, {factor: projects.Method(name=name, coefficients=usual.get(name, {}))}))
    return ways


def _pair(length: str, steepness: str) -> Alternative:
    chosen = {
        "topography": "length_times_steepness",
        "slope_length_factor": length,
        "slope_steepness_factor": steepness,
    }
    return Alternative(_pair_name(length, steepness), {k: projects.Method(name=v) for k, v in chosen.items()})


def _with(site: Site, factor: str, one: Alternative) -> Site:
    """The project with another way to a factor; a source of the factor gives way."""
    sources = {name: source for name, source in site.project.sources.items() if name not in one.methods}
    methods = {**site.project.methods, **one.methods}
    return make_site(site.project.model_copy(update={"sources": sources, "methods": methods}), site.file)


def _short(problem: SoilLossError, factor: str) -> str:
    """What a method asks for and does not get, or the first half of another sentence."""
    said = str(problem).partition(", but")[0].partition("; ")[0]
    missing, _, chain = said.partition(" is needed by ")
    links = [missing, *(link.partition(" ")[0] for link in chain.split(" <- "))]
    return f"needs {links[links.index(factor) - 1]}" if factor in links[1:] else said.partition(": ")[2] or said


def _compute(
    site: Site,
    sites: dict[str, list[Site]],
    names: dict[str, list[str]],
    draft: Path,
    workers: int | None,
    tell: Progress,
) -> dict[str, Any]:
    maps: dict[Combination, Path] = {}
    own = tuple(0 for _ in sites)
    for f, factor in enumerate(sites):
        for i in range(1, len(sites[factor])):
            stem = f"{factor}-{names[factor][i].replace(' ', '')}"
            maps[(*own[:f], i, *own[f + 1 :])] = Path("maps") / f"{stem}.tif"
    maps[own] = Path("maps") / "project.tif"
    drafts = {combination: _draft(site, draft / path) for combination, path in maps.items()}
    try:
        work = Factorial(site, sites, drafts)
        counted = work.run(workers, lambda done, total: tell("comparing", done, total))
        for one in drafts.values():
            one.finish(overviews=False)
    except BaseException:
        for one in drafts.values():
            one.discard()
        raise
    if not counted.cells:
        raise ProjectError("the methods have no cell in common; vary fewer factors, and check the gaps of each (run)")
    return _result(site, work, counted, {f: names[f] for f in sites}, maps)


def _draft(site: Site, path: Path) -> Draft:
    tags = {
        "variable": "soil_loss",
        "long_name": VARIABLES["soil_loss"].meaning,
        "unit": "t ha-1 yr-1",
        "period": "mean",
    }
    return Draft(path, site.grid, dtype="float32", nodata=np.nan, tags=tags)


def _result(
    site: Site, work: Factorial, counted: Counted, names: dict[str, list[str]], maps: dict[Combination, Path]
) -> dict[str, Any]:
    measured = _measure(counted)
    shares, interplay = variance_shares([one["mean_log"] for one in measured], work.combinations, work.full)
    factors = []
    for f, (factor, known) in enumerate(names.items()):
        lines = []
        for i, name in enumerate(known):
            combination = tuple(i if g == f else 0 for g in range(len(names)))
            found = measured[work.combinations.index(combination)]
            kept = {key: _number(found[key]) for key in MEASURES}
            lines.append({"method": name, "own": i == 0, **kept, "map": maps[combination].as_posix()})
        ratios = [line["ratio"] for line in lines if line["ratio"]]
        times = max(ratios) / min(ratios) if ratios else None
        factors.append({"variable": factor, "times": times, "share": _number(shares[f]), "alternatives": lines})
    return {
        "name": site.project.name,
        "model": site.project.model,
        "file": site.file.name,
        "design": "full factorial" if work.full else "one at a time",
        "cells": counted.cells,
        "positive_cells": counted.positive,
        "interplay": _number(interplay),
        "factors": factors,
        "combinations": [
            {
                **{factor: names[factor][i] for factor, i in zip(names, combination, strict=True)},
                **{key: _number(found[key]) for key in ("ratio", "mean_log")},
            }
            for combination, found in zip(work.combinations, measured, strict=True)
        ],
    }


def _measure(counted: Counted) -> list[dict[str, float]]:
    """What is said of each combination; the first is the one to compare with."""
    sums = {name: counted.sums[:, i] for i, name in enumerate(SUMS)}
    with np.errstate(all="ignore"):
        columns = {
            "mean": sums["mass"] / sums["area"],
            "total_t": sums["mass"],
            "area_ha": sums["area"],
            "ratio": sums["common_mass"] / sums["common_mass"][0],
            "correlation": correlations(counted),
            "mean_log": sums["log"] / np.float64(counted.positive),
        }
    return [dict(zip(columns, map(float, row), strict=True)) for row in zip(*columns.values(), strict=True)]


def _write(folder: Path, result: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / RESULT).write_text(json.dumps(result, indent=1, allow_nan=False), encoding="utf-8")
    spread = [
        (
            *(factor["variable"], line["method"], "yes" if line["own"] else "no"),
            *(line[key] for key in MEASURES),
        )
        for factor in result["factors"]
        for line in factor["alternatives"]
    ]
    columns = ["factor", "method", "chosen by the project", "mean soil loss [t ha-1 yr-1]", "total soil loss [t yr-1]"]
    columns += ["area with a value [ha]", "ratio of means", "correlation"]
    pd.DataFrame(spread, columns=columns).to_csv(folder / "spread.csv", index=False)
    variance = [(f["variable"], len(f["alternatives"]), f["times"], f["share"]) for f in result["factors"]]
    columns = ["factor", "methods", "highest to lowest mean", "share of the variance of mean log soil loss"]
    pd.DataFrame(variance, columns=columns).to_csv(folder / "variance.csv", index=False)
    pd.DataFrame(result["combinations"]).to_csv(folder / "combinations.csv", index=False)
    pd.DataFrame(result["left_out"], columns=LeftOut._fields).to_csv(folder / "left_out.csv", index=False)


def _number(value: Any) -> float | None:
    number = float(value)
    return float(f"{number:.9g}") if math.isfinite(number) else None
