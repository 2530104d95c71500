"""From values at points to a surface: regression on height, inverse distance, thin-plate spline, ordinary kriging.

``fit(name, x, y, values, elevation=None, **options) -> Surface``; ``evaluate(surface, x, y, elevation=None) -> array``,
window by window; ``leave_one_out(name, x, y, values, elevation=None, **options) -> predictions``;
``metric_xy(x, y, crs, centre=...)`` for coordinates in metres. Every surface is a sum over the stations taken cell by
cell in one order, so that no bit depends on how the work is cut.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
from pyproj import CRS, Transformer

from soilloss.errors import DataError, SoilLossWarning, did_you_mean

# Above this many stations splines and kriging are evaluated on a lattice, and cells are interpolated in between.
MANY_STATIONS = 500
# Nodes of that lattice per mean distance between stations.
NODES_PER_STATION = 8
FEW_FOR_KRIGING = 5
LEAVE_OUT_AT_MOST = 500


class Surface(NamedTuple):
    """A fitted surface: its `name`, what `evaluate` needs, and the numbers worth reporting as `coefficients`."""

    name: str
    at: Callable[[np.ndarray, np.ndarray, np.ndarray | None], np.ndarray]
    coefficients: Mapping[str, float]
    minimum: float | None


def fit(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    values: np.ndarray,
    elevation: np.ndarray | None = None,
    *,
    minimum: float | None = None,
    **options: Any,
) -> Surface:
    """Fit the surface `name` to values at points.

    Parameters
    ----------
    name : str
        ``height``, ``inverse_distance``, ``thin_plate_spline`` or ``kriging``.
    x, y : array (n,), m
        Positions in projected metres, never degrees.
    values : array (n,)
        What is to become a surface; NaN are left out.
    elevation : array (n,), m, optional
        Heights of the points, needed by ``height``.
    minimum : float, optional
        The surface is cut below this.
    **options
        ``power=2`` of inverse distance; ``smoothing=0``, ``clip=True`` (to the range of the values) of the spline;
        ``model="spherical"`` (or exponential, gaussian, linear, power), ``parameters=None`` of kriging's variogram:
        ``[partial sill, range, nugget]``, ``[slope, nugget]`` if linear, fitted when None.

    Raises
    ------
    DataError
        If the name or an option is unknown, or there are too few points.

    Examples
    --------
    >>> surface = fit("inverse_distance", [0, 10, 0], [0, 0, 10], [100, 200, 300])
    >>> round(float(evaluate(surface, 2.0, 2.0)), 3)
    128.571
    """
    if name not in SURFACES:
        raise DataError(
            f"interpolate is {name!r}{did_you_mean(name, SURFACES)}; expected one of {', '.join(sorted(SURFACES))}"
        )
    unknown = sorted(set(options) - set(OPTIONS[name]))
    if unknown:
        expected = ", ".join(OPTIONS[name]) or "none but minimum"
        raise DataError(f"{name} has no option {unknown[0]!r}{did_you_mean(unknown[0], OPTIONS[name])} ({expected})")
    if name == "height" and elevation is None:
        raise DataError("height needs the elevation of each point; add a column 'elevation' (m) to the table")
    stations = _stations(x, y, values, elevation if name == "height" else None)
    at, coefficients = SURFACES[name](stations, **options)
    return Surface(name, at, coefficients, minimum)


def evaluate(surface: Surface, x: Any, y: Any, elevation: Any = None, *, dtype: Any = np.float32) -> np.ndarray:
    """Return the surface at positions `x`, `y` (m), of any shapes that broadcast; `elevation` for ``height``."""
    given = [np.asarray(array, float) for array in (x, y, elevation) if array is not None]
    shape = np.broadcast_shapes(*(array.shape for array in given))
    across, down, *height = (np.broadcast_to(array, shape or (1,)) for array in given)
    out = surface.at(across, down, height[0] if height else None).reshape(shape)
    if surface.minimum is not None:
        out = np.maximum(out, surface.minimum)
    return out.astype(dtype)


def leave_one_out(
    name: str,
    x: np.ndarray,
    y: np.ndarray,
    values: np.ndarray,
    elevation: np.ndarray | None = None,
    **options: Any,
) -> np.ndarray:
    """Return what the surface predicts at each point when fitted to all others; NaN where too few are left.

    Kriging keeps the variogram fitted to all points. Of more than 500 points 500, evenly taken, are left out in turn.
    """
    x, y, values = (np.asarray(array, float) for array in (x, y, values))
    height = None if elevation is None else np.asarray(elevation, float)
    predictions = np.full(len(values), np.nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SoilLossWarning)
        if name == "kriging" and options.get("parameters") is None:
            options["parameters"] = _variogram_parameters(_stations(x, y, values, None), options.get("model", MODEL))
        for i in np.unique(np.linspace(0, len(values) - 1, min(len(values), LEAVE_OUT_AT_MOST)).astype(int)):
            rest = np.arange(len(values)) != i
            try:
                surface = fit(name, x[rest], y[rest], values[rest], None if height is None else height[rest], **options)
            except DataError:
                continue
            here = None if height is None else height[i]
            predictions[i] = evaluate(surface, x[i], y[i], here, dtype=float)
    return predictions


def metric_xy(x: Any, y: Any, crs: Any, *, centre: tuple[float, float] | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return coordinates in metres: those of a projected CRS, else an equidistant projection about `centre`.

    Parameters
    ----------
    x, y : array
        Coordinates in `crs`, longitude first.
    crs : anything pyproj takes
        The CRS they are in.
    centre : (x, y), optional
        Give the same one for points and cells; default the middle of the points.

    Examples
    --------
    >>> metric_xy([24.0], [42.0], "EPSG:4326", centre=(24.0, 42.0))[0].tolist()
    [0.0]
    """
    x, y = np.asarray(x, float), np.asarray(y, float)
    system = CRS.from_user_input(crs)
    if not system.is_geographic:
        metre = system.axis_info[0].unit_conversion_factor
        return x * metre, y * metre
    longitude, latitude = centre if centre is not None else (np.nanmean(x), np.nanmean(y))
    local = CRS.from_dict({"proj": "aeqd", "lon_0": longitude, "lat_0": latitude, "datum": "WGS84"})
    return Transformer.from_crs(system, local, always_xy=True).transform(x, y)


