"""Cover: management factor C of the USLE and biological factor B of the CSLE."""

from __future__ import annotations

import numpy as np

from soilloss import tables
from soilloss.equation import equation
from soilloss.kernels import classes

FOREST, SHRUBLAND, GRASSLAND, CROPLAND, BUILT_UP, BARE = 1, 2, 3, 4, 5, 6


@equation(gives="cover", cite="vanderknijff2000", clip=(1,))
def van_der_knijff_2000(ndvi, *, alpha=2.0, beta=1.0):
    r"""Cover factor as an exponential of NDVI.

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index.
    alpha, beta : float
        Shape of the curve; 2 and 1 fit European conditions.

    Returns
    -------
    cover : array, 1
        Between 0 (NDVI of `beta` and more) and 1 (NDVI of 0 and less).

    Notes
    -----
    .. math:: C = \exp(-\alpha \, NDVI / (\beta - NDVI))

    cut at 1. Water has a low NDVI and gets a high value: mask it by land cover. Van der Knijff, Jones and
    Montanarella (2000).

    Examples
    --------
    >>> round(float(van_der_knijff_2000(0.5)), 4)
    0.1353
    """
    ndvi = np.minimum(ndvi, 0.999 * beta)
    return np.minimum(np.exp(-alpha * ndvi / (beta - ndvi)), 1)


@equation(gives="cover", cite="hj1173", clip=(1,))
def mee_2021(land_cover, fractional_cover):
    r"""Cover factor by land cover and plant cover, from the Chinese ministry's specification HJ 1173-2021.

    Parameters
    ----------
    land_cover : array, codes
        The eight classes; also 11 tree orchard, 12 shrub orchard and 13 paddy field.
    fractional_cover : array, 1
        Share of ground covered by green plants.

    Returns
    -------
    cover : array, 1
        C; NaN for unknown codes.

    Notes
    -----
    Forest, shrubland, grassland and orchards by steps of cover at 10, 30, 50, 70 and 90 % (an edge belongs to the
    upper step); built-up 0.01, bare 0.7, water, wetland and paddy fields 0; other cropland

    .. math:: C = 0.221 - 0.595 \log_{10} f

    cut at 1. Ministry of Ecology and Environment (2021), HJ 1173-2021, table A.1; the curve after Liu et al. (1999).
    The specification gives 0.7 to deserts and no value to other bare land: 0.7 there is our reading.

    Examples
    --------
    >>> mee_2021(np.array([1, 3, 4]), np.array([0.1, 0.0999, 0.5])).round(4).tolist()
    [0.08, 0.45, 0.4001]
    """
    return _mee(land_cover, fractional_cover, *tables.by_code_and_step("cover_hj1173"))


@equation(gives="cover", cite="hj1173", clip=(1,))
def mee_2021_as_printed(land_cover, fractional_cover):
    r"""Cover factor of HJ 1173-2021 with the values of bare and built-up land swapped.

    Parameters
    ----------
    land_cover : array, codes
        The eight classes; also 11 tree orchard, 12 shrub orchard and 13 paddy field.
    fractional_cover : array, 1
        Share of ground covered by green plants.

    Returns
    -------
    cover : array, 1
        C; NaN for unknown codes.

    Notes
    -----
    .. math:: C_{bare} = 0.01, \quad C_{built-up} = 0.7

    and otherwise as `mee_2021`. What the founding study of the ``loess-plateau`` preset printed; the
    specification has the two the other way round.

    Examples
    --------
    >>> mee_2021_as_printed(np.array([5, 6]), 0.2).tolist()
    [0.7, 0.01]
    """
    values, edges = tables.by_code_and_step("cover_hj1173")
    swapped = values.copy()
    swapped[[BUILT_UP, BARE]] = values[[BARE, BUILT_UP]]
    return _mee(land_cover, fractional_cover, swapped, edges)


