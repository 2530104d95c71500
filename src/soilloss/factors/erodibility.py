"""K: soil erodibility from texture class, from texture and organic matter, or from mean grain size.

Contents are mass fractions. Sand, silt and clay that do not add up to 1 within 0.02 give NaN: such soils are errors of
the data (percent, or a missing part), not soils.
"""

from __future__ import annotations

import functools
from typing import Any

import numpy as np

from soilloss import tables
from soilloss.equation import equation
from soilloss.kernels.classes import lookup
from soilloss.kernels.valid import not_negative
from soilloss.units import K_US_TO_SI

PERCENT = 100.0
SUM_TOLERANCE = 0.02
# geometric means of the grain limits of sand, silt and clay, mm
GRAIN_SIZES = (1.025, 0.026, 0.001)


@equation(gives="erodibility", cite="stonehilborn2012")
def texture_table(texture_class):
    """Erodibility by texture class.

    Parameters
    ----------
    texture_class : array, OpenLandMap USDA code 1 to 12
        Other codes give NaN.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1

    Notes
    -----
    .. math:: K = table(class)

    Values of table ``erodibility_texture``: those of Stone and Hilborn (2012) times 0.1317 for the three sandy classes,
    where `bouguerra_2017_as_printed` looks displaced by one row; else as printed there, which agrees within 2 %.

    Examples
    --------
    >>> round(float(texture_table(9)), 4)
    0.0171
    """
    return lookup(texture_class, _by_code("value"))


@equation(gives="erodibility", cite="bouguerra2017")
def bouguerra_2017_as_printed(texture_class):
    """Erodibility by texture class, with the sandy classes as printed.

    Parameters
    ----------
    texture_class : array, OpenLandMap USDA code 1 to 12
        Other codes give NaN.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1

    Notes
    -----
    .. math:: K = table(class)

    Column ``as_printed`` of table ``erodibility_texture``. Attributed to Bouguerra et al. (2017) by a study that uses
    it. Sandy loam is three times too high there; see `texture_table`.

    Examples
    --------
    >>> round(float(bouguerra_2017_as_printed(9)), 4)
    0.05
    """
    return lookup(texture_class, _by_code("as_printed"))


@equation(gives="erodibility", cite="wischmeier1971")
def wischmeier_1971(
    silt,
    very_fine_sand,
    clay,
    organic_matter,
    structure=2,
    permeability=3,
    *,
    max_organic_matter=0.04,
    minimum=0.0,
):
    r"""Erodibility by the equation of the soil erodibility nomograph.

    Parameters
    ----------
    silt, very_fine_sand, clay, organic_matter : array, 1
        Mass fractions. NaN where negative, or where silt, very fine sand and clay exceed 1.02 together.
    structure : array, class 1 to 4
        1 very fine granular to 4 blocky or massive; other codes give NaN. The term vanishes at 2.
    permeability : array, class 1 to 6
        1 rapid to 6 very slow; other codes give NaN. The term vanishes at 3.
    max_organic_matter : float
        Higher contents count as this one: the nomograph ends there.
    minimum : float
        Lower results are raised to it.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1

    Notes
    -----
    .. math:: K = \frac{0.1317}{100} \left[2.1 \cdot 10^{-4} M^{1.14} (12 - a) + 3.25 (s - 2) + 2.5 (p - 3)\right],
        \quad M = (silt + vfs)(100 - clay)

    with all contents in per cent. Above 70 % silt and very fine sand the nomograph bends and the equation gives too
    much (Auerswald et al. 2014). Wischmeier, Johnson and Cross (1971).

    Examples
    --------
    >>> round(float(wischmeier_1971(0.65, 0.05, 0.15, 0.028, 2, 4)), 6)
    0.054407
    """
    texture = _nomograph_texture(silt, very_fine_sand, clay)
    matter = np.minimum(not_negative(organic_matter), max_organic_matter) * PERCENT
    terms = 3.25 * (_class(structure, 4) - 2) + 2.5 * (_class(permeability, 6) - 3)
    return np.maximum((K_US_TO_SI / 100) * (2.1e-4 * texture**1.14 * (12 - matter) + terms), minimum)


