import os
import signal
import subprocess
import sys

import numpy as np
import pytest
import rasterio
import yaml

import soilloss as sl
from soilloss.sources import synthetic
from soilloss.workflow import outputs, record
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site


def hashes(folder):
    return {r["path"]: r["hash"] for r in record.read(folder / "out")["rasters"]}


def test_run_returns_a_dataset(landscape):
    result = sl.run(landscape / "project.yml", workers=1)
    assert result["soil_loss"].attrs["units"] == "t ha-1 yr-1"
    assert result["soil_loss_by_year"].sizes["time"] == 3
    assert float(result["soil_loss"].mean()) > 0
    assert {"erosivity", "erodibility", "topography", "cover", "practice", "severity"} <= set(result.data_vars)


def test_cellwise_change_reuses_the_stored_steps(landscape):
    first = execute(open_site(landscape / "project.yml"))
    assert first.made
    second = execute(open_site(landscape / "project.yml", {"methods.cover.alpha": 2.5}))
    assert second.made == []
    assert second.reused == first.made
    third = execute(open_site(landscape / "project.yml", {"methods.contributing_area.exponent": 1.5}))
    assert len(third.made) == 1


def test_a_changed_input_is_not_reused(landscape, grid):
    execute(open_site(landscape / "project.yml"))
    synthetic.write_raster(landscape / "dem.tif", synthetic.fractal(grid.shape, seed=9), grid)
    assert execute(open_site(landscape / "project.yml")).reused == []


def test_no_bit_depends_on_threads_or_blocks(tmp_path, monkeypatch, write_landscape, write_project):
    shape = (600, 1100)
    grid = synthetic.small_grid(shape)
    write_landscape(tmp_path, grid, shape)
    file = write_project(tmp_path, period={"start": 2001, "end": 2002}, publish={"folder": "out", "factors": [2001]})
    execute(open_site(file), workers=1)
    whole, tables = hashes(tmp_path), (tmp_path / "out/tables/zones.csv").read_bytes()
    monkeypatch.setattr(outputs, "BLOCK_CELLS", 512 * 512)
    execute(open_site(file), workers=2)
    assert hashes(tmp_path) == whole
    assert (tmp_path / "out/tables/zones.csv").read_bytes() == tables
    assert "factors/cover/2001.tif" in whole


def test_files_of_the_user_stay(landscape):
    execute(open_site(landscape / "project.yml"))
    (landscape / "out/notes.txt").write_text("mine")
    execute(open_site(landscape / "project.yml"))
    assert (landscape / "out/notes.txt").read_text() == "mine"
    assert sorted(p.name for p in landscape.iterdir() if p.name.startswith(".")) == [".soilloss"]


def test_a_folder_that_is_no_result_is_not_touched(landscape):
    (landscape / "out").mkdir()
    (landscape / "out/thesis.doc").write_text("years of work")
    with pytest.raises(sl.ProjectError, match=r"holds files that are no result of soilloss|is an input"):
        execute(open_site(landscape / "project.yml"))
    assert (landscape / "out/thesis.doc").read_text() == "years of work"


def test_failure_leaves_the_former_result(landscape, monkeypatch):
    execute(open_site(landscape / "project.yml"))
    before = hashes(landscape)

    def broken(*_):
        raise sl.SourceError("the disk is full")

    monkeypatch.setattr(outputs.Pass, "finish", broken)
    with pytest.raises(sl.SourceError):
        execute(open_site(landscape / "project.yml", {"methods.cover.alpha": 3}))
    assert hashes(landscape) == before
    assert sorted(p.name for p in landscape.iterdir() if p.name.startswith(".")) == [".soilloss"]


KILLED = """
import signal, sys, time
from pathlib import Path
from soilloss.workflow import stored, outputs
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

# a shell that started the tests in the background has interrupts ignored
signal.signal(signal.SIGINT, signal.default_int_handler)
place = sys.argv[2]
if place == "pass":
    finish = outputs.Pass.finish
    outputs.Pass.finish = lambda self: (print("now", flush=True), time.sleep(60), finish(self))
else:
    make = stored.make
    stored.make = lambda *a: (print("now", flush=True), time.sleep(60), make(*a))
execute(open_site(Path(sys.argv[1]), {"methods.cover.alpha": 3}))
"""


