"""Batches for the three stages, drawn at random and read from tiles; images without data are drawn again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np

from soilloss.errors import DataError
from soilloss.landcover.tiles import NODATA, SCALE, Tiles

FEWEST_VALID = 0.1  # share of cells with data below which an image counts as cloud
ATTEMPTS = 100
PATIENCE = 10  # attempts at one place


class Batch(NamedTuple):
    """Images and, for the supervised part, labels.

    Parameters
    ----------
    image : array (n, band, y, x), float32
        Reflectance, NaN where missing.
    label : array (n, y, x), uint8
        Classes from 1, 0 without label or image; empty for images without labels.
    weight : array (n,), float32
        Weight of each image's labels.
    """

    image: np.ndarray
    label: np.ndarray
    weight: np.ndarray


Times = Callable[[np.random.Generator], list[int]]


def reflectance(image: Any) -> np.ndarray:
    """Return stored whole numbers as reflectance, NaN where missing.

    Examples
    --------
    >>> reflectance(np.array([1200, -32768], np.int16)).tolist()
    [0.11999999731779099, nan]
    """
    stored = np.asarray(image)
    return np.where(stored == NODATA, np.float32(np.nan), stored / np.float32(SCALE))


def contrast(tiles: Tiles, places: np.ndarray, count: int, random: np.random.Generator) -> Batch:
    """Return `count` places at one time and then, in the same order, at another.

    Half of the second times are the same season of another year, half another season of the same year.
    """
    allowed = np.flatnonzero(~tiles.held_out)
    names = [(name[:4], name[4:]) for name in tiles.quarters]

    def times(random: np.random.Generator) -> list[int]:
        first = int(random.choice(allowed))
        same = int(random.random() < 0.5)  # the year or the season
        others = [q for q in allowed if q != first]
        alike = [q for q in others if names[q][same] == names[first][same]]
        return [first, int(random.choice(alike or others))]

    drawn = random.choice(places, count, replace=False)
    read = [_read(tiles, place, places, times, random) for place in drawn]
    return Batch(np.stack([images[time] for time in (0, 1) for _, _, images in read]), np.empty(0), np.empty(0))


def labelled(tiles: Tiles, places: Sequence[int], random: np.random.Generator) -> Batch:
    """Return one image of a labelled quarter for each of `places`, or of another place where all are clouded."""
    quarters = np.flatnonzero((tiles.weight > 0) & ~tiles.held_out)
    read = [_read(tiles, place, places, lambda r: [int(r.choice(quarters))], random) for place in places]
    image = np.stack([images[0] for _, _, images in read])
    label = np.stack([np.asarray(tiles.label[place]) for place, _, _ in read])
    return Batch(
        image,
        np.where(np.isfinite(image).all(axis=1), label, 0).astype(np.uint8),  # clouds are no class
        np.array([tiles.weight[times[0]] for _, times, _ in read], np.float32),
    )


def unlabelled(tiles: Tiles, places: np.ndarray, count: int, random: np.random.Generator) -> Batch:
    """Return images without labels, of `count` places."""
    quarters = np.flatnonzero((tiles.weight == 0) & ~tiles.held_out)
    drawn = random.choice(places, count, replace=False)
    read = [_read(tiles, place, places, lambda r: [int(r.choice(quarters))], random) for place in drawn]
    return Batch(np.stack([images[0] for _, _, images in read]), np.empty(0), np.empty(0))


def _read(
    tiles: Tiles, place: int, others: Sequence[int] | np.ndarray, times: Times, random: np.random.Generator
) -> tuple[int, list[int], list[np.ndarray]]:
    """Return a place, times and their images: of `place` if some that are drawn have data, else of another place."""
    place = int(place)
    for attempt in range(ATTEMPTS):
        drawn = times(random)
        images = [reflectance(tiles.image[place, time]) for time in drawn]
        if all(np.isfinite(image).all(0).mean() >= FEWEST_VALID for image in images):
            return place, drawn, images
        if attempt >= PATIENCE:
            place = int(random.choice(others))
    raise DataError(
        f"{ATTEMPTS} images drawn one after another have data in less than {FEWEST_VALID:.0%} of their cells; the "
        "tiles are nearly all cloud: widen the composites' period, or drop these quarters"
    )


def ahead(make: Callable[[int], Any], count: int) -> Iterator[Any]:
    """Yield ``make(0)`` to ``make(count - 1)``, each made in the background while the one before is used."""
    if not count:
        return
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(make, 0)
        for n in range(count):
            ready = coming.result()
            if n + 1 < count:
                coming = pool.submit(make, n + 1)
            yield ready
