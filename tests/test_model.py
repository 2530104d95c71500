from itertools import pairwise

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from soilloss import model, tables
from soilloss.errors import ProjectError
from soilloss.units import T_PER_ACRE_TO_T_PER_HA

FIVE = {"erosivity": 1000.0, "erodibility": 0.035, "topography": 2.0, "cover": 0.2, "practice": 0.5}
SEVEN = {
    "erosivity": 1000.0,
    "erodibility": 0.035,
    "slope_length_factor": 1.6,
    "slope_steepness_factor": 1.25,
    "biological": 0.2,
    "engineering": 0.5,
    "tillage": 1.0,
}
MODELS = [(model.usle, FIVE), (model.rusle, FIVE), (model.csle, SEVEN)]
SCHEMES = ["fao_1979", "oecd", "poyang", "rodopi"]


@pytest.mark.parametrize(("function", "factors"), MODELS)
def test_product(function, factors):
    assert function(**factors) == pytest.approx(7, rel=1e-15)
    for name in factors:
        for bad in (np.nan, -0.1, np.inf):
            assert np.isnan(function(**{**factors, name: bad}))
        assert function(**{**factors, name: 0.0}) == 0
        assert function(**{**factors, name: 2 * factors[name]}) == pytest.approx(14)


@pytest.mark.parametrize(("function", "factors"), MODELS)
def test_arrays_constants_and_rows_broadcast_in_float32(function, factors):
    cells = {name: np.full((3, 4), value, "f4") for name, value in factors.items()}
    cells["erosivity"] = np.full((3, 1), 1000, "f4")
    last = list(factors)[-1]
    out = function(**{**cells, last: factors[last]})
    assert out.dtype == np.float32
    np.testing.assert_allclose(out, np.full((3, 4), 7), rtol=1e-6)


def test_us_units_give_the_same_soil_loss():
    """1 US ton per acre, out of R and K in US units, is 2.24 t per hectare."""

    def given_in(unit, value):
        return xr.DataArray([value], dims="x", attrs={"units": unit})

    loss = model.usle(given_in("us customary", 100.0), given_in("us customary", 0.3), 2.0, 0.2, 0.5)
    assert loss.values == pytest.approx(100 * 0.3 * 2 * 0.2 * 0.5 * T_PER_ACRE_TO_T_PER_HA, rel=1e-4)
    assert loss.attrs["units"] == "t ha-1"


@pytest.mark.parametrize("scheme", SCHEMES)
def test_edges_of_schemes(scheme):
    grades = model.severity_table(scheme)
    for grade in grades[1:]:
        owner = grade.grade if grade.closed == "left" else grade.grade - 1
        for edge in (grade.lower, np.float32(grade.lower)):
            assert model.severity(edge, scheme=scheme) == owner
        assert model.severity(grade.lower * 1.001, scheme=scheme) == grade.grade
        assert model.severity(grade.lower * 0.999, scheme=scheme) == grade.grade - 1


def test_float32_noise_changes_no_class():
    loss = np.nextafter(np.float32(10), np.float32(0))
    assert model.severity(np.array([loss, 9.9999], "f4")).tolist() == [2, 1]


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_worse_loss_never_has_a_better_grade(first, second):
    low, high = sorted((first, second))
    for scheme in SCHEMES:
        assert 1 <= model.severity(low, scheme=scheme) <= model.severity(high, scheme=scheme)


def test_severity_is_small_integers_with_zero_for_missing():
    grades = model.severity(np.array([[np.nan, 0.0], [500.0, np.inf]], "f4"))
    assert grades.dtype == np.uint8
    assert grades.tolist() == [[0, 1], [4, 4]]


def test_chinese_standard_with_its_tolerances():
    loss = np.array([1, 2, 5, 10, 25, 50, 80, 150, 151.0])
    graded = {t: model.severity(loss, scheme="sl190_2007", tolerance=t).tolist() for t in (2, 5, 10)}
    assert graded[2] == [1, 2, 2, 2, 3, 4, 5, 6, 6]
    assert graded[5] == [1, 1, 2, 2, 3, 4, 5, 6, 6]
    assert graded[10] == [1, 1, 1, 2, 3, 4, 5, 6, 6]


@pytest.mark.parametrize("scheme", dict.fromkeys(tables.read("severity")["scheme"]))
def test_table_is_complete(scheme):
    tolerance = 10 if scheme in ("sl190_2007", "hj1174_5") else None
    grades = model.severity_table(scheme, tolerance)
    assert [grade.grade for grade in grades] == list(range(1, len(grades) + 1))
    assert grades[0].lower == 0
    assert grades[-1].upper == np.inf
    assert all(a.upper == b.lower for a, b in pairwise(grades))
    assert len({grade.name for grade in grades}) == len({grade.colour for grade in grades}) == len(grades)


@pytest.mark.parametrize("scheme", dict.fromkeys(tables.read("severity")["scheme"]))
def test_colours_darken_so_that_nobody_needs_to_see_hue(scheme):
    tolerance = 10 if scheme in ("sl190_2007", "hj1174_5") else None
    colours = [grade.colour for grade in model.severity_table(scheme, tolerance)]
    light = [int(c[1:3], 16) * 0.299 + int(c[3:5], 16) * 0.587 + int(c[5:7], 16) * 0.114 for c in colours]
    assert all(a - b > 15 for a, b in pairwise(light))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scheme": "fao1979"}, "did you mean 'fao_1979'"),
        ({"scheme": "sl190_2007"}, "needs the tolerable soil loss"),
        ({"scheme": "sl190_2007", "tolerance": 1000}, "1000, expected t ha-1 yr-1 above 0 and below 25"),
        ({"scheme": "oecd", "tolerance": 6}, "takes no tolerance"),
    ],
)
def test_bad_schemes_get_a_sentence(options, words):
    with pytest.raises(ProjectError, match=words):
        model.severity(1.0, **options)
