"""Moran's I of the printed grid, against esda where it is installed, and pair classes."""

import sys

import numpy as np
import pytest
import xarray as xr

from soilloss.analysis import bivariate
from soilloss.errors import DataError, MissingExtraError

X = np.arange(1, 10.0).reshape(3, 3)
Y = np.array([[2, 1, 4], [3, 6, 5], [8, 9, 7.0]])
LOCAL = [1.8, 0.45, 0.6, -0.05, 0, 0.1, 0.3, 0.9, 1.2]


def test_the_grid_of_three():
    assert bivariate.morans_i(X, Y, neighbours="rook")["i"] == pytest.approx(0.588889, abs=1e-6)
    assert bivariate.morans_i(X, neighbours="rook")["i"] == pytest.approx(0.555556, abs=1e-6)
    local = bivariate.local_morans_i(X, Y, neighbours="rook", permutations=9)
    np.testing.assert_allclose(local["i"].reshape(-1), LOCAL, atol=1e-6)
    assert local["i"].mean() == pytest.approx(0.588889, abs=1e-6)
    assert local["quadrant"].tolist() == [[3, 3, 3], [2, 3, 1], [1, 1, 1]]


def test_a_patch_is_significant_and_noise_is_not():
    random = np.random.default_rng(1)
    noise = random.random((12, 12))
    patch = noise.copy()
    patch[2:6, 2:6] += 3
    assert bivariate.morans_i(patch, permutations=99)["p_value"] == 0.01
    assert bivariate.morans_i(patch, permutations=99)["z"] > 5
    assert bivariate.morans_i(noise, permutations=99)["p_value"] > 0.05
    local = bivariate.local_morans_i(patch, permutations=99)
    assert np.all(local["cluster"][3:5, 3:5] == 1)
    strict = bivariate.local_morans_i(patch, permutations=99, false_discovery_rate=True)
    assert set(np.flatnonzero(strict["cluster"])) < set(np.flatnonzero(local["cluster"]))


def test_missing_cells_and_isolates():
    values = np.random.default_rng(2).random((6, 6))
    values[1, :3] = values[0, 2] = np.nan
    values[0, 0], values[0, 1] = 5, np.nan
    local = bivariate.local_morans_i(values, neighbours="rook", permutations=9)
    assert np.isnan(local["i"][0, 0])  # valid, but without neighbours
    assert np.isnan(local["cluster"][1, 1])
    assert np.isfinite(local["i"][4, 4])
    assert bivariate.morans_i(values, permutations=0)["n"] == np.isfinite(values).sum()


def test_a_constant_has_no_answer():
    assert np.isnan(bivariate.morans_i(np.ones((3, 3)), permutations=9)["i"])
    assert np.isnan(bivariate.local_morans_i(np.ones((3, 3)), permutations=9)["p_value"]).all()


def test_dataarrays_keep_their_place():
    data = xr.DataArray(X, dims=("y", "x"), coords={"x": [1, 2, 3]}, attrs={"units": "t ha-1"})
    local = bivariate.local_morans_i(data, permutations=9)
    assert local["cluster"].attrs["flag_meanings"] == "none high-high low-high low-low high-low"
    assert local["i"].attrs["units"] == "1"
    assert local["x"].to_numpy().tolist() == [1, 2, 3]


def test_the_raster_form_equals_esda():
    pytest.importorskip("esda", reason="soilloss[stats] is not installed")
    libpysal = pytest.importorskip("libpysal")
    random = np.random.default_rng(3)
    x, y = random.random((2, 7, 8))
    weights = libpysal.weights.lat2W(7, 8, rook=False)
    for other in (None, y):
        flat = None if other is None else other.reshape(-1)
        ours = bivariate.morans_i(x, other, permutations=0)["i"]
        theirs = bivariate.morans_i(x.reshape(-1), flat, weights=weights, permutations=99)
        assert ours == pytest.approx(theirs["i"])
        mine = bivariate.local_morans_i(x, other, permutations=1999)
        esdas = bivariate.local_morans_i(x.reshape(-1), flat, weights=weights, permutations=1999)
        np.testing.assert_allclose(mine["i"].reshape(-1), esdas["i"], atol=1e-6)
        np.testing.assert_array_equal(mine["quadrant"].reshape(-1), esdas["quadrant"])
        np.testing.assert_allclose(mine["p_value"].reshape(-1), esdas["p_value"], atol=0.05)


def test_districts_without_esda(monkeypatch):
    monkeypatch.setitem(sys.modules, "esda", None)
    for function in (bivariate.morans_i, bivariate.local_morans_i):
        with pytest.raises(MissingExtraError, match=r"needs esda: pip install 'soilloss\[stats\]'"):
            function([1, 2], weights=object())


def test_choropleth_of_terciles():
    a = xr.DataArray(np.append(np.arange(9.0), np.nan), dims="x")
    b = np.append(np.arange(9.0)[::-1], np.nan)
    codes = bivariate.choropleth(a, b)
    assert codes[:9].to_numpy().tolist() == [2, 2, 2, 4, 4, 4, 6, 6, 6]
    assert np.isnan(codes[9])
    assert np.isnan(bivariate.choropleth([np.nan], [np.nan])).all()


def test_mistakes():
    with pytest.raises(DataError, match="a change is 2, expected -1"):
        bivariate.choropleth([2], [1], kind="change")
    with pytest.raises(DataError, match="bring both to the same grid"):
        bivariate.choropleth([2, 1], [1])
    with pytest.raises(DataError, match="bring both to the same grid"):
        bivariate.morans_i(X, Y[:2])
    with pytest.raises(DataError, match="a raster has two dimensions, got 1"):
        bivariate.morans_i([1.0, 2, 4])
