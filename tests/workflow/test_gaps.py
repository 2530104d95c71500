import numpy as np
import pytest

from soilloss.grid.opened import Coded
from soilloss.workflow.block import make_work
from soilloss.workflow.gaps import Gaps, missing
from soilloss.workflow.plan import make_plan

NAN = np.nan


@pytest.fixture
def gaps():
    factors = ["erosivity", "erodibility", "topography", "practice"]
    steps = make_plan(
        ["soil_loss"], [*factors, "ndvi"], {"cover": ("van_der_knijff_2000", {})}, {"soil_loss": [("usle", {})]}
    )
    work = make_work(steps, ["soil_loss"], lambda *_: 1.0, (1, 4), 30.0, ("2001", "2002"), frozenset({"ndvi"}))
    return Gaps(steps, work, (1, 4))


def values_of(ndvi, erodibility):
    ndvi, erodibility = (np.array([row], "f4") for row in (ndvi, erodibility))
    rest = dict.fromkeys(("erosivity", "topography", "practice"), 1.0)
    return {**rest, "ndvi": ndvi, "cover": ndvi, "erodibility": erodibility, "soil_loss": ndvi * erodibility}


def lost(values):
    return np.nonzero(np.isnan(values["soil_loss"]))


def test_a_cell_is_noted_with_the_first_variable_that_lost_it(gaps):
    for ndvi in ([1, NAN, 1, NAN], [NAN, NAN, 1, 1]):
        values = values_of(ndvi, [1, 1, NAN, NAN])
        gaps.trace(values, lost(values))
    assert {name: found.tolist() for name, found in gaps.found.items()} == {
        "erodibility": [[False, False, True, True]],
        "ndvi": [[True, True, False, True]],
    }


def test_an_equation_without_an_answer_is_noted_itself(gaps):
    values = values_of([1, 1, 1, 1], [1, 1, 1, 1])
    values["cover"] = values["soil_loss"] = np.array([[NAN, 1, 1, 1]], "f4")
    gaps.trace(values, lost(values))
    assert {name: found.tolist() for name, found in gaps.found.items()} == {"cover": [[True, False, False, False]]}


def test_codes_numbers_and_months_may_be_missing():
    cells = np.array([0, 0]), np.array([0, 2])
    coded = Coded(np.array([[0, 1, 1]], "u1"), np.array([NAN, 2], "f4"), ("ndvi",))
    assert missing(coded, cells, {}).tolist() == [True, False]
    assert missing(NAN, cells, {}).tolist() == [True, True]
    months = np.ones((1, 3, 12), "f4")
    months[0, 2, 5] = NAN
    assert missing(months, cells, {}).tolist() == [False, True]
