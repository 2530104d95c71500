"""Which images a batch holds, and what happens to clouds."""

import numpy as np
import pytest

from soilloss.errors import DataError
from soilloss.landcover import batches
from soilloss.landcover.tiles import NODATA, Tiles


def numbered(places=6, years=3):
    """Each image holds its own number: 100 place + quarter."""
    quarters = 4 * years
    number = 100 * np.arange(places)[:, None] + np.arange(quarters)
    image = np.broadcast_to(number[:, :, None, None, None], (places, quarters, 5, 4, 4)).astype(np.int16)
    weight = np.zeros(quarters, np.float32)
    weight[-4:] = [0.5, 1, 1, 1]
    names = tuple(f"{2019 + n // 4}-Q{n % 4 + 1}" for n in range(quarters))
    label = np.broadcast_to(np.arange(1, places + 1)[:, None, None], (places, 4, 4)).astype(np.uint8)
    return Tiles(image, label, np.array(["train"] * places), names, weight, np.zeros(quarters, bool), np.ones((2, 5)))


def numbers(batch):
    return np.round(batch.image[:, 0, 0, 0] * 10_000).astype(int)


def test_contrast_pairs_one_place_at_two_times():
    tiles, random = numbered(), np.random.default_rng(0)
    kinds = []
    for _ in range(100):
        first, second = np.split(numbers(batches.contrast(tiles, np.arange(6), 4, random)), 2)
        assert (first // 100 == second // 100).all()
        assert len(set(first // 100)) == 4
        assert (first != second).all()
        season = (first % 100) % 4 == (second % 100) % 4
        year = (first % 100) // 4 == (second % 100) // 4
        assert (season ^ year).all()
        kinds += season.tolist()
    assert 0.4 < np.mean(kinds) < 0.6


def test_held_out_quarters_are_never_read():
    tiles, random = numbered(), np.random.default_rng(0)
    tiles.held_out[:4] = True
    for _ in range(30):
        read = [batches.contrast(tiles, np.arange(6), 3, random), batches.unlabelled(tiles, np.arange(6), 3, random)]
        assert all((numbers(batch) % 100 >= 4).all() for batch in read)


def test_labels_and_weights_belong_to_their_images():
    tiles, random = numbered(), np.random.default_rng(0)
    batch = batches.labelled(tiles, [3, 1, 5], random)
    assert (numbers(batch) // 100).tolist() == [3, 1, 5]
    assert (numbers(batch) % 100 >= 8).all()
    assert batch.label[:, 0, 0].tolist() == [4, 2, 6]
    np.testing.assert_array_equal(batch.weight, tiles.weight[numbers(batch) % 100])
    assert (numbers(batches.unlabelled(tiles, np.arange(6), 4, random)) % 100 < 8).all()


def test_clouded_images_are_drawn_again():
    tiles, random = numbered(), np.random.default_rng(0)
    image = tiles.image.copy()
    image[0] = NODATA  # a place without any data
    image[:, 8] = NODATA  # a quarter without any
    image[1, :, :, :, 1:] = NODATA  # a place with a quarter of its cells
    tiles = tiles._replace(image=image)
    for _ in range(20):
        batch = batches.labelled(tiles, [0, 1, 2], random)
        assert set(numbers(batch) // 100) <= {1, 2}
        assert (numbers(batch) % 100 != 8).all()
        assert (batch.label[:, 0, 0] == numbers(batch) // 100 + 1).all()


def test_only_clouds_is_a_sentence():
    tiles = numbered()
    tiles = tiles._replace(image=np.full_like(tiles.image, NODATA))
    with pytest.raises(DataError, match="nearly all cloud: widen the composites' period"):
        batches.unlabelled(tiles, np.arange(6), 2, np.random.default_rng(0))


def test_batches_come_in_order_and_errors_come_through():
    assert list(batches.ahead(lambda n: n * n, 5)) == [0, 1, 4, 9, 16]
    assert list(batches.ahead(lambda n: n, 0)) == []
    with pytest.raises(ZeroDivisionError):
        list(batches.ahead(lambda n: 1 // (2 - n), 4))


def test_labels_under_clouds_are_no_labels():
    tiles = numbered()
    image = tiles.image.copy()
    image[:, :, 2, 0] = NODATA
    batch = batches.labelled(tiles._replace(image=image), [0, 3], np.random.default_rng(0))
    assert (batch.label[:, 0] == 0).all()
    assert (batch.label[:, 1:] == np.array([1, 4])[:, None, None]).all()


@pytest.mark.parametrize("names", [("2020-05", "2020-06", "2021-05", "2021-12"), ("2018", "2019", "2020", "2021")])
def test_series_of_months_and_years_pair_too(names):
    tiles = numbered(years=1)._replace(quarters=names)
    assert batches.contrast(tiles, np.arange(6), 4, np.random.default_rng(0)).image.shape == (8, 5, 4, 4)