@equation(gives="erodibility", cite="wischmeier1971")
def wischmeier_1971_as_printed(silt, very_fine_sand, clay, organic_matter, *, minimum=0.0):
    r"""Erodibility by the nomograph equation without structure and permeability, left in US customary units.

    Parameters
    ----------
    silt, very_fine_sand, clay, organic_matter : array, 1
        Mass fractions. NaN where negative, or where silt, very fine sand and clay exceed 1.02 together.
    minimum : float
        Lower results are raised to it.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1
        As printed by a study that takes the US customary number for this unit: 7.6 times too high.

    Notes
    -----
    .. math:: K = 2.1 \cdot 10^{-6} M^{1.14} (12 - a), \quad M = (silt + vfs)(100 - clay)

    with all contents in per cent. See `wischmeier_1971`.

    Examples
    --------
    >>> round(float(wischmeier_1971_as_printed(0.65, 0.05, 0.15, 0.028)), 6)
    0.388111
    """
    texture = _nomograph_texture(silt, very_fine_sand, clay)
    return np.maximum(2.1e-6 * texture**1.14 * (12 - not_negative(organic_matter) * PERCENT), minimum)


@equation(gives="erodibility", cite="sharpley1990")
def sharpley_williams_1990(sand, silt, clay, organic_carbon):
    r"""Erodibility from texture and organic carbon, as in EPIC.

    Parameters
    ----------
    sand, silt, clay : array, 1
        Mass fractions; NaN where negative or where they do not add up to 1 within 0.02. Without silt and clay K is 0.
    organic_carbon : array, 1
        Mass fraction of carbon, not of organic matter.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1

    Notes
    -----
    .. math:: K = 0.1317 \left[0.2 + 0.3 e^{-0.0256 \, SAN (1 - SIL/100)}\right]
        \left[\frac{SIL}{CLA + SIL}\right]^{0.3} \left[1 - \frac{0.25 C}{C + e^{3.72 - 2.95 C}}\right]
        \left[1 - \frac{0.7 \, SN}{SN + e^{-5.51 + 22.9 \, SN}}\right], \quad SN = 1 - SAN/100

    with all contents in per cent. Sharpley and Williams (1990).

    Examples
    --------
    >>> round(float(sharpley_williams_1990(0.4, 0.4, 0.2, 0.015)), 6)
    0.0343
    """
    return K_US_TO_SI * _epic(sand, silt, clay, organic_carbon)


@equation(gives="erodibility", cite="zhang2008")
def zhang_2008(sand, silt, clay, organic_carbon, *, slope=0.51575, intercept=-0.01383, minimum=0.0):
    r"""Erodibility as in EPIC, corrected to measurements on agricultural soils of China.

    Parameters
    ----------
    sand, silt, clay : array, 1
        Mass fractions; NaN where negative or where they do not add up to 1 within 0.02.
    organic_carbon : array, 1
        Mass fraction of carbon, not of organic matter.
    slope, intercept : float
        Of the line through measured against EPIC values, both in US customary units.
    minimum : float
        Lower results are raised to it; the line is negative for an EPIC value below 0.0268.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1

    Notes
    -----
    .. math:: K = 0.1317 \, (-0.01383 + 0.51575 \, K_{EPIC})

    About half of `sharpley_williams_1990`. Zhang et al. (2008); also HJ 1173-2021.

    Examples
    --------
    >>> round(float(zhang_2008(0.4, 0.4, 0.2, 0.015)), 6)
    0.015869
    """
    return np.maximum(K_US_TO_SI * (intercept + slope * _epic(sand, silt, clay, organic_carbon)), minimum)


@equation(gives="erodibility", cite="romkens1997")
def romkens_1997(sand, silt, clay):
    r"""Erodibility from the geometric mean grain size, fitted to soils of the world.

    Parameters
    ----------
    sand, silt, clay : array, 1
        Mass fractions; NaN where negative or where they do not add up to 1 within 0.02.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1

    Notes
    -----
    .. math:: K = 0.0034 + 0.0405 \exp\left[-\frac{1}{2} \left(\frac{\log_{10} D_g + 1.659}{0.7101}\right)^2\right],
        \quad D_g = \exp \sum_i f_i \ln m_i

    with mean sizes of 1.025, 0.026 and 0.001 mm. Römkens et al. (1997).

    Examples
    --------
    >>> round(float(romkens_1997(0.4, 0.4, 0.2)), 6)
    0.037136
    """
    return _bell(_log_grain_size(sand, silt, clay), 0.0034, 0.0405, 1.659, 0.7101)


