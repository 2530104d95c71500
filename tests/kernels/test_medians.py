import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.kernels.medians import LANES, MISSING, UNROLL, count_below, medians, ordered

NUMBERS = st.floats(width=32, allow_nan=False, allow_infinity=False)


def medians_of(values, exact=False):
    """Medians of lanes of float64 values, NaN where missing."""
    size = len(values)
    rows = -(-size // UNROLL) * UNROLL
    bits, digits = np.full((rows, LANES), MISSING), np.full((rows, LANES), 127, np.int8)
    for row in range(size):
        for lane in range(LANES):
            bits[row, lane] = ordered(values[row, lane])
            digits[row, lane] = bits[row, lane] >> 24
    out = np.empty(LANES)
    counts = np.isfinite(values).sum(axis=0).astype("i4")
    medians(values if exact else np.empty((1, LANES)), bits, digits, size, counts, out)
    return out


@given(st.lists(NUMBERS, min_size=2, max_size=40))
def test_the_order_of_the_bits_is_that_of_the_numbers(numbers):
    codes = [int(ordered(float(number))) for number in numbers]
    by_code = [number for _, number in sorted(zip(codes, numbers, strict=True))]
    assert by_code == sorted(numbers)
    assert ordered(np.nan) == MISSING > max(codes)


@pytest.mark.parametrize("kind", ["spread", "close together", "ties", "gaps", "few", "some equal", "equal but one"])
@pytest.mark.parametrize("exact", [False, True])
def test_medians_are_those_of_numpy(kind, exact):
    random = np.random.default_rng(4)
    values = random.normal(0, 10, (2 if kind == "few" else 41, LANES))
    if kind == "close together":
        values = 1000 + 1e-3 * values
    elif kind == "ties":
        values = np.round(values / 10)
    elif kind == "some equal":
        values[:, ::10] = 0
        values[:20, 1::10] = -0.0
    elif kind == "equal but one":
        values[:, ::10] = 3
        values[0, ::10] = np.nextafter(np.float32(3), np.float32(0))
    elif kind == "gaps":
        values[random.random(values.shape) < 0.4] = np.nan
    single = values.astype("f4").astype("f8")
    expected = np.nanmedian(values if exact else single, axis=0)
    np.testing.assert_allclose(medians_of(values, exact), expected, rtol=1e-15)


def test_a_lane_without_values_has_no_median():
    values = np.ones((5, LANES))
    values[:, 3] = np.nan
    out = medians_of(values)
    assert np.isnan(out[3])
    assert (np.delete(out, 3) == 1).all()


def test_more_digits_than_a_small_counter_holds():
    digits = np.zeros((400, LANES), np.int8)
    count = np.empty(LANES, np.int32)
    count_below(digits, 400, np.ones(LANES, np.int8), count)
    assert (count == 400).all()
