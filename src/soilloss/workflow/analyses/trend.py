"""Trends: slope and significance of each cell, map classes, areas by class and zone, the line of the mean."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from soilloss.analysis import trend
from soilloss.publish.text import label, number, unit_text
from soilloss.units import step_unit
from soilloss.variables import VARIABLES
from soilloss.workflow.analyses.answer import Answer, Figure, Layer, Question, Sums
from soilloss.workflow.check.findings import Finding, error, warning

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.project.analysis import Trend
    from soilloss.workflow.site import Site

METHODS = {
    "theil_sen_mann_kendall": (trend.mann_kendall, "Mann-Kendall test, Theil-Sen slope"),
    "linear": (trend.linear, "linear regression"),
    "hamed_rao": (trend.mann_kendall_hamed_rao_1998, "Mann-Kendall test after Hamed and Rao, Theil-Sen slope"),
    "seasonal_kendall": (trend.seasonal_kendall, "seasonal Kendall test"),
}
BANDS = ("slope", "p_value", "direction")
LEAST_YEARS = {"linear": 3}
USUAL_LEAST = 8
# The map of the study of the Loess Plateau tells slopes beyond 1 t ha-1 yr-2 apart.
USUAL_EDGE = {"soil_loss": 1.0}
CLASSES = ("strong decrease", "decrease", "no significant trend", "increase", "strong increase")
COLOURS = ("#1a7a54", "#92cfae", "#e9e4d4", "#f2a65e", "#a8321a")
# of other variables more is not worse
PLAIN_COLOURS = ("#5b3f99", "#a99bd0", "#e9e4d4", "#74b8c4", "#17697a")


def _needs(options: Trend) -> list[str]:
    return options.of


def _check(site: Site, options: Trend) -> Iterator[Finding]:
    years = len({step[:4] for step in site.project.steps if step})
    least = LEAST_YEARS.get(options.method, USUAL_LEAST)
    if years < least:
        other = "" if options.method == "linear" else ", or method: linear"
        yield error(
            "analysis.trend",
            f"the period has {years} years, expected {least} or more for {options.method}; take a longer period{other}",
        )
    if options.method == "seasonal_kendall" and site.project.step == "year":
        yield error(
            "analysis.trend.method",
            "seasonal_kendall compares every season with itself, but the project's step is year; take "
            "theil_sen_mann_kendall, or period: {step: quarter}",
        )
    for name in options.of:
        if VARIABLES[name].is_class:
            yield error("analysis.trend.of", f"{name} holds classes, which have no trend; ask for transitions")
        elif name in site.given and name not in site.changing:
            yield warning(
                "analysis.trend.of", f"{name} is the same every year, so its trend is 0; name a variable that changes"
            )


def _layers(_site: Site, options: Trend) -> list[Layer]:
    layers = []
    for name in options.of:
        unit, words = _slope_unit(name), METHODS[options.method][1]
        cite = trend.CITED[METHODS[options.method][0].__name__]
        about = f"trend of {label(name)}"
        layers.append(Layer(_path(name), "trend", about, unit, words, cite, BANDS))
        names, colours = _legend(name, options)
        layers.append(Layer(_class_path(name), "trend_class", about, "", words, cite, names=names, colours=colours))
    return layers


def _path(name: str) -> str:
    return "trend.tif" if name == "soil_loss" else f"analyses/trend_{name}.tif"


def _class_path(name: str) -> str:
    return f"analyses/trend_class{'' if name == 'soil_loss' else f'_{name}'}.tif"


def _slope_unit(name: str) -> str:
    unit = step_unit(name, "year")
    return f"{unit.removesuffix('yr-1')}yr-2" if unit.endswith("yr-1") else "yr-1" if unit == "1" else f"{unit} yr-1"


def _edge(name: str, options: Trend) -> float:
    return options.edge or USUAL_EDGE.get(name, np.inf)


def _legend(name: str, options: Trend) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Names and colours of the classes; without an edge there are three."""
    strong = slice(None) if np.isfinite(_edge(name, options)) else slice(1, 4)
    return CLASSES[strong], (COLOURS if name == "soil_loss" else PLAIN_COLOURS)[strong]


def _gather(place: Place, options: Trend, _before: list[Sums]) -> Sums:
    out: Sums = {}
    function = METHODS[options.method][0]
    seasonal = options.method == "seasonal_kendall"
    for name in options.of:
        series = _rates(place, name) if seasonal else place.years(name)
        times = place.study.steps if seasonal else place.study.years
        found = function(series, time=times, significance=options.significance)
        place.write(_path(name), np.stack([found[band] for band in BANDS]))
        names, _ = _legend(name, options)
        classes = _classes(found, _edge(name, options))
        place.write(_class_path(name), classes)
        out[f"areas {name}"] = place.tally(classes, len(names))
        out[f"sums {name}"], out[f"known {name}"] = _yearly(place, place.years(name))
    return out


def _rates(place: Place, name: str) -> np.ndarray:
    """The steps of a variable, amounts as rates per year, so that slopes have the unit of those of years."""
    each = len(place.study.steps) // len(place.study.years)
    return place.steps(name) * np.float32(each if VARIABLES[name].in_time == "sum" else 1)


