import numpy as np
import pytest

from soilloss.analysis.years import decimal_years
from soilloss.errors import DataError


@pytest.mark.parametrize(
    ("time", "years", "steps"),
    [
        (["2000", "2002"], [2000, 2002], 1),
        (["2000-Q4", "2001-Q1"], [2000.75, 2001], 4),
        (["2000-01", "2000-07"], [2000, 2000.5], 12),
        (np.array(["2000-06-30", "2001-02-01"], "M8[ns]"), [2000, 2001], 1),
        (
            np.array(["2000-02-15", "2000-05-15", "2000-08-15", "2000-11-15"], "M8[s]"),
            [2000, 2000.25, 2000.5, 2000.75],
            4,
        ),
        (np.array(["2000-02-15", "2000-03-15"], "M8[s]"), [2000 + 1 / 12, 2000 + 2 / 12], 12),
        ([1990, 1995], [1990, 1995], 1),
        ([0.5, 0.75], [0.5, 0.75], 0),
    ],
)
def test_years(time, years, steps):
    found, per_year = decimal_years(time)
    np.testing.assert_allclose(found, years, rtol=1e-15)
    assert per_year == steps


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (["2001", "2000"], "time does not rise: 2000 follows 2001"),
        (["2000-Q5"], "'2000-Q5' is not a time step; write 2016"),
        (["2000", "2001-Q1"], "several lengths are mixed: 2000 ... 2001-Q1"),
        (np.array(["2000-02-15", "2000-02-16"], "M8[s]"), "time does not rise"),
    ],
)
def test_mistakes(time, words):
    with pytest.raises(DataError, match=words):
        decimal_years(time)
