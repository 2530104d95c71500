"""One tile of the finished maps, as the analyses see it: series of years and steps, zones, areas, drafts to write.

Tiles are always 512 cells a side, whatever the memory or the threads, so that float64 sums merged tile by tile are the
same bits in every run.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from rasterio.windows import Window as RasterWindow

from soilloss.grid import zones as zoning
from soilloss.grid.blocks import Window
from soilloss.grid.target import cell_area, cell_size
from soilloss.kernels import counts
from soilloss.model import severity, severity_table
from soilloss.publish.rasters import Draft
from soilloss.sources import files
from soilloss.variables import VARIABLES
from soilloss.workflow import block
from soilloss.workflow.analyses import PART_OF
from soilloss.workflow.outputs import MEAN, zero_codes

if TYPE_CHECKING:
    from soilloss.workflow.site import Site

WHOLE = "whole area"


class Study(NamedTuple):
    """What all tiles share: the site, published maps by variable and label, zones, the equations of what is asked."""

    site: Site
    published: Mapping[tuple[str, str], Path]
    zones: Any | None
    asked: tuple[str, ...]
    work: block.Work
    area: np.ndarray
    drafts: dict[str, Draft]

    @property
    def steps(self) -> tuple[str, ...]:
        """Labels of the time steps."""
        return self.site.project.steps

    @property
    def years(self) -> tuple[str, ...]:
        """The years of the steps; one empty label where the project names no period."""
        return tuple(dict.fromkeys(step[:4] for step in self.steps))

    @property
    def places(self) -> list[str]:
        """Names of the rows of `Place.tally`: the whole area, then the zones."""
        return [WHOLE, *([] if self.zones is None else self.zones["zone"])]

    @property
    def factors(self) -> tuple[str, ...]:
        """The factors of the model."""
        return factors_of(self.site)

    @property
    def grades(self) -> tuple[Any, ...]:
        """The severity grades of the project's scheme."""
        scheme = self.site.project.analysis.severity
        return severity_table(scheme.scheme, scheme.tolerance)


def factors_of(site: Site) -> tuple[str, ...]:
    """Return the factors whose product is soil loss."""
    return next(step.inputs for step in site.steps if step.variable == "soil_loss")


def make_study(
    site: Site, published: Mapping[tuple[str, str], Path], zones: Any | None, names: set[str], drafts: dict[str, Draft]
) -> Study:
    """Return the study of a site whose analyses ask for the variables `names`."""
    parts = {*(factors_of(site) if "factors" in names else ()), *(["land_cover"] if site.project.zero_classes else [])}
    asked = sorted({PART_OF.get(name, name) for name in names} | parts)
    steps = site.project.steps
    labels = {*steps, *(step[:4] for step in steps)}
    computed = [name for name in asked if any((name, label) not in published for label in labels)]
    work = block.make_work(site.steps, computed, site.read, site.shape, cell_size(site.grid), steps, site.changing)
    return Study(site, published, zones, tuple(asked), work, cell_area(site.grid)[:, 0], drafts)


