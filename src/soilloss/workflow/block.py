"""One block of the pass: equations back to back on plain arrays, from the sources to the wanted variables.

Static variables are made once per block and shared by all time steps; a variable changes with time if one of its
inputs does. Neighbourhood equations see the block with a halo, which is cut off at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from soilloss.equation import spec_of
from soilloss.grid.blocks import Window, grow
from soilloss.grid.target import CellSize, cut
from soilloss.variables import VARIABLES
from soilloss.workflow.plan import Step

Values = dict[str, Any]


class Work(NamedTuple):
    """What a block needs: the steps of the pass in order, what is read, and the metres of the grid.

    `read` gives a float or an array of the window for ``(variable, label, window)``; `labels` are the time steps of
    the run, and `changing` the variables that differ among them.
    """

    steps: Sequence[Step]
    reads: tuple[str, ...]
    read: Callable[[str, str, Window], Any]
    shape: tuple[int, int]
    cell_size: float | CellSize
    labels: tuple[str, ...]
    changing: frozenset[str]
    halo: int


def make_work(
    steps: Sequence[Step],
    want: Sequence[str],
    read: Callable[[str, str, Window], Any],
    shape: tuple[int, int],
    cell_size: float | CellSize,
    labels: tuple[str, ...],
    changing_sources: frozenset[str],
) -> Work:
    """Choose from a plan what is computed in the pass to make the wanted variables; the rest is read."""
    needed, halo = _needed(steps, want)
    inside = [s for s in steps if s.variable in needed and s.function is not None and not s.stored]
    made = {s.variable for s in inside}
    changing = set(changing_sources & needed.keys())
    for step in inside:
        if step.changes(changing, labels):
            changing.add(step.variable)
    reads = tuple(sorted(needed.keys() - made))
    return Work(inside, reads, read, shape, cell_size, labels, frozenset(changing), halo)


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


def _make(work: Work, outer: Window, label: str, reads: Sequence[str], known: Mapping[str, Any]) -> Values:
    values: Values = {**known, **{name: work.read(name, label, outer) for name in reads}}
    size = cut(work.cell_size, outer[0])
    for step in work.steps:
        if not label and step.variable in work.changing:
            continue
        if step.variable not in values and all(name in values for name in step.inputs):
            values[step.variable] = _call(step, [values[name] for name in step.inputs], size, label)
    return values


def _call(step: Step, data: list[Any], size: float | CellSize, label: str) -> Any:
    assert step.function is not None
    spec = spec_of(step.function)
    supplied: dict[str, Any] = {"cell_size": size} if "cell_size" in spec.supplied else {}
    if "step" in spec.supplied:
        supplied["step"] = label
    with np.errstate(all="ignore"):
        return step.function(*data, **step.coefficients, **supplied)


def _crop(value: Any, inner: Window) -> Any:
    return value[inner] if isinstance(value, np.ndarray) and value.ndim >= 2 else value


def full(value: Any, shape: tuple[int, int], variable: str) -> np.ndarray:
    """Return a block of `value`, be it a number or an array, in the variable's kept type."""
    dtype = "float64" if VARIABLES[variable].dtype == "float64" else "float32"
    return np.broadcast_to(np.asarray(value, dtype), shape)
