import itertools
import math

import numpy as np
import pytest

from soilloss.kernels import contributions


def run(kernel, before, after):
    first, second = (np.array(one, float) for one in (before, after))
    out = np.empty_like(first)
    kernel(first, second, out)
    return out


def test_divisia_of_one_cell_by_hand():
    before, after = [[2.0], [3.0]], [[4.0], [1.5]]
    mean = 6.0  # the product is 6 before and after, and so is its logarithmic mean
    np.testing.assert_allclose(
        run(contributions.divisia, before, after)[:, 0], [mean * math.log(2), -mean * math.log(2)]
    )


@pytest.mark.parametrize("count", [1, 2, 3, 5])
def test_shapley_is_the_mean_over_all_orders(count):
    random = np.random.default_rng(count)
    before, after = random.uniform(0, 3, (2, count, 4))
    expected = np.zeros((count, 4))
    for order in itertools.permutations(range(count)):
        now = before.copy()
        for factor in order:
            start = now.prod(axis=0)
            now[factor] = after[factor]
            expected[factor] += (now.prod(axis=0) - start) / math.factorial(count)
    np.testing.assert_allclose(run(contributions.shapley, before, after), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("kernel", [contributions.divisia, contributions.shapley])
def test_parts_sum_to_the_change_and_what_stays_has_none(kernel):
    random = np.random.default_rng(4)
    before, after = random.uniform(0, 2, (2, 4, 1000))
    before[1, :100], after[2, 50:150] = 0, 0
    after[3] = before[3]
    found = run(kernel, before, after)
    np.testing.assert_allclose(found.sum(axis=0), after.prod(axis=0) - before.prod(axis=0), atol=1e-12)
    assert not found[3].any()


@pytest.mark.parametrize("kernel", [contributions.divisia, contributions.shapley])
@pytest.mark.parametrize("wrong", [np.nan, -1.0, np.inf])
def test_a_wrong_factor_makes_its_cell_missing_only(kernel, wrong):
    before = np.ones((2, 3))
    after = np.full((2, 3), 2.0)
    before[0, 1] = wrong
    assert np.isnan(run(kernel, before, after)).tolist() == [[False, True, False]] * 2
