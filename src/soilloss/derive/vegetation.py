"""Vegetation index, fractional cover and composites."""

from __future__ import annotations

import numpy as np

from soilloss.equation import equation
from soilloss.errors import DataError
from soilloss.kernels import counts

NDVI_BINS = 20_000


@equation(gives="ndvi", cite="rouse1974")
def ndvi(nir, red):
    """Normalised difference vegetation index.

    Parameters
    ----------
    nir : array, 1
        Near-infrared reflectance.
    red : array, 1
        Red reflectance.

    Returns
    -------
    ndvi : array, 1
        Between -1 and 1; NaN where both reflectances are 0.

    Notes
    -----
    .. math:: NDVI = (NIR - R) / (NIR + R)

    Rouse et al. (1974).

    Examples
    --------
    >>> round(float(ndvi(0.4, 0.1)), 4)
    0.6
    """
    total = np.asarray(nir + red)
    return ((nir - red) / np.where(total == 0, np.nan, total))[()]


@equation(gives="fractional_cover", cite="gutman1998")
def fractional_cover(ndvi, bare_ndvi, full_ndvi):
    r"""Share of ground covered by green plants, linear between bare soil and full cover.

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index.
    bare_ndvi, full_ndvi : float or array, 1
        NDVI of bare soil and of full cover: one number for the whole raster.

    Returns
    -------
    fractional_cover : array, 1
        Cut to 0-1; NaN where full cover is not greener than bare soil.

    Notes
    -----
    .. math:: f = \frac{NDVI - NDVI_s}{NDVI_v - NDVI_s}

    Gutman and Ignatov (1998).

    Examples
    --------
    >>> round(float(fractional_cover(0.4, 0.05, 0.85)), 4)
    0.4375
    """
    bare, full = _like(ndvi, bare_ndvi), _like(ndvi, full_ndvi)
    span = np.where(full > bare, full - bare, np.nan)
    return np.minimum(np.maximum((ndvi - bare) / span, 0), 1)[()]


@equation(gives="fractional_cover", cite="carlson1997")
def fractional_cover_carlson_ripley_1997(ndvi, bare_ndvi, full_ndvi):
    r"""Share of ground covered by green plants, the square of the linear form.

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index.
    bare_ndvi, full_ndvi : float or array, 1
        NDVI of bare soil and of full cover: one number for the whole raster.

    Returns
    -------
    fractional_cover : array, 1
        Cut to 0-1; NaN where full cover is not greener than bare soil.

    Notes
    -----
    .. math:: f = \left(\frac{NDVI - NDVI_s}{NDVI_v - NDVI_s}\right)^2

    Carlson and Ripley (1997).

    Examples
    --------
    >>> round(float(fractional_cover_carlson_ripley_1997(0.4, 0.05, 0.85)), 4)
    0.1914
    """
    return fractional_cover(ndvi, bare_ndvi, full_ndvi) ** 2


def _like(array, value):
    """A statistic arrives as a float64 number: bring it to the type of the array."""
    return np.asarray(value).astype(getattr(array, "dtype", float), copy=False)


def ndvi_end_members(ndvi, *, low=5.0, high=95.0):
    """Return NDVI of bare soil and of full cover as percentiles of all valid cells.

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index of the whole area and period.
    low, high : float
        Percentiles; 0 and 100 are minimum and maximum.

    Returns
    -------
    bare_ndvi, full_ndvi : float
        To the nearest 0.0001, from a histogram, so that a raster read block by block gives the same numbers.

    Raises
    ------
    DataError
        If no cell is valid or the percentiles do not rise from 0 to 100.

    Examples
    --------
    >>> ndvi_end_members(np.array([0.0, 0.2, 1.0]), low=0, high=100)
    (0.0, 1.0)
    """
    if not 0 <= low < high <= 100:
        raise DataError(f"the percentiles are {low} and {high}, expected two rising numbers from 0 to 100")
    found = np.zeros(NDVI_BINS, np.int64)
    counts.histogram(np.asarray(ndvi).reshape(-1), -1.0, 1.0, found)
    if not found.any():
        raise DataError("ndvi has no valid cell between -1 and 1; scale it or give bare_ndvi and full_ndvi")
    edges = np.linspace(-1, 1, NDVI_BINS + 1)
    bare, full = (round(counts.percentile_from_histogram(found, edges, q), 4) for q in (low, high))
    return bare, full


@equation(gives="ndvi", cite="rouse1974", over="time")
def composite(ndvi):
    r"""Median NDVI of a period, without the cells that are missing (clouds).

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index of each date, time last.

    Returns
    -------
    ndvi : array, 1
        Median; NaN where no date is valid.

    Notes
    -----
    .. math:: NDVI = \operatorname{median}_t NDVI_t

    The median is robust against clouds that a mask has missed; index after Rouse et al. (1974).

    Examples
    --------
    >>> float(composite(np.array([0.2, np.nan, 0.6, 0.5])))
    0.5
    """
    ordered = np.sort(ndvi, axis=-1)
    valid = np.sum(~np.isnan(ndvi), axis=-1, keepdims=True)
    lower, upper = (np.take_along_axis(ordered, i, -1)[..., 0] for i in ((valid - 1) // 2, valid // 2))
    return np.where(valid[..., 0] > 0, (lower + upper) / 2, np.nan)[()]


@equation(gives="ndvi", cite="rouse1974", over="time")
def composite_maximum(ndvi):
    r"""Largest NDVI of a period: the greenest date, least touched by cloud and haze.

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index of each date, time last.

    Returns
    -------
    ndvi : array, 1
        Maximum of the valid dates; NaN where none is valid.

    Notes
    -----
    .. math:: NDVI = \max_t NDVI_t

    Shows the densest cover of the period, hence the smallest cover factor; index after Rouse et al. (1974).

    Examples
    --------
    >>> float(composite_maximum(np.array([0.2, np.nan, 0.6])))
    0.6
    """
    return np.fmax.reduce(ndvi, axis=-1)
