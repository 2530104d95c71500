import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from soilloss.analysis import hot_spots
from soilloss.analysis.change import top_fraction
from soilloss.errors import DataError

VALUES = [[3.28, 1.61, 1.8, 0.24], [16.44, 8.53, 1.96, 5.89], [3.6, 1.56, 7.23, 1.99]]
# esda 2.9.0: G_Local(values, lat2W(3, 4, rook=False), transform="B", star=True, permutations=0).Zs
BY_ESDA = [
    *(1.597602, 0.835545, -0.89673, -1.102323, 1.013999, 0.796645),
    *(-1.440584, -1.013999, 1.634106, 1.562107, 0.012109, -0.131594),
]


def queen(rows, columns):
    """Neighbours of a lattice as a matrix of ones, without the cells themselves."""
    y, x = (a.ravel() for a in np.indices((rows, columns)))
    near = (abs(y[:, None] - y) <= 1) & (abs(x[:, None] - x) <= 1)
    return (near & ~np.eye(len(y), dtype=bool)).astype(float)


def test_gi_star_is_that_of_esda_on_rasters_and_districts():
    np.testing.assert_allclose(hot_spots.getis_ord(VALUES)["z"].ravel(), BY_ESDA, atol=1e-6)
    districts = hot_spots.getis_ord(np.ravel(VALUES), weights=queen(3, 4))
    np.testing.assert_allclose(districts["z"], BY_ESDA, atol=1e-6)


def test_gi_star_of_a_larger_lattice_is_that_of_esda():
    esda = pytest.importorskip("esda", reason="the stats extra is not installed")
    from libpysal.weights import lat2W

    values = np.random.default_rng(4).lognormal(1, 1, (20, 25))
    theirs = esda.G_Local(values.ravel(), lat2W(20, 25, rook=False), transform="B", star=True, permutations=0).Zs
    np.testing.assert_allclose(hot_spots.getis_ord(values)["z"].ravel(), theirs, atol=1e-10)


def test_a_heap_of_high_values_is_hot_and_missing_cells_have_no_part():
    values = np.ones((20, 20)) + np.random.default_rng(1).uniform(0, 0.1, (20, 20))
    values[5:8, 5:8] = 10
    values[0, 0] = np.nan
    found = hot_spots.getis_ord(xr.DataArray(values, dims=("y", "x")), false_discovery_rate=True)
    assert (found["cluster"][5:8, 5:8] == 1).all()
    assert int((found["cluster"] == 1).sum()) <= 25
    assert np.isnan(found["z"][0, 0])
    assert (hot_spots.getis_ord(np.ones((4, 4)))["z"] == 0).all()


@pytest.mark.parametrize(
    ("values", "weights", "sentence"),
    [
        ([[1.0, np.nan]], None, "there are 1 values, expected 3 or more"),
        ([1.0, 2, 3], None, "a raster has two dimensions, got 1"),
        ([1.0, 2, 3], np.eye(2), r"the weights are \(2, 2\) for 3 units"),
    ],
)
def test_what_does_not_fit_is_a_sentence(values, weights, sentence):
    with pytest.raises(DataError, match=sentence):
        hot_spots.getis_ord(values, weights=weights)


def found_threshold(values, fraction, area=900.0):
    """The threshold as the sweep finds it, from counts of the two halves of the bits."""
    codes, size = hot_spots.coarse_code(values), 1 << 16
    coarse = np.bincount(codes, np.full(len(values), area), size)
    at, _ = hot_spots.crossing(coarse, fraction * coarse.sum())
    inner = hot_spots.fine_code(values[codes == at])
    counts = np.bincount(inner, minlength=size)
    return hot_spots.threshold(coarse, counts * area, counts, fraction)


@settings(deadline=None)
@given(
    st.lists(st.sampled_from([0, 1e-6, 1, 1.00001, 1.0001, 2, 3, 50.5, 50.6, 7e3]), min_size=1, max_size=60),
    st.sampled_from([0.1, 0.25, 0.33, 0.5, 0.9]),
)
def test_the_threshold_marks_the_cells_that_sorting_marks(values, fraction):
    cells = np.array(values, np.float32)
    assert ((cells >= found_threshold(cells, fraction)) == top_fraction(cells, fraction)).all()


def test_the_threshold_of_many_different_values():
    cells = np.random.default_rng(0).lognormal(2, 2, 10_001).astype("f4")
    assert (cells >= found_threshold(cells, 0.1)).sum() == 1000
