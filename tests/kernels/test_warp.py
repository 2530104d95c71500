import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.ndimage import map_coordinates

from soilloss.kernels import warp

SHAPE = (9, 11)
ALL = (0, SHAPE[0], 0, SHAPE[1])
NAN = float("nan")


def asked(rule, values, places, reach=(1.0, 1.0), box=ALL, origin=(0, 0)):
    """What a rule gives at places, an array (n, 2) of rows and columns."""
    v, u = (np.ascontiguousarray(column, float)[:, None] for column in np.reshape(places, (-1, 2)).T)
    out = np.full(u.shape, np.nan, values.dtype)
    rule(values, origin, box, reach, u, v, out)
    return out[:, 0]


places_anywhere = arrays(float, (20, 2), elements=st.floats(-3, 14))


@settings(deadline=None)
@given(places_anywhere, arrays("f4", SHAPE, elements=st.floats(-1000, 1000, width=32)))
def test_bilinear_by_another_library(places, values):
    out = asked(warp.bilinear, values, places)
    # half a cell beyond the outer centres is inside and takes the outer cells
    inside = ((places >= 0) & (places < SHAPE)).all(axis=1)
    expected = map_coordinates(values.astype(float), places[inside].T - 0.5, order=1, mode="nearest")
    np.testing.assert_allclose(out[inside], expected, rtol=1e-6, atol=1e-3)
    assert np.isnan(out[(places < -1e-3).any(axis=1) | (places > np.array(SHAPE)).any(axis=1)]).all()


@settings(deadline=None)
@given(places_anywhere, arrays("f4", SHAPE, elements=st.sampled_from([1.0, 2.5, 7.0, NAN])))
def test_a_triangle_with_a_reach_of_one_is_bilinear(places, values):
    one, other = (asked(rule, values.astype(float), places) for rule in (warp.bilinear, warp.triangle))
    both = np.isfinite(one) & np.isfinite(other)  # where exactly half of the weight is there, rounding decides
    np.testing.assert_allclose(one[both], other[both], rtol=1e-9)


@settings(deadline=None)
@given(places_anywhere, st.floats(1, 4), st.floats(1, 4), arrays(bool, SHAPE))
def test_the_triangle_by_its_definition(places, down, across, holes):
    values = np.random.default_rng(4).normal(size=SHAPE)
    values[holes] = np.nan
    out = asked(warp.triangle, values, places, (down, across))
    row, column = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
    for (y, x), found in zip(places, out, strict=True):
        weight = np.clip(1 - np.abs(row - y) / down, 0, None) * np.clip(1 - np.abs(column - x) / across, 0, None)
        share = weight[~holes].sum() / max(weight.sum(), 1e-30)
        if 0 <= y < SHAPE[0] and 0 <= x < SHAPE[1] and share > 0.5 + 1e-9:
            assert found == pytest.approx((weight * values)[~holes].sum() / weight[~holes].sum(), rel=1e-9, abs=1e-9)
        elif share < 0.5 - 1e-9:
            assert np.isnan(found)


@pytest.mark.parametrize("rule", [warp.bilinear, warp.triangle])
@pytest.mark.parametrize(("x", "missing"), [(1.5, False), (1.9, False), (2.1, True), (2.5, True)])
def test_half_of_the_weight_has_to_have_a_value(rule, x, missing):
    values = np.array([[4, 4, NAN, NAN]], "f4")
    assert np.isnan(asked(rule, values, (0.5, x), box=(0, 1, 0, 4))).item() is missing


@settings(deadline=None)
@given(places_anywhere, st.floats(0.5, 3), st.floats(0.5, 3), arrays("f4", SHAPE, elements=st.integers(1, 3)))
def test_the_most_frequent_by_its_definition(places, down, across, codes):
    out = asked(warp.most_frequent, codes, places, (down, across))
    row, column = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]] + 0.5
    for (y, x), found in zip(places, out, strict=True):
        gap = np.minimum(np.abs(np.abs(row - y) - down), np.abs(np.abs(column - x) - across)).min()
        inside = (np.abs(row - y) < down) & (np.abs(column - x) < across)
        if 0 <= y < SHAPE[0] and 0 <= x < SHAPE[1] and gap > 2e-6 and inside.any():
            values, counts = np.unique(codes[inside], return_counts=True)  # sorted: the first of equals is the smallest
            assert found == values[counts.argmax()]


