"""Terrain tile by tile: grids larger than memory, the same bits as in memory. See `route`."""

from soilloss.derive.tiled.d8 import Source
from soilloss.derive.tiled.route import Reader, route

__all__ = ["Reader", "Source", "route"]
