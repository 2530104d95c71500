import math
import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import RBFInterpolator

from soilloss.derive import points
from soilloss.errors import DataError, SoilLossWarning
from soilloss.grid.blocks import windows
from soilloss.sources.synthetic import small_grid, station_table

X3, Y3, V3 = np.array([0.0, 10, 0]), np.array([0.0, 0, 10]), np.array([100.0, 200, 300])


def scattered(count, seed=0, extent=10_000.0):
    random = np.random.default_rng(seed)
    x, y = random.uniform(0, extent, (2, count))
    return x, y, 100 + 50 * np.sin(x / 3000) + 30 * np.cos(y / 2000) + random.normal(0, 2, count)


# --- regression on height: science 1.4


def test_two_stations_give_the_printed_line_and_a_warning():
    with pytest.warns(SoilLossWarning, match="two points"):
        surface = points.fit("height", [0, 1], [0, 0], [61.342, 220.282], elevation=[0, 100])
    assert surface.coefficients["gradient"] == pytest.approx(1.5894)
    assert surface.coefficients["intercept"] == pytest.approx(61.342)
    assert surface.coefficients["n"] == 2
    assert math.isnan(surface.coefficients["r2"])
    height = np.array([0, 44, 100, 1000.0])
    out = points.evaluate(surface, np.zeros(4), np.zeros(4), height, dtype=float)
    np.testing.assert_allclose(out, [61.342, 131.2756, 220.282, 1650.742])


def test_stations_on_a_line_are_recovered_and_missing_heights_stay_missing():
    rows = station_table(small_grid(), gradient=0.7, intercept=300)
    x, y, height, rain = (np.array([row[n] for row in rows]) for n in ("x", "y", "elevation", "annual_precipitation"))
    surface = points.fit("height", x, y, rain, elevation=height)
    assert surface.coefficients == pytest.approx({"gradient": 0.7, "intercept": 300, "r2": 1, "n": 8})
    out = points.evaluate(surface, 0.0, 0.0, np.array([np.nan, 100]))
    assert np.isnan(out[0])
    assert out[1] == pytest.approx(370)
    assert out.dtype == np.float32
    np.testing.assert_allclose(points.leave_one_out("height", x, y, rain, height), rain)


def test_regression_equals_numpys():
    random = np.random.default_rng(0)
    height, values = random.uniform(0, 900, 12), random.uniform(100, 900, 12)
    found = points.fit("height", height, height, values, elevation=height).coefficients
    gradient, intercept = np.polyfit(height, values, 1)
    assert found["gradient"] == pytest.approx(gradient)
    assert found["intercept"] == pytest.approx(intercept)
    assert found["r2"] == pytest.approx(np.corrcoef(height, values)[0, 1] ** 2)


def test_minimum_cuts_the_line():
    with pytest.warns(SoilLossWarning):
        surface = points.fit("height", [0, 0], [0, 0], [0, 100], elevation=[100, 200], minimum=0)
    assert points.evaluate(surface, 0, 0, 50.0) == 0


@pytest.mark.parametrize("heights", [[5.0], [5.0, 5.0]])
def test_height_needs_two_heights(heights):
    with pytest.raises(DataError, match="two points of different elevation"):
        points.fit("height", [0] * len(heights), [0] * len(heights), [1] * len(heights), elevation=heights)


# --- inverse distance: science 1.9


def test_inverse_distance_of_three_stations():
    surface = points.fit("inverse_distance", X3, Y3, V3)
    assert points.evaluate(surface, 2.0, 2.0, dtype=float) == pytest.approx(128.571429, abs=1e-6)
    np.testing.assert_array_equal(points.evaluate(surface, X3, Y3), V3)


def test_coincident_stations_count_as_their_mean():
    surface = points.fit("inverse_distance", [0, 0, 10], [0, 0, 0], [100, 300, 50])
    assert points.evaluate(surface, 0, 0) == 200
    assert points.evaluate(surface, 5, 0) == 125


@given(st.floats(0.5, 4), st.integers(1, 20))
@settings(max_examples=25, deadline=None)
def test_inverse_distance_stays_within_the_values(power, count):
    x, y, values = scattered(count, seed=count)
    surface = points.fit("inverse_distance", x, y, values, power=power)
    out = points.evaluate(surface, *np.meshgrid(np.linspace(-2e3, 1.2e4, 9), np.linspace(-2e3, 1.2e4, 9)), dtype=float)
    assert (out >= values.min() - 1e-9).all()
    assert (out <= values.max() + 1e-9).all()


# --- thin-plate spline: science 2.7


