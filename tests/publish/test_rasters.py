"""Drafts: valid Cloud-Optimized GeoTIFFs whose hash does not depend on how they were written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import rasterio
from affine import Affine
from rasterio.shutil import copy
from rio_cogeo import cog_validate

from soilloss.errors import GridError
from soilloss.grid.blocks import windows
from soilloss.grid.target import make_grid
from soilloss.publish.rasters import Draft, raster_hash

GRID = make_grid((0, 0, 1300 * 30, 1100 * 30), "EPSG:32635", 30)
TAGS = {"unit": "t ha-1 yr-1", "long_name": "soil loss", "method": "rusle", "citation": "renard1997"}


@pytest.fixture(scope="module")
def cells():
    values = np.random.default_rng(5).gamma(1, 10, GRID.shape).astype("f4")
    values[:600, :700] = np.nan
    return values


def publish(path, cells, *, size=512, workers=4, overviews=False, dtype="float32", nodata=np.nan, **options):
    with Draft(path, GRID, dtype=dtype, nodata=nodata, tags=TAGS, **options) as draft:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(lambda window: draft.write(window, cells[(..., *window)]), windows(GRID.shape, size)))
        draft.finish(overviews)
    return draft


@pytest.mark.parametrize("overviews", [False, True])
def test_is_a_valid_cog_with_its_cells_and_words(tmp_path, cells, overviews):
    path = tmp_path / "soil_loss.tif"
    draft = publish(path, cells, overviews=overviews)
    valid, errors, _ = cog_validate(path, quiet=True)
    assert valid, errors
    with rasterio.open(path) as dataset:
        assert np.array_equal(dataset.read(1), cells, equal_nan=True)
        assert dataset.crs.to_epsg() == 32635
        assert dataset.transform == GRID.affine
        assert dataset.units == ("t ha-1 yr-1",)
        assert dataset.descriptions == ("soil loss",)
        assert dataset.tags()["citation"] == "renard1997"
        assert np.isnan(dataset.nodata)
        assert bool(dataset.overviews(1)) is overviews
    assert draft.hash == raster_hash(path)
    assert [p.name for p in tmp_path.iterdir()] == ["soil_loss.tif"]


def test_hash_is_the_same_for_any_cut_any_thread_count_and_any_compression(tmp_path, cells):
    hashes = {
        publish(tmp_path / f"{size}{workers}.tif", cells, size=size, workers=workers).hash
        for size, workers in [(512, 1), (512, 4), (1024, 2), ((512, 2048), 3), (4096, 1)]
    }
    copy(tmp_path / "5121.tif", tmp_path / "other.tif", driver="GTiff", compress="deflate", blockxsize=256, tiled=True)
    assert hashes == {raster_hash(tmp_path / "other.tif")}


def test_hash_sees_one_changed_cell_and_a_moved_grid(tmp_path, cells):
    first = publish(tmp_path / "a.tif", cells).hash
    changed = cells.copy()
    changed[1099, 1299] += 1e-3
    assert publish(tmp_path / "b.tif", changed).hash != first
    with rasterio.open(tmp_path / "a.tif", "r+") as dataset:
        dataset.transform = Affine(30, 0, 30, 0, -30, 33000)
    assert raster_hash(tmp_path / "a.tif") != first


def test_classes_have_colours_names_and_missing_zero(tmp_path, cells):
    grades = np.where(np.isnan(cells), np.nan, np.minimum(cells // 10, 2) + 1)
    path = tmp_path / "severity.tif"
    colours, names = ["#ffffcc", "#fd8d3c", "#800026"], ["slight", "moderate", "severe <&>"]
    publish(path, grades, dtype="uint8", nodata=0, colours=colours, categories=names, overviews=True)
    assert cog_validate(path, quiet=True)[0]
    with rasterio.open(path) as dataset:
        read = dataset.read(1)
        assert dataset.colormap(1)[2] == (253, 141, 60, 255)
        assert dataset.nodata == 0
        coarse = dataset.read(1, out_shape=(550, 650))
    assert np.array_equal(read, np.nan_to_num(grades))
    assert set(np.unique(coarse)) == {0, 1, 2, 3}
    assert "<Category>severe &lt;&amp;&gt;</Category>" in (tmp_path / "severity.tif.aux.xml").read_text()


def test_several_bands(tmp_path, cells):
    path = tmp_path / "trend.tif"
    both = np.stack([cells, cells * 2])
    draft = publish(path, both, bands=["slope", "p_value"], overviews=True)
    assert cog_validate(path, quiet=True)[0]
    with rasterio.open(path) as dataset:
        assert dataset.descriptions == ("slope", "p_value")
        assert np.array_equal(dataset.read(), both, equal_nan=True)
    assert draft.hash == raster_hash(path)


def test_what_nobody_wrote_is_missing(tmp_path):
    path = tmp_path / "gap.tif"
    with Draft(path, GRID, dtype="float32", nodata=np.nan, tags=TAGS) as draft:
        draft.write((slice(0, 512), slice(0, 512)), np.ones((512, 512), "f4"))
        draft.finish(True)
    with rasterio.open(path) as dataset:
        assert np.isnan(dataset.read(1)).sum() == 1300 * 1100 - 512 * 512
    assert draft.hash == raster_hash(path)
    assert cog_validate(path, quiet=True)[0]


def test_an_interruption_leaves_the_former_result(tmp_path, cells):
    path = tmp_path / "soil_loss.tif"
    former = publish(path, cells).hash

    def interrupted():
        with Draft(path, GRID, dtype="float32", nodata=np.nan, tags=TAGS) as draft:
            draft.write((slice(0, 512), slice(0, 512)), np.zeros((512, 512), "f4"))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [p.name for p in tmp_path.iterdir()] == ["soil_loss.tif"]
    assert raster_hash(path) == former


def test_a_window_that_cuts_a_tile_is_refused(tmp_path):
    with Draft(tmp_path / "x.tif", GRID, dtype="float32", nodata=np.nan, tags=TAGS) as draft:
        with pytest.raises(GridError, match="multiples of 512"):
            draft.write((slice(0, 500), slice(0, 512)), np.zeros((500, 512), "f4"))
        draft.discard()
    assert list(tmp_path.iterdir()) == []
