"""The published tables: Table 5 and 6 of the Loess Plateau study, and the example of Olofsson et al. (2014)."""

import numpy as np
import pandas as pd
import pytest

from soilloss.analysis import accuracy
from soilloss.errors import DataError

TABLE_5 = [
    [831, 0, 42, 6, 1, 0, 0, 0],
    [2, 15, 41, 0, 0, 1, 0, 1],
    [177, 2, 2882, 90, 1, 102, 0, 0],
    [7, 0, 255, 1424, 2, 14, 2, 0],
    [16, 0, 95, 79, 161, 20, 0, 0],
    [3, 1, 378, 97, 40, 546, 4, 0],
    [0, 0, 4, 4, 0, 3, 31, 2],
    [0, 0, 0, 0, 0, 0, 0, 0],
]
PRINTED = {
    "producer_accuracy": [0.944, 0.250, 0.886, 0.836, 0.434, 0.511, 0.705, np.nan],
    "user_accuracy": [0.802, 0.833, 0.780, 0.838, 0.785, 0.796, 0.838, 0],
    "iou": [0.766, 0.238, 0.708, 0.719, 0.388, 0.452, 0.620, 0],
}


@pytest.mark.parametrize("name", PRINTED)
def test_all_figures_of_table_5(name):
    found = accuracy.scores(TABLE_5)[name]
    np.testing.assert_array_equal(np.round(found, 3), PRINTED[name])


def test_the_figures_of_table_4():
    found = accuracy.scores(TABLE_5)
    assert np.sum(TABLE_5) == 7382
    assert found["overall_accuracy"] == pytest.approx(0.797887, abs=1e-6)
    assert found["kappa"] == pytest.approx(0.708959, abs=1e-6)
    assert found["fwiou"] == pytest.approx(0.660053, abs=1e-6)
    assert found["miou"] == pytest.approx(0.486379, abs=1e-6)
    assert found["miou"] * 8 / 7 == pytest.approx(0.555862, abs=1e-6)
    np.testing.assert_allclose(found["f1"][:7], 2 * found["iou"][:7] / (1 + found["iou"][:7]))


def test_a_class_in_neither_is_left_out_of_the_means():
    found = accuracy.scores(pd.DataFrame([[3, 1, 0], [0, 4, 0], [0, 0, 0]], index=list("abc"), columns=list("abc")))
    assert np.isnan(found["iou"]["c"])
    assert found["miou"] == pytest.approx((3 / 4 + 4 / 5) / 2)


def test_confusion_matrix():
    reference = np.array([[1, 2, 2, 0, 3]])
    mapped = np.array([[1, 2, 1, 3, np.nan]])
    table = accuracy.confusion_matrix(reference, mapped, classes=[2, 1, 3])
    assert table.to_numpy().tolist() == [[1, 1, 0], [0, 1, 0], [0, 0, 0]]
    assert (table.index.name, table.columns.name) == ("reference", "map")
    assert table.index.tolist() == [2, 1, 3]


def test_the_example_of_olofsson():
    counts = [[66, 0, 5, 4], [0, 55, 8, 12], [1, 0, 153, 11], [2, 1, 9, 313]]
    found = accuracy.area_estimate(counts, np.array([200_000, 150_000, 3_200_000, 6_450_000]) * 0.09)
    table = found["classes"]
    np.testing.assert_allclose(table["area"], [21157.76, 11686.15, 285769.93, 581386.15], atol=0.01)
    # the source takes 1.96 for the normal deviate
    np.testing.assert_allclose(table["area_interval"], [6157.63, 3755.83, 15509.84, 16281.66], rtol=2e-5)
    assert found["overall_accuracy"] == pytest.approx(0.946512, abs=1e-6)
    assert found["overall_interval"] == pytest.approx(0.018484, abs=2e-6)
    np.testing.assert_allclose(table["user_accuracy"], [0.88, 0.733333, 0.927273, 0.963077], atol=1e-6)
    np.testing.assert_allclose(table["producer_accuracy"], [0.748661, 0.847156, 0.934509, 0.961609], atol=1e-6)


def test_a_stratum_with_one_sample_has_no_interval():
    found = accuracy.area_estimate([[1, 0], [2, 8]], [10, 90])
    assert np.isnan(found["classes"]["area_interval"]).all()
    assert found["classes"]["area"].sum() == pytest.approx(100)


