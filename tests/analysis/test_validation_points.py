"""Drawing, checking and agreeing on validation points."""

import numpy as np
import pandas as pd
import pytest

from soilloss.analysis import validation_points as vp
from soilloss.errors import DataError
from soilloss.grid.target import make_grid

GRID = make_grid((0, 0, 1000, 500), "EPSG:32635", 10)
CLASSES = np.ones((50, 100), int)
CLASSES[:, 60:] = 4
CLASSES[0, :3] = 7
CLASSES[1] = 0


def table(classes, **more):
    n = len(classes)
    return pd.DataFrame({"id": range(n), "x": 0.0, "y": 0.0, "date": "2021", "class": classes, **more})


def test_strata_get_their_share_and_the_rare_their_least():
    points = vp.draw_points(CLASSES, GRID, count=500, dates=["2010", "2021-Q3"], fewest=40)
    first = points[points["date"] == "2010"]
    counts = first["stratum"].value_counts()
    assert counts[7] == 3  # all it has
    assert counts[1] > counts[4] > 40
    assert abs(len(first) - 500) <= 2
    assert (points[points["date"] == "2021-Q3"]["x"].to_numpy() == first["x"].to_numpy()).all()
    column, row = ~GRID.affine * (first["x"].to_numpy(), first["y"].to_numpy())
    np.testing.assert_array_equal(CLASSES[row.astype(int), column.astype(int)], first["stratum"])
    assert points["class"].isna().all()
    areas = first.groupby("stratum")["stratum_area"].unique()
    assert {code: one.tolist() for code, one in areas.items()} == {
        code: [pytest.approx((CLASSES == code).sum() / 100)] for code in (1, 4, 7)
    }


def test_random_points_lie_where_the_map_is_known():
    points = vp.draw_points(CLASSES, GRID, count=300, dates=["2021"], stratified=False, seed=5)
    assert len(points) == 300
    assert (points["stratum"] > 0).all()
    again = vp.draw_points(CLASSES, GRID, count=300, dates=["2021"], stratified=False, seed=5)
    pd.testing.assert_frame_equal(points, again)


def test_classes_by_name_or_code_and_empty_rows():
    found = vp.checked_points(table(["forest", "Built_up", 4, "8", "", None]))
    assert found["class"].tolist() == [1, 5, 4, 8]
    assert vp.checked_points(table([1]).assign(date=2021.0))["date"].tolist() == ["2021"]


def test_fleiss_kappa_of_the_published_example():
    """Fleiss (1971) as worked in the usual textbook example: 10 subjects, 14 raters, kappa 0.210."""
    votes = [
        [0, 0, 0, 0, 14], [0, 2, 6, 4, 2], [0, 0, 3, 5, 6], [0, 3, 9, 2, 0], [2, 2, 8, 1, 1],
        [7, 7, 0, 0, 0], [3, 2, 6, 3, 0], [2, 5, 3, 2, 2], [6, 5, 2, 1, 0], [0, 2, 2, 3, 7],
    ]  # fmt: skip
    agreed, kappa = vp.agreement_of(votes)
    assert round(agreed, 3) == 0.378
    assert round(kappa, 3) == 0.210


def test_consensus_takes_the_majority_and_leaves_out_what_nobody_knows():
    points, summary = vp.consensus({"A": table([1, 4, 3]), "B": table([1, 4, 6]), "C": table([1, 3, 8])})
    assert points["class"].tolist() == [1, 4]
    assert points["agreement"].round(3).tolist() == [1, 0.667]
    assert summary["points"] == 2
    assert summary["undecided"] == 1
    alone, words = vp.consensus({"A": table([1, 4])})
    assert alone["class"].tolist() == [1, 4]
    assert np.isnan(words["kappa"])


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: vp.checked_points(table([1]).drop(columns="date")), "no column 'date'"),
        (lambda: vp.checked_points(table(["cropp"])), "did you mean 'cropland'"),
        (lambda: vp.checked_points(table([9])), "class 9 is not known"),
        (lambda: vp.checked_points(table([1, 2]).assign(id=1)), "two classes for 2021"),
        (lambda: vp.draw_points(np.zeros((2, 2)), GRID, count=1, dates=[]), "no cell with a class"),
    ],
)
def test_mistakes_are_sentences(call, words):
    with pytest.raises(DataError, match=words):
        call()
