"""Slope length tile by tile: lengths add and the longest counts, so rim cells need a forest and no rounds."""

from __future__ import annotations

import math
from functools import partial
from typing import NamedTuple

import numpy as np

from soilloss.derive.routing import countable
from soilloss.derive.tiled import amounts, d8
from soilloss.derive.tiled.barriers import Barriers
from soilloss.derive.tiled.frames import around
from soilloss.grid.blocks import grow
from soilloss.grid.passes import Passes
from soilloss.grid.rims import Rims, Tile, rim_of, set_ring, with_core
from soilloss.grid.scratch import Answer, Files, digest
from soilloss.kernels import flow, slope_length


class Slopes(NamedTuple):
    """What ends a slope, see `soilloss.derive.terrain.slope_length`; `barriers` are those of maps."""

    barriers: Barriers
    gentle_ratio: float
    steep_ratio: float
    break_percent: float
    channel_area: float
    max_length: float
    start: str

    def array(self, name: str) -> str:
        """Name of an array that depends on these in the store."""
        return f"{name} {self.key()[:8]}"

    def key(self) -> str:
        """Hash of what the passes depend on; the greatest length is applied when the result is read."""
        return digest(*self[1:5], self.start, self.barriers.fingerprint)


def find_channels(
    ground: d8.Ground, slopes: Slopes, own: np.ndarray, least: int, files: Files, tile: Tile, inflow: np.ndarray
) -> Answer:
    """Mark the cells that drain enough for a channel: `least` of what `own` counts."""
    direction = amounts.directions(files)
    area = amounts.added_up(direction, own[ground.tiles.window(tile)[0]], inflow).reshape(direction.shape)
    channel = (d8.inner(area) >= least).astype(np.uint8)
    files.put(slopes.array("channel"), channel)
    return {"channel": rim_of(channel)}


def cut_slopes(ground: d8.Ground, slopes: Slopes, files: Files, tile: Tile, ring: np.ndarray | None) -> Answer:
    """Cut the flow where slopes end, and follow the longest to the rim; `ring` are the channels around by area."""
    window = ground.tiles.window(tile)
    (rows, columns), place = grow(window, 1, ground.tiles.shape)
    w = around(ground, files, tile, "filled", files.get("filled"), 1, np.nan)
    code = around(ground, files, tile, "direction", d8.inner(amounts.directions(files)), 1, np.uint8(flow.VOID))
    code[0] = code[-1] = code[:, 0] = code[:, -1] = flow.VOID
    stops = slopes.barriers.stops((rows, columns)).reshape(w.shape)
    here = tuple(slice(p.start + 1, p.stop + 1) for p in place)
    if ring is not None:
        channel = with_core(files.get(slopes.array("channel")), 0)
        set_ring(channel, ring)
        grown = [slice(1 - p.start, 1 - p.start + n - 2) for p, n in zip(place, w.shape, strict=True)]
        d8.inner(stops)[channel[grown[0], grown[1]] != 0] = slope_length.CHANNEL
    cut = slope_length.cut_flow(
        w.reshape(-1),
        w.shape[1],
        ground.metres[:, rows],
        code.reshape(-1),
        stops.reshape(-1),
        slopes.gentle_ratio,
        slopes.steep_ratio,
        math.atan(slopes.break_percent / 100),
    ).reshape(w.shape)[here]
    files.put(slopes.array("cut"), cut)
    files.put(slopes.array("stop"), stops[here])
    metres = countable(ground.rows(tile))
    ringed = with_core(cut, flow.VOID)
    length = longest(slopes, with_core(code[here], flow.VOID), ringed, metres, None)
    return amounts.links(metres, ringed, length)


def longest(
    slopes: Slopes, direction: np.ndarray, cut: np.ndarray, metres: np.ndarray, inflow: np.ndarray | None
) -> np.ndarray:
    """Return the slope lengths of a tile, flat with a ring; `inflow` enters at the cells of the rim."""
    length = np.zeros(direction.size)
    stride = direction.shape[1]
    if inflow is not None:
        length[d8.kernels.rim_cells(direction.shape[0] - 2, stride - 2)] = inflow
    half = slopes.start == "half"
    slope_length.longest_slope(direction.reshape(-1), cut.reshape(-1), stride, metres, half, length)
    return length


def prepare(
    passes: Passes, ground: d8.Ground, slopes: Slopes, links: dict[Tile, Answer], own: np.ndarray | None, least: int
) -> dict[Tile, np.ndarray]:
    """Run the passes of slope length after those of the directions; return what enters each rim cell.

    A cell is a channel that drains `least` of what `own` counts.
    """
    tiles = ground.tiles
    rims = None
    if own is not None:
        inflow = amounts.hand_over(tiles, links)
        found = passes.run(
            "channels",
            partial(find_channels, ground, slopes, own, least),
            {tile: (inflow[tile],) for tile in tiles.names()},
            {slopes.array("channel"): "u1"},
            slopes.key(),
        )
        rims = Rims(tiles, 0, np.uint8)
        for tile, answer in found.items():
            rims.put(tile, answer["channel"])
    found = passes.run(
        "slopes",
        partial(cut_slopes, ground, slopes),
        {tile: (None if rims is None else rims.ring(tile),) for tile in tiles.names()},
        {slopes.array("cut"): "u1", slopes.array("stop"): "u1"},
        slopes.key(),
    )
    return amounts.hand_over(tiles, found, longest=True)


def lengths(ground: d8.Ground, slopes: Slopes, inflow: dict[Tile, np.ndarray], files: Files, tile: Tile) -> np.ndarray:
    """Return the slope lengths of a tile, NaN where slopes end."""
    cut = with_core(files.get(slopes.array("cut")), flow.VOID)
    found = longest(slopes, amounts.directions(files), cut, countable(ground.rows(tile)), inflow[tile])
    out = d8.inner(np.minimum(found, slopes.max_length).reshape(cut.shape))
    out[files.get(slopes.array("stop")) == slope_length.CHANNEL] = np.nan
    return out
