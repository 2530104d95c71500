import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from soilloss.errors import DataError, GridError, SourceError, UnitsError
from soilloss.sources.tables import read_points


def write(tmp_path, text, **options):
    path = tmp_path / "t.csv"
    path.write_text(text, **{"encoding": "utf-8", **options})
    return path


def test_stations(tmp_path):
    path = write(tmp_path, "station,x,y,elevation,annual_precipitation,remark\nA,24,41,100,640,old\nB,25,42,,NA,\n")
    points = read_points(path)
    assert points.names == ["A", "B"]
    assert points.x.tolist() == [24, 25]
    assert points.y.tolist() == [41, 42]
    assert points.crs == "EPSG:4326"
    assert points.dates is None
    assert set(points.columns) == {"elevation", "annual_precipitation"}
    np.testing.assert_array_equal(points.columns["elevation"], [100, np.nan])
    np.testing.assert_array_equal(points.columns["annual_precipitation"], [640, np.nan])


def test_byte_order_mark_spaces_and_empty_lines_are_accepted(tmp_path):
    path = write(tmp_path, "\ufeffx, y ,sand\r\n\r\n24,41, 0.5\r\n\r\n")
    points = read_points(path)
    assert points.names == ["1"]
    assert points.columns["sand"].tolist() == [0.5]


def test_months_stand_side_by_side_and_units_convert(tmp_path):
    months = [f"monthly_precipitation_{month:02d}" for month in range(1, 13)]
    path = write(tmp_path, f"x,y,{','.join(months)},sand\n500000,4600000,{','.join(map(str, range(12)))},25\n")
    points = read_points(path, crs="EPSG:32635", units={"monthly_precipitation": "cm", "sand": "%"})
    np.testing.assert_allclose(points.columns["monthly_precipitation"], [np.arange(12) * 10.0])
    np.testing.assert_allclose(points.columns["sand"], [0.25])
    assert points.crs == "EPSG:32635"


def test_days_in_long_form(tmp_path):
    path = write(
        tmp_path,
        "station,x,y,elevation,date,precipitation\n"
        "A,24,41,100,2016-02-28,1\nB,25,42,200,2016-03-01,2\nA,,,,2016-03-01,3\nB,25,42,200,2016-02-29,\n",
    )
    points = read_points(path, units={"precipitation": "cm"})
    assert points.names == ["A", "B"]
    assert points.x.tolist() == [24, 25]
    assert points.columns["elevation"].tolist() == [100, 200]
    assert points.dates.astype(str).tolist() == ["2016-02-28", "2016-02-29", "2016-03-01"]
    rain = points.columns["daily_precipitation"]
    np.testing.assert_array_equal(rain, [[10, np.nan, 30], [np.nan, np.nan, 20]])


@pytest.mark.parametrize("suffix", ["gpkg", "geojson"])
def test_point_files(tmp_path, suffix):
    crs = "EPSG:32635" if suffix == "gpkg" else "EPSG:4326"
    frame = gpd.GeoDataFrame(
        {"station": ["A", "B"], "sand": [25.0, np.nan], "note": ["x", None]},
        geometry=[shapely.Point(24, 41), shapely.Point(25, 42)],
        crs=crs,
    )
    frame.to_file(tmp_path / f"p.{suffix}")
    points = read_points(tmp_path / f"p.{suffix}", units={"sand": "%"})
    assert points.names == ["A", "B"]
    assert points.x.tolist() == [24, 25]
    np.testing.assert_array_equal(points.columns["sand"], [0.25, np.nan])
    assert gpd.GeoSeries([], crs=points.crs).crs == crs


