import json
import subprocess
import sys

import pytest

from soilloss import cli, conformance
from soilloss.workflow.start import write_demo


def command(capsys, *arguments):
    """Run the command; return exit code, standard output and standard error."""
    code = 0
    try:
        cli.main([str(a) for a in arguments])
    except SystemExit as stop:
        code = stop.code or 0
    seen = capsys.readouterr()
    return code, seen.out, seen.err


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """The demo, run once through the command itself."""
    folder = tmp_path_factory.mktemp("demo")
    cli.main(["demo", str(folder)])
    return folder


def test_demo_writes_project_maps_and_report(demo):
    assert (demo / "project.yml").exists()
    assert {"report.html", "record.json", "soil_loss.tif", "severity.tif", "factors", "tables", "catalog"} <= {
        p.name for p in (demo / "out").iterdir()
    }


def test_run_prints_the_report_and_counts_reused_steps(demo, capsys):
    code, out, err = command(capsys, "run", demo / "project.yml", "--set", "methods.cover.alpha=2.2")
    assert code == 0
    assert out.strip().endswith("report.html")
    assert "0 stored steps made" in err


def test_json_is_one_object_and_nothing_else(demo, capsys):
    code, out, err = command(capsys, "run", demo / "project.yml", "--json")
    assert code == 0
    assert json.loads(out)["total"]["mean"] > 0
    assert err == ""


