"""How right the maps are: scores by year and class, changes, confidence, areas with intervals, other products."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import rasterio
from odc.geo.geobox import GeoBox

from soilloss import tables
from soilloss.analysis.accuracy import area_estimate, confusion_matrix, scores
from soilloss.analysis.series_accuracy import calibration, change_scores, restlessness
from soilloss.errors import ProjectError, SourceError
from soilloss.grid.blocks import windows
from soilloss.grid.target import cell_area
from soilloss.landcover.images import GREEN, NIR, RED, read_image
from soilloss.publish.landcover import write_page
from soilloss.sources import files
from soilloss.sources.patterns import find
from soilloss.workflow.landcover.points import cells_of, look_up, read_set, steps_of
from soilloss.workflow.landcover.series import finest_grid, single_maps, smooth_maps, smooth_series, steps_per_year
from soilloss.workflow.landcover.work import SMOOTH, Work, done
from soilloss.workflow.project.landcover import ClassMap, PointSet

_SITE = 200  # cells a side of the panels at named places
CLASSES = tuple(range(1, 9))
NAMES = dict(zip(CLASSES, tables.read("land_cover")["name"], strict=True))
Tables = dict[str, list[dict[str, Any]]]


def score_series(work: Work) -> dict[str, Any]:
    """Score the maps at all validation sets; write ``accuracy/*.csv`` and ``report.html``; return scores and notes."""
    if not work.section.validation:
        raise ProjectError(
            "landcover.validation names no points, so nobody can say how right the maps are; give a table of id, x, y, "
            "date, class: {ours: {points: points.csv}}, or draw places first: soilloss landcover points"
        )
    smooth_series(work)
    found: Tables = {name: [] for name in ("scores", "classes", "changes", "calibration", "areas", "agreement")}
    notes: list[str] = []
    folder = work.folder / "accuracy"
    folder.mkdir(exist_ok=True)
    try:
        for name, given in work.section.validation.items():
            work.progress(f"accuracy {name}", 0, 1)
            notes += _score_set(work, name, given, found)
    finally:
        files.close_all()
    for table, rows in found.items():
        pd.DataFrame(rows).to_csv(folder / f"{table}.csv", index=False, float_format="%.6g")
    notes = [*_earlier_notes(work), *notes]
    page = write_page(work.folder, found, notes, work.steps, _sites(work))
    overall = [row for row in found["scores"] if row["period"] == "all"]
    return {"page": str(page), "scores": overall, "areas": found["areas"], "notes": notes}


def _earlier_notes(work: Work) -> list[str]:
    """What was to be said when tiles were cut and maps made."""
    kept = [entry["report"] for entry in done(work).values() if isinstance(entry["report"], dict)]
    return [note for report in kept for note in [*report.get("notes", []), report.get("note", "")] if note]


def _score_set(work: Work, name: str, given: PointSet, found: Tables) -> list[str]:
    points: Any
    points, agreement = read_set(work, name, given)
    if agreement:
        found["agreement"].append({"set": name, **agreement})
    known = np.array([bool(steps_of(work, date)) for date in points["date"]])
    notes = [f"{int((~known).sum())} points of {name} are of other years than the maps and are left out"] * (
        not known.all()
    )
    points = points[known].reset_index(drop=True)
    absent = [NAMES[c] for c in CLASSES if c not in set(points["class"])]
    notes += [f"{', '.join(absent)}: no validation point in {name}, so nothing is known of their accuracy"] * bool(
        absent
    )
    for product, source, grid in _products(work, points, notes):
        mapped = look_up(work, source, grid, points, given.crs)
        if not mapped.any():
            notes.append(f"no point of {name} lies on the map {product}; is landcover.validation.{name}.crs right?")
            continue
        _enter_scores(work, found, name, product, points, mapped)
        if product == "smoothed":
            _enter_areas(work, found, name, points, mapped, notes)
            _enter_calibration(work, found, name, given, points, mapped)
    return notes


def _products(work: Work, points: Any, notes: list[str]) -> Iterator[tuple[str, files.RasterSource, GeoBox]]:
    """Maps to judge: single, smoothed, and those of others that the project compares with."""
    for name, source in (("single", single_maps(work)), ("smoothed", smooth_maps(work))):
        yield name, source, finest_grid(source)
    steps = [step for step in work.steps if any(step in steps_of(work, date) for date in points["date"].unique())]
    for name, given in work.section.compare.items():
        there = _served(work, given, steps)
        if absent := sorted({step[:4] for step in steps if step not in there}):
            notes.append(f"{name} has no map of {', '.join(absent)}; points of that time are not counted for it")
        source = work.source(given.file, given.legend, there or steps)
        yield name, source, finest_grid(source)


def _served(work: Work, given: ClassMap, steps: Sequence[str]) -> list[str]:
    """Steps that the maps of others have a file for: their years differ from ours."""

    def there(step: str) -> bool:
        try:
            return bool(find("land_cover", given.file, [step], work.data))
        except SourceError:
            return False

    return [step for step in steps if there(step)]


def _enter_scores(work: Work, found: Tables, name: str, product: str, points: Any, mapped: np.ndarray) -> None:
    """Scores of all points, of each year and of each season; accuracies by class; changes of places seen repeatedly."""
    truth, year = points["class"].to_numpy(), points["date"].str[:4]
    season = points["date"].str[4:].str.lstrip("-")
    groups = [("all", np.ones(len(points), bool))]
    groups += [(label, (year == label).to_numpy()) for label in sorted(set(year))]
    groups += [(label, (season == label).to_numpy()) for label in sorted(set(season) - {""})]
    for period, use in groups:
        counts = confusion_matrix(truth[use], mapped[use], classes=CLASSES)
        if counts.to_numpy().any():
            found["scores"].append({"set": name, "map": product, "period": period, **_overall(counts)})
    counts = confusion_matrix(truth, mapped, classes=CLASSES)
    counts.rename(index=NAMES, columns=NAMES).to_csv(work.folder / "accuracy" / f"confusion_{name}_{product}.csv")
    judged = scores(counts)
    for code in CLASSES:
        row = {"set": name, "map": product, "class": NAMES[code], "n": int(counts.loc[code].sum())}
        row |= {key: judged[key][code] for key in ("producer_accuracy", "user_accuracy", "f1", "iou")}
        found["classes"].append(row)
    found["changes"] += _changes(work, name, product, points.assign(mapped=mapped))


def _changes(work: Work, name: str, product: str, points: Any) -> list[dict[str, Any]]:
    """Changes at places seen at three dates at least: to two steps where the dates are steps without a gap."""
    dates = sorted(set(points["date"]))
    if len(dates) < 3:
        return []
    truth, mapped = (points.pivot(index="date", columns="id", values=key) for key in ("class", "mapped"))
    first = work.steps.index(dates[0]) if dates[0] in work.steps else len(work.steps)
    if tuple(dates) == work.steps[first : first + len(dates)]:
        judged = change_scores(truth, mapped) | restlessness(mapped, steps_per_year=steps_per_year(work.steps))
    else:
        judged = change_scores(truth, mapped, tolerance=0) | {"flips": np.nan, "consistent": np.nan}
    return [{"set": name, "map": product, **judged}]


def _overall(counts: pd.DataFrame) -> dict[str, Any]:
    judged = scores(counts)
    names = ("overall_accuracy", "kappa", "fwiou", "miou")
    return {"n": int(counts.to_numpy().sum()), **{key: judged[key] for key in names}}


def _enter_areas(work: Work, found: Tables, name: str, points: Any, mapped: np.ndarray, notes: list[str]) -> None:
    """Areas of each year that has points, each place once; strata are those of the draw, or the mapped classes."""
    rows: Any = points if "stratum" in points else points.assign(stratum=mapped)
    rows = rows[rows["stratum"] > 0]
    for year, group in rows.groupby(rows["date"].str[:4]):
        once = group.drop_duplicates("id")
        shown = {step for date in once["date"].unique() for step in steps_of(work, date)}
        mapped_area = strata = _mapped_areas(work, sorted(shown))
        if "stratum_area" in rows:  # whatever the map shows now, the places stand for the map they were drawn from
            strata = dict.fromkeys(CLASSES, 0.0) | rows.groupby("stratum")["stratum_area"].first().to_dict()
        counts = confusion_matrix(once["stratum"], once["class"], classes=CLASSES)
        sampled, there = counts.to_numpy().sum(axis=1), counts.to_numpy().sum(axis=0)
        area = np.array([strata[c] for c in CLASSES])
        if left := [NAMES[c] for c in CLASSES if area[c - 1] > 0 and not sampled[c - 1]]:
            notes.append(
                f"{', '.join(left)}: mapped in {year}, but without a point of {name} there; left out of the areas"
            )
        used = np.where(sampled > 0, area, 0)
        if not used.any():
            continue
        estimate = area_estimate(counts, used)["classes"]
        for code in (c for c in CLASSES if used[c - 1] > 0 or there[c - 1]):
            one = estimate.loc[code]
            found["areas"].append(
                {"set": name, "year": int(str(year)), "class": NAMES[code], "mapped [ha]": mapped_area[code],
                 "area [ha]": one["area"], "interval [ha]": one["area_interval"], "n": int(sampled[code - 1])}
            )  # fmt: skip


def _mapped_areas(work: Work, steps: list[str]) -> dict[int, float]:
    """Mean area of each class over some steps, in hectares."""
    total = np.zeros(max(CLASSES) + 1)
    source = smooth_maps(work)
    grid = finest_grid(source)
    area = cell_area(grid) / 1e4
    for step in steps:
        for window in windows((int(grid.shape[0]), int(grid.shape[1])), 2048):
            codes = np.nan_to_num(files.read_block(source, grid, step, window), nan=0).astype(int)
            weights = np.broadcast_to(area[window[0]], codes.shape)
            total += np.bincount(codes.reshape(-1), weights.reshape(-1), minlength=len(total))
    return {code: float(total[code] / len(steps)) for code in CLASSES}


def _enter_calibration(work: Work, found: Tables, name: str, given: PointSet, points: Any, mapped: np.ndarray) -> None:
    """Confidence of the smoothed maps at points of single steps, where they have one."""
    sure = np.full(len(points), np.nan)
    for step in set(points["date"]) & set(work.steps):
        path = work.folder / SMOOTH / "confidence" / f"{step}.tif"
        if not path.exists():
            return
        with rasterio.open(path) as dataset:
            grid = GeoBox(dataset.shape, dataset.transform, dataset.crs.to_wkt())
            row, column = cells_of(points, given.crs, grid)
            here = np.flatnonzero((points["date"] == step).to_numpy() & (row >= 0))
            values = dataset.read(1)
        sure[here] = values[row[here], column[here]]
    error, table = calibration(sure, mapped == points["class"].to_numpy())
    found["calibration"] += [{"set": name, "error": error, **row} for row in table.to_dict("records")]


def _of_step(source: files.RasterSource, step: str) -> files.RasterSource:
    """Return a source of one map as that of another step."""
    return source._replace(files=((step, source.files[0][1]),))


def _sites(work: Work) -> list[tuple[str, list[tuple[str, np.ndarray]]]]:
    """Named places in the last step: the image in false colours (y, x, 3) beside the maps (y, x)."""
    step, shown = work.steps[-1], []
    smoothed = smooth_maps(work)
    grid = finest_grid(smoothed)
    products = [("single", single_maps(work)), ("smoothed", smoothed)]
    for name, given in work.section.compare.items():
        last = (_served(work, given, work.steps) or [step])[-1]
        source = work.source(given.file, given.legend, [last])
        products.append((name if last == step else f"{name}, {last}", _of_step(source, step)))
    for name, (x, y) in work.section.sites.items():
        row, column = (int(v[0]) for v in cells_of(pd.DataFrame({"x": [x], "y": [y]}), None, grid))
        if row < 0:
            raise ProjectError(f"landcover.sites: {name} at {x}, {y} lies outside the maps; give longitude, latitude")
        rows, columns = (
            slice(max(at - _SITE // 2, 0), min(at + _SITE // 2, int(n)))
            for at, n in zip((row, column), grid.shape, strict=True)
        )
        panels = [(title, files.read_block(source, grid, step, (rows, columns))) for title, source in products]
        if work.section.images is not None:
            image = read_image(work.images(), grid, step, (rows, columns))[[NIR, RED, GREEN]]
            panels.insert(0, ("nir, red, green", np.moveaxis(image, 0, 2)))
        shown.append((name, panels))
    return shown
