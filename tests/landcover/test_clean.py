"""Labels fit to learn from."""

import numpy as np

from soilloss.landcover import clean
from soilloss.landcover.tiles import NODATA


def test_edges_are_ignored_in_all_four_directions():
    labels = np.full((5, 5), 3, "u1")
    labels[2, 2] = 1
    out = clean.without_edges(labels, 1.0, np.random.default_rng(0))
    assert out.tolist() == [[3] * 5, [3, 3, 0, 3, 3], [3, 0, 0, 0, 3], [3, 3, 0, 3, 3], [3] * 5]
    kept = clean.without_edges(np.indices((200, 200)).sum(0) % 2 + 1, 0.5, np.random.default_rng(0))
    assert 0.48 < (kept == 0).mean() < 0.52


def test_purity_of_coarse_cells():
    labels = np.array([[1] * 3, [1] * 3, [2] * 3], "u1")
    assert clean.purest(labels, 3, 0.6).tolist() == [[1]]
    assert clean.purest(labels, 3, 0.7).tolist() == [[0]]
    assert clean.purest(np.zeros((3, 3), "u1"), 3, 0.6).tolist() == [[0]]


def test_averages_are_missing_where_a_cell_is():
    values = np.arange(8, dtype="f4").reshape(1, 2, 4)
    values[0, 0, 3] = np.nan
    np.testing.assert_array_equal(clean.averaged(values, 2), [[[2.5, np.nan]]])


def test_sums_of_spectra():
    images = np.array([[[[100, 200, NODATA]], [[10, 20, NODATA]]]], np.int16)
    found = clean.spectra_by_class(images, np.array([[1, 1, 1]], "u1"))
    assert found[1].tolist() == [2, 300, 30]
    assert found.sum() == 332
