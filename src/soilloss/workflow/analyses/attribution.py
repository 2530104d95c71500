"""Attribution: the change of soil loss from some years to others, shared out among the factors that changed.

A mean of years is no product of mean factors, so that every year before is set against every year after, step by step;
the mean of these exact decompositions sums to the change of the mean. Along a series, each year is set against the one
before, and the parts are added up.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from soilloss.analysis.attribution import divisia, shapley
from soilloss.publish.text import label, number, unit_text
from soilloss.workflow import block
from soilloss.workflow.analyses.answer import Answer, Figure, Layer, Question, Sums
from soilloss.workflow.analyses.place import factors_of
from soilloss.workflow.check.findings import Finding, error, warning
from soilloss.workflow.outputs import zero_codes

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.project.analysis import Attribution
    from soilloss.workflow.site import Site

UNIT = "t ha-1 yr-1"
REST = "rest"
# the factor that land without erosion (`zero_classes`) is reckoned to: its cover came or went
LAND = ("cover", "biological")
WORDS = {
    "erosivity": "rain",
    "erodibility": "soil",
    "topography": "terrain",
    "cover": "cover",
    "practice": "practice",
    "biological": "cover",
    "engineering": "engineering",
    "tillage": "tillage",
}
COLOURS = {
    "erosivity": ("#9ecae1", "#2171b5"),
    "erodibility": ("#dadaeb", "#756bb1"),
    "topography": ("#d9d9d9", "#737373"),
    "cover": ("#a1d99b", "#8c510a"),
    "practice": ("#c7eae5", "#d95f0e"),
    "biological": ("#a1d99b", "#8c510a"),
    "engineering": ("#c7eae5", "#d95f0e"),
    "tillage": ("#dadaeb", "#756bb1"),
}
SIDES = ("less", "more")
SMALL = 0.1  # t/ha: below it a cell has no cause worth naming
CAUSES, CHANGE = "analyses/attribution_cause.tif", "change"
METHODS: dict[str, Callable[..., Any]] = {"divisia": divisia, "shapley": shapley}

Spans = tuple[list[int], list[int]]


def spans(years: list[str], options: Attribution) -> Spans:
    """Positions of the years before and after; without options the first and the last third."""
    third = max(1, len(years) // 3)
    usual = ([int(years[0]), int(years[third - 1])], [int(years[-third]), int(years[-1])]) if years[0] else ([], [])
    given = (options.before or usual[0], options.after or usual[1])
    before, after = ([at for at, y in enumerate(years) if first <= int(y) <= last] for first, last in given)
    return ([*before[:1]], [*after[-1:]]) if options.along else (before, after)


def _check(site: Site, options: Attribution) -> Iterator[Finding]:
    period = site.project.period
    if period is None or len(period.years) < 2:
        yield error("analysis.attribution", "needs a period of two years or more to compare; give period")
        return
    years = period.years
    for name, span in (("from", options.before), ("to", options.after)):
        if span and not (span[0] in years and span[1] in years and span[0] <= span[1]):
            yield error(
                f"analysis.attribution.{name}",
                f"{span[0]} to {span[1]} is not in the period {years[0]} to {years[-1]}; give [first, last] of it",
            )
            return
    before, after = spans([str(year) for year in years], options)
    if before[-1] >= after[0]:
        yield error(
            "analysis.attribution",
            f"the years before end in {years[before[-1]]} and those after start in {years[after[0]]}; they must not "
            "overlap: change from or to",
        )
    if not changing(site):
        yield warning("analysis.attribution", "no factor changes in time, so every contribution is 0")


def changing(site: Site) -> list[str]:
    """The factors that can change between years, in the order of the model."""
    names = factors_of(site)
    want = ["soil_loss", *(["land_cover"] if site.project.zero_classes else [])]
    work = block.make_work(site.steps, want, site.read, site.shape, 1.0, site.project.steps, site.changing)
    land = site.project.zero_classes and "land_cover" in work.changing
    return [name for name in names if name in work.changing or (land and name in LAND)]


def _layers(site: Site, _options: Attribution) -> list[Layer]:
    names = changing(site)
    method, cite = "logarithmic-mean Divisia index", "ang2005"
    parts = [
        Layer(
            path_of(name), "attribution", f"change of soil loss by {WORDS.get(name, 'all factors')}", UNIT, method, cite
        )
        for name in [*names, CHANGE]
    ]
    legend = [(f"change below {SMALL:g} {unit_text(UNIT)}", "#f2f0eb")]
    legend += [(f"{WORDS[name]}: {side} erosion", COLOURS[name][i]) for name in names for i, side in enumerate(SIDES)]
    about, (titles, colours) = "the factor that changed soil loss most", zip(*legend, strict=True)
    return [*parts, Layer(CAUSES, "attribution_cause", about, "", method, cite, names=titles, colours=colours)]


def path_of(name: str) -> str:
    """The raster of a factor's contribution, or of the whole change."""
    return f"analyses/attribution_{name}.tif"


