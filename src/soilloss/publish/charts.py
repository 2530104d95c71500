"""Charts of the analyses: one drawing function per kind of figure data; each returns a matplotlib figure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from soilloss.publish.figures import ACCENT, LINE, chart
from soilloss.publish.text import with_unit


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
