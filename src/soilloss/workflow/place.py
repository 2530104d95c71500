"""One block of the pass through all its steps: strip by strip from opened sources to years, maps, sums and gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from soilloss.grid import zones as zoning
from soilloss.grid.blocks import Window
from soilloss.grid.opened import Coded
from soilloss.kernels.classes import gather
from soilloss.kernels.product import find_missing, settle
from soilloss.kernels.summary import add_cells, grade_whole
from soilloss.variables import VARIABLES
from soilloss.workflow.block import Strips, cells_of, full
from soilloss.workflow.gaps import Gaps
from soilloss.workflow.years import MEAN, Years

if TYPE_CHECKING:
    from soilloss.workflow.outputs import Pass

# bytes of opened sources that a block may hold for several steps at a time
OPENED = 256e6
LOSS = "soil_loss"
NOWHERE = np.zeros((0, 0), bool)


class Place:
    """What one block keeps between its time steps."""

    def __init__(self, run: Pass, window: Window) -> None:
        self.run, self.window = run, window
        self.shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        self.area = run.area[window[0]]
        self.inside = np.ones(self.shape, bool)
        if run.site.area is not None:
            self.inside = zoning.inside(run.site.area, run.site.grid, window)
        self.entries = None if run.zones is None else _entries(run, window, self.inside)
        self.block = Strips(run.work, window)
        self.strips = [_Strip(self, rows) for rows in self.block.rows]
        self.made: dict[tuple[str, str], np.ndarray] = {}
        self.spare: list[np.ndarray] = []

    def run_steps(self, labels: Sequence[str]) -> None:
        """Take the steps of a year in: as many at a time as memory allows, each strip through all of them."""
        count = self._at_a_time(len(labels))
        for first in range(0, len(labels), count):
            opened = {label: self.block.open(label) for label in labels[first : first + count]}
            for strip in self.strips:
                held: dict[Any, Any] = {}
                for label, sources in opened.items():
                    strip.step(label, self.block.make(label, sources, strip.rows, held))
        self._publish()

    def mean(self) -> None:
        """Write the means of the period."""
        for strip in self.strips:
            strip.mean()
        self._publish()

    def state(self) -> dict[str, np.ndarray]:
        """Return what the years so far add up to, for `restore`."""
        arrays: dict[str, np.ndarray] = {}
        for name, first in self.strips[0].years.items():
            if first.valid is not None:
                totals, valids = zip(*(strip.years[name].state() for strip in self.strips), strict=True)
                arrays |= {f"total {name}": np.concatenate(totals), f"valid {name}": np.concatenate(valids)}
        for name in {name for strip in self.strips for name in strip.gaps.found}:
            nowhere = np.zeros(self.shape, bool)
            for strip in self.strips:
                nowhere[strip.rows] = strip.gaps.found.get(name, False)
            arrays[f"gap {name}"] = np.packbits(nowhere, axis=1)
        return arrays

    def restore(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Go on from what other years add up to; what does not change has been counted with them."""
        for key, kept in arrays.items():
            kind, name = key.split(" ")
            array = np.unpackbits(kept, axis=1, count=self.shape[1]).astype(bool) if kind == "gap" else kept
            for strip in self.strips:
                if kind == "gap":
                    strip.gaps.found[name] = array[strip.rows]
                elif kind == "total":
                    strip.years[name].restore(array[strip.rows], arrays[f"valid {name}"][strip.rows])
        for strip in self.strips:
            strip.clipped |= self.run.clips.static

    def gaps(self) -> dict[str, np.ndarray]:
        """Return for each variable how many cells of each row went missing in it at some step."""
        found: dict[str, np.ndarray] = {}
        for strip in self.strips:
            for name, cells in strip.gaps.found.items():
                found.setdefault(name, np.zeros(self.shape[0], np.int64))[strip.rows] = cells.sum(axis=1)
        return found

    def drop(self) -> None:
        """Let go of the strips: they know their block, and memory in a circle would wait for the collector."""
        self.strips.clear()

    def put(self, variable: str, label: str, rows: slice, cells: np.ndarray) -> None:
        """Keep a strip of a map until its block is whole."""
        if (variable, label) not in self.made:
            self.made[variable, label] = self.spare.pop() if self.spare else np.empty(self.shape, np.float32)
        self.made[variable, label][rows] = cells

    def _at_a_time(self, steps: int) -> int:
        arrays = sum(name in self.run.work.changing for name in self.run.work.reads)
        return int(np.clip(OPENED / max(1, 4 * arrays * self.shape[0] * self.shape[1]), 1, steps))

    def _publish(self) -> None:
        for (variable, label), cells in self.made.items():
            if variable == LOSS:
                self._grade(label, cells)
            self.run.write(variable, label, self.window, cells)
        self.spare += self.made.values()
        self.made = {}

    def _grade(self, label: str, loss: np.ndarray) -> None:
        grade = np.empty(self.shape, np.uint8)
        mass, surface = (np.zeros_like(a) for a in self.run.sums[label])
        grade_whole(loss, self.area, self.inside, self.run.thresholds, grade, mass[0], surface[0])
        if self.entries is not None:
            zone, row, column, share = self.entries
            add_cells(loss, self.area, grade, zone, row, column, share, mass, surface)
        self.run.write("severity", label, self.window, grade)
        self.run.add(label, mass, surface)


