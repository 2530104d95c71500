import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soilloss.kernels.counts import percentile_from_histogram
from soilloss.kernels.summary import BINS, add_cells, add_step, add_year, bin_edges, grade_whole, summarise

FLOATS = st.floats(width=32, allow_nan=True, allow_infinity=True, allow_subnormal=False)


def counted(values):
    counts = np.zeros(BINS, np.int64)
    return counts, summarise(values, counts)


@given(arrays(np.float32, (5, 7), elements=FLOATS))
def test_every_finite_cell_is_counted_in_its_bin(values):
    counts, (number, total, low, high) = counted(values)
    finite = values[np.isfinite(values)].astype("f8")
    assert counts.sum() == number == finite.size
    if finite.size:
        assert (low, high) == (finite.min(), finite.max())
        assert total == pytest.approx(finite.sum(), rel=1e-9, abs=1e-300)
        edges = bin_edges()
        for value in finite:
            inside = (edges[:-1] <= value) & (value < edges[1:]) & (counts > 0)
            # -0.0 has a bin of its own, just below 0
            assert inside.any() or value == 0


def test_counts_of_parts_add_up():
    values = np.random.default_rng(0).normal(0, 5, (40, 30)).astype("f4")
    whole, _ = counted(values)
    np.testing.assert_array_equal(whole, counted(values[:17])[0] + counted(values[17:])[0])


def test_percentiles_are_within_a_bin():
    values = np.random.default_rng(1).lognormal(0, 2, (300, 300)).astype("f4")
    counts, _ = counted(values)
    for q in (2, 50, 98):
        assert percentile_from_histogram(counts, bin_edges(), q) == pytest.approx(np.percentile(values, q), rel=0.008)


def sums(values, area, grade, entries):
    mass, surface = np.zeros((3, 3), np.int64), np.zeros((3, 3), np.int64)
    add_cells(values, area, grade, *entries, mass, surface)
    return mass, surface


def test_sums_are_exact_in_any_order():
    random = np.random.default_rng(2)
    values = random.lognormal(2, 1, (20, 20)).astype("f4")
    grade = random.integers(0, 3, (20, 20)).astype("u1")
    values[grade == 0] = np.nan
    area = np.linspace(800, 900, 20)
    entries = [random.integers(0, n, 500).astype("i4") for n in (3, 20, 20)] + [random.uniform(0, 1, 500).astype("f4")]
    order = random.permutation(500)
    one, two = sums(values, area, grade, entries), sums(values, area, grade, [e[order] for e in entries])
    np.testing.assert_array_equal(one[0], two[0])
    np.testing.assert_array_equal(one[1], two[1])


def test_units_are_grams_and_thousandths_of_a_square_metre():
    entries = [np.array([v], k) for v, k in ((1, "i4"), (0, "i4"), (0, "i4"), (0.5, "f4"))]
    mass, surface = sums(np.full((1, 1), 4, "f4"), np.array([1e4]), np.full((1, 1), 2, "u1"), entries)
    assert mass[1, 2] == 2_000_000
    assert surface[1, 2] == 5_000_000


def test_missing_cells_count_as_area_only():
    entries = [np.zeros(1, k) for k in ("i4", "i4", "i4")] + [np.ones(1, "f4")]
    mass, surface = sums(np.full((1, 1), np.nan, "f4"), np.array([900.0]), np.zeros((1, 1), "u1"), entries)
    assert mass.sum() == 0
    assert surface[0, 0] == 900_000


@given(arrays(np.float32, (6, 9), elements=FLOATS), arrays(bool, (6, 9)))
def test_grades_and_their_sums_are_those_of_numpy(values, inside):
    values = np.clip(values, -1e6, 1e6)
    edges, area = np.array([5.0, 10.0, 30.0]), np.linspace(800, 900, 6)
    grade, mass, surface = np.empty((6, 9), np.uint8), np.zeros(5, np.int64), np.zeros(5, np.int64)
    grade_whole(values, area, inside, edges, grade, mass, surface)
    expected = np.where(np.isnan(values), 0, 1 + np.digitize(values, edges))
    np.testing.assert_array_equal(grade, expected)
    cells = np.broadcast_to(area[:, None], (6, 9))
    for one in range(5):
        chosen = (expected == one) & inside
        assert surface[one] == np.rint(cells[chosen] * 1e3).astype("i8").sum()
        if one:
            assert mass[one] == np.rint(values[chosen] * cells[chosen] * 1e2).astype("i8").sum()


def test_years_add_what_is_known():
    year = np.array([[1.0, 2.0]])
    add_step(np.array([[0.5, np.nan]], "f4"), year)
    np.testing.assert_array_equal(year, [[1.5, np.nan]])
    total, valid = np.zeros((1, 2)), np.zeros((1, 2), np.int32)
    for one in (year, np.array([[2, 5]])):
        add_year(one.astype("f4"), total, valid)
    assert (total.tolist(), valid.tolist()) == ([[3.5, 5]], [[2, 1]])