@pytest.mark.parametrize("place", ["stored", "pass"])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_killed_run_leaves_the_former_result_and_the_next_goes_on(landscape, place, how):
    if place == "pass":
        execute(open_site(landscape / "project.yml"))
        before = hashes(landscape)
    command = [sys.executable, "-c", KILLED, str(landscape / "project.yml"), place]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout.readline() == "now\n"
        os.kill(process.pid, how)
        process.wait(timeout=30)
    if place == "pass":
        assert hashes(landscape) == before
    outcome = execute(open_site(landscape / "project.yml"))
    assert bool(outcome.reused) == (place == "pass")
    assert not [p for p in landscape.iterdir() if p.name.endswith(".part")]


def test_a_swap_cut_off_half_way_is_undone(landscape):
    execute(open_site(landscape / "project.yml"))
    (landscape / "out").rename(landscape / ".out.former")
    execute(open_site(landscape / "project.yml"))
    assert (landscape / "out/record.json").exists()
    assert not (landscape / ".out.former").exists()


def test_a_swap_cut_off_at_its_end_is_finished(landscape):
    execute(open_site(landscape / "project.yml"))
    (landscape / ".out.former").mkdir()
    (landscape / ".out.former/record.json").write_text("{}")
    (landscape / ".out.former/notes.txt").write_text("mine")
    execute(open_site(landscape / "project.yml"))
    assert (landscape / "out/notes.txt").read_text() == "mine"
    assert not (landscape / ".out.former").exists()


@pytest.mark.parametrize("folder", [".", "..", "/"])
def test_the_project_does_not_lie_in_its_result(landscape, monkeypatch, folder):
    monkeypatch.chdir(landscape)
    with pytest.raises(sl.ProjectError, match="holds the project file itself"):
        sl.run("project.yml", publish={"folder": folder})


@pytest.mark.parametrize("workers", [0, -3])
def test_workers_are_counted_from_one(landscape, workers):
    with pytest.raises(sl.ProjectError, match=f"workers is {workers}, expected 1 or more"):
        sl.run(landscape / "project.yml", workers=workers)


def test_level_cells_are_no_gap(landscape, grid):
    heights = synthetic.fractal(grid.shape, seed=3)
    heights[20:40, 30:60] = heights[20:40, 30:60].max()
    synthetic.write_raster(landscape / "dem.tif", heights, grid)
    sand = np.full(grid.shape, 0.4, "f4")
    sand[25:35, 35:55] = np.nan
    synthetic.write_raster(landscape / "sand.tif", sand, grid)
    execute(open_site(landscape / "project.yml", {"sources.sand": "sand.tif"}))
    gaps = {gap["variable"]: gap["cells"] for gap in record.read(landscape / "out")["gaps"]}
    assert gaps["sand"] == 200
    assert "aspect" not in gaps


def test_quarters_add_up_to_years(landscape, grid, write_project):
    shares = (0.1, 0.2, 0.5, 0.2)
    for year in (2001, 2002, 2003):
        for quarter, share in enumerate(shares, 1):
            synthetic.write_raster(landscape / f"r_{year}_{quarter}.tif", np.full(grid.shape, 1000 * share, "f4"), grid)
    sources = yaml.safe_load((landscape / "project.yml").read_text())["sources"]
    del sources["annual_precipitation"]
    sources["erosivity"] = "r_{year}_{quarter}.tif"
    period = {"start": 2001, "end": 2003, "step": "quarter"}
    publish = {"folder": "out", "steps": ["year", "quarter"]}
    execute(open_site(write_project(landscape, sources=sources, period=period, publish=publish)))

    def read(name):
        with rasterio.open(landscape / "out" / name) as data:
            assert data.units[0] == ("t ha-1 quarter-1" if "Q" in name else "t ha-1 yr-1")
            return data.read(1)

    quarters = [read(f"soil_loss/2001-Q{q}.tif") for q in (1, 2, 3, 4)]
    np.testing.assert_allclose(np.sum(quarters, axis=0), read("soil_loss/2001.tif"), rtol=1e-5)
    with rasterio.open(landscape / "out/factors/erosivity.tif") as data:
        np.testing.assert_allclose(data.read(1), 1000, rtol=1e-6)


def test_plan_computes_nothing(landscape):
    assert [s.variable for s in sl.plan(landscape / "project.yml")][-1] == "land_cover"
    assert not (landscape / ".soilloss/steps").exists()


def test_progress_comes_to_its_end(landscape):
    seen = {}
    execute(
        open_site(landscape / "project.yml"), progress=lambda stage, done, total: seen.update({stage: (done, total)})
    )
    assert {"contributing_area", "maps", "report"} <= set(seen)
    assert all(done == total for stage, (done, total) in seen.items() if stage in ("maps", "report"))
