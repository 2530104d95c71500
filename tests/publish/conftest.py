"""A finished output folder as the workflow leaves it, made up: six small rasters, tables and record."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pyproj import Transformer
from scipy.ndimage import gaussian_filter

from soilloss.grid.target import make_grid
from soilloss.publish.rasters import Draft
from soilloss.publish.report import write_report

GRID = make_grid((376_020, 2_040_030, 376_020 + 700 * 90, 2_040_030 + 520 * 90), "EPSG:32643", 90)
UNIT = "t ha-1 yr-1"
YEARS = ("2014", "2015", "2016", "2017")
SEVERITY = {
    "scheme": "fao_1979",
    "edges": [0, 10, 50, 200],
    "names": ["none to slight", "moderate", "high", "very high"],
    "colours": ["#ffffd4", "#fed98e", "#d95f0e", "#993404"],
}
FACTORS = {
    "erosivity": ("MJ mm ha-1 h-1", "wischmeier_smith_1978", "renard1994", "R"),
    "erodibility": ("t ha h ha-1 MJ-1 mm-1", "sharpley_williams_1990", "sharpley1990", "K"),
    "topography": ("1", "desmet_govers_1996", "desmet1996", "LS"),
    "cover": ("1", "van_der_knijff_2000", "vanderknijff2000", "C"),
    "practice": ("1", "constant", "", "P"),
}
FORMULAS = {
    "erosivity": r"R = 0.0483 \, P^{1.610} \; (P \le 850)",
    "topography": r"L = \frac{(A_{in} + a)^{m+1} - A_{in}^{m+1}}{a \, w^m \, 22.13^m}",
    "cover": r"C = \exp\left(-\alpha \frac{NDVI}{\beta - NDVI}\right)",
    "soil_loss": r"A = R \cdot K \cdot LS \cdot C \cdot P",
}


def _cells() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(11)

    def smooth(size):
        field = gaussian_filter(rng.standard_normal(GRID.shape), size)
        return (field - field.mean()) / field.std()

    y, x = np.mgrid[: GRID.shape[0], : GRID.shape[1]]
    inside = ((y - 260) / 250) ** 2 + ((x - 350) / 330) ** 2 + 0.08 * smooth(40) < 1
    made = {
        "erosivity": 5200 + 900 * smooth(80) - 2.0 * x,
        "erodibility": 0.03 + 0.005 * smooth(25),
        "topography": np.exp(0.9 * smooth(6) + 0.6 * smooth(30)),
        "cover": np.clip(0.22 + 0.12 * smooth(8), 0.001, 1),
        "practice": np.ones(GRID.shape),
    }
    made = {name: np.where(inside, values, np.nan).astype("f4") for name, values in made.items()}
    made["erodibility"][100:140, 300:380] = np.nan
    return made


def _write(path: Path, values: np.ndarray, tags: dict, **options) -> str:
    floating = values.dtype.kind == "f"
    with Draft(path, GRID, dtype=values.dtype.name, nodata=np.nan if floating else 0, tags=tags, **options) as draft:
        draft.write((slice(0, 512), slice(0, 700)), values[:512])
        draft.write((slice(512, 520), slice(0, 700)), values[512:])
        draft.finish(overviews=True)
    return draft.hash


def _entry(folder: Path, path: str, variable: str, label: str, values: np.ndarray) -> dict:
    unit, method, cite, _ = FACTORS.get(variable, (UNIT, "rusle", "renard1997", "A"))
    known = values[~np.isnan(values)].astype(float)
    counts, edges = np.histogram(known, bins=np.geomspace(max(known.min(), 1e-4), known.max() + 1e-3, 200))
    tags = {"unit": unit, "long_name": variable, "method": method, "citation": cite}
    return {
        "path": path,
        "variable": variable,
        "label": label,
        "unit": unit,
        "method": method,
        "cite": cite,
        "hash": _write(folder / path, values, tags),
        "missing_cells": int(np.isnan(values).sum()),
        "minimum": known.min(),
        "maximum": known.max(),
        "mean": known.mean(),
        "percentiles": {str(p): float(np.percentile(known, p)) for p in (2, 50, 98)},
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _tables(folder: Path, losses: dict[str, np.ndarray]) -> list[dict]:
    (folder / "tables").mkdir()
    summary, grades = [], []
    for label, loss in losses.items():
        known = loss[~np.isnan(loss)]
        area = known.size * 0.81
        summary.append((label, known.mean(), known.mean() * area, area, (loss.size - known.size) * 0.81))
        which = np.digitize(known, SEVERITY["edges"])
        for grade, name in enumerate(SEVERITY["names"], 1):
            part = known[which == grade]
            mean = part.mean() if part.size else np.nan
            grades.append((label, grade, name, part.size * 0.81, 100 * part.size / known.size, mean, part.sum() * 0.81))
    mean_unit, total = "mean soil loss [t ha-1 yr-1]", "total soil loss [t yr-1]"
    frames = {
        "summary": pd.DataFrame(summary, columns=["step", mean_unit, total, "area [ha]", "missing area [ha]"]),
        "severity": pd.DataFrame(grades, columns=["step", "grade", "name", "area [ha]", "share [%]", mean_unit, total]),
        "zones": pd.DataFrame(
            [("Upper Mula", "mean", 7e4, 21.5, 1.505e6, 9e3, 4e3), ("A & B <b>", "mean", 1, 2, 2, 1, 0)],
            columns=["zone", "step", "area [ha]", mean_unit, total, "none to slight [ha]", "moderate [ha]"],
        ),
    }
    for name, frame in frames.items():
        frame.to_csv(folder / "tables" / f"{name}.csv", index=False)
    return [{"path": f"tables/{name}.csv", "rows": len(frame), "hash": "0" * 64} for name, frame in frames.items()]


def _plan() -> list[dict]:
    rows = [
        ("annual_precipitation", "table", "points", "", "mm", {}),
        *((name, method, "pass", cite, unit, {}) for name, (unit, method, cite, _) in FACTORS.items()),
        ("soil_loss", "rusle", "pass", "renard1997", "t ha-1", {}),
    ]
    plan = [
        {
            "variable": variable,
            "method": method,
            "inputs": ["ndvi"] if variable == "cover" else [],
            "coefficients": {"alpha": 2.0, "beta": 1.0} if variable == "cover" else coefficients,
            "cite": cite,
            "place": place,
            "formula": FORMULAS.get(variable, ""),
            "summary": f"{variable} of a cell.",
            "unit": unit,
        }
        for variable, method, place, cite, unit, coefficients in rows
    ]
    return plan


def make_folder(folder: Path) -> dict:
    """Write the folder and return its record."""
    cells = _cells()
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(2)
    losses = {"mean": cells["erosivity"] * cells["erodibility"] * cells["topography"] * cells["cover"]}
    losses |= {year: (losses["mean"] * rng.uniform(0.7, 1.4)).astype("f4") for year in YEARS}
    rasters = [_entry(folder, f"factors/{name}.tif", name, "mean", values) for name, values in cells.items()]
    for label, loss in losses.items():
        path = "soil_loss.tif" if label == "mean" else f"soil_loss/{label}.tif"
        rasters.append(_entry(folder, path, "soil_loss", label, loss))
    grades = np.where(np.isnan(losses["mean"]), 0, np.digitize(losses["mean"], SEVERITY["edges"])).astype("u1")
    options = {"colours": SEVERITY["colours"], "categories": SEVERITY["names"]}
    severity = {"path": "severity.tif", "variable": "severity", "label": "mean", "unit": "", "method": "fao_1979"}
    severity["hash"] = _write(folder / "severity.tif", grades, {"long_name": "severity"}, **options)
    severity |= {"cite": "fao1979", "missing_cells": int((grades == 0).sum()), "minimum": 1, "maximum": 4}
    rasters.append(severity)
    tables = _tables(folder, losses)
    known = losses["mean"][~np.isnan(losses["mean"])]
    stations = [
        {"name": f"S{i}", "x": 73.5 + i / 20, "y": 18.6, "value": v, "predicted": v * 0.9 + 60}
        for i, v in enumerate(rng.uniform(600, 2400, 12))
    ]
    to_degrees = Transformer.from_crs("EPSG:32643", "EPSG:4326", always_xy=True)
    west, south, east, north = to_degrees.transform_bounds(*GRID.boundingbox.bbox)
    record = {
        "soilloss": "0.1.0",
        "name": "Mula & Mutha <catchment>",
        "model": "rusle",
        "created": "2026-11-21T11:40:00+00:00",
        "elapsed_s": 31.4,
        "project": {"name": "mula-mutha", "methods": {"cover": "van_der_knijff_2000"}},
        "area": None,
        "grid": {
            "crs": "EPSG:32643",
            "wkt": GRID.crs.to_wkt(),
            "transform": list(GRID.affine)[:6],
            "shape": list(GRID.shape),
            "resolution": [90, 90],
            "bounds": list(GRID.boundingbox.bbox),
            "bounds_lonlat": [west, south, east, north],
        },
        "period": {"start": "2014-01", "end": "2017-12", "step": "year", "steps": list(YEARS)},
        "plan": _plan(),
        "inputs": [
            {"variable": "ndvi", "kind": "raster", "path": "data/ndvi_<2014>.tif", "sha256": "ab" * 32,
             "bytes": 1_234_567, "crs": "EPSG:4326", "shape": [520, 700], "unit": "1", "value": None,
             "missing_share": 0.02},
            {"variable": "practice", "kind": "constant", "path": None, "sha256": None, "bytes": None, "crs": None,
             "shape": None, "unit": "1", "value": 1.0, "missing_share": 0},
        ],
        "rasters": rasters,
        "tables": tables,
        "severity": SEVERITY,
        "clipped": [{"variable": "cover", "method": "cai_2000", "limit": "0 or 1", "cells": 12, "share": 0.01}],
        "gaps": [{"variable": "erodibility", "cells": 3200, "area_ha": 2592.0, "share": 0.012}],
        "channel_cells": 4821,
        "total": {"area_ha": known.size * 0.81, "mean": float(known.mean()), "soil_loss_t": float(known.sum() * 0.81)},
        "points": [
            {"variable": "annual_precipitation", "method": "table", "interpolate": "kriging", "table": "data/rain.csv",
             "stations": stations, "me": 3.2, "rmse": 142.0, "r2": 0.81},
        ],
        "findings": [
            {"level": "warning", "where": "ndvi", "message": "red holds digital numbers <0..255>, not reflectance."},
            {"level": "note", "where": "grid", "message": "cells of 90 m hide short slopes."},
        ],
        "citations": ["renard1997", "desmet1996", "vanderknijff2000", "sharpley1990", "fao1979"],
        "versions": {"numpy": "2.4.6", "rasterio": "1.4.4", "gdal": "3.10.3"},
    }  # fmt: skip
    (folder / "record.json").write_text(json.dumps(record), encoding="utf-8")
    return record


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """The folder and its record; tests must not change it."""
    folder = tmp_path_factory.mktemp("finished") / "out"
    return folder, make_folder(folder)


VOID = {"meta", "img", "br", "mspace", "link", "hr"}


class Reader(HTMLParser):
    """A page as a browser would take it: links, ids, images and words; tags must nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open, self.loads, self.links, self.ids, self.images, self.tags = [], [], [], [], [], []
        self._words = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.tags.append(tag)
        self.loads += [found[name] for name in ("src", "data", "poster", "srcset") if name in found]
        self.links += [found["href"]] if "href" in found else []
        self.ids += [found["id"]] if "id" in found else []
        self.images += [found] if tag == "img" else []
        self.open += [] if tag in VOID else [tag]

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self._words.append(data)

    @property
    def words(self) -> str:
        return " ".join(" ".join(self._words).split())


@pytest.fixture(scope="session")
def read_page():
    return Reader


@pytest.fixture(scope="session")
def report(finished):
    """The report of the finished folder: its text, and what a reader finds in it."""
    text = write_report(finished[0]).read_text(encoding="utf-8")
    return text, Reader(text)