def _classes(found: Any, edge: float) -> np.ndarray:
    """Class of each cell, 0 where the test has no answer; the middle one is no significant trend."""
    direction, slope = found["direction"], found["slope"]
    middle, strong = (3, np.abs(slope) > edge) if np.isfinite(edge) else (2, False)
    classes = middle + direction * (1 + strong)
    return np.where(np.isnan(direction), 0, np.nan_to_num(classes)).astype(np.uint8)


def _yearly(place: Place, years: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Sums of the values and areas of each year by place, over the cells that are known in all years."""
    known = np.asarray(np.isfinite(years).all(axis=0), np.uint8)
    sums = np.stack([place.tally(known, 1, year)[:, 1] for year in years], axis=1)
    return sums, place.tally(known, 1)[:, 1]


def _finish(study: Study, totals: list[Sums], options: Trend) -> Answer:
    words, tables, figures = [], {}, []
    for name in options.of:
        tail = "" if name == "soil_loss" else f"_{name}"
        with np.errstate(all="ignore"):
            means = totals[0][f"sums {name}"] / totals[0][f"known {name}"][:, None]
        lines = _lines(study, options, means)
        tables[f"trend_classes{tail}"] = _shares(study, options, name, totals[0][f"areas {name}"])
        tables[f"trend_lines{tail}"] = _line_table(study, name, lines)
        words.append(_sentence(options, name, totals[0][f"areas {name}"][0], totals[0][f"known {name}"][0], lines))
        figures += _figures(study, options, name, tail, means[0], lines)
    return Answer(words, tables, figures)


def _lines(study: Study, options: Trend, means: np.ndarray) -> Any:
    """The trend of the mean of each place; by year, also where cells were tested by season."""
    seasonal = options.method == "seasonal_kendall"
    function = trend.mann_kendall if seasonal else METHODS[options.method][0]
    return function(means.T, time=study.years, significance=options.significance)


def _shares(study: Study, options: Trend, name: str, areas: np.ndarray) -> pd.DataFrame:
    names, _ = _legend(name, options)
    hectares = areas[:, 1:] / 1e4
    with np.errstate(all="ignore"):
        shares = 100 * hectares / hectares.sum(1, keepdims=True)
    rows = [
        (where, kind, hectares[i, j], shares[i, j])
        for i, where in enumerate(study.places)
        for j, kind in enumerate(names)
    ]
    frame = pd.DataFrame(rows, columns=["place", "class", "area [ha]", "share [%]"])
    frame.attrs["caption"] = f"Area by class of the trend of {label(name)}."
    return frame


def _line_table(study: Study, name: str, lines: Any) -> pd.DataFrame:
    frame = pd.DataFrame(
        {
            "place": study.places,
            f"slope [{_slope_unit(name)}]": lines["slope"],
            "p value": lines["p_value"],
            "direction": [{1: "rises", -1: "falls", 0: "none"}.get(one, "") for one in lines["direction"].tolist()],
        }
    )
    frame.attrs["caption"] = f"Trend of the mean {label(name)} of each place."
    return frame


def _sentence(options: Trend, name: str, areas: np.ndarray, known: float, lines: Any) -> str:
    tested, middle = areas[1:].sum(), len(areas) // 2
    if not tested:
        return f"No cell has enough years of {label(name)} for a test."
    fell, rose = (100 * part.sum() / tested for part in (areas[1:middle], areas[middle + 1 :]))
    title, slope, p = label(name).removesuffix(" A"), float(lines["slope"][0]), float(lines["p_value"][0])
    part = "the area" if known > 0.999 * tested else f"the {number(100 * known / tested)} % of it known in all years"
    mean = f"Its mean over {part} changed by {number(slope)} {unit_text(_slope_unit(name))} (p = {number(p, 2)})."
    return (
        f"{title[0].upper()}{title[1:]} fell significantly (p < {options.significance:g}) on {number(fell)} % of the "
        f"area and rose on {number(rose)} % ({METHODS[options.method][1]}). "
        + (mean if known else "No cell is known in all years, so that there is no mean to follow.")
    )


def _figures(study: Study, options: Trend, name: str, tail: str, means: np.ndarray, lines: Any) -> list[Figure]:
    names, colours = _legend(name, options)
    title = label(name)
    map_caption = f"Trend of {title} where it is significant (p < {options.significance:g})."
    if len(names) == len(CLASSES):
        map_caption += f" Strong: more than {_edge(name, options):g} {unit_text(_slope_unit(name))}."
    return [
        {
            "kind": "classes",
            "name": f"trend{tail}",
            "raster": _class_path(name),
            "names": list(names),
            "colours": list(colours),
            "caption": map_caption,
            "alt": f"Map of trend classes of {title}",
        },
        {
            "kind": "line",
            "name": f"trend_mean{tail}",
            "years": list(study.years),
            "values": means.tolist(),
            "slope": float(lines["slope"][0]),
            "intercept": float(lines["intercept"][0]),
            "label": title,
            "unit": step_unit(name, "year"),
            "caption": f"Mean {title} of the area in each year, over cells known in all years, and its trend.",
            "alt": f"Yearly means of {title} with their trend line",
        },
    ]


QUESTION = Question("Trend", _needs, _check, _layers, (_gather,), _finish)
