"""The pass strip by strip, with codes and coarse rasters, against the equations block by block."""

import json

import numpy as np
import pytest
import rasterio
import yaml
from rasterio.transform import from_origin

from soilloss.grid.blocks import windows
from soilloss.grid.target import cell_size
from soilloss.sources import files, synthetic
from soilloss.workflow import block, place
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site

SHAPE = (60, 80)
STEPS = [(year, quarter) for year in (2001, 2002) for quarter in (1, 2, 3, 4)]


@pytest.fixture(params=["table", "ndvi", "both"])
def quarters(request, tmp_path, grid):
    """Two years of quarters: land cover or NDVI as codes, coarse rain in degrees, gaps in all of them."""
    random = np.random.default_rng(8)
    west, south, east, north = grid.extent.to_crs("EPSG:4326").boundingbox
    for year, quarter in STEPS:
        cover = random.integers(1, 8, SHAPE).astype("u1")
        cover[:3, :quarter] = 0
        synthetic.write_raster(tmp_path / f"cover_{year}_{quarter}.tif", cover, grid, nodata=0)
        ndvi = random.integers(-2000, 9000, SHAPE).astype("i2")
        ndvi[-2:, : year - 1998] = -32768
        synthetic.write_raster(tmp_path / f"ndvi_{year}_{quarter}.tif", ndvi, grid, nodata=-32768)
        rain = random.gamma(4, 100, (4, 4)).astype("f4")
        rain[0, 0] = np.nan if quarter == 3 else rain[0, 0]
        profile = {"driver": "GTiff", "width": 4, "height": 4, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
        step = (east - west) / 3, (north - south) / 3
        at = from_origin(west - step[0] / 2, north + step[1] / 2, *step)
        with rasterio.open(tmp_path / f"rain_{year}_{quarter}.tif", "w", transform=at, **profile) as out:
            out.write(rain, 1)
    topography = random.uniform(0, 20, SHAPE).astype("f4")
    topography[30:33, 40:44] = np.nan
    synthetic.write_raster(tmp_path / "topography.tif", topography, grid)
    table = {"forest": 0.003, "cropland": 0.3, "bare": 0.7, "water": 0, "grassland": 0.05, "shrubland": 0.02}
    by = {
        "table": {"cover": {"name": "lookup", "table": table}},
        "ndvi": {"cover": "van_der_knijff_2000"},
        "both": {"cover": "mee_2021", "fractional_cover": "fractional_cover"},
    }[request.param]
    project = {
        "grid": {"like": "topography"},
        "period": {"start": 2001, "end": 2002, "step": "quarter", "min_valid": 0.5},
        "sources": {
            "topography": "topography.tif",
            "erodibility": 0.03,
            "practice": 1.0,
            "bare_ndvi": 0.05,
            "full_ndvi": 0.8,
            "erosivity": "rain_{year}_{quarter}.tif",
            "land_cover": "cover_{year}_{quarter}.tif",
            "ndvi": {"file": "ndvi_{year}_{quarter}.tif", "scale": 0.0001},
        },
        "methods": by,
        "zero_classes": ["water"],
        "publish": {"folder": "out", "steps": ["year", "quarter"], "factors": [2002]},
    }
    (tmp_path / "project.yml").write_text(yaml.safe_dump(project))
    return tmp_path


def read(path):
    with rasterio.open(path) as data:
        return data.read(1)


def whole(site):
    """Soil loss of every quarter by `evaluate`, which knows neither codes nor strips."""
    want = ["soil_loss", "land_cover"]
    size = cell_size(site.grid)
    work = block.make_work(site.steps, want, site.read, site.shape, size, site.project.steps, site.changing)
    (window,) = windows(site.shape, 4096)
    with files.environment():
        for label, values in block.evaluate(work, window):
            yield label, np.where(values["land_cover"] == 7, np.float32(0), values["soil_loss"])


@pytest.mark.parametrize("cells", [100, 1 << 16])
def test_strips_give_the_bits_of_whole_blocks(quarters, monkeypatch, cells):
    monkeypatch.setattr(block, "STRIP_CELLS", cells)
    site = open_site(quarters / "project.yml")
    execute(site, workers=1)
    years = {"2001": [], "2002": []}
    for label, loss in whole(site):
        np.testing.assert_array_equal(read(quarters / f"out/soil_loss/{label}.tif"), loss)
        years[label[:4]].append(loss.astype("f8"))
    made = [np.add.reduce(quarter).astype("f4") for quarter in years.values()]
    for year, expected in zip(years, made, strict=True):
        np.testing.assert_array_equal(read(quarters / f"out/soil_loss/{year}.tif"), expected)
    known = ~np.isnan(made)
    mean = np.where(known, made, 0).astype("f8").sum(0) / np.maximum(known.sum(0), 1)
    np.testing.assert_array_equal(
        read(quarters / "out/soil_loss.tif"), np.where(known.any(0), mean, np.nan).astype("f4")
    )


def test_gaps_clips_and_sums_do_not_depend_on_strips_or_memory(quarters, monkeypatch):
    kept = []
    for cells, opened in ((1 << 16, 256e6), (100, 1.0)):
        monkeypatch.setattr(block, "STRIP_CELLS", cells)
        monkeypatch.setattr(place, "OPENED", opened)
        execute(open_site(quarters / "project.yml"), workers=1)
        record = json.loads((quarters / "out/record.json").read_text())
        kept.append([record[name] for name in ("gaps", "clipped", "tables", "rasters", "total")])
        assert record["gaps"]
    assert kept[0] == kept[1]


def test_quarters_that_are_not_published_have_totals_and_no_grades(quarters):
    execute(open_site(quarters / "project.yml", {"publish.steps": ["year"]}), workers=1)
    table = (quarters / "out/tables/summary.csv").read_text().splitlines()
    steps = [line.split(",")[0] for line in table[1:]]
    assert steps[:3] == ["mean", "2001", "2002"]
    assert steps[3:] == [f"{year}-Q{quarter}" for year, quarter in STEPS]
    rows = {line.split(",")[0]: [float(cell) for cell in line.split(",")[1:]] for line in table[1:]}
    for label, loss in whole(open_site(quarters / "project.yml")):
        mean, total, area, missing = rows[label]
        assert total == pytest.approx(np.nansum(loss.astype("f8")) * area / np.isfinite(loss).sum(), rel=1e-6)
        assert mean == pytest.approx(np.nanmean(loss.astype("f8")), rel=1e-6)
        assert missing / (area + missing) == pytest.approx(np.isnan(loss).mean(), rel=1e-9)
    assert "Q1" not in (quarters / "out/tables/severity.csv").read_text()
