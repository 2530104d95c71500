import numpy as np

from soilloss.workflow.analyses import classes
from soilloss.workflow.site import open_site


def test_names_may_be_given_and_go_beyond_the_vocabulary(landscape):
    site = open_site(landscape / "project.yml")
    legend = classes.legend_of(site, "land_cover", {1: "orchard", 10: "glacier"})
    assert legend.names[:2] == ("orchard", "shrubland")
    assert legend.names[8:] == ("class 9", "glacier")
    assert legend.highest == 10
    assert legend.colours[0] == "#006400"
    assert classes.legend_of(site, "severity").names[0] == "none to slight"


def test_codes_beyond_the_legend_are_missing():
    assert classes.codes_of(np.array([1, np.nan, 9, 3, 0]), 8).tolist() == [1, 0, 0, 3, 0]


def test_the_most_frequent_class_and_the_lowest_of_ties():
    years = np.array([[2, 1, 0], [2, 3, 0], [1, 0, 0]], np.uint8)[:, None]
    assert classes.most_frequent(years, 3).tolist() == [[2, 1, 0]]


def test_periods_as_slices():
    years = ["2001", "2002", "2003", "2004"]
    assert classes.slices([[2001, 2002], [2004, 2004]], years) == [slice(0, 2), slice(3, 4)]
    assert classes.some_years(years)[-1] == [2004, 2004]