@equation(gives="erodibility", cite="romkens1997")
def romkens_1997_us(sand, silt, clay):
    r"""Erodibility from the geometric mean grain size, fitted to soils of the United States.

    Parameters
    ----------
    sand, silt, clay : array, 1
        Mass fractions; NaN where negative or where they do not add up to 1 within 0.02. Less than a tenth of rock.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1

    Notes
    -----
    .. math:: K = 0.0017 + 0.0494 \exp\left[-\frac{1}{2} \left(\frac{\log_{10} D_g + 1.675}{0.6986}\right)^2\right]

    with the grain size of `romkens_1997`. Römkens et al. (1997).

    Examples
    --------
    >>> round(float(romkens_1997_us(0.4, 0.4, 0.2)), 6)
    0.042019
    """
    return _bell(_log_grain_size(sand, silt, clay), 0.0017, 0.0494, 1.675, 0.6986)


def rock_fragments(erodibility: Any, rock_fragments: Any, *, decay: float = 0.04, threshold: float = 0.10) -> Any:
    r"""Lower the erodibility where stones cover the surface.

    Parameters
    ----------
    erodibility : array, t ha h ha-1 MJ-1 mm-1
    rock_fragments : array, 1
        Share of the surface covered by stones.
    decay : float
        Per per cent of cover.
    threshold : float
        Cover below which stones change nothing.

    Returns
    -------
    erodibility : array, t ha h ha-1 MJ-1 mm-1

    Notes
    -----
    .. math:: K' = K \, e^{-0.04 (R_c - 10)}

    with the cover in per cent. Never applied unless asked for. Poesen, Torri and Bunte (1994).

    Examples
    --------
    >>> round(float(rock_fragments(0.03, 0.35)), 6)
    0.011036
    """
    return erodibility * np.exp(-decay * PERCENT * np.maximum(np.subtract(rock_fragments, threshold), 0))


@functools.cache
def _by_code(column: str) -> np.ndarray:
    table = tables.read("erodibility_texture")
    codes = table["code"].to_numpy()
    values = np.full(codes.max() + 1, np.nan)
    values[codes] = table[column]
    return values


def _class(values: Any, top: int) -> Any:
    """Class codes as numbers that leave float32 data as they are, NaN outside 1 to `top`."""
    if isinstance(values, int | float):
        return float(values) if 1 <= values <= top else np.nan
    codes = np.asarray(values)
    return np.where((codes >= 1) & (codes <= top), codes, np.float32(np.nan)).astype(np.float32)


def _texture(sand: Any, silt: Any, clay: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    sand, silt, clay = not_negative(sand), not_negative(silt), not_negative(clay)
    whole = np.abs(sand + silt + clay - 1) <= SUM_TOLERANCE + 1e-6
    return np.where(whole, sand, sand.dtype.type(np.nan)), silt, clay


def _nomograph_texture(silt: Any, very_fine_sand: Any, clay: Any) -> np.ndarray:
    fine, clay = not_negative(silt) + not_negative(very_fine_sand), not_negative(clay)
    product = fine * PERCENT * np.maximum(1 - clay, 0) * PERCENT
    return np.where(fine + clay <= 1 + SUM_TOLERANCE + 1e-6, product, product.dtype.type(np.nan))


def _epic(sand: Any, silt: Any, clay: Any, organic_carbon: Any) -> np.ndarray:
    """Erodibility in US customary units; coarse sand, clay against silt, carbon and much sand, in this order."""
    sand, silt, clay = _texture(sand, silt, clay)
    carbon, rest = not_negative(organic_carbon) * PERCENT, np.maximum(1 - sand, 0)
    coarse = 0.2 + 0.3 * np.exp(-0.0256 * PERCENT * sand * (1 - silt))
    fine = silt + clay
    share = np.divide(silt, fine, out=np.zeros_like(fine), where=fine != 0)
    organic = 1 - 0.25 * carbon / (carbon + np.exp(3.72 - 2.95 * carbon))
    sandy = 1 - 0.7 * rest / (rest + np.exp(-5.51 + 22.9 * rest))
    return coarse * share**0.3 * organic * sandy


def _log_grain_size(sand: Any, silt: Any, clay: Any) -> np.ndarray:
    sand, silt, clay = _texture(sand, silt, clay)
    coarse, middle, fine = (float(np.log10(size)) for size in GRAIN_SIZES)
    return sand * coarse + silt * middle + clay * fine


def _bell(x: np.ndarray, base: float, height: float, centre: float, width: float) -> np.ndarray:
    return base + height * np.exp(-0.5 * ((x + centre) / width) ** 2)