def _mee(land_cover, fractional_cover, values, edges_percent):
    edges = classes.thresholds(edges_percent / 100)
    stepped = classes.lookup_steps(land_cover, fractional_cover, values, edges)
    bounded = np.minimum(np.maximum(fractional_cover, 1e-3), 1)
    curve = np.minimum(0.221 - 0.595 * np.log10(bounded), 1)
    return np.where(np.asarray(land_cover) == CROPLAND, curve, stepped)[()]


@equation(gives="cover", cite="cai2000", clip=(0, 1))
def cai_2000(fractional_cover):
    r"""Cover factor as a logarithm of plant cover.

    Parameters
    ----------
    fractional_cover : array, 1
        Share of ground covered by plants.

    Returns
    -------
    cover : array, 1
        1 below 0.096 % of cover, 0 above 78.3 %.

    Notes
    -----
    .. math:: C = 0.6508 - 0.3436 \log_{10}(100 f)

    Cai et al. (2000), Three Gorges area; cover in per cent and the logarithm to base 10.

    Examples
    --------
    >>> round(float(cai_2000(0.30)), 4)
    0.1433
    """
    curve = np.minimum(0.6508 - 0.3436 * np.log10(np.maximum(fractional_cover, 1e-4) * 100), 1)
    return np.where(np.asarray(fractional_cover) >= _CAI_TOP, 0 * curve, curve)[()]


_CAI_TOP = classes.thresholds(0.783, closed_right=True)


@equation(gives="cover", cite="durigon2014")
def durigon_2014(ndvi):
    """Cover factor as a straight line of NDVI, for tropical regions with intense rain.

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index.

    Returns
    -------
    cover : array, 1
        1 at NDVI = -1, 0 at NDVI = 1.

    Notes
    -----
    .. math:: C = (1 - NDVI) / 2

    Durigon et al. (2014).

    Examples
    --------
    >>> durigon_2014(0.5)
    0.25
    """
    return (1 - ndvi) / 2


@equation(gives="cover", cite="colman2018")
def colman_2018(ndvi):
    """Cover factor of Durigon et al. scaled to plot measurements in the Brazilian Cerrado.

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index.

    Returns
    -------
    cover : array, 1
        At most 0.1.

    Notes
    -----
    .. math:: C = 0.1 (1 - NDVI) / 2

    Colman (2018).

    Examples
    --------
    >>> colman_2018(0.5)
    0.025
    """
    return 0.1 * ((1 - ndvi) / 2)


@equation(gives="cover", cite="dejong1994", clip=(0, 1))
def de_jong_1994(ndvi):
    r"""Cover factor as a straight line of NDVI, for Mediterranean land.

    Parameters
    ----------
    ndvi : array, 1
        Normalised difference vegetation index.

    Returns
    -------
    cover : array, 1
        Cut to 0-1; 0 above an NDVI of 0.535.

    Notes
    -----
    .. math:: C = 0.431 - 0.805 \, NDVI

    De Jong (1994), Ardeche (France).

    Examples
    --------
    >>> round(float(de_jong_1994(0.5)), 4)
    0.0285
    """
    return np.minimum(np.maximum(0.431 - 0.805 * ndvi, 0), 1)


@equation(gives="cover", cite="renard1997")
def lookup(land_cover, *, table):
    r"""Cover factor by land cover, from a table.

    Parameters
    ----------
    land_cover : array, codes
        Land cover.
    table : mapping, DataFrame, str or pairs
        Code or class name to C, between 0 and 1.

    Returns
    -------
    cover : array, 1
        C; NaN for codes that are not in the table.

    Raises
    ------
    DataError
        If the table has an unknown name, a class twice or a value outside 0-1.

    Notes
    -----
    .. math:: C = table[land\,cover]

    Tables of C by crop and land use go back to the handbooks; Renard et al. (1997).

    Examples
    --------
    >>> lookup(np.array([1, 4, 9]), table={"forest": 0.003, "cropland": 0.3}).tolist()
    [0.003, 0.3, nan]
    """
    return classes.lookup(land_cover, tables.by_code(table))


