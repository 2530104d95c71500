"""One block of the pass: equations back to back on plain arrays, from the sources to the wanted variables.

Static variables are made once per block and shared by all time steps; a variable changes with time if one of its
inputs does. Neighbourhood equations see the block with a halo, which is cut off at the end.

`evaluate` makes whole blocks. `open_block` and `Strips` do the same strip by strip, so that what an equation hands to
the next stays in the processor's cache; and where all an equation takes are the codes of one raster of 8 or 16 bits,
it is worked out once for each code and looked up in the cells. Both ways give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from soilloss.equation import spec_of
from soilloss.grid.blocks import Window, grow
from soilloss.grid.opened import Coded, Warped, cells
from soilloss.grid.target import CellSize, cut
from soilloss.variables import VARIABLES
from soilloss.workflow.plan import Step

Values = dict[str, Any]

# cells of a strip: some arrays of so many float32 fit the cache of a processor
STRIP_CELLS = 1 << 16


class Work(NamedTuple):
    """What a block needs: the steps of the pass in order, what is read, and the metres of the grid.

    `read` gives a float or an array of the window for ``(variable, label, window)``, `open` the same or, where it can,
    something of `grid.opened`; `labels` are the time steps of the run, and `changing` the variables that differ among
    them. `tables` keeps the results of equations for all codes of a raster.
    """

    steps: Sequence[Step]
    reads: tuple[str, ...]
    read: Callable[[str, str, Window], Any]
    shape: tuple[int, int]
    cell_size: float | CellSize
    labels: tuple[str, ...]
    changing: frozenset[str]
    halo: int
    open: Callable[[str, str, Window], Any]
    tables: dict[Any, np.ndarray]


def make_work(
    steps: Sequence[Step],
    want: Sequence[str],
    read: Callable[[str, str, Window], Any],
    shape: tuple[int, int],
    cell_size: float | CellSize,
    labels: tuple[str, ...],
    changing_sources: frozenset[str],
    open: Callable[[str, str, Window], Any] | None = None,
) -> Work:
    """Choose from a plan what is computed in the pass to make the wanted variables; the rest is read (or opened)."""
    needed, halo = _needed(steps, want)
    inside = [s for s in steps if s.variable in needed and s.function is not None and not s.stored]
    made = {s.variable for s in inside}
    changing = set(changing_sources & needed.keys())
    for step in inside:
        if step.changes(changing, labels):
            changing.add(step.variable)
    reads = tuple(sorted(needed.keys() - made))
    return Work(inside, reads, read, shape, cell_size, labels, frozenset(changing), halo, open or read, {})


def _needed(steps: Sequence[Step], want: Sequence[str]) -> tuple[dict[str, int], int]:
    """Every variable on the way to the wanted ones, with the halo it is needed with; stops at stored ones."""
    needed = dict.fromkeys(want, 0)
    for step in reversed(steps):
        if step.variable not in needed or step.function is None or step.stored:
            continue
        grown = needed[step.variable] + spec_of(step.function).halo
        for name in step.inputs:
            needed[name] = max(needed.get(name, 0), grown)
    return needed, max(needed.values(), default=0)


def evaluate(work: Work, window: Window) -> Iterator[tuple[str, Values]]:
    """Yield ``(label, variables)`` for each time step of a block; arrays cover exactly the window.

    Every variable of the block is there, so that a gap can be traced to the input it came from.
    """
    outer, inner = grow(window, work.halo, work.shape)
    static = _make(work, outer, "", [n for n in work.reads if n not in work.changing], {})
    for label in work.labels:
        fresh = [n for n in work.reads if n in work.changing]
        values = _make(work, outer, label, fresh, static) if work.changing else static
        yield label, {name: _crop(value, inner) for name, value in values.items()}


class Strips:
    """A block whose static sources are read; what is made of them, and what changes, is made strip by strip.

    A strip is some whole rows of the block, or all of it where a neighbourhood equation changes with time.
    """

    def __init__(self, work: Work, window: Window) -> None:
        self.work, self.window = work, window
        self.outer, self.inner = grow(window, work.halo, work.shape)
        halos = {s.variable for s in work.steps if s.function is not None and spec_of(s.function).halo}
        self.whole = not halos.isdisjoint(work.changing)
        reads = [name for name in work.reads if name not in work.changing]
        if halos:
            self.static = _make(work, self.outer, "", reads, {})
        else:
            self.static = {name: work.read(name, "", window) for name in reads}
        if not self.whole:
            self.static = {name: _crop(value, self.inner) for name, value in self.static.items()}
        self.made: dict[int, Values] = {}
        rows, columns = (part.stop - part.start for part in window)
        height = rows if self.whole else max(1, STRIP_CELLS // columns)
        self.rows = [slice(top, min(top + height, rows)) for top in range(0, rows, height)]

    def open(self, label: str) -> Values:
        """Open what changes with time of one step, for the whole block."""
        reads = [name for name in self.work.reads if name in self.work.changing]
        if self.whole:
            return {name: self.work.read(name, label, self.outer) for name in reads}
        return {name: self.work.open(name, label, self.window) for name in reads}

    def make(self, label: str, opened: Values, rows: slice, held: dict[Any, Any]) -> Values:
        """Make all variables of a step in one strip; `held` keeps what the steps of a strip share.

        Some values may be `Coded`; `cells_of` makes cells of them.
        """
        if self.whole:
            values = _make(self.work, self.outer, label, (), {**self.static, **opened})
            return {name: _crop(value, self.inner) for name, value in values.items()}
        fresh = {name: _strip(value, rows, held) for name, value in opened.items()}
        static = self.static_rows(rows)
        if not self.work.changing:
            return static
        return _make(self.work, self._window(rows), label, (), {**static, **fresh})

    def static_rows(self, rows: slice) -> Values:
        """Return what does not change, in one strip."""
        if self.whole:
            return {name: _crop(value, self.inner) for name, value in self.static.items()}
        if rows.start not in self.made:
            known = {name: _rows(value, rows) for name, value in self.static.items()}
            self.made[rows.start] = _make(self.work, self._window(rows), "", (), known)
        return self.made[rows.start]

    def _window(self, rows: slice) -> Window:
        top = self.window[0].start
        return slice(top + rows.start, top + rows.stop), self.window[1]


def cells_of(value: Any) -> Any:
    """Make cells of what may be `Coded`."""
    return cells(value, slice(0, len(value.codes)), {}) if isinstance(value, Coded) else value


def _strip(value: Any, rows: slice, held: dict[Any, Any]) -> Any:
    if isinstance(value, Coded):
        return value._replace(codes=value.codes[rows])
    return cells(value, rows, held) if isinstance(value, Warped) else _rows(value, rows)


def _rows(value: Any, rows: slice) -> Any:
    return value[rows] if isinstance(value, np.ndarray) and value.ndim >= 2 else value


def _make(work: Work, outer: Window, label: str, reads: Sequence[str], known: Mapping[str, Any]) -> Values:
    values: Values = {**known, **{name: work.read(name, label, outer) for name in reads}}
    size = cut(work.cell_size, outer[0])
    for step in work.steps:
        if not label and step.variable in work.changing:
            continue
        if step.variable not in values and all(name in values for name in step.inputs):
            data = [values[name] for name in step.inputs]
            made = _look_up(work, step, data, label)
            values[step.variable] = _call(step, [cells_of(d) for d in data], size, label) if made is None else made
    return values


def _look_up(work: Work, step: Step, data: list[Any], label: str) -> Coded | None:
    """The result for every code, where all the data are numbers and codes of one raster; else None."""
    coded = [one for one in data if isinstance(one, Coded)]
    assert step.function is not None
    spec = spec_of(step.function)
    alike = all(isinstance(one, float) or (isinstance(one, Coded) and one.codes is coded[0].codes) for one in data)
    if not coded or not alike or spec.shape != "cell" or "cell_size" in spec.supplied:
        return None
    parts = (one.key if isinstance(one, Coded) else one for one in data)
    key = (step.variable, label if "step" in spec.supplied else "", *parts)
    if key not in work.tables:
        every = [one.values if isinstance(one, Coded) else one for one in data]
        work.tables[key] = _call(step, every, 0.0, label)
    return Coded(coded[0].codes, work.tables[key], key)


def _call(step: Step, data: list[Any], size: float | CellSize, label: str) -> Any:
    assert step.function is not None
    spec = spec_of(step.function)
    supplied: dict[str, Any] = {"cell_size": size} if "cell_size" in spec.supplied else {}
    if "step" in spec.supplied:
        supplied["step"] = label
    # by name: of several optional inputs a project may give only the last
    named = dict(zip(step.inputs, data, strict=True))
    with np.errstate(all="ignore"):
        return step.function(**named, **step.coefficients, **supplied)


def _crop(value: Any, inner: Window) -> Any:
    return value[inner] if isinstance(value, np.ndarray) and value.ndim >= 2 else value


def full(value: Any, shape: tuple[int, int], variable: str) -> np.ndarray:
    """Return a block of `value`, be it a number or an array, in the variable's kept type."""
    dtype = "float64" if VARIABLES[variable].dtype == "float64" else "float32"
    return np.broadcast_to(np.asarray(value, dtype), shape)
