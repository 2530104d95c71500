"""Topographic factors: slope length L, slope steepness S and their product LS.

Slopes are in radians, lengths in metres, areas in square metres. The unit plot, 22.13 m long at 9 %, has L = S = 1.
"""

from soilloss.factors.topography.combined import (
    boehner_selige_2006,
    desmet_govers_1996,
    length_times_steepness,
    moore_burch_1986,
    moore_burch_1986_as_printed,
    smith_wischmeier_1957,
    smith_wischmeier_1957_as_printed,
    wischmeier_smith_1978,
)
from soilloss.factors.topography.length import liu_2000, liu_2000_segment, mccool_1989, mee_2021_length
from soilloss.factors.topography.steepness import (
    liu_1994,
    mccool_1987,
    mccool_1987_short,
    mccool_1987_thawing,
    mee_2021_steepness,
    nearing_1997,
)

__all__ = [
    "boehner_selige_2006",
    "desmet_govers_1996",
    "length_times_steepness",
    "liu_1994",
    "liu_2000",
    "liu_2000_segment",
    "mccool_1987",
    "mccool_1987_short",
    "mccool_1987_thawing",
    "mccool_1989",
    "mee_2021_length",
    "mee_2021_steepness",
    "moore_burch_1986",
    "moore_burch_1986_as_printed",
    "nearing_1997",
    "smith_wischmeier_1957",
    "smith_wischmeier_1957_as_printed",
    "wischmeier_smith_1978",
]