MONTHS = ",".join(f"monthly_precipitation_{month:02d}" for month in range(1, 12))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "t.csv is empty"),
        ("x,y,sand\n", "has a header but no rows"),
        ("x;y;sand\n24;41;0,5\n", "separated by semicolons; expected commas"),
        ("x\ty\n24\t41\n", "separated by tabs"),
        ("x,y,sand\n24,41,0,5\n", "row 2: 4 cells, the header has 3; a decimal comma"),
        ('x,y,sand\n24,41,"0,5"\n', r"row 2, column 'sand': '0,5' is not a number; write 0.5"),
        ("x,y,sand\n24,41,0.1\n\n24,42,much\n", r"row 4, column 'sand': 'much' is not a number"),
        ("x,y,x\n24,41,0.1\n", "two columns 'x'"),
        ("lon,y,sand\n24,41,0.1\n", "no column 'x'"),
        ("station,x,y\nA,24,41\nB,24,42\nA,25,41\n", "station 'A' is in rows 2 and 4"),
        ("x,y,sand\n24,,0.1\n", "point '1' has no x or y"),
        ("x,y,sand\n500000,4600000,0.1\n", "at x 500000, y 4.6e.06 is no longitude and latitude; give the crs"),
        (f"x,y,{MONTHS}\n24,41{',1' * 11}\n", "no column 'monthly_precipitation_12'"),
        ("x,y,monthly_precipitation\n24,41,3\n", "a column per month: monthly_precipitation_01 to .*_12"),
        ("station,x,y,date\nA,24,41,2016-01-01\n", "no column 'precipitation'"),
        ("station,x,y,date,precipitation\nA,24,41,31.01.2016,5\n", "row 2, column 'date': '31.01.2016' is not a day"),
        ("station,x,y,date,precipitation\nA,24,41,2016-01,5\n", "row 2, column 'date': '2016-01' is not a day"),
        (
            "station,x,y,date,precipitation\nA,24,41,2016-01-01,5\nA,24,41,2016-01-01,6\n",
            "station 'A' has 2 rows for 2016-01-01, the first is row 2",
        ),
        (
            "station,x,y,date,precipitation\nA,24,41,2016-01-01,5\nA,24,42,2016-01-02,6\n",
            "row 3: y is 42, but 41 further up for the same station",
        ),
    ],
)
def test_mistakes_are_sentences(tmp_path, text, sentence):
    with pytest.raises(DataError, match=sentence):
        read_points(write(tmp_path, text))


def test_other_mistakes(tmp_path):
    path = write(tmp_path, "x,y,sand\n24,41,0.1\n")
    with pytest.raises(SourceError, match="there is no table"):
        read_points(tmp_path / "absent.csv")
    with pytest.raises(GridError, match="crs 'EPSG:none' is not known"):
        read_points(path, crs="EPSG:none")
    with pytest.raises(UnitsError, match="units names 'sannd', which is no column of a variable; did you mean 'sand'"):
        read_points(path, units={"sannd": "%"})
    with pytest.raises(UnitsError, match="sand is in 'mm'"):
        read_points(path, units={"sand": "mm"})
    with pytest.raises(DataError, match="not a CSV in UTF-8"):
        read_points(write(tmp_path, "station,x,y\nBörde,24,41\n", encoding="latin-1"))
    (tmp_path / "no.gpkg").write_text("hello")
    with pytest.raises(SourceError, match=r"no.gpkg cannot be read as a table of points"):
        read_points(tmp_path / "no.gpkg")
    gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)], crs=4326).to_file(tmp_path / "box.geojson")
    with pytest.raises(DataError, match="does not hold points only"):
        read_points(tmp_path / "box.geojson")


def test_real_gauge(tmp_path, shared_data):
    daily = next((shared_data / "rain_ve0091").glob("*dai*"), None)
    if daily is None:
        pytest.skip("the daily gauge is absent")
    table = pd.read_csv(daily)
    dates = pd.to_datetime(table.iloc[:, 0]).dt.strftime("%Y-%m-%d")
    frame = pd.DataFrame({"station": "VE", "x": 12.424, "y": 46.652, "date": dates, "precipitation": table.iloc[:, 1]})
    frame.to_csv(tmp_path / "t.csv", index=False)
    points = read_points(tmp_path / "t.csv")
    assert points.columns["daily_precipitation"].shape == (1, len(points.dates))
    assert np.nansum(points.columns["daily_precipitation"]) == pytest.approx(table.iloc[:, 1].sum())
