import numpy as np
import pytest
import xarray as xr
from affine import Affine
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox

from soilloss.errors import GridError
from soilloss.grid.target import CellSize, cell_area, cell_size, checked, cut, grid_of, make_grid, parse_crs

UTM = "EPSG:32635"
EARTH_AREA = 510_065_621.724e6  # m2, WGS 84 ellipsoid


@pytest.mark.parametrize(
    ("bounds", "resolution", "shape", "corner"),
    [
        ((0, 0, 300, 300), 30, (10, 10), (0, 300)),
        ((3, 4, 95, 61), 30, (3, 4), (0, 90)),
        ((30, 30, 60, 60), 30, (1, 1), (30, 60)),  # bounds on the lines take no extra cell
        ((0.3, 0.3, 0.9, 0.9), 0.3, (2, 2), (0.3, 0.9)),  # nor where decimals do not divide exactly
        ((-45, -45, -15, -15), 30, (2, 2), (-60, 0)),
        ((0, 0, 100, 100), (50, 20), (5, 2), (0, 100)),
    ],
)
def test_whole_cells_on_round_coordinates(bounds, resolution, shape, corner):
    grid = make_grid(bounds, UTM, resolution)
    assert tuple(grid.shape) == shape
    assert (grid.affine.c, grid.affine.f) == pytest.approx(corner)
    assert checked(grid, "grid") is grid


@given(
    west=st.floats(-1e6, 1e6),
    south=st.floats(-1e6, 1e6),
    width=st.floats(1, 1e5),
    height=st.floats(1, 1e5),
    resolution=st.sampled_from([0.5, 10, 28.5, 30, 250]),
)
def test_the_grid_covers_the_bounds_and_hardly_more(west, south, width, height, resolution):
    grid = make_grid((west, south, west + width, south + height), UTM, resolution)
    box = grid.boundingbox
    slack = 1e-6 * resolution
    assert west - resolution - slack < box.left <= west + slack
    assert south - resolution - slack < box.bottom <= south + slack
    assert west + width - slack <= box.right < west + width + resolution + slack
    assert south + height - slack <= box.top < south + height + resolution + slack


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (((0, 0, 1, 1), UTM, 0), "resolution is 0, expected a positive cell size"),
        (((0, 0, 1, 1), UTM, (30, -30)), "expected a positive cell size"),
        (((0, 0, 1, 1), UTM, float("nan")), "expected a positive cell size"),
        (((5, 0, 5, 1), UTM, 30), "it has no extent"),
        (((0, 3, 1, 2), UTM, 30), "0..1 east and 3..2 north"),
    ],
)
def test_grids_that_cannot_be(arguments, sentence):
    with pytest.raises(GridError, match=sentence.replace(".", r"\.")):
        make_grid(*arguments)


def test_a_crs_nobody_knows():
    assert parse_crs(UTM).to_epsg() == 32635
    with pytest.raises(GridError, match="crs 'EPSG:1' is not known; write an EPSG code"):
        parse_crs("EPSG:1")


@pytest.mark.parametrize(
    ("transform", "sentence"),
    [
        (Affine(30, 5, 0, 5, -30, 0), "dem lies on a rotated grid; straighten it"),
        (Affine(30, 0, 0, 0, 30, 0), "dem is not north up; turn it"),
        (Affine(-30, 0, 0, 0, -30, 0), "dem is not north up; turn it"),
    ],
)
def test_only_north_up(transform, sentence):
    with pytest.raises(GridError, match=sentence):
        checked(GeoBox((4, 4), transform, UTM), "dem")


def test_the_side_of_a_projected_cell():
    assert cell_size(make_grid((0, 0, 300, 300), UTM, 30)) == 30.0
    feet = make_grid((0, 0, 300, 300), "EPSG:2263", 30)  # New York, US survey feet
    assert cell_size(feet) == pytest.approx(30 * 1200 / 3937)


