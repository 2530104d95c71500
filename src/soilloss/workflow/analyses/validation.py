"""Validation: eroded shares against official statistics, soil loss against what plots and gauges measured."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd
import pyogrio
from pyproj import Transformer

from soilloss.analysis.accuracy import against_observations, eroded_share_error
from soilloss.errors import DataError, SoilLossError
from soilloss.grid import zones
from soilloss.grid.align import apply
from soilloss.grid.blocks import Window
from soilloss.publish.text import number, unit_text
from soilloss.sources import tables, vectors
from soilloss.workflow.analyses.answer import Answer, Figure, Question, Sums
from soilloss.workflow.analyses.classes import legend_of
from soilloss.workflow.analyses.drivers import read_series
from soilloss.workflow.check.findings import Finding, error
from soilloss.workflow.site import whole

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.project.analysis import Validation
    from soilloss.workflow.site import Site

LOSS, OURS = "soil_loss", "this map"
UNIT = "t ha-1 yr-1"
CAVEAT = (
    "A gauge measures what leaves its catchment; the map shows what sheet and rill erosion sets in motion, much of "
    "which settles on the way. Expect the map to be higher there."
)


class Observed(NamedTuple):
    """What was measured: `cells(window)` gives observation, row, column and weight of what a window knows of them."""

    names: list[str]
    values: np.ndarray
    cells: Callable[[Window], tuple[np.ndarray, ...]]
    areas: bool


def _check(site: Site, options: Validation) -> Iterator[Finding]:
    years = [int(step[:4]) for step in site.project.steps if step]
    if options.official:
        try:
            frame = _official(site, options)
            if not years or not set(frame.index) & set(years):
                yield error(
                    "analysis.validation.official",
                    f"{options.official} has the years {', '.join(map(str, frame.index))}, none of which the project "
                    "has; extend the period",
                )
            else:
                _judged(frame, dict.fromkeys(years, 0.0), options)
        except SoilLossError as problem:
            yield error("analysis.validation.official", str(problem), type(problem))
    names = legend_of(site, "severity").names
    if options.eroded_from > len(names):
        yield error(
            "analysis.validation.eroded_from",
            f"is {options.eroded_from}, but the scheme has {len(names)} grades: {', '.join(names)}",
        )
    if options.year is not None and options.year not in years:
        yield error("analysis.validation.year", f"{options.year} is no year of the project; name one of its period")
    if options.observed:
        try:
            found = _observed(site, options)
            if not len(found.cells(whole(site))[0]):
                yield error(
                    "analysis.validation.observed",
                    f"none of the {len(found.names)} observations of {options.observed} lies on the grid; check crs",
                )
        except SoilLossError as problem:
            yield error("analysis.validation.observed", str(problem), type(problem))


def _official(site: Site, options: Validation) -> pd.DataFrame:
    frame = read_series(site.data / str(options.official))
    if frame.shape[1] == 0:
        raise DataError(f"{options.official} has only the column year; expected the eroded share [%] beside it")
    if OURS in frame:
        raise DataError(
            f"{options.official} has a column {OURS!r}, as the results of the project are called; rename it"
        )
    shares = frame.to_numpy(float)
    outside = shares[(shares < 0) | (shares > 100)]
    if outside.size:
        raise DataError(f"{options.official} has a share of {outside[0]:g}, expected per cent from 0 to 100")
    return frame


def _judged(given: pd.DataFrame, ours: dict[int, float], options: Validation) -> pd.DataFrame:
    """Scores of our shares and of other products, against the first column of the official table."""
    truth, others = given.iloc[:, 0].dropna(), given.iloc[:, 1:]
    results = {OURS: ours} | {str(name): others[name].dropna().to_dict() for name in others}
    return eroded_share_error(results, truth.to_dict(), common_years=options.common_years)["scores"]


def _observed(site: Site, options: Validation) -> Observed:
    path = site.data / str(options.observed)
    return _read_observed(str(path), options.crs, site.wkt, path.stat().st_mtime_ns if path.exists() else 0, site.grid)


@lru_cache(maxsize=4)
def _read_observed(path: str, crs: str | None, wkt: str, _changed: int, grid: Any) -> Observed:
    """Read points or polygons; kept, because every tile asks for them."""
    table = Path(path).suffix.lower() in (".csv", ".txt")
    if not table and Path(path).exists() and pyogrio.read_info(path)["geometry_type"] != "Point":
        return _polygons(path, wkt, grid)
    found = tables.read_points(path, crs=crs)
    if LOSS not in found.columns:
        raise DataError(f"{path} has no column {LOSS}; expected the measured soil loss in t/ha a year")
    x, y = Transformer.from_crs(found.crs, wkt, always_xy=True).transform(found.x, found.y)
    columns, rows = (np.floor(np.asarray(one)) for one in apply(~grid.affine, np.asarray(x), np.asarray(y)))

    def cells(window: Window) -> tuple[np.ndarray, ...]:
        row, column = rows - window[0].start, columns - window[1].start
        height, width = (part.stop - part.start for part in window)
        inside = np.flatnonzero((row >= 0) & (row < height) & (column >= 0) & (column < width))
        return inside, row[inside].astype(int), column[inside].astype(int), np.ones(len(inside))

    return Observed(list(found.names), found.columns[LOSS], cells, areas=False)


def _polygons(path: str, wkt: str, grid: Any) -> Observed:
    frame = vectors.read_polygons(path, column=LOSS).to_crs(wkt)
    column = next((name for name in ("name", "station") if name in frame), None)
    names = [str(name) for name in (frame[column] if column else range(1, len(frame) + 1))]
    values, shapes = np.asarray(frame[LOSS], float), list(frame.geometry)
    return Observed(names, values, lambda window: zones.coverage(shapes, grid, window), areas=True)


def _gather(place: Place, options: Validation, _before: list[Sums]) -> Sums:
    out: Sums = {}
    if options.official:
        count = len(place.study.grades)
        grades = [np.nan_to_num(one).astype(np.uint8) for one in place.years("severity")]
        out["grades"] = np.stack([place.tally(one, count)[0] for one in grades])
    if options.observed:
        found = _observed(place.study.site, options)
        loss = place.static(LOSS)
        if options.year is not None:
            loss = place.years(LOSS)[list(place.study.years).index(str(options.year))]
        number_, row, column, weight = found.cells(place.window)
        cells = loss[row, column].astype(float)
        weight = np.where(np.isfinite(cells), weight * place.area[row], 0)
        out["weight"] = np.bincount(number_, weight, len(found.names))
        out["loss"] = np.bincount(number_, weight * np.nan_to_num(cells), len(found.names))
    return out


def _finish(study: Study, totals: list[Sums], options: Validation) -> Answer:
    (sums,) = totals
    words, made, figures = [], {}, []
    if options.official:
        said, frames, figure = _against_statistics(study, sums["grades"], options)
        words, made, figures = [*words, said], {**made, **frames}, [*figures, figure]
    if options.observed:
        said, frames, drawn = _against_plots(study, sums, options)
        words, made, figures = [*words, *said], {**made, **frames}, [*figures, *drawn]
    return Answer(words, made, figures)


def _against_statistics(
    study: Study, areas: np.ndarray, options: Validation
) -> tuple[str, dict[str, pd.DataFrame], Figure]:
    """Eroded shares by year against the first column of the official table, other products beside ours."""
    given = _official(study.site, options)
    with np.errstate(all="ignore"):
        shares = 100 * areas[:, options.eroded_from :].sum(1) / areas[:, 1:].sum(1)
    ours = {int(year): share for year, share in zip(study.years, shares.tolist(), strict=True)}
    scores = _judged(given, ours, options).rename_axis("product").reset_index()
    scores.columns = ["product", "years", "bias [points]", "MAE [points]", "RMSE [points]"]
    title = str(given.columns[0])
    table = pd.DataFrame({OURS: ours, **{str(name): given[name] for name in given}}).rename_axis("year")
    table = table[table[title].notna()]
    scores.attrs["caption"] = f"Eroded shares against {title}: result minus reference, in percentage points."
    by_year = table.reset_index()
    by_year.attrs["caption"] = f"Eroded share of the area [%] by year; grades from {options.eroded_from} on are eroded."
    own = scores.iloc[0]
    said = (
        f"The eroded share is on average {number(abs(own['bias [points]']))} percentage points "
        f"{'above' if own['bias [points]'] > 0 else 'below'} {title} (mean absolute error "
        f"{number(own['MAE [points]'])}, {own['years']} year{'s' if own['years'] > 1 else ''})."
    )
    figure = {
        "kind": "shares",
        "name": "validation_shares",
        "years": [str(year) for year in table.index],
        "lines": [[str(name), table[name].tolist()] for name in table],
        "label": "eroded share of the area (%)",
        "caption": f"Eroded share of the area by year, this map against {title}.",
        "alt": "Lines of eroded shares by year",
    }
    return said, {"validation_shares": by_year, "validation_scores": scores}, figure


def _against_plots(
    study: Study, sums: Sums, options: Validation
) -> tuple[list[str], dict[str, pd.DataFrame], list[Figure]]:
    found = _observed(study.site, options)
    with np.errstate(all="ignore"):
        modelled = sums["loss"] / sums["weight"]
    frame = pd.DataFrame({"name": found.names, f"observed [{UNIT}]": found.values, f"modelled [{UNIT}]": modelled})
    frame[f"difference [{UNIT}]"] = modelled - found.values
    frame.attrs["caption"] = "Soil loss as measured and as the map has it there; empty where the map has no value."
    judged = against_observations(modelled, found.values)
    if not judged["n"]:
        return ["No observation lies where the map has a value."], {"validation_observed": frame}, []
    scores = pd.DataFrame([judged])
    scores.columns = ["observations", *(f"{name} [{UNIT}]" for name in ("bias", "MAE", "RMSE")), "Nash-Sutcliffe"]
    scores.attrs["caption"] = "Modelled minus observed. A Nash-Sutcliffe efficiency below 0: their mean is nearer."
    unit = unit_text(UNIT)
    many, side = "s" if judged["n"] > 1 else "", "high" if judged["bias"] > 0 else "low"
    said = (
        f"Against {judged['n']} observation{many} the map is {number(abs(judged['bias']))} {unit} too {side} on "
        f"average (RMSE {number(judged['rmse'])} {unit}, Nash-Sutcliffe efficiency {number(judged['nse'], 2)})."
    )
    use = np.isfinite(modelled) & np.isfinite(found.values)
    figure = {
        "kind": "agreement",
        "name": "validation_observed",
        "observed": found.values[use].tolist(),
        "modelled": modelled[use].tolist(),
        "label": "soil loss",
        "unit": UNIT,
        "caption": "Soil loss of the map against what was measured.",
        "alt": "Scatter of modelled against observed soil loss",
    }
    words = [said, *([CAVEAT] if found.areas else [])]
    return words, {"validation_observed": frame, "validation_observed_scores": scores}, [figure]


def _needs(options: Validation) -> list[str]:
    return [LOSS, *(["severity"] if options.official else [])]


QUESTION = Question("Validation", _needs, _check, lambda _site, _options: [], (_gather,), _finish)
