"""Images made comparable and put together: quality masks, reflectance, harmonised sensors, composites, filled gaps.

Bands are int16, reflectance (or an index) times 10 000, -32768 missing. Plain arrays in and out; scenes come first.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from soilloss.errors import DataError
from soilloss.kernels import composite as kernels
from soilloss.kernels.composite import MISSING

TIMES = 10_000
# reflectance below zero by no more than this is zero, further below it is missing
LOWEST = -0.05

# Sentinel-2 scene classification: no data, saturated, cloud shadow, clouds of middle and high probability, cirrus
SCL_DROPPED = (0, 1, 3, 8, 9, 10)
SCL_SPREAD = (3, 8, 9, 10)
SCL_SNOW, SCL_DARK = 11, 2
# bits of the quality band of Landsat collection 2
QA_FILL, QA_DILATED, QA_CIRRUS, QA_CLOUD, QA_SHADOW, QA_SNOW = range(6)
# reliability of MODIS vegetation indices: good and marginal data
RELIABLE = (0, 1)

# band-pass differences: OLI = slope * other + offset. Sentinel-2 A and B: Claverie et al. (2018); ETM+ by ordinary
# least squares and by reduced major axis (there ETM+ = slope * OLI + offset): Roy et al. (2016). TM is taken as ETM+.
_BANDS = ("blue", "green", "red", "nir", "swir1")
_HLS_A = ((0.9778, -0.0040), (1.0053, -0.0009), (0.9765, 0.0009), (0.9983, -0.0001), (0.9987, -0.0011))
_HLS_B = ((0.9778, -0.0040), (1.0075, -0.0008), (0.9761, 0.0010), (0.9966, 0.0000), (1.0000, -0.0003))
_OLS = ((0.8474, 0.0003), (0.8483, 0.0088), (0.9047, 0.0061), (0.8462, 0.0412), (0.8937, 0.0254))
_RMA = ((0.9785, -0.0095), (0.9542, -0.0016), (0.9825, -0.0022), (1.0073, -0.0021), (1.0171, -0.0030))


def scl_usable(scl: Any, *, snow: bool = False, dark: bool = True, spread: int = 3) -> np.ndarray:
    """Return where the scene classification of Sentinel-2 lets a cell be used.

    Parameters
    ----------
    scl : integer array
        Classes 0 to 11.
    snow, dark : bool
        Whether snow (11) and dark areas (2) are used.
    spread : int
        Cells by which clouds and their shadows are grown.

    Examples
    --------
    >>> scl_usable(np.array([[4, 5, 8, 4]]), spread=1).tolist()
    [[True, False, False, False]]
    """
    from scipy.ndimage import binary_dilation

    codes = np.asarray(scl)
    dropped = _among(SCL_SPREAD)[codes]
    if spread and dropped.any():
        dropped = np.asarray(binary_dilation(dropped, iterations=spread), bool)
    rest = (*SCL_DROPPED, *[SCL_SNOW] * (not snow), *[SCL_DARK] * (not dark))
    return ~(dropped | _among(rest)[codes])


def _among(codes: Sequence[int]) -> np.ndarray:
    """For each code of a byte, whether it is among `codes`."""
    table = np.zeros(256, bool)
    table[list(codes)] = True
    return table


def qa_usable(qa: Any, *, cirrus: bool = True, snow: bool = False) -> np.ndarray:
    """Return where the quality band of Landsat collection 2 (QA_PIXEL) lets a cell be used.

    Parameters
    ----------
    qa : integer array
        Bit flags.
    cirrus : bool
        Whether the cirrus bit has a meaning: for Landsat 8 and 9.
    snow : bool
        Whether snow is used.

    Examples
    --------
    >>> qa_usable(np.array([21824, 22280])).tolist()
    [True, False]
    """
    bits = [QA_FILL, QA_DILATED, QA_CLOUD, QA_SHADOW] + [QA_CIRRUS] * cirrus + [QA_SNOW] * (not snow)
    return (np.asarray(qa).astype(np.int64) & sum(1 << bit for bit in bits)) == 0


def unsaturated(radsat: Any) -> np.ndarray:
    """Return where no band is saturated nor its terrain occluded (QA_RADSAT of Landsat collection 2 is 0)."""
    return np.asarray(radsat) == 0


def reliable(codes: Any) -> np.ndarray:
    """Return where the pixel reliability of MODIS vegetation indices says good or marginal, not snow or cloud."""
    return np.isin(np.asarray(codes), RELIABLE)


USABLE = {"scl": scl_usable, "qa_pixel": qa_usable, "qa_radsat": unsaturated, "reliability": reliable}


def scaled(values: Any, scale: float, offset: float, *, lowest: float = LOWEST) -> np.ndarray:
    """Return stored numbers as int16 times 10 000.

    Parameters
    ----------
    values : float array
        As stored, NaN where missing.
    scale, offset : float
        ``scale * value + offset`` is the reflectance or index.
    lowest : float
        Reflectance from here to 0 becomes 0; below it, and above 1, a cell is missing. -1 for an index.

    Examples
    --------
    >>> scaled(np.array([18639.0, np.nan, 6000.0]), 0.0000275, -0.2).tolist()
    [3126, -32768, 0]
    """
    stored = np.ascontiguousarray(values)
    out = np.empty(stored.shape, np.int16)
    kernels.scale(stored.reshape(-1), scale, offset, lowest, out.reshape(-1))
    return out


def harmonised(values: np.ndarray, band: str, platform: str, rule: str) -> np.ndarray:
    """Return a band as the OLI of Landsat 8 would have seen it.

    Parameters
    ----------
    values : int16 array
        Reflectance times 10 000.
    band : str
        blue, green, red, nir or swir1.
    platform : str
        As catalogues name it: landsat-5, landsat-7, sentinel-2a, sentinel-2b ...
    rule : str
        ``none``; ``hls`` (Sentinel-2; Claverie et al. 2018); ``rma`` or ``ols`` (TM and ETM+; Roy et al. 2016), which
        bring Sentinel-2 by ``hls``, too.

    Raises
    ------
    DataError
        If the band has no coefficients.

    Notes
    -----
    The reduced major axis is published from OLI to ETM+ and inverted here; ordinary least squares shrink contrast.

    Examples
    --------
    >>> harmonised(np.array([1000, -32768], "i2"), "red", "landsat-7", "rma").tolist()
    [1040, -32768]
    """
    slope, offset = _line(band, platform.lower(), rule)
    if (slope, offset) == (1.0, 0.0):
        return values
    moved = np.maximum(np.rint(slope * values.astype(np.float64) + offset * TIMES), 0)
    return np.where(values == MISSING, MISSING, moved).astype(np.int16)


def _line(band: str, platform: str, rule: str) -> tuple[float, float]:
    """Slope and offset that bring a band of a platform to OLI."""
    if rule == "none" or platform in ("landsat-8", "landsat-9"):
        return 1.0, 0.0
    if band not in _BANDS:
        raise DataError(f"{band} of {platform} has no coefficients of harmonisation (known: {', '.join(_BANDS)})")
    at = _BANDS.index(band)
    if platform.startswith("sentinel-2"):
        return (_HLS_A if platform.endswith("a") else _HLS_B)[at]
    if rule == "ols":
        return _OLS[at]
    if rule == "rma":
        slope, offset = _RMA[at]
        return 1 / slope, -offset / slope
    return 1.0, 0.0


def index(nir: np.ndarray, red: np.ndarray) -> np.ndarray:
    """Return the NDVI of two bands, int16 times 10 000.

    Examples
    --------
    >>> index(np.array([4000], "i2"), np.array([1000], "i2")).tolist()
    [6000]
    """
    a, b = nir.astype(np.float64), red.astype(np.float64)
    known = (nir != MISSING) & (red != MISSING) & (a + b > 0)
    value = np.rint((a - b) / np.where(known, a + b, 1) * TIMES)
    return np.where(known, value, MISSING).astype(np.int16)


def composite(values: np.ndarray, method: str = "median") -> tuple[np.ndarray, np.ndarray]:
    """Return one image out of many, and how many observations it rests on.

    Parameters
    ----------
    values : int16 array (scenes, bands, rows, columns)
    method : str
        ``median`` of each band by itself, or ``medoid``: the observation nearest to all others, bands together.

    Returns
    -------
    image : int16 array (bands, rows, columns)
    count : uint16 array (rows, columns)
        Valid observations; of the median, those of the first band.

    Examples
    --------
    >>> image, count = composite(np.array([1, 5, -32768, 3], "i2").reshape(4, 1, 1, 1))
    >>> image.item(), count.item()
    (3, 3)
    """
    steps, bands, rows, columns = values.shape
    flat = np.ascontiguousarray(values).reshape(steps, bands, rows * columns)
    out = np.empty((bands, rows * columns), np.int16)
    count = np.empty(rows * columns, np.uint16)
    if method == "medoid":
        kernels.medoid(flat, out, count)
    else:
        for band in reversed(range(bands)):
            kernels.median(np.ascontiguousarray(flat[:, band]), out[band], count)
    return out.reshape(bands, rows, columns), count.reshape(rows, columns)


def filled(images: Mapping[str, np.ndarray], label: str, labels: Sequence[str]) -> tuple[np.ndarray, np.ndarray]:
    """Return the image of a step with its gaps closed from other steps, and how each cell came about.

    Parameters
    ----------
    images : mapping of label to int16 array (rows, columns)
        The composites of steps in reach; the step itself is among them.
    label : str
        The step, such as ``2016-Q3``.
    labels : sequence of str
        All steps in order.

    Returns
    -------
    image : int16 array
    flag : uint8 array
        0 observed, 1 mean of the same season one year before and after (or the one of them that is there), 2 on the
        line between the nearest steps before and after, 3 missing.

    Examples
    --------
    >>> here = {"2001": np.array([-32768], "i2"), "2000": np.array([4], "i2"), "2002": np.array([8], "i2")}
    >>> [part.item() for part in filled(here, "2001", ["2000", "2001", "2002"])]
    [6, 1]
    """
    image = images[label].copy()
    flag = np.where(image == MISSING, np.uint8(3), np.uint8(0))
    year, rest = int(label[:4]), label[4:]
    season = _mean([images[near] for near in (f"{year - 1}{rest}", f"{year + 1}{rest}") if near in images], image)
    at = list(labels).index(label)
    line = _between(images, list(labels), at, image)
    for number, source in ((1, season), (2, line)):
        take = (flag == 3) & (source != MISSING)
        image[take], flag[take] = source[take], number
    return image, flag


def _mean(sources: list[np.ndarray], like: np.ndarray) -> np.ndarray:
    if not sources:
        return np.full_like(like, MISSING)
    stack = np.stack(sources).astype(np.int32)
    known = stack != MISSING
    n = known.sum(0)
    total = np.where(known, stack, 0).sum(0)
    return np.where(n > 0, np.rint(total / np.maximum(n, 1)), MISSING).astype(np.int16)


def _between(images: Mapping[str, np.ndarray], labels: list[str], at: int, like: np.ndarray) -> np.ndarray:
    """On the line between the steps just before and just after."""
    before = images.get(labels[at - 1]) if at > 0 else None
    after = images.get(labels[at + 1]) if at + 1 < len(labels) else None
    if before is None or after is None:
        return np.full_like(like, MISSING)
    both = (before != MISSING) & (after != MISSING)
    return np.where(both, _mean([before, after], like), MISSING).astype(np.int16)
