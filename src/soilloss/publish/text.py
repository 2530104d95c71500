"""Numbers, units and names as people read them."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from soilloss.variables import VARIABLES

SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NARROW_SPACE = "\u202f"


def unit_text(unit: str) -> str:
    """Return a unit with raised exponents; nothing for numbers without a unit.

    Examples
    --------
    >>> unit_text("t ha-1 yr-1")
    't ha⁻¹ yr⁻¹'
    >>> unit_text("1")
    ''
    """
    return "" if unit == "1" else re.sub(r"(?<=[A-Za-z])-?\d+", lambda m: m[0].translate(SUPERSCRIPT), unit)


def with_unit(name: str, unit: str) -> str:
    """Return ``name (unit)``, or the name alone.

    Examples
    --------
    >>> with_unit("erosivity", "MJ mm ha-1 h-1")
    'erosivity (MJ mm ha⁻¹ h⁻¹)'
    """
    return f"{name} ({unit_text(unit)})" if unit_text(unit) else name


def number(value: float | int | None, digits: int = 3) -> str:
    """Return a number with `digits` significant digits, thousands parted by narrow spaces; a dash for none.

    Examples
    --------
    >>> number(0.0123456), number(12.0), number(None)
    ('0.0123', '12', '–')
    >>> number(1234567).replace(NARROW_SPACE, " ")
    '1 230 000'
    """
    if value is None or not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    places = digits - 1 - math.floor(math.log10(abs(value)))
    rounded = round(value, places)
    if abs(rounded) < 1e-4:
        mantissa, power = f"{rounded:.{digits - 1}e}".split("e")
        return f"{mantissa} × 10{str(int(power)).translate(SUPERSCRIPT)}".replace("-", "−")
    text = f"{rounded:,.{max(places, 0)}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace(",", NARROW_SPACE).replace("-", "−")


def amount(value: float | None) -> str:
    """Return a large number in millions.

    Examples
    --------
    >>> amount(141_800_000), amount(500)
    ('142 million', '500')
    """
    return f"{number(value / 1e6)} million" if value is not None and abs(value) >= 1e6 else number(value)


def degrees(value: float, positive: str, negative: str, apart: float = 1.0) -> str:
    """Return a coordinate in degrees with its hemisphere, so that those as far `apart` (degrees) differ.

    Examples
    --------
    >>> degrees(-34.85, "E", "W")
    '34.85° W'
    >>> degrees(41.7305, "N", "S", apart=0.0005)
    '41.7305° N'
    """
    digits = max(2, 1 - math.floor(math.log10(apart)))
    text = f"{abs(value):.{digits}f}".rstrip("0").rstrip(".")
    return f"{text}° {positive if value >= 0 else negative}" if value else f"{text}°"


def years_text(years: Sequence[int]) -> str:
    """Return the years of a period in words.

    Examples
    --------
    >>> years_text([2001, 2002, 2003]), years_text([2010, 2015])
    ('2001–2003', '2010, 2015')
    """
    if len(years) > 1 and years[-1] - years[0] < len(years):
        return f"{years[0]}–{years[-1]}"
    return ", ".join(str(year) for year in years)


def label(variable: str) -> str:
    """Return a variable's name for readers, with its letter.

    Examples
    --------
    >>> label("erosivity")
    'erosivity R'
    >>> label("annual_precipitation"), label("ndvi")
    ('annual precipitation', 'NDVI')
    """
    known = VARIABLES.get(variable)
    if known and known.symbol == variable.upper():
        return known.symbol
    name = variable.replace("_", " ")
    return f"{name} {known.symbol}" if known and len(known.symbol) in (1, 2) and known.symbol.isupper() else name
