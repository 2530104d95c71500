import math
import shutil
import subprocess

import numpy as np
import pytest
import rasterio
import xarray as xr
from affine import Affine
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.derive import terrain
from soilloss.equation import spec_of
from soilloss.errors import GridError, ProjectError
from soilloss.grid.target import CellSize, cell_area, cell_size, grid_of, make_grid

ROUTINGS = ("d8", "mfd", "dinf")
WHOLE = (
    terrain.fill_depressions,
    terrain.flow_direction_d8,
    terrain.flow_accumulation,
    terrain.contributing_area,
    terrain.slope_length,
)


def plane(rows=5, columns=4, fall=1.0):
    return 100 - fall * np.repeat(np.arange(float(rows))[:, None], columns, axis=1)


def rough(seed=1, shape=(40, 30), holes=0.02):
    """Hills of several sizes on a slope, with voids."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[0 : shape[0], 0 : shape[1]]
    z = 200 + 0.3 * y + 8 * np.sin(x / 5) * np.cos(y / 7) + rng.random(shape)
    z[rng.random(shape) < holes] = np.nan
    return z


def sized(function, elevation, **options):
    return function(elevation, **options, **({} if function is terrain.fill_depressions else {"cell_size": 30}))


def on_grid(values, crs, cell):
    import rioxarray  # noqa: F401  registers the accessor that writes the CRS

    rows, columns = values.shape
    coords = {"y": 60 - (np.arange(rows) + 0.5) * cell, "x": 20 + (np.arange(columns) + 0.5) * cell}
    data = xr.DataArray(values.astype(np.float32), coords, ("y", "x"), attrs={"units": "m"})
    return data.rio.write_crs(crs)


@pytest.mark.parametrize(
    ("function", "gives", "shape"),
    [
        (terrain.slope_horn_1981, "slope", "neighbourhood"),
        (terrain.aspect_horn_1981, "aspect", "neighbourhood"),
        (terrain.fill_depressions, "filled_elevation", "grid"),
        (terrain.flow_direction_d8, "flow_direction", "grid"),
        (terrain.flow_accumulation, "flow_accumulation", "grid"),
        (terrain.contributing_area, "contributing_area", "grid"),
        (terrain.slope_length, "slope_length", "grid"),
        (terrain.channels, "channels", "cell"),
    ],
)
def test_what_each_equation_gives(function, gives, shape):
    assert (spec_of(function).gives, spec_of(function).shape) == (gives, shape)


@pytest.mark.parametrize("function", WHOLE)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16])
def test_results_have_their_type_and_leave_the_heights_alone(function, dtype):
    z = rough(holes=0).astype(dtype)
    before = z.copy()
    out = sized(function, z)
    assert out.shape == z.shape
    assert out.dtype == (
        np.float64 if function in (terrain.flow_accumulation, terrain.contributing_area) else np.float32
    )
    assert np.isfinite(out).all()
    np.testing.assert_array_equal(z, before)


@pytest.mark.parametrize("function", WHOLE)
@pytest.mark.parametrize("void", [np.nan, np.inf, -np.inf])
def test_missing_stays_missing(function, void):
    z = rough()
    holes = np.isnan(z)
    z[holes] = void
    out = sized(function, z)
    np.testing.assert_array_equal(np.isnan(out), holes)
    assert np.isnan(sized(function, np.full((4, 4), np.nan))).all()


@pytest.mark.parametrize("function", WHOLE)
@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (5, 1), (2, 2)])
def test_the_smallest_grids(function, shape):
    out = sized(function, np.arange(float(shape[0] * shape[1])).reshape(shape))
    assert np.isfinite(out).all()


def test_worked_example_of_horn():
    z = np.array([[50, 45, 50], [30, 30, 30], [8, 10, 10]])
    assert math.degrees(terrain.slope_horn_1981(z, cell_size=5)[1, 1]) == pytest.approx(75.257658, abs=1e-5)
    assert math.degrees(terrain.aspect_horn_1981(z, cell_size=5)[1, 1]) == pytest.approx(180.753854, abs=1e-5)


def test_slope_of_a_plane_holds_to_the_rim():
    np.testing.assert_allclose(terrain.slope_horn_1981(plane(fall=3), cell_size=10), math.atan(0.3), rtol=1e-6)
    np.testing.assert_allclose(terrain.aspect_horn_1981(plane(fall=3), cell_size=10), math.pi)


def test_slope_is_the_same_for_any_cut():
    z = rough()
    whole = terrain.slope_horn_1981(z, cell_size=30)
    np.testing.assert_array_equal(terrain.slope_horn_1981(z[9:22], cell_size=30)[1:-1], whole[10:21])


@pytest.mark.parametrize("function", [terrain.slope_horn_1981, terrain.contributing_area, terrain.slope_length])
def test_metres_must_be_known(function):
    with pytest.raises(GridError, match="cell_size is missing"):
        function(plane())


def test_counts_and_directions_need_no_metres():
    z = rough()
    np.testing.assert_array_equal(terrain.flow_accumulation(z), terrain.flow_accumulation(z, cell_size=30))
    np.testing.assert_array_equal(terrain.flow_direction_d8(z), terrain.flow_direction_d8(z, cell_size=30))


@pytest.mark.parametrize("routing", ["d8", "dinf"])
def test_an_inclined_plane_drains_its_length(routing):
    count = terrain.flow_accumulation(plane(), routing=routing)
    np.testing.assert_array_equal(count, np.repeat(np.arange(1.0, 6)[:, None], 4, axis=1))
    area = terrain.contributing_area(plane(), routing=routing, cell_size=20)
    np.testing.assert_array_equal(area, count * 400)


@pytest.mark.parametrize("routing", ROUTINGS)
def test_all_water_leaves(routing):
    z = rough()
    outlet = terrain.flow_direction_d8(z) == 8
    cells = np.isfinite(z).sum()
    small = cells + np.isnan(z).sum()  # bridged holes count as cells
    left = terrain.flow_accumulation(z, routing=routing)[outlet].sum()
    assert cells <= left * (1 + 1e-12) <= small * (1 + 1e-9)
    exact = terrain.flow_accumulation(z, routing=routing, close_holes=0)
    outlet = terrain.flow_direction_d8(z, close_holes=0) == 8
    assert exact[outlet].sum() == pytest.approx(cells, rel=1e-9)


def test_a_small_hole_does_not_swallow_the_river():
    z = np.tile(np.abs(np.arange(-3.0, 4)), (9, 1)) + plane(9, 7, 0.1)
    z[4, 3] = np.nan
    assert terrain.flow_accumulation(z)[-1, 3] == 63
    assert terrain.flow_accumulation(z, close_holes=0)[-1, 3] < 40
    assert np.isnan(terrain.flow_accumulation(z)[4, 3])


@given(st.integers(0, 2**32 - 1))
@settings(max_examples=25, deadline=None)
def test_filling_the_filled_changes_nothing(seed):
    z = np.random.default_rng(seed).integers(0, 9, (12, 11)).astype(np.float32)
    z[np.random.default_rng(seed).random(z.shape) < 0.05] = np.nan
    w = terrain.fill_depressions(z)
    np.testing.assert_array_equal(terrain.fill_depressions(w), w)
    np.testing.assert_array_equal(terrain.flow_direction_d8(w), terrain.flow_direction_d8(z))


def test_the_routing_must_be_known():
    with pytest.raises(ProjectError, match=r"routing is 'D8'.*did you mean 'd8'"):
        terrain.flow_accumulation(plane(), routing="D8")


def test_channels_are_cells_that_drain_enough():
    area = np.array([[1e5, 2e6], [np.nan, 1e6]])
    made = terrain.channels(area)
    assert made.dtype == np.float32
    np.testing.assert_array_equal(made, [[0, 1], [np.nan, 1]])
    np.testing.assert_array_equal(terrain.channels(area, threshold_area=5e4)[0], [1, 1])


def test_slope_length_of_a_plane_for_both_starts():
    z = plane(6, 3)
    half = terrain.slope_length(z, cell_size=10)
    np.testing.assert_array_equal(half, np.repeat((np.arange(6.0)[:, None] + 0.5) * 10, 3, axis=1))
    full = terrain.slope_length(z, cell_size=10, start="full")
    assert full[:, 0].tolist() == [10, 20, 30, 40, 50, 55]


def test_slope_length_options():
    z = plane(6, 1)
    assert terrain.slope_length(z, cell_size=10, max_length=22)[:, 0].tolist() == [5, 15, 22, 22, 22, 22]
    by_area = terrain.slope_length(z, cell_size=10, channel_area=300)[:, 0]
    np.testing.assert_array_equal(by_area, [5, 15, np.nan, np.nan, np.nan, np.nan])
    drawn = np.array([[0.0], [0], [1], [0], [0], [np.nan]])
    np.testing.assert_array_equal(terrain.slope_length(z, drawn, cell_size=10)[:, 0], [5, 15, np.nan, 5, 15, 25])
    slack = np.array([10.0, 9, 8, 7.9, 7.8])[:, None]
    assert terrain.slope_length(slack, cell_size=10)[:, 0].tolist() == [5, 15, 5, 15, 25]
    uncut = terrain.slope_length(slack, cell_size=10, gentle_ratio=0, steep_ratio=0)
    assert uncut[:, 0].tolist() == [5, 15, 25, 35, 45]
    with pytest.raises(ProjectError, match="start is 'halff', expected one of 'half', 'full'"):
        terrain.slope_length(z, cell_size=10, start="halff")


def test_areas_on_a_geographic_grid_are_those_of_the_ellipsoid():
    grid = make_grid((20, 59, 20.5, 60), "EPSG:4326", 0.05)
    y, x = np.mgrid[0 : grid.shape[0], 0 : grid.shape[1]]
    z = 500 - np.hypot(y - 9, x - 4)
    for routing in ROUTINGS:
        area = terrain.contributing_area(z, routing=routing, cell_size=cell_size(grid))
        outlet = terrain.flow_direction_d8(z, cell_size=cell_size(grid)) == 8
        assert area[outlet].sum() == pytest.approx(cell_area(grid).sum() * grid.shape[1], rel=1e-6)


def test_narrow_cells_of_the_north_are_steeper_along_the_row():
    sides = CellSize(np.full((3, 1), 15.0), np.full((3, 1), 30.0))
    z = np.array([[9, 9, 9], [9, 5, 4.2], [9, 4, 9]])
    assert terrain.flow_direction_d8(z, cell_size=sides)[1, 1] == 0
    assert terrain.flow_direction_d8(z, cell_size=30)[1, 1] == 2


@pytest.mark.parametrize(("crs", "cell"), [("EPSG:32635", 30.0), ("EPSG:4326", 0.0003)])
@pytest.mark.parametrize("function", [terrain.slope_horn_1981, *WHOLE[1:]])
def test_dataarrays_get_metres_from_their_grid(function, crs, cell):
    z = rough()
    data = on_grid(z, crs, cell)
    plain = function(z.astype(np.float32), cell_size=cell_size(grid_of(data)))
    for each in (data, data.chunk({"y": 11, "x": 30})):
        made = function(each)
        np.testing.assert_array_equal(made.values, plain)
        assert made.dtype == plain.dtype
        assert made.attrs["method"] == function.__name__


@pytest.mark.skipif(shutil.which("gdaldem") is None, reason="GDAL's command line tools are not installed")
@pytest.mark.parametrize("function", [terrain.slope_horn_1981, terrain.aspect_horn_1981])
def test_slope_and_aspect_equal_those_of_gdal(tmp_path, function):
    """Heights in 64ths, so that GDAL's float32 sums are exact; its corners repeat the cell and are left out."""
    z = (np.round(64 * rough(holes=0)) / 64).astype(np.float32)
    shape = {"height": z.shape[0], "width": z.shape[1], "count": 1, "dtype": "float32"}
    place = {"crs": "EPSG:32635", "transform": Affine(30, 0, 500_000, 0, -30, 4_600_000)}
    with rasterio.open(tmp_path / "z.tif", "w", driver="GTiff", **shape, **place) as file:
        file.write(z, 1)
    mode = spec_of(function).gives
    subprocess.run(["gdaldem", mode, tmp_path / "z.tif", tmp_path / "out.tif", "-compute_edges", "-q"], check=True)
    with rasterio.open(tmp_path / "out.tif") as file:
        theirs = file.read(1)
    ours = np.degrees(function(z, cell_size=30))
    ours[[0, 0, -1, -1], [0, -1, 0, -1]] = theirs[[0, 0, -1, -1], [0, -1, 0, -1]]
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-4)
