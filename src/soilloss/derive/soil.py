"""Soil contents from one another, the topsoil out of layers, and the texture class. Contents are mass fractions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from soilloss.equation import equation
from soilloss.errors import DataError

SUM_TOLERANCE = 0.02


@equation(gives="organic_carbon", cite="vanbemmelen1890")
def organic_carbon(organic_matter, *, ratio=1.724):
    r"""Organic carbon from organic matter.

    Parameters
    ----------
    organic_matter : array, 1
        Mass fraction.
    ratio : float
        Mass of matter for one of carbon.

    Returns
    -------
    organic_carbon : array, 1

    Notes
    -----
    .. math:: C = OM / 1.724

    The conventional factor attributed to Van Bemmelen (1890).

    Examples
    --------
    >>> round(float(organic_carbon(0.028)), 6)
    0.016241
    """
    return np.divide(organic_matter, ratio)


@equation(gives="organic_matter", cite="vanbemmelen1890")
def organic_matter(organic_carbon, *, ratio=1.724):
    r"""Organic matter from organic carbon.

    Parameters
    ----------
    organic_carbon : array, 1
        Mass fraction.
    ratio : float
        Mass of matter for one of carbon.

    Returns
    -------
    organic_matter : array, 1

    Notes
    -----
    .. math:: OM = 1.724 \, C

    The conventional factor attributed to Van Bemmelen (1890).

    Examples
    --------
    >>> round(float(organic_matter(0.01)), 5)
    0.01724
    """
    return np.multiply(organic_carbon, ratio)


@equation(gives="silt", cite="soilsurvey2017")
def silt(sand, clay):
    r"""Silt as what sand and clay leave.

    Parameters
    ----------
    sand, clay : array, 1
        Mass fractions; NaN where they exceed 1.02 together.

    Returns
    -------
    silt : array, 1

    Notes
    -----
    .. math:: silt = \max(0, \; 1 - sand - clay)

    Soil Science Division Staff (2017).

    Examples
    --------
    >>> round(float(silt(0.4, 0.2)), 6)
    0.4
    """
    rest = np.subtract(1, np.add(sand, clay))
    return np.where(rest >= -SUM_TOLERANCE - 1e-6, np.maximum(rest, 0), rest.dtype.type(np.nan))


@equation(gives="very_fine_sand", cite="soilsurvey2017")
def very_fine_sand(sand, *, share=0.2):
    r"""Very fine sand as a fixed share of sand, for want of a measurement.

    Parameters
    ----------
    sand : array, 1
        Mass fraction.
    share : float
        An assumption, not a finding: real soils range widely. Never used unless chosen.

    Returns
    -------
    very_fine_sand : array, 1

    Notes
    -----
    .. math:: vfs = 0.2 \, sand

    Size classes of the Soil Science Division Staff (2017).

    Examples
    --------
    >>> round(float(very_fine_sand(0.4)), 6)
    0.08
    """
    return np.multiply(sand, share)


@equation(gives="texture_class", cite="soilsurvey2017")
def texture_class(sand, clay):
    r"""Texture class of the USDA triangle.

    Parameters
    ----------
    sand, clay : array, 1
        Mass fractions; NaN where they are negative or exceed 1.02 together.

    Returns
    -------
    texture_class : array, OpenLandMap code
        1 clay, 2 silty clay, 3 sandy clay, 4 clay loam, 5 silty clay loam, 6 sandy clay loam, 7 loam, 8 silt loam,
        9 sandy loam, 10 silt, 11 loamy sand, 12 sand; NaN where missing.

    Notes
    -----
    .. math:: class = triangle(sand, clay), \quad silt = 100 - sand - clay

    A lower limit belongs to the class above it. Soil Science Division Staff (2017).

    Examples
    --------
    >>> float(texture_class(0.4, 0.2))
    7.0
    """
    # rounding to a thousandth of a per cent keeps a printed limit on its side whatever the float type
    s, c = (np.round(np.multiply(part, 100.0), 3) for part in (sand, clay))
    i = np.round(100 - s - c, 3)
    rules = [
        ((c >= 40) & (i >= 40), 2),
        ((c >= 35) & (s > 45), 3),
        (c >= 40, 1),
        ((c >= 27) & (s <= 20), 5),
        ((c >= 27) & (s <= 45), 4),
        ((c >= 27) | ((c >= 20) & (i < 28)), 6),
        ((i >= 80) & (c < 12), 10),
        (i >= 50, 8),
        ((c >= 7) & (i >= 28) & (s <= 52), 7),
        (i + 1.5 * c < 15, 12),
        (i + 2 * c < 30, 11),
    ]
    codes = np.select([rule for rule, _ in rules], [np.float32(code) for _, code in rules], np.float32(9))
    known = (s >= 0) & (c >= 0) & (i >= -100 * SUM_TOLERANCE)
    return np.where(known, codes, np.float32(np.nan))


def topsoil_mean(layers: Any, bounds: Sequence[float], *, depth: float = 0.30) -> np.ndarray:
    """Return the mean of layers over the topsoil, weighted by thickness.

    Parameters
    ----------
    layers : array (..., n)
        One value for each layer, last axis.
    bounds : n + 1 numbers, m
        Depths of the layers' limits, rising from the surface.
    depth : float, m
        Lower limit of the topsoil.

    Returns
    -------
    array
        NaN where a layer that reaches into the topsoil is missing.

    Raises
    ------
    DataError
        If the limits do not fit the layers, do not rise, or end above `depth`.

    Examples
    --------
    >>> round(float(topsoil_mean([0.2, 0.3, 0.4, 0.9], [0, 0.05, 0.15, 0.30, 0.60])), 6)
    0.333333
    """
    values, edges = np.asarray(layers), np.asarray(bounds, float)
    if edges.shape != (values.shape[-1] + 1,) or not (np.diff(edges) > 0).all():
        raise DataError(
            f"{values.shape[-1]} soil layers with limits {list(bounds)}; give rising depths, one more than layers"
        )
    if edges[0] > 0 or edges[-1] < depth:
        raise DataError(
            f"soil layers reach from {edges[0]:g} to {edges[-1]:g} m, expected 0 to {depth:g} m; lower depth="
        )
    inside = np.diff(np.minimum(edges, depth))
    used = inside > 0
    weights = (inside[used] / inside.sum()).astype(np.result_type(values, np.float32))
    return values[..., used] @ weights