def _gather(place: Place, options: Attribution, _before: list[Sums]) -> Sums:
    study, names = place.study, changing(place.study.site)
    before, after = spans(list(study.years), options)
    pairs = list(itertools.product(before, after))
    if options.along:
        pairs = list(itertools.pairwise(range(before[0], after[0] + 1)))
    used = sorted({at for pair in pairs for at in pair})
    factors = _factors(place, names, used)
    losses = {at: np.sum([np.prod(list(step.values()), axis=0) for step in factors[at]], axis=0) for at in used}
    enough = _enough(study, losses, before) & _enough(study, losses, after)
    out: Sums = {}
    for way, method in METHODS.items():
        parts = [_parts(factors[i], factors[j], method) for i, j in pairs]
        shared = {name: _together([one[name] for one in parts], options.along) for name in names}
        known = enough & np.isfinite(np.sum(list(shared.values()), axis=0)) if names else enough
        for name, cells in shared.items():
            out[f"{way} {name}"] = place.tally(known, 1, cells)[:, 1]
        if way == "divisia":
            out["area"] = place.tally(known, 1)[:, 1]
            for name, span in (("before", before), ("after", after)):
                out[name] = place.tally(known, 1, _together([losses[at] for at in span], False))[:, 1]
            if options.along:
                out["years"] = np.stack(
                    [[place.tally(known, 1, one[name])[:, 1] for name in names] for one in parts], axis=-1
                )
            _write(place, shared, known)
    return out


def _factors(place: Place, names: list[str], years: list[int]) -> dict[int, list[dict[str, np.ndarray]]]:
    """Factors of each step of some years: those that change, and the product of the rest."""
    study, zero = place.study, place.study.site.project.zero_classes
    parts = len(study.steps) // len(study.years)
    labels = [label for year in years for label in study.steps[year * parts : (year + 1) * parts]]
    want = [*study.factors, *(["land_cover"] if zero else [])]
    steps = [_step(place, names, cells) for cells in place.walk(want, labels)]
    return {year: steps[at * parts : (at + 1) * parts] for at, year in enumerate(years)}


