"""Charts and maps of changes: bars to both sides of zero, a waterfall, maps of differences."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import SymLogNorm
from matplotlib.figure import Figure

from soilloss.publish.figures import BAR
from soilloss.publish.maps import INK, MISSING, read_view
from soilloss.publish.text import number, with_unit

LESS, MORE = "#2a7f62", "#b35806"


def draw_changes(names: Sequence[str], percents: Sequence[float], label: str) -> Figure:
    """Draw changes (%) as horizontal bars to both sides of zero."""
    figure = Figure(figsize=(7.4, 0.42 * len(names) + 0.8), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right", "left"]].set_visible(False)
    place = np.arange(len(names))
    axes.barh(place, percents, 0.66, color=[MORE if p > 0 else LESS if p < 0 else BAR for p in percents])
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(place, list(names))
    axes.invert_yaxis()
    axes.tick_params(labelsize=8.5, colors=INK)
    for y, percent in zip(place, percents, strict=True):
        side = 1 if percent >= 0 else -1
        axes.annotate(
            f"{number(percent)} %", (percent, y), (4 * side, 0), textcoords="offset points", va="center", fontsize=9,
            ha="left" if side > 0 else "right",
        )  # fmt: skip
    widest = max([abs(p) for p in percents] or [1]) or 1
    low, high = min([0, *percents]), max([0, *percents])
    axes.set(xlabel=label, xlim=(low - 0.3 * widest, high + 0.3 * widest))
    return figure


def draw_differences(panels: Sequence[tuple[str, Path]], unit: str, name: str = "difference in soil loss") -> Figure:
    """Draw maps of differences beside each other, with one bar of colours that part at zero.

    The bar grows with the logarithm beyond one unit and ends at the largest of the panels' 98th percentiles.
    """
    columns = min(3 if len(panels) > 4 else 2, len(panels))
    rows = math.ceil(len(panels) / columns)
    views = [read_view(path, 500) for _, path in panels]
    height = 7.4 / columns * min(max(views[0].ratio, 0.4), 1.6) + 0.3
    figure = Figure(figsize=(7.4, rows * height + 0.8), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    largest = [np.percentile(abs(known), 98) for v in views if (known := v.values[np.isfinite(v.values)]).size]
    end = float(max([1.0, *largest]))
    norm = SymLogNorm(1.0, vmin=-end, vmax=end)
    colours = colormaps["BrBG_r"].with_extremes(bad=MISSING)
    for axes, (title, _), view in zip(grid, panels, views, strict=False):
        axes.imshow(view.values, extent=view.extent, cmap=colours, norm=norm, interpolation="nearest")
        axes.set_aspect(view.aspect)
        axes.set_title(title, fontsize=8.5, loc="left", color=INK)
        axes.set(xticks=[], yticks=[])
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    bar = figure.colorbar(
        grid[0].images[0], ax=list(grid), orientation="horizontal", shrink=0.7, aspect=40, extend="both"
    )
    bar.set_label(with_unit(name, unit), fontsize=9, color=INK)
    tens = [10.0**power for power in range(int(math.log10(end)) + 1)]
    ticks = [*(-ten for ten in reversed(tens)), 0.0, *tens]
    bar.set_ticks(ticks, labels=[number(tick) for tick in ticks])
    bar.ax.minorticks_off()
    bar.ax.tick_params(labelsize=8)
    return figure


def draw_waterfall(
    start: tuple[str, float], parts: Sequence[tuple[str, float]], end: tuple[str, float], label: str, unit: str
) -> Figure:
    """Draw a value before, what was added and taken away, and the value after."""
    figure = Figure(figsize=(7.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    names = [start[0], *(name for name, _ in parts), end[0]]
    changes = np.array([value for _, value in parts])
    feet = start[1] + np.concatenate([[0.0], np.cumsum(changes)])
    place = np.arange(len(names))
    axes.bar(place[[0, -1]], [start[1], end[1]], 0.62, color=BAR)
    axes.bar(place[1:-1], changes, 0.62, bottom=feet[:-1], color=[MORE if c > 0 else LESS for c in changes])
    for at, level in enumerate(feet):
        axes.plot([at - 0.31, at + 1.31], [level, level], color=INK, linewidth=0.7, linestyle=":")
    texts = [number(start[1]), *(f"{'+' if c > 0 else ''}{number(c)}" for c in changes), number(end[1])]
    tops = [start[1], *np.maximum(feet[:-1], feet[1:]), end[1]]
    for at, (text, top) in enumerate(zip(texts, tops, strict=True)):
        axes.annotate(text, (at, top), (0, 3), textcoords="offset points", ha="center", fontsize=9, color=INK)
    axes.set_xticks(place, names)
    axes.tick_params(labelsize=8.5, colors=INK)
    axes.set_ylabel(with_unit(label, unit), fontsize=9.5)
    axes.margins(y=0.12)
    return figure


def draw_stacks(
    years: Sequence[str], parts: Sequence[tuple[str, str, Sequence[float]]], label: str, unit: str
) -> Figure:
    """Draw parts (name, colour, value by year) stacked up and down from zero, with their sum as points."""
    figure = Figure(figsize=(7.4, 3.2), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    place = np.arange(len(years))
    up, down = np.zeros(len(years)), np.zeros(len(years))
    for name, colour, values in parts:
        heights = np.nan_to_num(np.array(values, float))
        axes.bar(place, heights, 0.7, bottom=np.where(heights >= 0, up, down), color=colour, label=name)
        up, down = up + np.maximum(heights, 0), down + np.minimum(heights, 0)
    axes.plot(place, up + down, "o", color=INK, markersize=4.5, label="change")
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(place, list(years))
    axes.tick_params(labelsize=8.5, colors=INK)
    axes.set_ylabel(with_unit(label, unit), fontsize=9.5)
    axes.legend(frameon=False, fontsize=9, ncols=len(parts) + 1, loc="upper left", bbox_to_anchor=(0, 1.13))
    return figure
