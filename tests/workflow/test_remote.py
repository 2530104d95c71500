"""Blocks on a real cluster: a scheduler and two workers in processes of their own."""

import pickle
from pathlib import Path

import pytest

from soilloss.errors import ProjectError, SourceError
from soilloss.sources import synthetic
from soilloss.workflow import ledger, outputs, remote
from soilloss.workflow.record import read
from soilloss.workflow.run import execute, run
from soilloss.workflow.site import open_site
from soilloss.workflow.stored import Limits

SHAPE = (600, 1100)
COMPARED = ("rasters", "tables", "gaps", "clipped", "total")


@pytest.fixture
def wide(tmp_path, monkeypatch, write_landscape, write_project):
    """Six blocks of three years, their year maps and factors; a part of the run per year."""
    monkeypatch.setattr(outputs, "BLOCK_CELLS", 512 * 512)
    monkeypatch.setattr(ledger, "PART", 1.0)
    folder = tmp_path / "wide"
    write_landscape(folder, synthetic.small_grid(SHAPE), SHAPE)
    return write_project(folder, publish={"folder": "out", "factors": [2001]})


def found(file):
    made = read(file.parent / "out")
    return {name: made[name] for name in COMPARED}


@pytest.mark.timeout(180)
def test_a_cluster_that_loses_a_worker_gives_the_same_bits(wide, cluster):
    """One worker is killed while it has blocks to do."""
    distributed = pytest.importorskip("distributed")
    execute(open_site(wide, {"methods.topography.max_length": 120}))
    local = found(wide)
    assert len(local["rasters"]) > 8
    assert any(one["cells"] for one in local["clipped"])
    for left in (wide.parent / ".soilloss/years").glob("*/facts.json"):
        left.unlink()
    address, workers = cluster
    with distributed.Client(address, set_as_default=False) as client:
        client.wait_for_workers(2, timeout=30)
    stages = []

    def told(stage, done, total):
        if stage == "maps":
            stages.append(done)
            if done == total // 4:
                workers[0].kill()

    outcome = execute(
        open_site(wide, {"methods.topography.max_length": 120}), limits=Limits(4e9, address), progress=told
    )
    assert workers[0].poll() is not None
    assert workers[1].poll() is None
    assert stages == list(range(1, 19))
    assert found(wide) == local
    assert not any("year" in one for one in outcome.reused)
    assert not any(path.name.startswith("blocks-") for path in (wide.parent / "out").iterdir())


@pytest.mark.timeout(120)
def test_a_path_from_here_is_found_by_workers_elsewhere(wide, cluster, monkeypatch):
    monkeypatch.chdir(wide.parent)
    opened = run("project.yml", cluster=cluster[0], period={"start": 2001, "end": 2001})
    assert float(opened["soil_loss"].mean()) > 0
    opened.close()


@pytest.mark.timeout(120)
def test_an_error_of_a_worker_is_a_sentence(wide, cluster):
    sources = {"erosivity": 500.0, "erodibility": 0.03, "topography": 2.0, "practice": 1.0}
    overrides = {"sources": {**sources, "ndvi": "ndvi_{year}.tif"}, "grid.like": "ndvi", "zero_classes": []}
    site = open_site(wide, {**overrides, "period.end": 2001})
    (wide.parent / "ndvi_2001.tif").unlink()
    with pytest.raises(SourceError, match=r"ndvi_2001.tif cannot be opened as a raster"):
        outputs.Pass(site, wide.parent / "draft", None).run(1, lambda done, total: None, cluster[0])
    assert not [path for path in (wide.parent / "draft").rglob("*") if path.is_file()]


def test_a_worker_needs_the_same_folders_and_package(tmp_path):
    with pytest.raises(SourceError, match="a worker of the cluster does not see .*under the same paths"):
        remote._site(Path(tmp_path))
    (tmp_path / remote.SITE).write_bytes(pickle.dumps(("0.0", None, None)))
    with pytest.raises(ProjectError, match=r"a worker of the cluster has soilloss .*, this run 0.0; install the same"):
        remote._site(Path(tmp_path))