def test_missing_cells_have_no_vote():
    codes = np.array([[NAN, NAN, NAN], [NAN, 7, NAN], [NAN, NAN, 3]], "f4")
    assert asked(warp.most_frequent, codes, (1.5, 1.5), (1.5, 1.5), (0, 3, 0, 3)) == 3
    assert np.isnan(asked(warp.most_frequent, codes, (0.5, 0.5), (0.5, 0.5), (0, 3, 0, 3))).all()


def test_at_least_one_cell_votes_at_every_border():
    codes = np.ones(SHAPE, "f4")
    edges = [(y, x) for y in (0, 1e-12, 4.5, 8.99999) for x in (0, 3, 10.99999)]
    assert (asked(warp.most_frequent, codes, edges, (0.5, 0.5)) == 1).all()


def test_a_place_on_a_border_belongs_to_the_cell_after():
    values = np.arange(99.0).reshape(SHAPE)
    on = [(2, 3), (2 - 1e-9, 3 - 1e-9), (2 + 1e-9, 3)]
    assert asked(warp.nearest, values, on).tolist() == [25, 25, 25]


@pytest.mark.parametrize("nowhere", [NAN, np.inf, -np.inf, 1e300])
@pytest.mark.parametrize("rule", warp.RULES.values())
def test_nowhere_is_missing(rule, nowhere):
    assert np.isnan(asked(rule, np.ones(SHAPE), [(nowhere, 2), (2, nowhere)])).all()
    place = np.full((1, 1), nowhere)
    assert warp.reached(place, place, ALL)[:2] == (SHAPE[0], 0)


@settings(deadline=None)
@given(places_anywhere, st.sampled_from(list(warp.RULES)), st.integers(1, SHAPE[1] - 1))
def test_parts_give_what_the_whole_gives(places, rule, middle):
    values = np.random.default_rng(4).integers(0, 5, SHAPE).astype("f4")
    reach = (1.7, 1.4)
    out = asked(warp.RULES[rule], values, places, reach)
    west = asked(warp.RULES[rule], values[:, : middle + 3], places, reach, (0, SHAPE[0], 0, middle))
    first = max(middle - 3, 0)
    box = (0, SHAPE[0], middle, SHAPE[1])
    east = asked(warp.RULES[rule], values[:, first:].copy(), places, reach, box, (0, first))
    np.testing.assert_array_equal(np.where(np.isnan(west), east, west), out)


def test_what_is_reached():
    u, v = np.array([[3.5, 7.2, 20.0]]), np.array([[1.1], [4.9]])
    assert warp.reached(u, v, ALL) == (1, 5, 3, 8)
    assert warp.reached(u, v, (0, 9, 0, 5)) == (1, 5, 3, 4)


@settings(deadline=None)
@given(st.integers(0, 15), st.integers(0, 15), st.integers(1, 40), st.integers(1, 40))
def test_between_nodes_is_linear(row, column, rows, columns):
    i, j = np.mgrid[0:6, 0:6] * 16.0
    out = np.empty((rows, columns))
    warp.between_nodes(2 * i - 3 * j + 0.25 * i * j, 16, row, column, out)
    i, j = np.mgrid[row : row + rows, column : column + columns]
    np.testing.assert_allclose(out, 2 * i - 3 * j + 0.25 * i * j, rtol=1e-12, atol=1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.9))
@settings(max_examples=30)
def test_corners_kept_aside_give_the_bits_of_bilinear(seed, step):
    random = np.random.default_rng(seed)
    values = random.normal(0, 1, SHAPE).astype("f4")
    v, u = np.meshgrid(
        random.uniform(-1, 3) + step * np.arange(7), random.uniform(-1, 3) + step * np.arange(50), indexing="ij"
    )
    v = v + 0.01 * u
    expected, out = np.full(u.shape, np.nan, "f4"), np.empty(u.shape, "f4")
    box = (-10, 100, -10, 100)
    warp.bilinear(values, (2, 1), box, (1.0, 1.0), u, v, expected)
    index, down, along = np.empty(u.shape, np.int32), np.empty(u.shape), np.empty(u.shape)
    warp.corners(SHAPE, (2, 1), u, v, index, down, along)
    warp.from_corners(values, index, down, along, out)
    np.testing.assert_array_equal(out, expected)
