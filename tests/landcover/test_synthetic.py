"""The made-up series are what they promise."""

import numpy as np

from soilloss.landcover.synthetic import scene
from soilloss.landcover.tiles import NODATA


def test_the_same_seed_gives_the_same_scene():
    first, second, other = (scene((2, 1, 1), years=2, size=32, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(first.tiles.image, second.tiles.image)
    assert (first.truth != other.truth).any()


def test_shares_are_near_what_the_documents_say():
    made = scene((40, 2, 2), years=4, size=64)
    truth, label = made.truth, made.tiles.label
    assert 0.05 < (truth[:, 0] != truth[:, -1]).mean() < 0.12
    assert 0.04 < (label != truth[:, -2]).mean() < 0.09
    shares = np.bincount(truth.ravel(), minlength=9)[1:] / truth.size
    assert shares.min() > 0.03
    flips = np.diff(truth.astype(int), axis=1) != 0
    assert flips.sum(1).max() <= 1


def test_leaves_make_vegetation_green_and_water_stays_dark():
    made = scene((8, 1, 1), years=1, size=32)
    image = made.tiles.image / 10_000
    nir, red = image[:, :, 3], image[:, :, 2]
    forest, water = made.truth == 1, made.truth == 7
    ndvi = (nir - red) / (nir + red)
    assert ndvi[:, 2][forest[:, 2]].mean() > ndvi[:, 0][forest[:, 0]].mean() + 0.1
    assert nir[water].mean() < 0.1


def test_twins_show_the_label_year_by_the_older_sensor():
    made = scene((3, 1, 1), years=2, size=32, twins=True)
    assert made.tiles.quarters[-4:] == made.tiles.quarters[4:8]
    assert made.tiles.weight.tolist() == [0] * 4 + [1] * 8
    np.testing.assert_array_equal(made.truth[:, 4:8], made.truth[:, 8:])
    newer, older = made.tiles.image[:, 4:8, 0].mean(), made.tiles.image[:, 8:, 0].mean()
    assert 1.05 < older / newer < 1.25  # the gain in blue is 1.15


def test_cloudy_images_hold_nothing():
    made = scene((10, 1, 1), years=2, size=32, cloudy=0.5)
    empty = (made.tiles.image == NODATA).all((2, 3, 4))
    assert 0.3 < empty.mean() < 0.7
    assert (made.tiles.image[~empty] != NODATA).all()
