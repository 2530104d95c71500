"""METHODS: variable -> name -> function, found and never typed in; DEFAULTS: which is taken when none is named."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from soilloss.equation import spec_of
from soilloss.errors import ProjectError, did_you_mean

Function = Callable[..., Any]
Choice = tuple[str, dict[str, Any]]

ROOMS = ("soilloss.derive", "soilloss.factors", "soilloss.model")

# 1 000 ft is the longest slope of the handbook (Renard et al. 1997); where more than 1 km2 drains through a cell,
# water runs in a channel and the equations do not hold.
_LONGEST_SLOPE = 304.8
_CHANNEL_AREA = 1e6

# An ordered list: the first whose inputs can be had is taken. See docs/explanation/decisions.
DEFAULTS: dict[str, list[Choice]] = {
    "annual_precipitation": [("sum_of_months", {})],
    "monthly_precipitation": [("months_of_days", {})],
    "erosivity": [("renard_freimund_1994_mfi", {}), ("renard_freimund_1994", {})],
    "silt": [("silt", {})],
    "organic_carbon": [("organic_carbon", {})],
    "organic_matter": [("organic_matter", {})],
    "erodibility": [("wischmeier_1971", {}), ("sharpley_williams_1990", {}), ("texture_table", {})],
    "slope": [("slope_horn_1981", {})],
    "aspect": [("aspect_horn_1981", {})],
    "filled_elevation": [("fill_depressions", {})],
    "flow_direction": [("flow_direction_d8", {})],
    "flow_accumulation": [("flow_accumulation", {})],
    "contributing_area": [("contributing_area", {"routing": "mfd"})],
    "slope_length": [("slope_length", {"max_length": _LONGEST_SLOPE})],
    "topography": [("desmet_govers_1996", {"max_length": _LONGEST_SLOPE, "channel_area": _CHANNEL_AREA})],
    "ndvi": [("ndvi", {})],
    "bare_ndvi": [("lower_percentile", {})],
    "full_ndvi": [("upper_percentile", {})],
    "fractional_cover": [("fractional_cover", {})],
    "cover": [("van_der_knijff_2000", {})],
}

# USLE and RUSLE are the same product; CSLE has factors of its own.
MODEL_DEFAULTS: dict[str, dict[str, list[Choice]]] = {
    "usle": {"soil_loss": [("usle", {})], "topography": [("wischmeier_smith_1978", {})]},
    "rusle": {"soil_loss": [("rusle", {})]},
    "csle": {
        "soil_loss": [("csle", {})],
        "slope_length_factor": [("liu_2000", {})],
        "slope_steepness_factor": [("liu_1994", {})],
        "biological": [("biological_csle", {})],
    },
}

# What the planner offers when nothing can make the variable.
OFFERS = {
    "practice": "practice: 1 means no support practice",
    "engineering": "engineering: 1 means no engineering measure",
    "tillage": "tillage: 1 means no tillage measure",
}


# What could be read in no primary source, or in one secondary source only: docs/explanation/decisions
UNVERIFIED: dict[str, str] = {
    "biological_csle": "its constants of shrubland and grassland are known from one secondary source only, and "
    "forest takes the cover table of HJ 1173-2021",
    "zhang_fu_2003_daily": "its constants are known from one secondary source only",
    "yan_2025": "its table is known from one study that cites it, of the Loess Plateau",
    "yan_2025_expected": "its table is that of yan_2025",
    "kassie_2018": "its table is known from one study that cites it",
    "kassie_2018_as_printed": "its table is known from one study that cites it",
    "bouguerra_2017_as_printed": "its table is known from one study that cites it, and three of its rows look "
    "displaced",
}


def _modules() -> Iterator[Any]:
    for room in ROOMS:
        try:
            package = importlib.import_module(room)
        except ModuleNotFoundError:
            continue
        yield package
        for found in pkgutil.walk_packages(getattr(package, "__path__", []), f"{room}."):
            yield importlib.import_module(found.name)


def _collect() -> dict[str, dict[str, Function]]:
    methods: dict[str, dict[str, Function]] = {}
    for module in _modules():
        for name, thing in cast("dict[str, Any]", vars(module)).items():
            if hasattr(thing, "spec") and thing.__module__ == module.__name__:
                methods.setdefault(spec_of(thing).gives, {})[name] = thing
    return {variable: dict(sorted(found.items())) for variable, found in sorted(methods.items())}


METHODS: dict[str, dict[str, Function]] = _collect()


def method(variable: str, name: str) -> Function:
    """Return the method `name` of `variable`, or say which there are."""
    known = METHODS.get(variable, {})
    if name not in known:
        hint = did_you_mean(name, known) or (f"; known are {', '.join(known)}" if known else "")
        raise ProjectError(
            f"methods.{variable}: {name!r} is not a method for {variable}{hint} (soilloss methods {variable})"
        )
    return known[name]


def check_coefficients(variable: str, name: str, given: Mapping[str, Any]) -> None:
    """Refuse a coefficient the method does not have, or one that is not what its default is."""
    known = spec_of(method(variable, name)).coefficients
    for key, value in given.items():
        if key not in known:
            listed = ", ".join(f"{k}={v}" for k, v in known.items()) or "none"
            raise ProjectError(
                f"methods.{variable}: {name} has no coefficient {key!r}{did_you_mean(key, known)} (it has: {listed})"
            )
        default = known[key]
        if isinstance(default, int | float) and not isinstance(value, int | float):
            raise ProjectError(f"methods.{variable}: {key} of {name} is {value!r}, expected a number such as {default}")


def defaults(model: str) -> dict[str, list[Choice]]:
    """Return the default methods of a model.

    Examples
    --------
    >>> defaults("csle")["soil_loss"]
    [('csle', {})]
    """
    return {**DEFAULTS, **MODEL_DEFAULTS[model]}
