"""What the variants of a project change: by area, by zone, on the map, and per hectare of converted land."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import rasterio
from rasterio.windows import Window as RasterWindow

from soilloss import tables
from soilloss.analysis.scenario import CLASSES
from soilloss.errors import SoilLossError
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.grid.target import cell_area, cell_size
from soilloss.publish.rasters import TILE
from soilloss.publish.text import number, unit_text
from soilloss.workflow import block, record, stored
from soilloss.workflow.analyses import sweep
from soilloss.workflow.analyses.answer import Answer, Figure, Layer
from soilloss.workflow.analyses.classes import legend_of
from soilloss.workflow.outputs import MEAN
from soilloss.workflow.project import Project
from soilloss.workflow.site import Site, make_site

DIFFERENCES = "differences"
LAND_COVER = "land_cover"
UNIT = "t ha-1 yr-1"
COLUMNS = [
    *("variant", "compared with", f"mean soil loss [{UNIT}]", "total soil loss [t yr-1]"),
    *(f"difference [{UNIT}]", "difference [%]", "difference in total [t yr-1]"),
    *("converted area [ha]", f"difference per converted hectare [{UNIT}]"),
]
CAPTIONS = {
    "variants": "Each variant against the project: its mean of the same period, or the same year. Everything of a "
    "variant lies in variants/NAME.",
    "variant_zones": "By zone: mean soil loss in the variant, and its difference from the project.",
    "conversions": "Land that has another class in the variant, and what soil loss on it was and would be.",
}
MOST_MAPS = 6


class Pair(NamedTuple):
    """A project and one of its variants, both finished; `label` is the step of the project that the variant matches."""

    name: str
    base: Site
    other: Site
    label: str

    def map_of(self, folder: Path, label: str) -> Path:
        """The map of soil loss of a result."""
        return folder / ("soil_loss.tif" if label == MEAN else f"soil_loss/{label}.tif")

    @property
    def maps(self) -> tuple[Path, Path]:
        """Maps of soil loss of the project and of the variant."""
        return self.map_of(self.base.folder, self.label), self.map_of(self.other.folder, MEAN)

    @property
    def mapped(self) -> bool:
        """Whether both maps are there, on one grid."""
        same = self.base.grid == self.other.grid
        return bool(self.label) and same and all(path.is_file() for path in self.maps)


def write(site: Site, others: Mapping[str, Site], workers: int | None) -> None:
    """Compare finished variants with the finished project, and add tables, maps and a section to its result."""
    from soilloss.publish.report import write_report

    found = record.read(site.folder)
    pairs = [Pair(name, site, other, common_label(site.project, other.project)) for name, other in others.items()]
    mapped = [pair for pair in pairs if pair.mapped]
    converted = {pair.name: one for pair in mapped if (one := _conversions(pair, workers))}
    frames = {
        "variants": pd.DataFrame([_row(pair, converted.get(pair.name)) for pair in pairs], columns=pd.Index(COLUMNS)),
        "variant_zones": pd.concat([_zones(pair) for pair in pairs]),
        "conversions": pd.concat([one.table for one in converted.values()] or [pd.DataFrame()]),
    }
    frames = {name: frame for name, frame in frames.items() if len(frame)}
    for name, frame in frames.items():
        frame.to_csv(site.folder / "tables" / f"{name}.csv", index=False, float_format="%.9g")
        frame.attrs["caption"] = CAPTIONS[name]
    layers = [_difference(pair, workers) for pair in mapped] + [one.layer for one in converted.values()]
    rows = frames["variants"].to_dict("records")
    answer = Answer(
        [_sentence(row) for row in rows], frames, _figures(rows, mapped, [one.layer[0] for one in converted.values()])
    )
    entry = sweep.entries([sweep.Answered("variants", "Variants", answer, layers)])
    found["analyses"] = [one for one in found["analyses"] if one["name"] != "variants"] + entry
    _replace(site.folder, found)
    write_report(site.folder, found)


def common_label(base: Project, other: Project) -> str:
    """The step of the project that a variant can be set against: the mean, its year, or none where periods differ."""
    own = list(base.period.years) if base.period else []
    years = list(other.period.years) if other.period else []
    if own == years:
        return MEAN
    return str(years[0]) if len(years) == 1 and years[0] in own else ""


def _row(pair: Pair, converted: Conversions | None) -> tuple[Any, ...]:
    mean, total = _summary(pair.other.folder, MEAN)
    before, total_before = _summary(pair.base.folder, pair.label) if pair.label else (np.nan, np.nan)
    hectares = change = np.nan
    if converted is not None and len(converted.table):
        hectares, change = (converted.table[key].sum() for key in ("area [ha]", "difference in total [t yr-1]"))
    percent = 100 * (mean - before) / before if before else np.nan
    per_hectare = change / hectares
    difference = (mean - before, percent, total - total_before)
    return pair.name, pair.label, mean, total, *difference, hectares, per_hectare


def _summary(folder: Path, label: str) -> tuple[float, float]:
    row = next(one for one in _table(folder, "summary").to_dict("records") if one["step"] == label)
    return row["mean soil loss [t ha-1]"], row["total soil loss [t]"]


def _table(folder: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(folder / "tables" / f"{name}.csv", converters={"step": str, "zone": str})


def _zones(pair: Pair) -> pd.DataFrame:
    """Means by zone of both, where both have the same zones."""
    paths = [folder / "tables" / "zones.csv" for folder in (pair.base.folder, pair.other.folder)]
    if not pair.label or not all(path.is_file() for path in paths):
        return pd.DataFrame()
    frames = [_table(folder, "zones") for folder in (pair.base.folder, pair.other.folder)]
    base, other = (
        frame[frame["step"] == label].set_index("zone") for frame, label in zip(frames, (pair.label, MEAN), strict=True)
    )
    before, after = (frame["mean soil loss [t ha-1]"] for frame in (base, other.reindex(base.index)))
    out = pd.DataFrame({"variant": pair.name, "zone": base.index, f"mean soil loss [{UNIT}]": after.to_numpy()})
    out[f"difference [{UNIT}]"] = (after - before).to_numpy()
    out["difference [%]"] = (100 * (after - before) / before.where(before > 0)).to_numpy()
    total = "total soil loss [t]"
    out["difference in total [t yr-1]"] = (other.reindex(base.index)[total] - base[total]).to_numpy()
    return out


def _read(path: Path, window: Window) -> np.ndarray:
    with rasterio.open(path) as dataset:
        return dataset.read(1, window=RasterWindow.from_slices(*window))


def _path(name: str) -> str:
    return f"{DIFFERENCES}/{name}.tif"


def _difference(pair: Pair, workers: int | None) -> tuple[Layer, str]:
    """Write the map of the variant minus the project; return what it is, and its hash."""
    layer = Layer(_path(pair.name), "soil_loss_difference", "difference in soil loss", UNIT, f"{pair.name} minus base")
    base, other = pair.maps
    with sweep.draft_of(layer, pair.base.folder, pair.base) as draft:
        blocks = windows(pair.base.shape, TILE)
        for window, cells in run_blocks(lambda w: _read(other, w) - _read(base, w), blocks, workers):
            draft.write(window, cells)
        draft.finish(overviews=True)
    return layer, draft.hash


def _sentence(row: Mapping[Any, Any]) -> str:
    name, change, mean = row["variant"], row["difference [%]"], row[f"mean soil loss [{UNIT}]"]
    if not np.isfinite(mean):
        return f"{name} has no cell with soil loss."
    if not row["compared with"]:
        return f"{name} has {number(mean)} {unit_text(UNIT)}; its years are others than the project's: no comparison."
    against = "" if row["compared with"] == MEAN else f" of {row['compared with']}"
    if not np.isfinite(change):
        return f"{name} has {number(mean)} {unit_text(UNIT)}; the project{against} has no soil loss to compare it with."
    if abs(change) < 0.005:
        return f"{name} leaves mean soil loss{against} as it is."
    per = row[f"difference per converted hectare [{UNIT}]"]
    converted = f" ({number(abs(per))} {'more' if per > 0 else 'less'} on each of "
    converted += f"{number(row['converted area [ha]'])} converted hectares)"
    return (
        f"{name} {'raises' if change > 0 else 'lowers'} mean soil loss{against} by {number(abs(change))} %, to "
        f"{number(mean)} {unit_text(UNIT)}{converted if np.isfinite(per) else ''}."
    )


def _figures(rows: list[dict[Any, Any]], mapped: list[Pair], land: list[Layer]) -> list[Figure]:
    known = [row for row in rows if np.isfinite(row["difference [%]"])]
    bars = {
        "kind": "changes",
        "name": "variants",
        "names": [row["variant"] for row in known],
        "values": [row["difference [%]"] for row in known],
        "label": "change in mean soil loss (%)",
        "caption": "Change in mean soil loss by variant.",
        "alt": "Bars of the change by variant",
    }
    shown = mapped[:MOST_MAPS]
    maps = {
        "kind": "differences",
        "name": "differences",
        "panels": [[pair.name, _path(pair.name)] for pair in shown],
        "label": "difference in soil loss",
        "unit": UNIT,
        "caption": "Variant minus project: green is less soil loss, brown is more; grey has no value in one of them.",
        "alt": "Maps of the difference in soil loss",
    }
    covers = [
        {
            "kind": "classes",
            "name": one.path.removeprefix(f"{DIFFERENCES}/").removesuffix(".tif"),
            "raster": one.path,
            "names": list(one.names),
            "colours": list(one.colours),
            "caption": f"Land cover of {one.method}.",
            "alt": f"Map of the land cover of {one.method}",
        }
        for one in land[:MOST_MAPS]
    ]
    return [*([bars] if known else []), *([maps] if shown else []), *covers]


class Conversions(NamedTuple):
    """Land that has another class in a variant: table, and the map of its land cover with its hash."""

    table: pd.DataFrame
    layer: tuple[Layer, str]


def _conversions(pair: Pair, workers: int | None) -> Conversions | None:
    """Land that has another class, with its soil loss before and after; None where land cover is the same.

    Classes are those of the last step of the variant.
    """
    sites = [_land_cover_site(site) for site in (pair.base, pair.other)]
    before, after = sites
    if before is None or after is None or before.keys[LAND_COVER] == after.keys[LAND_COVER]:
        return None
    label = pair.other.project.steps[-1]
    area = cell_area(pair.base.grid)[:, 0] / 1e4
    works = [
        block.make_work(s.steps, [LAND_COVER], s.read, s.shape, cell_size(s.grid), (label,), s.changing)
        for s in (before, after)
    ]

    legend = legend_of(pair.other, LAND_COVER)
    path, about = f"{DIFFERENCES}/{pair.name}_{LAND_COVER}.tif", "land cover of a variant"
    layer = Layer(path, LAND_COVER, about, method=pair.name, names=legend.names, colours=legend.colours)
    draft = sweep.draft_of(layer, pair.base.folder, pair.base)

    def sums(window: Window) -> np.ndarray:
        shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        codes = [block.full(next(block.evaluate(w, window))[1][LAND_COVER], shape, LAND_COVER) for w in works]
        losses = [_read(path, window).astype(float) for path in pair.maps]
        draft.write(window, np.where(np.isfinite(losses[1]), np.nan_to_num(codes[1]), 0).astype(np.uint8))
        use = np.isfinite(losses[0]) & np.isfinite(losses[1]) & (codes[0] > 0) & (codes[1] > 0) & (codes[0] != codes[1])
        cells = codes[0][use].astype(int) * CLASSES + codes[1][use].astype(int)
        hectares = np.broadcast_to(area[window[0]][:, None], shape)[use]
        weights = (hectares, losses[0][use] * hectares, losses[1][use] * hectares)
        return np.stack([np.bincount(cells, weight, CLASSES**2) for weight in weights])

    with draft:
        found = run_blocks(sums, windows(pair.base.shape, TILE), workers)
        parts = {(window[0].start, window[1].start): part for window, part in found}
        draft.finish(overviews=True)
    total = np.sum([parts[key] for key in sorted(parts)], axis=0)
    return Conversions(_conversion_table(pair.name, total), (layer, draft.hash))


def _land_cover_site(site: Site) -> Site | None:
    """The site asked for land cover alone; None where the project has none."""
    try:
        found = make_site(site.project, site.file, [LAND_COVER])
    except SoilLossError:
        return None
    for item in stored.pending(found):
        stored.make(found, item, None, lambda _done, _total: None)
    return found


def _conversion_table(name: str, sums: np.ndarray) -> pd.DataFrame:
    names = tables.read("land_cover").set_index("code")["name"].to_dict()
    rows = []
    for pair in np.flatnonzero(sums[0]).tolist():
        area, before, after = sums[:, pair]
        first, second = (names.get(code, f"class {code}") for code in divmod(pair, CLASSES))
        rows.append((name, first, second, area, before / area, after / area, (after - before) / area, after - before))
    columns = ["variant", "from", "to", "area [ha]", f"before [{UNIT}]", f"after [{UNIT}]"]
    columns += [f"difference per hectare [{UNIT}]", "difference in total [t yr-1]"]
    return pd.DataFrame(rows, columns=pd.Index(columns)).sort_values("area [ha]", ascending=False)


def _replace(folder: Path, found: dict[str, Any]) -> None:
    """Put a changed record in the place of the former at once."""
    draft = folder / f".record.json.{os.getpid()}.part"
    draft.write_text(json.dumps(found, indent=1, allow_nan=False, default=str), encoding="utf-8")
    draft.replace(folder / "record.json")
