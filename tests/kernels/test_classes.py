import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.kernels import classes

EDGES = classes.thresholds([10.0, 20.0, 40.0])
VALUES = np.array([1.0, 2.0, 3.0, 4.0])


@given(st.floats(-1e6, 1e6))
def test_pick_and_classify_agree_with_digitize(value):
    step = int(np.digitize(value, EDGES))
    assert classes.pick(value, EDGES, VALUES) == VALUES[step]
    assert classes.classify(value, EDGES) == step + 1


def test_edges_have_an_owner():
    left, right = classes.thresholds([10.0]), classes.thresholds([10.0], closed_right=True)
    near = np.array([10 * (1 - 2e-6), 10 * (1 - 1e-7), 10, 10 * (1 + 1e-7), 10 * (1 + 2e-6)])
    assert classes.classify(near, left).tolist() == [1, 2, 2, 2, 2]
    assert classes.classify(near, right).tolist() == [1, 1, 1, 1, 2]
    assert classes.classify(np.array([-1e-12, 0.0]), classes.thresholds([0.0])).tolist() == [1, 2]


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float32, np.float64])
def test_lookup_of_any_kind_of_code(kind):
    assert classes.lookup(np.array([0, 3], kind), VALUES).tolist() == [1, 4]
    assert np.isnan(classes.lookup(np.array([4, 200 if kind == np.uint8 else -1], kind), VALUES)).all()


def test_codes_must_be_whole():
    assert np.isnan(classes.lookup(np.array([0.5, np.nan, np.inf, -np.inf], "f4"), VALUES)).all()
    table = np.ones((4, 4))
    assert np.isnan(classes.lookup_steps(np.array([0.5, np.nan, np.inf]), 1.0, table, EDGES)).all()
    assert np.isnan(classes.lookup_steps(1.0, np.nan, table, EDGES))


def test_missing_is_class_zero():
    out = classes.classify(np.array([np.nan, 5, np.inf], "f4"), EDGES)
    assert out.tolist() == [0, 1, 4]
    assert out.dtype == np.uint8


def test_steps_by_code():
    table = np.arange(8.0).reshape(2, 4)
    out = classes.lookup_steps(np.array([[0.0], [1.0]]), np.array([5.0, 10, 25, 40]), table, EDGES)
    np.testing.assert_array_equal(out, table)


def test_codes_are_looked_up_and_flags_counted():
    codes = np.array([[0, 255], [7, 7]], "u1")
    table = np.arange(256, dtype="f4") / 2
    out = np.empty((2, 2), "f4")
    classes.gather(codes, table, out)
    assert out.tolist() == [[0, 127.5], [3.5, 3.5]]
    cells = np.array([[True, True], [True, False]])
    assert classes.count_flagged(codes, table == 3.5, cells) == 1