def test_plan_shows_places(demo, capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    code, out, _ = command(capsys, "plan", demo / "project.yml", "--graph", tmp_path / "plan.svg")
    assert code == 0
    assert max(map(len, out.splitlines())) <= 80
    assert "contributing_area <- contributing_area(elevation" in out
    assert "cells of 30 m in EPSG:31985" in out
    assert (tmp_path / "plan.svg").read_text().startswith("<svg")
    assert json.loads(command(capsys, "plan", demo / "project.yml", "--json")[1])["grid"]["shape"]


def test_check_counts_findings(demo, capsys):
    code, out, _ = command(capsys, "check", demo / "project.yml")
    assert code == 0
    assert "0 errors" in out
    assert "red holds 8-bit digital numbers" in out
    assert isinstance(json.loads(command(capsys, "check", demo / "project.yml", "--json")[1]), list)


def test_verify_says_equal(demo, capsys):
    code, out, _ = command(capsys, "verify", demo / "out")
    assert code == 0
    assert out.startswith("equal: ")


def test_verify_exits_otherwise(demo, capsys, tmp_path):
    write_demo(tmp_path)
    command(capsys, "run", tmp_path / "project.yml")
    record = tmp_path / "out/record.json"
    made = json.loads(record.read_text())
    made["tables"][0]["hash"] = "0"
    record.write_text(json.dumps(made))
    code, out, _ = command(capsys, "verify", tmp_path / "out")
    assert code == 4
    assert "NOT equal" in out


def test_report_again(demo, capsys):
    (demo / "out/report.html").unlink()
    assert command(capsys, "report", demo / "project.yml")[0] == 0
    assert (demo / "out/report.html").exists()


def test_cite_gives_bibtex_of_the_methods(demo, capsys):
    _, out, _ = command(capsys, "cite", demo / "project.yml")
    assert "@" in out
    assert "vanderknijff2000" in out
    assert "xie2016" not in out


def test_methods(capsys):
    code, out, _ = command(capsys, "methods", "cover")
    assert code == 0
    assert "van_der_knijff_2000(ndvi)" in out
    assert json.loads(command(capsys, "methods", "--json")[1])


def test_new(capsys, tmp_path):
    code, out, _ = command(capsys, "new", tmp_path / "x", "--like", "rodopi")
    assert code == 0
    assert (tmp_path / "x/project.yml").exists()
    assert out.strip() == str(tmp_path / "x/project.yml")


def test_terrain_of_a_raster(demo, capsys, tmp_path):
    dem = next(path for path in demo.glob("*.tif") if "elevation" in path.name or "dem" in path.name)
    code, out, err = command(capsys, "terrain", dem, "--out", tmp_path / "t", "--wanted", "slope,flow_direction")
    assert code == 0
    assert out.strip() == str(tmp_path / "t")
    assert "slope: map ..." in err
    assert {p.name for p in (tmp_path / "t").iterdir()} == {"terrain.json", "slope.tif", "flow_direction.tif"}


def test_terrain_with_voids_as_walls_and_a_road(demo, capsys, tmp_path):
    dem = next(path for path in demo.glob("*.tif") if "elevation" in path.name or "dem" in path.name)
    words = ["--wanted", "flow_direction", "--voids", "wall", "--close-holes", "4", "--flats", "garbrecht", "--json"]
    code, out, _ = command(capsys, "terrain", dem, "--out", tmp_path / "t", *words)
    assert code == 0
    assert json.loads(out)["ways"] == {"close_holes": 4, "voids": "wall", "flats": "garbrecht"}
    code, _, err = command(capsys, "terrain", dem, "--out", tmp_path / "t", "--trapping", tmp_path / "road.gpkg")
    assert code == 3
    assert "no file at" in err
    code, out, _ = command(capsys, "terrain", dem, "--out", tmp_path / "p", "--plan", "--memory", "100KB")
    assert code == 0
    assert "in tiles of 512 x 512 cells; about" in out
    assert not (tmp_path / "p").exists()
    code, _, err = command(capsys, "terrain", dem, "--out", tmp_path / "t", "--voids", "open")
    assert code == 2
    assert "voids is 'open', expected one of 'outlet', 'wall'" in err


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("run", "absent.yml"), 2, "absent.yml does not exist"),
        (("new", "x", "--like", "poyan"), 2, "did you mean 'poyang'"),
        (("methods", "covr"), 2, "did you mean 'cover'"),
        (("verify", "."), 2, "holds no record.json"),
        (("plan", "absent.yml", "--set", "nonsense"), 2, "expected KEY=VALUE"),
        (("run", "absent.yml", "--memory", "much"), 2, "expected a size such as 500MB"),
    ],
)
def test_a_mistake_is_one_sentence_and_an_exit_code(capsys, tmp_path, monkeypatch, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    got, out, err = command(capsys, *arguments)
    assert got == code
    assert words in err
    assert err.startswith("soilloss: ")
    assert err.count("\n") == 1
    assert out == ""
    assert "Traceback" not in err


def test_set_reaches_the_project(demo, capsys):
    code, _, err = command(capsys, "plan", demo / "project.yml", "--set", "methods.cover.alfa=2")
    assert code == 2
    assert "has no coefficient 'alfa'; did you mean 'alpha'" in err


def test_help_needs_no_heavy_library():
    code = "import sys, soilloss.cli; print(sorted({'xarray','dask','rasterio','pandas','numba'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"


def test_interrupt_is_a_sentence(capsys, monkeypatch):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr("soilloss.workflow.fetch.fetch", interrupted)
    code, _, err = command(capsys, "run", "x.yml")
    assert code == 130
    assert "earlier results are as they were" in err


def test_a_full_disk_is_named(capsys, monkeypatch):
    def full(*_, **__):
        try:
            raise RuntimeError("write: No space left on device")
        except RuntimeError as cause:
            raise OSError("Write failed. See previous exception for details.") from cause

    monkeypatch.setattr("soilloss.workflow.fetch.fetch", full)
    code, _, err = command(capsys, "run", "x.yml")
    assert code == 3
    assert err == "soilloss: write: No space left on device; check the path, the disk and permissions\n"


def test_compare_says_how_many_times_a_choice_changes_the_answer(demo, capsys):
    code, out, err = command(capsys, "compare", demo / "project.yml", "--vary", "topography")
    assert code == 0
    assert "topography: 8 methods" in out
    assert "* desmet_govers_1996" in out
    assert "left out: topography moore_burch_1986_as_printed" in err
    page = (demo / "compare/index.html").read_text()
    assert "The choice of topography LS changes mean soil loss up to" in page
    found = json.loads(command(capsys, "compare", demo / "project.yml", "--vary", "topography", "--json")[1])
    assert found["factors"][0]["times"] > 1


def test_conformance_is_green(capsys):
    code, out, _ = command(capsys, "conformance")
    assert code == 0
    assert "FAIL" not in out
    count = int(out.splitlines()[-1].split()[0])
    assert count >= 200
    assert "pass  topography.mccool_1987" in out


def test_conformance_of_a_part(capsys, monkeypatch):
    rows = json.loads(command(capsys, "conformance", "--only", "topography.mccool_1987", "--json")[1])
    assert "topography.mccool_1987" in {row["method"] for row in rows}
    code, _, err = command(capsys, "conformance", "--only", "erosvity")
    assert code == 4
    assert "did you mean 'erosivity'" in err
    own = conformance.own()
    monkeypatch.setattr(conformance, "own", lambda: own | {"topography.mccool_1987": lambda slope: 1})
    code, out, _ = command(capsys, "conformance", "--only", "topography")
    assert code == 4
    assert "FAIL  topography.mccool_1987" in out
