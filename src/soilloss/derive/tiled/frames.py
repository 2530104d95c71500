"""What tiles keep for neighbours that look further than one cell: their outermost rows and columns."""

from __future__ import annotations

from typing import Any

import numpy as np

from soilloss.derive.tiled.d8 import Ground
from soilloss.grid.blocks import grow
from soilloss.grid.rims import Tile
from soilloss.grid.scratch import Files

DEPTH = 34


def nothing(files: Files, core: np.ndarray) -> None:
    """Keep nothing."""


def keep_filled(files: Files, core: np.ndarray) -> None:
    """Keep the filled heights of a tile, and its outermost cells apart."""
    files.put("filled", core)
    _keep(files, "filled", core)


def keep_direction(files: Files, core: np.ndarray) -> None:
    """Keep the outermost cells of the final directions."""
    _keep(files, "direction", core)


def _keep(files: Files, name: str, core: np.ndarray) -> None:
    d = DEPTH
    files.save(
        f"frame of {name}",
        above=core[:d].copy(),
        below=core[-d:].copy(),
        left=core[:, :d].copy(),
        right=core[:, -d:].copy(),
    )


def around(
    ground: Ground, files: Files, tile: Tile, name: str, core: np.ndarray, depth: int, missing: Any
) -> np.ndarray:
    """Return `core` grown by `depth` inside the grid, with a ring around that is `missing` outside the grid.

    The ring is cells of neighbours like the rest; at most `DEPTH` cells beyond the tile can be had.
    """
    (rows, columns), _ = grow(ground.tiles.window(tile), depth, ground.tiles.shape)
    out = np.full((rows.stop - rows.start + 2, columns.stop - columns.start + 2), missing, core.dtype)
    whole = grow((rows, columns), 1, ground.tiles.shape)[0]
    for other in ground.tiles.within(whole):
        there = ground.tiles.window(other)
        for part, (y, x) in _parts(files.of(other), name, there, core if other == tile else None):
            y0, x0 = y - rows.start + 1, x - columns.start + 1
            a, b = max(0, -y0), max(0, -x0)
            piece = part[a : max(a, out.shape[0] - y0), b : max(b, out.shape[1] - x0)]
            out[y0 + a : y0 + a + piece.shape[0], x0 + b : x0 + b + piece.shape[1]] = piece
    return out


def _parts(files: Files, name: str, there: tuple[slice, slice], core: np.ndarray | None) -> list[Any]:
    """Return the known parts of a tile with the places of their first cells."""
    y, x = there
    if core is not None:
        return [(core, (y.start, x.start))]
    frame = files.load(f"frame of {name}")
    return [
        (frame["above"], (y.start, x.start)),
        (frame["below"], (y.stop - frame["below"].shape[0], x.start)),
        (frame["left"], (y.start, x.start)),
        (frame["right"], (y.start, x.stop - frame["right"].shape[1])),
    ]
