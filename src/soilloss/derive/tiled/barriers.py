"""Masks that are read with the heights, window by window: channels, and shares of the flow that are trapped."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from soilloss.derive.barriers import held_back
from soilloss.derive.routing import mapped_stops
from soilloss.derive.tiled.d8 import Source
from soilloss.grid.blocks import Window
from soilloss.kernels.multiflow import NOTHING_HELD


class Barriers(NamedTuple):
    """What stops or holds back flow, see `soilloss.derive.barriers`."""

    channels: Source | None = None
    trapping: Source | None = None

    @property
    def fingerprint(self) -> tuple[str | None, ...]:
        """Changes with the masks."""
        return tuple(None if mask is None else mask.fingerprint for mask in self)

    def held(self, window: Window) -> np.ndarray:
        """Return what the cells of a window hold back, flat with a ring; nothing if there is no mask."""
        if self == Barriers():
            return NOTHING_HELD
        shape = window[0].stop - window[0].start, window[1].stop - window[1].start
        return held_back(_read(self.channels, window), _read(self.trapping, window), shape)

    def stops(self, window: Window) -> np.ndarray:
        """Return where slopes end in a window, see `routing.mapped_stops`."""
        shape = window[0].stop - window[0].start, window[1].stop - window[1].start
        return mapped_stops(_read(self.channels, window), _read(self.trapping, window), shape)


def _read(mask: Source | None, window: Window) -> Any:
    return None if mask is None else mask.read(window)
