import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soilloss.kernels.counts import percentile_from_histogram
from soilloss.kernels.summary import BINS, add_cells, bin_edges, summarise

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
