"""The vocabulary: every variable once, with its unit, meaning, symbol, valid range and how it is resampled.

Function parameters, project files, file names, map layers, table columns and captions use these names and no others.
"""

from __future__ import annotations

from math import inf, pi
from typing import NamedTuple


class Variable(NamedTuple):
    """One quantity of the vocabulary.

    `unit` is canonical ("" for classes and codes); `resampling` is how it is brought onto another grid (``bilinear``
    for quantities, ``mode`` for classes); `in_time` how finer steps make a coarser one (``sum`` for amounts, ``mean``
    or ``mode``); `axis` the extra last axis (``month``, ``half_month``, ``day``) of finer data; `dtype` how it is kept.
    """

    unit: str
    meaning: str
    symbol: str = ""
    range: tuple[float, float] = (-inf, inf)
    resampling: str = "bilinear"
    in_time: str = "mean"
    axis: str = ""
    dtype: str = "float32"

    @property
    def is_class(self) -> bool:
        """Whether values are codes rather than quantities."""
        return self.resampling == "mode"


def _amount(unit: str, meaning: str, top: float, symbol: str = "", axis: str = "") -> Variable:
    return Variable(unit, meaning, symbol, (0, top), in_time="sum", axis=axis)


def _fraction(meaning: str, symbol: str = "", axis: str = "") -> Variable:
    return Variable("1", meaning, symbol, (0, 1), axis=axis)


def _classes(meaning: str, top: int = 255) -> Variable:
    return Variable("", meaning, range=(0, top), resampling="mode", in_time="mode")


_R_UNIT = "MJ mm ha-1 h-1"

VARIABLES: dict[str, Variable] = {
    # rain
    "annual_precipitation": _amount("mm", "rain of a year", 15_000),
    "monthly_precipitation": _amount("mm", "rain of each month of a year", 5_000, axis="month"),
    "daily_precipitation": _amount("mm", "rain of each day", 2_000, axis="day"),
    "rain_days": Variable("d", "days with rain in each month", range=(0, 31), in_time="sum", axis="month"),
    "maximum_daily_precipitation": Variable("mm", "wettest day of each month", range=(0, 2_000), axis="month"),
    "erosivity_density": Variable(
        "MJ ha-1 h-1", "erosivity per mm of rain of each month", range=(0, 100), axis="month"
    ),
    "half_month_erosivity": _amount(_R_UNIT, "erosivity of each half-month", 50_000, axis="half_month"),
    # terrain
    "elevation": Variable("m", "height above sea level", "z", (-500, 9_000)),
    "filled_elevation": Variable("m", "height with depressions filled", range=(-500, 9_000)),
    "slope": Variable("rad", "steepest slope angle", range=(0, pi / 2)),
    "trapping": _fraction("share of the flow that a cell holds back: roads, terraces, parcel borders, water"),
    "aspect": Variable("rad", "downslope direction, clockwise from north", range=(0, 2 * pi), resampling="nearest"),
    "flow_direction": _classes("direction of steepest descent, 0 east to 7 north-east clockwise, 8 leaves"),
    "flow_accumulation": Variable(
        "1", "cells draining through a cell, itself included", range=(1, inf), dtype="float64"
    ),
    "contributing_area": Variable(
        "m2", "area draining through a cell, itself included", range=(0, inf), dtype="float64"
    ),
    "slope_length": Variable("m", "length of the slope above a cell", range=(0, 1e6)),
    "channels": _classes("1 where water runs in a channel, else 0", 1),
    "edge_contaminated": _classes("1 where water may come from outside the heights, so that areas may be too small", 1),
    # soil
    "sand": _fraction("sand, mass fraction of the fine earth"),
    "silt": _fraction("silt, mass fraction of the fine earth"),
    "clay": _fraction("clay, mass fraction of the fine earth"),
    "very_fine_sand": _fraction("very fine sand (0.05-0.1 mm), mass fraction of the fine earth"),
    "organic_carbon": _fraction("organic carbon, mass fraction"),
    "organic_matter": _fraction("organic matter, mass fraction"),
    "rock_fragments": _fraction("share of the surface covered by stones"),
    "structure": _classes("soil structure class, 1 very fine granular to 4 blocky or massive", 4),
    "permeability": _classes("profile permeability class, 1 rapid to 6 very slow", 6),
    "texture_class": _classes("OpenLandMap USDA texture code, 1 clay to 12 sand", 12),
    # vegetation
    "blue": _fraction("blue reflectance"),
    "green": _fraction("green reflectance"),
    "red": _fraction("red reflectance"),
    "nir": _fraction("near-infrared reflectance"),
    "swir1": _fraction("short-wave infrared reflectance, 1.6 um"),
    "ndvi": Variable("1", "normalised difference vegetation index", "NDVI", (-1, 1)),
    "bare_ndvi": Variable("1", "NDVI of bare soil", range=(-1, 1), dtype="float64"),
    "full_ndvi": Variable("1", "NDVI of full plant cover", range=(-1, 1), dtype="float64"),
    "fractional_cover": _fraction("share of ground covered by green plants", "FVC"),
    "half_month_fractional_cover": _fraction("plant cover of each half-month", axis="half_month"),
    "ground_cover": _fraction("ground cover under the tree canopy"),
    "land_cover": _classes(
        "land cover: 1 forest, 2 shrubland, 3 grassland, 4 cropland, 5 built-up, 6 bare, 7 water, 8 wetland"
    ),
    "land_cover_probability": _fraction("probability of each of the eight classes of land cover", axis="class"),
    "igbp_class": _classes("IGBP land cover class of MODIS, 1 to 17"),
    "engineering_measure": _classes("engineering measure against erosion, the codes of the project's table"),
    "tillage_measure": _classes("tillage measure against erosion, the codes of the project's table"),
    # factors
    "erosivity": _amount(_R_UNIT, "rainfall erosivity", 50_000, "R"),
    "erodibility": Variable("t ha h ha-1 MJ-1 mm-1", "soil erodibility", "K", (0, 0.2)),
    "slope_length_factor": Variable("1", "slope length factor", "L", (0, 500)),
    "slope_steepness_factor": Variable("1", "slope steepness factor", "S", (0, 50)),
    "topography": Variable("1", "slope length and steepness", "LS", (0, 5_000)),
    "cover": _fraction("cover management", "C"),
    "cover_variance": _fraction("variance of cover management where the class is uncertain"),
    "practice": _fraction("support practice", "P"),
    "biological": _fraction("biological measures", "B"),
    "engineering": _fraction("engineering measures", "E"),
    "tillage": _fraction("tillage measures", "T"),
    # results
    "soil_loss": _amount("t ha-1", "soil loss by sheet and rill erosion", inf, "A"),
    "severity": _classes("severity grade of soil loss, 1 the slightest")._replace(dtype="uint8"),
}
