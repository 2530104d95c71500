"""A Sankey diagram: columns of classes in time, joined by bands as wide as the area that went from class to class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch, PathPatch, Rectangle
from matplotlib.path import Path

from soilloss.publish.maps import INK
from soilloss.publish.text import number

BAR, GAP = 0.05, 0.025
# bands and labels of less than these shares of the whole are not drawn: they would be lines and clutter
LEAST_BAND, LEAST_LABEL = 0.002, 0.03


def draw_sankey(steps: Sequence[str], flows: Any, names: Sequence[str], colours: Sequence[str]) -> Figure:
    """Draw what became what.

    Parameters
    ----------
    steps : sequence of str
        Names of the columns.
    flows : array (steps - 1, from, to)
        Areas; the classes stand in the order of `names`, the first on top.
    names, colours : sequence of str
        One for each class; those that never occur are left out.
    """
    areas = np.array(flows, float)
    figure = Figure(figsize=(7.4, 4.6), layout="constrained")
    axes = figure.add_subplot()
    axes.axis("off")
    whole = max(areas.sum((1, 2)).max(), 1e-9)
    used = np.flatnonzero(areas.sum((0, 1)) + areas.sum((0, 2))).tolist()
    for at, table in enumerate(areas / whole):
        _bands(axes, at, table, used, colours)
    for at, step in enumerate(steps):
        _column(axes, at, _shares(areas / whole, at), used, colours)
        axes.text(at, 1.02 + GAP * len(used), step, ha="center", va="bottom", fontsize=10, weight="bold", color=INK)
    axes.set(xlim=(-0.12, len(steps) - 0.88), ylim=(-0.02, 1.1 + GAP * len(used)))
    keys = [Patch(facecolor=colours[code], edgecolor="#777777", label=names[code]) for code in used]
    figure.legend(handles=keys, loc="outside lower center", ncols=min(4, max(1, len(keys))), frameon=False, fontsize=9)
    return figure


def _shares(areas: np.ndarray, at: int) -> np.ndarray:
    """Shares of the whole of each class in a column: what comes in on the left, or leaves the first."""
    return areas[0].sum(1) if at == 0 else areas[at - 1].sum(0)


def _tops(shares: np.ndarray, used: list[int]) -> dict[int, float]:
    """Upper end of each class, the first on top, with gaps between classes."""
    tops: dict[int, float] = {}
    level = 1 + GAP * (len(used) - 1)
    for code in used:
        tops[code] = level
        level -= float(shares[code]) + GAP
    return tops


def _column(axes: Axes, at: int, shares: np.ndarray, used: list[int], colours: Sequence[str]) -> None:
    for code, top in _tops(shares, used).items():
        height = shares[code]
        if height <= 0:
            continue
        axes.add_patch(Rectangle((at - BAR / 2, top - height), BAR, height, fc=colours[code], ec=INK, lw=0.5, zorder=3))
        if height >= LEAST_LABEL:
            text = f"{number(100 * height, 2)} %"
            axes.text(at + BAR, top - height / 2, text, va="center", fontsize=8, color=INK, zorder=4)


def _bands(axes: Axes, at: int, table: np.ndarray, used: list[int], colours: Sequence[str]) -> None:
    """The bands between a column and the next, in the colour of where they come from."""
    left, right = _tops(table.sum(1), used), _tops(table.sum(0), used)
    for start in used:
        for end in used:
            width = float(table[start, end])
            if width >= LEAST_BAND:
                same = start == end
                band = _band(at + BAR / 2, left[start], at + 1 - BAR / 2, right[end], width)
                axes.add_patch(
                    PathPatch(band, fc=colours[start], ec="#8a8a8a", lw=0.25, alpha=0.35 if same else 0.75, zorder=2)
                )
            left[start] -= width
            right[end] -= width


def _band(x0: float, top0: float, x1: float, top1: float, width: float) -> Path:
    """A band of constant height that leaves and arrives level."""
    middle = (x0 + x1) / 2
    points = [(x0, top0), (middle, top0), (middle, top1), (x1, top1)]
    back = [(x1, top1 - width), (middle, top1 - width), (middle, top0 - width), (x0, top0 - width)]
    codes = [Path.MOVETO, *[Path.CURVE4] * 3, Path.LINETO, *[Path.CURVE4] * 3, Path.CLOSEPOLY]
    return Path([*points, *back, (x0, top0)], codes)