@equation(gives="cover", cite="renard1997", over="time")
def erosivity_weighted(cover, erosivity):
    r"""Cover factor of the whole period: that of each step, weighted by its rain.

    Parameters
    ----------
    cover : array, 1
        C of each step, time last.
    erosivity : array, MJ mm ha-1 h-1
        R of each step, time last.

    Returns
    -------
    cover : array, 1
        Weighted mean; NaN where no step has erosive rain.

    Notes
    -----
    .. math:: C = \frac{\sum_t C_t R_t}{\sum_t R_t}

    Renard et al. (1997), USDA Agriculture Handbook 703.

    Examples
    --------
    >>> float(erosivity_weighted(np.array([0.1, 0.5]), np.array([300.0, 100.0])))
    0.2
    """
    with np.errstate(invalid="ignore"):
        return np.sum(cover * erosivity, axis=-1) / np.sum(erosivity, axis=-1)


@equation(gives="biological", cite="liuby2002", over="half_month")
def biological_csle(
    land_cover,
    half_month_fractional_cover,
    half_month_erosivity,
    *,
    cropland=1.0,
    built_up=0.01,
    bare=1.0,
    unweighted_when_dry=False,
):
    r"""Biological factor of the CSLE: soil loss ratios of the half-months, weighted by their rain.

    Parameters
    ----------
    land_cover : array, codes
        The eight classes.
    half_month_fractional_cover : array, 1
        Plant cover of the 24 half-months, last axis.
    half_month_erosivity : array, MJ mm ha-1 h-1
        R of the 24 half-months, last axis.
    cropland, built_up, bare : float
        B of these classes; on cropland the tillage factor says it all.
    unweighted_when_dry : bool
        Take the plain mean where no half-month has erosive rain, else NaN.

    Returns
    -------
    biological : array, 1
        B; 0 on water and wetland, NaN for unknown codes.

    Notes
    -----
    .. math:: B = \sum_k SLR_k R_k / \sum_k R_k

    .. math::

        SLR_{shrub} = \frac{1}{1.17647 + 0.86242 \cdot 1.05905^{100 f}}, \qquad
        SLR_{grass} = \frac{1}{1.25 + 0.78845 \cdot 1.05968^{100 f}}

    and for forest the row of HJ 1173-2021, table A.1. Liu et al. (2002) for the model; the constants of shrub and
    grass were read in one public program only (single secondary source).

    Examples
    --------
    >>> rain = np.zeros(24)
    >>> rain[12:16] = 100
    >>> round(float(biological_csle(3, np.full(24, 0.5), rain)), 6)
    0.064285
    """
    table, edges = tables.by_code_and_step("cover_hj1173")
    ratios = {
        FOREST: lambda f: classes.pick(f, classes.thresholds(edges / 100), table[FOREST]),
        SHRUBLAND: lambda f: 1 / (1.17647 + 0.86242 * 1.05905 ** (100 * f)),
        GRASSLAND: lambda f: 1 / (1.25 + 0.78845 * 1.05968 ** (100 * f)),
    }
    fixed = tables.by_code({"cropland": cropland, "built-up": built_up, "bare": bare, "water": 0, "wetland": 0})
    return _weighted(land_cover, half_month_fractional_cover, half_month_erosivity, ratios, fixed, unweighted_when_dry)


def _weighted(land_cover, fractional_cover, erosivity, ratios, fixed, unweighted_when_dry):
    total = np.sum(erosivity, axis=-1, keepdims=True)
    if unweighted_when_dry:
        steps = np.shape(erosivity)[-1]
        erosivity, total = np.where(total == 0, 1, erosivity), np.where(total == 0, steps, total)
    with np.errstate(invalid="ignore"):
        share = erosivity / total
    land_cover, missing = np.broadcast_arrays(land_cover, np.isnan(np.sum(fractional_cover + share, axis=-1)))
    fractional_cover, share = (np.broadcast_to(a, (*missing.shape, a.shape[-1])) for a in (fractional_cover, share))
    out = np.where(missing, np.nan, classes.lookup(land_cover, fixed)).astype(share.dtype)
    for code, ratio in ratios.items():
        here = land_cover == code
        out[here] = np.sum(ratio(fractional_cover[here]) * share[here], axis=-1)
    return out[()]
