import numpy as np
import pytest

from soilloss.derive import network
from soilloss.derive.network import Outlets
from soilloss.derive.terrain import contributing_area, edge_contaminated, flow_direction_d8
from soilloss.errors import DataError
from soilloss.grid.target import CellSize, cell_area, cell_size, make_grid

UTM = make_grid((0, 0, 150, 120), "EPSG:32635", 30)
# water of the rim and of the middle gathers in the middle row and leaves in the east
VALLEY = np.array(
    [[9, 9, 9, 9, 9], [7, 6, 5, 4, 3], [9, 9, 9, 9, 9], [9, 9, 9, 9, 9]], np.float32
)  # fmt: skip


def outlets(*cells):
    rows, columns = np.array(cells).T
    return Outlets([f"g{n}" for n in range(len(cells))], rows, columns, np.zeros(len(cells)))


def test_border_and_what_lies_below_it_are_contaminated():
    z = np.full((7, 7), 20.0)
    z[3, 3] = 19  # a hollow amid level land fills; nothing from the rim needs to cross it
    z[1:6, 1:6] += 10
    z[2:5, 2:5] += 10
    flag = edge_contaminated(z)
    assert flag.dtype == np.float32
    assert flag[[0, -1]].all()
    assert flag[:, [0, -1]].all()
    assert not flag[1:-1, 1:-1].any()


def test_voids_contaminate_but_closed_holes_do_not():
    """A pyramid: water runs from the middle to the border, so only the border lies below it."""
    y, x = np.mgrid[-5:6, -5:6]
    z = -np.maximum(abs(y), abs(x)).astype(float)
    z[3, 5] = np.nan
    flag = edge_contaminated(z)
    assert np.isnan(flag[3, 5])
    assert np.nansum(flag[1:-1, 1:-1]) == 0
    open_ = edge_contaminated(z, close_holes=0)
    assert open_[2:5, 4:7][~np.isnan(z[2:5, 4:7])].all()
    assert open_[5:-1, 1:-1].sum() == 0


def test_flag_of_heights_is_that_of_directions(hills):
    direction = flow_direction_d8(hills, cell_size=30)
    np.testing.assert_array_equal(edge_contaminated(hills, cell_size=30), network.reached_from_outside(direction))


def test_an_area_that_is_not_flagged_is_the_same_with_more_land_around():
    rough = np.random.default_rng(4).uniform(0, 4, (40, 50))
    z = rough + 5 * np.arange(40, 0, -1)[:, None]
    inner = (slice(8, 32), slice(8, 42))
    whole, cut = (contributing_area(part, routing="d8", cell_size=30) for part in (z, z[inner]))
    sure = edge_contaminated(z[inner]) == 0
    assert sure.sum() > 100
    np.testing.assert_array_equal(cut[sure], whole[inner][sure])
    assert (cut < whole[inner])[~sure].any()


def test_nested_catchments_add_up():
    grid = make_grid((0, 0, 150, 120), "EPSG:32635", 30)
    direction = flow_direction_d8(VALLEY, cell_size=30)
    gauges = outlets((1, 4), (1, 1))
    label = network.watersheds(direction, gauges.rows, gauges.columns)
    assert set(np.unique(label)) <= {0, 1, 2}
    frame = network.watershed_polygons(label, gauges, direction, grid)
    assert frame["station"].tolist() == ["g0", "g1"]
    assert frame["downstream"].tolist() == ["", "g0"]
    area = contributing_area(VALLEY, routing="d8", cell_size=30)
    np.testing.assert_allclose(frame["upstream_area_m2"], [area[1, 4], area[1, 1]])
    np.testing.assert_allclose(frame["area_m2"], frame.area)
    assert frame["area_m2"].sum() == area[1, 4]
    assert frame.crs.to_epsg() == 32635
    assert frame.is_valid.all()


def test_catchments_on_a_geographic_grid_have_their_true_area():
    grid = make_grid((25.0, 42.0, 25.004, 42.003), "EPSG:4326", 0.001)
    z = np.add.outer(np.zeros(3), np.arange(4.0, 0, -1))
    direction = flow_direction_d8(z, cell_size=cell_size(grid))
    gauges = network.locate(["a"], [25.0035], [42.0015], "EPSG:4326", grid)
    label = network.watersheds(direction, gauges.rows, gauges.columns)
    frame = network.watershed_polygons(label, gauges, direction, grid)
    np.testing.assert_allclose(frame["area_m2"], 4 * cell_area(grid)[1, 0])


def test_parts_that_touch_at_corners_make_one_valid_shape():
    direction = np.array([[1, np.nan], [np.nan, 8]])
    gauges = outlets((1, 1))
    label = network.watersheds(direction, gauges.rows, gauges.columns)
    frame = network.watershed_polygons(label, gauges, direction, make_grid((0, 0, 60, 60), "EPSG:32635", 30))
    assert frame.geometry[0].geom_type == "MultiPolygon"
    assert frame.is_valid.all()
    assert frame.area[0] == 1800


def test_outlets_move_to_the_largest_accumulation():
    amount = np.array([[1, 2, 3, 9], [1, 8, 1, 1], [1, np.nan, 8, 1.0]])
    moved = network.snap(outlets((1, 0), (2, 0)), amount, radius=30, cell_size=CellSize(np.full(3, 30), np.full(3, 20)))
    assert moved.columns.tolist() == [1, 0]
    assert moved.rows.tolist() == [1, 2]
    assert moved.moved.tolist() == [30, 0]
    stayed = network.snap(outlets((1, 0)), amount, radius=0, cell_size=30)
    assert (stayed.rows[0], stayed.columns[0], stayed.moved[0]) == (1, 0, 0)


def test_of_equal_accumulations_the_nearest_counts():
    amount = np.array([[8, 1, 1, 8.0]])
    assert network.snap(outlets((0, 2)), amount, radius=100, cell_size=30).columns.tolist() == [3]


def test_words_for_outlets_that_do_not_fit():
    with pytest.raises(DataError, match=r"outlet 'far' at x 900, y 10 lies outside the heights; check its place"):
        network.locate(["near", "far"], [10, 900], [10, 10], "EPSG:32635", UTM)
    with pytest.raises(DataError, match=r"outlet 'g0' has no known height within 10 m"):
        network.snap(outlets((0, 0)), np.full((2, 2), np.nan), radius=10, cell_size=30)
    codes = np.array([[0, 8, 255]])
    with pytest.raises(DataError, match=r"outlets 1 and 2 lie in the same cell \(row 0, column 1\)"):
        network.watersheds(codes, [0, 0], [1, 1])
    with pytest.raises(DataError, match=r"outlet 1 \(row 0, column 2\) is no cell with a direction"):
        network.watersheds(codes, [0], [2])
