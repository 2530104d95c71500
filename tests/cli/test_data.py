"""The verbs of known products."""

import json

import pytest
import world
from loopback import Server

from soilloss.cli import main


@pytest.fixture
def server(tmp_path, monkeypatch):
    monkeypatch.setenv("SOILLOSS_CACHE", str(tmp_path / "cache"))
    world.heights(tmp_path / "far")
    with Server(tmp_path / "far") as running:
        yield running


def test_products(capsys, tmp_path):
    main(["products", "elevation"])
    text = capsys.readouterr().out
    assert "copernicus-dem-30: Copernicus DEM GLO-30" in text
    assert "chirps" not in text
    (tmp_path / "mine.yml").write_text("clcd: {title: my own, unverified: false}")
    main(["products", "--catalogue", str(tmp_path / "mine.yml"), "--json"])
    assert json.loads(capsys.readouterr().out)["clcd"]["title"] == "my own"


def test_fetch_plan_and_cache(capsys, tmp_path, server):
    sources = {"elevation": {"product": "copernicus-dem-30"}, "annual_precipitation": 800, "erodibility": 0.03}
    sources |= {"cover": 0.1, "practice": 1}
    file = str(world.project(tmp_path / "p", server.url, sources=sources, zero_classes=[]))
    main(["plan", file])
    assert "elevation <- copernicus-dem-30: 2 items, about 0.1 MB from 127.0.0.1:" in capsys.readouterr().out
    main(["fetch", file, "--dry-run", "--json"])
    assert json.loads(capsys.readouterr().out)["to_fetch"][0]["items"] == 2
    main(["fetch", file])
    assert "1 rasters of 2 items made, 0." in capsys.readouterr().out
    main(["fetch", file, "--dry-run"])
    assert "everything is here" in capsys.readouterr().out
    main(["plan", file])
    assert "elevation <- copernicus-dem-30, fetched" in capsys.readouterr().out
    main(["cite", file])
    assert "% data: European Space Agency (2021). Copernicus" in capsys.readouterr().out
    main(["cache"])
    assert "copernicus-dem-30: 2 files" in capsys.readouterr().out
    main(["cache", "--clear", "--product", "clcd", "--json"])
    assert json.loads(capsys.readouterr().out) == {"files": 0, "bytes": 0}
    main(["cache", "--clear"])
    assert "2 files deleted" in capsys.readouterr().out
    main(["cache", "--json"])
    assert json.loads(capsys.readouterr().out)["products"] == []


def test_a_fetch_that_fails_is_one_sentence(capsys, tmp_path, server):
    file = str(world.project(tmp_path / "p", server.url, sources={"elevation": {"product": "nothing"}}))
    with pytest.raises(SystemExit) as caught:
        main(["fetch", file])
    assert caught.value.code == 2
    assert "there is no product 'nothing'" in capsys.readouterr().err


def test_stations(capsys, tmp_path):
    header = "STATION,DATE,LATITUDE,LONGITUDE,PRCP\n"
    (tmp_path / "a.csv").write_text(header + "A,2001-01-01,28.6,115.9,12\n")
    main(["stations", str(tmp_path / "a.csv"), "--years", "2001-2002", "--out", str(tmp_path / "s.csv")])
    assert "1 stations, 1 days" in capsys.readouterr().out
    assert (tmp_path / "s.csv").read_text().splitlines()[1] == "A,115.9,28.6,,2001-01-01,1.2"
    with pytest.raises(SystemExit):
        main(["stations", str(tmp_path / "a.csv"), "--years", "all"])
    assert "--years 'all': expected a first and a last year" in capsys.readouterr().err
