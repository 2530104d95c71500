import numpy as np
import pytest

from soilloss.errors import DataError
from soilloss.factors import practice


def percent(*values):
    return np.arctan(np.array(values) / 100)


def test_kassie_takes_per_cent_and_the_printed_form_degrees():
    slope = np.radians(np.array([1.0, 3.0, 6.0, 10.0, 14.0, 18.0, 30.0]))
    assert practice.kassie_2018(12, slope).tolist() == [0.6, 0.5, 0.6, 0.8, 0.9, 0.9, 0.9]
    assert practice.kassie_2018_as_printed(12, slope).tolist() == [0.6, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9]


def test_the_gap_at_twenty():
    assert practice.kassie_2018(14, percent(20.0)).tolist() == [0.9]
    assert practice.kassie_2018_as_printed(14, np.radians(np.float32(20))) == 1
    steep = np.radians(np.array([20.0, 20.01]))
    assert practice.kassie_2018_as_printed(10, steep).tolist() == [0.8, 0.8]


@pytest.mark.parametrize("code", [0, 18, 255, np.nan])
@pytest.mark.parametrize("function", [practice.kassie_2018, practice.kassie_2018_as_printed])
def test_unclassified_is_missing(function, code):
    assert np.isnan(function(np.float32(code), np.float32(0.1)))


@pytest.mark.parametrize(("degrees", "value"), [(5, 0.59), (7, 0.65), (9, 0.70), (12, 0.81), (20, 0.95), (24, 1)])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_edges_belong_to_the_steeper_class(degrees, value, kind):
    edge = kind(np.radians(degrees))
    assert practice.yan_2025(kind(4), edge) == pytest.approx(value)
    assert practice.yan_2025(kind(4), kind(edge - 1e-4)) < value


def test_towns_and_water_of_the_plateau_lose_nothing():
    assert practice.yan_2025(np.array([5, 7, 8]), 0.1).tolist() == [0, 0, 0]


def test_wener_is_a_line_up_to_one():
    assert practice.wener_1981(percent(0, 10, 30, 100)).tolist() == pytest.approx([0.2, 0.5, 1, 1])


def test_handbook_practices_help_most_on_gentle_land():
    gentle, steep, beyond, flat = percent(4, 18, 26, 0.1)
    for function, options in (
        (practice.wischmeier_smith_1978, {}),
        (practice.wischmeier_smith_1978_strips, {"rotation": "a"}),
        (practice.wischmeier_smith_1978_strips, {"rotation": "c"}),
        (practice.wischmeier_smith_1978_terraces, {}),
        (practice.wischmeier_smith_1978_terraces, {"outlet": "underground"}),
    ):
        assert function(gentle, **options) < function(steep, **options) < 1
        assert function(beyond, **options) == function(flat, **options) == 1


def test_contouring_fails_on_long_slopes():
    slope = percent(4, 4, 18, 18)
    assert practice.wischmeier_smith_1978_limited(np.array([91, 92, 18, 19]), slope).tolist() == [0.5, 1, 0.8, 1]
    assert np.isnan(practice.wischmeier_smith_1978_limited(np.array([50, np.nan]), np.array([np.nan, 0.1]))).all()
    assert practice.wischmeier_smith_1978_limited(1e5, percent(0.1)) == 1


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: practice.wischmeier_smith_1978_strips(0.1, rotation="d"),
            "strips: 'd' is not known, expected one of a, b",
        ),
        (lambda: practice.wischmeier_smith_1978_terraces(0.1, outlet="sods"), "did you mean 'sod'"),
    ],
)
def test_unknown_practices_get_a_sentence(call, words):
    with pytest.raises(DataError, match=words):
        call()
