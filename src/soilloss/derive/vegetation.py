"""Vegetation index, fractional cover and composites."""

from __future__ import annotations

import numpy as np

from soilloss.equation import equation
from soilloss.errors import DataError
from soilloss.kernels import counts
from soilloss.variables import VARIABLES

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


@equation(gives="fractional_cover", cite="gutman1998", clip=(0, 1))
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


@equation(gives="fractional_cover", cite="carlson1997", clip=(0, 1))
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


@equation(gives="bare_ndvi", cite="gutman1998", over="space")
def lower_percentile(ndvi, *, q=5.0):
    r"""NDVI of bare soil as a low percentile of the whole area and period.

    Parameters
    ----------
    ndvi : array or Histogram, 1
        Normalised difference vegetation index of all cells and dates; missing ones are left out.
    q : float
        Percentile; 5 is an empirical choice, 0 the minimum.

    Returns
    -------
    bare_ndvi : float, 1
        One number, to 0.0001: from a histogram, so that blocks of a large raster give the same.

    Raises
    ------
    DataError
        If no cell is valid or the percentile is not from 0 to 100.

    Notes
    -----
    .. math:: NDVI_s = Q_5(NDVI)

    Gutman and Ignatov (1998) take one NDVI of bare soil for all cells; that it is found as a percentile of the image
    is common practice.

    Examples
    --------
    >>> round(float(lower_percentile(np.linspace(0, 1, 1001))), 2)
    0.05
    """
    return _percentile(ndvi, q)


@equation(gives="full_ndvi", cite="gutman1998", over="space")
def upper_percentile(ndvi, *, q=95.0):
    r"""NDVI of full plant cover as a high percentile of the whole area and period.

    Parameters
    ----------
    ndvi : array or Histogram, 1
        Normalised difference vegetation index of all cells and dates; missing ones are left out.
    q : float
        Percentile; 95 is an empirical choice, 100 the maximum.

    Returns
    -------
    full_ndvi : float, 1
        One number, to 0.0001: from a histogram, so that blocks of a large raster give the same.

    Raises
    ------
    DataError
        If no cell is valid or the percentile is not from 0 to 100.

    Notes
    -----
    .. math:: NDVI_v = Q_{95}(NDVI)

    Gutman and Ignatov (1998) take one NDVI of full cover for all cells; that it is found as a percentile of the image
    is common practice.

    Examples
    --------
    >>> round(float(upper_percentile(np.linspace(0, 1, 1001))), 2)
    0.95
    """
    return _percentile(ndvi, q)


@equation(gives="bare_ndvi", cite="hj1172", over="space")
def minimum(ndvi):
    r"""NDVI of bare soil as the smallest of the whole area and period.

    Parameters
    ----------
    ndvi : array or Histogram, 1
        Normalised difference vegetation index of all cells and dates; missing ones are left out.

    Returns
    -------
    bare_ndvi : float, 1
        One number, to 0.0001.

    Raises
    ------
    DataError
        If no cell is valid.

    Notes
    -----
    .. math:: NDVI_s = \min NDVI

    A single odd cell (water, cloud) decides. HJ 1172-2021 asks for statistics of the image and names minimum and
    maximum as an example; Ministry of Ecology and Environment (2021).

    Examples
    --------
    >>> round(float(minimum([0.1, 0.2, 0.9])), 3)
    0.1
    """
    return _percentile(ndvi, 0)


@equation(gives="full_ndvi", cite="hj1172", over="space")
def maximum(ndvi):
    r"""NDVI of full plant cover as the largest of the whole area and period.

    Parameters
    ----------
    ndvi : array or Histogram, 1
        Normalised difference vegetation index of all cells and dates; missing ones are left out.

    Returns
    -------
    full_ndvi : float, 1
        One number, to 0.0001.

    Raises
    ------
    DataError
        If no cell is valid.

    Notes
    -----
    .. math:: NDVI_v = \max NDVI

    A single odd cell decides. HJ 1172-2021 asks for statistics of the image and names minimum and maximum as an
    example; Ministry of Ecology and Environment (2021).

    Examples
    --------
    >>> round(float(maximum([0.1, 0.2, 0.9])), 3)
    0.9
    """
    return _percentile(ndvi, 100)


def _percentile(ndvi, q):
    if not 0 <= q <= 100:
        raise DataError(f"the percentile is {q}, expected a number from 0 to 100")
    found = counts.histogram_of(ndvi, *VARIABLES["ndvi"].range, NDVI_BINS)
    if not found.counts.any():
        raise DataError("ndvi has no valid cell between -1 and 1; scale it or give bare_ndvi and full_ndvi")
    return np.float64(round(found.percentile(q), 4))


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
        As `lower_percentile` and `upper_percentile` give them.

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
    found = counts.histogram_of(ndvi, *VARIABLES["ndvi"].range, NDVI_BINS)
    return float(lower_percentile(found, q=low)), float(upper_percentile(found, q=high))


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
