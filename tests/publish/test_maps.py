"""Maps: what is read, where the scale bar ends, and that each kind is drawn."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.patches import Rectangle
from pyproj import CRS

from soilloss.publish import maps


def texts(figure):
    figure.canvas.draw()
    found = []
    for axes in figure.axes:
        found += [axes.get_title("left"), axes.get_xlabel()]
        found += [t.get_text() for t in [*axes.texts, *axes.get_xticklabels()]]
    return found


def test_a_view_is_decimated_and_keeps_its_extent(finished):
    folder, record = finished
    view = maps.read_view(folder / "soil_loss.tif", 100)
    assert view.values.shape == (74, 100)
    left, bottom, right, top = record["grid"]["bounds"]
    assert view.extent == (left, right, bottom, top)
    whole = maps.read_view(folder / "soil_loss.tif")
    assert whole.values.shape == (520, 700)
    assert np.nanmean(view.values) == pytest.approx(np.nanmean(whole.values), rel=0.05)


def test_missing_classes_are_nan(finished):
    view = maps.read_view(finished[0] / "severity.tif")
    assert np.nanmin(view.values) == 1
    assert np.isnan(view.values).any()


def test_soil_loss_map_has_unit_steps_scale_north_and_degrees(finished):
    found = texts(maps.draw_soil_loss(finished[0] / "soil_loss.tif", "t ha-1 yr-1", 60))
    assert "soil loss (t ha⁻¹ yr⁻¹)" in found
    assert {"0.5", "100", "10 km", "N", "74° E"} <= set(found)


def test_classes_have_a_legend(finished):
    folder, record = finished
    scheme = record["severity"]
    figure = maps.draw_classes(folder / "severity.tif", scheme["names"], scheme["colours"])
    assert [t.get_text() for t in figure.legends[0].get_texts()] == [*scheme["names"], "no value"]


def test_quantity_map_takes_its_limits(finished):
    figure = maps.draw_quantity(finished[0] / "factors/cover.tif", "cover", "1", (0, 1))
    assert figure.axes[0].images[0].get_clim() == (0, 1)
    assert "cover" in texts(figure)


def test_small_maps_say_where_a_factor_is_constant(finished):
    folder = finished[0]
    panels = [(name, folder / f"factors/{name}.tif") for name in ("erosivity", "cover", "practice")]
    found = texts(maps.draw_small_maps(panels))
    assert "1 everywhere" in found
    assert {"erosivity", "cover", "practice"} <= set(found)


def test_a_raster_without_any_value_is_still_drawn(finished, monkeypatch):
    empty = maps.read_view(finished[0] / "soil_loss.tif")._replace(values=np.full((5, 5), np.nan, "f4"))
    monkeypatch.setattr(maps, "read_view", lambda path, limit=0: empty)
    assert texts(maps.draw_quantity(finished[0], "cover", "1"))
    assert texts(maps.draw_small_maps([("a", finished[0])]))


@pytest.mark.parametrize(
    ("extent", "crs", "metres", "share"),
    [
        ((0, 10_000, 0, 8_000), "EPSG:32635", 2_000, 0.2),
        ((20, 21, -0.5, 0.5), "EPSG:4326", 20_000, 20 / 111.32),
        ((20, 21, 59.5, 60.5), "EPSG:4326", 10_000, 20 / 111.32),
    ],
)
def test_the_scale_bar_is_as_long_as_it_says(extent, crs, metres, share):
    view = maps.View(np.ones((4, 4), "f4"), extent, CRS(crs))
    _, axes = maps._map_figure(view)
    bars = [p for p in axes.patches if isinstance(p, Rectangle)][1:]
    assert sum(bar.get_width() for bar in bars) == pytest.approx(share, rel=1e-3)
    assert f"{metres // 1000} km" in [t.get_text() for t in axes.texts]


@given(st.floats(1e-3, 1e7))
def test_nice_lengths(length):
    nice = maps._nice(length)
    assert nice <= length * (1 + 1e-6)
    assert length <= 2.5 * nice * (1 + 1e-6)
    digit = nice / 10 ** math.floor(math.log10(nice) + 1e-9)
    assert min(abs(digit - d) for d in (1, 2, 5)) < 1e-6
