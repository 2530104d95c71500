"""Drivers: what goes along with soil loss in space (divergence, ranks, geographical detector) and from year to year.

In space it works on a sample of at most `MOST` cells, every cell of a map below that; in time on the means of the area.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from soilloss import tables
from soilloss.analysis import drivers
from soilloss.errors import DataError, SoilLossError, SourceError
from soilloss.publish.text import label, number
from soilloss.units import step_unit
from soilloss.variables import VARIABLES
from soilloss.workflow.analyses.answer import Answer, Figure, Question, Sums
from soilloss.workflow.analyses.classes import codes_of
from soilloss.workflow.check.findings import Finding, error, warning

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.project.analysis import Drivers
    from soilloss.workflow.site import Site

LOSS = "soil_loss"
MOST = 2_000_000
FEW = 3  # years a correlation needs
# a mean over less than this share of the land of the best year is that of another landscape
KNOWN = 0.9
LAND_COVERS = 8  # classes of the vocabulary
CAVEAT = (
    "The divergence of histograms says nothing about place: shuffling the cells leaves it as it is, so that a small "
    "value is no sign of association. Read the rank correlation and the detector's q beside it. None proves a cause: "
    "soil loss is made from these factors."
)


def _needs(options: Drivers) -> list[str]:
    return [LOSS, "factors", *(options.of or []), *options.also]


def _check(site: Site, options: Drivers) -> Iterator[Finding]:
    years = _years(site)
    if options.series:
        try:
            frame = read_series(site.data / options.series)
            if not set(frame.index) & set(years):
                yield error(
                    "analysis.drivers.series",
                    f"{options.series} has the years {frame.index.min()} to {frame.index.max()}, none of them in the "
                    f"project's period{f' {years[0]} to {years[-1]}' if years else ''}",
                )
        except SoilLossError as problem:
            yield error("analysis.drivers.series", str(problem), type(problem))
    if len(years) < FEW:
        yield warning(
            "analysis.drivers",
            f"the period has {len(years)} years, expected {FEW} or more for a correlation from year to year; only the "
            "comparison in space is made",
        )
    for span in options.periods:
        if len([year for year in years if span[0] <= year <= span[1]]) < FEW:
            yield error(
                "analysis.drivers.periods", f"{span[0]} to {span[1]} has fewer than {FEW} years of the period; widen it"
            )
    if options.window and len(years) < options.window:
        yield error("analysis.drivers.window", f"is {options.window} years, but the period has {len(years)}")


def _years(site: Site) -> list[int]:
    return list(site.project.period.years) if site.project.period else []


def read_series(path: Path) -> pd.DataFrame:
    """Return a table of numbers by year.

    Raises
    ------
    SourceError
        If it cannot be read.
    DataError
        If it has no column ``year``, a year twice or none, or a column that is not of numbers.
    """
    try:
        frame = pd.read_csv(path, encoding="utf-8-sig")
    except (OSError, ValueError) as problem:
        raise SourceError(f"{path} cannot be read as a table ({problem}); expected CSV with a column year") from None
    if "year" not in frame:
        raise DataError(f"{path} has the columns {', '.join(map(str, frame.columns))}; expected one called year")
    for column in frame.columns:
        if frame[column].dtype.kind not in "iuf":
            raise DataError(f"{path}: the column {column!r} holds text, expected numbers; leave missing values empty")
    years = frame["year"].to_numpy(float)
    wrong = years[years % 1 != 0]
    if wrong.size:
        raise DataError(f"{path} has the year {wrong[0]:g}, expected whole numbers; correct or remove the line")
    twice = frame["year"].duplicated()
    if twice.any():
        raise DataError(f"{path} has the year {int(frame['year'].to_numpy()[twice.argmax()])} twice; keep one line")
    return frame.set_index(frame["year"].astype(int)).drop(columns="year")


def _gather(place: Place, options: Drivers, _before: list[Sums]) -> Sums:
    study = place.study
    every = stride(study.site.shape, MOST)
    rows, columns = (slice(-part.start % every, None, every) for part in place.window)
    sample = {name: [place.static(name)[rows, columns].ravel()] for name in [LOSS, *_maps(study, options)]}
    if len(study.years) < FEW:
        return sample
    series: Sums = {}
    for name in _in_time(study, options):
        cells = place.years(name)
        if name == "land_cover":
            known = [codes_of(one, LAND_COVERS) for one in cells]
            series["years land_cover"] = np.stack([place.tally(one, LAND_COVERS)[0, 1:] for one in known])
        else:
            known = [np.isfinite(one).astype(np.uint8) for one in cells]
            pairs = zip(known, cells, strict=True)
            series[f"years {name}"] = np.array([place.tally(k, 1, one)[0, 1] for k, one in pairs])
            series[f"areas {name}"] = np.array([place.tally(k, 1)[0, 1] for k in known])
    return {**sample, **series}


def stride(shape: tuple[int, int], most: int) -> int:
    """Return how many cells apart a sample of at most about `most` cells lies, along rows and columns.

    Examples
    --------
    >>> stride((1000, 1000), 250_000)
    2
    """
    return max(1, math.ceil(math.sqrt(shape[0] * shape[1] / most)))


def _maps(study: Study, options: Drivers) -> list[str]:
    return [name for name in dict.fromkeys(options.of or study.factors) if name != LOSS]


def _in_time(study: Study, options: Drivers) -> list[str]:
    """Variables whose means by year are correlated: those that change."""
    changing = {*study.work.changing, LOSS}
    return [name for name in dict.fromkeys([LOSS, *study.factors, *options.also]) if name in changing]


def _finish(study: Study, totals: list[Sums], options: Drivers) -> Answer:
    (sums,) = totals
    maps = {name: np.concatenate(sums[name]) for name in [LOSS, *_maps(study, options)]}
    varied = [name for name in maps if name != LOSS and _varies(maps[name])]
    words, made, figures = [], {}, []
    if varied:
        divergence, alone, pairs = _in_space(maps, varied, options)
        made = {"divergence": divergence, "detector": alone, "detector_pairs": pairs}
        figures = _space_figures(alone, pairs)
        words = [_space_sentence(alone, pairs), CAVEAT]
    if len(study.years) >= FEW:
        series = _series(study, sums, options)
        together = _correlations(series, options)
        made |= {"series": _as_table(series), "correlations": together}
        figures += _time_figures(series, together, options)
        words.append(_time_sentence(together, series))
    return Answer(words or ["No map differs from place to place, and there are too few years."], made, figures)


def _varies(values: np.ndarray) -> bool:
    known = values[np.isfinite(values)]
    return bool(known.size) and known.min() < known.max()


def _in_space(
    maps: Mapping[str, np.ndarray], names: list[str], options: Drivers
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Divergence and rank correlation of soil loss with each map; the geographical detector, alone and in pairs."""
    rows = []
    for name in (one for one in names if not VARIABLES[one].is_class):
        counted, placed = (f(maps[LOSS], maps[name]) for f in (drivers.kl_divergence, drivers.kl_divergence_spatial))
        keys = ("divergence", "reverse", "jensen_shannon")
        rows.append((name, *(counted[k] for k in keys), *(placed[k] for k in keys), counted["spearman"], counted["n"]))
    parts = ("divergence", "reverse", "Jensen-Shannon")
    columns = [f"{part} of {kind} [nat]" for kind in ("histograms", "shares in space") for part in parts]
    divergence = pd.DataFrame(rows, columns=pd.Index(["map", *columns, "Spearman's rho", "cells"]))
    found = drivers.geographical_detector(maps[LOSS], {name: maps[name] for name in names}, classes=options.classes)
    alone, pairs = found["factors"].rename(columns={"factor": "map"}), found["interactions"]
    divergence.attrs["caption"] = (
        "Kullback-Leibler divergence of soil loss from each map, and Spearman's rank correlation."
    )
    alone.attrs["caption"] = (
        f"Geographical detector: share q of the variance of soil loss between {options.classes} strata of each map."
    )
    pairs.attrs["caption"] = "Geographical detector: q of two maps together, and how it compares with each alone."
    return divergence, alone, pairs


