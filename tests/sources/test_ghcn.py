"""Both forms of GHCN-Daily, by lines of the form of its documentation."""

import pytest

from soilloss.errors import DataError, SourceError
from soilloss.sources.ghcn import read_ghcn
from soilloss.sources.tables import read_points

STATION = "CHM00058606  28.6000  115.9170   50.0    NANCHANG                       GSN     58606\n"
HEADER = "STATION,DATE,LATITUDE,LONGITUDE,ELEVATION,NAME,PRCP,PRCP_ATTRIBUTES,TAVG\n"


def dly(month, values, element="PRCP"):
    """A line of a month; a value is a number of tenths, or a pair with its quality flag."""
    cells = [value if isinstance(value, tuple) else (value, " ") for value in values]
    cells += [(-9999, " ")] * (31 - len(cells))
    return f"CHM000586062001{month:02d}{element}" + "".join(f"{value:5d} {flag}S" for value, flag in cells) + "\n"


def test_fixed_width(tmp_path):
    (tmp_path / "ghcnd-stations.txt").write_text(STATION)
    lines = dly(2, [0, 12, (999, "X"), -9999, 305] + [1] * 26) + dly(3, [7], "TMAX") + dly(1, [55])
    (tmp_path / "CHM00058606.dly").write_text(lines)
    rain = read_ghcn([tmp_path / "CHM00058606.dly"], 2000, 2005)
    assert rain["date"].tolist()[:4] == ["2001-01-01", "2001-02-01", "2001-02-02", "2001-02-05"]
    assert rain["precipitation"].tolist()[:4] == [5.5, 0.0, 1.2, 30.5]
    assert len(rain) == 1 + 3 + 23  # February has 28 days
    assert rain.loc[0, ["x", "y", "elevation"]].tolist() == [115.917, 28.6, 50.0]


def test_with_a_header(tmp_path):
    given = {"2001-01-01": '12,",,S"', "2001-01-02": '900,",X,S"', "2001-01-03": ",", "2002-01-01": '5,",,S"'}
    rows = [f"A,{date},28.6,115.9,50,N,{value},1\n" for date, value in given.items()]
    (tmp_path / "A.csv").write_text(HEADER + "".join(rows))
    rain = read_ghcn([tmp_path / "A.csv"], 2001, 2001)
    assert rain.to_dict("records") == [
        {"station": "A", "x": 115.9, "y": 28.6, "elevation": 50.0, "date": "2001-01-01", "precipitation": 1.2}
    ]
    rain.to_csv(tmp_path / "rain.csv", index=False)
    points = read_points(tmp_path / "rain.csv")
    assert points.columns["daily_precipitation"].tolist() == [[pytest.approx(1.2)]]


def test_what_is_not_of_this_form(tmp_path):
    with pytest.raises(SourceError, match="there is no file"):
        read_ghcn([tmp_path / "none.csv"], 2001, 2001)
    (tmp_path / "a.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="a.csv has no column STATION"):
        read_ghcn([tmp_path / "a.csv"], 2001, 2001)
    (tmp_path / "b.csv").write_text(HEADER + "A,2001-01-01,28.6,115.9,50,N,99999,,1\n")
    with pytest.raises(DataError, match="9999.9 mm of rain in a day.*another unit"):
        read_ghcn([tmp_path / "b.csv"], 2001, 2001)
    (tmp_path / "c.csv").write_text(HEADER + "A,2001-01-01,28.6,115.9,50,N,9,,1\n")
    with pytest.raises(DataError, match="no rain .PRCP. from 1990 to 1991 in 1 files"):
        read_ghcn([tmp_path / "c.csv"], 1990, 1991)
    (tmp_path / "d.dly").write_text(dly(1, [1]))
    with pytest.raises(SourceError, match="need the list of stations"):
        read_ghcn([tmp_path / "d.dly"], 2001, 2001)
    (tmp_path / "ghcnd-stations.txt").write_text(STATION.replace("CHM", "XXX"))
    with pytest.raises(DataError, match="has no station CHM00058606"):
        read_ghcn([tmp_path / "d.dly"], 2001, 2001)
