import json
import shutil

import numpy as np
import pytest
import rasterio

from soilloss.errors import ProjectError, SourceError
from soilloss.publish.rasters import raster_hash
from soilloss.workflow import record


def test_record_tells_what_was_done(finished):
    made = record.read(finished / "out")
    assert made["period"] == {"start": 2001, "end": 2003, "step": "year", "steps": ["2001", "2002", "2003"]}
    assert {i["variable"]: i["kind"] for i in made["inputs"]}["elevation"] == "raster"
    ndvi = next(i for i in made["inputs"] if i["variable"] == "ndvi")
    assert len(ndvi["sha256"]) == len(ndvi["path"]) == 3
    cover = next(s for s in made["plan"] if s["variable"] == "cover")
    assert (cover["method"], cover["cite"], cover["coefficients"]) == (
        "van_der_knijff_2000",
        "vanderknijff2000",
        {"alpha": 2.0, "beta": 1.0},
    )
    assert "exp" in cover["formula"]
    assert "wischmeier1978" in made["citations"] or "renard1997" in made["citations"]


def test_gaps_are_traced_to_the_input_that_caused_them(finished):
    gaps = {g["variable"]: g["cells"] for g in record.read(finished / "out")["gaps"]}
    assert gaps["ndvi"] == 12
    assert "cover" not in gaps


def test_raster_hashes_are_those_of_the_files(finished):
    for raster in record.read(finished / "out")["rasters"]:
        assert raster_hash(finished / "out" / raster["path"]) == raster["hash"]


def test_statistics_of_a_raster(finished):
    loss = next(r for r in record.read(finished / "out")["rasters"] if r["path"] == "soil_loss.tif")
    with rasterio.open(finished / "out/soil_loss.tif") as data:
        cells = data.read(1)
    assert loss["maximum"] == pytest.approx(np.nanmax(cells), rel=1e-6)
    assert loss["missing_cells"] == np.isnan(cells).sum() > 0
    assert sum(loss["histogram"]["counts"]) <= cells.size


def test_verify_proves_equality(finished):
    proofs = record.verify(finished / "out")
    assert all(p.equal for p in proofs)
    assert {"soil_loss.tif", "severity/2002.tif", "tables/zones.csv", "input ndvi"} <= {p.what for p in proofs}
    assert not list(finished.glob(".soilloss-verify-*"))


def test_verify_finds_a_record_that_does_not_hold(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    path = tmp_path / "copy/out/record.json"
    made = json.loads(path.read_text())
    made["rasters"][0]["hash"] = "0" * 64
    path.write_text(json.dumps(made))
    assert [p.what for p in record.verify(tmp_path / "copy/out") if not p.equal] == ["soil_loss.tif"]


def test_verify_refuses_changed_inputs(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "copy")
    shutil.copy(finished / "ndvi_2001.tif", tmp_path / "copy/ndvi_2003.tif")
    with pytest.raises(SourceError, match=r"ndvi.* has changed since the run"):
        record.verify(tmp_path / "copy/out")


def test_what_is_no_result(tmp_path):
    with pytest.raises(ProjectError, match=r"holds no record\.json"):
        record.read(tmp_path)
    (tmp_path / "record.json").write_text("{")
    with pytest.raises(ProjectError, match="is damaged"):
        record.read(tmp_path)
