"""The models: soil loss as a product of factors, and its severity classes."""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from soilloss import tables
from soilloss.equation import equation
from soilloss.errors import ProjectError, did_you_mean
from soilloss.kernels import classes, product


@equation(gives="soil_loss", cite="wischmeier1978")
def usle(erosivity, erodibility, topography, cover, practice):
    r"""Soil loss by the Universal Soil Loss Equation.

    Parameters
    ----------
    erosivity : array, MJ mm ha-1 h-1
        R of the time step.
    erodibility : array, t ha h ha-1 MJ-1 mm-1
        K.
    topography : array, 1
        LS.
    cover : array, 1
        C.
    practice : array, 1
        P.

    Returns
    -------
    soil_loss : array, t ha-1
        A of the time step; NaN where a factor is missing, infinite or negative.

    Notes
    -----
    .. math:: A = R \cdot K \cdot LS \cdot C \cdot P

    Wischmeier and Smith (1978), USDA Agriculture Handbook 537.

    Examples
    --------
    >>> round(float(usle(1000.0, 0.035, 2.0, 0.2, 0.5)), 6)
    7.0
    """
    return product.product_of_5(erosivity, erodibility, topography, cover, practice)


@equation(gives="soil_loss", cite="renard1997")
def rusle(erosivity, erodibility, topography, cover, practice):
    r"""Soil loss by the Revised Universal Soil Loss Equation.

    Parameters
    ----------
    erosivity : array, MJ mm ha-1 h-1
        R of the time step.
    erodibility : array, t ha h ha-1 MJ-1 mm-1
        K.
    topography : array, 1
        LS.
    cover : array, 1
        C.
    practice : array, 1
        P.

    Returns
    -------
    soil_loss : array, t ha-1
        A of the time step; NaN where a factor is missing, infinite or negative.

    Notes
    -----
    .. math:: A = R \cdot K \cdot LS \cdot C \cdot P

    The product is that of the USLE; the revision lies in the factors. Renard et al. (1997), USDA Agriculture
    Handbook 703.

    Examples
    --------
    >>> round(float(rusle(1000.0, 0.035, 2.0, 0.2, 0.5)), 6)
    7.0
    """
    return product.product_of_5(erosivity, erodibility, topography, cover, practice)


@equation(gives="soil_loss", cite="liuby2002")
def csle(erosivity, erodibility, slope_length_factor, slope_steepness_factor, biological, engineering, tillage):
    r"""Soil loss by the Chinese Soil Loss Equation.

    Parameters
    ----------
    erosivity : array, MJ mm ha-1 h-1
        R of the time step.
    erodibility : array, t ha h ha-1 MJ-1 mm-1
        K.
    slope_length_factor, slope_steepness_factor : array, 1
        L and S.
    biological, engineering, tillage : array, 1
        B, E and T.

    Returns
    -------
    soil_loss : array, t ha-1
        A of the time step; NaN where a factor is missing, infinite or negative.

    Notes
    -----
    .. math:: A = R \cdot K \cdot L \cdot S \cdot B \cdot E \cdot T

    Liu et al. (2002).

    Examples
    --------
    >>> round(float(csle(1000.0, 0.035, 2.0, 1.0, 0.2, 0.5, 1.0)), 6)
    7.0
    """
    return product.product_of_7(
        erosivity, erodibility, slope_length_factor, slope_steepness_factor, biological, engineering, tillage
    )


class Grade(NamedTuple):
    """One severity class: from `lower` to `upper` t ha-1 yr-1; `closed` says which side of `lower` owns it."""

    grade: int
    lower: float
    upper: float
    closed: str
    name: str
    colour: str


@functools.cache
def severity_table(scheme: str, tolerance: float | None = None) -> tuple[Grade, ...]:
    """Return the grades of a severity scheme, the slightest first.

    Parameters
    ----------
    scheme : str
        ``fao_1979``, ``oecd``, ``poyang``, ``rodopi``, ``sl190_2007`` or ``hj1174_5``.
    tolerance : float, optional
        Tolerable soil loss in t ha-1 yr-1, for the last two: 10 on the north-western Loess Plateau, 5 in the southern
        red-soil and south-western rocky areas, 2 in the north-eastern black-soil and northern rocky areas.

    Raises
    ------
    ProjectError
        If the scheme is unknown, or a tolerance is missing, superfluous or out of its range.

    Examples
    --------
    >>> [grade.name for grade in severity_table("fao_1979")]
    ['none to slight', 'moderate', 'high', 'very high']
    """
    table = tables.read("severity")
    rows = table[table["scheme"] == scheme]
    if rows.empty:
        known = list(dict.fromkeys(table["scheme"]))
        raise ProjectError(
            f"severity scheme {scheme!r} is not known{did_you_mean(scheme, known)} (known: {', '.join(known)})"
        )
    _check_tolerance(scheme, tolerance, "tolerance" in set(rows["lower"]))
    lower = [float(tolerance or 0) if edge == "tolerance" else float(edge) for edge in rows["lower"]]
    return tuple(
        Grade(int(grade), low, high, closed, name, colour)
        for grade, low, high, closed, name, colour in zip(
            rows["grade"], lower, [*lower[1:], np.inf], rows["closed"], rows["name"], rows["colour"], strict=True
        )
    )


def _check_tolerance(scheme: str, tolerance: float | None, needed: bool) -> None:
    if needed and tolerance is None:
        raise ProjectError(
            f"severity scheme {scheme} needs the tolerable soil loss in t ha-1 yr-1, for example "
            f"{{scheme: {scheme}, tolerance: 10}} on the Loess Plateau or tolerance: 5 in southern red-soil areas"
        )
    if needed and not 0 < float(tolerance or 0) < 25:
        raise ProjectError(f"the tolerable soil loss is {tolerance}, expected t ha-1 yr-1 above 0 and below 25")
    if not needed and tolerance is not None:
        raise ProjectError(f"severity scheme {scheme} has fixed classes and takes no tolerance; leave it out")


@equation(gives="severity", cite="fao1979")
def severity(soil_loss, *, scheme="fao_1979", tolerance=None):
    r"""Severity grade of soil loss.

    Parameters
    ----------
    soil_loss : array, t ha-1
        Soil loss of a year.
    scheme : str
        One of `severity_table`.
    tolerance : float
        Tolerable soil loss in t ha-1 yr-1, for the schemes that ask for it.

    Returns
    -------
    severity : array of uint8, codes
        1 the slightest; 0 where soil loss is missing.

    Raises
    ------
    ProjectError
        If the scheme is unknown or its tolerance is missing.

    Notes
    -----
    .. math:: grade = 1 + \#\{edges \le A\}

    An edge belongs to the upper class, except where the source printed it with the lower one (``rodopi``). FAO (1979)
    for the default; SL 190-2007, HJ 1174-2021 and OECD for the schemes of these names.

    Examples
    --------
    >>> severity(np.array([5.0, 10.0, np.nan])).tolist()
    [1, 2, 0]
    """
    grades = severity_table(scheme, tolerance)[1:]
    closed_right = [grade.closed == "right" for grade in grades]
    return classes.classify(soil_loss, classes.thresholds([grade.lower for grade in grades], closed_right))
