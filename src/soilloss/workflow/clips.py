"""How many cells a method cut at a limit that it states: nothing is clipped silently."""

from __future__ import annotations

import threading
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from soilloss.equation import Clip, spec_of
from soilloss.grid.blocks import Window
from soilloss.grid.opened import Coded
from soilloss.grid.target import cut
from soilloss.kernels.classes import count_flagged
from soilloss.workflow.block import Work, cells_of
from soilloss.workflow.plan import Step


class _Count(NamedTuple):
    clipped: int
    seen: int


class Clips:
    """Counts of clipped cells of a pass, added to by its blocks from many threads."""

    def __init__(self, steps: Sequence[Step], work: Work) -> None:
        at_hand = {step.variable for step in work.steps} | set(work.reads)
        self.work = work
        self.steps = [
            step
            for step in steps
            if step.variable in at_hand and step.function is not None and spec_of(step.function).clip
        ]
        self.counts = {step.variable: _Count(0, 0) for step in self.steps}
        self.static = {step.variable for step in self.steps if step.variable not in work.changing}
        self.lock = threading.Lock()

    def count(self, values: Mapping[str, Any], cells: np.ndarray, window: Window, done: Collection[str]) -> set[str]:
        """Count one time step of a block in `cells`; return the static variables, which count once (`done`)."""
        if not self.steps:
            return set()
        seen = int(cells.sum())
        for step in self.steps:
            if step.variable not in done:
                self.add(step.variable, self._number(step, values, window, cells), seen)
        return self.static

    def add(self, variable: str, clipped: int, seen: int) -> None:
        """Count cells of a variable."""
        with self.lock:
            before = self.counts[variable]
            self.counts[variable] = _Count(before.clipped + clipped, before.seen + seen)

    def _number(self, step: Step, values: Mapping[str, Any], window: Window, cells: np.ndarray) -> int:
        made = values[step.variable]
        if isinstance(made, Coded) and not callable(_clip(step)):
            flags = _at_limit(step, made.values)
            return int(count_flagged(made.codes, flags, cells)) if flags.any() else 0
        return int((self._clipped(step, values, window) & cells).sum())

    def _clipped(self, step: Step, values: Mapping[str, Any], window: Window) -> np.ndarray:
        assert step.function is not None
        spec = spec_of(step.function)
        if callable(spec.clip):
            size = cut(self.work.cell_size, window[0])
            supplied = {"cell_size": size} if "cell_size" in spec.supplied else {}
            data = [cells_of(values[name]) for name in step.inputs]
            return np.asarray(spec.clip(*data, **step.coefficients, **supplied), bool)
        return _at_limit(step, np.asarray(values[step.variable]))

    def restore(self, counts: Mapping[str, Sequence[int]]) -> None:
        """Go on from the counts of other years."""
        self.counts = {name: _Count(*count) for name, count in counts.items()}

    def table(self) -> list[dict[str, Any]]:
        """Return a line per variable, as the record keeps it."""
        return [
            {
                "variable": step.variable,
                "method": step.method,
                "limit": _words(step),
                "cells": self.counts[step.variable].clipped,
                "share": self.counts[step.variable].clipped / max(self.counts[step.variable].seen, 1),
            }
            for step in self.steps
        ]


def _clip(step: Step) -> Clip:
    assert step.function is not None
    return spec_of(step.function).clip


def _at_limit(step: Step, made: np.ndarray) -> np.ndarray:
    return np.logical_or.reduce([made == made.dtype.type(limit) for limit in _limits(step)])


def _limits(step: Step) -> list[float]:
    """The values at which results are cut."""
    assert step.function is not None
    spec = spec_of(step.function)
    assert isinstance(spec.clip, tuple)
    known = {**spec.coefficients, **step.coefficients}
    return [float(known[limit] if isinstance(limit, str) else limit) for limit in spec.clip]


def _words(step: Step) -> str:
    assert step.function is not None
    spec = spec_of(step.function)
    if isinstance(spec.clip, tuple):
        return " or ".join(f"{limit:g}" for limit in _limits(step))
    known = {**spec.coefficients, **step.coefficients}
    return f"max_length = {known['max_length']:g}" if "max_length" in known else "a limit of the method"
