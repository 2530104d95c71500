"""Charts: bars are as long as the numbers, axes carry units, pictures have 150 dots per inch."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from soilloss.publish import figures


@pytest.mark.parametrize(
    ("edges", "scale"),
    [
        ([0, *np.geomspace(0.01, 100, 20)], "log"),
        ([0, *np.geomspace(0.15, 1500, 20)], "log"),
        (np.linspace(3, 9, 21), "linear"),
        (np.linspace(-1, 1, 21), "linear"),
    ],
)
def test_histogram_shares_add_up(edges, scale):
    counts = np.arange(len(edges) - 1)
    axes = figures.draw_histogram(edges, counts, 5.0, 4.0, "t ha-1 yr-1").axes[0]
    assert sum(bar.get_height() for bar in axes.patches) == pytest.approx(100)
    assert axes.get_xscale() == scale
    assert axes.get_xlabel() == "soil loss (t ha⁻¹ yr⁻¹)"
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["mean 5", "median 4"]
    assert axes.patches[-1].get_height() == pytest.approx(100 * counts[-1] / counts.sum())


def test_years():
    figure = figures.draw_years([str(y) for y in range(1980, 2024)], list(range(44)), "t ha-1 yr-1", 21.5)
    axes = figure.axes[0]
    assert [bar.get_height() for bar in axes.patches] == list(range(44))
    assert len(axes.get_xticks()) <= 20
    assert "t ha⁻¹ yr⁻¹" in axes.get_ylabel()


def test_shares():
    axes = figures.draw_shares(["slight", "severe"], [75, 25], ["#ffffd4", "#993404"]).axes[0]
    assert [bar.get_width() for bar in axes.patches] == [75, 25]
    assert [t.get_text() for t in axes.texts] == ["75 %", "25 %"]


@pytest.mark.parametrize("observed", [[1.0, 2.0, np.nan], [], [5.0, 5.0, 5.0]])
def test_check_draws_points_and_the_line_of_agreement(observed):
    axes = figures.draw_check(observed, observed, "rain", "mm").axes[0]
    assert len(axes.lines[1].get_xdata()) == np.isfinite(observed).sum()
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlabel() == "rain at the points (mm)"


def test_saved_with_150_dots_per_inch(tmp_path):
    path = figures.save(figures.draw_shares(["a"], [100], ["#000000"]), tmp_path / "figures" / "x.png")
    with Image.open(path) as image:
        assert image.info["dpi"] == pytest.approx((150, 150), abs=0.5)
        assert image.width == 1110
