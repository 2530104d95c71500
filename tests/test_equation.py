"""`@equation` with small equations of its own: no published method is needed to test the mechanism."""

import pickle

import numpy as np
import pytest
import xarray as xr

from soilloss.equation import equation, spec_of
from soilloss.errors import GridError, UnitsError
from soilloss.grid.target import CellSize


@equation(gives="erosivity", cite="nobody2000")
def linear_2000(annual_precipitation, *, factor=2.0, offset=1.0):
    """Erosivity as a straight line of rain."""
    return annual_precipitation * np.float32(factor) + np.float32(offset)


@equation(gives="erodibility", cite="nobody2000")
def soil_2000(sand, structure=2, *, factor=0.1):
    """Erodibility from sand, and from structure where it is known."""
    return sand * np.float32(factor) * structure


@equation(gives="slope", cite="nobody2000", halo=1)
def west_2000(elevation, *, cell_size=None):
    """Rise from the western neighbour, in radians for small angles; NaN in the first column."""
    size = cell_size.dx.astype("f4") if isinstance(cell_size, CellSize) else np.float32(cell_size)
    out = np.full_like(elevation, np.nan)
    out[:, 1:] = np.diff(elevation, axis=1)
    return out / size


@equation(gives="flow_accumulation", cite="nobody2000", whole=True)
def total_2000(elevation):
    """Sum of the whole grid in every cell."""
    return np.full(elevation.shape, elevation.sum(dtype="f8"))


@equation(gives="annual_precipitation", cite="nobody2000", over="month", step="year")
def year_2000(monthly_precipitation):
    """Sum of the months, which lie along the last axis."""
    return monthly_precipitation.sum(-1)


@equation(gives="half_month_erosivity", cite="nobody2000", over="day")
def halves_2000(daily_precipitation, *, time=None):
    """Rain of each half of January, to show that the dates arrive."""
    out = np.zeros((*daily_precipitation.shape[:-1], 24), "f4")
    first = np.asarray(time) < np.datetime64("2001-01-16")
    out[..., 0], out[..., 1] = daily_precipitation[..., first].sum(-1), daily_precipitation[..., ~first].sum(-1)
    return out


def on_grid(values, units="m", crs="EPSG:32635", cell=30.0, dims=("y", "x")):
    import rioxarray  # noqa: F401  registers the accessor that writes the CRS

    rows, columns = values.shape[:2]
    coords = {"y": -(np.arange(rows) + 0.5) * cell, "x": (np.arange(columns) + 0.5) * cell}
    data = xr.DataArray(values, dims=dims, coords=coords, attrs={"units": units})
    return data.rio.write_crs(crs) if crs else data


@pytest.fixture
def heights():
    return np.random.default_rng(3).normal(100, 10, (7, 9)).astype("f4")


def test_plain_arrays_pass_through_untouched():
    rain = np.array([0, 100, np.nan], "f4")
    out = linear_2000(rain, factor=3)
    assert type(out) is np.ndarray
    assert out.dtype == np.float32
    np.testing.assert_array_equal(out, [1, 301, np.nan])


def test_the_wrapper_looks_like_the_function_and_pickles():
    assert linear_2000.__name__ == "linear_2000"
    assert linear_2000.__doc__.startswith("Erosivity")
    assert pickle.loads(pickle.dumps(linear_2000)) is linear_2000


def test_the_signature_is_the_only_description():
    spec = spec_of(soil_2000)
    assert (spec.gives, spec.cite, spec.inputs, spec.optional) == (
        "erodibility",
        "nobody2000",
        ("sand", "structure"),
        ("structure",),
    )
    assert spec.coefficients == {"factor": 0.1}
    assert spec_of(west_2000).supplied == ("cell_size",)
    assert spec_of(west_2000).coefficients == {}


@pytest.mark.parametrize(
    ("function", "shape"),
    [(linear_2000, "cell"), (west_2000, "neighbourhood"), (year_2000, "series"), (total_2000, "grid")],
)
def test_the_four_shapes(function, shape):
    assert spec_of(function).shape == shape


def test_a_name_outside_the_vocabulary_is_refused_at_once():
    with pytest.raises(TypeError, match="wrong_2000: 'rain' is not a variable of the vocabulary"):

        @equation(gives="erosivity", cite="nobody2000")
        def wrong_2000(rain):
            return rain


def test_a_labelled_array_is_converted_and_the_result_carries_its_history():
    out = linear_2000(xr.DataArray(np.array([10, np.nan], "f4"), dims="x", attrs={"units": "cm"}), factor=3)
    np.testing.assert_array_equal(out, [301, np.nan])
    assert out.dtype == np.float32
    assert out.name == "erosivity"
    assert out.attrs == {
        "units": "MJ mm ha-1 h-1",
        "long_name": "rainfall erosivity",
        "method": "linear_2000",
        "citation": "nobody2000",
        "coefficients": "factor=3, offset=1",
    }


def test_a_missing_unit_is_a_sentence_with_the_way_out():
    with pytest.raises(
        UnitsError, match=r"annual_precipitation has no unit, expected 'mm'; set it: annual_prec.*= 'mm'"
    ):
        linear_2000(xr.DataArray([1.0]))


def test_a_wrong_unit_is_refused():
    with pytest.raises(UnitsError, match="annual_precipitation is in 'K'"):
        linear_2000(xr.DataArray([1.0], attrs={"units": "K"}))