def _space_sentence(alone: pd.DataFrame, pairs: pd.DataFrame) -> str:
    ranked = alone.dropna(subset=["q"]).sort_values("q", ascending=False).to_dict("records")
    if not ranked:
        return "Soil loss is the same everywhere, so no map explains it."
    listed = ", ".join(f"{label(one['map'])} {number(100 * one['q'], 2)} %" for one in ranked)
    said = f"In space, the strata of each map hold these shares of the variance of soil loss: {listed}."
    best = max(pairs.to_dict("records"), key=lambda one: np.nan_to_num(one["q"]), default=None)
    if best:
        names = f"{label(best['first'])} and {label(best['second'])}"
        said += f" Of two together {names} hold most, {number(100 * best['q'], 2)} % ({best['kind']})."
    return said


def _space_figures(alone: pd.DataFrame, pairs: pd.DataFrame) -> list[Figure]:
    names = alone["map"].tolist()
    table = np.full((len(names), len(names)), np.nan)
    table[np.diag_indices(len(names))] = alone["q"]
    for one in pairs.to_dict("records"):
        i, j = sorted((names.index(one["first"]), names.index(one["second"])))
        table[j, i] = one["q"]
    titles = [label(name) for name in names]
    bars = {
        "kind": "bars",
        "name": "detector",
        "names": titles,
        "values": alone["q"].tolist(),
        "label": "q, share of the variance of soil loss",
        "caption": "Geographical detector: how much of the variance of soil loss lies between the strata of each map.",
        "alt": "Bars of the detector's q by map",
    }
    matrix = {
        "kind": "matrix",
        "name": "detector_pairs",
        "names": titles,
        "values": table,
        "label": "q",
        "lowest": 0,
        "caption": "Geographical detector: q of each map alone (diagonal) and of two together.",
        "alt": "Matrix of the detector's q of pairs of maps",
    }
    return [bars, matrix] if len(names) > 1 else [bars]


