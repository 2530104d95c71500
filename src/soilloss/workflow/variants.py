"""The same project again with something changed: other land cover, more rain, other methods, another step.

A variant is a named set of overrides; all share the store, so that only what changes is computed again. Results go to
``variants/NAME`` in the project's output folder; what differs from the project is put together there (`versus`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from soilloss.errors import ProjectError, SoilLossError, did_you_mean
from soilloss.sources import files
from soilloss.workflow import project as projects
from soilloss.workflow import stored, versus
from soilloss.workflow.changes import LAND_COVER, rules_table
from soilloss.workflow.check import Finding, examine, refuse
from soilloss.workflow.project import Constant, Project
from soilloss.workflow.run import Outcome, Progress, execute, silent
from soilloss.workflow.site import Site, make_site

FOLDER = "variants"
CHANGES = ("rules", "becomes", "donor")
SCENARIO = "scenario"
# what converted land takes from its new neighbours: the state of plants, else the factor itself where it is a map
VEGETATION = ("fractional_cover", "ndvi")
COVER = ("cover", "biological")
FOLLOWING = (*COVER, "practice", "engineering", "tillage")
# what of a period no longer holds where a variant names others
INSTEAD = {"start": {"listed"}, "end": {"listed"}, "years": {"start", "end", "listed"}}


def execute_all(
    site: Site,
    only: str = "",
    *,
    workers: int | None = None,
    limits: stored.Limits = stored.USUAL,
    progress: Progress = silent,
) -> list[Outcome]:
    """Run a project and its variants, or one variant only, and put what differs into the project's result.

    Each result is whole when it takes its place: after a crash, what was finished stays, and stored steps are reused.

    Raises
    ------
    ProjectError
        If there is no variant of that name, or one cannot mean anything.
    """
    refuse(examine_variants(site))
    known = overrides_of(site)
    if only and only not in known:
        raise ProjectError(
            f"there is no variant {only!r}{did_you_mean(only, known)} (variants: {', '.join(known) or 'none'})"
        )
    outcomes = [] if only else [execute(site, workers=workers, limits=limits, progress=progress)]
    for name in [only] if only else known:
        told = _named(name, progress)
        outcomes.append(execute(variant_site(site, name), workers=workers, limits=limits, progress=told))
    finished = {name: one for name in known if (one := variant_site(site, name).folder / "record.json").is_file()}
    if finished and (site.folder / "record.json").is_file():
        with files.environment():
            try:
                versus.write(site, {name: variant_site(site, name) for name in finished}, workers)
            finally:
                files.close_all()
    return outcomes


def variant_site(site: Site, name: str) -> Site:
    """The site of a variant, open; nothing is computed."""
    return make_site(variant(site.project, name, overrides_of(site)[name]), site.file)


def overrides_of(site: Site) -> dict[str, dict[str, Any]]:
    """The overrides of each variant of a project; its scenario is one of them.

    Raises
    ------
    ProjectError
        If the project gives no land cover for its scenario, or there is a variant of that name.
    """
    project, wanted = site.project, site.project.analysis.scenario
    if wanted is None:
        return project.variants
    if SCENARIO in project.variants:
        raise ProjectError(f"variants.{SCENARIO}: analysis.scenario makes a variant of that name; take another")
    if LAND_COVER not in project.sources:
        raise ProjectError(f"analysis.{SCENARIO}: needs land_cover, but the project gives none; add it under 'sources'")
    rules: Any = wanted.rules
    if not wanted.grass_to_forest:
        lines = rules_table(rules, site.data).fillna("").astype(str).to_dict("records")
        kept = [line for line in lines if (line["from"], line["to"]) != ("grassland", "forest")]
        rules = [{str(key): value for key, value in line.items() if value} for line in kept]
    donors = _donors(site) if wanted.donors is None else wanted.donors
    if LAND_COVER in donors:
        raise ProjectError(
            f"analysis.{SCENARIO}.donors: the rules change land_cover; name what follows it, such as ndvi"
        )
    sources: dict[str, Any] = {LAND_COVER: {"rules": rules}, **{name: {"donor": LAND_COVER} for name in donors}}
    if project.period is None:
        return {**project.variants, SCENARIO: {"sources": sources}}
    years = project.period.years
    year = wanted.year or years[-1]
    if year not in years:
        raise ProjectError(f"analysis.{SCENARIO}.year: {year} is not in the period {years[0]} to {years[-1]}")
    sources[LAND_COVER]["years"] = list(years)
    return {**project.variants, SCENARIO: {"sources": sources, "period": {"years": [year]}}}


def _donors(site: Site) -> list[str]:
    """What follows land cover in a scenario: what cover is made from, and factors that are maps of their own."""
    made = {step.variable: step for step in site.steps}
    vegetation = next((name for name in VEGETATION if name in made), None)
    factors = next(step.inputs for step in site.steps if step.variable == "soil_loss")
    own = [name for name in factors if name in FOLLOWING and _is_map(site, name)]
    return [*([vegetation] if vegetation and not set(own) & set(COVER) else []), *own]


def _is_map(site: Site, name: str) -> bool:
    """Whether a variable comes from outside and differs from place to place."""
    return name in site.project.sources and not isinstance(site.project.sources[name], Constant)


def variant(project: Project, name: str, given: dict[str, Any]) -> Project:
    """The project with the overrides of one of its variants.

    Only summary and severity are taken over of its analyses.

    Raises
    ------
    ProjectError
        If the overrides name what is not there.
    """
    data = project.model_dump(mode="json")
    del data["variants"]
    data["analysis"] = {"severity": data["analysis"]["severity"]}
    data["name"] = f"{project.name}: {name}"
    where = f"variants.{name}"
    for key, value in given.items():
        if key in ("sources", "methods"):
            if not isinstance(value, Mapping):
                raise ProjectError(f"{where}.{key}: expected a mapping of variables, got {value!r}")
            for variable, change in cast("Mapping[str, Any]", value).items():
                _override(data, key, variable, change, f"{where}.{key}.{variable}")
        elif key in ("period", "publish") and isinstance(value, Mapping) and isinstance(data.get(key), dict):
            gone = set().union(*(INSTEAD.get(given, ()) for given in value))
            data[key] = {name: one for name, one in data[key].items() if name not in gone} | dict(value)
        elif key == "variants":
            raise ProjectError(f"{where}: a variant has no variants of its own; list it beside the others")
        else:
            data[key] = value
    if "period" in given and "publish" not in given:
        data["publish"]["factors"] = []  # years that the variant may not have
    data["publish"]["folder"] = f"{project.publish.folder}/{FOLDER}/{name}"
    _follow_land_cover(data, project.model_dump(mode="json")["sources"].get(LAND_COVER), where)
    return projects.validate(data, where)


def examine_variants(site: Site) -> list[Finding]:
    """What is to be said about the variants beyond what holds for the project itself."""
    try:
        known = overrides_of(site)
    except SoilLossError as problem:
        return [Finding("error", "variants", str(problem), type(problem))]
    if not known:
        return []
    said = {(finding.where, finding.message) for finding in examine(site)}
    findings: list[Finding] = []
    for name in known:
        try:
            found = examine(variant_site(site, name))
        except SoilLossError as problem:
            findings.append(Finding("error", f"variants.{name}", str(problem), type(problem)))
            continue
        new = [one for one in found if (one.where, one.message) not in said]
        findings += [one._replace(where=f"variants.{name}: {one.where}") for one in new]
    return findings


def _named(name: str, progress: Progress) -> Progress:
    return lambda stage, done, total: progress(f"{name}: {stage}", done, total)


def _override(data: dict[str, Any], key: str, variable: str, change: Any, where: str) -> None:
    """Put another source or method in the place of what makes a variable."""
    source, method = data["sources"].pop(variable, None), data["methods"].pop(variable, None)
    if key == "methods":
        nameless = isinstance(change, Mapping) and "name" not in change
        data["methods"][variable] = {**(method or {}), **change} if nameless else change
        return
    if change is None:
        return
    if isinstance(change, Mapping):
        change = dict(cast("Mapping[str, Any]", change))
        if set(change) == {"times"}:
            if source is None:
                raise ProjectError(
                    f"{where}: times changes a source, but the project gives none for {variable}; change what it is "
                    "made from"
                )
            if not isinstance(change["times"], int | float):
                raise ProjectError(f"{where}: times is {change['times']!r}, expected a number such as 1.1")
            change = {**source, "times": change["times"] * source.get("times", 1)}
        elif any(change.get(way) is not None for way in CHANGES) and "source" not in change and "method" not in change:
            change |= {"source": source, "method": method}
    data["sources"][variable] = change


def _follow_land_cover(data: dict[str, Any], before: Any, where: str) -> None:
    """Tell the sources that follow land cover what it was before."""
    for variable, source in data["sources"].items():
        if isinstance(source, dict) and source.get("donor") and source.get("land_cover") is None:
            if before is None:
                raise ProjectError(
                    f"{where}.sources.{variable}: donor follows land_cover, but the project gives none; give it under "
                    "'sources'"
                )
            source["land_cover"] = before
