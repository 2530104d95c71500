"""Variables made from heights: slope, aspect, filled surface, flow directions, accumulation, slope length, channels.

Slope and aspect are those of the heights as given; flow follows the surface with its depressions filled. Every result
is the unique solution of a definition on the grid, so it does not depend on the order or the cut of the work.
"""

from soilloss.derive.terrain.edges import edge_contaminated
from soilloss.derive.terrain.flow import (
    contributing_area,
    fill_depressions,
    flow_accumulation,
    flow_direction_d8,
)
from soilloss.derive.terrain.gradient import aspect_horn_1981, slope_horn_1981
from soilloss.derive.terrain.slopes import channels, slope_length

__all__ = [
    "aspect_horn_1981",
    "channels",
    "contributing_area",
    "edge_contaminated",
    "fill_depressions",
    "flow_accumulation",
    "flow_direction_d8",
    "slope_horn_1981",
    "slope_length",
]
