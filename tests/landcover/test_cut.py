"""Cutting tiles from files: what is stored, that nothing leaks, what is refused."""

import numpy as np
import pytest

from soilloss.errors import DataError
from soilloss.landcover.cut import Cut, Labels, cut_tiles
from soilloss.landcover.images import grid_of_step, read_image
from soilloss.landcover.places import Place, window_of
from soilloss.landcover.tiles import NODATA, open_tiles
from soilloss.sources import files
from soilloss.sources.synthetic import write_raster

from .conftest import STEPS

SMALL = Cut(size=32, block=3, per_class=40, hold_out=(2020,), boundary=0.3)


@pytest.fixture(scope="module")
def grid(images):
    return grid_of_step(images, "2021-Q3")


@pytest.fixture(scope="module")
def made(tmp_path_factory, images, labels, grid):
    path = tmp_path_factory.mktemp("tiles") / "tiles.zarr"
    return path, cut_tiles(path, images, labels, grid, STEPS, SMALL)


def test_tiles_are_what_training_reads(made):
    tiles = open_tiles(made[0])
    count = sum(made[1]["tiles"].values())
    assert tiles.image.shape == (len(tiles.split), 8, 5, 32, 32)
    assert np.isin(tiles.split, ["train", "val", "test", ""]).all()
    assert count == (tiles.split != "").sum()
    assert tiles.quarters == STEPS
    np.testing.assert_array_equal(tiles.weight, [0, 0, 0, 0, 0.5, 1, 1, 0.5])
    np.testing.assert_array_equal(tiles.held_out, [True] * 4 + [False] * 4)
    assert abs(sum(made[1]["shares"]) - 1) < 1e-5


def test_cells_are_those_of_the_images_and_labels(made, images, grid, area):
    import json

    import zarr

    kept = json.loads(zarr.open_group(str(made[0]), mode="r").attrs["soilloss"])
    tiles = open_tiles(made[0])
    row, column, coarse = kept["places"][0]
    assert coarse == 1
    window = window_of(grid, Place(row, column), 32)
    expected = read_image(images, grid, "2021-Q2", window)
    got = np.asarray(tiles.image[0])[5]
    np.testing.assert_array_equal(got == NODATA, np.isnan(expected))
    np.testing.assert_allclose(got[got != NODATA] / 1e4, expected[~np.isnan(expected)], atol=6e-5)
    given = np.asarray(tiles.label[0])
    source = files.raster_source("land_cover", "labels_2021.tif", [], folder=area, legend="worldcover")
    raw = files.read_block(source, grid, "2021", window)
    assert (given[given > 0] == raw[given > 0]).all()
    assert 0 < (given == 0).mean() < 0.5


def test_moments_are_of_training_tiles_and_of_steps_that_are_seen(made):
    tiles = open_tiles(made[0])
    train = np.flatnonzero(tiles.split == "train")
    values = np.concatenate([np.asarray(tiles.image[int(n)])[4:] for n in train]).astype("f8")
    values[values == NODATA] = np.nan
    np.testing.assert_allclose(tiles.moments[0], np.nanmean(values, axis=(0, 2, 3)) / 1e4, rtol=1e-5)
    np.testing.assert_allclose(tiles.moments[1], np.nanstd(values, axis=(0, 2, 3)) / 1e4, rtol=1e-5)


def test_the_number_of_threads_changes_nothing(made, images, labels, grid, tmp_path):
    again = cut_tiles(tmp_path / "t.zarr", images, labels, grid, STEPS, SMALL, workers=1)
    assert again == made[1]
    one, other = open_tiles(made[0]), open_tiles(tmp_path / "t.zarr")
    np.testing.assert_array_equal(one.moments, other.moments)
    np.testing.assert_array_equal(one.label[:], other.label[:])


def test_coarse_pairs_have_labels_of_the_label_year_only(images, labels, grid, tmp_path):
    cut = SMALL._replace(coarse=2, block=4, hold_out=(), per_class=100)
    cut_tiles(tmp_path / "t.zarr", images, labels, grid, STEPS, cut)
    import json

    import zarr

    tiles = open_tiles(tmp_path / "t.zarr")
    kept = json.loads(zarr.open_group(str(tmp_path / "t.zarr"), mode="r").attrs["soilloss"])
    coarse = [n for n, (_, _, factor) in enumerate(kept["places"]) if factor == 2]
    for n in coarse:
        assert (np.asarray(tiles.image[n])[:4] == NODATA).all()
        assert (np.asarray(tiles.image[n])[4:] != NODATA).any()


def test_a_second_map_that_differs_leaves_nothing_to_learn(images, labels, grid, tmp_path, area):
    other = files.raster_source("land_cover", "labels_2021.tif", [], folder=area)  # other codes: agrees nowhere
    with pytest.raises(DataError, match="no tile has labels on half of its cells"):
        cut_tiles(tmp_path / "t.zarr", images, labels._replace(second=other), grid, STEPS, SMALL)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": 256}, "no tile of 256 x 256 cells lies inside"),
        ({"block": 50}, "expected at least 3"),
    ],
)
def test_sizes_that_do_not_fit(images, labels, grid, tmp_path, change, words):
    with pytest.raises(DataError, match=words):
        cut_tiles(tmp_path / "t.zarr", images, labels, grid, STEPS, SMALL._replace(**change))
    assert not list(tmp_path.iterdir())


def test_labels_of_another_legend(images, labels, grid, tmp_path, area):
    raw = Labels(files.raster_source("land_cover", "labels_2021.tif", [], folder=area), 2021)
    with pytest.raises(DataError, match=r"labels hold class \d+, expected 1 to 8; give their legend"):
        cut_tiles(tmp_path / "t.zarr", images, raw, grid, STEPS, SMALL)


def test_labels_on_another_grid_are_brought_onto_this_one(images, grid, tmp_path):
    coarse = grid.zoom_out(4)
    codes = np.tile(np.arange(1, 9, dtype="u1"), (coarse.shape[0], coarse.shape[1] // 8 + 1))[:, : coarse.shape[1]]
    write_raster(tmp_path / "l.tif", np.ascontiguousarray(codes), coarse, 0)
    source = files.raster_source("land_cover", "l.tif", [], folder=tmp_path)
    report = cut_tiles(tmp_path / "t.zarr", images, Labels(source, 2021), grid, STEPS, SMALL)
    assert sum(report["tiles"].values()) > 3
    assert not any("no pixel" in note for note in report["notes"])


def test_classes_without_a_pixel_are_told(images, grid, tmp_path):
    write_raster(tmp_path / "l.tif", np.full(grid.shape, 4, "u1"), grid, 0)
    source = files.raster_source("land_cover", "l.tif", [], folder=tmp_path)
    report = cut_tiles(tmp_path / "t.zarr", images, Labels(source, 2021), grid, STEPS, SMALL)
    assert "class forest has no pixel in the labels" in report["notes"]
