"""Charts: one drawing function per kind of figure data; each returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from soilloss.publish.maps import DPI, INK
from soilloss.publish.text import number, with_unit

BAR, LINE, ACCENT = "#4a6f8a", "#1d3f58", "#b35806"
FLOOR = 0.1


def save(figure: Figure, path: Path) -> Path:
    """Write a figure as PNG with 150 dots per inch."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=DPI, facecolor="white", metadata={"Software": "soilloss"})
    return path


def draw_histogram(edges: Sequence[float], counts: Sequence[float], mean: float, median: float, unit: str) -> Figure:
    """Draw how the area is shared out among values of soil loss.

    `edges` (n + 1) and `counts` (n) are cells by value. The axis is logarithmic where values span two powers of ten;
    what is below 0.1 then stands in one bar at its left end.
    """
    bins, heights = np.asarray(edges, float), np.asarray(counts, float)
    logarithmic = bins[-1] > 100 * max(bins[1], FLOOR)
    if logarithmic:
        first = int(np.searchsorted(bins, FLOOR, side="right"))
        bins = np.concatenate([[min(FLOOR, bins[first] / 1.3)], bins[first:]])
        heights = np.concatenate([[heights[:first].sum()], heights[first:]])
    figure, axes = chart(7.4, 3.0)
    share = 100 * heights / max(heights.sum(), 1)
    axes.bar(bins[:-1], share, np.diff(bins), align="edge", color=BAR, edgecolor="white", linewidth=0.4)
    if logarithmic:
        axes.set_xscale("log")
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda x, _: f"≤ {FLOOR:g}" if logarithmic and x <= FLOOR else number(x))
    )
    for value, name, style in ((mean, "mean", "-"), (median, "median", "--")):
        axes.axvline(max(value, bins[0]), color=ACCENT, linestyle=style, label=f"{name} {number(value)}")
    axes.set(xlabel=with_unit("soil loss", unit), ylabel="share of the area (%)", xlim=(bins[0], bins[-1]))
    axes.legend(frameon=False, fontsize=9)
    return figure


def draw_years(steps: Sequence[str], means: Sequence[float], unit: str, mean: float | None = None) -> Figure:
    """Draw mean soil loss of each year, with the mean of the period as a line."""
    figure, axes = chart(7.4, 2.8)
    place = np.arange(len(steps))
    axes.bar(place, means, 0.7, color=BAR)
    if mean is not None:
        axes.axhline(mean, color=ACCENT, linestyle="--", label=f"mean of the period {number(mean)}")
        axes.legend(frameon=False, fontsize=9, loc="upper left", bbox_to_anchor=(0, 1.13))
    every = -(-len(steps) // 20)
    axes.set_xticks(place[::every], list(steps)[::every])
    axes.set_ylabel(with_unit("mean soil loss", unit))
    return figure


def draw_shares(names: Sequence[str], shares: Sequence[float], colours: Sequence[str]) -> Figure:
    """Draw the share of the area (%) in each grade as horizontal bars, the slightest on top."""
    figure, axes = chart(7.4, 0.42 * len(names) + 0.7)
    place = np.arange(len(names))
    axes.barh(place, shares, 0.72, color=list(colours), edgecolor="#777777", linewidth=0.6)
    axes.set_yticks(place, list(names))
    axes.invert_yaxis()
    for y, share in zip(place, shares, strict=True):
        axes.annotate(f"{number(share)} %", (share, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set(xlabel="share of the area (%)", xlim=(0, max([*shares, 1]) * 1.15))
    return figure


def draw_check(observed: Sequence[float], predicted: Sequence[float], name: str, unit: str) -> Figure:
    """Draw observed values against those predicted with the point left out, and the line where both agree."""
    figure, axes = chart(4.2, 4.0)
    both = np.array([observed, predicted], float)
    both = both[:, np.isfinite(both).all(axis=0)]
    low, high = (both.min(), both.max()) if both.size else (0.0, 1.0)
    margin = (high - low) * 0.06 or 1.0
    ends = (low - margin, high + margin)
    axes.plot(ends, ends, color=ACCENT, linestyle="--", linewidth=1, label="agreement")
    axes.plot(*both, "o", color=LINE, markersize=5, alpha=0.8)
    axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel=with_unit(f"{name} at the points", unit))
    axes.set_ylabel("predicted, point left out")
    axes.legend(frameon=False, fontsize=9)
    return figure


def chart(width: float, height: float) -> tuple[Figure, Axes]:
    """Return an empty figure of the report's looks, sides in inches, and its axes."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.add_subplot()
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8.5, colors=INK)
    axes.xaxis.label.set_fontsize(9.5)
    axes.yaxis.label.set_fontsize(9.5)
    return figure, axes
