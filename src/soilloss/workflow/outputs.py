"""The pass: every block once, from sources to maps, sums and gaps; only what the project publishes is written.

A year needs all its steps; the mean over the years needs the share of years that ``period.min_valid`` asks for.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from soilloss import tables
from soilloss.equation import spec_of
from soilloss.grid import zones as zoning
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.grid.target import cell_area, cell_size
from soilloss.kernels.summary import BINS, add_cells, add_whole, summarise
from soilloss.model import severity, severity_table
from soilloss.publish.rasters import Draft
from soilloss.units import step_unit
from soilloss.variables import VARIABLES
from soilloss.workflow import block
from soilloss.workflow.clips import Clips
from soilloss.workflow.site import Site

BLOCK_ROWS, BLOCK_CELLS = 512, 1 << 22
MEAN = "mean"

Cells = tuple[np.ndarray, ...]


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


class Years:
    """Steps added up (or averaged) to years, years averaged to the mean of the period."""

    def __init__(self, steps: int, years: int, sums: bool, needed: int) -> None:
        self.steps, self.years, self.sums, self.needed = steps, years, sums, needed
        self.total: np.ndarray | None = None
        self.valid: np.ndarray | None = None
        self.year: np.ndarray | None = None
        self.seen = 0

    def add(self, values: np.ndarray) -> np.ndarray | None:
        """Add a step; return the year when its last step has come. A step that is missing makes its year missing."""
        self.seen += 1
        if self.steps == 1:
            return self._add_year(values)
        self.year = values.astype(np.float64) if self.year is None else self.year + values
        if self.seen % self.steps:
            return None
        year, self.year = self.year, None
        return self._add_year((year if self.sums else year / self.steps).astype(np.float32))

    def _add_year(self, year: np.ndarray) -> np.ndarray:
        if self.years == 1:
            self.total = year
        elif self.total is None or self.valid is None:
            self.valid = ~np.isnan(year) * np.int32(1)
            self.total = np.where(self.valid, year, np.float64(0))
        else:
            known = ~np.isnan(year)
            np.add(self.total, year, out=self.total, where=known)
            self.valid += known
        return year

    def mean(self) -> np.ndarray:
        """The mean over the years of cells that have enough of them."""
        assert self.total is not None
        if self.valid is None:
            return self.total
        enough = self.valid >= max(1, self.needed)
        return np.where(enough, self.total / np.maximum(self.valid, 1), np.nan).astype(np.float32)


class Map(NamedTuple):
    """A raster to publish: its file below the output folder, its variable, what it shows (a step, or the mean)."""

    path: str
    variable: str
    label: str


class Sums(NamedTuple):
    """Soil loss (g) and area (1e-3 m2) by zone and grade, zone 0 being the whole area and grade 0 missing."""

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
            site.steps, want, site.read, site.shape, cell_size(site.grid), project.steps, site.changing
        )
        self.area = cell_area(site.grid)[:, 0]
        self.scheme = project.analysis.severity
        self.grades = severity_table(self.scheme.scheme, self.scheme.tolerance)
        self.zero_codes = zero_codes(project.zero_classes)
        self.maps = list(published_maps(site))
        self.drafts: dict[Map, Draft] = {}
        self.statistics = {m: Statistics() for m in self.maps}
        labels = [MEAN, *_years(site), *(site.project.steps if project.step != "year" else ())]
        count = 1 + (0 if zones is None else len(zones))
        shape = (count, len(self.grades) + 1)
        self.sums = {label: Sums(np.zeros(shape, np.int64), np.zeros(shape, np.int64)) for label in labels}
        self.gaps: dict[str, list[int]] = {}
        self.clips = Clips(site.steps, self.work)
        self.lock = threading.Lock()

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
        place = _Place(self, window)
        for label, values in block.evaluate(self.work, window):
            place.step(label, values)
        place.mean()
        with self.lock:
            for variable, cells in place.gaps.items():
                count = self.gaps.setdefault(variable, [0, 0])
                count[0] += int(cells.sum())
                count[1] += int(np.rint((cells.sum(1) * place.area).sum() * 1e3))

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


class _Place:
    """What one block keeps between its time steps."""

    def __init__(self, run: Pass, window: Window) -> None:
        site = run.site
        self.run, self.window = run, window
        self.shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        self.area = run.area[window[0]]
        self.inside = np.ones(self.shape, bool)
        if site.area is not None:
            self.inside = zoning.inside(site.area, site.grid, window)
        self.entries = None if run.zones is None else _entries(run, window, self.inside)
        self.gaps: dict[str, np.ndarray] = {}
        self.clipped: set[str] = set()
        steps = len(site.project.steps) // max(1, len(_years(site)))
        years = len(site.project.steps) // steps
        needed = int(np.ceil(years * (site.project.period.min_valid if site.project.period else 1) - 1e-9))
        published = {one.variable for one in run.maps}
        self.factors = [name for name in run.factors if name in published]
        self.years = {
            name: Years(steps, years, VARIABLES[name].in_time == "sum", needed) for name in ("soil_loss", *self.factors)
        }
        self.static: dict[str, np.ndarray] = {}

    def step(self, label: str, values: Mapping[str, Any]) -> None:
        """Take one time step in: trace gaps, write maps, add to the years."""
        zero = self._zero(values)
        loss = self._soil_loss(values, zero)
        self._trace(values, loss)
        self.clipped |= self.run.clips.count(values, self.inside & ~zero, self.window, self.clipped)
        if self.run.site.project.step != "year":
            self._publish(label, loss)
        year = self.years["soil_loss"].add(loss)
        if year is not None and label:
            self._publish(label[:4], year)
        for name in self.factors:
            if name not in self.run.work.changing:
                self.static.setdefault(name, values[name])
            elif (year := self.years[name].add(self._masked(values[name], name))) is not None:
                self.run.write(name, label[:4], self.window, year)

    def mean(self) -> None:
        """Write the means of the period."""
        self._publish(MEAN, self.years["soil_loss"].mean())
        for name in self.factors:
            cells = self._masked(self.static[name], name) if name in self.static else self.years[name].mean()
            self.run.write(name, MEAN, self.window, cells)

    def _zero(self, values: Mapping[str, Any]) -> np.ndarray:
        if not len(self.run.zero_codes):
            return np.zeros(self.shape, bool)
        return np.isin(block.full(values["land_cover"], self.shape, "land_cover"), self.run.zero_codes)

    def _soil_loss(self, values: Mapping[str, Any], zero: np.ndarray) -> np.ndarray:
        loss = np.array(block.full(values["soil_loss"], self.shape, "soil_loss"))
        loss[zero] = 0
        loss[~self.inside] = np.nan
        return loss

    def _masked(self, value: Any, name: str) -> np.ndarray:
        return np.where(self.inside, block.full(value, self.shape, name), np.float32(np.nan)).astype(np.float32)

    def _publish(self, label: str, loss: np.ndarray) -> None:
        grade = severity(loss, scheme=self.run.scheme.scheme, tolerance=self.run.scheme.tolerance)
        self.run.write("soil_loss", label, self.window, loss)
        self.run.write("severity", label, self.window, grade)
        own = Sums(*(np.zeros_like(a) for a in self.run.sums[label]))
        add_whole(loss, self.area, grade, self.inside, own.mass[0], own.surface[0])
        if self.entries is not None:
            zone, row, column, share = self.entries
            add_cells(loss, self.area, grade, zone, row, column, share, own.mass, own.surface)
        with self.run.lock:
            for total, part in zip(self.run.sums[label], own, strict=True):
                total += part

    def _trace(self, values: Mapping[str, Any], loss: np.ndarray) -> None:
        """Find where each missing cell went missing first: the first variable whose inputs are all known."""
        cells = np.nonzero(np.isnan(loss) & self.inside)
        if not len(cells[0]):
            return
        work = self.run.work
        gone = {name: _missing(values[name], cells) for name in work.reads}
        made_from = {one.variable: one.inputs for one in self.run.site.steps}
        for name in work.reads:
            behind = [gone[other] for other in made_from.get(name, ()) if other in gone]
            self._note(name, cells, gone[name] & ~np.logical_or.reduce(behind) if behind else gone[name])
        for one in work.steps:
            gone[one.variable] = _missing(values[one.variable], cells)
            if one.variable == "aspect" and "slope" in gone:
                gone["aspect"] &= gone["slope"]  # level cells face nowhere, and that is no gap
            known = ~np.logical_or.reduce([gone[name] for name in one.inputs])
            self._note(one.variable, cells, gone[one.variable] & known)

    def _note(self, name: str, cells: Cells, hit: np.ndarray) -> None:
        if hit.any():
            gap = self.gaps.setdefault(name, np.zeros(self.shape, bool))
            gap[cells[0][hit], cells[1][hit]] = True


def _missing(value: Any, cells: Cells) -> np.ndarray:
    """Whether a variable is missing at some cells of the block."""
    if np.ndim(value) < 2:
        return np.full(len(cells[0]), bool(np.isnan(value)))
    gone = np.isnan(value[cells])
    return gone.any(-1) if gone.ndim == 2 else gone


def _entries(run: Pass, window: Window, inside: np.ndarray) -> tuple[np.ndarray, ...]:
    """Zone, row, column and share of every cell (or part of one) that lies in a zone; zone 0 is the whole area."""
    assert run.zones is not None
    zone, row, column, share = zoning.coverage(run.zones.geometry, run.site.grid, window)
    kept = inside[row, column]
    kinds = (np.int32, np.int32, np.int32, np.float32)
    parts = (zone + 1, row, column, share)
    return tuple(part[kept].astype(kind) for part, kind in zip(parts, kinds, strict=True))


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
