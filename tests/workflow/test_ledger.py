import json
import os
import shutil
import signal
import subprocess
import sys

import numpy as np
import pytest
import rasterio

from soilloss.sources import synthetic
from soilloss.workflow import ledger
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

WINDOW = (slice(0, 512), slice(0, 80))
KEYS = {"2001": "a", "2002": "b", "2003": "c"}
COMPARED = ("rasters", "tables", "gaps", "clipped", "total")


def finished(folder, done=2, keys=KEYS, base="base"):
    own = ledger.open_ledger(folder, base, keys)
    own.sums.save(WINDOW, done, {"total soil_loss": np.arange(4.0), "gap ndvi": np.zeros(2, "u1")})
    (folder / "soil_loss").mkdir(exist_ok=True)
    (folder / "soil_loss/2001.tif").write_bytes(b"cells")
    own.finish(done, ["soil_loss/2001.tif"], {"sums": {}})
    own.close()
    return own


def test_years_are_found_again(tmp_path):
    finished(tmp_path)
    again = ledger.open_ledger(tmp_path, "base", KEYS)
    assert again.years == ["2001", "2002"]
    assert again.sums.load(WINDOW)["total soil_loss"].tolist() == [0, 1, 2, 3]
    assert list(again.parts(100, 1)) == [["2003"]]
    again.give("soil_loss/2001.tif", tmp_path / "out/2001.tif")
    assert (tmp_path / "out/2001.tif").read_bytes() == b"cells"


@pytest.mark.parametrize(
    ("base", "keys", "edit"),
    [
        ("other", KEYS, False),
        ("base", {**KEYS, "2001": "changed"}, False),
        ("base", {"2000": "z", **KEYS}, False),
        ("base", {"2001": "a"}, False),
        ("base", KEYS, True),
    ],
)
def test_what_is_not_the_same_is_made_again(tmp_path, base, keys, edit):
    finished(tmp_path)
    if edit:
        (tmp_path / "soil_loss/2001.tif").write_bytes(b"something else")
    assert ledger.open_ledger(tmp_path, base, keys).years == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["lock"]


def test_two_processes_do_not_share_years(tmp_path):
    first = ledger.open_ledger(tmp_path, "base", KEYS)
    assert ledger.open_ledger(tmp_path, "base", KEYS) is None
    first.close()
    (tmp_path / "lock").write_text("999999999")
    assert ledger.open_ledger(tmp_path, "base", KEYS) is not None


def test_parts_are_about_as_much_work(tmp_path):
    own = ledger.open_ledger(tmp_path, "base", KEYS)
    assert list(own.parts(100, 4)) == [["2001", "2002", "2003"]]
    assert list(own.parts(int(1e9), 4)) == [["2001"], ["2002"], ["2003"]]


def record(folder):
    made = json.loads((folder / "out/record.json").read_text())
    return {name: made[name] for name in COMPARED}, made["reused_years"]


@pytest.fixture
def by_year(landscape, monkeypatch):
    monkeypatch.setattr(ledger, "PART", 1.0)
    return landscape


def test_a_new_year_is_added_to_those_that_are_there(by_year):
    file = by_year / "project.yml"
    execute(open_site(file, {"period.end": 2002}))
    outcome = execute(open_site(file))
    added, reused = record(by_year)
    assert reused == ["2001", "2002"]
    assert "year 2001" in outcome.reused
    execute(open_site(file))
    assert record(by_year) == (added, ["2001", "2002", "2003"])
    os.utime(by_year / "ndvi_2001.tif")
    execute(open_site(file))
    assert record(by_year)[1] == ["2001", "2002", "2003"]
    shutil.rmtree(by_year / ".soilloss")
    execute(open_site(file))
    assert record(by_year) == (added, [])


def test_a_changed_file_or_method_makes_its_years_again(by_year, grid):
    file = by_year / "project.yml"
    execute(open_site(file))
    with rasterio.open(by_year / "ndvi_2003.tif") as data:
        ndvi = data.read(1)
    synthetic.write_raster(by_year / "ndvi_2003.tif", ndvi / 2, grid)
    execute(open_site(file))
    assert record(by_year)[1] == []
    execute(open_site(file, {"methods.cover": "durigon_2014"}))
    assert record(by_year)[1] == []


KILLED = """
import sys, time
from soilloss.workflow import ledger, outputs
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site
ledger.PART = 1.0
part = outputs.Pass._part
def slow(self, this, *rest):
    if this.years == ("2003",):
        print("now", flush=True)
        time.sleep(60)
    part(self, this, *rest)
outputs.Pass._part = slow
execute(open_site(sys.argv[1]))
"""


def test_a_killed_run_loses_no_finished_year(by_year):
    file = by_year / "project.yml"
    with subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"now\n"
        process.send_signal(signal.SIGKILL)
    assert not (by_year / "out").exists()
    execute(open_site(file))
    resumed, reused = record(by_year)
    assert reused == ["2001", "2002"]
    shutil.rmtree(by_year / ".soilloss")
    execute(open_site(file))
    assert record(by_year) == (resumed, [])
