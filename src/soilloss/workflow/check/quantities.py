"""Quantities: values that mean missing, values out of range, and values that look like another unit."""

from __future__ import annotations

import numpy as np

from soilloss.variables import VARIABLES
from soilloss.workflow.check.findings import NO_CELL, Finding, error, warning
from soilloss.workflow.check.remedies import Subject, remedy

SENTINELS = (-9999, -99999, -32768, -32767, -999, -99, 255, 9999, 32767, 65535, 99999)
HUGE = 1e15
# more than this share out of range is no overshoot of a resampling
FEW = 0.01
ISOLATED = 0.1


def examine_values(subject: Subject, raw: np.ndarray, zeros: float = 0.0) -> list[Finding]:
    """Return the first thing to be said about raw values of a quantity: what means missing, range, unit.

    `zeros` is the share of zeros along the edge of the raster, 0 where zero is known to mean missing.
    """
    if raw.size == 0:
        return [error(subject.where, f"{subject.text} {NO_CELL}")]
    for find in (_sentinel, _range, _scaled_twice, _unlikely):
        found = find(subject, raw)
        if found:
            return [found]
    found = _zero_filled(subject, raw, zeros)
    return [found] if found else []


def _sentinel(subject: Subject, raw: np.ndarray) -> Finding | None:
    """An extreme value that stands apart and is known for meaning missing."""
    low, high = VARIABLES[subject.variable].range
    for value in (float(raw.min()), float(raw.max())):
        rest = raw[raw != value]
        if not (value in SENTINELS or abs(value) > HUGE) or not rest.size or subject.kind == "constant":
            continue
        span = float(rest.max() - rest.min())
        apart = float(np.abs(rest - value).min())
        if apart < ISOLATED * abs(value):
            continue
        outside = not low <= float(np.atleast_1d(subject.physical(np.array([value])))[0]) <= high
        share = np.mean(raw == value)
        message = (
            f"{subject.text} holds {value:g} in {_percent(share)} of the cells, the rest is {_number(rest.min())} to "
            f"{_number(rest.max())}; expected a nodata value to be stated: add nodata: {value:g}"
        )
        if apart > ISOLATED * span and outside:
            return error(subject.where, message)
        if apart > span:
            return warning(subject.where, message)
    return None


def _range(subject: Subject, raw: np.ndarray) -> Finding | None:
    low, high = VARIABLES[subject.variable].range
    values = np.asarray(subject.physical(raw))
    slack = 1e-6 * (high - low) if np.isfinite(high - low) else 0.0
    outside = float(np.mean(~((values >= low - slack) & (values <= high + slack))))
    if outside == 0:
        return None
    unit = VARIABLES[subject.variable].unit
    said = f"{subject.text} {_ranges(values)}"
    allowed = f"allowed is {low:g} to {high:g}{f' {unit}' if unit not in ('', '1') else ''}"
    if outside < FEW and subject.kind == "raster":
        return warning(
            subject.where,
            f"{said} in {_percent(outside)} of the cells looked at, {allowed}; they are used as they are: repair them "
            "or state a nodata value",
        )
    what = remedy(subject, raw) or "check which quantity and unit it holds, and give scale, offset, unit or nodata"
    return error(subject.where, f"{said}, {allowed}; {what}")


def _scaled_twice(subject: Subject, raw: np.ndarray) -> Finding | None:
    """A scale given for values that are scaled already."""
    low, high = VARIABLES[subject.variable].range
    factor = abs(float(np.ptp(subject.physical(np.array([0.0, 1.0])))))
    if factor > 0.011 or high > 1 or raw.max() == raw.min() == 0:
        return None
    if raw.min() < low or raw.max() > high or np.abs(raw).max() <= 0.02 or bool((raw % 1 == 0).all()):
        return None
    values = subject.physical(raw)
    return error(
        subject.where,
        f"{subject.text} {_ranges(raw)} and would become {_number(values.min())} to {_number(values.max())}; expected "
        f"are values not scaled before: remove its {'scale' if subject.scale != 1 else 'unit'}",
    )


def _unlikely(subject: Subject, raw: np.ndarray) -> Finding | None:
    """Values in range that look like another unit."""
    values = np.asarray(subject.physical(raw), float)
    rule = _RULES.get(subject.variable)
    variable = VARIABLES[subject.variable]
    seasonal = variable.in_time == "sum" and not variable.axis and not subject.yearly
    return rule(subject, values) if rule and not seasonal else None


