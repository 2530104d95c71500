import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from soilloss.derive import vegetation
from soilloss.errors import DataError
from soilloss.kernels import counts


@given(st.floats(0, 1), st.floats(0, 1), st.floats(0.1, 10))
def test_ndvi_is_bounded_and_does_not_know_brightness(nir, red, light):
    value = vegetation.ndvi(nir, red)
    if nir + red == 0:
        assert np.isnan(value)
    else:
        assert -1 <= value <= 1
        assert vegetation.ndvi(nir * light, red * light) == pytest.approx(value, abs=1e-9)


def test_ndvi_of_nothing_is_missing_without_a_warning():
    out = vegetation.ndvi(np.array([0, 0.5], "f4"), np.array([0, np.nan], "f4"))
    assert np.isnan(out).all()
    assert out.dtype == np.float32


def test_fractional_cover_is_cut_and_keeps_float32():
    ndvi = np.array([-0.2, 0.05, 0.45, 0.85, 1.0], "f4")
    linear = vegetation.fractional_cover(ndvi, np.float64(0.05), np.asarray(0.85))
    assert linear.tolist() == pytest.approx([0, 0, 0.5, 1, 1])
    assert linear.dtype == np.float32
    np.testing.assert_allclose(vegetation.fractional_cover_carlson_ripley_1997(ndvi, 0.05, 0.85), linear**2)


@pytest.mark.parametrize(("bare", "full"), [(0.3, 0.3), (0.8, 0.1), (np.nan, 0.8)])
def test_end_members_that_mean_nothing_give_nothing(bare, full):
    assert np.isnan(vegetation.fractional_cover(np.array([0.1, 0.5]), bare, full)).all()


def test_end_members_are_percentiles():
    rng = np.random.default_rng(0)
    ndvi = rng.beta(2, 3, (200, 300)).astype("f4")
    ndvi[:50] = np.nan
    expected = np.nanpercentile(ndvi, [5, 95])
    assert vegetation.ndvi_end_members(ndvi) == pytest.approx(tuple(expected), abs=2e-4)
    assert vegetation.ndvi_end_members(ndvi, low=0, high=100) == pytest.approx(
        (np.nanmin(ndvi), np.nanmax(ndvi)), abs=1.1e-4
    )


@pytest.mark.parametrize(
    ("ndvi", "options", "words"),
    [
        (np.full((2, 2), np.nan), {}, "no valid cell"),
        (np.full((2, 2), 5000.0), {}, "scale it"),
        (np.zeros(4), {"low": 90, "high": 10}, "two rising numbers"),
    ],
)
def test_end_members_explain_what_is_wrong(ndvi, options, words):
    with pytest.raises(DataError, match=words):
        vegetation.ndvi_end_members(ndvi, **options)


series = arrays(np.float64, (4, 7), elements=st.one_of(st.floats(-1, 1), st.just(np.nan)))


@given(series)
def test_composites_leave_out_what_is_missing(ndvi):
    median, greenest = vegetation.composite(ndvi), vegetation.composite_maximum(ndvi)
    for row, middle, top in zip(ndvi, median, greenest, strict=True):
        valid = row[~np.isnan(row)]
        if valid.size:
            assert middle == pytest.approx(np.median(valid))
            assert top == valid.max()
        else:
            assert np.isnan(middle)
            assert np.isnan(top)


def test_a_statistic_of_blocks_equals_that_of_the_whole():
    ndvi = np.random.default_rng(1).uniform(-0.2, 0.9, (60, 70)).astype("f4")
    found = counts.histogram_of(ndvi[:30], -1, 1, vegetation.NDVI_BINS)
    counts.histogram(ndvi[30:].reshape(-1), -1.0, 1.0, found.counts)
    assert vegetation.lower_percentile(found) == vegetation.lower_percentile(ndvi)
    assert vegetation.upper_percentile(found, q=90) == vegetation.upper_percentile(ndvi, q=90)
    assert vegetation.minimum(ndvi) <= vegetation.lower_percentile(ndvi) < vegetation.maximum(ndvi)


@pytest.mark.parametrize("q", [-1, 100.5, np.nan])
def test_a_percentile_lies_between_0_and_100(q):
    with pytest.raises(DataError, match="from 0 to 100"):
        vegetation.upper_percentile(np.zeros(3), q=q)
