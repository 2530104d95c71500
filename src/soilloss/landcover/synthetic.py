"""Made-up quarterly image series whose land cover is known: for tests, the comparison of training stages, the demo."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import ndimage

from soilloss.landcover.moments import moments
from soilloss.landcover.tiles import NODATA, SCALE, Tiles

# Reflectance of the eight classes in blue, green, red, nir, swir1: in winter, and with leaves
LEAF_OFF = np.array(
    [
        [0.03, 0.05, 0.05, 0.18, 0.15],  # forest
        [0.05, 0.07, 0.08, 0.20, 0.20],  # shrubland
        [0.07, 0.09, 0.12, 0.21, 0.26],  # grassland
        [0.08, 0.11, 0.14, 0.20, 0.27],  # cropland
        [0.12, 0.14, 0.16, 0.20, 0.24],  # built-up
        [0.13, 0.17, 0.22, 0.28, 0.34],  # bare
        [0.05, 0.06, 0.05, 0.03, 0.02],  # water
        [0.05, 0.08, 0.08, 0.14, 0.12],  # wetland
    ]
)
LEAF_ON = np.array(
    [
        [0.02, 0.05, 0.03, 0.40, 0.18],
        [0.03, 0.07, 0.06, 0.28, 0.20],
        [0.04, 0.08, 0.08, 0.27, 0.25],
        [0.03, 0.07, 0.05, 0.42, 0.20],
        [0.11, 0.13, 0.15, 0.22, 0.24],
        [0.12, 0.16, 0.21, 0.28, 0.33],
        [0.04, 0.06, 0.05, 0.03, 0.02],
        [0.03, 0.07, 0.05, 0.24, 0.12],
    ]
)
GREENNESS = (0.15, 0.55, 1.0, 0.45)  # share of the leaf-on spectrum in the four quarters
OLD_SENSOR = (1.15, 1.08, 1.05, 0.90, 0.93)  # gain of the sensor before the label year, per band
RARE = (1, 7)  # shrubland and wetland


class Scene(NamedTuple):
    """A synthetic area: what training reads, and the classes that no map maker knows.

    Parameters
    ----------
    tiles : Tiles
        Images, labels of the last year (with errors), split by place.
    truth : array (tile, quarter, y, x), uint8
        The class of every cell in every quarter.
    """

    tiles: Tiles
    truth: np.ndarray


def scene(
    places: tuple[int, int, int] = (96, 8, 24),
    *,
    years: int = 4,
    size: int = 64,
    seed: int = 0,
    last_year: int = 2021,
    cloudy: float = 0.0,
    twins: bool = False,
) -> Scene:
    """Return series of `places` (train, val, test) that end with the label year.

    Every image has its own gain and offset per band; the years before the last come from an older sensor with a
    bias, their first half at a third of the resolution. 8 per cent of the cells change class once, 6 per cent of the
    labels are wrong in blobs. A share `cloudy` of the images holds no data at all. With `twins` four more images show
    the label year as the older sensor sees it, with labels: the pairs of Landsat and Sentinel-2 of one year.

    Examples
    --------
    >>> made = scene((2, 1, 1), years=1, size=32)
    >>> made.tiles.image.shape, made.truth.shape
    ((4, 4, 5, 32, 32), (4, 4, 32, 32))
    """
    random = np.random.default_rng(seed)
    count, quarters = sum(places), 4 * years
    truth = _changing(random, count, quarters, size)
    names = [f"{last_year - years + 1 + n // 4}-Q{n % 4 + 1}" for n in range(quarters)]
    ages = [years - 1 - n // 4 for n in range(quarters)]
    if twins:
        truth, names, ages = np.concatenate([truth, truth[:, -4:]], 1), names + names[-4:], ages + [years - 1] * 4
    texture = 1 + 0.04 * _fields(random, count, 1, 20, size)
    image = np.empty((count, len(names), 5, size, size), np.int16)
    for n, age in enumerate(ages):
        image[:, n] = np.round(_images(random, truth[:, n], n % 4, texture, age, years) * SCALE)
    image[random.random((count, len(names))) < cloudy] = NODATA
    label = _with_errors(random, truth[:, quarters - 2], size)
    split = np.repeat(["train", "val", "test"], places)
    weight = np.array([name.startswith(str(last_year)) for name in names], np.float32)
    found = moments(image, np.flatnonzero(split == "train"))
    return Scene(Tiles(image, label, split, tuple(names), weight, np.zeros(len(names), bool), found), truth)


def _fields(random: np.random.Generator, count: int, layers: int, cells: int, size: int) -> np.ndarray:
    """Return smooth normal fields ``(count, layers, size, size)`` of variance 1 with about `cells` bumps a side."""
    rough = random.standard_normal((count, layers, cells, cells)).astype(np.float32)
    at = (np.arange(size) + 0.5) * cells / size - 0.5
    weights = np.exp(-0.5 * ((at[:, None] - np.arange(cells)) / 0.6) ** 2).astype(np.float32)
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return weights @ rough @ weights.T


def _landscape(random: np.random.Generator, count: int, size: int) -> np.ndarray:
    height = _fields(random, count, 8, 5, size) + 0.6 * _fields(random, count, 8, 12, size)
    height[:, RARE] -= 0.5
    return (height.argmax(1) + 1).astype(np.uint8)


def _changing(random: np.random.Generator, count: int, quarters: int, size: int) -> np.ndarray:
    before, after = _landscape(random, count, size), _landscape(random, count, size)
    changes = _fields(random, count, 1, 3, size)[:, 0] > 1.34
    when = random.integers(2, max(quarters - 4, 3), count)
    return np.stack([np.where(changes & (n >= when)[:, None, None], after, before) for n in range(quarters)], 1)


def _images(
    random: np.random.Generator, truth: np.ndarray, season: int, texture: np.ndarray, age: int, years: int
) -> np.ndarray:
    """Return reflectance ``(place, band, y, x)`` of one quarter, `age` years before the label year."""
    count = len(truth)
    green = np.clip(GREENNESS[season] + 0.1 * random.standard_normal((count, 1, 1, 1)), 0, 1.1)
    spectra = LEAF_OFF[truth - 1] * (1 - green) + LEAF_ON[truth - 1] * green
    gain = 1 + 0.06 * random.standard_normal((count, 5, 1, 1))
    offset = 0.01 * random.standard_normal((count, 5, 1, 1))
    if age:
        gain = gain * np.reshape(OLD_SENSOR, (5, 1, 1))
    x = np.moveaxis(spectra, -1, 1) * texture * gain + offset
    x = x + (0.014 if age else 0.008) * random.standard_normal(x.shape)
    if age >= years / 2:
        x = ndimage.uniform_filter(x, (1, 1, 3, 3), mode="nearest")  # pyright: ignore[reportArgumentType]
    return np.maximum(x, 0)


def _with_errors(random: np.random.Generator, truth: np.ndarray, size: int) -> np.ndarray:
    wrong = _fields(random, len(truth), 1, 14, size)[:, 0] > 1.45
    return np.where(wrong, _landscape(random, len(truth), size), truth)