def test_classes_need_no_unit_and_numbers_are_taken_as_canonical():
    sand = xr.DataArray(np.array([40.0], "f4"), dims="x", attrs={"units": "%"})
    np.testing.assert_allclose(soil_2000(sand, xr.DataArray(np.array([3]), dims="x")), [0.12], rtol=1e-6)
    np.testing.assert_allclose(soil_2000(sand, 1), [0.04], rtol=1e-6)
    np.testing.assert_allclose(soil_2000(sand), [0.08], rtol=1e-6)
    np.testing.assert_allclose(soil_2000(sand=sand), [0.08], rtol=1e-6)


@pytest.mark.parametrize("factor", [np.ones(2), xr.DataArray(np.ones(2), dims="x")])
def test_a_coefficient_is_one_number(factor):
    rain = xr.DataArray(np.ones(2, "f4"), dims="x", attrs={"units": "mm"})
    with pytest.raises(UnitsError, match="factor is a coefficient of erosivity: expected one number, got an array"):
        linear_2000(rain, factor=factor)


def test_time_broadcasts_and_the_static_stays_static():
    rain = xr.DataArray(np.ones((2, 3, 4), "f4"), dims=("time", "y", "x"), attrs={"units": "mm"})
    assert linear_2000(rain).dims == ("time", "y", "x")
    assert linear_2000(rain[0]).dims == ("y", "x")


def test_cell_size_comes_from_a_projected_grid(heights):
    expected = west_2000(heights, cell_size=30.0)
    np.testing.assert_array_equal(west_2000(on_grid(heights)), expected)


def test_cell_size_follows_the_row_on_a_geographic_grid(heights):
    """The widths of two rows differ as the lengths of their parallels: nearly as the cosines of latitude."""
    data = on_grid(heights, crs="EPSG:4326", cell=10.0)
    out = west_2000(data.assign_coords(y=[80.0, 60, 40, 20, 0, -20, -40]))
    width = (np.diff(heights, axis=1) / out[:, 1:]).to_numpy()
    np.testing.assert_allclose(width[1] / width[4], np.cos(np.pi / 3), rtol=3e-3)
    np.testing.assert_allclose(width[4], 10 * 111_319.49, rtol=1e-5)


def test_a_given_cell_size_wins_and_without_a_crs_it_is_needed(heights):
    np.testing.assert_array_equal(
        west_2000(on_grid(heights, crs=None), cell_size=10.0), west_2000(heights, cell_size=10.0)
    )
    with pytest.raises(GridError, match="no coordinate reference system, so metres are unknown"):
        west_2000(on_grid(heights, crs=None))


def test_the_result_keeps_its_place_on_earth(heights):
    """An emptied ``spatial_ref`` would let the next equation take degrees for metres."""
    out = west_2000(on_grid(heights))
    assert out.rio.crs.to_epsg() == 32635
    assert out.odc.geobox == on_grid(heights).odc.geobox
    assert linear_2000(on_grid(heights, "mm")).rio.crs.to_epsg() == 32635


@pytest.mark.parametrize("crs", ["EPSG:32635", "EPSG:4326"])
@pytest.mark.parametrize("chunks", [(7, 9), (3, 4), (2, 9), (7, 2)])
def test_a_neighbourhood_does_not_depend_on_the_cut(heights, crs, chunks):
    data = on_grid(heights, crs=crs, cell=0.5 if crs == "EPSG:4326" else 30.0)
    lazy = west_2000(data.chunk({"y": chunks[0], "x": chunks[1]}))
    assert lazy.chunks is not None
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), west_2000(data))


@pytest.mark.parametrize("chunks", [(3, 4), (1, 1)])
def test_one_cell_does_not_depend_on_the_cut(heights, chunks):
    data = on_grid(heights, "mm")
    lazy = linear_2000(data.chunk({"y": chunks[0], "x": chunks[1]}))
    assert lazy.dtype == np.float32
    np.testing.assert_array_equal(lazy.compute(scheduler="synchronous"), linear_2000(data))


def test_the_whole_grid_is_seen_at_once(heights):
    data = on_grid(heights)
    lazy = total_2000(data.chunk({"y": 2, "x": 2}))
    expected = np.full(heights.shape, heights.sum(dtype="f8"))
    np.testing.assert_allclose(lazy.compute(scheduler="synchronous"), expected)
    np.testing.assert_allclose(total_2000(data), expected)
    assert total_2000(data).dims == ("y", "x")
    assert total_2000(data).dtype == np.float64


@pytest.mark.parametrize("order", [("month", "y", "x"), ("y", "x", "month")])
def test_a_series_lies_last_for_the_function_wherever_it_lies_in_the_data(order):
    months = np.arange(2 * 3 * 12, dtype="f4").reshape(2, 3, 12)
    data = xr.DataArray(months, dims=("y", "x", "month"), attrs={"units": "mm"}).transpose(*order)
    out = year_2000(data)
    assert out.dims == ("y", "x")
    np.testing.assert_array_equal(out, months.sum(-1))


@pytest.mark.parametrize("axis", ["day", "time"])
def test_days_bring_their_dates(axis):
    days = np.arange("2001-01-01", "2001-02-01", dtype="datetime64[D]").astype("datetime64[ns]")
    data = xr.DataArray(np.ones((2, 31), "f4"), dims=("x", axis), coords={axis: days}, attrs={"units": "mm"})
    out = halves_2000(data)
    assert out.dims == ("x", "half_month")
    np.testing.assert_array_equal(out[:, :3], [[15, 16, 0], [15, 16, 0]])
    np.testing.assert_array_equal(halves_2000(data, time=days - np.timedelta64(1, "D"))[:, :2], [[16, 15], [16, 15]])
