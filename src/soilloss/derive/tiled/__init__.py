"""Terrain tile by tile: grids larger than memory, the same bits as in memory."""
