"""Logarithm, power, sine and angle of one number, made of sums, products and quotients only.

Loops over them become vector instructions, several cells abreast, and give the same bits on every machine and for
every cut of the work. The constants are those of polynomials through Chebyshev nodes (worked out in 60 digits), with
which no result is off by more than 1e-14 of itself.
"""

from __future__ import annotations

import math

import numpy as np
from numba import njit

MANTISSA = 52
ONE_BITS = 1023 << MANTISSA
ROOT2, LN2, HALF_PI = math.sqrt(2), math.log(2), math.pi / 2
TAN_PI_8 = math.sqrt(2) - 1
LEAST = -1000.0


@njit(inline="always", error_model="numpy")
def _artanh(t):
    """Twice the inverse hyperbolic tangent over ln 2, for numbers to 0.172."""
    q = t * t
    a = 0.32061638813224547 + q * (0.2614442493522915 + q * 0.2429160853987535)
    a = 0.5770780172463286 + q * (0.4121984020482752 + q * a)
    return t * (2.885390081777927 + q * (0.9617966939243345 + q * a))


@njit(inline="always", error_model="numpy")
def log2(x, below_one):
    """Logarithm to base 2 of a positive number; -1023 for 0, some number for what is missing.

    `below_one` is 1 - x: where x was made by subtraction from 1 it holds the digits that x has lost.
    """
    bits = np.float64(x).view(np.int64)
    exponent = np.float64(np.int32(bits >> MANTISSA) - np.int32(1023))
    m = np.int64((bits & ((1 << MANTISSA) - 1)) | ONE_BITS).view(np.float64)
    large = m > ROOT2
    m = m * 0.5 if large else m
    exponent = exponent + 1 if large else exponent
    return exponent + _artanh((m - 1 if exponent != 0 else -below_one) / (m + 1))


@njit(inline="always", error_model="numpy")
def _power(y):
    """The whole power of two nearest to 2 to the power y, and what 2 to the power of the rest exceeds 1 by."""
    y = LEAST if y < LEAST else y
    whole = np.floor(y + 0.5)
    x = y - whole
    a = 1.5252672924825662e-05 + x * (1.321545163209346e-06 + x * (1.020590541949727e-07 + x * 7.07097809251574e-09))
    a = 0.009618129107618665 + x * (0.0013333558200794627 + x * (0.00015403530424778374 + x * a))
    a = 0.6931471805599462 + x * (0.24022650695910075 + x * (0.05550410866465167 + x * a))
    return np.int64((np.int64(np.int32(whole)) << MANTISSA) + ONE_BITS).view(np.float64), x * a


@njit(inline="always", error_model="numpy")
def exp2(y):
    """2 to the power y, for y below 1000; from -1000 down that of -1000."""
    scale, more = _power(y)
    return scale + scale * more


@njit(inline="always", error_model="numpy")
def exp2m1(y):
    """2 to the power y, less 1, with all its digits beside 0."""
    scale, more = _power(y)
    return scale * more + (scale - 1)


@njit(inline="always", error_model="numpy")
def sine_cosine(angle):
    """Sine and cosine of an angle (rad), both without their sign."""
    turns = np.floor(angle * (1 / HALF_PI) + 0.5)
    x = angle - turns * HALF_PI
    q = x * x
    s = 0.00833333332387815 + q * (-0.0001984126329839051 + q * (2.7555271893389817e-06 + q * -2.475655877198039e-08))
    s = x * (0.9999999999999957 + q * (-0.16666666666616686 + q * s))
    c = 2.4801578538562985e-05 + q * (-2.755523388484742e-07 + q * 2.0630454379662294e-09)
    c = 1 + q * (-0.4999999999999925 + q * (0.041666666666472306 + q * (-0.0013888888869978658 + q * c)))
    odd = turns - 2 * np.floor(turns * 0.5) == 1
    return abs(c if odd else s), abs(s if odd else c)


@njit(inline="always", error_model="numpy")
def angle_of(rise, run):
    """Angle (rad) from 0 to pi/2 whose tangent is `rise` over `run`, neither of them negative."""
    steep, middle = rise > run / TAN_PI_8, rise > run * TAN_PI_8
    t = (-run if steep else rise - run if middle else rise) / (rise if steep else rise + run if middle else run)
    q = t * t
    a = -0.0650598296717084 + q * (0.05024762118940128 - q * 0.025316479573776477)
    a = 0.11111048853751296 + q * (-0.09089529956562307 + q * (0.07673535428183285 + q * a))
    a = -0.3333333333322143 + q * (0.19999999978392663 + q * (-0.14285712661684793 + q * a))
    a = t * (0.999999999999999 + q * a)
    return (HALF_PI if steep else HALF_PI / 2 if middle else 0.0) + a
