"""Scores of series against cases that can be counted by hand."""

import numpy as np
import pytest

from soilloss.analysis import series_accuracy as sa
from soilloss.errors import DataError


def test_changes_within_the_tolerance():
    truth = np.array([[1] * 10, [1] * 5 + [4] * 5, [1] * 8 + [3] * 2]).T
    found = np.array([[1] * 9 + [2], [1] * 7 + [4] * 3, [1] * 10]).T
    scores = sa.change_scores(truth, found)
    assert scores == {"changes": 2, "recall": 0.5, "precision": 0.5, "f1": 0.5}
    assert sa.change_scores(truth, found, tolerance=1)["recall"] == 0
    assert sa.change_scores(truth, truth)["f1"] == 1


def test_a_change_beside_a_gap_is_not_judged():
    truth, found = np.array([[1], [1], [4], [4]]), np.array([[1], [0], [4], [4]])
    assert sa.change_scores(truth, found)["changes"] == 0
    assert np.isnan(sa.change_scores(truth, found)["f1"])


def test_restlessness():
    series = np.array([[1, 1, 2, 1, 1, 1], [1, 1, 1, 4, 4, 4], [1, 2, 2, 2, 2, 1], [0, 0, 0, 0, 0, 0]]).T
    found = sa.restlessness(series)
    assert found["flips"] == pytest.approx(100 * 5 / 15)
    assert found["consistent"] == pytest.approx(2 / 3)  # the third returns after five steps


def test_calibration_by_hand():
    error, table = sa.calibration([0.95, 0.85, 0.85, 0.2, np.nan], [True, True, False, False, True])
    assert table["n"].tolist() == [1, 2, 1]
    assert error == pytest.approx((0.05 + 2 * 0.35 + 0.2) / 4)
    assert np.isnan(sa.calibration([], [])[0])


def test_shapes_must_fit():
    with pytest.raises(DataError, match="one of each"):
        sa.change_scores(np.ones((3, 2)), np.ones((3, 3)))
