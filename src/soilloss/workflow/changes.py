"""Sources that are changed in some places: by a decision table, inside polygons, or where land cover changed.

What is changed is computed as the project would without the change; the result is stored like a surface, under a key
of all it was made from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

import soilloss
from soilloss import tables
from soilloss.analysis import scenario
from soilloss.errors import DataError, ProjectError, SourceError, did_you_mean
from soilloss.grid import zones
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.grid.target import cell_size
from soilloss.sources import vectors
from soilloss.variables import VARIABLES
from soilloss.workflow import block
from soilloss.workflow.kept import Stored, enter_stored, grid_key
from soilloss.workflow.project import Changed, Method, Period, Project, Source
from soilloss.workflow.store import key_of

if TYPE_CHECKING:
    from soilloss.workflow.site import Site

LAND_COVER = "land_cover"
RAIN = "annual_precipitation"
# the variables that the conditions of a decision table ask for, in the order of its columns
CONDITIONS = (RAIN, "elevation", "slope", "silt")
PACKAGED = "scenario_"

Part = tuple[Window, np.ndarray]


def in_order(sources: Mapping[str, Source]) -> list[tuple[str, Source]]:
    """The sources in the order they can be entered: those that follow land cover come last."""
    return sorted(sources.items(), key=lambda item: item[0] in donors(sources))


def donors(sources: Mapping[str, Source]) -> list[str]:
    """Names of the sources that change where land cover does."""
    return [name for name, source in sources.items() if isinstance(source, Changed) and source.donor]


def rules_table(rules: str | list[dict[str, Any]], data: Path) -> pd.DataFrame:
    """Return a decision table: lines, a CSV file, or a packaged table such as ``loess_plateau``.

    Raises
    ------
    SourceError
        If the file cannot be read.
    DataError
        If a line has an unknown key, or there is no such packaged table.
    """
    columns = ["from", "to", *scenario.CONDITIONS, "note"]
    if isinstance(rules, list):
        for number, line in enumerate(rules, 1):
            for key in line:
                if key not in columns:
                    raise DataError(
                        f"line {number} of the rules: unknown column {key!r}{did_you_mean(key, columns)} "
                        f"(known: {', '.join(columns)})"
                    )
        return pd.DataFrame(rules, columns=pd.Index(columns))
    if not rules.endswith(".csv"):
        known = [name.removeprefix(PACKAGED) for name in tables.names() if name.startswith(PACKAGED)]
        if rules not in known:
            raise DataError(
                f"rules {rules!r} is no packaged decision table{did_you_mean(rules, known)} (packaged: "
                f"{', '.join(known)}); give a file that ends in .csv, or lines"
            )
        return tables.read(PACKAGED + rules)
    try:
        return pd.read_csv(data / rules, encoding="utf-8-sig")
    except (OSError, ValueError) as error:
        raise SourceError(f"the decision table {data / rules} cannot be read ({error}); expected CSV") from None


def enter(site: Site, name: str, source: Changed) -> None:
    """Enter a changed source: the rasters that the store will hold, under a key of all they are made from."""
    if VARIABLES[name].axis:
        raise ProjectError(
            f"sources.{name}: has an axis of its own ({VARIABLES[name].axis}), so it cannot be changed in places; "
            "change what is made of it"
        )
    if source.becomes is not None:
        _value(name, source.becomes)
    former = _former(site, name)
    parts = [former.keys[step.variable] for step in former.steps if step.variable in _wanted(site, name)]
    if source.donor:
        parts += [site.keys[LAND_COVER], _file_key(site, site.project.zones.file if site.project.zones else None)]
        parts += [site.area.wkt if site.area else ""]
    if source.rules is not None:
        _check_rules(name)
        table = rules_table(source.rules, site.data)
        scenario.read_rules(table)
        rain = _rain(site, former, source)
        parts += [table.to_csv(), rain.keys[RAIN] if rain else ""]
    about = (source.becomes, _file_key(site, source.inside), former.project.steps)
    key = key_of(soilloss.__version__, name, about, parts, grid_key(site.grid))
    asked = [name, LAND_COVER] if source.donor else [name]
    changing = not _work(former, asked, site.project.steps).changing.isdisjoint(asked)
    changing = changing or (bool(source.donor) and LAND_COVER in site.changing)
    enter_stored(site, name, key, "donor" if source.donor else "changed", site.project.steps if changing else [""])


def make(site: Site, item: Stored, blocks: list[Window], workers: int | None) -> Iterator[Part]:
    """Make the cells of a changed source, for one time step."""
    from soilloss.workflow import stored

    former = _former(site, item.variable)
    source = site.project.sources[item.variable]
    assert isinstance(source, Changed)
    rain = _rain(site, former, source)
    for of in filter(None, (former, rain)):
        for needed in stored.pending(of):
            stored.make(of, needed, workers, lambda _done, _total: None)
    inside = _inside(site, source.inside)
    label = item.label or former.project.steps[0]
    one = (
        _donor(site, former, item.variable, label, workers)
        if source.donor
        else _place(site, former, rain, source, item)
    )

    def cells(window: Window) -> np.ndarray:
        before, after = one(window)
        return np.where(inside(window), after, before).astype(np.float32)

    return run_blocks(cells, blocks, workers)


def _check_rules(name: str) -> None:
    if name != LAND_COVER:
        raise ProjectError(
            f"sources.{name}: rules change land_cover only; give 'inside' and 'becomes', or 'donor: land_cover'"
        )


def _former(site: Site, name: str) -> Site:
    """The project without its changes, asked for what the change of a source needs."""
    from soilloss.workflow.site import make_site

    project = site.project
    sources = {key: one for key, one in project.sources.items() if not isinstance(one, Changed)}
    methods = dict(project.methods)
    for key, one in project.sources.items():
        if isinstance(one, Changed) and one.source is not None:
            sources[key] = one.source
        elif isinstance(one, Changed) and one.method is not None:
            methods[key] = Method.model_validate(one.method)
        if isinstance(one, Changed) and one.land_cover is not None:
            sources[LAND_COVER] = one.land_cover
    plain: Project = project.model_copy(update={"sources": sources, "methods": methods})
    return make_site(plain, site.file, _wanted(site, name))


def _wanted(site: Site, name: str) -> list[str]:
    """What a change asks for: what is changed, and what its conditions are about but for rain."""
    source = site.project.sources[name]
    assert isinstance(source, Changed)
    return [name, LAND_COVER] if source.donor else [name, *(one for one in _conditions(site, source) if one != RAIN)]


def _conditions(site: Site, source: Changed) -> list[str]:
    """The variables that the rules of a change ask for."""
    if source.rules is None:
        return []
    given = rules_table(source.rules, site.data)
    used = zip(CONDITIONS, scenario.CONDITIONS, strict=True)
    empty = given.isna().all()
    return [variable for variable, column in used if column in given and not bool(empty[column])]


def _rain(site: Site, former: Site, source: Changed) -> Site | None:
    """The project asked for the rain of years, if the rules do: what land can carry depends on many of them."""
    from soilloss.workflow.site import make_site, plan_of

    if RAIN not in _conditions(site, source):
        return None
    project = former.project
    if project.period:
        period = Period(listed=source.years or list(project.period.years), step="year")
        project = project.model_copy(update={"period": period})
    used = {step.variable for step in plan_of(project, [RAIN])} | {project.grid.like}
    sources = {name: one for name, one in project.sources.items() if name in used}
    return make_site(project.model_copy(update={"sources": sources}), site.file, [RAIN])


def _work(site: Site, want: list[str], labels: tuple[str, ...]) -> block.Work:
    return block.make_work(site.steps, want, site.read, site.shape, cell_size(site.grid), labels, site.changing)


def _file_key(site: Site, path: str | None) -> str:
    return site.store.file_hash(site.data / path) if path else ""


def _values(work: block.Work, window: Window, names: list[str]) -> Iterator[list[np.ndarray]]:
    """Cells of some variables in each step of the work."""
    rows, columns = (s.stop - s.start for s in window)
    for _, values in block.evaluate(work, window):
        yield [block.full(values[name], (rows, columns), name) for name in names]


def _inside(site: Site, path: str | None) -> Callable[[Window], Any]:
    if path is None:
        return lambda _: True
    shape, crs = vectors.read_area(site.data / path)
    area = vectors.reproject(shape, crs, site.wkt)
    return lambda window: zones.inside(area, site.grid, window)


def _place(
    site: Site, former: Site, of_years: Site | None, source: Changed, item: Stored
) -> Callable[[Window], tuple[np.ndarray, Any]]:
    """Cells before and after, where the change is by rules or to one value."""
    name, label = item.variable, item.label or former.project.steps[0]
    work = _work(former, [name], (label,))
    if source.rules is None:
        value = _value(name, source.becomes)
        return lambda window: (next(_values(work, window, [name]))[0], value)
    table = rules_table(source.rules, site.data)
    names = _wanted(site, name)[1:]
    others = _work(former, names, (label,))
    rain = of_years and _work(of_years, [RAIN], of_years.project.steps)

    def by_rules(window: Window) -> tuple[np.ndarray, np.ndarray]:
        (codes,) = next(_values(work, window, [name]))
        found = dict(zip(names, next(_values(others, window, names)), strict=True)) if names else {}
        if rain:
            found[RAIN] = np.mean([cells for (cells,) in _values(rain, window, [RAIN])], axis=0)
        conditions = (found.get(one, np.float32(0)) for one in CONDITIONS)
        after = scenario.suitable_land_cover(codes, *conditions, table=table)["land_cover"]
        return codes, np.where(after > 0, after, np.float32(np.nan))

    return by_rules


def _value(name: str, becomes: Any) -> np.float32:
    """A number, or the code of a land-cover class."""
    if isinstance(becomes, str) and name == LAND_COVER:
        legend = tables.read(LAND_COVER)
        known = dict(zip(legend["name"], legend["code"].tolist(), strict=True))
        if becomes in known:
            return np.float32(known[becomes])
        raise ProjectError(
            f"sources.land_cover: becomes {becomes!r} is not a land-cover class{did_you_mean(becomes, known)} "
            f"(known: {', '.join(known)})"
        )
    if isinstance(becomes, str):
        raise ProjectError(f"sources.{name}: becomes {becomes!r}, expected a number")
    return np.float32(becomes)


def _donor(site: Site, former: Site, name: str, label: str, workers: int | None) -> Callable[[Window], Any]:
    """Cells before and after, where converted cells take the mean of those that had their class already."""
    work = _work(former, [name, LAND_COVER], (label,))
    zone_of, count = _zones(site)

    def parts(window: Window) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        values, codes = next(_values(work, window, [name, LAND_COVER]))
        rows, columns = values.shape
        after = block.full(site.read(LAND_COVER, label, window), (rows, columns), LAND_COVER)
        return values, codes, after

    def sums(window: Window) -> np.ndarray:
        values, codes, after = parts(window)
        use = zones.inside(site.area, site.grid, window) if site.area is not None else np.ones(values.shape, bool)
        new, zone = use & (after > 0) & (after != codes), zone_of(window)
        given = scenario.donor_sums(values[use], codes[use], zone[use], count)
        return np.concatenate([given, scenario.donor_sums(after[new], after[new], zone[new], count)[:1]])

    found = {(w[0].start, w[1].start): part for w, part in run_blocks(sums, windows(site.shape, 512), workers)}
    *given, wanted = np.sum([found[key] for key in sorted(found)], axis=0)
    _check_donors(site, name, label, given[0].sum(axis=0), wanted.sum(axis=0))
    means = scenario.donor_means(np.stack(given))

    def cells(window: Window) -> tuple[np.ndarray, np.ndarray]:
        values, codes, after = parts(window)
        return values, scenario.with_donors(values, codes, after, zone_of(window), means)

    return cells


def _check_donors(site: Site, name: str, label: str, given: np.ndarray, wanted: np.ndarray) -> None:
    """Refuse a class that land becomes and no cell has; without erosion it needs none, and a step may miss all."""
    legend = tables.read(LAND_COVER).set_index("code")["name"].to_dict()
    lacking = [legend.get(code, f"class {code}") for code in np.flatnonzero((wanted > 0) & (given == 0)).tolist()]
    lacking = [one for one in lacking if one not in site.project.zero_classes]
    if lacking and given.any():
        raise DataError(
            f"sources.{name}: land becomes {lacking[0]}, but no cell that is so already has {name}"
            f"{f' in {label}' if label else ''} to take it from; leave {name} out of the donors, or let the land "
            "become something else"
        )


def _zones(site: Site) -> tuple[Callable[[Window], np.ndarray], int]:
    """Which zone a cell's centre lies in, from 1 (0: none), and how many there are."""
    wanted = site.project.zones
    if wanted is None:
        return lambda window: np.zeros(tuple(s.stop - s.start for s in window), np.int64), 0
    frame = vectors.read_zones(site.data / wanted.file, wanted.name, site.wkt)
    numbers = zones.burn(list(frame.geometry), np.arange(1, len(frame) + 1), site.grid, 0)
    return lambda window: numbers(window).astype(np.int64), len(frame)
