"""Support practice P by slope, on cropland or for a practice that is known."""

from __future__ import annotations

import numpy as np

from soilloss import tables
from soilloss.equation import equation
from soilloss.errors import DataError, did_you_mean
from soilloss.kernels import classes
from soilloss.kernels.probability import expectation


def _percent(edges):
    """Thresholds in radians of slopes in per cent."""
    return classes.thresholds(np.arctan(np.asarray(edges) / 100))


@equation(gives="practice", cite="kassie2018")
def kassie_2018(igbp_class, slope):
    r"""Support practice by MODIS land cover, on cropland by slope in per cent.

    Parameters
    ----------
    igbp_class : array, codes
        IGBP class of the MODIS land-cover product, 1 to 17.
    slope : array, rad
        Slope angle.

    Returns
    -------
    practice : array, 1
        P; NaN for other codes.

    Notes
    -----
    .. math::

        P = \begin{cases} 0.8 & \text{forest, shrubs, savannas, grassland} \\
        0.6, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9 & \text{cropland below 2, 5, 8, 12, 16, 20 %, and from 20 % on} \\
        1 & \text{else} \end{cases}

    Kassie et al. (2018); the ladder of cropland is the contouring table of Agriculture Handbook 537, which is in
    per cent.

    Examples
    --------
    >>> kassie_2018(np.array([10, 12, 12]), np.arctan([0.5, 0.01, 0.20])).tolist()
    [0.8, 0.6, 0.9]
    """
    values, edges = tables.by_code_and_step("practice_igbp")
    return classes.lookup_steps(igbp_class, slope, values, _percent(edges))


@equation(gives="practice", cite="kassie2018")
def kassie_2018_as_printed(igbp_class, slope):
    r"""Support practice by MODIS land cover, the slopes of cropland taken for degrees.

    Parameters
    ----------
    igbp_class : array, codes
        IGBP class of the MODIS land-cover product, 1 to 17.
    slope : array, rad
        Slope angle.

    Returns
    -------
    practice : array, 1
        P; NaN for other codes.

    Notes
    -----
    .. math::

        P_{cropland} = 0.6, 0.5, 0.5, 0.6, 0.7, 0.8, 1, 0.9 \text{ below 2, 5, 8, 12, 16, 20, at 20, above 20 degrees}

    and otherwise as `kassie_2018`. What the founding study of the ``poyang`` preset printed: its table is headed by
    degrees and leaves a gap at exactly 20.

    Examples
    --------
    >>> kassie_2018_as_printed(12, np.radians([19.9, 20.0, 20.1])).tolist()
    [0.8, 1.0, 0.9]
    """
    values, edges = tables.by_code_and_step("practice_igbp")
    at_20 = np.where(values[:, -1:] == 0.9, 1.0, values[:, -1:])
    values = np.hstack([values[:, :-1], at_20, values[:, -1:]])
    ladder = classes.thresholds(np.radians([*edges, 20.0]), closed_right=[False] * 6 + [True])
    return classes.lookup_steps(igbp_class, slope, values, ladder)


@equation(gives="practice", cite="yan2025")
def yan_2025(land_cover, slope):
    r"""Support practice on the Loess Plateau by land cover, on cropland by slope in degrees.

    Parameters
    ----------
    land_cover : array, codes
        The eight classes.
    slope : array, rad
        Slope angle.

    Returns
    -------
    practice : array, 1
        P; 0 for built-up land, water and wetland; NaN for unknown codes.

    Notes
    -----
    .. math::

        P = \begin{cases} 1 & \text{forest, bare} \\ 0.29 & \text{shrubland} \\ 0.41 & \text{grassland} \\
        0.49, 0.59, 0.65, 0.70, 0.81, 0.95, 1 & \text{cropland below 5, 7, 9, 12, 20, 24°, and from 24° on} \\
        0 & \text{built-up, water, wetland} \end{cases}

    Yan et al. (2025), as a study of the Loess Plateau cites it (single secondary source); not meant for elsewhere.
    Built-up land gets no soil loss at all.

    Examples
    --------
    >>> yan_2025(np.array([2, 4, 4]), np.radians([30.0, 4.9, 24.0])).tolist()
    [0.29, 0.49, 1.0]
    """
    values, edges = tables.by_code_and_step("practice_yan")
    return classes.lookup_steps(land_cover, slope, values, classes.thresholds(np.radians(edges)))


@equation(gives="practice", cite="yan2025", over="class")
def yan_2025_expected(land_cover_probability, slope):
    r"""Support practice on the Loess Plateau, its mean over the classes that a cell may have.

    Parameters
    ----------
    land_cover_probability : array, 1
        Probabilities of the eight classes, last axis.
    slope : array, rad
        Slope angle.

    Returns
    -------
    practice : array, 1
        E[P].

    Notes
    -----
    .. math:: E[P] = \sum_c p_c \, P_c(s)

    with P of each class as `yan_2025` gives it for the cell's slope.

    Examples
    --------
    >>> round(float(yan_2025_expected(np.array([0.5, 0.5, 0, 0, 0, 0, 0, 0]), 0.1)), 4)
    0.645
    """
    return expectation(land_cover_probability, yan_2025(np.arange(1.0, 9.0), np.asarray(slope)[..., None]))