class Place:
    """One tile. What is read or computed is kept, so that several analyses share it.

    `inside` are the cells of the project's area, `area` the square metres of a cell of each row; everything a method
    returns is missing outside.
    """

    def __init__(self, study: Study, window: Window) -> None:
        self.study, self.window = study, window
        self.shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        self.area = study.area[window[0]]
        self._years: dict[str, np.ndarray] = {}
        self._steps: dict[str, np.ndarray] = {}

    @cached_property
    def inside(self) -> np.ndarray:
        """Which cells belong to the project's area."""
        site = self.study.site
        return np.ones(self.shape, bool) if site.area is None else zoning.inside(site.area, site.grid, self.window)

    @cached_property
    def zones(self) -> tuple[np.ndarray, ...]:
        """Zone (counted from 1), row, column and share of every cell, or part of one, inside a zone."""
        if self.study.zones is None:
            return (np.empty(0, np.int64),) * 3 + (np.empty(0),)
        zone, row, column, share = zoning.coverage(self.study.zones.geometry, self.study.site.grid, self.window)
        kept = self.inside[row, column]
        return zone[kept] + 1, row[kept], column[kept], share[kept]

    def years(self, variable: str) -> np.ndarray:
        """Return a variable in each year, float32 (year, rows, columns), NaN where missing.

        Steps are added up (amounts) or averaged; of classes the last step of the year counts. A year needs all its
        steps. What does not change is the same every year.
        """
        if variable == "severity" and variable not in self._years:
            self._years[variable] = self.grades(self.years("soil_loss"))
        if variable not in self._years:
            paths = [self.study.published.get((variable, year)) for year in self.study.years]
            if None in paths:
                self._years |= self._evaluate()
            else:
                self._years[variable] = np.stack([self._read(path) for path in paths if path])
        return self._years[variable]

    def steps(self, variable: str) -> np.ndarray:
        """Return a variable in each time step, float32 (step, rows, columns), NaN where missing."""
        if len(self.study.steps) == len(self.study.years):
            return self.years(variable)
        if variable == "severity":
            return self.grades(self.steps("soil_loss"))
        self.hold([variable])
        return self._steps[variable]

    def hold(self, names: Sequence[str]) -> None:
        """Make ready what `steps` returns of several variables: those that are computed share one walk."""
        names = [PART_OF.get(name, name) for name in names]
        if len(self.study.steps) == len(self.study.years):
            return
        computed: dict[str, list[np.ndarray]] = {}
        for name in dict.fromkeys(names):
            paths = [self.study.published.get((name, step)) for step in self.study.steps]
            if name not in self._steps and None not in paths:
                self._steps[name] = np.stack([self._read(path) for path in paths if path])
            elif name not in self._steps:
                computed[name] = []
        if computed:
            for values in self.walk(list(computed), self.study.steps):
                for name, cells in values.items():
                    computed[name].append(cells)
        self._steps |= {name: np.stack(cells) for name, cells in computed.items()}

    def walk(self, names: Sequence[str], labels: Sequence[str]) -> Iterator[dict[str, np.ndarray]]:
        """Yield variables in one time step after the other, float32 (rows, columns); nothing is kept."""
        if len(self.study.steps) == len(self.study.years):
            yield from ({name: self.years(name)[self.study.steps.index(one)] for name in names} for one in labels)
            return
        for _, values in block.evaluate(self.study.work._replace(labels=tuple(labels)), self.window):
            yield {name: self._cells(name, values) for name in names}

    def static(self, variable: str) -> np.ndarray:
        """Return the map of a variable: itself where it does not change, else the mean over the years.

        The mean needs as many years as ``period.min_valid`` asks for; of classes the last year counts.
        """
        if variable == "severity":
            return self.grades(self.static("soil_loss"))
        path = self.study.published.get((variable, MEAN))
        if path:
            return self._read(path)
        years = self.years(variable)
        if VARIABLES[variable].is_class or len(years) == 1:
            return years[-1]
        return self.mean(years)

    def mean(self, years: np.ndarray, share: float | None = None) -> np.ndarray:
        """Return the mean of some years (year, rows, columns) in cells that have enough of them.

        Enough is a `share` of the years, by default ``period.min_valid``, and at least one.
        """
        period, known = self.study.site.project.period, np.isfinite(years).sum(0)
        share = share if share is not None else period.min_valid if period else 1.0
        needed = max(1, int(np.ceil(len(years) * share - 1e-9)))
        total = np.nansum(years, axis=0, dtype=np.float64)
        return np.where(known >= needed, total / np.maximum(known, 1), np.nan).astype(np.float32)

    def grades(self, loss: np.ndarray) -> np.ndarray:
        """Return the severity grades of soil loss, float32, NaN where missing."""
        scheme = self.study.site.project.analysis.severity
        grade = severity(loss, scheme=scheme.scheme, tolerance=scheme.tolerance)
        return np.where(grade > 0, grade, np.nan).astype(np.float32)

    def tally(
        self, classes: np.ndarray, count: int, values: np.ndarray | None = None, *, by_zone: bool = True
    ) -> np.ndarray:
        """Return sums by place and class, float64 (1 + zones, 1 + count); the first place is the whole area.

        Parameters
        ----------
        classes : array (rows, columns)
            Whole numbers from 0 to `count`.
        count : int
            The highest class.
        values : array (rows, columns), optional
            What is summed, times the area of the cell; NaN counts as 0. Without it, the areas (m2) are summed.
        by_zone : bool
            Whether zones are wanted, else (1, 1 + count).
        """
        codes = np.ascontiguousarray(classes, np.int32)
        cells = np.empty((0, 0)) if values is None else np.ascontiguousarray(values, np.float64)
        out = np.zeros((len(self.study.places) if by_zone else 1, count + 1))
        counts.tally(codes, self.area, cells, self.inside, out[0])
        if by_zone:
            zone, row, column, share = self.zones
            counts.tally_zones(codes, self.area, cells, zone, row, column, share, out)
        return out

    def write(self, path: str, cells: np.ndarray) -> None:
        """Write the tile of a raster that the analysis announced as a `Layer`."""
        self.study.drafts[path].write(self.window, cells)

    def _read(self, path: Path) -> np.ndarray:
        with files.open_raster(str(path)) as dataset:
            return dataset.read(1, window=RasterWindow.from_slices(*self.window))

    def _evaluate(self) -> dict[str, np.ndarray]:
        """The years of all variables that are computed, in one walk through the steps."""
        study, count = self.study, len(self.study.years)
        parts = len(study.steps) // count
        made = {*study.work.reads, *(step.variable for step in study.work.steps)}
        names = [name for name in study.asked if name in made and name not in self._years]
        out: dict[str, np.ndarray] = {}
        running: dict[str, np.ndarray] = {}
        for at, (_, values) in enumerate(block.evaluate(study.work, self.window)):
            year, part = divmod(at, parts)
            for name in names:
                if name not in study.work.changing:
                    if at == 0:
                        out[name] = np.broadcast_to(self._cells(name, values), (count, *self.shape))
                    continue
                cells = self._cells(name, values)
                if parts > 1 and not VARIABLES[name].is_class:
                    running[name] = cells = cells + (running[name] if part else np.float64(0))
                if part == parts - 1:
                    share = parts if VARIABLES[name].in_time != "sum" and name in running else 1
                    out.setdefault(name, np.empty((count, *self.shape), np.float32))[year] = cells / share
        return out

    def _cells(self, variable: str, values: Mapping[str, Any]) -> np.ndarray:
        cells = np.array(block.full(values[variable], self.shape, variable), np.float32)
        if variable == "soil_loss" and self.study.site.project.zero_classes:
            land = block.full(values["land_cover"], self.shape, "land_cover")
            cells[np.isin(land, zero_codes(self.study.site.project.zero_classes))] = 0
        cells[~self.inside] = np.nan
        return cells
