"""Soil loss by every combination of methods in one pass, and what each choice contributes to the spread.

A factor is computed once per alternative and block; combinations only multiply. Results are compared on the cells that
all of them know.
"""

from __future__ import annotations

import itertools
import math
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from soilloss.grid import zones
from soilloss.grid.blocks import Window, run_blocks, windows
from soilloss.grid.target import cell_area, cell_size
from soilloss.publish.rasters import TILE, Draft
from soilloss.workflow import block
from soilloss.workflow.outputs import zero_codes
from soilloss.workflow.site import Site
from soilloss.workflow.years import Years

# more combinations are not computed: then one factor is varied at a time
MOST = 128
SUMS = ("area", "mass", "common_mass", "log", "x", "xx", "xy")

Combination = tuple[int, ...]


class Counted(NamedTuple):
    """Sums over the cells: `cells` known in all combinations, `positive` of them above 0; per combination (n, 7)."""

    cells: int
    positive: int
    sums: np.ndarray


def combinations(counts: Sequence[int]) -> tuple[list[Combination], bool]:
    """Return the combinations to compute, the first being the project's own, and whether they are all there are.

    Examples
    --------
    >>> combinations([2, 2])
    ([(0, 0), (0, 1), (1, 0), (1, 1)], True)
    >>> combinations([100, 100])[0][:3]
    [(0, 0), (1, 0), (2, 0)]
    """
    if math.prod(counts) <= MOST:
        return list(itertools.product(*map(range, counts))), True
    own = tuple(0 for _ in counts)
    changed = [(*own[:f], i, *own[f + 1 :]) for f, count in enumerate(counts) for i in range(1, count)]
    return [own, *changed], False


