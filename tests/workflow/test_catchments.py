import geopandas as gpd
import pytest

from soilloss.derive import codes, terrain
from soilloss.grid.blocks import windows
from soilloss.workflow import catchments


class Flow:
    """What the module reads, from arrays."""

    side, workers, masks = 16, 1, {}

    def __init__(self, heights, grid):
        self.grid, self.blocks, self.told = grid, windows(heights.shape, self.side), []
        self.directions = codes.own_codes(terrain.flow_direction_d8(heights, cell_size=30)).__getitem__
        self.area = terrain.contributing_area(heights, routing="d8", cell_size=30).__getitem__

    def progress(self, stage, done, total):
        self.told.append((stage, done, total))


@pytest.fixture
def flow(hills, small_grid):
    return Flow(hills, small_grid)


def test_gauges_from_a_point_file_in_another_crs(flow, small_grid, tmp_path):
    west, south, east, north = small_grid.boundingbox
    places = gpd.points_from_xy([(west + east) / 2], [(south + north) / 2], crs=str(small_grid.crs))
    gpd.GeoDataFrame({"station": ["middle"]}, geometry=places).to_crs("EPSG:4326").to_file(tmp_path / "gauges.gpkg")
    gauges = catchments.Gauges(tmp_path / "gauges.gpkg", radius=200)
    (line,) = catchments.write_watersheds(tmp_path, gauges, flow)
    frame = gpd.read_file(tmp_path / "watersheds.gpkg")
    assert frame["station"].tolist() == ["middle"]
    assert frame.crs == small_grid.crs.to_wkt()
    assert line["upstream_area_m2"] == pytest.approx(frame.area[0])
    assert 0 < line["moved_m"] <= 200
    assert flow.told[-1] == ("watersheds", len(flow.blocks), len(flow.blocks))
    assert {path.name for path in tmp_path.iterdir()} == {"gauges.gpkg", "watersheds.gpkg"}


def test_streams_and_their_summary(flow, tmp_path):
    made = catchments.write_streams(tmp_path, flow, 20 * 900)
    frame = gpd.read_file(tmp_path / "streams.gpkg")
    assert made["links"] == len(frame)
    assert sum(made["length_m"].values()) == pytest.approx(frame.length.sum())
    assert set(frame.geom_type) == {"LineString"}


def test_no_stream_is_an_empty_layer(flow, tmp_path):
    assert catchments.write_streams(tmp_path, flow, 1e12)["links"] == 0
    assert len(gpd.read_file(tmp_path / "streams.gpkg")) == 0
