"""C where the class of a cell is uncertain: its mean over the probabilities of the classes, and its variance."""

from __future__ import annotations

import numpy as np

from soilloss import tables
from soilloss.equation import equation
from soilloss.factors.cover.single import mee_2021
from soilloss.kernels.probability import expectation

CODES = np.arange(1.0, 9.0)


@equation(gives="cover", cite="renard1997", over="class")
def expected_lookup(land_cover_probability, *, table):
    r"""Cover factor from a table, its mean over the classes that a cell may have.

    Parameters
    ----------
    land_cover_probability : array, 1
        Probabilities of the eight classes, last axis.
    table : mapping, DataFrame, str or pairs
        Code or class name to C, between 0 and 1.

    Returns
    -------
    cover : array, 1
        E[C]; NaN where probabilities are missing, or a class that is possible has no value.

    Raises
    ------
    DataError
        If the table has an unknown name, a class twice or a value outside 0-1.

    Notes
    -----
    .. math:: E[C] = \sum_c p_c \, C_c

    with probabilities that are brought to a sum of 1. Tables of C go back to Renard et al. (1997).

    Examples
    --------
    >>> p = np.array([0.75, 0, 0, 0.25, 0, 0, 0, 0])
    >>> round(float(expected_lookup(p, table={"forest": 0.004, "cropland": 0.4})), 4)
    0.103
    """
    return expectation(land_cover_probability, tables.by_code(table)[1:9])


@equation(gives="cover_variance", cite="renard1997", over="class")
def lookup_variance(land_cover_probability, *, table):
    r"""Variance of the cover factor that comes from not knowing the class of a cell.

    Parameters
    ----------
    land_cover_probability : array, 1
        Probabilities of the eight classes, last axis.
    table : mapping, DataFrame, str or pairs
        Code or class name to C, between 0 and 1.

    Returns
    -------
    cover_variance : array, 1
        Var[C]; 0 where the class is sure.

    Notes
    -----
    .. math:: Var[C] = \sum_c p_c \, (C_c - E[C])^2

    Tables of C go back to Renard et al. (1997).

    Examples
    --------
    >>> p = np.array([0.75, 0, 0, 0.25, 0, 0, 0, 0])
    >>> round(float(lookup_variance(p, table={"forest": 0, "cropland": 0.4})), 4)
    0.03
    """
    values = tables.by_code(table)[1:9]
    mean = expectation(land_cover_probability, values)
    return expectation(land_cover_probability, (values - np.asarray(mean)[..., None]) ** 2)


@equation(gives="cover", cite="hj1173", over="class")
def mee_2021_expected(land_cover_probability, fractional_cover):
    r"""Cover factor of HJ 1173-2021, its mean over the classes that a cell may have.

    Parameters
    ----------
    land_cover_probability : array, 1
        Probabilities of the eight classes, last axis.
    fractional_cover : array, 1
        Share of ground covered by green plants.

    Returns
    -------
    cover : array, 1
        E[C].

    Notes
    -----
    .. math:: E[C] = \sum_c p_c \, C_c(f)

    with C of each class as `mee_2021` gives it for the cell's plant cover.

    Examples
    --------
    >>> p = np.array([0.5, 0, 0, 0.5, 0, 0, 0, 0])
    >>> round(float(mee_2021_expected(p, 0.5)), 4)
    0.2101
    """
    values = mee_2021(CODES, np.asarray(fractional_cover)[..., None])
    return expectation(land_cover_probability, values)
