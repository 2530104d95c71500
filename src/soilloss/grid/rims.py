"""A grid cut into tiles, and what tiles see of each other: their first and last rows and columns.

A tile is named by its row and column among the tiles. Its ring is the cells around it, one cell wide, handed over as
one flat array: the row above and the row below with their corners, then the left and the right column.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from soilloss.grid.blocks import Window, grow

Tile = tuple[int, int]


class Tiles(NamedTuple):
    """A grid of `shape` cut into tiles of `size` rows and columns; the last ones may be smaller."""

    shape: tuple[int, int]
    size: tuple[int, int]

    @property
    def counts(self) -> tuple[int, int]:
        """Rows and columns of tiles."""
        return -(-self.shape[0] // self.size[0]), -(-self.shape[1] // self.size[1])

    def names(self) -> list[Tile]:
        """All tiles, row by row."""
        rows, columns = self.counts
        return [(i, j) for i in range(rows) for j in range(columns)]

    def window(self, tile: Tile) -> Window:
        """Where a tile lies in the grid."""
        starts = [t * s for t, s in zip(tile, self.size, strict=True)]
        stops = [min(a + s, n) for a, s, n in zip(starts, self.size, self.shape, strict=True)]
        return slice(starts[0], stops[0]), slice(starts[1], stops[1])

    def within(self, window: Window) -> list[Tile]:
        """Return the tiles that a window touches.

        Examples
        --------
        >>> Tiles((10, 10), (4, 4)).within((slice(0, 5), slice(8, 10)))
        [(0, 2), (1, 2)]
        """
        spans = [range(w.start // s, -(-w.stop // s)) for w, s in zip(window, self.size, strict=True)]
        return [(i, j) for i in spans[0] for j in spans[1]]


class Rims:
    """The rows and columns `depth` cells from each side of every tile, from which any tile's ring is put together.

    With a depth the ring lies around the tile grown by so many cells; tiles must be larger than that.
    """

    def __init__(self, tiles: Tiles, missing: Any, dtype: Any, depth: int = 0) -> None:
        self.tiles, self.missing, self.depth = tiles, missing, depth
        (rows, columns), (height, width) = tiles.counts, tiles.shape
        self.first_row, self.last_row = (np.full((rows, width), missing, dtype) for _ in range(2))
        self.first_column, self.last_column = (np.full((columns, height), missing, dtype) for _ in range(2))

    def lines(self) -> tuple[np.ndarray, ...]:
        """The four arrays, alike in all rims of the same tiles."""
        return self.first_row, self.last_row, self.first_column, self.last_column

    def put(self, tile: Tile, rim: np.ndarray) -> None:
        """Take over the rim of a tile as `rim_of` made it."""
        rows, columns = self.tiles.window(tile)
        height, width = rows.stop - rows.start, columns.stop - columns.start
        above, below, left, right = np.split(rim, np.cumsum([width, width, height]))
        self.first_row[tile[0], columns], self.last_row[tile[0], columns] = above, below
        self.first_column[tile[1], rows], self.last_column[tile[1], rows] = left, right

    def get(self, tile: Tile) -> np.ndarray:
        """Return the rim of a tile."""
        rows, columns = self.tiles.window(tile)
        return np.concatenate([
            self.first_row[tile[0], columns],
            self.last_row[tile[0], columns],
            self.first_column[tile[1], rows],
            self.last_column[tile[1], rows],
        ])  # fmt: skip

    def ring(self, tile: Tile) -> np.ndarray:
        """Return the ring around a tile, `missing` outside the grid."""
        (rows, columns), _ = grow(self.tiles.window(tile), self.depth, self.tiles.shape)
        parts = []
        for lines, i, beyond in (
            (self.last_row, tile[0] - 1, rows.start == 0),
            (self.first_row, tile[0] + 1, rows.stop == self.tiles.shape[0]),
        ):
            parts.append(self._part(None if beyond else lines[i], columns.start - 1, columns.stop + 1))
        for lines, j, beyond in (
            (self.last_column, tile[1] - 1, columns.start == 0),
            (self.first_column, tile[1] + 1, columns.stop == self.tiles.shape[1]),
        ):
            parts.append(self._part(None if beyond else lines[j], rows.start, rows.stop))
        return np.concatenate(parts)

    def _part(self, line: np.ndarray | None, start: int, stop: int) -> np.ndarray:
        out = np.full(stop - start, self.missing, self.first_row.dtype)
        if line is not None:
            inside = slice(max(start, 0), min(stop, line.size))
            out[inside.start - start : inside.stop - start] = line[inside]
        return out

    def borders(self) -> Iterator[tuple[str, int]]:
        """Yield the borders between tiles: ``("row", i)`` below the tiles of row i, ``("column", j)`` right of j."""
        yield from (("row", i) for i in range(self.tiles.counts[0] - 1))
        yield from (("column", j) for j in range(self.tiles.counts[1] - 1))

    def sides(self, border: tuple[str, int]) -> tuple[np.ndarray, np.ndarray]:
        """Return the cells on both sides of a border, over the whole grid."""
        kind, i = border
        if kind == "row":
            return self.last_row[i], self.first_row[i + 1]
        return self.last_column[i], self.first_column[i + 1]


def rim_of(core: np.ndarray, depth: int = 0) -> np.ndarray:
    """Return the first and last row and column of a tile, `depth` cells from its sides."""
    y, x = (min(depth, n - 1) for n in core.shape)
    return np.concatenate([core[y], core[-1 - y], core[:, x], core[:, -1 - x]])


def set_ring(ringed: np.ndarray, ring: np.ndarray) -> None:
    """Put a ring around a two-dimensional array that has room for it."""
    rows, columns = ringed.shape
    above, below, left, right = np.split(ring, np.cumsum([columns, columns, rows - 2]))
    ringed[0], ringed[-1], ringed[1:-1, 0], ringed[1:-1, -1] = above, below, left, right


def rim_of_cells(shape: tuple[int, int], y: np.ndarray, x: np.ndarray, values: np.ndarray, depth: int) -> np.ndarray:
    """Return the rim of a tile as `rim_of` does, from some of its cells; NaN where there is none."""
    height, width = shape
    deep, wide = min(depth, height - 1), min(depth, width - 1)
    out = np.full(2 * (height + width), np.nan)
    sides = ((y, deep, x), (y, height - 1 - deep, x), (x, wide, y), (x, width - 1 - wide, y))
    for (across, line, along), start in zip(sides, (0, width, 2 * width, 2 * width + height), strict=True):
        here = across == line
        out[start + along[here]] = values[here]
    return out


def with_core(core: np.ndarray, missing: Any) -> np.ndarray:
    """Return a copy with a ring of `missing` around it, two-dimensional."""
    out = np.full((core.shape[0] + 2, core.shape[1] + 2), missing, core.dtype)
    out[1:-1, 1:-1] = core
    return out
