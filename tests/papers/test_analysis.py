"""Figures that the founding studies print and that follow from other figures they print."""

import numpy as np
import pytest

from soilloss.analysis import accuracy, change, trend
from soilloss.analysis.attribution import divisia


def test_rodopi_shares_of_the_severity_classes():
    """Areas of 4052, 1145, 633, 358 and 773 ha; printed 58.2, 16.4, 9.1, 5.1 and 11.1 per cent."""
    table = change.class_areas(np.array([[1, 2, 3, 4, 5]]), cell_area=np.array([4052.0, 1145, 633, 358, 773]))
    np.testing.assert_allclose(table["percent"], [58.20, 16.45, 9.09, 5.14, 11.10], atol=0.012)


@pytest.mark.parametrize(("areas", "share"), [((133_434, 59_362, 34_049), 34.73), ((93_821, 32_483, 23_736), 22.97)])
def test_loess_plateau_eroded_share(areas, share):
    """The printed shares belong to 653 000 km2, not to the 648 700 km2 that the text states."""
    area = np.array([653_180 - sum(areas), *areas], "f8")
    assert accuracy.eroded_share([1, 2, 3, 4], cell_area=area) == pytest.approx(share, abs=0.01)


def test_loess_plateau_decline():
    """From 13.34 to 9.35 t ha-1: -29.91 per cent, whatever the factors that did it."""
    parts = divisia({"cover": 13.34, "erosivity": 1.0}, {"cover": 9.35 / 1.06, "erosivity": 1.06})
    assert 100 * sum(parts.values()) / 13.34 == pytest.approx(-29.910, abs=5e-4)
    assert parts["erosivity"] > 0 > parts["cover"]


def test_jiuyuangou_cropland_became_worse():
    """Soil loss of cropland, grassland and forest in 2010 and 2020; grassland -0.51, forest +1.84."""
    before, after = np.array([49.05, 10.87, 1.07]), np.array([77.97, 10.36, 2.91])
    classes = np.array([4, 3, 1])
    table = change.change_effect(classes, classes, before, after)
    assert table["sum"].xs("current", level="effect").round(2).to_dict() == {1: 2.91, 3: 10.36, 4: 77.97}
    np.testing.assert_allclose(after - before, [28.92, -0.51, 1.84], atol=1e-9)


def test_poyang_decades():
    """Mean soil loss of 13.4 and 7.2 t ha-1 in two decades; -0.5 a year is printed, a step has -0.466."""
    found = trend.linear(np.repeat([13.4, 7.2], 10), time=np.arange(2001, 2021))
    assert float(found["slope"]) == pytest.approx(-0.466, abs=5e-4)
    assert float(found["direction"]) == -1
