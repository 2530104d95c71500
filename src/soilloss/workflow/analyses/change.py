"""Change: soil loss of sub-periods and their difference, by grade, zone and strata, and what land cover did to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from soilloss import tables
from soilloss.publish.text import number
from soilloss.workflow.analyses import classes, effect, strata
from soilloss.workflow.analyses.answer import Answer, Figure, Layer, Question, Sums
from soilloss.workflow.analyses.place import WHOLE
from soilloss.workflow.check.findings import Finding, error
from soilloss.workflow.kept import is_changing

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.project.analysis import Change
    from soilloss.workflow.site import Site

UNIT = "t ha-1 yr-1"
DIFFERENCE = "analyses/soil_loss_change.tif"


def _needs(options: Change) -> list[str]:
    land = "land_cover" if options.only else "land_cover?"
    return ["soil_loss", land, *(name for kind in options.by for name in strata.NEEDS[kind])]


def _check(site: Site, options: Change) -> Iterator[Finding]:
    yield from classes.check_periods(site, "analysis.change", options.periods)
    for kind, edges in (("elevation", options.elevation), ("slope", options.slope)):
        if edges != sorted(set(edges)):
            yield error(f"analysis.change.{kind}", f"{edges} does not rise; give edges from low to high, each once")


def _periods(study: Study, options: Change) -> list[list[int]]:
    return options.periods or classes.halves(study.years)


def _layers(site: Site, options: Change) -> list[Layer]:
    years = list(dict.fromkeys(step[:4] for step in site.project.steps))
    periods = options.periods or classes.halves(years)
    if not periods:
        return []  # the doctor says why
    means = [Layer(_path(period), "soil_loss", f"mean soil loss {classes.named(period)}", UNIT) for period in periods]
    first, last = classes.named(periods[0]), classes.named(periods[-1])
    return [*means, Layer(DIFFERENCE, "soil_loss_change", f"soil loss of {last} less that of {first}", UNIT)]


def _path(period: list[int]) -> str:
    return f"analyses/soil_loss_{'-'.join(str(year) for year in dict.fromkeys(period))}.tif"


def _compared(site: Site) -> bool:
    """Whether there is land cover that changes, so that its effect can be told."""
    given = site.given.get("land_cover")
    return given is not None and is_changing(given)


def _first(place: Place, options: Change, _before: list[Sums]) -> Sums:
    """Heights, where bands of them are wanted that nobody gave."""
    return {"heights": strata.heights(place)} if "elevation" in options.by and not options.elevation else {}


def _second(place: Place, options: Change, before: list[Sums]) -> Sums:
    periods = _periods(place.study, options)
    parts = classes.slices(periods, place.study.years)
    years = _restricted(place, options)
    means = [_mean(place, options, years[part]) for part in parts]
    grades = [classes.codes_of(place.grades(mean), len(place.study.grades)) for mean in means]
    for period, mean in zip(periods, means, strict=True):
        place.write(_path(period), mean)
    place.write(DIFFERENCE, means[-1] - means[0])
    both = np.asarray(np.isfinite(means[0]) & np.isfinite(means[-1]), np.uint8)
    out: Sums = {
        **_by_grade(place, "periods", grades, means),
        **_by_grade(
            place, "years", [classes.codes_of(place.grades(year), len(place.study.grades)) for year in years], years
        ),
        "both area": place.tally(both, 1),
        "both sums": np.stack([place.tally(both, 1, mean) for mean in (means[0], means[-1])]),
    }
    for kind in options.by:
        found = _strata(options, kind, before)
        codes, highest = found.codes(place).astype(np.int64), len(place.study.grades)
        joint = [np.where((codes > 0) & (grade > 0), (codes - 1) * highest + grade, 0) for grade in grades]
        out |= _by_grade(place, kind, joint, means, len(found.names) * highest, by_zone=False)
    return out | (effect.gather(place, parts) if _compared(place.study.site) else {})


def _restricted(place: Place, options: Change) -> np.ndarray:
    """Soil loss of each year, missing where land cover is none of the classes it is restricted to in that year."""
    years = place.years("soil_loss")
    if not options.only:
        return years
    table = tables.read("land_cover").set_index("name")["code"]
    return np.where(
        np.isin(place.years("land_cover"), [table[name] for name in options.only]), years, np.float32(np.nan)
    )


def _mean(place: Place, options: Change, years: np.ndarray) -> np.ndarray:
    return place.mean(years, 0.0) if options.only else place.mean(years)


def _by_grade(
    place: Place, name: str, codes: list[np.ndarray], values: Any, count: int = 0, by_zone: bool = True
) -> Sums:
    """Areas, and sums of soil loss, of several maps by place and class."""
    highest = count or len(place.study.grades)
    return {
        f"{name} area": np.stack([place.tally(one, highest, by_zone=by_zone) for one in codes]),
        f"{name} sums": np.stack(
            [place.tally(one, highest, loss, by_zone=by_zone) for one, loss in zip(codes, values, strict=True)]
        ),
    }


def _strata(options: Change, kind: strata.By, before: list[Sums]) -> strata.Strata:
    edges = {"elevation": options.elevation, "slope": options.slope}.get(kind, [])
    return strata.strata_of(kind, edges, before[0].get("heights"))


def _finish(study: Study, totals: list[Sums], options: Change) -> Answer:
    sums, names = totals[1], [classes.named(period) for period in _periods(study, options)]
    made = {
        "change_periods": _places(study, names, sums, "periods", "period", options),
        "change_grades": _grades(study, names, sums, "periods", "period", options),
        "change_years": _places(study, list(study.years), sums, "years", "year", options),
        "change_grades_years": _grades(study, list(study.years), sums, "years", "year", options),
    }
    figures: list[Figure | None] = [_difference(names)]
    for kind in options.by:
        made[f"change_{kind}"] = _stratified(study, names, sums, _strata(options, kind, totals))
        figures.append(_strata_figure(made[f"change_{kind}"], kind, names))
    if "gain area" in sums:
        made["land_cover_effect"] = effect.table(study, sums)
        figures.append(effect.figure(made["land_cover_effect"], WHOLE, (names[0], names[-1])))
    return Answer([_sentence(names, sums, options)], made, [one for one in figures if one])


def _of(options: Change) -> str:
    return f" on {', '.join(options.only)}" if options.only else ""


def _places(study: Study, names: list[str], sums: Sums, of: str, column: str, options: Change) -> pd.DataFrame:
    rows = [
        (place, name, area / 1e4, loss / area if area else np.nan, loss / 1e4)
        for at, place in enumerate(study.places)
        for name, area, loss in zip(
            names, sums[f"{of} area"][:, at, 1:].sum(1), sums[f"{of} sums"][:, at, 1:].sum(1), strict=True
        )
    ]
    columns = ["place", column, "area [ha]", f"mean soil loss [{UNIT}]", "total soil loss [t yr-1]"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs["caption"] = f"Soil loss{_of(options)} by {column}."
    return frame


def _grades(study: Study, names: list[str], sums: Sums, of: str, column: str, options: Change) -> pd.DataFrame:
    areas, losses = sums[f"{of} area"][..., 1:], sums[f"{of} sums"][..., 1:]
    rows = [
        (place, name, grade.name, area / 1e4, 100 * area / whole if whole else np.nan, loss / area if area else np.nan)
        for at, place in enumerate(study.places)
        for name, line, mass in zip(names, areas[:, at], losses[:, at], strict=True)
        for grade, area, loss, whole in zip(study.grades, line, mass, [line.sum()] * len(line), strict=True)
    ]
    columns = ["place", column, "grade", "area [ha]", "share [%]", f"mean soil loss [{UNIT}]"]
    frame = pd.DataFrame(rows, columns=columns)
    frame.attrs["caption"] = f"Area and mean soil loss{_of(options)} by severity grade and {column}."
    return frame


def _stratified(study: Study, names: list[str], sums: Sums, found: strata.Strata) -> pd.DataFrame:
    """A row for each stratum and period: eroded is what lies in the second grade or a worse one."""
    shape = (len(names), len(found.names), len(study.grades))
    area, loss = (sums[f"{found.kind} {what}"][:, 0, 1:].reshape(shape) for what in ("area", "sums"))
    eroded, whole = area[..., 1:].sum(2), area.sum(2)
    with np.errstate(all="ignore"):
        columns = {
            f"mean soil loss [{UNIT}]": loss.sum(2) / whole,
            "share of soil loss [%]": 100 * loss.sum(2) / loss.sum((1, 2))[:, None],
            "eroded [% of stratum]": 100 * eroded / whole,
            "eroded [% of area]": 100 * eroded / whole.sum(1)[:, None],
            "share of eroded area [%]": 100 * eroded / eroded.sum(1)[:, None],
        }
    frame = pd.DataFrame(
        {
            found.kind: np.tile(found.names, len(names)),
            "period": np.repeat(names, len(found.names)),
            "area [ha]": (whole / 1e4).ravel(),
            **{name: values.ravel() for name, values in columns.items()},
            **{f"{grade.name} [ha]": area[..., at].ravel() / 1e4 for at, grade in enumerate(study.grades)},
        }
    )
    frame.attrs["caption"] = (
        f"Soil loss by {found.kind}; eroded is what is graded {study.grades[1].name} or worse, as a share of the "
        "stratum and of the whole area."
    )
    return frame.drop(index=np.flatnonzero(whole.ravel() == 0)).reset_index(drop=True)


def _sentence(names: list[str], sums: Sums, options: Change) -> str:
    area, (first, last) = sums["both area"][0, 1], sums["both sums"][:, 0, 1]
    if not area:
        return f"No cell has soil loss{_of(options)} in both {names[0]} and {names[-1]}."
    before, after = first / area, last / area
    share = f" ({number(100 * (after - before) / before)} %)" if before else ""
    return (
        f"Mean soil loss{_of(options)} went from {number(before)} to {number(after)} t ha⁻¹ yr⁻¹ from {names[0]} to "
        f"{names[-1]}{share}, over the {number(area / 1e4)} ha that are known in both."
    )


def _difference(names: list[str]) -> Figure:
    return {
        "kind": "differences",
        "name": "soil_loss_change",
        "panels": [[f"{names[-1]} less {names[0]}", DIFFERENCE]],
        "unit": UNIT,
        "label": "change of soil loss",
        "caption": f"Mean soil loss of {names[-1]} less that of {names[0]}.",
        "alt": "Map of the change of soil loss",
    }


def _strata_figure(frame: pd.DataFrame, kind: str, names: list[str]) -> Figure:
    shown = list(dict.fromkeys(frame[kind]))
    means = frame.pivot_table(index=kind, columns="period", values=f"mean soil loss [{UNIT}]", sort=False)
    means = means.reindex(index=shown, columns=names)
    return {
        "kind": "grouped",
        "name": f"change_{kind}",
        "names": shown,
        "series": [[name, means[name].tolist()] for name in names],
        "label": "mean soil loss",
        "unit": UNIT,
        "caption": f"Mean soil loss by {kind} in each period.",
        "alt": f"Bars of soil loss by {kind}",
    }


QUESTION = Question("Change", _needs, _check, _layers, (_first, _second), _finish)
