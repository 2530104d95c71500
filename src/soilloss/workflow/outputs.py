"""The pass: every block once, from sources to maps, sums and gaps; only what the project publishes is written.

A year needs all its steps; the mean over the years needs the share of years that ``period.min_valid`` asks for.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from soilloss import tables
from soilloss.equation import spec_of
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.grid.target import cell_area, cell_size
from soilloss.kernels.classes import thresholds
from soilloss.kernels.summary import BINS, summarise
from soilloss.model import severity_table
from soilloss.publish.rasters import Draft
from soilloss.sources import files
from soilloss.units import step_unit
from soilloss.variables import VARIABLES
from soilloss.workflow import block
from soilloss.workflow.clips import Clips
from soilloss.workflow.place import Place
from soilloss.workflow.site import Site
from soilloss.workflow.years import MEAN

BLOCK_ROWS, BLOCK_CELLS = 512, 1 << 22


class Statistics:
    """Counts in fixed bins, number, sum and extremes of one raster, gathered from many blocks."""

    def __init__(self) -> None:
        self.counts = np.zeros(BINS, np.int64)
        self.number, self.low, self.high = 0, np.inf, -np.inf
        self.sums: dict[tuple[int, int], float] = {}

    def add(self, window: Window, values: np.ndarray) -> None:
        """Add a block; sums are kept by block so that their order never matters."""
        number, total, low, high = summarise(np.ascontiguousarray(values, np.float32), self.counts)
        self.number += number
        self.sums[window[0].start, window[1].start] = total
        self.low, self.high = min(self.low, low), max(self.high, high)


class Map(NamedTuple):
    """A raster to publish: its file below the output folder, its variable, what it shows (a step, or the mean)."""

    path: str
    variable: str
    label: str


class Sums(NamedTuple):
    """Soil loss (g) and area (1e-3 m2) by zone and grade, zone 0 being the whole area and grade 0 missing.

    Steps whose maps are not published are not graded: they have one zone, and 1 in place of all grades.
    """

    mass: np.ndarray
    surface: np.ndarray


class Pass:
    """One pass over the target grid: drafts, statistics, sums by zone and gaps; used from many threads."""

    def __init__(self, site: Site, folder: Path, zones: Any | None) -> None:
        project = site.project
        self.site, self.folder, self.zones = site, folder, zones
        self.step = next(s for s in site.steps if s.variable == "soil_loss")
        self.factors = self.step.inputs
        want = ["soil_loss", *(["land_cover"] if project.zero_classes else [])]
        self.work = block.make_work(
            *(site.steps, want, site.read, site.shape, cell_size(site.grid), project.steps, site.changing),
            open=self._open,
        )
        self.area = cell_area(site.grid)[:, 0]
        self.scheme = project.analysis.severity
        self.grades = severity_table(self.scheme.scheme, self.scheme.tolerance)
        edges, closed = [g.lower for g in self.grades[1:]], [g.closed == "right" for g in self.grades[1:]]
        self.thresholds = thresholds(edges, closed)
        self.zero_codes = zero_codes(project.zero_classes)
        self.years = _years(site) or [""]
        self.steps_a_year = len(project.steps) // len(self.years)
        self.needed = math.ceil(len(self.years) * (project.period.min_valid if project.period else 1) - 1e-9)
        self.maps = list(published_maps(site))
        self.published_factors = [name for name in self.factors if name in {one.variable for one in self.maps}]
        self.drafts: dict[Map, Draft] = {}
        self.statistics = {m: Statistics() for m in self.maps}
        self.totals = set(project.steps if project.step not in ("year", *project.publish.steps) else ())
        self.sums = {label: self._no_sums(label) for label in dict.fromkeys((MEAN, *_years(site), *project.steps))}
        self.gaps: dict[str, list[int]] = {}
        self.clips = Clips(site.steps, self.work)
        self.lock = threading.Lock()

    def _open(self, variable: str, label: str, window: Window) -> Any:
        given = self.site.given[variable]
        open_block = files.open_block
        return open_block(given, self.site.grid, label, window) if isinstance(given, files.RasterSource) else given

    def _no_sums(self, label: str) -> Sums:
        zones = 1 if self.zones is None else 1 + len(self.zones)
        shape = (1, 2) if label in self.totals else (zones, len(self.grades) + 1)
        return Sums(np.zeros(shape, np.int64), np.zeros(shape, np.int64))

    def windows(self) -> list[Window]:
        """Blocks of whole tiles: full rows where they fit, so that files kept in strips are decoded once."""
        columns = max(512, (BLOCK_CELLS // BLOCK_ROWS) // 512 * 512)
        return windows(self.site.shape, (BLOCK_ROWS, columns))

    def run(self, workers: int | None, progress: Callable[[int, int], None]) -> None:
        """Compute and write every block; drafts are finished by `finish`, and discarded if anything fails."""
        blocks = self.windows()
        try:
            self.drafts = {m: self._draft(m) for m in self.maps}
            for done, _ in enumerate(run_blocks(self.block, blocks, workers), 1):
                progress(done, len(blocks))
        except BaseException:
            self.discard()
            raise

    def finish(self) -> None:
        """Turn drafts into published rasters; the mean maps get overviews."""
        for one, draft in self.drafts.items():
            draft.finish(overviews=one.label == MEAN)

    def discard(self) -> None:
        """Throw the drafts away."""
        for draft in self.drafts.values():
            draft.discard()

    def block(self, window: Window) -> None:
        """All time steps of one block."""
        place = Place(self, window)
        steps = self.site.project.steps
        for first in range(0, len(steps), self.steps_a_year):
            place.run_steps(steps[first : first + self.steps_a_year])
        place.mean()
        with self.lock:
            for variable, cells in place.gaps().items():
                count = self.gaps.setdefault(variable, [0, 0])
                count[0] += int(cells.sum())
                count[1] += int(np.rint((cells * place.area).sum() * 1e3))

    def add(self, label: str, mass: np.ndarray, surface: np.ndarray) -> None:
        """Add a part to the sums of a step, a year or the mean."""
        with self.lock:
            for total, part in zip(self.sums[label], (mass, surface), strict=True):
                total += part

    def wants(self, variable: str, label: str) -> bool:
        """Whether a map is published."""
        return any((one.variable, one.label) == (variable, label) for one in self.maps)

    def write(self, variable: str, label: str, window: Window, values: np.ndarray) -> None:
        """Write a block of a map if it is published, and count it."""
        for one in self.maps:
            if (one.variable, one.label) == (variable, label):
                self.drafts[one].write(window, values)
                with self.lock:
                    self.statistics[one].add(window, values)

    def _draft(self, one: Map) -> Draft:
        variable = VARIABLES[one.variable]
        classes = one.variable == "severity"
        function = {s.variable: s for s in self.site.steps}.get(one.variable)
        return Draft(
            self.folder / one.path,
            self.site.grid,
            dtype="uint8" if classes else "float32",
            nodata=0 if classes else np.nan,
            tags={
                "variable": one.variable,
                "long_name": variable.meaning,
                "unit": "" if classes else unit_of(one, self.site),
                "method": self.scheme.scheme if classes else function.method if function else "source",
                "citation": spec_of(function.function).cite if function and function.function else "",
                "period": one.label,
            },
            colours=[g.colour for g in self.grades] if classes else None,
            categories=[g.name for g in self.grades] if classes else None,
        )


def zero_codes(classes: Iterable[str]) -> np.ndarray:
    """Codes of the land-cover classes whose soil loss is set to 0."""
    table = tables.read("land_cover").set_index("name")["code"]
    return np.array([table[name] for name in classes], np.float32)


def _years(site: Site) -> list[str]:
    return [str(year) for year in site.project.period.years] if site.project.period else []


def published_maps(site: Site) -> Iterator[Map]:
    """Every raster the project publishes."""
    project, maps = site.project, site.project.publish.maps
    for kind in [kind for kind in ("soil_loss", "severity") if kind in maps]:
        yield Map(f"{kind}.tif", kind, MEAN)
        for year in _years(site) if "year" in project.publish.steps else []:
            yield Map(f"{kind}/{year}.tif", kind, year)
    if project.step != "year" and project.step in project.publish.steps and "soil_loss" in maps:
        for label in project.steps:
            yield Map(f"soil_loss/{label}.tif", "soil_loss", label)
    changing = _changing(site)
    for name in next(s.inputs for s in site.steps if s.variable == "soil_loss") if "factors" in maps else ():
        yield Map(f"factors/{name}.tif", name, MEAN)
        for year in project.publish.factors if name in changing else ():
            yield Map(f"factors/{name}/{year}.tif", name, str(year))


def _changing(site: Site) -> set[str]:
    changing = set(site.changing)
    for step in site.steps:
        if step.changes(changing, site.project.steps):
            changing.add(step.variable)
    return changing


def unit_of(one: Map, site: Site) -> str:
    """Unit of a published raster: amounts are per year, or per step for the maps of single steps."""
    step = site.project.step if one.label in site.project.steps and one.label[4:] else "year"
    return step_unit(one.variable, step)
