from decimal import Decimal, localcontext

import numpy as np
import pytest

from soilloss.kernels import ls

FREE = (np.inf, np.inf)


@pytest.mark.parametrize("area", [9e2, 9.1e2, 1e4, 1e6, 1e9, 1e12])
@pytest.mark.parametrize("slope", [0.001, 0.15, 1.2])
def test_no_digit_is_lost_far_down_the_slope(area, slope):
    """The difference of two huge powers against arithmetic with 60 digits."""
    sine = np.sin(slope)
    beta = sine / 0.0896 / (3 * sine**0.8 + 0.56)
    steepness = 16.8 * sine - 0.5 if np.tan(slope) >= 0.09 else 10.8 * sine + 0.03
    with localcontext() as context:
        context.prec = 60
        m, a, own = Decimal(beta / (1 + beta)), Decimal(area), Decimal(900)
        inlet = a - own
        upper = inlet ** (m + 1) if inlet else Decimal(0)
        exact = float((a ** (m + 1) - upper) / (own * (30 * Decimal("22.13")) ** m)) * steepness
    assert ls.desmet_govers(area, slope, 0.0, 30.0, 30.0, *FREE) == pytest.approx(exact, rel=1e-11)


def test_missing_and_infinite_inputs_are_missing_without_warnings():
    good = [5000.0, 0.2, 1.0]
    for position in range(3):
        for bad in (np.nan, np.inf, -1.0) if position < 2 else (np.nan, np.inf):
            inputs = [np.array([value]) for value in good]
            inputs[position][0] = bad
            assert np.isnan(ls.desmet_govers(*inputs, 30.0, 30.0, *FREE)).all()


def test_rows_have_their_own_metres():
    dx, dy = np.array([[10.0], [20.0]]), np.array([[30.0], [30.0]])
    out = ls.desmet_govers(np.full((2, 3), 6000.0), np.full((2, 3), 0.2), np.zeros((2, 3)), dx, dy, *FREE)
    assert out.shape == (2, 3)
    assert out[0, 0] == ls.desmet_govers(6000.0, 0.2, 0.0, 10.0, 30.0, *FREE)
    assert np.all(out[0] > out[1])


def test_any_cut_gives_the_same_bits():
    rng = np.random.default_rng(5)
    area = rng.uniform(900, 1e7, (50, 60))
    slope, aspect = (rng.uniform(0, top, (50, 60)).astype("f4") for top in (1.4, 6.28))
    whole = ls.desmet_govers(area, slope, aspect, 30.0, 30.0, 300.0, 1e6)
    for rows, columns in ((7, 60), (50, 11), (1, 1)):
        for top in range(0, 50, rows):
            window = np.s_[top : top + rows, 3 : 3 + columns]
            part = ls.desmet_govers(area[window], slope[window], aspect[window], 30.0, 30.0, 300.0, 1e6)
            np.testing.assert_array_equal(part, whole[window])
