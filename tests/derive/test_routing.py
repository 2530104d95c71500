import numpy as np
import pytest

from soilloss.derive import routing
from soilloss.derive.ways import Ways
from soilloss.errors import DataError, GridError, ProjectError
from soilloss.grid.target import CellSize

PLANE = np.repeat(np.arange(4.0, 0, -1)[:, None], 3, axis=1)


def test_metres_of_square_and_other_cells():
    np.testing.assert_array_equal(routing.metres_of(3, PLANE), np.repeat([[3], [3], [np.hypot(3, 3)]], 4, axis=1))
    sides = CellSize(np.array([[3.0], [3], [6], [6]]), np.array([[4.0], [4], [8], [8]]))
    assert routing.metres_of(sides, PLANE)[2].tolist() == [5, 5, 10, 10]
    # whole-grid equations of DataArrays hand the sides over without their column
    np.testing.assert_array_equal(
        routing.metres_of(CellSize(sides.dx[:, 0], sides.dy[:, 0]), PLANE), routing.metres_of(sides, PLANE)
    )


@pytest.mark.parametrize(
    ("size", "sentence"),
    [
        (None, r"cell_size is missing, expected the side of a cell in metres; pass cell_size=30, say"),
        (0, r"cell_size is 0, expected positive metres; check the grid"),
        (np.nan, r"cell_size is nan, expected positive metres"),
        (CellSize(np.ones((3, 1)), np.ones((3, 1))), r"cell_size has 3 rows, the grid has 4; cut both alike"),
    ],
)
def test_cell_sizes_that_do_not_fit(size, sentence):
    with pytest.raises(GridError, match=sentence):
        routing.metres_of(size, PLANE)


def test_grids_that_cannot_be_routed():
    with pytest.raises(DataError, match="elevation has 1 dimensions, expected rows and columns; give one grid"):
        routing.filled(np.ones(3), Ways())
    with pytest.raises(DataError, match="elevation has 1 dimensions"):
        routing.metres_of(30, np.ones(3))
    huge = np.broadcast_to(np.float32(1), (70_000, 70_000))
    with pytest.raises(DataError, match=r"4900000000 cells, expected at most 2147483647 .* coarser grid"):
        routing.filled(huge, Ways())


def test_areas_too_large_to_add_are_refused_before_the_work():
    codes = np.zeros(5 * 6, np.uint8)
    with pytest.raises(GridError, match=r"cell_size makes cells of 1e\+18 m2, too large to add up"):
        routing.accumulated_d8(codes, np.full(4, 1e18), routing.AREA_UNIT)


def test_an_unknown_routing_is_a_sentence():
    with pytest.raises(
        ProjectError, match=r"routing is 'mdf', expected one of 'd8', 'mfd', 'dinf'; did you mean 'mfd'"
    ):
        routing.accumulated(PLANE, routing.metres_of(1, PLANE), np.ones(4), 1, "mdf", 1.1, Ways())


def test_stops_are_channels_by_area_and_by_map():
    metres = routing.metres_of(10, PLANE)
    codes, _ = routing.directions(PLANE, metres, Ways())
    drawn = np.zeros(PLANE.shape)
    drawn[0, 0], drawn[0, 1] = 1, np.nan
    stops = routing.stops_of(drawn, None, 300, codes, metres).reshape(6, 5)[1:-1, 1:-1]
    assert stops.tolist() == [[1, 0, 0], [0, 0, 0], [1, 1, 1], [1, 1, 1]]
    assert not routing.stops_of(None, None, np.inf, codes, metres).any()
