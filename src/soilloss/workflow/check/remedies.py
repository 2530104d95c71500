"""Values that do not fit their variable, and what would make them fit."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from soilloss.units import convert
from soilloss.variables import VARIABLES

REFLECTANCE = ("blue", "green", "red", "nir", "swir1")
SOIL = ("sand", "silt", "clay", "very_fine_sand", "organic_carbon", "organic_matter")
# medians above these are peat, not soil: what looks like 20 % carbon is more likely 20 g per kg
TYPICAL_TOP = {"organic_carbon": 0.08, "organic_matter": 0.14}

_SOIL_UNITS = ("%", "g kg-1", "dg kg-1")
_UNITS = {
    **dict.fromkeys(SOIL, _SOIL_UNITS),
    "slope": ("degree", "%"),
    "elevation": ("ft", "dm", "cm"),
    "erodibility": ("us customary",),
    "erosivity": (),
}
_SCALES = {
    **dict.fromkeys(REFLECTANCE, ((0.0001, 0.0), (0.0000275, -0.2), (1 / 255, 0.0))),
    "ndvi": ((0.01, 0.0), (0.0001, 0.0)),
    "annual_precipitation": ((0.1, 0.0), (0.01, 0.0)),
    "monthly_precipitation": ((0.1, 0.0), (0.01, 0.0)),
    "daily_precipitation": ((0.1, 0.0), (0.01, 0.0)),
}
_OTHER_SCALES = ((0.001, 0.0), (0.0001, 0.0))


class Subject(NamedTuple):
    """What is spoken of: a source of `variable`, how it is read, and how a remedy is written for it.

    `yearly` says that amounts are those of a year, and not of a quarter or month, which may be dry.
    """

    where: str
    text: str
    variable: str
    kind: str = "raster"
    scale: float = 1.0
    offset: float = 0.0
    unit: str = ""
    yearly: bool = True

    def physical(self, raw: Any) -> Any:
        """Raw values as the run would use them."""
        return convert(self.variable, raw * self.scale + self.offset, self.unit or VARIABLES[self.variable].unit)

    def give_unit(self, unit: str) -> str:
        """How to state a unit."""
        if self.kind == "constant":
            return f"write {self.variable}: {{value: ..., unit: '{unit}'}}"
        return f"add units: {{{self.variable}: '{unit}'}}" if self.kind == "table" else f"add unit: '{unit}'"

    def give_scale(self, scale: float, offset: float = 0.0) -> str:
        """How to state a scale."""
        if self.kind != "raster":
            return f"multiply by {scale:.6g}" + (f" and add {offset:g}" if offset else "")
        return f"add scale: {scale:.6g}" + (f" and offset: {offset:g}" if offset else "")


def remedy(subject: Subject, raw: np.ndarray) -> str:
    """Return what most likely brings raw values into the range of their variable, '' if nothing known does."""
    name = subject.variable
    if VARIABLES[name].in_time == "sum" and raw.min() < 0:
        return _negative(subject, raw)
    fraction = VARIABLES[name].unit == "1" and VARIABLES[name].range[1] == 1
    for unit in _UNITS.get(name, ("%",) if fraction and name not in (*REFLECTANCE, "ndvi") else ()):
        if _fits(name, convert(name, raw * subject.scale + subject.offset, unit)):
            return _with_us(subject, unit)
    for scale, offset in _SCALES.get(name, _OTHER_SCALES if fraction else ()):
        if _fits(name, raw * scale + offset):
            return subject.give_scale(scale, offset)
    return ""


def _fits(name: str, values: np.ndarray) -> bool:
    """Whether nearly all values lie in the range, and are not lost at its bottom."""
    low, high = VARIABLES[name].range
    first, middle, last = np.percentile(values, (0.5, 50, 99.5))
    typical = middle <= TYPICAL_TOP.get(name, high)
    return bool(first >= low - 1e-9 and last <= high * (1 + 1e-9) and last >= low + 0.001 * (high - low) and typical)


def _with_us(subject: Subject, unit: str) -> str:
    """K in US and in metric technical units look the same."""
    text = subject.give_unit(unit)
    return f"{text} (or 'metric technical', if that is its system)" if unit == "us customary" else text


def _negative(subject: Subject, raw: np.ndarray) -> str:
    if "precipitation" in subject.variable and raw.min() > -90 and raw.max() < 60:
        return "these look like temperatures in degrees Celsius: give a rain file"
    return "an amount cannot be negative: state the value that means missing (nodata), or set negative cells to 0"
