import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.errors import DataError
from soilloss.factors import cover

OF_NDVI = [cover.van_der_knijff_2000, cover.durigon_2014, cover.colman_2018, cover.de_jong_1994]


@pytest.mark.parametrize("function", OF_NDVI)
@given(first=st.floats(-1, 1), second=st.floats(-1, 1))
def test_more_green_never_means_more_erosion(function, first, second):
    low, high = sorted((first, second))
    assert 1 >= function(low) >= function(high) >= 0


def test_van_der_knijff_ends():
    assert cover.van_der_knijff_2000(np.array([-1, -0.2, 0, 1, 1.2])).tolist() == [1, 1, 1, 0, 0]
    assert cover.van_der_knijff_2000(0.4, alpha=1) == pytest.approx(np.sqrt(cover.van_der_knijff_2000(0.4)))


def test_specification_is_monotonic_except_on_fixed_classes():
    greenness = np.linspace(0, 1, 1001)
    for code in (1, 2, 3, 4, 11, 12):
        values = cover.mee_2021(code, greenness)
        assert np.all(np.diff(values) <= 0)
        assert 0 <= values.min() <= values.max() <= 1


@pytest.mark.parametrize(("edge", "value"), [(0.1, 0.24), (0.3, 0.15), (0.5, 0.09), (0.7, 0.043), (0.9, 0.011)])
def test_an_edge_belongs_to_the_greener_step_also_in_float32(edge, value):
    code, below = np.float32(3), np.float32(edge - 1e-4)
    assert cover.mee_2021(code, np.float32(edge)) == pytest.approx(value)
    assert cover.mee_2021(code, below) > value


def test_cropland_between_bare_and_full():
    assert cover.mee_2021(4, np.array([-0.5, 0, 1, 1.3])).tolist() == [1, 1, pytest.approx(0.221), pytest.approx(0.221)]


def test_printed_swap_changes_two_classes_only():
    codes = np.arange(1, 9)
    recommended, printed = cover.mee_2021(codes, 0.6), cover.mee_2021_as_printed(codes, 0.6)
    assert np.flatnonzero(recommended != printed).tolist() == [4, 5]


def test_unknown_and_missing_codes_are_missing():
    codes = np.array([0, 9, 255, 3.5, np.nan, -1, 300], "f4")
    for function in (cover.mee_2021, cover.mee_2021_as_printed):
        assert np.isnan(function(codes, np.full(7, 0.5, "f4"))).all()
    assert np.isnan(cover.mee_2021(4, np.nan))
    assert np.isnan(cover.lookup(codes, table={1: 0.1})).all()


def test_cai_is_continuous_at_its_lower_end():
    assert cover.cai_2000(np.array([0, 0.0005, 0.000963])).tolist() == [1, 1, pytest.approx(1, abs=2e-4)]
    assert cover.cai_2000(np.float32(0.783)) > 0
    assert cover.cai_2000(np.array([0.7831, 1, 1.2])).tolist() == [0, 0, 0]


def test_lookup_takes_names_codes_pairs_and_frames():
    codes = np.array([1, 4])
    for table in (
        {"forest": 0.003, "cropland": 0.3},
        {1: 0.003, "4": 0.3},
        [(1, 0.003), (4, 0.3)],
        pd.DataFrame({"code": [1, 4], "value": [0.003, 0.3]}),
    ):
        assert cover.lookup(codes, table=table).tolist() == [0.003, 0.3]
    with pytest.raises(DataError, match="did you mean 'forest'"):
        cover.lookup(codes, table={"forrest": 0.1})


def test_weighting_by_rain():
    c = np.array([[0.1, 0.5], [0.2, 0.4]], "f4")
    assert cover.erosivity_weighted(c, np.array([0.0, 7.0])).tolist() == pytest.approx([0.5, 0.4])
    assert np.isnan(cover.erosivity_weighted(c, np.zeros(2))).all()
    weighted = cover.erosivity_weighted(c, np.array([3, 1], "f4"))
    assert weighted.dtype == np.float32
    assert np.all((c.min(-1) <= weighted) & (weighted <= c.max(-1)))


class TestBiological:
    FULL = np.full(24, 1.0)
    RAIN = np.arange(24.0)

    def test_a_constant_cover_needs_no_weights(self):
        for code in (1, 2, 3):
            one = cover.biological_csle(code, np.full(24, 0.4), self.RAIN)
            assert one == pytest.approx(cover.biological_csle(code, np.full(24, 0.4), np.full(24, 9.0)))

    def test_forest_takes_the_row_of_the_specification(self):
        assert cover.biological_csle(1, np.full(24, 0.4), self.RAIN) == pytest.approx(0.06)

    def test_fixed_classes(self):
        codes = np.arange(1, 10)
        b = cover.biological_csle(codes, np.tile(self.FULL, (9, 1)), self.RAIN)
        assert b[3:8].tolist() == [1, 0.01, 1, 0, 0]
        assert np.isnan(b[8])
        assert cover.biological_csle(6, self.FULL, self.RAIN, bare=0.7) == 0.7

    def test_without_rain(self):
        green = np.linspace(0, 1, 24)
        assert np.isnan(cover.biological_csle(3, green, np.zeros(24)))
        plain = cover.biological_csle(3, green, np.zeros(24), unweighted_when_dry=True)
        assert plain == pytest.approx(cover.biological_csle(3, green, np.ones(24)))

    def test_weights_first_then_the_curve(self):
        """Averaging the cover of the months first gives quite another number."""
        months = [0.05, 0.05, 0.1, 0.2, 0.4, 0.6, 0.75, 0.8, 0.6, 0.3, 0.1, 0.05]
        rain = [0, 0, 5, 15, 60, 150, 500, 400, 120, 30, 5, 0]
        green, erosivity = np.repeat(months, 2), np.repeat(rain, 2).astype(float)
        assert cover.biological_csle(3, green, erosivity) == pytest.approx(0.033005, abs=1e-6)
        assert cover.biological_csle(3, np.full(24, np.mean(months)), erosivity) == pytest.approx(0.149384, abs=1e-6)

    def test_a_half_month_without_data_is_a_gap(self):
        green = self.FULL.copy()
        green[3] = np.nan
        assert np.isnan(cover.biological_csle(np.array([2, 4, 7]), green, self.RAIN)).all()


def test_a_sure_class_has_its_own_cover_and_no_variance():
    """With one class certain, the expected forms are the plain ones; a mixture lies between."""
    table = {name: value for value, name in enumerate(("forest", "shrubland", "grassland", "cropland"), start=1)}
    table = {name: value / 10 for name, value in table.items()} | dict.fromkeys(range(5, 9), 0.9)
    sure = np.eye(8, dtype="f4")
    codes = np.arange(1, 9)
    np.testing.assert_allclose(cover.expected_lookup(sure, table=table), cover.lookup(codes, table=table), rtol=1e-6)
    np.testing.assert_allclose(cover.mee_2021_expected(sure, 0.4), cover.mee_2021(codes, 0.4), rtol=1e-6)
    np.testing.assert_allclose(cover.lookup_variance(sure, table=table), 0, atol=1e-12)
    shares = np.random.default_rng(0).dirichlet(np.ones(8), 500)
    drawn = cover.lookup(1 + np.random.default_rng(1).choice(8, 200_000, p=shares[0]), table=table)
    assert abs(cover.expected_lookup(shares[0], table=table) - drawn.mean()) < 2e-3
    assert abs(cover.lookup_variance(shares[0], table=table) - drawn.var()) < 1e-3
