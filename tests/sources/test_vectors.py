import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from soilloss.errors import DataError, GridError, SourceError
from soilloss.sources import vectors

SQUARE = shapely.box(500_000, 4_600_000, 501_000, 4_601_000)
BESIDE = shapely.box(501_000, 4_600_000, 502_000, 4_601_000)
BOW_TIE = shapely.Polygon([(0, 0), (10, 10), (10, 0), (0, 10)])


def save(tmp_path, shapes, name="a.gpkg", crs="EPSG:32635", **columns):
    path = tmp_path / name
    gpd.GeoDataFrame(columns, geometry=shapes, crs=crs).to_file(path)
    return path


@pytest.mark.parametrize("name", ["a.gpkg", "a.geojson", "a.shp"])
def test_polygons_of_any_format(tmp_path, name):
    crs = "EPSG:4326" if name.endswith("json") else "EPSG:32635"
    path = save(tmp_path, [shapely.box(20, 40, 21, 41)], name, crs, p=[0.5])
    frame = vectors.read_polygons(path, column="p")
    assert frame["p"].tolist() == [0.5]
    assert frame.crs == crs
    assert frame.geometry[0].area == pytest.approx(1)


def test_broken_polygons_are_mended_and_empty_ones_dropped(tmp_path):
    path = save(tmp_path, [BOW_TIE, shapely.Polygon(), SQUARE], p=[1, 2, 3])
    frame = vectors.read_polygons(path, column="p")
    assert frame["p"].tolist() == [1, 3]
    assert frame.geometry.is_valid.all()
    assert frame.geometry[0].area == pytest.approx(50)


def test_area_is_the_union(tmp_path):
    area, crs = vectors.read_area(save(tmp_path, [SQUARE, BESIDE]))
    assert area.area == 2e6
    assert crs.to_epsg() == 32635


def test_zones_have_names_and_parts_of_one_name_belong_together(tmp_path):
    path = save(tmp_path, [SQUARE, BESIDE, shapely.box(0, 0, 1, 1)], district=["West", "East", "West"])
    zones = vectors.read_zones(path, "district", "EPSG:32635")
    assert zones["zone"].tolist() == ["West", "East"]
    assert zones.geometry.area.tolist() == [1e6 + 1, 1e6]
    assert vectors.read_zones(path, None, "EPSG:32635")["zone"].tolist() == ["1", "2", "3"]
    moved = vectors.read_zones(path, "district", "EPSG:4326")
    assert moved.crs == "EPSG:4326"
    assert moved.geometry[1].bounds[0] == pytest.approx(27.01, abs=0.01)


def test_reproject_there_and_back():
    there = vectors.reproject(SQUARE, "EPSG:32635", "EPSG:4326")
    back = vectors.reproject(there, "EPSG:4326", "EPSG:32635")
    np.testing.assert_allclose(back.bounds, SQUARE.bounds, atol=1e-5)


def test_overlaps_name_the_first_pair():
    shifted = shapely.transform(SQUARE, lambda xy: np.add(xy, (500, 0)))
    frame = gpd.GeoDataFrame(geometry=[BESIDE, SQUARE, shifted], crs=32635)
    (finding,) = vectors.overlaps(frame)
    assert finding.startswith("polygons overlap in 2 places (33.3% of the area of all), the first are rows 1 and 3")
    assert vectors.overlaps(frame.iloc[:2]) == []  # neighbours share a border


def test_mistakes_are_sentences(tmp_path):
    with pytest.raises(SourceError, match="there is no file"):
        vectors.read_polygons(tmp_path / "absent.gpkg")
    (tmp_path / "no.gpkg").write_text("hello")
    with pytest.raises(SourceError, match=r"no.gpkg cannot be read as a vector file"):
        vectors.read_polygons(tmp_path / "no.gpkg")
    save(tmp_path, [SQUARE], "a.shp")
    (tmp_path / "a.prj").unlink()
    with pytest.raises(GridError, match=r"a.shp has no coordinate reference system"):
        vectors.read_polygons(tmp_path / "a.shp")
    with pytest.raises(DataError, match="no column 'tilage'; did you mean 'tillage'"):
        vectors.read_polygons(save(tmp_path, [SQUARE], tillage=[1]), column="tilage")
    with pytest.raises(DataError, match="holds Point, expected polygons only"):
        vectors.read_polygons(save(tmp_path, [shapely.Point(0, 0)], "p.gpkg"))
    with pytest.raises(DataError, match="holds only empty polygons"):
        vectors.read_polygons(save(tmp_path, [shapely.Polygon()], "e.gpkg"))
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "t.csv")
    with pytest.raises(DataError, match="a table without geometry"):
        vectors.read_polygons(tmp_path / "t.csv")


def test_real_outline(shared_data):
    area, crs = vectors.read_area(shared_data / "mula_mutha" / "catchment.gpkg")
    local = vectors.reproject(area, crs, "EPSG:32643")
    assert local.area / 1e6 == pytest.approx(5832, rel=0.01)


def test_lines_are_read_and_polygons_give_their_outlines(tmp_path):
    road = shapely.LineString([(0, 0), (1000, 1000)])
    frame = vectors.read_lines(save(tmp_path, [road, SQUARE], share=[0.5, 1]), column="share")
    assert frame.geometry[0].equals(road)
    assert frame.geometry[1].equals(SQUARE.boundary)
    assert frame["share"].tolist() == [0.5, 1]
    with pytest.raises(DataError, match="holds Point, expected lines or polygons only"):
        vectors.read_lines(save(tmp_path, [shapely.Point(0, 0)], "p.gpkg"))
    with pytest.raises(DataError, match="no column 'sharre'; did you mean 'share'"):
        vectors.read_lines(save(tmp_path, [road], "r.gpkg", share=[1]), column="sharre")
