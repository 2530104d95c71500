"""The kernels are tested against brute force in tests/landcover/test_smooth.py; here what only they can show."""

import numpy as np

from soilloss.kernels import hidden_markov


def test_long_series_neither_vanish_nor_overflow():
    """A thousand steps of evidence one in a million, in float32."""
    steps, cells = 1000, 3
    labels = np.ones((steps, cells), np.uint8)
    emission = np.full((1, 2, 3), 1e-6, np.float32)
    emission[0, 0, 1] = 2e-6
    transition = np.array([[0.99, 0.01], [0.01, 0.99]], np.float32)
    best, outlook = np.empty_like(labels), np.empty((2, steps, cells), np.float32)
    posterior = np.empty((steps, 2, 0), np.float32)
    prior = np.array([0.5, 0.5], np.float32)
    season = np.zeros(steps, np.int64)
    hidden_markov.smooth_labels(labels, season, emission, transition, prior, best, outlook, posterior)
    assert (best == 1).all()
    assert np.isfinite(outlook).all()
    assert (outlook[0] > 0.9).all()


def test_more_cells_than_lanes():
    cells = 2 * hidden_markov.LANES + 5
    labels = (np.arange(cells) % 3).astype(np.uint8)[None].repeat(4, axis=0)
    emission = np.log(np.array([[[1, 0.9, 0.1], [1, 0.1, 0.9]]], np.float32))
    transition = np.log(np.array([[0.9, 0.1], [0.1, 0.9]], np.float32))
    path = np.empty_like(labels)
    hidden_markov.viterbi(labels, np.zeros(4, np.int64), emission, transition, transition[0], path)
    np.testing.assert_array_equal(path, labels)
