"""Strata of the land: classes of elevation, slope and aspect, by which tables are broken down."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from soilloss.publish.text import number

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place

By = Literal["elevation", "slope", "aspect"]

# degrees; the slope classes of the Chinese standard SL 190-2007
SLOPE_EDGES = (5.0, 8.0, 15.0, 25.0, 35.0)
OCTANTS = ("north", "north-east", "east", "south-east", "south", "south-west", "west", "north-west", "flat")
NEEDS: dict[str, tuple[str, ...]] = {
    "elevation": ("elevation",),
    "slope": ("slope",),
    "aspect": ("aspect", "slope"),
}
LOWEST, WIDTH, BINS = -500.0, 10.0, 1000
BAND_STEPS = (10, 20, 50, 100, 200, 250, 500, 1000)
MOST_BANDS = 8


class Strata(NamedTuple):
    """The classes 1, 2, ... of a kind; `edges` (m or degrees) part them, none for aspect."""

    kind: str
    names: tuple[str, ...]
    edges: tuple[float, ...] = ()

    def codes(self, place: Place) -> np.ndarray:
        """Return the class of each cell of a tile, 0 where it is not known."""
        if self.kind == "aspect":
            return _octants(np.degrees(place.static("aspect")), place.static("slope"))
        cells = place.static(self.kind)
        values = np.degrees(cells) if self.kind == "slope" else cells
        return np.where(np.isnan(cells), 0, 1 + np.searchsorted(self.edges, values, side="right")).astype(np.uint8)


def _octants(degrees: np.ndarray, slope: np.ndarray) -> np.ndarray:
    known = np.nan_to_num(degrees, nan=0.0)
    octant = 1 + ((known + 22.5) % 360 // 45).astype(np.uint8)
    return np.where(np.isnan(slope), 0, np.where(np.isnan(degrees), len(OCTANTS), octant)).astype(np.uint8)


def by_edges(kind: str, edges: Sequence[float], unit: str) -> Strata:
    """Return strata between edges; an edge belongs to the upper one.

    Examples
    --------
    >>> by_edges("slope", (5, 8), "°").names
    ('below 5°', '5 to 8°', '8° and more')
    """
    shown = [number(edge, 6) for edge in edges]
    between = [f"{low} to {high}{unit}" for low, high in pairwise(shown)]
    names = (f"below {shown[0]}{unit}", *between, f"{shown[-1]}{unit} and more")
    return Strata(kind, names, tuple(edges))


def heights(place: Place) -> np.ndarray:
    """Return how many cells of a tile lie in each 10 m of elevation."""
    cells = place.static("elevation")
    known = cells[np.isfinite(cells)]
    return np.bincount(np.clip((known - LOWEST) / WIDTH, 0, BINS - 1).astype(np.int64), minlength=BINS)


def bands(counts: np.ndarray) -> tuple[float, ...]:
    """Return round edges of at most eight bands that hold all but the lowest and highest hundredth of the cells.

    Examples
    --------
    >>> counts = np.zeros(BINS, int)
    >>> counts[60:120] = 1  # 100 m to 700 m
    >>> bands(counts)
    (200.0, 300.0, 400.0, 500.0, 600.0)
    """
    passed = np.cumsum(counts) / max(counts.sum(), 1)
    low, high = (LOWEST + WIDTH * np.searchsorted(passed, share) for share in (0.01, 0.99))
    step = next((s for s in BAND_STEPS if high - low <= s * (MOST_BANDS - 1)), BAND_STEPS[-1])
    first = (low // step + 1) * step
    return tuple(float(edge) for edge in np.arange(first, max(high, first + step / 2), step))


def strata_of(kind: By, edges: Sequence[float], counts: np.ndarray | None = None) -> Strata:
    """Return the strata of a kind: by the edges given, or the usual ones (of elevation, by its `counts`)."""
    if kind == "aspect":
        return Strata("aspect", OCTANTS)
    if kind == "slope":
        return by_edges("slope", edges or SLOPE_EDGES, "°")
    assert counts is not None or edges
    return by_edges("elevation", edges or bands(np.asarray(counts)), " m")