def _step(place: Place, names: list[str], cells: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    zero = place.study.site.project.zero_classes
    step = {name: cells[name].astype(np.float64) for name in names}
    rest = [cells[name] for name in place.study.factors if name not in names]
    step[REST] = np.prod([np.ones(place.shape), *rest], axis=0)
    if not zero:
        return step
    empty = np.isin(cells["land_cover"], zero_codes(zero)) & place.inside
    step = {name: np.where(empty & np.isnan(values), 1, values) for name, values in step.items()}
    land = next((name for name in names if name in LAND), REST)
    return step | {land: np.where(empty, 0, step[land])}


def _enough(study: Study, losses: dict[int, np.ndarray], years: list[int]) -> np.ndarray:
    """Whether a cell has as many of the years as ``period.min_valid`` asks for."""
    period = study.site.project.period
    needed = max(1, int(np.ceil(len(years) * (period.min_valid if period else 1) - 1e-9)))
    return np.sum([np.isfinite(losses[at]) for at in years], axis=0) >= needed


def _parts(
    before: list[dict[str, np.ndarray]], after: list[dict[str, np.ndarray]], method: Callable[..., Any]
) -> dict[str, np.ndarray]:
    """Contributions of a year against another: those of its steps, added up."""
    found = [method(one, other) for one, other in zip(before, after, strict=True)]
    return {name: np.sum([one[name] for one in found], axis=0) for name in found[0]}


def _together(parts: list[np.ndarray], added: bool) -> np.ndarray:
    """Parts added up, missing where one is; or the mean of those that are known."""
    if added:
        return np.sum(parts, axis=0)
    known = np.sum([np.isfinite(part) for part in parts], axis=0)
    return np.where(known > 0, np.nansum(parts, axis=0) / np.maximum(known, 1), np.nan)


def _write(place: Place, shared: dict[str, np.ndarray], known: np.ndarray) -> None:
    change = np.sum(list(shared.values()), axis=0) if shared else np.zeros(place.shape)
    for name, cells in {**shared, CHANGE: change}.items():
        place.write(path_of(name), np.where(known, cells, np.nan).astype(np.float32))
    cause = np.ones(place.shape, np.int64)
    if shared:
        parts = np.nan_to_num(np.stack(list(shared.values())))
        most = np.abs(parts).argmax(axis=0)
        rises = np.take_along_axis(parts, most[None], axis=0)[0] > 0
        cause = np.where(np.abs(np.nan_to_num(change)) < SMALL, 1, 2 + 2 * most + rises)
    place.write(CAUSES, np.where(known, cause, 0).astype(np.uint8))


def _finish(study: Study, totals: list[Sums], options: Attribution) -> Answer:
    (sums,), names = totals, changing(study.site)
    area = sums["area"]
    if not area[0]:
        return Answer(["No cell has a value both before and after."], {}, [])
    with np.errstate(all="ignore"):
        means = {key: value / area for key, value in sums.items() if key not in ("area", "years")}
    titles = [_title(study, span) for span in spans(list(study.years), options)]
    tables = {"attribution": _table(study, names, means, area), "attribution_change": _changes(study, names, means)}
    figures = [_waterfall(names, means, titles), _maps(names), _causes(study, options)]
    if options.along:
        tables["attribution_years"], bars = _years(study, names, sums, options)
        figures.insert(1, bars)
    return Answer([_sentence(names, means, titles), _still(study, names)], tables, figures)


def _title(study: Study, span: list[int]) -> str:
    first, last = study.years[span[0]], study.years[span[-1]]
    return first if first == last else f"{first}–{last}"


def _sentence(names: list[str], means: Sums, titles: list[str]) -> str:
    """The answer in one sentence, as people would say it."""
    before, after = means["before"][0], means["after"][0]
    words = "fell" if after < before else "rose" if after > before else "stayed the same"
    start = f"from {titles[0]} to {titles[1]} ({number(before)} to {number(after)} {unit_text(UNIT)})"
    if not before:
        return f"Soil loss {words} {start}."
    shares = [(WORDS[name], 100 * means[f"divisia {name}"][0] / before) for name in names]
    listed = ", ".join(f"{word} {_signed(share)}" for word, share in shares)
    if after == before:
        return f"Soil loss {words} {start}: {listed or 'no factor changed'}."
    percent = number(abs(100 * (after - before) / before))
    return (
        f"Soil loss {words} {percent} % {start}: {listed}. The parts are per cent of the soil "
        "loss before and sum to the change."
    )


def _signed(share: float) -> str:
    rounded = number(abs(share), 2 if abs(share) >= 1 else 1)
    return "0" if abs(share) < 0.05 else f"{'+' if share > 0 else '−'}{rounded}"


def _still(study: Study, names: list[str]) -> str:
    still = [label(name) for name in study.factors if name not in names]
    return f"These factors are the same every year and contribute nothing: {', '.join(still)}." if still else ""


def _table(study: Study, names: list[str], means: Sums, area: np.ndarray) -> pd.DataFrame:
    rows = []
    for at, place in enumerate(study.places):
        parts = [(name, means[f"divisia {name}"][at], means[f"shapley {name}"][at]) for name in names]
        parts.append((CHANGE, sum(part[1] for part in parts), sum(part[2] for part in parts)))
        base, hectares = means["before"][at], area[at] / 1e4
        for name, part, other in parts:
            rows.append((place, name, part, 100 * part / base if base else np.nan, part * hectares, other))
    columns = ["place", "factor", f"contribution [{UNIT}]", "contribution [%]", "contribution [t yr-1]"]
    frame = pd.DataFrame(rows, columns=[*columns, f"by Shapley [{UNIT}]"])
    frame.attrs["caption"] = (
        "Contributions of the factors to the change of mean soil loss, by the logarithmic-mean Divisia index; per cent "
        "of the soil loss before. Beside them those by Shapley's mean over all orders of change: where the two differ, "
        "the division is a matter of convention."
    )
    return frame


def _changes(study: Study, names: list[str], means: Sums) -> pd.DataFrame:
    before, after = means["before"], means["after"]
    change = after - before
    left = change - np.sum([means[f"divisia {name}"] for name in names], axis=0) if names else change
    frame = pd.DataFrame({"place": study.places, f"before [{UNIT}]": before, f"after [{UNIT}]": after})
    frame[f"change [{UNIT}]"] = change
    with np.errstate(all="ignore"):
        frame["change [%]"] = np.where(before > 0, 100 * change / before, np.nan)
    frame[f"not attributed [{UNIT}]"] = left
    frame.attrs["caption"] = "Mean soil loss before and after; what is not attributed is rounding."
    return frame


def _waterfall(names: list[str], means: Sums, titles: list[str]) -> Figure:
    return {
        "kind": "waterfall",
        "name": "attribution",
        "start": [titles[0], means["before"][0]],
        "parts": [[WORDS[name], means[f"divisia {name}"][0]] for name in names],
        "end": [titles[1], means["after"][0]],
        "label": "mean soil loss",
        "unit": UNIT,
        "caption": "Mean soil loss before, what each factor added or took away, and after.",
        "alt": "Waterfall of contributions to the change of soil loss",
    }


def _maps(names: list[str]) -> Figure:
    return {
        "kind": "differences",
        "name": "attribution_maps",
        "panels": [["change", path_of(CHANGE)], *([WORDS[name], path_of(name)] for name in names)],
        "label": "contribution to the change of soil loss",
        "unit": UNIT,
        "caption": "The change of soil loss in each cell and what each factor contributed to it: green took soil loss "
        "away, brown added to it. The maps of the factors sum to that of the change.",
        "alt": "Maps of the contributions of the factors",
    }


def _causes(study: Study, options: Attribution) -> Figure:
    layer = _layers(study.site, options)[-1]
    return {
        "kind": "classes",
        "name": "attribution_cause",
        "raster": layer.path,
        "names": list(layer.names),
        "colours": list(layer.colours),
        "caption": "The factor with the largest contribution in each cell.",
        "alt": "Map of the factor that changed soil loss most",
    }


def _years(study: Study, names: list[str], sums: Sums, options: Attribution) -> tuple[pd.DataFrame, Figure]:
    """The contributions of each year against the one before."""
    before, after = spans(list(study.years), options)
    labels = list(study.years[before[0] + 1 : after[0] + 1])
    with np.errstate(all="ignore"):
        means = sums["years"] / sums["area"][:, None]  # factor, place, year
    rows = [
        (place, year, name, means[i, at, j])
        for at, place in enumerate(study.places)
        for j, year in enumerate(labels)
        for i, name in enumerate(names)
    ]
    frame = pd.DataFrame(rows, columns=["place", "year", "factor", f"contribution [{UNIT}]"])
    frame.attrs["caption"] = "Contribution of each factor to the change from the previous year of the period."
    figure = {
        "kind": "stacks",
        "name": "attribution_years",
        "years": labels,
        "parts": [[WORDS[name], COLOURS[name][1], means[i, 0].tolist()] for i, name in enumerate(names)],
        "label": "change from the previous year",
        "unit": UNIT,
        "caption": "What each factor contributed to the change of mean soil loss from the previous year of the period.",
        "alt": "Stacked bars of contributions by year",
    }
    return frame, figure


QUESTION = Question(
    "Why soil loss changed",
    lambda _options: ["soil_loss", "factors"],
    _check,
    _layers,
    (_gather,),
    _finish,
)
