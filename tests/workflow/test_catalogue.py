import pytest

from soilloss.errors import ProjectError
from soilloss.workflow.catalogue import describe_methods, page


def test_one_method_in_full():
    (found,) = describe_methods("cover", "van_der_knijff_2000")
    assert found["default"]
    assert found["inputs"][0]["name"] == "ndvi"
    assert "exp" in found["formula"]
    text = page([found], full=True)
    assert "cover <- van_der_knijff_2000" in text
    assert "Returns" in text


def test_all_methods_by_variable():
    text = page(describe_methods())
    assert text.count("\nerosivity [MJ mm ha-1 h-1]") == 1
    assert " * van_der_knijff_2000(ndvi)" in text


def test_unknown_variable_and_method():
    with pytest.raises(ProjectError, match="did you mean 'cover'"):
        describe_methods("covr")
    with pytest.raises(ProjectError, match="'knijff' is not a method for cover"):
        describe_methods("cover", "knijff")


def test_limits_are_shown():
    (found,) = describe_methods("practice", "yan_2025")
    assert found["unverified"]
    assert "not meant for elsewhere" in found["notes"]
    text = page([found], full=True)
    assert "slope [rad]: steepest slope angle (0 to 1.571)" in text
    assert "not verified: its table is known from one study" in text
    (plain,) = describe_methods("cover", "durigon_2014")
    assert plain["unverified"] == ""
    assert "math" not in plain["notes"]


def test_a_statistic_is_described():
    (found,) = describe_methods("bare_ndvi", "lower_percentile")
    assert found["works_on"] == "all cells, giving one number"
