import numpy as np
import pytest

from soilloss.derive.streams import channel_cells, joined, stream_lines, streams
from soilloss.derive.terrain import contributing_area, flow_direction_d8
from soilloss.errors import DataError
from soilloss.grid.blocks import windows
from soilloss.grid.target import cell_size, make_grid
from soilloss.sources import synthetic

UTM = make_grid((0, 0, 150, 120), "EPSG:32635", 30)
VALLEY = np.array(
    [[9, 9, 9, 9, 9], [7, 6, 5, 4, 3], [9, 9, 9, 9, 9], [9, 9, 9, 9, 9]], np.float32
)  # fmt: skip


def test_a_stream_down_a_valley():
    direction = flow_direction_d8(VALLEY, cell_size=30)
    area = contributing_area(VALLEY, routing="d8", cell_size=30)
    lines = streams(direction, area, grid=UTM, threshold_area=area[1, 1])
    assert len(lines) == 1
    assert lines["strahler_order"].tolist() == [1]
    assert lines["upstream_area_m2"].tolist() == [area[1, 4]]
    assert lines["length_m"].tolist() == [90]
    np.testing.assert_allclose(lines.length, lines["length_m"])
    assert list(lines.geometry[0].coords) == [(45 + 30 * n, 75) for n in range(4)]
    assert lines.crs.to_epsg() == 32635


def test_streams_of_hills_hang_together(hills, small_grid):
    direction = flow_direction_d8(hills, cell_size=30)
    area = contributing_area(hills, routing="d8", cell_size=30)
    lines = streams(direction, area, grid=small_grid, threshold_area=20 * 900).set_index("link")
    assert lines["strahler_order"].max() >= 2
    for link, line in lines.iterrows():
        if line["downstream"]:
            below = lines.loc[line["downstream"]]
            assert line.geometry.coords[-1] == below.geometry.coords[0]
            assert below["upstream_area_m2"] > line["upstream_area_m2"]
            assert below["strahler_order"] >= line["strahler_order"], link


def test_no_channel_no_lines(small_grid):
    direction = flow_direction_d8(synthetic.fractal(seed=2))
    area = np.ones(direction.shape)
    assert len(streams(direction, area, grid=small_grid)) == 0


@pytest.mark.parametrize("cut", [5, (7, 31), 1000])
def test_lines_do_not_depend_on_the_cut(hills, small_grid, cut):
    direction = flow_direction_d8(hills, cell_size=30)
    area = contributing_area(hills, routing="d8", cell_size=30)
    whole = streams(direction, area, grid=small_grid, threshold_area=20 * 900)
    parts = [channel_cells(direction[w], area[w], w, threshold_area=20 * 900) for w in windows(hills.shape, cut)[::-1]]
    lines = stream_lines(joined(parts), grid=small_grid)
    assert lines.equals(whole)
    assert lines.geometry.geom_equals_exact(whole.geometry, 0).all()


def test_channels_of_a_map_count_beside_those_by_area():
    direction = flow_direction_d8(VALLEY, cell_size=30)
    area = contributing_area(VALLEY, routing="d8", cell_size=30)
    mapped = np.zeros(VALLEY.shape)
    mapped[0, 1] = 1
    lines = streams(direction, area, grid=UTM, threshold_area=area[1, 1], channels=mapped)
    assert list(lines.geometry[0].coords) == [(45, 105), (45, 75), (75, 75), (105, 75), (135, 75)]


def test_metres_are_those_of_the_row():
    grid = make_grid((20, 59, 20.004, 59.003), "EPSG:4326", 0.001)
    direction = np.array([[0, 0, 2, 255], [255, 255, 1, 255], [255, 255, 255, 8]])
    lines = streams(direction, np.ones((3, 4)), grid=grid, threshold_area=1)
    dx, dy = (np.broadcast_to(side, (3, 1)).ravel() for side in cell_size(grid))
    assert lines["length_m"][0] == pytest.approx(2 * dx[0] + dy[0] + np.hypot(dx[1], dy[1]))


def test_grids_that_do_not_fit_together():
    codes = np.array([[0, 8, 255]])
    with pytest.raises(DataError, match="expected the same; cut them alike"):
        streams(codes, codes, grid=UTM)
