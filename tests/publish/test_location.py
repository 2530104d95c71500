"""The location map: the orthographic projection, and areas of any shape."""

from __future__ import annotations

import numpy as np
import pytest
from shapely.geometry import MultiPolygon, box, mapping

from soilloss.publish import location


def test_outlines_cover_the_land_of_the_earth():
    rings = location.land()
    longitude, latitude = np.concatenate(rings).T
    assert longitude.min() == -180
    assert longitude.max() == 180
    assert latitude.max() > 83
    assert latitude.min() == -90


def test_orthographic_projection_of_known_points():
    square = np.array([[0, 0], [90, 0], [0, 45], [0, 0]], float)
    projected = location._project(square, (0, 0))
    assert np.allclose(projected[0], [0, 0])
    dense = location._dense(square)
    east = np.argmin(np.hypot(*(dense - [90, 0]).T))
    assert np.allclose(projected[east], [1, 0], atol=1e-9)
    north = np.argmin(np.hypot(*(dense - [0, 45]).T))
    assert np.allclose(projected[north], [0, np.sqrt(0.5)], atol=1e-9)


def test_what_is_behind_the_earth_is_not_drawn():
    assert location._project(np.array([[179, 0], [181, 0], [180, 1], [179, 0]], float), (0, 0)) is None


@pytest.mark.parametrize(
    ("bounds", "area"),
    [
        ((-35.0, -8.1, -34.8, -7.9), None),
        ((10.0, 40.0, 30.0, 60.0), mapping(box(10, 40, 30, 60))),
        ((24.0, 41.0, 25.0, 42.0), mapping(MultiPolygon([box(24, 41, 24.3, 41.2), box(24.7, 41.7, 25, 42)]))),
        ((24.0, 41.0, 25.0, 42.0), {"type": "GeometryCollection", "geometries": [mapping(box(24, 41, 25, 42))]}),
    ],
)
def test_areas_are_drawn(bounds, area):
    figure = location.draw_location(bounds, area)
    figure.canvas.draw()
    globe, around = figure.axes
    assert around.get_xlim()[0] < bounds[0] < bounds[2] < around.get_xlim()[1]
    assert len(globe.collections) == 2