def test_spline_reproduces_a_plane():
    x, y = np.array([0.0, 10, 0, 7, 3, 9]), np.array([0.0, 0, 10, 8, 4, 2])
    surface = points.fit("thin_plate_spline", x, y, 0.02 + 0.001 * x + 0.002 * y, clip=False)
    u, v = np.meshgrid(np.linspace(-5, 15, 7), np.linspace(-5, 15, 7))
    out = points.evaluate(surface, u, v, dtype=float)
    np.testing.assert_allclose(out, 0.02 + 0.001 * u + 0.002 * v, atol=1e-9)


@pytest.mark.parametrize("smoothing", [0.0, 0.5])
def test_spline_equals_scipys_and_is_exact_at_the_points(smoothing):
    x, y, values = scattered(60)
    u, v = scattered(200, seed=1)[:2]
    surface = points.fit("thin_plate_spline", x, y, values, clip=False, smoothing=smoothing)
    scale = max(np.ptp(x), np.ptp(y))
    peer = RBFInterpolator(np.column_stack((x, y)) / scale, values, smoothing=smoothing)
    out = points.evaluate(surface, u, v, dtype=float)
    np.testing.assert_allclose(out, peer(np.column_stack((u, v)) / scale), rtol=1e-7)
    if smoothing == 0:
        np.testing.assert_allclose(points.evaluate(surface, x, y, dtype=float), values, rtol=1e-9)


def test_spline_is_clipped_to_the_samples():
    x, y, values = scattered(30)
    out = points.evaluate(points.fit("thin_plate_spline", x, y, values), 50_000.0, 50_000.0, dtype=float)
    assert values.min() <= out <= values.max()


@pytest.mark.parametrize(("x", "y"), [([0, 1], [0, 1]), ([0, 1, 2, 3], [0, 1, 2, 3])])
def test_spline_needs_a_triangle(x, y):
    with pytest.raises(DataError, match="three points that are not on a line"):
        points.fit("thin_plate_spline", x, y, np.arange(len(x)))


# Trap 7: splines cost 4 s and a gigabyte per million cells when neighbours are sought for each
def test_many_points_go_over_a_lattice():
    x, y, values = scattered(700, extent=50_000)
    surface = points.fit("thin_plate_spline", x, y, values, smoothing=1e-4)
    u, v = np.meshgrid(np.arange(0, 50_000, 100.0), np.arange(0, 50_000, 100.0))
    started = time.perf_counter()
    out = points.evaluate(surface, u, v, dtype=float)
    assert time.perf_counter() - started < 20
    few = (slice(7, None, 61), slice(3, None, 67))
    peer = RBFInterpolator(np.column_stack((x, y)) / np.ptp(x).max(), values, smoothing=1e-4)
    expected = peer(np.column_stack((u[few].ravel(), v[few].ravel())) / np.ptp(x).max())
    error = np.abs(out[few].ravel() - np.clip(expected, values.min(), values.max()))
    assert np.quantile(error, 0.95) < 0.02 * np.ptp(values)


# --- ordinary kriging: science 1.9


def test_kriging_of_three_stations():
    parameters = [1.0, 20.0, 0.0]
    weights = np.linalg.solve(
        points.kriging_matrix(X3, Y3, "spherical", parameters),
        np.append(points._variogram("spherical")(parameters, np.hypot(X3 - 2, Y3 - 2)), 1),
    )
    np.testing.assert_allclose(weights[:3], [0.662617, 0.168692, 0.168692], atol=1e-6)
    assert abs(weights[3]) == pytest.approx(0.021233, abs=1e-6)
    surface = points.fit("kriging", X3, Y3, V3, model="spherical", parameters=parameters)
    assert points.evaluate(surface, 2.0, 2.0, dtype=float) == pytest.approx(150.607507, abs=5e-6)
    np.testing.assert_allclose(points.evaluate(surface, X3, Y3, dtype=float), V3)


@pytest.mark.parametrize("model", ["spherical", "exponential", "gaussian", "linear", "power"])
def test_kriging_equals_pykriges(model):
    from pykrige.ok import OrdinaryKriging

    x, y, values = scattered(40)
    u, v = scattered(100, seed=1)[:2]
    u[0], v[0] = x[0], y[0]
    *parameters, _ = points.fit("kriging", x, y, values, model=model).coefficients.values()
    parameters[-1] = max(parameters[-1], 1.0)  # a Gaussian variogram without nugget is singular in practice
    surface = points.fit("kriging", x, y, values, model=model, parameters=parameters)
    total = parameters if len(parameters) == 2 or model == "power" else [parameters[0] + parameters[2], *parameters[1:]]
    peer = OrdinaryKriging(x, y, values, variogram_model=model, variogram_parameters=total, pseudo_inv=True)
    expected, _ = peer.execute("points", u, v)
    np.testing.assert_allclose(points.evaluate(surface, u, v, dtype=float), expected, rtol=1e-7)