def test_a_class_that_is_nowhere_mapped_gets_its_area_from_the_strata_where_it_was_found():
    found = accuracy.area_estimate([[45, 0, 5], [0, 40, 10], [0, 0, 0]], [400, 600, 0])
    np.testing.assert_allclose(found["classes"]["area"], [360, 480, 160])
    # of the third class: 400^2 .1 .9 / 49 + 600^2 .2 .8 / 49
    assert found["classes"]["area_interval"][3] == pytest.approx(1.959964 * np.sqrt((14400 + 57600) / 49), rel=1e-6)
    assert found["overall_accuracy"] == pytest.approx(0.84)
    assert np.isfinite(found["overall_interval"])


REFERENCE = dict(zip(range(2018, 2025), [28.34, 27.82, 27.52, 27.17, 26.65, 26.04, 25.33], strict=True))
RESULTS = {
    "CSWED": dict(zip(range(2018, 2023), [14.89, 11.88, 14.98, 17.61, 12.83], strict=True)),
    "CLCDs": dict(zip(range(2018, 2024), [18.46, 21.42, 19.77, 23.48, 21.72, 23.48], strict=True)),
    "LP-QLC10": dict(zip(range(2018, 2025), [19.54, 22.70, 21.26, 23.70, 23.26, 23.96, 22.97], strict=True)),
}


def test_table_6():
    found = accuracy.eroded_share_error(RESULTS, REFERENCE, common_years=False)
    np.testing.assert_allclose(found["scores"]["mae"], [13.062, 5.868333, 4.497143], atol=1e-6)
    np.testing.assert_allclose(found["scores"]["bias"], [-13.062, -5.868333, -4.497143], atol=1e-6)
    assert found["scores"]["n"].tolist() == [5, 6, 7]
    errors = found["errors"]
    np.testing.assert_allclose(errors.loc["CSWED"].dropna(), [-13.45, -15.94, -12.54, -9.56, -13.82], atol=1e-9)
    # printed as -1.75 for 2020
    np.testing.assert_allclose(errors.loc["CLCDs"].dropna(), [-9.88, -6.40, -7.75, -3.69, -4.93, -2.56], atol=1e-9)


def test_products_are_compared_on_common_years():
    found = accuracy.eroded_share_error(RESULTS, REFERENCE)
    np.testing.assert_allclose(found["scores"]["mae"], [13.062, 6.530, 5.408], atol=1e-6)
    longer = accuracy.eroded_share_error({name: RESULTS[name] for name in ("CLCDs", "LP-QLC10")}, REFERENCE)
    np.testing.assert_allclose(longer["scores"]["mae"], [5.868, 4.853], atol=5e-4)


def test_eroded_share():
    assert accuracy.eroded_share([[1, 2], [0, 6]], cell_area=[[1.0], [3.0]]) == 80
    assert np.isnan(accuracy.eroded_share([0, np.nan]))


def test_against_observations():
    """Zhifanggou: 1224 and 1118 t km-2 modelled, 1581 and 1377 measured."""
    found = accuracy.against_observations([12.24, 11.18, np.nan], [15.81, 13.77, 1])
    assert found["n"] == 2
    assert found["rmse"] == pytest.approx(np.sqrt((3.57**2 + 2.59**2) / 2))
    assert accuracy.against_observations([1, 2, 3], [1, 2, 3])["nse"] == 1
    assert accuracy.against_observations([2, 2, 2], [1, 2, 3])["nse"] == 0
    assert np.isnan(accuracy.against_observations([1], [1])["nse"])
    assert accuracy.against_observations([np.nan], [1])["n"] == 0


def test_mistakes():
    with pytest.raises(DataError, match="class 9, which is not among"):
        accuracy.confusion_matrix([9], [1], classes=[1, 2])
    with pytest.raises(DataError, match="2 reference samples and 1 mapped"):
        accuracy.confusion_matrix([1, 2], [1])
    with pytest.raises(DataError, match="square with counts"):
        accuracy.scores([[1, 2]])
    with pytest.raises(DataError, match="3 mapped areas do not fit"):
        accuracy.area_estimate([[1, 2], [3, 4]], [1, 2, 3])
    with pytest.raises(DataError, match="no year is in all results"):
        accuracy.eroded_share_error({"a": {2000: 1.0}}, {2001: 1.0})
    with pytest.raises(DataError, match="2 modelled values and 1 observed"):
        accuracy.against_observations([1, 2], [1])
