"""Bring a unit to the canonical one of the vocabulary, or say why it cannot be.

Conversions are a table, not a unit algebra: the list of units met in soil erosion work is short, and each entry
can be read and checked. The factors between unit systems are those of Renard et al. (1997, USDA AH-703, appendix A).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from soilloss.errors import UnitsError, did_you_mean
from soilloss.variables import VARIABLES

R_US_TO_SI = 17.02
R_METRIC_TO_SI = 9.81
R_US_TO_METRIC = 1.735
K_US_TO_SI = 0.1317
T_PER_ACRE_TO_T_PER_HA = 2.2417
FOOT = 0.3048
INCH_MM = 25.4

Conversion = float | Callable[[Any], Any]


def _from_percent_slope(percent: Any) -> Any:
    return np.arctan(percent * 0.01)


def _number(value: float) -> dict[str, Conversion]:
    return dict.fromkeys(("%", "percent", "per cent"), value)


_EROSIVITY: dict[str, Conversion] = {
    "MJ mm ha-1 h-1": 1.0,
    "us customary": R_US_TO_SI,
    "hundreds of ft tonf in acre-1 h-1": R_US_TO_SI,
    "metric technical": R_METRIC_TO_SI,
    "t m cm ha-1 h-1": R_METRIC_TO_SI,
}
_ERODIBILITY: dict[str, Conversion] = {
    "t ha h ha-1 MJ-1 mm-1": 1.0,
    "t h MJ-1 mm-1": 1.0,
    "us customary": K_US_TO_SI,
    "ton acre h hundreds of acre-1 ft-1 tonf-1 in-1": K_US_TO_SI,
    "metric technical": 1 / R_METRIC_TO_SI,
}

# canonical unit -> unit met -> factor, or function for what is not proportional
CONVERSIONS: dict[str, dict[str, Conversion]] = {
    "mm": {"mm": 1.0, "cm": 10.0, "m": 1000.0, "in": INCH_MM, "inch": INCH_MM, "kg m-2": 1.0},
    "m": {"m": 1.0, "metre": 1.0, "meter": 1.0, "km": 1000.0, "dm": 0.1, "cm": 0.01, "ft": FOOT, "foot": FOOT},
    "m2": {"m2": 1.0, "km2": 1e6, "ha": 1e4},
    "rad": {
        "rad": 1.0,
        "radian": 1.0,
        "degree": math.pi / 180,
        "degrees": math.pi / 180,
        "deg": math.pi / 180,
        "percent": _from_percent_slope,
        "%": _from_percent_slope,
    },
    "1": {"1": 1.0, "": 1.0, "fraction": 1.0, "g kg-1": 1e-3, "g/kg": 1e-3, "dg kg-1": 1e-4, **_number(0.01)},
    "d": {"d": 1.0, "day": 1.0, "days": 1.0},
    "MJ mm ha-1 h-1": _EROSIVITY,
    "MJ ha-1 h-1": {"MJ ha-1 h-1": 1.0},
    "t ha h ha-1 MJ-1 mm-1": _ERODIBILITY,
    "t ha-1": {
        "t ha-1": 1.0,
        "t/ha": 1.0,
        "Mg ha-1": 1.0,
        "kg m-2": 10.0,
        "t km-2": 0.01,
        "ton acre-1": T_PER_ACRE_TO_T_PER_HA,
    },
    "": {"": 1.0, "1": 1.0},
}

_PER_STEP = (" yr-1", " year-1", " a-1", "/yr", "/year", " quarter-1", " month-1")


def conversion(name: str, unit: str) -> Conversion:
    """Return the factor (or function) that turns values of `unit` into the canonical unit of variable `name`.

    Amounts per time step may carry the step (``mm yr-1``): the value is the amount over the step of the run.

    Raises
    ------
    UnitsError
        If the unit is unknown for this variable.

    Examples
    --------
    >>> conversion("erosivity", "us customary")
    17.02
    >>> conversion("sand", "%")
    0.01
    """
    variable = VARIABLES[name]
    known = CONVERSIONS[variable.unit]
    plain = " ".join(unit.split())
    if variable.in_time == "sum":
        for ending in _PER_STEP:
            plain = plain.removesuffix(ending)
    for candidate in (plain, plain.lower()):
        if candidate in known:
            return known[candidate]
    listed = ", ".join(repr(u) for u in known if u)
    raise UnitsError(
        f"{name} is in {unit!r}, expected {variable.unit!r} or one that converts to it ({listed})"
        f"{did_you_mean(unit, known)}"
    )


def convert(name: str, values: Any, unit: str) -> Any:
    """Bring `values` of variable `name` from `unit` to its canonical unit; float32 stays float32.

    Examples
    --------
    >>> convert("annual_precipitation", 64.0, "cm")
    640.0
    """
    how = conversion(name, unit)
    if callable(how):
        return how(values)
    return values if how == 1.0 else values * how


def step_unit(name: str, step: str) -> str:
    """Compose the published unit of an amount from the time step, e.g. ``t ha-1 yr-1``.

    Examples
    --------
    >>> step_unit("soil_loss", "year")
    't ha-1 yr-1'
    >>> step_unit("ndvi", "year")
    '1'
    """
    variable = VARIABLES[name]
    per = {"year": "yr-1", "quarter": "quarter-1", "month": "month-1"}[step]
    return f"{variable.unit} {per}" if variable.in_time == "sum" and not variable.axis else variable.unit
