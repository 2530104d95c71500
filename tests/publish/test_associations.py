import math

import numpy as np
import pytest

from soilloss.publish import associations
from soilloss.sources import synthetic


def test_a_matrix_writes_its_numbers():
    axes = associations.draw_matrix(["a", "b"], [[1, -0.004], [None, math.nan]], "r", -1).axes[0]
    assert [text.get_text() for text in axes.texts] == ["1.00", "0.00"]
    assert axes.images[0].norm.vmin == -1


def test_windows_are_lines_at_their_last_year():
    axes = associations.draw_windows(["2005", "2006"], [["rain", [0.5, None]]], "correlation").axes[0]
    assert [label.get_text() for label in axes.get_xticklabels()] == ["2005", "2006"]
    assert np.isnan(axes.lines[0].get_ydata()[1])


def test_bars_start_at_zero():
    axes = associations.draw_bars(["a", "b"], [0.3, None], "q").axes[0]
    assert [bar.get_width() for bar in axes.patches] == [0.3, 0.0]
    assert axes.get_xlim()[0] == 0


def test_shares_by_year_stand_above_zero():
    axes = associations.draw_shares_by_year(["2001", "2002"], [["ours", [3, 4]], ["theirs", [5, None]]], "%").axes[0]
    assert axes.get_ylim()[0] == 0
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ours", "theirs"]


@pytest.mark.parametrize(("high", "scale"), [(5.0, "linear"), (500.0, "log")])
def test_agreement_is_a_line(high, scale):
    axes = associations.draw_agreement([1, 2, 3], [1, 2, high], "soil loss", "t ha-1 yr-1").axes[0]
    assert axes.get_xscale() == scale
    assert axes.get_xlim() == axes.get_ylim()


def test_a_map_of_pairs_has_a_square_legend(tmp_path):
    codes = (np.arange(600).reshape(20, 30) % 10).astype("u1")
    path = synthetic.write_raster(tmp_path / "p.tif", codes, synthetic.small_grid((20, 30)), nodata=0)
    levels = ["low", "middle", "high"]
    figure = associations.draw_pairs(path, levels, levels, ("soil loss", "cover"))
    legend = figure.axes[-1]
    assert legend.images[0].get_array().shape == (3, 3)
    assert legend.get_ylabel().startswith("soil loss")
    figure.draw_without_rendering()
    box = legend.get_window_extent()
    assert box.width == pytest.approx(box.height, rel=0.02)
