"""Where on Earth a study area lies: a globe and a map of its surroundings, from outlines that come with the package."""

from __future__ import annotations

import functools
import itertools
import json
import math
from collections.abc import Iterable
from importlib.resources import files
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from soilloss.publish.maps import INK, graduate

LAND, BORDER, SEA, AREA = "#d5d0bd", "#a39c84", "#e9f1f5", "#b2182b"
FAR = 8.0


def draw_location(bounds: tuple[float, float, float, float], area: dict[str, Any] | None = None) -> Figure:
    r"""Draw the area (GeoJSON in longitude and latitude, else its `bounds`: west, south, east, north) on the Earth.

    Notes
    -----
    The globe is the orthographic projection about the middle of the area (Snyder 1987, USGS Professional Paper 1395,
    equations 20-3 and 20-4):

    .. math:: x = \cos\phi \sin(\lambda - \lambda_0), \quad
        y = \cos\phi_0 \sin\phi - \sin\phi_0 \cos\phi \cos(\lambda - \lambda_0)
    """
    rings = list(_rings(area)) if area else [_box(*bounds)]
    figure = Figure(figsize=(7.4, 3.5), layout="constrained")
    globe, around = figure.subplots(1, 2, width_ratios=[1, 1.1])
    centre = (bounds[0] + bounds[2]) / 2, (bounds[1] + bounds[3]) / 2
    _globe(globe, centre)
    _surroundings(around, bounds, rings)
    return figure


def _globe(axes: Axes, centre: tuple[float, float]) -> None:
    axes.add_patch(Circle((0, 0), 1, facecolor=SEA, edgecolor=INK, lw=0.8))
    near = [line for line in (_project(ring, centre) for ring in land()) if line is not None]
    axes.add_collection(PolyCollection(near, facecolor=LAND, edgecolor=BORDER, linewidth=0.3))
    axes.add_collection(LineCollection(list(_graticule(centre)), colors="#8fa3ad", linewidths=0.4))
    axes.plot(0, 0, "s", markersize=7, markerfacecolor="none", markeredgecolor=AREA, markeredgewidth=2)
    axes.set(xlim=(-1.02, 1.02), ylim=(-1.02, 1.02), aspect="equal")
    axes.set_axis_off()


def _surroundings(axes: Axes, bounds: tuple[float, float, float, float], rings: list[np.ndarray]) -> None:
    west, south, east, north = bounds
    middle = math.cos(math.radians((south + north) / 2))
    reach = max(FAR, 2 * (north - south), 2 * (east - west) * middle)
    x, y = (west + east) / 2, (south + north) / 2
    axes.set(xlim=(x - reach / middle, x + reach / middle), ylim=(y - reach, y + reach), facecolor=SEA)
    axes.set_aspect(1 / middle)
    axes.add_collection(PolyCollection(land(), facecolor=LAND, edgecolor=BORDER, linewidth=0.6))
    axes.add_collection(PolyCollection(rings, facecolor=AREA, edgecolor=AREA, linewidth=1.2, alpha=0.75))
    if max(north - south, (east - west) * middle) < reach / 8:
        side = reach / 9
        frame = {"facecolor": "none", "edgecolor": AREA, "linewidth": 1.4}
        axes.add_patch(Rectangle((x - side / middle, y - side), 2 * side / middle, 2 * side, **frame))
    across, up = np.array(axes.get_xlim()), np.array(axes.get_ylim())
    graduate(axes, across, up, across, up)


def _project(ring: np.ndarray, centre: tuple[float, float]) -> np.ndarray | None:
    """Orthographic x, y of a ring; what lies behind is drawn out to the rim, and a ring wholly behind is left out."""
    longitude, latitude = np.radians(_dense(ring)).T
    mid_longitude, mid_latitude = np.radians(centre)
    turned = longitude - mid_longitude
    x = np.cos(latitude) * np.sin(turned)
    y = np.cos(mid_latitude) * np.sin(latitude) - np.sin(mid_latitude) * np.cos(latitude) * np.cos(turned)
    height = np.sin(mid_latitude) * np.sin(latitude) + np.cos(mid_latitude) * np.cos(latitude) * np.cos(turned)
    if (height < 0).all():
        return None
    radius = np.hypot(x, y)
    stretch = np.where((height < 0) & (radius > 0), 1 / np.maximum(radius, 1e-9), 1)
    return np.column_stack([x * stretch, y * stretch])


def _dense(ring: np.ndarray) -> np.ndarray:
    """Put points on long sides, so that they bend with the globe."""
    parts = [
        np.linspace(start, end, max(2, int(np.abs(end - start).max() / 3)), endpoint=False)
        for start, end in itertools.pairwise(ring)
    ]
    return np.concatenate(parts)


def _graticule(centre: tuple[float, float]) -> Iterable[np.ndarray]:
    meridians = [np.column_stack([np.full(61, float(lon)), np.linspace(-90, 90, 61)]) for lon in range(-180, 180, 30)]
    parallels = [np.column_stack([np.linspace(-180, 180, 121), np.full(121, float(lat))]) for lat in range(-60, 61, 30)]
    for line in meridians + parallels:
        projected = _project(line, centre)
        if projected is not None:
            inside = np.hypot(*projected.T) < 1 - 1e-9
            yield np.where(inside[:, None], projected, np.nan)


def _box(west: float, south: float, east: float, north: float) -> np.ndarray:
    return np.array([[west, south], [east, south], [east, north], [west, north], [west, south]])


def _rings(geometry: dict[str, Any]) -> Iterable[np.ndarray]:
    for part in geometry.get("geometries", []):
        yield from _rings(part)
    polygons = geometry.get("coordinates", [])
    for polygon in [polygons] if geometry.get("type") == "Polygon" else polygons:
        yield np.array(polygon[0], float)[:, :2]


@functools.cache
def land() -> list[np.ndarray]:
    """Return the outlines of the countries, each ring as longitude and latitude in degrees."""
    shapes = json.loads(files("soilloss.publish").joinpath("land.json").read_text(encoding="utf-8"))
    return [np.array(rings[0], float) for rings in shapes["coordinates"]]
