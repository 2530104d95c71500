"""The land-cover verbs: results on standard output, sentences and exit codes for mistakes."""

import json

import numpy as np
import pytest
import rasterio

from soilloss.cli import main
from soilloss.landcover.demo import write_demo
from soilloss.sources import files

SETTINGS = ["--set", "landcover.images=null", "--set", "landcover.smooth={method: majority}"]


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project that smooths maps of others: the labels, every quarter, as a product with its legend."""
    path = write_demo(tmp_path_factory.mktemp("demo"), shape=(64, 96), years=1)
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("  labels: ", "  maps: {file: labels_2021.tif, legend: worldcover}\n  labels: "))
    yield path
    files.close_all()


def test_smooth_and_score(project, capsys):
    main(["landcover", "smooth", str(project), *SETTINGS, "--json"])
    assert json.loads(capsys.readouterr().out) == {"method": "majority", "changed": 0}
    with rasterio.open(project.parent / "landcover/maps/2021-Q2.tif") as dataset:
        assert set(np.unique(dataset.read(1))) <= set(range(9))
    main(["landcover", "score", str(project), *SETTINGS])
    told = capsys.readouterr()
    assert told.out.strip().endswith("landcover/report.html")
    assert "truth, smoothed: OA 0." in told.err
    main(["landcover", "score", str(project), *SETTINGS, "--json"])
    assert {"scores", "areas", "page"} <= json.loads(capsys.readouterr().out).keys()


def test_points(project, tmp_path, capsys):
    main(
        [
            "landcover",
            "points",
            str(project),
            *SETTINGS,
            "--out",
            str(tmp_path / "p.csv"),
            "--dates",
            "2021-Q3",
            "--random",
        ]
    )
    assert "500 places, 1 dates" in capsys.readouterr().out


def test_tiles_of_an_area_that_is_too_small(project, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["landcover", "tiles", str(project)])
    assert stopped.value.code == 4
    assert "take smaller tiles" in capsys.readouterr().err


def test_the_made_up_area_is_offered(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("soilloss.landcover.demo.write_demo", lambda folder: folder / "project.yml")
    main(["new", str(tmp_path), "--like", "landcover-demo"])
    assert capsys.readouterr().out.strip().endswith("project.yml")
    with pytest.raises(SystemExit):
        main(["new", str(tmp_path), "--like", "landcover-dem"])
    assert "did you mean 'landcover-demo'" in capsys.readouterr().err
