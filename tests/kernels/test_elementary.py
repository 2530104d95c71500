import numpy as np
import pytest
from numba import njit

from soilloss.kernels import elementary


@njit(error_model="numpy")
def _all(x, logs, powers, less_one, sines, cosines, angles):
    for i in range(x.size):
        logs[i] = elementary.log2(x[i], 1 - x[i])
        powers[i], less_one[i] = elementary.exp2(x[i]), elementary.exp2m1(x[i])
        sines[i], cosines[i] = elementary.sine_cosine(x[i])
        angles[i] = elementary.angle_of(x[i], 1.0)


def values(x):
    x = np.asarray(x, float)
    out = [np.empty(x.size) for _ in range(6)]
    _all(x, *out)
    return out


RNG = np.random.default_rng(3)
SPREAD = np.concatenate([[1.0, 0.5, 2**0.5, 2**-0.5], RNG.uniform(0, 8, 3000), 10 ** RNG.uniform(-250, 250, 3000)])


def test_numbers_are_those_of_the_maths_library():
    logs, *_, angles = values(SPREAD)
    np.testing.assert_allclose(logs, np.log2(SPREAD), rtol=1e-14, atol=1e-300)
    np.testing.assert_allclose(angles, np.arctan(SPREAD), rtol=1e-14)
    y = np.concatenate([RNG.uniform(-60, 60, 3000), RNG.choice([-1, 1], 3000) * 10 ** RNG.uniform(-300, 0, 3000)])
    np.testing.assert_allclose(values(y)[1], np.exp2(y), rtol=1e-14)
    np.testing.assert_allclose(values(y)[2], np.expm1(y * np.log(2)), rtol=1e-14)


def test_sines_and_cosines_of_all_quadrants_lose_their_sign():
    angles = np.concatenate([[0, np.pi / 4, np.pi / 2, np.pi], RNG.uniform(-10, 10, 3000)])
    *_, sines, cosines, _ = values(angles)
    np.testing.assert_allclose(sines, abs(np.sin(angles)), rtol=1e-14, atol=1e-15)
    np.testing.assert_allclose(cosines, abs(np.cos(angles)), rtol=1e-14, atol=1e-15)


@pytest.mark.parametrize("small", [1e-3, 1e-9, 1e-15])
def test_logarithm_beside_one_keeps_the_digits_that_subtraction_has_lost(small):
    @njit(error_model="numpy")
    def beside_one(share):
        return elementary.log2(1 - share, share)

    assert beside_one(small) == pytest.approx(np.log1p(-small) / np.log(2), rel=1e-14, abs=0)


def test_ends_of_the_ranges():
    logs, powers, less_one, *_, angles = values([0.0, np.nan])
    assert logs[0] == -1023
    assert angles[0] == 0
    assert np.isnan(powers[1])
    assert np.isnan(less_one[1])
    assert np.isnan(angles[1])
    assert values([-1e4, -1000.0])[2].tolist() == [-1, -1]


def test_any_cut_gives_the_same_bits():
    whole = values(SPREAD[:101])
    for size in (1, 3, 7, 50):
        for start in range(0, 101, size):
            for part, all_of_it in zip(values(SPREAD[start : min(start + size, 101)]), whole, strict=True):
                np.testing.assert_array_equal(part, all_of_it[start : start + size])
