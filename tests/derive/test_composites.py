"""Masks by their published bits, reflectance by its published scale, harmonisation there and back."""

import numpy as np
import pytest

from soilloss.derive import composites as c
from soilloss.derive.composites import MISSING
from soilloss.errors import DataError


def test_scene_classification():
    codes = np.arange(12).reshape(1, 12)
    assert c.scl_usable(codes, spread=0).nonzero()[1].tolist() == [2, 4, 5, 6, 7]
    assert c.scl_usable(codes, spread=0, snow=True, dark=False).nonzero()[1].tolist() == [4, 5, 6, 7, 11]
    clear = np.full((9, 9), 4)
    clear[4, 4] = 9
    assert (~c.scl_usable(clear, spread=2)).sum() == 13


@pytest.mark.parametrize(
    ("value", "usable"),
    [(21824, True), (21952, True), (1, False), (22280, False), (23888, False), (30048, False), (54596, False)],
)
def test_quality_band_of_landsat(value, usable):
    """Clear, water, fill, cloud, cloud shadow, snow, cirrus: values as USGS lists them (LSDS-1619)."""
    assert c.qa_usable(np.array([value])).item() is usable


def test_cirrus_has_no_meaning_before_landsat_8():
    assert c.qa_usable(np.array([4]), cirrus=False).item()
    assert not c.qa_usable(np.array([4])).item()
    assert c.qa_usable(np.array([30048]), snow=True).item()


def test_saturation_and_reliability():
    assert c.unsaturated(np.array([0, 1, 64])).tolist() == [True, False, False]
    assert c.reliable(np.array([-1, 0, 1, 2, 3, 255])).tolist() == [False, True, True, False, False, False]


def test_reflectance():
    """18639 is 0.313 in the guide to Landsat collection 2; slightly negative is 0, more is missing."""
    values = np.array([18639, 7272, 6000, 5000, 43636, 44000, np.nan])
    found = c.scaled(values, 2.75e-5, -0.2)
    assert found.tolist() == [3126, 0, 0, MISSING, 10000, MISSING, MISSING]
    assert c.scaled(np.array([-2000.0, -10001]), 1e-4, 0, lowest=-1).tolist() == [-2000, MISSING]


def test_harmonised():
    values = np.array([500, 2500, MISSING], "i2")
    assert c.harmonised(values, "red", "landsat-8", "rma") is values
    assert c.harmonised(values, "red", "sentinel-2a", "none") is values
    assert c.harmonised(values, "red", "sentinel-2a", "hls").tolist() == [497, 2450, MISSING]
    assert c.harmonised(values, "green", "sentinel-2b", "hls").tolist() == [496, 2511, MISSING]
    assert c.harmonised(values, "nir", "landsat-7", "ols").tolist() == [835, 2528, MISSING]
    back = c.harmonised(values, "blue", "landsat-5", "rma")[:2] * 0.9785 - 95
    np.testing.assert_allclose(back, values[:2], atol=1)
    assert c.harmonised(values, "red", "landsat-5", "hls") is values
    with pytest.raises(DataError, match="swir2 of landsat-7 has no coefficients"):
        c.harmonised(values, "swir2", "landsat-7", "rma")


def test_index():
    nir, red = np.array([4000, 0, MISSING, 100], "i2"), np.array([1000, 0, 5, MISSING], "i2")
    assert c.index(nir, red).tolist() == [6000, MISSING, MISSING, MISSING]


def test_composite():
    random = np.random.default_rng(1)
    values = random.integers(0, 9000, (7, 2, 5, 6)).astype("i2")
    image, count = c.composite(values)
    np.testing.assert_array_equal(image, np.median(values, axis=0))
    assert (count == 7).all()
    nearest, _ = c.composite(values, "medoid")
    assert any((nearest[:, 2, 3] == values[t, :, 2, 3]).all() for t in range(7))


def test_gaps_are_closed_from_the_same_season_first():
    labels = [f"{year}-Q{quarter}" for year in (2000, 2001, 2002) for quarter in (1, 2, 3, 4)]
    images = {label: np.array([10 * n, 10 * n, MISSING, MISSING], "i2") for n, label in enumerate(labels)}
    images["2001-Q2"][:] = MISSING
    images["2000-Q2"][1] = images["2002-Q2"][1] = MISSING
    images["2002-Q2"][2] = 77
    image, flag = c.filled(images, "2001-Q2", labels)
    assert image.tolist() == [50, 50, 77, MISSING]
    assert flag.tolist() == [1, 2, 1, 3]
    first, flag = c.filled(images, "2000-Q1", labels)
    assert (first[:2].tolist(), flag.tolist()) == ([0, 0], [0, 0, 3, 3])
