"""Impossible numbers become missing."""

from __future__ import annotations

import numpy as np
import pytest

from soilloss.kernels.valid import not_negative


def test_negative_and_infinite_numbers_become_missing():
    np.testing.assert_array_equal(not_negative([1, -1, np.nan, np.inf, -np.inf, 0]), [1] + [np.nan] * 4 + [0])


@pytest.mark.parametrize(("given", "made"), [("f4", "f4"), ("f8", "f8"), ("u1", "f4"), ("i2", "f4"), ("i8", "f8")])
def test_float_types(given, made):
    assert not_negative(np.ones(2, given)).dtype == made


def test_sound_arrays_are_not_copied():
    for values in (np.array([0, 2, np.nan], "f4"), np.empty((0, 3)), np.array(5.0)):
        assert not_negative(values) is values
