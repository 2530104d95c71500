import numpy as np
from matplotlib.patches import PathPatch, Rectangle

from soilloss.publish.sankey import draw_sankey

NAMES, COLOURS = ["forest", "cropland", "bare"], ["#006400", "#f096ff", "#b4b4b4"]


def test_bands_and_columns_fill_the_same_height():
    flows = [[[40, 10, 0], [0, 50, 0], [0, 0, 0]], [[30, 10, 0], [5, 55, 0], [0, 0, 0]]]
    figure = draw_sankey(["2001", "2005", "2010"], flows, NAMES, COLOURS)
    patches = figure.axes[0].patches
    bars = [p.get_height() for p in patches if isinstance(p, Rectangle)]
    assert np.allclose(bars, [0.5, 0.5, 0.4, 0.6, 0.35, 0.65])
    assert sum(isinstance(p, PathPatch) for p in patches) == 7
    assert [text.get_text() for text in figure.legends[0].texts] == ["forest", "cropland"]


def test_nothing_at_all_is_an_empty_figure():
    figure = draw_sankey(["2001", "2010"], np.zeros((1, 3, 3)), NAMES, COLOURS)
    assert not [p for p in figure.axes[0].patches if isinstance(p, PathPatch)]