class _Strip:
    """Some rows of a block, and what they add up to."""

    def __init__(self, place: Place, rows: slice) -> None:
        run = place.run
        self.place, self.rows = place, rows
        self.inside, self.area = place.inside[rows], place.area[rows]
        top = place.window[0].start
        self.window = slice(top + rows.start, top + rows.stop), place.window[1]
        self.gaps = Gaps(run.site.steps, run.work, self.inside.shape)
        self.clipped: set[str] = set()
        self.years = {
            name: Years(run.steps_a_year, len(run.years), VARIABLES[name].in_time == "sum", run.needed)
            for name in (LOSS, *run.published_factors)
        }

    def step(self, label: str, values: Mapping[str, Any]) -> None:
        """Take one time step in: trace gaps, count clipped cells, add to the years."""
        run = self.place.run
        zero = self._zero(values)
        loss = self._loss(values[LOSS])
        missing, gone, known, mass = settle(loss, zero, self.inside, self.area)
        if missing:
            cells = np.empty(missing, np.int64), np.empty(missing, np.int64)
            find_missing(loss, self.inside, *cells)
            self.gaps.trace(values, cells)
        self._count_clipped(values, zero)
        if label in run.totals:
            run.add(label, np.array([[0, mass]]), np.array([[gone, known]]))
        elif label in run.sums and len(label) > len("2001"):
            self.place.put(LOSS, label, self.rows, loss)
        year = self.years[LOSS].add(loss)
        if year is not None and label:
            self.place.put(LOSS, label[:4], self.rows, year)
        self._factors(label, values)

    def _loss(self, value: Any) -> np.ndarray:
        """Soil loss to be changed in place: what an equation has just made needs no copy."""
        cells = full(cells_of(value), self.inside.shape, LOSS)
        own = cells is value and value.flags.owndata and LOSS in self.place.run.work.changing
        return cells if own else np.array(cells)

    def _factors(self, label: str, values: Mapping[str, Any]) -> None:
        run = self.place.run
        for name in run.published_factors:
            if name in run.work.changing:
                year = self.years[name].add(self._masked(values[name], name))
                if year is not None and run.wants(name, label[:4]):
                    self.place.put(name, label[:4], self.rows, year)

    def mean(self) -> None:
        """Hand over the means of the period."""
        self.place.put(LOSS, MEAN, self.rows, self.years[LOSS].mean())
        for name in self.place.run.published_factors:
            static = self.place.block.static_rows(self.rows).get(name)
            cells = self.years[name].mean() if static is None else self._masked(static, name)
            self.place.put(name, MEAN, self.rows, cells)

    def _zero(self, values: Mapping[str, Any]) -> np.ndarray:
        codes = self.place.run.zero_codes
        if not len(codes):
            return NOWHERE
        cover = values["land_cover"]
        if isinstance(cover, Coded):
            zero = np.empty(self.inside.shape, bool)
            gather(cover.codes, np.isin(cover.values, codes), zero)
            return zero
        return np.isin(full(cover, self.inside.shape, "land_cover"), codes)

    def _count_clipped(self, values: Mapping[str, Any], zero: np.ndarray) -> None:
        clips = self.place.run.clips
        if any(step.variable not in self.clipped for step in clips.steps):
            cells = self.inside & ~zero if zero.size else self.inside
            self.clipped |= clips.count(values, cells, self.window, self.clipped)

    def _masked(self, value: Any, name: str) -> np.ndarray:
        cells = full(cells_of(value), self.inside.shape, name)
        return np.where(self.inside, cells, np.float32(np.nan)).astype(np.float32, copy=False)


def _entries(run: Pass, window: Window, inside: np.ndarray) -> tuple[np.ndarray, ...]:
    """Zone, row, column and share of every cell (or part of one) that lies in a zone; zone 0 is the whole area."""
    assert run.zones is not None
    zone, row, column, share = zoning.coverage(run.zones.geometry, run.site.grid, window)
    kept = inside[row, column]
    kinds = (np.int32, np.int32, np.int32, np.float32)
    parts = (zone + 1, row, column, share)
    return tuple(part[kept].astype(kind) for part, kind in zip(parts, kinds, strict=True))