class _Stations(NamedTuple):
    x: np.ndarray
    y: np.ndarray
    values: np.ndarray
    elevation: np.ndarray | None


def _stations(x: Any, y: Any, values: Any, elevation: Any) -> _Stations:
    """Points with all numbers; those at one place become their mean unless each has its own height."""
    columns = [np.asarray(array, float) for array in (x, y, values)]
    columns += [] if elevation is None else [np.asarray(elevation, float)]
    known = np.isfinite(columns).all(axis=0)
    columns = [column[known] for column in columns]
    if len(columns[0]) == 0:
        raise DataError("no point has both a place and a value, so there is nothing to make a surface of")
    if elevation is not None:
        return _Stations(columns[0], columns[1], columns[2], columns[3])
    places, which, count = np.unique(np.column_stack(columns[:2]), axis=0, return_inverse=True, return_counts=True)
    return _Stations(places[:, 0], places[:, 1], np.bincount(which.ravel(), columns[2]) / count, None)


def _height(stations: _Stations) -> tuple[Callable[..., np.ndarray], dict[str, float]]:
    """Straight line through value against height, by least squares."""
    height, values = stations.elevation, stations.values
    assert height is not None
    count = len(values)
    spread = float(np.sum((height - height.mean()) ** 2))
    if count < 2 or spread == 0:
        raise DataError(f"height needs two points of different elevation, found {count}; use inverse_distance")
    gradient = float(np.sum((height - height.mean()) * (values - values.mean())) / spread)
    intercept = float(values.mean() - gradient * height.mean())
    scatter = float(np.sum((values - values.mean()) ** 2))
    left = float(np.sum((values - intercept - gradient * height) ** 2))
    if count == 2:
        warnings.warn(
            "the regression on height has two points: the line is exact, its error unknown", SoilLossWarning, 3
        )
    r2 = math.nan if count == 2 else 1 - left / scatter if scatter > 0 else 1.0

    def at(_x: np.ndarray, _y: np.ndarray, elevation: np.ndarray | None) -> np.ndarray:
        if elevation is None:
            raise DataError("a regression on height needs the elevation of the cells; give a source for elevation")
        return intercept + gradient * elevation

    return at, {"gradient": gradient, "intercept": intercept, "r2": r2, "n": float(count)}


