"""Charts of what goes together: matrices, moving windows, bars, observed against modelled, maps of pairs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import BoundaryNorm, ListedColormap
from matplotlib.figure import Figure

from soilloss.publish.figures import ACCENT, BAR, LINE, chart
from soilloss.publish.maps import INK, MISSING, draw_codes
from soilloss.publish.text import number, with_unit

# three steps of blue (the first variable) times three of brown (the second): code 3 i + j
PAIRS = ("#f8f0dc", "#d8b26e", "#b5761c", "#a9c6d8", "#a99f86", "#8a6a32", "#4b8db8", "#4f7689", "#4a4a42")


def draw_matrix(names: Sequence[str], values: Sequence[Sequence[float | None]], label: str, lowest: float) -> Figure:
    """Draw a square of numbers by two names; colours go from `lowest` (-1 or 0) to 1, empty fields have no number."""
    table = np.array(values, float)
    side = min(7.4, 1.6 + 0.52 * len(names))
    figure = Figure(figsize=(max(side, 3.6), max(side, 3.6) * 0.92), layout="constrained")
    axes = figure.add_subplot()
    colours = colormaps["RdBu_r" if lowest < 0 else "YlGnBu"].with_extremes(bad="#f4f4f2")
    image = axes.imshow(table, cmap=colours, vmin=lowest, vmax=1)
    place = np.arange(len(names))
    axes.set_xticks(place, list(names), rotation=40, ha="right", rotation_mode="anchor")
    axes.set_yticks(place, list(names))
    axes.tick_params(labelsize=8, colors=INK, length=0)
    axes.spines[:].set_visible(False)
    for (i, j), value in np.ndenumerate(table):
        if math.isfinite(value):
            dark = abs(value) > 0.6
            axes.text(j, i, _hundredths(value), ha="center", va="center", fontsize=8, color="white" if dark else INK)
    bar = figure.colorbar(image, ax=axes, shrink=0.8, aspect=30)
    bar.set_label(label, fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8)
    return figure


def _hundredths(value: float) -> str:
    return f"{value + 0.0:.2f}".replace("-0.00", "0.00").replace("-", "−")


def draw_windows(years: Sequence[str], lines: Sequence[tuple[str, Sequence[float | None]]], label: str) -> Figure:
    """Draw a correlation in a moving window, one line per series, at the last year of the window."""
    figure, axes = chart(7.4, 3.2)
    place = np.arange(len(years))
    for name, values in lines:
        axes.plot(place, np.array(values, float), "o-", markersize=3.5, linewidth=1.2, label=name)
    axes.axhline(0, color=INK, linewidth=0.8)
    axes.set_xticks(place[:: -(-len(years) // 12)], list(years)[:: -(-len(years) // 12)])
    axes.set(ylim=(-1.05, 1.05), xlabel="last year of the window")
    axes.set_ylabel(label)
    figure.legend(loc="outside upper center", frameon=False, fontsize=8.5, ncols=4)
    return figure


def draw_bars(names: Sequence[str], values: Sequence[float | None], label: str) -> Figure:
    """Draw numbers from zero as horizontal bars, the first on top."""
    figure, axes = chart(7.4, 0.42 * len(names) + 0.8)
    place, lengths = np.arange(len(names)), np.nan_to_num(np.array(values, float))
    axes.barh(place, lengths, 0.66, color=BAR)
    axes.set_yticks(place, list(names))
    axes.invert_yaxis()
    for y, length in zip(place, lengths, strict=True):
        axes.annotate(number(length), (length, y), (4, 0), textcoords="offset points", va="center", fontsize=9)
    axes.set(xlabel=label, xlim=(0, max([*lengths, 1e-9]) * 1.15))
    return figure


def draw_shares_by_year(
    years: Sequence[str], lines: Sequence[tuple[str, Sequence[float | None]]], label: str
) -> Figure:
    """Draw numbers by year, one line per source; the first one stands out."""
    figure, axes = chart(7.4, 3.0)
    place = np.arange(len(years))
    for at, (name, values) in enumerate(lines):
        colour, width = (ACCENT, 2.0) if at == 0 else (None, 1.2)
        axes.plot(place, np.array(values, float), "o-", markersize=4, label=name, color=colour, linewidth=width)
    axes.set_xticks(place[:: -(-len(years) // 12)], list(years)[:: -(-len(years) // 12)])
    axes.set_ylabel(label)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False, fontsize=9, ncols=3)
    return figure


def draw_agreement(observed: Sequence[float], modelled: Sequence[float], label: str, unit: str) -> Figure:
    """Draw modelled against observed values and the line where both agree; logarithmic where values span 100 times."""
    figure, axes = chart(4.6, 4.4)
    both = np.array([observed, modelled], float)
    positive = both[both > 0]
    logarithmic = positive.size == both.size and positive.max() > 100 * positive.min()
    low, high = float(both.min()), float(both.max())
    ends = (low / 1.5, high * 1.5) if logarithmic else (min(0.0, low), (high * 1.05) or 1.0)
    axes.plot(ends, ends, color=ACCENT, linestyle="--", linewidth=1, label="agreement")
    axes.plot(*both, "o", color=LINE, markersize=5, alpha=0.8)
    if logarithmic:
        axes.set(xscale="log", yscale="log")
    axes.set(xlim=ends, ylim=ends, aspect="equal", xlabel=with_unit(f"{label}, observed", unit))
    axes.set_ylabel(with_unit(f"{label}, modelled", unit))
    axes.legend(frameon=False, fontsize=9)
    return figure


def draw_pairs(path: Path, first: Sequence[str], second: Sequence[str], titles: tuple[str, str]) -> Figure:
    """Draw the map of a bivariate choropleth (classes 1 + 3 i + j) with its square legend.

    `first` and `second` name the three classes of each variable, the lowest first; `titles` name the variables.
    """
    figure = draw_codes(path, list(PAIRS))
    width, height = figure.get_size_inches()
    side, below = 1.25, 2.0  # inches, of the legend and of the room below the map
    figure.set_size_inches(width, height + below)
    figure.set_layout_engine("constrained", rect=(0, below / (height + below), 1, height / (height + below)))
    axes = figure.add_axes((0.5 - side / width / 2, 0.55 / (height + below), side / width, side / (height + below)))
    axes.set_in_layout(False)
    codes = np.arange(9).reshape(3, 3)  # row i is a class of the first variable, drawn upwards
    axes.imshow(codes, cmap=ListedColormap(list(PAIRS)), norm=BoundaryNorm(np.arange(-0.5, 9), 9), origin="lower")
    axes.set_xticks(range(3), list(second), fontsize=7)
    axes.set_yticks(range(3), list(first), fontsize=7)
    axes.set_xlabel(f"{titles[1]} →", fontsize=8, color=INK)
    axes.set_ylabel(f"{titles[0]} →", fontsize=8, color=INK)
    axes.tick_params(length=0, colors=INK)
    axes.spines[:].set_color(MISSING)
    return figure
