import pickle

import pytest

from soilloss import errors
from soilloss.errors import SoilLossError, did_you_mean

CHILDREN = {
    "ProjectError": (ValueError, 2, 422),
    "MissingInputError": (ValueError, 2, 422),
    "UnitsError": (ValueError, 2, 422),
    "GridError": (ValueError, 2, 422),
    "DataError": (ValueError, 4, 422),
    "SourceError": (OSError, 3, 502),
    "MissingExtraError": (ImportError, 5, 501),
}


@pytest.mark.parametrize("name", CHILDREN)
def test_each_error_is_the_builtin_a_python_user_would_catch(name):
    builtin, exit_code, http_status = CHILDREN[name]
    error = getattr(errors, name)("red is missing; add it under 'sources'")
    assert isinstance(error, SoilLossError)
    assert isinstance(error, builtin)
    assert not isinstance(error, KeyError)  # its text would print in quotes
    assert (error.exit_code, error.http_status) == (exit_code, http_status)
    assert str(error) == "red is missing; add it under 'sources'"


@pytest.mark.parametrize("name", CHILDREN)
def test_errors_survive_the_way_back_from_a_worker(name):
    error = getattr(errors, name)("what, expected, remedy")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is type(error)
    assert str(again) == str(error)


def test_there_are_exactly_seven_children():
    assert {child.__name__ for child in SoilLossError.__subclasses__()} == set(CHILDREN)


def test_the_warning_is_a_user_warning():
    assert issubclass(errors.SoilLossWarning, UserWarning)


@pytest.mark.parametrize(
    ("typed", "known", "answer"),
    [
        ("elevaton", ["elevation", "erosivity"], "; did you mean 'elevation'?"),
        ("Elevation", ["elevation"], "; did you mean 'elevation'?"),
        ("knijff", ["cai_2000", "van_der_knijff_2000"], "; did you mean 'van_der_knijff_2000'?"),
        ("zzz", ["elevation"], ""),
        ("el", ["elevation"], ""),  # two letters are too few to guess from a part
        ("x", [], ""),
    ],
)
def test_did_you_mean(typed, known, answer):
    assert did_you_mean(typed, known) == answer