@equation(gives="practice", cite="wener1981")
def wener_1981(slope):
    r"""Support practice as a straight line of slope.

    Parameters
    ----------
    slope : array, rad
        Slope angle.

    Returns
    -------
    practice : array, 1
        0.2 on flat land, 1 from 26.7 % on.

    Notes
    -----
    .. math:: P = \min(1, \; 0.2 + 0.03 s)

    with :math:`s = 100 \tan\theta` in per cent. Wener (1981).

    Examples
    --------
    >>> round(float(wener_1981(np.arctan(0.10))), 4)
    0.5
    """
    return np.minimum(0.2 + 3 * np.tan(slope), 1)


def _handbook(column):
    """Thresholds of slope and values of one column of the practice table, 1 below the first line."""
    table = tables.read("practice_ah537")
    return _percent(table["lower_percent"]), np.concatenate([[1.0], table[column]])


@equation(gives="practice", cite="wischmeier1978")
def wischmeier_smith_1978(slope):
    r"""Support practice of contouring on slopes that are not longer than it can protect.

    Parameters
    ----------
    slope : array, rad
        Slope angle.

    Returns
    -------
    practice : array, 1
        0.5 to 0.9 between 0.5 and 25.5 %, else 1.

    Notes
    -----
    .. math:: P = 0.6, 0.5, 0.5, 0.6, 0.7, 0.8, 0.9 \text{ from 0.5, 2.5, 5.5, 8.5, 12.5, 16.5, 20.5 % on}

    Wischmeier and Smith (1978), USDA Agriculture Handbook 537, table 13. The handbook has whole per cents (1-2, 3-5,
    ...); the edges lie half-way between.

    Examples
    --------
    >>> wischmeier_smith_1978(np.arctan([0.0, 0.02, 0.10, 0.30])).tolist()
    [1.0, 0.6, 0.6, 1.0]
    """
    return classes.pick(slope, *_handbook("contouring"))


@equation(gives="practice", cite="wischmeier1978")
def wischmeier_smith_1978_limited(slope_length, slope):
    r"""Support practice of contouring, 1 where the slope is longer than contouring can protect.

    Parameters
    ----------
    slope_length : array, m
        Length of the slope.
    slope : array, rad
        Slope angle.

    Returns
    -------
    practice : array, 1
        P of `wischmeier_smith_1978`, or 1.

    Notes
    -----
    .. math:: P = 1 \text{ where } \lambda > 122, 91, 61, 37, 24, 18, 15 \text{ m}

    for the slope classes of `wischmeier_smith_1978`. Wischmeier and Smith (1978), USDA Agriculture Handbook 537,
    table 13.

    Examples
    --------
    >>> wischmeier_smith_1978_limited(np.array([90.0, 92.0]), np.arctan(0.04)).tolist()
    [0.5, 1.0]
    """
    longest = classes.pick(slope, *_handbook("contouring_max_length"))
    contoured = wischmeier_smith_1978(slope)
    return np.where(slope_length > longest, contoured / contoured, contoured + 0 * slope_length)[()]


@equation(gives="practice", cite="wischmeier1978")
def wischmeier_smith_1978_strips(slope, *, rotation="a"):
    r"""Support practice of contour strip-cropping.

    Parameters
    ----------
    slope : array, rad
        Slope angle.
    rotation : str
        ``a`` row crop, small grain and two years of meadow; ``b`` two years of row crop, small grain and one of meadow;
        ``c`` row crop and small grain.

    Returns
    -------
    practice : array, 1
        P.

    Raises
    ------
    DataError
        If `rotation` is none of the three.

    Notes
    -----
    .. math:: P_a = P_{contour} / 2, \quad P_b = 3 P_{contour} / 4, \quad P_c = P_{contour}

    rounded as printed. Wischmeier and Smith (1978), USDA Agriculture Handbook 537, table 14.

    Examples
    --------
    >>> float(wischmeier_smith_1978_strips(np.arctan(0.10), rotation="b"))
    0.45
    """
    return classes.pick(slope, *_handbook(_one_of("strips", rotation, ("a", "b", "c"))))


@equation(gives="practice", cite="wischmeier1978")
def wischmeier_smith_1978_terraces(slope, *, outlet="sod"):
    """Support practice of terraces, for sediment yield from the field.

    Parameters
    ----------
    slope : array, rad
        Slope angle.
    outlet : str
        ``sod`` graded channels with sod outlets; ``underground`` steep backslopes with underground outlets.

    Returns
    -------
    practice : array, 1
        P.

    Raises
    ------
    DataError
        If `outlet` is neither.

    Notes
    -----
    .. math:: P_{sod} = P_{contour} / 5

    and 0.05 to 0.06 with underground outlets. Wischmeier and Smith (1978), USDA Agriculture Handbook 537, table 15.
    For soil loss inside the terraced field use the shorter slope length between terraces instead.

    Examples
    --------
    >>> float(wischmeier_smith_1978_terraces(np.arctan(0.10)))
    0.12
    """
    return classes.pick(slope, *_handbook(_one_of("terraces", outlet, ("sod", "underground"))))


def _one_of(kind, choice, known):
    if choice not in known:
        raise DataError(
            f"{kind}: {choice!r} is not known, expected one of {', '.join(known)}{did_you_mean(choice, known)}"
        )
    return f"{kind}_{choice}"