def _annual_rain(subject: Subject, values: np.ndarray) -> Finding | None:
    middle, top = float(np.median(values)), float(values.max())
    if top == 0:
        return warning(
            subject.where, f"{subject.text} is 0 everywhere, expected the rain of a year in mm; check the file"
        )
    if 0.05 < top < 10:
        other = "add unit: m if it is metres, or scale: 365.25 if it is mm in a day"
        return error(
            subject.where,
            f"{subject.text} {_ranges(values)} mm, expected the rain of a whole year, hundreds of mm; {other}",
        )
    if top <= 0.05:
        return error(
            subject.where,
            f"{subject.text} {_ranges(values)} mm, expected the rain of a whole year, hundreds of mm; a flux in kg "
            "m-2 s-1 needs scale: 31557600",
        )
    if middle < 100:
        return warning(
            subject.where,
            f"{subject.text} has a median of {_number(middle)} mm, expected the rain of a whole year; if it is the "
            f"mean of months, pentads or days, the sums would be {middle * 12:.0f}, {middle * 73:.0f} or "
            f"{middle * 365:.0f} mm; if inches, add unit: in ({middle * 25.4:.0f} mm)",
        )
    return None


def _monthly_rain(subject: Subject, values: np.ndarray) -> Finding | None:
    if values.min() > 230 and values.max() < 335:
        return error(
            subject.where,
            f"{subject.text} {_ranges(values)} in every month: expected rain in mm, these look like temperatures in "
            "kelvin; give a rain file",
        )
    if values.max() < 2:
        return error(
            subject.where,
            f"{subject.text} {_ranges(values)} mm, expected the rain of months, tens of mm; if it is metres, add "
            "unit: m",
        )
    return None


def _erodibility(subject: Subject, values: np.ndarray) -> Finding | None:
    middle = float(np.median(values))
    if middle > 0.09:
        return error(
            subject.where,
            f"{subject.text} has a median of {_number(middle)}, expected 0.005 to 0.09 t ha h ha-1 MJ-1 mm-1; it "
            f"looks like US units: {subject.give_unit('us customary')} ({_number(middle * 0.1317)} in SI)",
        )
    if 0 < middle < 0.002:
        return warning(
            subject.where,
            f"{subject.text} has a median of {_number(middle)}, expected 0.005 to 0.09 t ha h ha-1 MJ-1 mm-1; was it "
            "converted twice?",
        )
    return None


def _carbon(subject: Subject, values: np.ndarray) -> Finding | None:
    middle, top = float(np.median(values)), float(values.max())
    matter = subject.variable == "organic_matter"
    if top > 0.6 and not matter:
        return error(
            subject.where,
            f"{subject.text} {_ranges(values)}, expected a mass fraction below 0.6, the carbon of pure organic "
            f"matter; {subject.give_unit('%')} if it is per cent, or give it as organic_matter",
        )
    if middle > (0.25 if matter else 0.15):
        return warning(
            subject.where,
            f"{subject.text} has a median of {_number(middle)} ({middle:.0%}): that is peat; expected about 0.005 to "
            f"0.05; if it is per cent, {subject.give_unit('%')}",
        )
    return None


def _texture(subject: Subject, values: np.ndarray) -> Finding | None:
    if 0 < values.max() < 0.012:
        return warning(
            subject.where,
            f"{subject.text} {_ranges(values)}, expected mass fractions such as 0.3; was it converted twice?",
        )
    return None


_RULES = {
    "annual_precipitation": _annual_rain,
    "monthly_precipitation": _monthly_rain,
    "erodibility": _erodibility,
    "organic_carbon": _carbon,
    "organic_matter": _carbon,
    "sand": _texture,
    "silt": _texture,
    "clay": _texture,
}


def _zero_filled(subject: Subject, raw: np.ndarray, zeros: float) -> Finding | None:
    """Zeros along the edge that stand apart from the other values."""
    rest = raw[raw != 0]
    if zeros < 0.4 or not rest.size or np.abs(rest).min() < ISOLATED * np.median(np.abs(rest)):
        return None
    return warning(
        subject.where,
        f"{subject.text} is 0 in {_percent(zeros)} of the cells along its edge, the other values begin at "
        f"{_number(np.abs(rest).min())}; if 0 means missing, add nodata: 0",
    )


def _ranges(values: np.ndarray) -> str:
    low, high = _number(values.min()), _number(values.max())
    return f"is {low}" if low == high else f"ranges from {low} to {high}"


def _number(value: float) -> str:
    return f"{float(value):.4g}" if abs(value) < 1e4 or abs(value) > HUGE else f"{float(value):.0f}"


def _percent(share: float) -> str:
    return f"{100 * share:.2g} %" if share < 0.1 else f"{100 * share:.0f} %"