def _inverse_distance(stations: _Stations, power: float = 2.0) -> tuple[Callable[..., np.ndarray], dict[str, float]]:
    """Mean weighted by distance to the power -`power`; a station's own value at the station."""

    def at(x: np.ndarray, y: np.ndarray, _elevation: np.ndarray | None) -> np.ndarray:
        total, weights = np.zeros(x.shape), np.zeros(x.shape)
        exact = np.full(x.shape, np.nan)
        for sx, sy, value in zip(stations.x, stations.y, stations.values, strict=True):
            square = (x - sx) ** 2 + (y - sy) ** 2
            here = square == 0
            exact[here], square[here] = value, 1
            weight = 1 / square if power == 2 else square ** (-power / 2)
            weights += weight
            total += weight * value
        return np.where(np.isnan(exact), total / weights, exact)

    return at, {"power": power, "n": float(len(stations.x))}


def _thin_plate_spline(
    stations: _Stations, smoothing: float = 0.0, clip: bool = True
) -> tuple[Callable[..., np.ndarray], dict[str, float]]:
    """Radial sum of r2 ln r and a plane, through all points at once."""
    count = len(stations.x)
    middle, scale = _normal(stations)
    u, v = (stations.x - middle[0]) / scale, (stations.y - middle[1]) / scale
    plane = np.column_stack((np.ones(count), u, v))
    if np.linalg.matrix_rank(plane) < 3:
        raise DataError(
            f"thin_plate_spline needs three points that are not on a line, found {count}; use inverse_distance"
        )
    square = (u[:, None] - u) ** 2 + (v[:, None] - v) ** 2
    radial = _spline(square) + smoothing * np.eye(count)
    system = np.block([[radial, plane], [plane.T, np.zeros((3, 3))]])
    solution = np.linalg.solve(system, np.append(stations.values, np.zeros(3)))
    weights, (base, east, north) = solution[:count], solution[count:]
    low, high = stations.values.min(), stations.values.max()

    def at(x: np.ndarray, y: np.ndarray, _elevation: np.ndarray | None) -> np.ndarray:
        a, b = (x - middle[0]) / scale, (y - middle[1]) / scale
        out = base + east * a + north * b
        for su, sv, weight in zip(u, v, weights, strict=True):
            out += weight * _spline((a - su) ** 2 + (b - sv) ** 2)
        return np.clip(out, low, high) if clip else out

    return _on_lattice(at, stations), {"smoothing": smoothing, "n": float(count)}


def _spline(square: np.ndarray) -> np.ndarray:
    """The square of r times ln r, of r squared."""
    return 0.5 * square * np.log(np.where(square == 0, 1, square))


def _kriging(
    stations: _Stations, model: str = "spherical", parameters: Any = None
) -> tuple[Callable[..., np.ndarray], dict[str, float]]:
    """Ordinary kriging in its dual form: one weight per station for all cells, found once by pseudo-inverse."""
    from scipy.linalg import pinv

    count, values = len(stations.x), stations.values
    if count < FEW_FOR_KRIGING and parameters is None:
        warnings.warn(
            f"{count} points are too few for a variogram (5 are needed): inverse distance is used", SoilLossWarning, 3
        )
        return _inverse_distance(stations)
    if np.ptp(values) == 0:
        return lambda x, _y, _elevation: np.full(x.shape, values[0]), {"n": float(count)}
    parameters = _variogram_parameters(stations, model) if parameters is None else [float(p) for p in parameters]
    gamma = _variogram(model)
    dual = pinv(kriging_matrix(stations.x, stations.y, model, parameters)) @ np.append(values, 0)

    def at(x: np.ndarray, y: np.ndarray, _elevation: np.ndarray | None) -> np.ndarray:
        out = np.full(x.shape, dual[-1])
        for sx, sy, weight in zip(stations.x, stations.y, dual[:-1], strict=True):
            distance = np.hypot(x - sx, y - sy)
            out += weight * np.where(distance == 0, 0, gamma(parameters, distance))
        return out

    names = {"linear": ("slope", "nugget"), "power": ("scale", "exponent", "nugget")}
    numbers = dict(zip(names.get(model, ("partial_sill", "range", "nugget")), parameters, strict=True))
    return _on_lattice(at, stations), {**numbers, "n": float(count)}


