"""Support practice P of the USLE, engineering E and tillage T of the CSLE."""

from soilloss.factors.practice.slope import (
    kassie_2018,
    kassie_2018_as_printed,
    wener_1981,
    wischmeier_smith_1978,
    wischmeier_smith_1978_limited,
    wischmeier_smith_1978_strips,
    wischmeier_smith_1978_terraces,
    yan_2025,
    yan_2025_expected,
)
from soilloss.factors.practice.table import (
    engineering_lookup,
    lookup,
    tillage_lookup,
    tillage_slope_lookup,
)

__all__ = [
    "engineering_lookup",
    "kassie_2018",
    "kassie_2018_as_printed",
    "lookup",
    "tillage_lookup",
    "tillage_slope_lookup",
    "wener_1981",
    "wischmeier_smith_1978",
    "wischmeier_smith_1978_limited",
    "wischmeier_smith_1978_strips",
    "wischmeier_smith_1978_terraces",
    "yan_2025",
    "yan_2025_expected",
]