def test_few_points_fall_back_to_inverse_distance():
    with pytest.warns(SoilLossWarning, match="3 points are too few"):
        surface = points.fit("kriging", X3, Y3, V3)
    assert points.evaluate(surface, 2.0, 2.0) == pytest.approx(128.571429)


def test_a_constant_field_stays_constant():
    x, y, _ = scattered(20)
    surface = points.fit("kriging", x, y, np.full(20, 7.5))
    assert (points.evaluate(surface, *np.meshgrid([0, 50.0], [0, 9e9])) == 7.5).all()


@pytest.mark.parametrize("scale", [1e-4, 1, 1e4])
def test_variogram_fit_does_not_depend_on_the_unit(scale):
    x, y, values = scattered(80)
    plain = points.fit("kriging", x, y, values).coefficients
    other = points.fit("kriging", x * 1000, y * 1000, values * scale).coefficients
    assert other["range"] == pytest.approx(plain["range"] * 1000, rel=1e-3)
    assert other["partial_sill"] == pytest.approx(plain["partial_sill"] * scale**2, rel=1e-3)


# --- all


@pytest.mark.parametrize("name", ["inverse_distance", "thin_plate_spline", "kriging"])
@pytest.mark.parametrize("count", [30, 520])
def test_windows_do_not_depend_on_the_cut(name, count):
    x, y, values = scattered(count)
    surface = points.fit(name, x, y, values)
    mesh = np.meshgrid(np.linspace(0, 1e4, 151), np.linspace(0, 1e4, 143))
    whole = points.evaluate(surface, *mesh)
    assert whole.dtype == np.float32
    for cut in (50, 37, (13, 150)):
        for window in windows(whole.shape, cut):
            part = points.evaluate(surface, mesh[0][window], mesh[1][window])
            np.testing.assert_array_equal(part, whole[window])


@pytest.mark.parametrize("name", ["inverse_distance", "thin_plate_spline", "kriging"])
def test_leaving_one_out(name):
    x, y, values = scattered(60)
    predicted = points.leave_one_out(name, x, y, values)
    options = {}
    if name == "kriging":
        found = points.fit(name, x, y, values).coefficients
        options = {"parameters": [found["partial_sill"], found["range"], found["nugget"]]}
    rest = points.fit(name, x[1:], y[1:], values[1:], **options)
    assert predicted[0] == pytest.approx(points.evaluate(rest, x[0], y[0], dtype=float))
    assert np.corrcoef(predicted, values)[0, 1] > 0.8


def test_leaving_one_of_too_few_out_predicts_nothing():
    assert np.isnan(points.leave_one_out("height", [0, 1], [0, 1], [5, 6], [10, 20])).all()
    assert np.isnan(points.leave_one_out("inverse_distance", [0], [0], [5])).all()


def test_stations_without_a_value_are_left_out():
    surface = points.fit("inverse_distance", [0, 5, 10], [0, 0, 0], [1, np.nan, 3])
    assert surface.coefficients["n"] == 2
    assert points.evaluate(surface, 5, 0) == 2
    with pytest.raises(DataError, match="no point has both"):
        points.fit("inverse_distance", [0], [0], [np.nan])


@pytest.mark.parametrize(
    ("name", "options", "sentence"),
    [
        ("krigging", {}, "interpolate is 'krigging'; did you mean 'kriging'"),
        ("kriging", {"modle": 1}, "kriging has no option 'modle'; did you mean 'model'"),
        ("kriging", {"model": "sperical"}, "variogram model is 'sperical'; did you mean 'spherical'"),
        ("height", {"power": 2}, "height has no option 'power'"),
        ("height", {}, "height needs the elevation of each point"),
    ],
)
def test_mistakes_are_sentences(name, options, sentence):
    x, y, values = scattered(10)
    with pytest.raises(DataError, match=sentence):
        points.fit(name, x, y, values, **options)


def test_metres():
    x, y = points.metric_xy([500_000.0], [4_600_000.0], "EPSG:32635")
    assert (x[0], y[0]) == (500_000, 4_600_000)
    x, y = points.metric_xy([1000.0], [1000.0], "EPSG:2263")  # US survey feet
    assert x[0] == pytest.approx(304.8, rel=1e-5)
    x, y = points.metric_xy([24.0, 24.0], [41.0, 43.0], "EPSG:4326")
    assert y[1] - y[0] == pytest.approx(222_100, rel=1e-3)
    assert np.allclose(x, 0)
