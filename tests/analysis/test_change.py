"""Transitions against sums, the rules of the Jiuyuangou study, and the sums of the Loess Plateau study."""

import numpy as np
import pytest
import xarray as xr

from soilloss.analysis import change
from soilloss.errors import DataError


def maps(seed, shape=(20, 30)):
    random = np.random.default_rng(seed)
    return random.integers(0, 5, shape).astype("u1"), random.integers(0, 5, shape).astype("u1")


def test_sums_of_the_matrix_are_the_areas_of_the_classes():
    before, after = maps(1)
    area = np.random.default_rng(2).random((20, 1)) + 1
    table = change.transition_matrix(before, after, cell_area=area)
    both = (before > 0) & (after > 0)
    weights = np.broadcast_to(area, before.shape)
    for code in range(1, 5):
        assert table.loc[code].sum() == pytest.approx(weights[both & (before == code)].sum())
        assert table[code].sum() == pytest.approx(weights[both & (after == code)].sum())
        assert table.loc[code, code] == pytest.approx(weights[both & (before == code) & (after == code)].sum())


def test_classes_go_by_their_names_and_may_be_floats():
    legend = {"flag_values": [1, 4], "flag_meanings": "forest cropland"}
    before = xr.DataArray(np.array([[1, np.nan, 4]], "f4"), dims=("y", "x"), attrs=legend)
    table = change.transition_matrix(before, before.copy(data=[[4, 4, 4]]))
    assert table.loc["forest", "cropland"] == 1
    assert table.to_numpy().sum() == 2
    assert (table.index.name, table.columns.name) == ("from", "to")


def test_gain_and_loss_by_both_rules():
    grades = change.gain_loss(np.array([1, 2, 6, 0, 3]), np.array([2, 1, 6, 1, 0]))
    np.testing.assert_array_equal(grades, np.array([-1, 1, 0, np.nan, np.nan], "f4"))
    cover = change.gain_loss([1, 4, 4, 1, 0], [4, 3, 4, 6, 4], of="land_cover")
    np.testing.assert_array_equal(cover, np.array([-1, 1, 0, 0, np.nan], "f4"))
    named = change.gain_loss(xr.DataArray([1]), xr.DataArray([2]))
    assert named.attrs["flag_meanings"] == "loss none gain"


def test_sankey_flows_are_the_matrices():
    series = [maps(seed)[0] for seed in range(3)]
    figure = change.sankey(series, steps=["2000", "2010", "2020"], cell_area=2)
    assert figure["kind"] == "sankey"
    second = change.transition_matrix(series[1], series[2], cell_area=2)
    flows = {(start, end): area for label, start, end, area in figure["flows"] if label == "2010"}
    assert flows == {(s, e): second.loc[s, e] for s in second.index for e in second.columns if second.loc[s, e]}


def test_means_of_the_quarters_add_to_the_year():
    random = np.random.default_rng(3)
    before, after = maps(4)
    losses = [random.gamma(2, 2, (4, 20, 30)) for _ in range(2)]
    losses[1][2, 5:9] = np.nan
    table = change.change_effect(before, after, *losses, steps=["Q1", "Q2", "Q3", "Q4"])
    np.testing.assert_allclose(table[["Q1", "Q2", "Q3", "Q4"]].sum(axis=1), table["sum"])
    valid = (before > 0) & (after > 0) & np.isfinite(losses[1]).all(axis=0)
    gained = valid & (before != 2) & (after == 2)
    year = (losses[1] - losses[0]).sum(axis=0)
    assert table.loc[(2, "gain"), "sum"] == pytest.approx(year[gained].mean())
    assert table.loc[(2, "gain"), "cells"] == gained.sum()
    assert table.loc[(3, "current"), "sum"] == pytest.approx(losses[1].sum(axis=0)[valid & (after == 3)].mean())


def test_a_class_that_nobody_lost_has_no_mean():
    table = change.change_effect([1, 1], [1, 1], [1.0, 2.0], [3.0, 4.0], cell_area=[1, 3])
    assert np.isnan(table.loc[(1, "loss"), "sum"])
    assert table.loc[(1, "current"), "sum"] == 3.75


@pytest.mark.parametrize("n", [9, 10, 57, 200])
def test_top_fraction(n):
    values = np.random.default_rng(n).permutation(n).astype("f4")
    mask = change.top_fraction(np.append(values, np.nan))
    assert mask.sum() == n // 10
    if n >= 10:
        assert values[mask[:-1]].min() == n - n // 10


def test_top_fraction_takes_ties_and_areas():
    assert change.top_fraction(np.array([3.0, 3, 3, 1, 0]), 0.2).tolist() == [True, True, True, False, False]
    values = xr.DataArray([4.0, 3, 2, 1], dims="x")
    assert change.top_fraction(values, 0.5, cell_area=[1, 1, 4, 4]).to_numpy().tolist() == [True, True, False, False]
    assert not change.top_fraction(np.full(3, np.nan)).any()


def test_timing_bridges_gaps():
    classes = np.array([[1, 4, 1, 4], [0, 1, 4, 4], [4, 4, 1, 4], [4, 0, 4, 4]], "u1")
    found = change.timing(classes, 4, time=["2000", "2001", "2002", "2003"])
    np.testing.assert_array_equal(found["gain"], [2002, 2002, 2003, np.nan])
    np.testing.assert_array_equal(found["loss"], [np.nan, 2001, 2002, np.nan])
    np.testing.assert_array_equal(found["gains"], [1, 1, 2, 0])
    cube = xr.DataArray(classes, dims=("time", "x"), coords={"time": [2000, 2001, 2002, 2003]})
    np.testing.assert_array_equal(change.timing(cube, 4)["gain"], found["gain"])


def test_class_areas():
    before, after = maps(5)
    table = change.class_areas(np.stack([before, after]), steps=["2000", "2001"], cell_area=0.09)
    row = table[(table["step"] == "2001") & (table["class"] == 3)].iloc[0]
    assert row["area"] == pytest.approx(0.09 * (after == 3).sum())
    assert row["percent"] == pytest.approx(100 * (after == 3).sum() / (after > 0).sum())


def test_mistakes():
    with pytest.raises(DataError, match="class 300, expected whole numbers"):
        change.transition_matrix([300], [1])
    with pytest.raises(DataError, match="class 1.5, expected"):
        change.gain_loss([1.5], [1.0])
    with pytest.raises(DataError, match=r"shapes \(2,\) and \(3,\)"):
        change.transition_matrix([1, 2], [1, 2, 3])
