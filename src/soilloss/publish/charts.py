"""Charts of the analyses: one drawing function per kind of figure data; each returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter

from soilloss.publish.figures import ACCENT, LINE, chart
from soilloss.publish.maps import INK
from soilloss.publish.text import number, with_unit

GAINED, LOST = "#2a7f62", "#b2541a"


def draw_line(
    years: Sequence[str],
    values: Sequence[float | None],
    slope: float | None,
    intercept: float | None,
    label: str,
    unit: str,
) -> Figure:
    """Draw the value of each year and the line of their trend (`slope` per year, `intercept` at year 0)."""
    figure, axes = chart(7.4, 2.9)
    time = np.array([float(year) for year in years])
    axes.plot(time, np.array(values, float), "o-", color=LINE, linewidth=1, markersize=4.5, label="mean of the area")
    if slope is not None and intercept is not None:
        ends = time[[0, -1]]
        axes.plot(ends, intercept + slope * ends, color=ACCENT, linestyle="--", label="trend")
    axes.set_xticks(time[:: -(-len(time) // 12)])
    axes.set_ylabel(with_unit(label, unit))
    axes.legend(frameon=False, fontsize=9)
    return figure


def draw_areas(years: Sequence[str], shares: Any, names: Sequence[str], colours: Sequence[str]) -> Figure:
    """Draw shares of the area (%), one row of `shares` for each class, stacked in time."""
    figure, axes = chart(7.4, 3.4)
    time = [float(year) for year in years]
    axes.stackplot(time, np.array(shares, float), colors=list(colours), edgecolor="white", linewidth=0.5)
    axes.set(xlim=(time[0], time[-1]), ylim=(0, 100), ylabel="share of the area (%)")
    axes.set_xticks(time[:: -(-len(time) // 12)])
    keys = [Patch(facecolor=colour, label=name) for name, colour in zip(names, colours, strict=True)]
    figure.legend(handles=keys[::-1], loc="outside right center", frameon=False, fontsize=9)
    return figure


def draw_turnover(years: Sequence[str], gained: Sequence[float], lost: Sequence[float], label: str) -> Figure:
    """Draw the area (ha) that a class gained (upwards) and lost (downwards) in each year, and the balance."""
    figure, axes = chart(7.4, 3.0)
    place = np.arange(len(years))
    up, down = np.array(gained, float), np.array(lost, float)
    axes.bar(place, up, 0.7, color=GAINED, label="gained")
    axes.bar(place, -down, 0.7, color=LOST, label="lost")
    axes.plot(place, up - down, "D-", color=INK, markersize=4, linewidth=1, label="balance")
    axes.axhline(0, color=INK, linewidth=0.8)
    every = -(-len(years) // 20)
    axes.set_xticks(place[::every], list(years)[::every])
    axes.set_ylabel(f"area of {label} (ha)")
    axes.yaxis.set_major_formatter(FuncFormatter(lambda y, _: number(abs(y))))
    axes.legend(frameon=False, fontsize=9, ncols=3, loc="upper left", bbox_to_anchor=(0, 1.15))
    return figure


def draw_grouped(names: Sequence[str], series: Sequence[tuple[str, Sequence[float]]], label: str, unit: str) -> Figure:
    """Draw a group of bars for each of `names`, one bar for each series (its name and its values)."""
    figure, axes = chart(7.4, 3.2)
    place, width = np.arange(len(names)), 0.8 / len(series)
    shades = colormaps["YlGnBu"](np.linspace(0.35, 0.9, len(series)))
    for at, (name, values) in enumerate(series):
        shift = (at - (len(series) - 1) / 2) * width
        axes.bar(place + shift, np.array(values, float), width, color=shades[at], label=name)
    turned = max(map(len, names)) * len(names) > 90
    axes.set_xticks(place, list(names), rotation=25 if turned else 0, ha="right" if turned else "center")
    axes.set_ylabel(with_unit(label, unit))
    axes.legend(frameon=False, fontsize=9, ncols=len(series), loc="upper left", bbox_to_anchor=(0, 1.14))
    return figure


def draw_effects(names: Sequence[str], values: Sequence[float], label: str, unit: str) -> Figure:
    """Draw changes as horizontal bars to both sides of zero: more soil loss in brown, less in green."""
    figure, axes = chart(7.4, 0.36 * len(names) + 0.9)
    axes.spines["left"].set_visible(False)
    place, lengths = np.arange(len(names)), np.array(values, float)
    axes.barh(place, lengths, 0.66, color=np.where(lengths > 0, LOST, GAINED))
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(place, list(names))
    axes.invert_yaxis()
    axes.margins(x=0.16)
    for y, length in zip(place, lengths, strict=True):
        side = 1 if length >= 0 else -1
        text = {"textcoords": "offset points", "va": "center", "ha": "left" if side > 0 else "right", "fontsize": 9}
        axes.annotate(number(length), (length, y), (4 * side, 0), **text)
    axes.set_xlabel(with_unit(label, unit))
    return figure
