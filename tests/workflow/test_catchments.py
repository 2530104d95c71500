import geopandas as gpd
import pytest

from soilloss.derive import codes, terrain
from soilloss.workflow import catchments


@pytest.fixture
def flow(hills):
    direction = codes.own_codes(terrain.flow_direction_d8(hills, cell_size=30))
    return direction, terrain.contributing_area(hills, routing="d8", cell_size=30)


def test_gauges_from_a_point_file_in_another_crs(flow, small_grid, tmp_path):
    west, south, east, north = small_grid.boundingbox
    places = gpd.points_from_xy([(west + east) / 2], [(south + north) / 2], crs=str(small_grid.crs))
    gpd.GeoDataFrame({"station": ["middle"]}, geometry=places).to_crs("EPSG:4326").to_file(tmp_path / "gauges.gpkg")
    gauges = catchments.Gauges(tmp_path / "gauges.gpkg", radius=200)
    (line,) = catchments.write_watersheds(tmp_path, gauges, flow[0], flow[1], small_grid)
    frame = gpd.read_file(tmp_path / "watersheds.gpkg")
    assert frame["station"].tolist() == ["middle"]
    assert frame.crs == small_grid.crs.to_wkt()
    assert line["upstream_area_m2"] == pytest.approx(frame.area[0])
    assert 0 < line["moved_m"] <= 200


def test_streams_and_their_summary(flow, small_grid, tmp_path):
    made = catchments.write_streams(tmp_path, flow[0], flow[1], small_grid, 20 * 900)
    frame = gpd.read_file(tmp_path / "streams.gpkg")
    assert made["links"] == len(frame)
    assert sum(made["length_m"].values()) == pytest.approx(frame.length.sum())
    assert set(frame.geom_type) == {"LineString"}


def test_no_stream_is_an_empty_layer(flow, small_grid, tmp_path):
    assert catchments.write_streams(tmp_path, flow[0], flow[1], small_grid, 1e12)["links"] == 0
    assert len(gpd.read_file(tmp_path / "streams.gpkg")) == 0
