"""The order of bytes in a Cloud-Optimized GeoTIFF, and the halving that makes overviews."""

from __future__ import annotations

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rasterio.enums import Resampling
from rasterio.windows import Window
from rio_cogeo import cog_validate

from soilloss.grid.target import make_grid
from soilloss.publish import cog

GRID = make_grid((0, 0, 1500, 1201), "EPSG:32635", 1)


@pytest.fixture
def tiff(tmp_path):
    path = tmp_path / "full.tif"
    values = np.random.default_rng(3).normal(size=GRID.shape).astype("f4")
    values[:100] = np.nan
    profile = {"height": 1201, "width": 1500, "count": 1, "dtype": "float32", "nodata": np.nan}
    place = {"crs": "EPSG:32635", "transform": GRID.affine}
    tiles = {"tiled": True, "blockxsize": 512, "blockysize": 512, "compress": "zstd", "predictor": 3}
    with rasterio.open(path, "w", driver="GTiff", **profile, **place, **tiles) as dataset:
        dataset.write(values, 1)
    return path, values


@pytest.mark.parametrize("largest", [cog.LARGEST_CLASSIC, 0])
def test_overviews_are_averages_and_the_order_is_valid_in_both_kinds_of_tiff(tiff, monkeypatch, largest):
    path, values = tiff
    monkeypatch.setattr(cog, "LARGEST_CLASSIC", largest)
    cog.add_overviews(path)
    assert path.read_bytes()[2] == (42 if largest else 43)
    assert cog_validate(path, quiet=True)[:2] == (True, [])
    with rasterio.open(path) as dataset:
        assert dataset.overviews(1) == [2, 4]
        assert np.array_equal(dataset.read(1), values, equal_nan=True)
    with rasterio.open(path, overview_level=0) as half:
        assert half.shape == (601, 750)
        expected = values[:1200].reshape(600, 2, 750, 2).mean(axis=(1, 3))
        assert np.allclose(half.read(1)[:600], expected, atol=1e-6, equal_nan=True)
    assert [p.name for p in path.parent.iterdir()] == ["full.tif"]


def test_our_averages_agree_with_gdal(tiff):
    path, _ = tiff
    with rasterio.open(path) as dataset:
        even = Window(0, 0, 1500, 1200)
        gdal = dataset.read(1, window=even, out_shape=(600, 750), resampling=Resampling.average)
        ours = cog.halve(dataset.read(window=even))[0]
    assert np.allclose(gdal, ours, atol=1e-5, equal_nan=True)


@given(arrays("f4", (1, 6, 7), elements=st.floats(-100, 100, width=32) | st.just(np.nan)))
def test_half_lies_between_the_cells_it_stands_for(cells):
    half = cog.halve(cells)
    assert half.shape == (1, 3, 4)
    padded = np.pad(cells, [(0, 0), (0, 0), (0, 1)], constant_values=np.nan).reshape(3, 2, 4, 2)
    known = ~np.isnan(padded).all(axis=(1, 3))
    assert np.array_equal(known, ~np.isnan(half[0]))
    low = np.where(np.isnan(padded), np.inf, padded).min(axis=(1, 3))
    high = np.where(np.isnan(padded), -np.inf, padded).max(axis=(1, 3))
    slack = 1e-4
    assert (half[0][known] >= low[known] - slack).all()
    assert (half[0][known] <= high[known] + slack).all()


@given(arrays("u1", (1, 4, 4), elements=st.integers(0, 3)))
def test_the_class_of_a_half_is_most_frequent_among_those_present(cells):
    half = cog.halve(cells)[0]
    for (row, column), chosen in np.ndenumerate(half):
        four = cells[0, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2].ravel()
        counts = np.bincount(four[four > 0], minlength=4)
        assert chosen == 0 if not counts.any() else counts[chosen] == counts.max()