def _series(study: Study, sums: Sums, options: Drivers) -> pd.DataFrame:
    """Means of the area by year, shares of land cover, and what the user's table has."""
    out: dict[str, Any] = {}
    legend = tables.read("land_cover").set_index("code")["name"]
    for name in _in_time(study, options):
        years = sums[f"years {name}"]
        with np.errstate(all="ignore"):
            if name == "land_cover":
                shares = 100 * years / years.sum(axis=1, keepdims=True)
                found = {f"share of {legend[code]}": shares[:, code - 1] for code in range(1, LAND_COVERS + 1)}
                out |= {title: share for title, share in found.items() if np.nansum(share) > 0}
            else:
                areas = sums[f"areas {name}"]
                out[label(name)] = np.where(areas < KNOWN * areas.max(), np.nan, years / areas)
    frame = pd.DataFrame(out, index=pd.Index([int(year) for year in study.years], name="year"))
    if options.series:
        given = read_series(study.site.data / options.series)
        frame = frame.join(given.rename(columns={name: f"{name} of {options.series}" for name in frame}))
    return frame


def _as_table(series: pd.DataFrame) -> pd.DataFrame:
    units = {label(name): step_unit(name, "year") for name, one in VARIABLES.items() if one.unit not in ("", "1")}
    names = {column: f"{column} [{units[column]}]" for column in series if column in units}
    shares = {column: f"{column} [%]" for column in series if str(column).startswith("share of ")}
    frame = series.rename(columns={**names, **shares}).reset_index()
    frame.attrs["caption"] = (
        "Means of the area by year, over the cells that are known in the year; empty where they are less than nine "
        "tenths of those of the best year."
    )
    return frame


def _correlations(series: pd.DataFrame, options: Drivers) -> pd.DataFrame:
    """Pearson's r of every two series: over all years, by period, and in a moving window."""
    parts = [("whole", drivers.pearson(series))]
    if options.periods:
        parts.append(("period", drivers.pearson(series, periods=[(one[0], one[1]) for one in options.periods])))
    if options.window:
        parts.append(("window", drivers.pearson(series, window=options.window)))
    frame = pd.concat([found.assign(kind=kind) for kind, found in parts], ignore_index=True)
    frame.attrs["caption"] = (
        "Pearson's correlation of the series by year. With few years and many pairs some are large by chance; the "
        "p values are of each pair alone and take the years as independent."
    )
    return frame


def _time_sentence(together: pd.DataFrame, series: pd.DataFrame) -> str:
    first = series.columns[0]
    rows = [one for one in _rows(together, kind="whole", first=first) if np.isfinite(one["r"])]
    if not rows:
        return "No other series changes over three known years or more; there is nothing to set soil loss against."
    ordered = sorted(rows, key=lambda one: -abs(one["r"]))[:4]
    listed = ", ".join(f"{one['second']} {number(one['r'], 2)} (p {number(one['p_value'], 2)})" for one in ordered)
    return f"From year to year, mean soil loss goes with: {listed}; {max(one['n'] for one in rows)} years."


def _time_figures(series: pd.DataFrame, together: pd.DataFrame, options: Drivers) -> list[Figure]:
    names = list(series.columns)
    figures = [_matrix(names, _rows(together, kind="whole"), "correlations", "the whole period")]
    for first, last in options.periods:
        span = _rows(together, kind="period", start=first, end=last)
        figures.append(_matrix(names, span, f"correlations_{first}_{last}", f"{first} to {last}"))
    moving = _rows(together, kind="window", first=names[0])
    if moving:
        ends = list(dict.fromkeys(one["end"] for one in moving))
        lines = [[name, [one["r"] for one in moving if one["second"] == name]] for name in names[1:]]
        figures.append(
            {
                "kind": "windows",
                "name": "correlations_window",
                "years": [str(end) for end in ends],
                "lines": lines,
                "label": f"correlation with {names[0]}",
                "caption": f"Correlation of mean soil loss with each series in windows of {options.window} years.",
                "alt": "Lines of correlations in a moving window",
            }
        )
    return figures


def _rows(frame: pd.DataFrame, **wanted: Any) -> list[dict[Any, Any]]:
    """Rows of a table that have these values."""
    return [one for one in frame.to_dict("records") if all(one[key] == value for key, value in wanted.items())]


def _matrix(names: list[str], rows: list[dict[Any, Any]], name: str, when: str) -> Figure:
    table = np.full((len(names), len(names)), np.nan)
    for one in rows:
        i, j = names.index(one["first"]), names.index(one["second"])
        table[i, j] = table[j, i] = one["r"]
    np.fill_diagonal(table, 1)
    return {
        "kind": "matrix",
        "name": name,
        "names": names,
        "values": table,
        "label": "Pearson's r",
        "lowest": -1,
        "caption": f"Correlation of the series by year, {when}.",
        "alt": "Matrix of correlations of series by year",
    }


QUESTION = Question("Drivers", _needs, _check, lambda _site, _options: [], (_gather,), _finish)
