import numpy as np
import pytest

from soilloss.publish import differences
from soilloss.sources import synthetic


def test_changes_go_to_both_sides_of_zero():
    axes = differences.draw_changes(["wetter", "forest", "same"], [12.5, -40.0, 0.0], "change (%)").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [12.5, -40.0, 0.0]
    assert len({bar.get_facecolor() for bar in axes.patches}) == 3
    assert axes.get_xlabel() == "change (%)"
    assert axes.get_xlim()[0] < -40
    differences.draw_changes([], [], "nothing")


def test_a_waterfall_ends_where_it_says():
    figure = differences.draw_waterfall(("before", 10.0), [("rain", 2.0), ("cover", -5.0)], ("after", 7.0), "loss", "t")
    bars = figure.axes[0].patches
    assert [bar.get_height() for bar in bars] == [10.0, 7.0, 2.0, -5.0]
    assert bars[3].get_y() + bars[3].get_height() == pytest.approx(7.0)
    assert [label.get_text() for label in figure.axes[0].texts] == ["10", "+2", "−5", "7"]


def test_stacks_sum_to_their_points():
    parts = [("rain", "#00f", [1.0, -2.0]), ("cover", "#0f0", [-3.0, None])]
    axes = differences.draw_stacks(["2002", "2003"], parts, "change", "t ha-1").axes[0]
    assert axes.lines[0].get_ydata().tolist() == [-2.0, -2.0]
    assert axes.get_ylabel() == "change (t ha⁻¹)"


def test_maps_of_differences_part_at_zero(tmp_path):
    grid = synthetic.small_grid((20, 30))
    cells = np.linspace(-50, 200, 600).reshape(20, 30).astype("f4")
    cells[0, 0] = np.nan
    path = synthetic.write_raster(tmp_path / "d.tif", cells, grid)
    figure = differences.draw_differences([("a", path), ("b", path), ("c", path)], "t ha-1", "difference")
    norm = figure.axes[0].images[0].norm
    assert norm.vmin == -norm.vmax
    assert norm(0.0) == pytest.approx(0.5)
    bar = figure.axes[-1]
    assert [label.get_text() for label in bar.get_xticklabels()] == ["−100", "−10", "−1", "0", "1", "10", "100"]
    empty = synthetic.write_raster(tmp_path / "e.tif", np.full((20, 30), np.nan, "f4"), grid)
    differences.draw_differences([("empty", empty)], "t ha-1", "difference")
