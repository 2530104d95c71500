"""Transitions: class areas in time, what became what between periods, gains and losses and when they happened."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from soilloss.analysis import change
from soilloss.publish.text import label, number
from soilloss.workflow.analyses import classes
from soilloss.workflow.analyses.answer import Answer, Figure, Layer, Question, Sums
from soilloss.workflow.check.findings import Finding, error, warning
from soilloss.workflow.kept import is_changing

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.project.analysis import Classified, Transitions
    from soilloss.workflow.site import Site

TURNS = ("loss", "neither", "gain")
TURN_COLOURS = ("#b2541a", "#e9e4d4", "#2a7f62")
TIMES = ("gain", "loss", "gains", "losses")
USUAL_TIMING = {"land_cover": "cropland"}
# A class that covers this much of the area in one year and none in another may be a matter of the legend.
SUDDEN = 1.0


def _needs(options: Transitions) -> list[str]:
    return list(options.of)


def _check(site: Site, options: Transitions) -> Iterator[Finding]:
    yield from classes.check_periods(site, "analysis.transitions", options.periods)
    given = site.given.get("land_cover")
    if "land_cover" in options.of and given is not None and not is_changing(given):
        yield error(
            "analysis.transitions",
            "land_cover is the same every year, so nothing can have become anything else; give a map for each year "
            "({year} in its path) or ask for severity",
        )
    names = [name for of in options.of for name in classes.legend_of(site, of, options.names).names]
    if options.timing and options.timing not in names:
        yield error(
            "analysis.transitions.timing", f"{options.timing!r} is no class; expected one of {', '.join(names)}"
        )


def _layers(site: Site, options: Transitions) -> list[Layer]:
    layers = []
    for of in options.of:
        meaning = f"gain and loss of {label(of)}"
        layers.append(Layer(_turn_path(of), "gain_loss", meaning, names=TURNS, colours=TURN_COLOURS))
        if _timed(site, of, options):
            about = f"year of the last gain and loss of {_timed(site, of, options)}, and how often"
            layers.append(Layer(_time_path(of), "timing", about, "yr", bands=TIMES))
    return layers


def _turn_path(of: str) -> str:
    return f"analyses/gain_loss_{of}.tif"


def _time_path(of: str) -> str:
    return f"analyses/timing_{of}.tif"


def _timed(site: Site, of: str, options: Transitions) -> str:
    """The class whose gains and losses get a map, "" for none."""
    wanted = options.timing or USUAL_TIMING.get(of, "")
    return wanted if wanted in classes.legend_of(site, of, options.names).names else ""


def _periods(study: Study, options: Transitions) -> list[list[int]]:
    return options.periods or classes.some_years(study.years)


def _pairs(count: int) -> list[tuple[int, int]]:
    """Which maps are compared: each with the next, and the first with the last."""
    return [*pairwise(range(count)), *([(0, count - 1)] if count > 2 else [])]


def _gather(place: Place, options: Transitions, _before: list[Sums]) -> Sums:
    out: Sums = {}
    site, years = place.study.site, place.study.years
    periods = _periods(place.study, options)
    for of in options.of:
        legend = classes.legend_of(site, of, options.names)
        count = legend.highest
        maps = [classes.of_period(place, of, part, count) for part in classes.slices(periods, years)]
        yearly = classes.codes_of(place.years(of), count)
        out[f"areas {of}"] = np.stack([place.tally(year, count) for year in yearly])
        out[f"flows {of}"] = np.stack(
            [_flows(place, maps[first], maps[last], count) for first, last in _pairs(len(maps))]
        )
        out[f"steps {of}"] = np.stack(
            [_flows(place, first, last, count, by_zone=False)[0] for first, last in pairwise(yearly)]
        )
        turn = change.gain_loss(maps[0], maps[-1], of=of)
        place.write(_turn_path(of), np.nan_to_num(turn + 2, nan=0.0).astype(np.uint8))
        timed = _timed(site, of, options)
        if timed:
            found = change.timing(yearly, legend.names.index(timed) + 1, time=years)
            place.write(_time_path(of), np.stack([found[name] for name in TIMES]))
    return out


def _flows(place: Place, before: np.ndarray, after: np.ndarray, count: int, by_zone: bool = True) -> np.ndarray:
    """Area (m2) that went from each class to each, (places, from, to)."""
    known = (before > 0) & (after > 0)
    codes = np.where(known, (before.astype(np.int64) - 1) * count + after, 0)
    return place.tally(codes, count * count, by_zone=by_zone)[:, 1:].reshape(-1, count, count)


def _finish(study: Study, totals: list[Sums], options: Transitions) -> Answer:
    words, tables, figures, findings = [], {}, [], []
    for of in options.of:
        legend = classes.legend_of(study.site, of, options.names)
        sums = {kind: totals[0][f"{kind} {of}"] for kind in ("areas", "flows", "steps")}
        names = [classes.named(period) for period in _periods(study, options)]
        tables |= _tables(study, of, legend, names, sums)
        words.append(_sentence(of, legend, names, sums["flows"][-1][0]))
        figures += _figures(study, options, of, legend, names, sums)
        findings += _sudden(study, of, legend, sums["areas"][:, 0, 1:])
    return Answer(words, tables, figures, findings)


def _tables(
    study: Study, of: Classified, legend: classes.Legend, names: list[str], sums: dict[str, np.ndarray]
) -> dict[str, pd.DataFrame]:
    title = label(of)
    first, last = names[0], names[-1]
    made = {
        "transition_matrix": (
            _matrix(legend, sums["flows"][-1][0]),
            f"Area [ha] by {title} in {first} (rows) and {last}.",
        ),
        "gain_loss": (_gains(study, of, legend, names, sums["flows"]), f"Gain and loss of {title}: {MEANINGS[of]}"),
        "transitions": (_long(study, legend, names, sums["flows"]), f"Area by {title} before and after."),
        "class_areas": (_areas(study, legend, sums["areas"]), f"Area by {title} in each year."),
        "timing": (_timing(study, legend, sums["steps"]), f"Area gained and lost by each {title} class in each year."),
    }
    for frame, caption in made.values():
        frame.attrs["caption"] = caption
    return {f"{name}_{of}": frame for name, (frame, _) in made.items()}


MEANINGS = {
    "severity": "a grade that rises is a loss, one that falls a gain.",
    "land_cover": "land that becomes cropland is a loss, cropland that becomes something else a gain.",
}


def _present(flows: np.ndarray) -> np.ndarray:
    """Classes (from 0) that occur before or after."""
    return np.flatnonzero(flows.sum(0) + flows.sum(1))


def _matrix(legend: classes.Legend, flows: np.ndarray) -> pd.DataFrame:
    use = _present(flows)
    columns = {f"{legend.names[to]} [ha]": flows[use, to] / 1e4 for to in use}
    return pd.DataFrame({"from": [legend.names[at] for at in use], **columns, "sum [ha]": flows[use].sum(1) / 1e4})


def _long(study: Study, legend: classes.Legend, names: list[str], flows: np.ndarray) -> pd.DataFrame:
    rows = [
        (where, names[first], names[last], legend.names[start], legend.names[end], area / 1e4, 100 * area / before)
        for (first, last), of_places in zip(_pairs(len(names)), flows, strict=True)
        for where, table in zip(study.places, of_places, strict=True)
        for start, (line, before) in enumerate(zip(table, table.sum(1), strict=True))
        for end, area in enumerate(line)
        if area > 0
    ]
    columns = ["place", "from period", "to period", "from", "to", "area [ha]", "share of from [%]"]
    return pd.DataFrame(rows, columns=columns)


def _areas(study: Study, legend: classes.Legend, areas: np.ndarray) -> pd.DataFrame:
    used = np.flatnonzero(areas[:, 0, 1:].sum(0))
    rows = []
    for year, of_places in zip(study.years, areas, strict=True):
        for where, line in zip(study.places, of_places, strict=True):
            total = line[1:].sum()
            share = 100 / total if total else np.nan
            rows += [(where, year, legend.names[at], line[at + 1] / 1e4, line[at + 1] * share) for at in used]
    return pd.DataFrame(rows, columns=["place", "year", "class", "area [ha]", "share [%]"])


def _turned(of: Classified, legend: classes.Legend) -> np.ndarray:
    """Loss (-1), gain (1) or none (0) for each pair of classes, by the definition of the pure function."""
    codes = np.arange(1, legend.highest + 1)
    before, after = np.meshgrid(codes, codes, indexing="ij")
    return change.gain_loss(before, after, of=of)


def _gains(study: Study, of: Classified, legend: classes.Legend, names: list[str], flows: np.ndarray) -> pd.DataFrame:
    turned = _turned(of, legend)
    rows = []
    for (first, last), of_places in zip(_pairs(len(names)), flows, strict=True):
        for where, table in zip(study.places, of_places, strict=True):
            parts = [table[turned == turn].sum() / 1e4 for turn in (1, 0, -1)]
            total = sum(parts)
            shares = [100 * part / total if total else np.nan for part in parts]
            rows.append((where, names[first], names[last], *parts, *shares))
    kinds = ("gain", "neither", "loss")
    columns = ["place", "from period", "to period", *(f"{k} [ha]" for k in kinds), *(f"{k} [%]" for k in kinds)]
    return pd.DataFrame(rows, columns=columns)


def _timing(study: Study, legend: classes.Legend, steps: np.ndarray) -> pd.DataFrame:
    used = np.flatnonzero(steps.sum((0, 1)) + steps.sum((0, 2)))
    rows = [
        (year, legend.names[at], (flows[:, at].sum() - flows[at, at]) / 1e4, (flows[at].sum() - flows[at, at]) / 1e4)
        for year, flows in zip(study.years[1:], steps, strict=True)
        for at in used
    ]
    return pd.DataFrame(rows, columns=["year", "class", "gained [ha]", "lost [ha]"])


def _sentence(of: Classified, legend: classes.Legend, names: list[str], flows: np.ndarray) -> str:
    total, moved = flows.sum(), flows - np.diag(np.diag(flows))
    if not total:
        return f"No cell has {label(of)} in both {names[0]} and {names[-1]}."
    start, end = np.unravel_index(int(moved.argmax()), moved.shape)
    turned = _turned(of, legend)
    gain, loss = (100 * flows[turned == turn].sum() / total for turn in (1, -1))
    largest = (
        f"the most from {legend.names[start]} to {legend.names[end]} ({number(moved[start, end] / 1e4)} ha); "
        if moved.any()
        else ""
    )
    return (
        f"From {names[0]} to {names[-1]}, {number(100 * moved.sum() / total)} % of the area changed its {label(of)}, "
        f"{largest}{number(gain)} % was a gain and {number(loss)} % a loss: {MEANINGS[of]}"
    )


def _figures(
    study: Study, options: Transitions, of: str, legend: classes.Legend, names: list[str], sums: dict[str, np.ndarray]
) -> list[Figure]:
    title, timed = label(of), _timed(study.site, of, options)
    flow: Figure = {
        "kind": "sankey",
        "name": f"sankey_{of}",
        "steps": names,
        "names": list(legend.names),
        "colours": list(legend.colours),
        "flows": sums["flows"][: len(names) - 1, 0] / 1e4,
        "caption": f"What became what: {title} of each period, and the area that went from class to class.",
        "alt": f"Sankey diagram of {title}",
    }
    turn: Figure = {
        "kind": "classes",
        "name": f"gain_loss_{of}",
        "raster": _turn_path(of),
        "names": list(TURNS),
        "colours": list(TURN_COLOURS),
        "caption": f"Gain and loss from {names[0]} to {names[-1]}: {MEANINGS[of]}",
        "alt": f"Map of gains and losses of {title}",
    }
    shares = _shares_in_time(study, of, legend, sums["areas"][:, 0, 1:])
    return [flow, shares, turn, *([_turnover(study, of, legend, timed, sums["steps"])] if timed else [])]


def _shares_in_time(study: Study, of: str, legend: classes.Legend, areas: np.ndarray) -> Figure:
    used = np.flatnonzero(areas.sum(0)).tolist()
    return {
        "kind": "areas",
        "name": f"class_areas_{of}",
        "years": list(study.years),
        "names": [legend.names[at] for at in used],
        "colours": [legend.colours[at] for at in used],
        "shares": _percent(areas)[:, used].T,
        "caption": f"Share of the area of each class of {label(of)} in time.",
        "alt": f"Stacked shares of {label(of)}",
    }


def _turnover(study: Study, of: str, legend: classes.Legend, timed: str, flows: np.ndarray) -> Figure:
    at = legend.names.index(timed)
    return {
        "kind": "turnover",
        "name": f"timing_{of}",
        "years": list(study.years[1:]),
        "gained": (flows[:, :, at].sum(1) - flows[:, at, at]) / 1e4,
        "lost": (flows[:, at].sum(1) - flows[:, at, at]) / 1e4,
        "label": timed,
        "caption": f"Area gained and lost by {timed} in each year.",
        "alt": f"Bars of gains and losses of {timed}",
    }


def _percent(areas: np.ndarray) -> np.ndarray:
    """Shares of each year's known area."""
    return 100 * areas / np.maximum(areas.sum(1, keepdims=True), 1e-9)


def _sudden(study: Study, of: str, legend: classes.Legend, areas: np.ndarray) -> Iterator[Finding]:
    """Classes of land cover that come or go with a year: their legend may have changed."""
    if of == "severity":
        return
    shares = _percent(areas)
    for at in np.flatnonzero((shares.max(0) > SUDDEN) & (shares.min(0) == 0)).tolist():
        with_it = [year for year, share in zip(study.years, shares[:, at], strict=True) if share > 0]
        yield warning(
            "analysis.transitions",
            f"{legend.names[at]} covers {shares[:, at].max():.3g} % of the area in {with_it[0]} but occurs in only "
            f"{len(with_it)} of {len(study.years)} years; did the legend of land_cover change? Give it a common legend",
        )


QUESTION = Question("Transitions", _needs, _check, _layers, (_gather,), _finish)
