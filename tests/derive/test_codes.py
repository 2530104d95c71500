import numpy as np
import pytest

from soilloss import tables
from soilloss.derive import codes
from soilloss.derive.terrain import flow_direction_d8
from soilloss.errors import DataError, ProjectError

# each cell drains away from the centre, which drains out of the grid
STAR = np.array([[5, 6, 7], [4, 8, 0], [3, 2, 1]], np.float32)
DEM = np.array(
    [[9, 9, 9, 9, 9], [9, 8, 7, 6, 9], [9, 8, 5, 4, 9], [9, 8, 7, 3, 2], [9, 9, 9, 9, 9]], np.float32
)  # fmt: skip
# the layouts as the programs' manuals draw them, the cell in the middle
LAYOUTS = {
    "esri": [[32, 64, 128], [16, 0, 1], [8, 4, 2]],
    "pyflwdir": [[32, 64, 128], [16, 0, 1], [8, 4, 2]],
    "ldd": [[7, 8, 9], [4, 5, 6], [1, 2, 3]],
    "taudem": [[4, 3, 2], [5, -32768, 1], [6, 7, 8]],
    "whitebox": [[64, 128, 1], [32, 0, 2], [16, 8, 4]],
}
ONE_WAY = {
    "grass": [[3, 2, 1], [4, 0, 8], [5, 6, 7]],
    "pygeoprocessing": [[3, 2, 1], [4, 0, 0], [5, 6, 7]],
}


@pytest.mark.parametrize("system", LAYOUTS)
def test_star_is_the_layout_of_the_manual(system):
    assert codes.convert_directions(STAR, system).tolist() == LAYOUTS[system]


@pytest.mark.parametrize("system", ONE_WAY)
def test_star_of_programs_in_which_every_cell_has_a_direction(system):
    middle = STAR.copy()
    middle[1, 1] = 0
    expected = np.array(ONE_WAY[system])
    expected[1, 1] = expected[1, 2]
    assert codes.convert_directions(middle, system).tolist() == expected.tolist()


def test_grass_turns_in_eighths_from_east_counter_clockwise():
    """Code times 45 degrees is the direction; STAR is drawn with north up."""
    given = codes.convert_directions(np.array([[0, 2, 4, 6]]), "grass") * 45 % 360
    assert given.tolist() == [[0, 270, 180, 90]]


# r.watershed -s of GRASS 8.2.1 on the heights below
GRASS = """
7 7 7 6 7 7 7 6 6
7 7 6 7 7 7 6 7 6
7 6 7 7 7 6 7 7 6
6 7 7 7 6 7 7 7 6
7 7 7 6 7 7 7 6 6
7 7 6 7 7 7 6 7 6
7 6 7 7 7 6 7 7 6
6 7 7 7 6 7 7 7 6
8 8 8 8 8 8 8 8 -6
"""


def test_directions_of_grass_are_ours_on_a_slope():
    y, x = np.mgrid[0:9, 0:9]
    z = (100 - 3 * x - 5 * y + (x * 7 + y * 3) % 4 * 0.3).astype(np.float32)
    theirs = np.array([line.split() for line in GRASS.split("\n") if line], int)
    ours = flow_direction_d8(z, cell_size=30)
    np.testing.assert_array_equal(codes.read_directions(theirs, "grass"), ours)
    there = codes.convert_directions(ours, "grass")
    # of the neighbours outside the grid GRASS names another
    assert there[8, 8] == -8
    assert (there == theirs).sum() == 80


def test_directions_of_whitebox_are_ours_on_a_slope():
    """d8_pointer of whitebox-workflows 2.0.6 on the same heights: 8 south, 4 south-east, 2 east, 0 out of the grid."""
    y, x = np.mgrid[0:9, 0:9]
    z = (100 - 3 * x - 5 * y + (x * 7 + y * 3) % 4 * 0.3).astype(np.float32)
    theirs = [[int(code) for code in row] for row in ["444844488", "448444848", "484448448", "844484448"]]
    theirs = [*theirs, *theirs, [2, 2, 2, 2, 2, 2, 2, 2, 0]]
    assert codes.convert_directions(flow_direction_d8(z, cell_size=30), "whitebox").tolist() == theirs


def test_water_that_leaves_points_to_the_first_neighbour_outside():
    ours = np.array([[8, 4], [8, 4]], np.float32)
    assert codes.convert_directions(ours, "grass").tolist() == [[-5, 4], [-7, 4]]
    assert codes.convert_directions(ours, "pygeoprocessing").tolist() == [[5, 4], [7, 4]]


@pytest.mark.parametrize("system", codes.SYSTEMS)
def test_a_dem_comes_back(system):
    ours = flow_direction_d8(DEM)
    ours[0, 0] = np.nan
    there = codes.convert_directions(ours, system)
    assert there.dtype == codes.dtype_of(system)
    assert there[0, 0] == codes.missing_code(system)
    back = codes.read_directions(there, system)
    expected = np.where(ours == 8, np.nan, ours) if system == "taudem" else ours
    if system == "taudem":
        # the neighbours of what TauDEM leaves out drain out of what it keeps
        inner = ~np.isnan(back)
        assert ((back == expected) | (back == 8))[inner].all()
    else:
        np.testing.assert_array_equal(back, expected)


def test_missing_codes_are_those_of_the_table():
    assert [codes.missing_code(system) for system in codes.SYSTEMS] == [
        255, 255, 247, 255, -32768, -32768, -32768, 128,
    ]  # fmt: skip
    assert set(tables.read("flow_directions")) == {"code", "direction", *codes.SYSTEMS} - {"soilloss"}


def test_directions_out_of_the_grid_leave_it():
    assert codes.read_directions([[1, 1]], "esri").tolist() == [[0, 8]]
    assert codes.read_directions([[-3, np.nan]], "grass").tolist()[0][0] == 8


def test_words_for_what_is_no_code():
    with pytest.raises(ProjectError, match=r"'esry' is no known code of directions; did you mean 'esri'"):
        codes.convert_directions(STAR, "esry")
    with pytest.raises(DataError, match=r"flow_direction holds 3, which is no direction in the codes of esri"):
        codes.read_directions([[1, 3]], "esri")
    with pytest.raises(DataError, match=r"flow_direction holds 9, which is no direction in the codes of soilloss"):
        codes.convert_directions([[9.0]], "ldd")
    with pytest.raises(DataError, match="has 1 dimensions, expected rows and columns"):
        codes.convert_directions([1.0], "ldd")
