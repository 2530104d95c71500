"""The pass: every block once, from sources to maps, sums and gaps; only what the project publishes is written.

A year needs all its steps; the mean over the years needs the share of years that ``period.min_valid`` asks for.
"""

from __future__ import annotations

import functools
import math
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import soilloss
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
from soilloss.workflow import block, remote
from soilloss.workflow.clips import Clips
from soilloss.workflow.kept import grid_key
from soilloss.workflow.ledger import Ledger, YearSums, open_ledger
from soilloss.workflow.place import Place
from soilloss.workflow.site import Site
from soilloss.workflow.store import key_of
from soilloss.workflow.years import MEAN

BLOCK_ROWS, BLOCK_CELLS = 512, 1 << 22

Progress = Callable[[int, int], None]
Keep = Callable[["Map", Window, np.ndarray], None]


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

    def plain(self) -> dict[str, Any]:
        """Return all of it as JSON holds it."""
        filled = np.flatnonzero(self.counts)
        sums = [[*at, total] for at, total in self.sums.items()]
        extremes = [self.number, float(self.low), float(self.high)] if self.number else [0]
        return {"bins": filled.tolist(), "counts": self.counts[filled].tolist(), "extremes": extremes, "sums": sums}

    @classmethod
    def restored(cls, plain: dict[str, Any]) -> Statistics:
        """Return what `plain` was made of."""
        own = cls()
        own.counts[plain["bins"]] = plain["counts"]
        if plain["extremes"][0]:
            own.number, own.low, own.high = plain["extremes"]
        own.sums = {(row, column): total for row, column, total in plain["sums"]}
        return own


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


class Part(NamedTuple):
    """Some years of a run, whether the mean follows them, and what the years before them add up to."""

    years: tuple[str, ...]
    last: bool
    sums: YearSums | None