class Factorial:
    """The pass: `sites` holds for each varied factor the project with each of its methods, the project's own first."""

    def __init__(self, own: Site, sites: Mapping[str, Sequence[Site]], drafts: Mapping[Combination, Draft]) -> None:
        self.site, self.varied, self.drafts = own, tuple(sites), drafts
        self.combinations, self.full = combinations([len(s) for s in sites.values()])
        step = next(s for s in own.steps if s.variable == "soil_loss")
        assert step.function is not None
        self.model, self.factors = step.function, step.inputs
        self.zero = zero_codes(own.project.zero_classes)
        self.own = self._work(own, [*step.inputs, *(["land_cover"] if len(self.zero) else [])])
        self.others = [
            ((f, i), self._work(site, [name]))
            for f, (name, found) in enumerate(sites.items())
            for i, site in enumerate(found)
            if i
        ]
        self.area = cell_area(own.grid)
        self.lock = threading.Lock()

    def _work(self, site: Site, want: Sequence[str]) -> tuple[block.Work, Sequence[str]]:
        size, steps = cell_size(site.grid), self.site.project.steps
        return block.make_work(site.steps, want, site.read, site.shape, size, steps, site.changing), want

    def run(self, workers: int | None, progress: Callable[[int, int], None]) -> Counted:
        """Compute all combinations, block by block."""
        blocks = windows(self.site.shape, TILE)
        found: dict[tuple[int, int], Counted] = {}
        for done, (window, counted) in enumerate(run_blocks(self.block, blocks, workers), 1):
            found[window[0].start, window[1].start] = counted
            progress(done, len(blocks))
        parts = [found[key] for key in sorted(found)]
        sums = np.sum([part.sums for part in parts], axis=0)
        return Counted(sum(part.cells for part in parts), sum(part.positive for part in parts), sums)

    def block(self, window: Window) -> Counted:
        """Mean annual soil loss of each combination on one block: maps of those that have one, sums of all."""
        shape = (window[0].stop - window[0].start, window[1].stop - window[1].start)
        inside = np.ones(shape, bool)
        if self.site.area is not None:
            inside = zones.inside(self.site.area, self.site.grid, window)
        years = [self._years() for _ in self.combinations]
        passes = [block.evaluate(work, window) for work, _ in (self.own, *(work for _, work in self.others))]
        for (_, own), *rest in zip(*passes, strict=True):
            values = {key: found[1][want[0]] for (key, (_, want)), found in zip(self.others, rest, strict=True)}
            zero = (
                ~inside
                if not len(self.zero)
                else np.isin(block.full(own["land_cover"], shape, "land_cover"), self.zero)
            )
            for combination, year in zip(self.combinations, years, strict=True):
                loss = np.array(block.full(self._multiply(own, values, combination), shape, "soil_loss"))
                loss[zero] = 0
                loss[~inside] = np.nan
                year.add(loss)
        losses = np.stack([year.mean() for year in years])
        for combination, loss in zip(self.combinations, losses, strict=True):
            if combination in self.drafts:
                self.drafts[combination].write(window, loss)
        return count(losses, np.broadcast_to(self.area[window[0]] / 1e4, shape))

    def _multiply(self, own: Mapping[str, Any], values: Mapping[tuple[int, int], Any], combination: Combination) -> Any:
        chosen = {self.varied[f]: values[f, i] for f, i in enumerate(combination) if i}
        with np.errstate(all="ignore"):
            return self.model(*(chosen.get(name, own[name]) for name in self.factors))

    def _years(self) -> Years:
        project = self.site.project
        count = len(project.period.years) if project.period else 1
        needed = math.ceil(count * (project.period.min_valid if project.period else 1) - 1e-9)
        return Years(len(project.steps) // count, count, True, needed)


def count(losses: np.ndarray, area: np.ndarray) -> Counted:
    """Return the sums of one block; `losses` are t/ha by combination, the first the one to compare with, `area` ha."""
    known = np.isfinite(losses)
    common = known.all(axis=0)
    positive = common & (losses > 0).all(axis=0)
    own = losses[0][common].astype(float)
    sums = np.empty((len(losses), len(SUMS)))
    for row, loss, valid in zip(sums, losses, known, strict=True):
        here = loss[common].astype(float)
        row[:] = (
            area[valid].sum(),
            (loss[valid] * area[valid]).sum(),
            (here * area[common]).sum(),
            np.log(loss[positive].astype(float)).sum(),
            here.sum(),
            (here * here).sum(),
            (here * own).sum(),
        )
    return Counted(int(common.sum()), int(positive.sum()), sums)


def correlations(counted: Counted) -> np.ndarray:
    """Return Pearson's correlation of each combination with the first over the cells; NaN where one is flat."""
    n = max(counted.cells, 1)
    x, xx, xy = (counted.sums[:, SUMS.index(name)] / n for name in ("x", "xx", "xy"))
    spread = np.maximum(xx - x * x, 0)
    with np.errstate(all="ignore"):
        return np.where(spread * spread[0] > 0, (xy - x * x[0]) / np.sqrt(spread * spread[0]), np.nan)


def variance_shares(values: Sequence[float], made: Sequence[Combination], full: bool) -> tuple[list[float], float]:
    """Return the share of each factor in the variance of `values`, and that of their interplay.

    With all combinations it is the analysis of variance of the full factorial: the variance of a factor's means over
    the others. Where one factor was varied at a time, the variances of the factors are set in proportion and nothing
    is known of the interplay (NaN).

    Examples
    --------
    >>> variance_shares([0, 1, 2, 3], [(0, 0), (0, 1), (1, 0), (1, 1)], True)
    ([0.8, 0.2], 0.0)
    """
    table = np.array(made)
    y = np.asarray(values, float)
    main = []
    for f in range(table.shape[1]):
        others = np.delete(table, f, axis=1)
        used = np.ones(len(y), bool) if full else ~others.any(axis=1)
        levels = np.unique(table[used, f])
        main.append(float(np.var([y[used & (table[:, f] == level)].mean() for level in levels])))
    total = float(np.var(y)) if full else sum(main)
    if not total > 0:
        return [math.nan] * len(main), math.nan
    return [m / total for m in main], max(0.0, 1 - sum(main) / total) if full else math.nan