def test_cells_that_are_not_square():
    size = cell_size(make_grid((0, 0, 100, 100), UTM, (50, 20)))
    assert isinstance(size, CellSize)
    assert size.dx.shape == size.dy.shape == (5, 1)
    assert (size.dx == 50).all()
    assert (size.dy == 20).all()


def test_the_sides_of_geographic_cells_are_ellipsoidal():
    """A degree: 111 319.49 m along the equator, 110 574 m and 111 694 m along a meridian at its ends."""
    size = cell_size(make_grid((0, -90, 1, 90), "EPSG:4326", 1))
    assert size.dx.shape == (180, 1)
    assert size.dx[89, 0] == pytest.approx(111_319.49 * np.cos(np.radians(0.5)), rel=1e-5)
    assert size.dy[89, 0] == pytest.approx(110_574.4, abs=1)
    assert size.dy[0, 0] == pytest.approx(111_693.9, abs=1)
    sixty = cell_size(make_grid((0, 56, 8, 64), "EPSG:4326", 8))
    assert sixty.dx[0, 0] / 8 == pytest.approx(55_800, abs=1)


def test_areas_of_all_cells_make_the_earth():
    area = cell_area(make_grid((-180, -90, 180, 90), "EPSG:4326", 2))
    assert area.shape == (90, 1)
    assert area.sum() * 180 == pytest.approx(EARTH_AREA, rel=1e-9)


def test_area_agrees_with_the_geodesic_polygon():
    from pyproj import Geod

    area = cell_area(make_grid((73, 18, 73.01, 19), "EPSG:4326", 0.01))
    edge = np.linspace(73, 73.01, 50)
    ring = [(x, 18.0) for x in edge] + [(x, 18.01) for x in edge[::-1]]
    polygon, _ = Geod(ellps="WGS84").polygon_area_perimeter(*zip(*ring, strict=True))
    assert area[-1, 0] == pytest.approx(abs(polygon), rel=1e-6)


def test_area_on_a_sphere_and_on_a_plane():
    sphere = make_grid((0, 0, 10, 10), "+proj=longlat +R=6371000 +no_defs", 10)
    assert cell_area(sphere)[0, 0] == pytest.approx(6371000**2 * np.radians(10) * np.sin(np.radians(10)))
    assert (cell_area(make_grid((0, 0, 90, 90), UTM, 30)) == 900).all()
    assert (cell_area(make_grid((0, 0, 100, 100), UTM, (50, 20))) == 1000).all()


def test_metres_are_cut_from_the_whole_grid():
    """A window's own origin would change last bits."""
    size = cell_size(make_grid((0, 10, 1, 11), "EPSG:4326", 0.01))
    part = cut(size, slice(30, 40))
    np.testing.assert_array_equal(part.dx, size.dx[30:40])
    np.testing.assert_array_equal(part.dy, size.dy[30:40])
    assert cut(30.0, slice(3, 9)) == 30.0


def test_the_grid_of_an_array():
    import rioxarray  # noqa: F401  registers the accessor that writes the CRS

    data = xr.DataArray(np.zeros((2, 3)), dims=("y", "x"), coords={"y": [75.0, 45], "x": [15.0, 45, 75]}, name="dem")
    grid = grid_of(data.rio.write_crs(UTM))
    assert tuple(grid.shape) == (2, 3)
    assert grid.affine == Affine(30, 0, 0, 0, -30, 90)
    with pytest.raises(GridError, match="dem has no coordinate reference system, so metres are unknown; set it"):
        grid_of(data)
    upside_down = data[::-1].rio.write_crs(UTM)
    with pytest.raises(GridError, match="dem is not north up"):
        grid_of(upside_down)


def test_metres_without_a_crs():
    grid = GeoBox((2, 2), Affine(1, 0, 0, 0, -1, 0), None)
    for function in (cell_size, cell_area):
        with pytest.raises(GridError, match="metres are unknown; give its crs"):
            function(grid)