class Pass:
    """One pass over the target grid: drafts, statistics, sums by zone and gaps; used from many threads.

    `keep` takes the blocks of published maps: by default they go into the drafts and are counted.
    """

    def __init__(self, site: Site, folder: Path, zones: Any | None, keep: Keep | None = None) -> None:
        project = site.project
        self.site, self.folder, self.zones = site, folder, zones
        self.keep = keep or self._draw
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
        self.hashes: dict[Map, str] = {}
        self.reused: list[str] = []
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

    def run(self, workers: int | None, progress: Progress, cluster: str = "") -> None:
        """Compute and write every block; drafts are finished by `finish`, and discarded if anything fails.

        Threads of this process compute, or the workers of a Dask cluster, whose maps this process writes. Years that an
        earlier run has finished are taken over (`reused` names them), the others are finished in parts.
        """
        ledger = open_ledger(*ledger_of(self.site, self.zones)) if len(self.years) > 1 else None
        try:
            if ledger is not None:
                self._take_over(ledger)
            size = self.site.shape[0] * self.site.shape[1]
            parts = [self.years] if ledger is None else list(ledger.parts(size, self.steps_a_year)) or [[]]
            for number, years in enumerate(parts, 1):
                part = Part(tuple(years), number == len(parts), ledger.sums if ledger else None)
                self._part(part, ledger, workers, cluster, _share(progress, number, len(parts)))
        except BaseException:
            self.discard()
            raise
        finally:
            if ledger is not None:
                ledger.close()

    def _take_over(self, ledger: Ledger) -> None:
        """Numbers and maps of the years that are finished."""
        self.reused = ledger.years
        if not self.reused:
            return
        facts = ledger.facts
        for label, sums in facts["sums"].items():
            self.sums[label] = Sums(*(np.array(part, np.int64) for part in sums))
        for one in self._maps_of(self.reused):
            self.statistics[one] = Statistics.restored(facts["statistics"][one.path])
            self.hashes[one] = facts["hashes"][one.path]
            ledger.give(one.path, self.folder / one.path)
        self.clips.restore(facts["clips"])

    def _part(self, part: Part, ledger: Ledger | None, workers: int | None, cluster: str, progress: Progress) -> None:
        """Some years of all blocks, and the mean of all years after the last."""
        blocks, yearly = self.windows(), self._maps_of(part.years)
        folder = self.folder if ledger is None else ledger.folder
        means = [one for one in self.maps if part.last and one.label == MEAN]
        self.drafts |= {one: self._draft(one, folder) for one in yearly}
        self.drafts |= {one: self._draft(one, self.folder) for one in means}
        work = functools.partial(self.block, part=part)
        run = remote.run(self, part, [*yearly, *means], cluster) if cluster else run_blocks(work, blocks, workers)
        for done, _ in enumerate(run, 1):
            progress(done, len(blocks))
        if ledger is not None and part.years:
            self._finish(yearly)
            done = self.years[: ledger.done + len(part.years)]
            ledger.finish(len(done), [one.path for one in yearly], self._facts(done))
            for one in yearly:
                ledger.give(one.path, self.folder / one.path)

    def block(self, window: Window, part: Part) -> None:
        """Some years of one block."""
        place = Place(self, window)
        if part.sums is not None and part.sums.done:
            place.restore(part.sums.load(window))
        for year in part.years:
            place.run_steps([label for label in self.site.project.steps if label[:4] == year])
        if part.sums is not None and part.years:
            part.sums.save(window, part.sums.done + len(part.years), place.state())
        if part.last:
            place.mean()
            for variable, cells in place.gaps().items():
                area = int(np.rint((cells * place.area).sum() * 1e3))
                self.add_gap(variable, int(cells.sum()), area)
        place.drop()

    def add_gap(self, variable: str, cells: int, area: int) -> None:
        """Count cells and their area (1e-3 m2) that went missing in a variable."""
        with self.lock:
            count = self.gaps.setdefault(variable, [0, 0])
            count[0] += cells
            count[1] += area

    def _maps_of(self, years: Sequence[str]) -> list[Map]:
        """Maps of single years and of their steps."""
        return [one for one in self.maps if one.label[:4] in years]

    def _facts(self, years: list[str]) -> dict[str, Any]:
        """The numbers of some years, as JSON holds them."""
        maps = self._maps_of(years)
        return {
            "sums": {x: [part.tolist() for part in sums] for x, sums in self.sums.items() if x[:4] in years},
            "statistics": {one.path: self.statistics[one].plain() for one in maps},
            "hashes": {one.path: self.hashes[one] for one in maps},
            "clips": self.clips.counts,
        }

    def finish(self) -> None:
        """Turn drafts into published rasters; the mean maps get overviews."""
        self._finish(list(self.drafts))

    def _finish(self, maps: list[Map]) -> None:
        for one in maps:
            draft = self.drafts.pop(one)
            draft.finish(overviews=one.label == MEAN)
            self.hashes[one] = draft.hash

    def discard(self) -> None:
        """Throw the drafts away."""
        for draft in self.drafts.values():
            draft.discard()

    def add(self, label: str, mass: np.ndarray, surface: np.ndarray) -> None:
        """Add a part to the sums of a step, a year or the mean."""
        with self.lock:
            for total, part in zip(self.sums[label], (mass, surface), strict=True):
                total += part

    def wants(self, variable: str, label: str) -> bool:
        """Whether a map is published."""
        return any((one.variable, one.label) == (variable, label) for one in self.maps)

    def write(self, variable: str, label: str, window: Window, values: np.ndarray) -> None:
        """Keep a block of a map if it is published."""
        for one in self.maps:
            if (one.variable, one.label) == (variable, label):
                self.keep(one, window, values)

    def _draw(self, one: Map, window: Window, values: np.ndarray) -> None:
        self.drafts[one].write(window, values)
        with self.lock:
            self.statistics[one].add(window, values)

    def _draft(self, one: Map, folder: Path) -> Draft:
        variable = VARIABLES[one.variable]
        classes = one.variable == "severity"
        function = {s.variable: s for s in self.site.steps}.get(one.variable)
        return Draft(
            folder / one.path,
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


def _share(progress: Progress, number: int, parts: int) -> Progress:
    """Progress of one part among all."""
    return lambda done, total: progress((number - 1) * total + done, parts * total)


def ledger_of(site: Site, zones: Any) -> tuple[Path, str, dict[str, str]]:
    """Where the years of a project are kept, the key of what holds for all of them, and the key of each.

    A year is the content of its files; all years share grid, area, zones, methods and what does not change.
    """
    project, changing = site.project, _changing(site)
    rasters = {n: g for n, g in site.given.items() if n in changing and isinstance(g, files.RasterSource)}
    base = key_of(
        *(soilloss.__version__, BLOCK_ROWS, BLOCK_CELLS, grid_key(site.grid), site.area.wkt if site.area else ""),
        site.store.file_hash(site.data / project.zones.file) if project.zones and zones is not None else "",
        project.zones.model_dump() if project.zones else "",
        [project.analysis.severity.model_dump(), project.zero_classes, project.publish.model_dump(), project.step],
        [(step.variable, step.method, dict(step.coefficients), step.inputs) for step in site.steps],
        {name: key for name, key in site.keys.items() if name not in changing},
        {name: (*given[2:7], _content(site, given.legend)) for name, given in rasters.items()},
    )
    years = {
        year: key_of(
            [
                (name, label, site.store.file_hash(Path(path)))
                for name in sorted(rasters)
                for label, path in rasters[name].files
                if label[:4] == year
            ]
        )
        for year in _years(site)
    }
    name = project.publish.folder.strip("/").replace("/", "-").replace("\\", "-")
    return site.store.folder / "years" / name, base, years


def _content(site: Site, legend: str) -> str:
    return site.store.file_hash(Path(legend)) if legend.endswith(".csv") else legend


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
