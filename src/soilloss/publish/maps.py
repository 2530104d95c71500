"""Maps: a raster with its colour bar or legend, scale bar, north arrow and coordinates.

Rasters are read decimated from their overviews. Figures are made without the state of ``pyplot``, so they can be drawn
in any thread.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import rasterio
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import BoundaryNorm, Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Rectangle
from pyproj import CRS, Transformer
from rasterio.enums import Resampling

from soilloss.publish.text import degrees, number, with_unit

LIMIT = 1200
DPI = 150
MISSING = "#e3e6e8"
INK = "#24323a"
LOSS_STEPS = (0, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000)


class View(NamedTuple):
    """A decimated raster: NaN where missing, `extent` as left, right, bottom, top in `crs`."""

    values: np.ndarray
    extent: tuple[float, float, float, float]
    crs: CRS

    @property
    def latitude(self) -> float:
        """Latitude of the middle of a geographic raster, 0 for a projected one."""
        return (self.extent[2] + self.extent[3]) / 2 if self.crs.is_geographic else 0.0

    @property
    def aspect(self) -> float:
        """Height of a map unit on paper relative to its width."""
        return 1 / math.cos(math.radians(self.latitude))

    @property
    def ratio(self) -> float:
        """Height of the map on paper relative to its width."""
        left, right, bottom, top = self.extent
        return (top - bottom) / (right - left) * self.aspect

    @property
    def metre(self) -> float:
        """Metres of one map unit, eastwards in the middle of the map."""
        if self.crs.is_geographic:
            return 111_320 * math.cos(math.radians(self.latitude))
        return self.crs.axis_info[0].unit_conversion_factor


def read_view(path: Path, limit: int = LIMIT) -> View:
    """Read the first band of a raster with at most `limit` cells a side: means of floats, the nearest of classes."""
    with rasterio.open(path) as dataset:
        step = max(1.0, max(dataset.shape) / limit)
        shape = tuple(max(1, round(n / step)) for n in dataset.shape)
        floating = np.dtype(dataset.dtypes[0]).kind == "f"
        how = Resampling.average if floating else Resampling.nearest
        values = dataset.read(1, out_shape=shape, resampling=how).astype(np.float32)
        if not floating:
            values[values == dataset.nodata] = np.nan
        left, bottom, right, top = dataset.bounds
        return View(values, (left, right, bottom, top), CRS.from_wkt(dataset.crs.to_wkt()))


def draw_quantity(path: Path, name: str, unit: str, limits: tuple[float, float] | None = None) -> Figure:
    """Draw the map of a quantity; `limits` are the values at the ends of the colour bar (the rest is clipped)."""
    view = read_view(path)
    figure, axes = _map_figure(view)
    mappable = _quantity(axes, view, limits)
    _colour_bar(figure, axes, mappable, with_unit(name, unit), view)
    return figure


def draw_soil_loss(path: Path, unit: str, highest: float) -> Figure:
    """Draw the map of soil loss in steps that suit its skewed values, up to the step above `highest`."""
    view = read_view(path)
    figure, axes = _map_figure(view)
    mappable = _stepped(axes, view, highest)
    bar = _colour_bar(figure, axes, mappable, with_unit("soil loss", unit), view)
    _label_steps(bar)
    return figure


def draw_classes(path: Path, names: Sequence[str], colours: Sequence[str]) -> Figure:
    """Draw the map of classes 1, 2, ... with a legend."""
    figure = draw_codes(path, colours)
    patches = [Patch(facecolor=c, edgecolor="#777777", label=n) for n, c in zip(names, colours, strict=True)]
    patches.append(Patch(facecolor=MISSING, edgecolor="#777777", label="no value"))
    columns = len(patches) if sum(len(name) + 8 for name in names) < 90 else 3
    figure.legend(handles=patches, loc="outside lower center", ncols=columns, frameon=False, fontsize=9)
    return figure


def draw_codes(path: Path, colours: Sequence[str]) -> Figure:
    """Draw the map of classes 1, 2, ... without a legend."""
    view = read_view(path)
    figure, axes = _map_figure(view)
    norm = BoundaryNorm(np.arange(0.5, len(colours) + 1), len(colours))
    _image(axes, view, _with_missing(ListedColormap(list(colours))), norm)
    return figure


def draw_small_maps(panels: Sequence[tuple[str, Path]], unit: str = "", highest: float | None = None) -> Figure:
    """Draw several maps beside each other: each with its own colour bar, or one for all up to `highest` soil loss."""
    columns = 2 if len(panels) in (2, 4) else min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    views = [read_view(path, 500) for _, path in panels]
    height = 7.4 / columns * min(max(views[0].ratio, 0.4), 1.6) + (0.3 if highest else 0.9)
    figure = Figure(figsize=(7.4, rows * height + (0.8 if highest else 0)), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    drawn = [_stepped(a, v, highest) if highest else _quantity(a, v, None) for a, v in zip(grid, views, strict=False)]
    for axes, (title, _), view, mappable in zip(grid, panels, views, drawn, strict=False):
        axes.set_title(title, fontsize=8.5, loc="left", color=INK)
        axes.set(xticks=[], yticks=[])
        if not highest:
            _small_bar(figure, axes, mappable, view)
    for axes in grid[len(panels) :]:
        axes.set_visible(False)
    if highest:
        bar = figure.colorbar(drawn[0], ax=list(grid), orientation="horizontal", shrink=0.7, aspect=40)
        bar.set_label(with_unit("soil loss", unit), fontsize=9, color=INK)
        _label_steps(bar)
    return figure


def _small_bar(figure: Figure, axes: Axes, mappable: ScalarMappable, view: View) -> None:
    known = view.values[np.isfinite(view.values)]
    same = bool(known.size) and known.min() == known.max()
    extend = "neither" if same else "both"
    bar = figure.colorbar(mappable, ax=axes, orientation="horizontal", extend=extend, shrink=0.9, aspect=25, pad=0.02)
    if same:
        bar.set_ticks([known[0]], labels=[f"{number(known[0])} everywhere"])
    bar.ax.tick_params(labelsize=7)


def _label_steps(bar: Any) -> None:
    edges = list(bar.norm.boundaries)
    bar.set_ticks(edges, labels=[number(edge) for edge in edges])
    bar.ax.tick_params(labelsize=8)


def _map_figure(view: View) -> tuple[Figure, Axes]:
    ratio = min(max(view.ratio, 0.35), 1.5)
    figure = Figure(figsize=(7.4, 6.6 * ratio + 1.1), layout="constrained")
    axes = figure.add_subplot()
    _coordinates(axes, view)
    _scale_bar(axes, view)
    _north(axes, view)
    return figure, axes


def _image(axes: Axes, view: View, colours: Colormap, norm: Normalize) -> ScalarMappable:
    image = axes.imshow(view.values, extent=view.extent, cmap=colours, norm=norm, interpolation="nearest")
    axes.set_aspect(view.aspect)
    return image


def _with_missing(colours: Colormap) -> Colormap:
    return colours.with_extremes(bad=MISSING)


def _quantity(axes: Axes, view: View, limits: tuple[float, float] | None) -> ScalarMappable:
    known = view.values[np.isfinite(view.values)]
    low, high = limits or (tuple(np.percentile(known, [2, 98])) if known.size else (0, 1))
    margin = 0 if high > low else abs(low) / 2 or 1
    norm = Normalize(low - margin, high + margin)
    return _image(axes, view, _with_missing(colormaps["cividis"]), norm)


def _stepped(axes: Axes, view: View, highest: float) -> ScalarMappable:
    last = next((i for i, edge in enumerate(LOSS_STEPS) if edge >= highest), len(LOSS_STEPS) - 1)
    edges = LOSS_STEPS[: max(last, 3) + 1]
    colours = colormaps["YlOrBr"].resampled(len(edges))
    return _image(axes, view, _with_missing(colours), BoundaryNorm(edges, colours.N, extend="max"))


def _colour_bar(figure: Figure, axes: Axes, mappable: ScalarMappable, label: str, view: View) -> Any:
    stepped = isinstance(mappable.norm, BoundaryNorm)
    bar = figure.colorbar(
        mappable,
        ax=axes,
        orientation="horizontal",
        shrink=0.75,
        aspect=38,
        pad=0.02,
        extend=None if stepped else "both",
    )
    bar.set_label(label, fontsize=9, color=INK)
    bar.ax.tick_params(labelsize=8)
    if np.isnan(view.values).any():
        axes.legend(
            handles=[Patch(facecolor=MISSING, edgecolor="#777777", label="no value")], fontsize=8, loc="lower right",
            framealpha=0.85,
        )  # fmt: skip
    return bar


def _coordinates(axes: Axes, view: View) -> None:
    left, right, bottom, top = view.extent
    to_degrees = Transformer.from_crs(view.crs, 4326, always_xy=True).transform
    x, y = np.linspace(left, right, 50), np.linspace(bottom, top, 50)
    east = np.asarray(to_degrees(x, np.full(50, bottom))[0])
    north = np.asarray(to_degrees(np.full(50, left), y)[1])
    graduate(axes, x, y, east, north)


def graduate(axes: Axes, x: np.ndarray, y: np.ndarray, east: np.ndarray, north: np.ndarray) -> None:
    """Mark round degrees along the lower edge (`east` at `x`) and the left edge (`north` at `y`)."""
    easts, norths = _nice_values(east[0], east[-1]), _nice_values(north[0], north[-1])
    axes.set_xticks(np.interp(easts, east, x), _named(easts, "E", "W"))
    axes.set_yticks(np.interp(norths, north, y), _named(norths, "N", "S"), rotation=90, va="center")
    axes.tick_params(labelsize=7.5, color=INK, labelcolor=INK, direction="out")
    for spine in axes.spines.values():
        spine.set_color(INK)


def _named(values: np.ndarray, positive: str, negative: str) -> list[str]:
    apart = values[1] - values[0] if len(values) > 1 else 1.0
    return [degrees(value, positive, negative, apart) for value in values]


def _nice_values(low: float, high: float) -> np.ndarray:
    """Two to seven round numbers between `low` and `high`."""
    step = _nice((high - low) / 3)
    return np.round(np.arange(math.ceil(low / step), math.floor(high / step) + 1) * step, 6)


def _nice(length: float) -> float:
    """The largest of 1, 2 or 5 times a power of ten that is not above `length`."""
    power = 10.0 ** math.floor(math.log10(length))
    return power * max(digit for digit in (1, 2, 5) if digit * power <= length * (1 + 1e-9))


def _scale_bar(axes: Axes, view: View) -> None:
    left, right, _, _ = view.extent
    metres = _nice((right - left) * view.metre / 4)
    share = metres / view.metre / (right - left)
    text = f"{number(metres / 1000)} km" if metres >= 1000 else f"{number(metres)} m"
    box = {"transform": axes.transAxes, "zorder": 5}
    axes.add_patch(Rectangle((0.02, 0.02), share + 0.03, 0.085, facecolor="white", alpha=0.85, **box))
    for part in range(2):
        colour = INK if part == 0 else "white"
        axes.add_patch(Rectangle((0.035 + part * share / 2, 0.04), share / 2, 0.014, fc=colour, ec=INK, lw=0.8, **box))
    axes.text(0.035 + share / 2, 0.062, text, ha="center", va="bottom", fontsize=8, color=INK, **box)


def _north(axes: Axes, view: View) -> None:
    """An arrow to true north: it leans where the grid's north does."""
    left, right, bottom, top = view.extent
    middle = (left + right) / 2, (bottom + top) / 2
    lon, lat = Transformer.from_crs(view.crs, 4326, always_xy=True).transform(*middle)
    x, y = Transformer.from_crs(4326, view.crs, always_xy=True).transform(lon, lat + 0.01)
    angle = math.atan2(x - middle[0], (y - middle[1]) * view.aspect)
    axes.annotate(
        "N", (0.955, 0.88), xycoords="axes fraction", xytext=(26 * math.sin(angle), 26 * math.cos(angle)),
        textcoords="offset points", ha="center", va="center", fontsize=10, weight="bold", color=INK, zorder=5,
        arrowprops={"arrowstyle": "<|-", "color": INK, "lw": 1.4, "mutation_scale": 14, "shrinkB": 0},
        bbox={"boxstyle": "circle,pad=0.15", "fc": "white", "ec": "none", "alpha": 0.8},
    )  # fmt: skip
