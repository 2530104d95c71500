import numpy as np
import pytest

from soilloss.workflow.years import Years


def test_steps_add_up_to_years_and_years_average():
    years = Years(steps=2, years=2, sums=True, needed=2)
    rows = [[1, 1, np.nan], [2, 2, 2], [3, np.nan, np.nan], [4, 4, 4]]
    made = [years.add(np.array([row], "f4")) for row in rows]
    assert made[0] is None
    assert made[2] is None
    np.testing.assert_array_equal(made[1], [[3, 3, np.nan]])
    np.testing.assert_array_equal(made[3], [[7, np.nan, np.nan]])
    np.testing.assert_array_equal(years.mean(), [[5, np.nan, np.nan]])


def test_one_year_is_enough_where_the_project_says_so():
    years = Years(steps=1, years=2, sums=True, needed=1)
    years.add(np.array([[1, np.nan]], "f4"))
    years.add(np.array([[3, 5]], "f4"))
    np.testing.assert_array_equal(years.mean(), [[2, 5]])


def test_quantities_average_over_steps():
    years = Years(steps=4, years=1, sums=False, needed=1)
    for value in (0.1, 0.2, 0.3, 0.4):
        last = years.add(np.array([[value]], "f4"))
    assert last[0, 0] == pytest.approx(0.25)


def test_a_sum_can_be_kept_and_gone_on_with():
    first, second, whole = (Years(steps=1, years=3, sums=True, needed=2) for _ in range(3))
    rows = [np.array([row], "f4") for row in ([0.1, np.nan, 1], [0.2, 2, np.nan], [0.3, 4, np.nan])]
    for row in rows:
        whole.add(row)
    first.add(rows[0])
    second.restore(*first.state())
    second.add(rows[1])
    second.add(rows[2])
    np.testing.assert_array_equal(second.mean(), whole.mean())
    np.testing.assert_array_equal(np.isnan(second.mean()), [[False, False, True]])
