"""Where cells go missing: the first variable whose inputs are all known, counted once per cell of the run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from soilloss.grid.opened import Coded
from soilloss.workflow.block import Work
from soilloss.workflow.plan import Step

Cells = tuple[np.ndarray, np.ndarray]


class Gaps:
    """The gaps of a strip of a block: for each variable, the cells that went missing in it at some step."""

    def __init__(self, steps: Sequence[Step], work: Work, shape: tuple[int, int]) -> None:
        self.work, self.shape = work, shape
        self.made_from = {one.variable: one.inputs for one in steps}
        self.found: dict[str, np.ndarray] = {}
        self.seen: np.ndarray | None = None

    def trace(self, values: Mapping[str, Any], cells: Cells) -> None:
        """Trace `cells` (rows, columns) that one step has lost; what does not change is traced once per cell."""
        if self.seen is None:
            self.seen = np.zeros(self.shape, bool)
        fresh = ~self.seen[cells]
        names = [*self.work.reads, *(one.variable for one in self.work.steps)]
        if fresh.any():
            new = cells[0][fresh], cells[1][fresh]
            self._trace(values, new, [name for name in names if name not in self.work.changing])
            self.seen[new] = True
        self._trace(values, cells, [name for name in names if name in self.work.changing])

    def _trace(self, values: Mapping[str, Any], cells: Cells, names: Sequence[str]) -> None:
        gone: dict[str, np.ndarray] = {}

        def is_gone(name: str) -> np.ndarray:
            if name not in gone:
                gone[name] = missing(values[name], cells, self.work.tables)
                if name == "aspect" and self._is_made(name) and "slope" in values:
                    gone[name] &= is_gone("slope")  # level cells face nowhere, and that is no gap
            return gone[name]

        for name in names:
            hit = is_gone(name)
            behind = self.made_from.get(name, ())
            for other in sorted(behind, key=lambda one: one not in gone):
                if not hit.any():
                    break
                if self._is_made(name) or other in self.work.reads:
                    hit = hit & ~is_gone(other)
            if hit.any():
                self.found.setdefault(name, np.zeros(self.shape, bool))[cells[0][hit], cells[1][hit]] = True

    def _is_made(self, name: str) -> bool:
        return name not in self.work.reads


def missing(value: Any, cells: Cells, tables: dict[Any, np.ndarray]) -> np.ndarray:
    """Return whether a variable is missing at some cells of a strip; `tables` keeps what is known of codes."""
    if isinstance(value, Coded):
        key = ("missing", *value.key)
        if key not in tables:
            tables[key] = np.isnan(value.values)
        return tables[key][value.codes[cells]]
    if np.ndim(value) < 2:
        return np.full(len(cells[0]), bool(np.isnan(value)))
    gone = np.isnan(value[cells])
    return gone.any(-1) if gone.ndim == 2 else gone
