"""Divergences of printed examples, correlations against scipy, the detector by its definition."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from soilloss.analysis import drivers
from soilloss.errors import DataError

P = np.array([0, 0, 1, 1, 2, 2, 3, 3.0])
Q = np.array([0, 0, 0, 0, 1, 1, 2, 3.0])


def test_weights_against_uniform():
    weights, same = np.array([10.0, 20, 30, 40]), np.ones(4)
    found = drivers.kl_divergence_spatial(weights, same)
    assert found["divergence"] == pytest.approx(0.106440, abs=1e-6)
    assert found["reverse"] == pytest.approx(0.121777, abs=1e-6)
    assert drivers.kl_divergence_spatial(weights, same, base=2)["divergence"] == pytest.approx(0.153561, abs=1e-6)
    assert found["divergence"] == pytest.approx(stats.entropy(weights, same))


def test_images_of_four_levels():
    found = drivers.kl_divergence(P, Q, bins=4)
    assert found["divergence"] == pytest.approx(0.173287, abs=1e-6)
    assert found["reverse"] == pytest.approx(0.173287, abs=1e-6)
    assert found["jensen_shannon"] == pytest.approx(0.042475, abs=1e-6)
    laplace = drivers.kl_divergence(P, Q, bins=4, smoothing=1 / 8)  # one more in each bin
    assert laplace["divergence"] == pytest.approx(0.075026, abs=1e-6)
    assert laplace["reverse"] == pytest.approx(0.077689, abs=1e-6)


def test_the_histogram_form_does_not_see_place_and_the_spatial_form_does():
    image = np.random.default_rng(1).gamma(2, 1, (20, 20))
    shuffled = np.random.default_rng(2).permutation(image.reshape(-1)).reshape(20, 20)
    assert drivers.kl_divergence(image, shuffled)["divergence"] == 0
    assert abs(drivers.kl_divergence(image, shuffled)["spearman"]) < 0.2
    assert drivers.kl_divergence_spatial(image, shuffled)["divergence"] > 0.1
    assert drivers.kl_divergence_spatial(image, image * 3)["divergence"] == pytest.approx(0, abs=1e-12)


def test_missing_cells_and_empty_bins():
    found = drivers.kl_divergence([0, 0, 3, np.nan, 3], [0, 1, 3, 9, np.inf], bins=4)
    assert found["n"] == 3
    assert np.isinf(drivers.kl_divergence([0, 1, 3], [0, 0, 3], bins=4, smoothing=0)["divergence"])
    ranks = stats.spearmanr(P, Q).statistic
    assert drivers.kl_divergence(P, Q)["spearman"] == pytest.approx(ranks)
    assert np.isfinite(drivers.kl_divergence_spatial([-1.0, 0, 2], [0.0, 1, 2])["divergence"])


def test_pearson_of_all_pairs():
    random = np.random.default_rng(3)
    table = pd.DataFrame(random.random((20, 3)), columns=["soil_loss", "rain", "forest"], index=range(2001, 2021))
    table.iloc[4, 1] = np.nan
    found = drivers.pearson(table)
    assert found[["first", "second"]].to_numpy().tolist()[0] == ["soil_loss", "rain"]
    assert (found["start"].iloc[0], found["end"].iloc[0]) == (2001, 2020)
    for row in found.itertuples():
        pair = table[[row.first, row.second]].dropna()
        expected = stats.pearsonr(*pair.to_numpy().T)
        assert (row.n, row.r) == (len(pair), pytest.approx(expected.statistic))
        assert row.p_value == pytest.approx(expected.pvalue)


def test_pearson_by_period_and_in_a_moving_window():
    years = list(range(2000, 2010))
    rain = np.arange(10.0)
    loss = np.where(rain < 5, rain, 5 - rain)
    found = drivers.pearson({"a": loss, "b": rain}, time=years, periods=[(2000, 2004), (2005, 2020)])
    assert found["r"].round(9).tolist() == [1, -1]
    assert found[["start", "end"]].to_numpy().tolist() == [[2000, 2004], [2005, 2009]]
    moving = drivers.pearson({"a": loss, "b": rain}, window=4)
    assert len(moving) == 7
    assert moving["r"].iloc[0] == pytest.approx(1)
    assert np.isnan(drivers.pearson({"a": [1, 2], "b": [3, 4]})["r"].iloc[0])
    assert np.isnan(drivers.pearson({"a": [1, 1, 1], "b": [3, 4, 5]})["r"].iloc[0])


def test_the_detector():
    y = np.array([1, 2, 1, 2, 8, 9, 8, 9.0])
    side, parity = np.repeat([0, 1], 4), np.tile([0, 1], 4)
    found = drivers.geographical_detector(y, {"side": side, "parity": parity})
    table = found["factors"].set_index("factor")
    assert table["q"].round(9).tolist() == [0.98, 0.02]
    assert table.loc["side", "f"] == pytest.approx(6 * 0.98 / 0.02)
    assert table.loc["side", "p_value"] < 0.05 < table.loc["parity", "p_value"]
    assert found["interactions"].iloc[0].tolist() == ["side", "parity", pytest.approx(1), "independent"]


def test_the_detector_cuts_numbers_into_classes():
    random = np.random.default_rng(4)
    slope, other = random.random(2000), random.random(2000)
    found = drivers.geographical_detector(slope * other, {"slope": slope, "other": other}, classes=5)
    assert found["factors"]["strata"].tolist() == [5, 5]
    assert found["interactions"]["kind"].tolist() == ["enhanced, non-linear"]
    exclusive = drivers.geographical_detector((slope > 0.5) ^ (other > 0.5), {"a": slope > 0.5, "b": other > 0.5})
    assert exclusive["interactions"]["q"].iloc[0] == pytest.approx(1)


@pytest.mark.parametrize(
    ("one", "other", "together", "kind"),
    [
        (0.3, 0.4, 0.5, "enhanced, bivariate"),
        (0.3, 0.4, 0.35, "weakened, univariate"),
        (0.3, 0.4, 0.2, "weakened, non-linear"),
    ],
)
def test_kinds_of_interaction(one, other, together, kind):
    assert drivers._kind(one, other, together) == kind


def test_mistakes():
    with pytest.raises(DataError, match="rain has 2 values, the others have 3"):
        drivers.pearson({"soil_loss": [1, 2, 3], "rain": [1, 2]})
    with pytest.raises(DataError, match="no year from 1990 to 1995"):
        drivers.pearson({"a": [1, 2, 3], "b": [1, 2, 3]}, time=[2000, 2001, 2002], periods=[(1990, 1995)])
    with pytest.raises(DataError, match="bring both to the same grid"):
        drivers.kl_divergence([1, 2], [1])
