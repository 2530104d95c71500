"""Median and medoid against NumPy, for every number of observations."""

import numpy as np
import pytest

from soilloss.kernels.composite import MISSING, median, medoid


def run(values):
    out, count = np.empty(values.shape[1], "i2"), np.empty(values.shape[1], "u2")
    median(values, out, count)
    return out, count


@pytest.mark.parametrize("steps", [1, 2, 3, 4, 5, 8, 13, 31, 64, 100])
def test_median(steps):
    random = np.random.default_rng(steps)
    values = random.integers(-20, 9000, (steps, 700)).astype("i2")
    values[random.random(values.shape) < 0.4] = MISSING
    out, count = run(values)
    real = np.where(values == MISSING, np.nan, values.astype(float))
    known = ~np.isnan(real).all(0)
    np.testing.assert_array_equal(count, (values != MISSING).sum(0))
    np.testing.assert_array_equal(out[known], np.floor(np.nanmedian(real[:, known], axis=0) + 0.5))
    assert (out[~known] == MISSING).all()


def test_the_largest_values_are_not_taken_for_missing():
    out, count = run(np.array([[32767, MISSING], [32767, MISSING], [10, MISSING]], "i2"))
    assert out.tolist() == [32767, MISSING]
    assert count.tolist() == [3, 0]


def test_medoid_is_the_observation_nearest_to_all_others():
    random = np.random.default_rng(2)
    values = random.integers(0, 9000, (9, 3, 60)).astype("i2")
    values[5] = values[3]  # equal observations: the earliest counts
    values[2, 1, :20] = MISSING  # one band missing: the observation does not count
    values[:, :, 59] = MISSING
    out, count = np.empty((3, 60), "i2"), np.empty(60, "u2")
    medoid(values, out, count)
    for cell in range(60):
        whole = values[(values[:, :, cell] != MISSING).all(1), :, cell].astype(float)
        assert count[cell] == len(whole)
        if not len(whole):
            assert (out[:, cell] == MISSING).all()
            continue
        distances = np.sqrt(((whole[:, None] - whole[None]) ** 2).sum(-1)).sum(1)
        np.testing.assert_array_equal(out[:, cell], whole[np.argmin(np.round(distances, 6))])