def kriging_matrix(x: np.ndarray, y: np.ndarray, model: str, parameters: Any) -> np.ndarray:
    r"""Return the matrix of ordinary kriging: semivariances between points, bordered by ones.

    Notes
    -----
    .. math:: \begin{pmatrix} \Gamma & 1 \\ 1^T & 0 \end{pmatrix} \begin{pmatrix} w \\ \mu \end{pmatrix}
              = \begin{pmatrix} \gamma_0 \\ 1 \end{pmatrix}
    """
    gamma = _variogram(model)(parameters, np.hypot(x[:, None] - x, y[:, None] - y))
    np.fill_diagonal(gamma, 0)
    border = np.ones((len(x), 1))
    return np.block([[gamma, border], [border.T, np.zeros((1, 1))]])


def _variogram(model: str) -> Callable[[Any, np.ndarray], np.ndarray]:
    from pykrige.ok import OrdinaryKriging

    known = [name for name in OrdinaryKriging.variogram_dict if name != "hole-effect"]
    if model not in known:
        raise DataError(f"variogram model is {model!r}{did_you_mean(model, known)}; expected one of {', '.join(known)}")
    return OrdinaryKriging.variogram_dict[model]


def _variogram_parameters(stations: _Stations, model: str) -> list[float] | None:
    """Weighted least squares on the empirical variogram by PyKrige; in units of order one, where its solver works."""
    from pykrige.ok import OrdinaryKriging

    _variogram(model)
    spread = float(stations.values.std())
    if len(stations.x) < FEW_FOR_KRIGING or spread == 0:
        return None
    (east, north), scale = _normal(stations)
    with np.errstate(all="ignore"):
        found = OrdinaryKriging(
            (stations.x - east) / scale,
            (stations.y - north) / scale,
            (stations.values - stations.values.mean()) / spread,
            variogram_model=model,
            weight=True,
            pseudo_inv=True,
        ).variogram_model_parameters
    first, *middle, nugget = (float(number) for number in found)
    if model == "linear":
        return [first * spread**2 / scale, nugget * spread**2]
    if model == "power":
        return [first * spread**2 / scale ** middle[0], middle[0], nugget * spread**2]
    return [first * spread**2, max(middle[0], 1e-6) * scale, nugget * spread**2]


def _normal(stations: _Stations) -> tuple[tuple[float, float], float]:
    """Middle and extent of the points, to bring coordinates to numbers of order one."""
    extent = float(max(np.ptp(stations.x), np.ptp(stations.y)))
    return (float(stations.x.mean()), float(stations.y.mean())), extent or 1.0


def _on_lattice(at: Callable[..., np.ndarray], stations: _Stations) -> Callable[..., np.ndarray]:
    """With many stations: the function at the nodes of a fixed lattice, and straight lines between nodes.

    The lattice is fixed to the origin of the coordinates, so the same nodes serve every window.
    """
    count = len(stations.x)
    if count <= MANY_STATIONS:
        return at
    area = max(float(np.ptp(stations.x) * np.ptp(stations.y)), _normal(stations)[1] ** 2 / count)
    step = math.sqrt(area / count) / NODES_PER_STATION

    def between(x: np.ndarray, y: np.ndarray, _elevation: np.ndarray | None) -> np.ndarray:
        if x.size == 0:
            return np.zeros(x.shape)
        column, row = np.floor(x / step).astype(np.int64), np.floor(y / step).astype(np.int64)
        columns = np.arange(column.min(), column.max() + 2)
        rows = np.arange(row.min(), row.max() + 2)
        nodes = at(*np.meshgrid(columns * step, rows * step), None)
        right, up = x / step - column, y / step - row
        i, j = row - rows[0], column - columns[0]
        below = nodes[i, j] * (1 - right) + nodes[i, j + 1] * right
        above = nodes[i + 1, j] * (1 - right) + nodes[i + 1, j + 1] * right
        return below * (1 - up) + above * up

    return between


MODEL = "spherical"
SURFACES: dict[str, Callable[..., tuple[Callable[..., np.ndarray], dict[str, float]]]] = {
    "height": _height,
    "inverse_distance": _inverse_distance,
    "thin_plate_spline": _thin_plate_spline,
    "kriging": _kriging,
}
OPTIONS: dict[str, tuple[str, ...]] = {
    "height": (),
    "inverse_distance": ("power",),
    "thin_plate_spline": ("smoothing", "clip"),
    "kriging": ("model", "parameters"),
}
