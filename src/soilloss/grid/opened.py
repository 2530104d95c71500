"""A window of a raster that is opened but not turned into numbers yet: cells are made strip by strip, when asked for.

``open_window(aligned, window, ...) -> Coded | Warped | None``; ``cells(opened, rows, held) -> (rows, columns)``. What
comes out equals `align.read` bit for bit; None means that `align.read` is the way. `Coded` keeps the codes of a raster
of 8 or 16 bits and what each of them means, so that an equation of one such variable is an equation of its 256 or
65 536 values. `Warped` keeps the few cells of a coarse raster below a fine window.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from soilloss.grid import align
from soilloss.grid.blocks import Window
from soilloss.grid.places import Lattice, between, open_lattice
from soilloss.kernels import classes, warp

# a source with more cells than this share of the target's is no coarse one
COARSE = 0.25


class Coded(NamedTuple):
    """Codes (unsigned, ``(rows, columns)``), the float32 value of each code, and a key by which values are the same."""

    codes: np.ndarray
    values: np.ndarray
    key: tuple[Any, ...]


class Warped(NamedTuple):
    """Cells of a source around the places of a window; `clean` if none is missing and every place lies among them."""

    source: np.ndarray
    origin: tuple[int, int]
    box: warp.Box
    rule: str
    reach: tuple[float, float]
    lattice: Lattice
    clean: bool


Opened = Coded | Warped


def open_window(
    aligned: align.Aligned,
    window: Window,
    *,
    scale: float = 1.0,
    offset: float = 0.0,
    table: np.ndarray | None = None,
    key: tuple[Any, ...] = (),
) -> Opened | None:
    """Return a window as codes, or as the coarse cells below it; None where it is neither.

    Parameters
    ----------
    aligned : Aligned
        From `align.open_aligned`.
    window : Window
        A part of the target.
    scale, offset, table
        As for `align.read`.
    key : tuple
        What tells apart the meaning of codes in this file from that in others.
    """
    if aligned.masked or len(aligned.bands) != 1:
        return None
    form = align.Form(scale, offset, table, "float32")
    if aligned.shift is not None:
        return _open_codes(aligned, window, form, key)
    return _open_coarse(aligned, window, form) if aligned.rule in ("nearest", "bilinear") else None


def _open_codes(aligned: align.Aligned, window: Window, form: align.Form, key: tuple[Any, ...]) -> Coded | None:
    kind = np.dtype(aligned.dataset.dtypes[aligned.bands[0] - 1])
    box = align.source_box(aligned, window)
    if kind.kind not in "iu" or kind.itemsize > 2 or not align.holds(aligned, box):
        return None
    unsigned = np.dtype(f"u{kind.itemsize}")
    every = np.arange(256**kind.itemsize).astype(unsigned).view(kind)
    raw = aligned.dataset.read(aligned.bands[0], window=box)
    return Coded(raw.view(unsigned), align.formed(aligned, every, form), (*key, kind.str, aligned.nodata))


def _open_coarse(aligned: align.Aligned, window: Window, form: align.Form) -> Warped | None:
    assert aligned.places is not None
    lattice = open_lattice(aligned.places, window)
    size = (aligned.dataset.height, aligned.dataset.width)
    if lattice is None or not all(np.isfinite(part).all() for part in lattice.nodes):
        return None
    (left, right), (top, bottom) = ((math.floor(part.min()), math.ceil(part.max())) for part in lattice.nodes)
    rows = max(top - 2, 0), min(bottom + 2, size[0])
    columns = max(left - 2, 0), min(right + 2, size[1])
    height, width = rows[1] - rows[0], columns[1] - columns[0]
    most = COARSE * math.prod(part.stop - part.start for part in window)
    if height <= 0 or width <= 0 or height * width > most:
        return None
    source = align.numbers(aligned, (rows, columns), form)[0]
    within = top >= 0 and left >= 0 and bottom < size[0] and right < size[1]
    clean = bool(within and not np.isnan(source).any())
    return Warped(source, (rows[0], columns[0]), (0, size[0], 0, size[1]), aligned.rule, aligned.reach, lattice, clean)


def cells(opened: Opened, rows: slice, held: dict[Any, Any]) -> np.ndarray:
    """Return some rows of a window, float32; `held` keeps places between calls for the same rows."""
    if isinstance(opened, Coded):
        codes = opened.codes[rows]
        out = np.empty(codes.shape, opened.values.dtype)
        classes.gather(codes, opened.values, out)
        return out
    u, v = _held(held, ("places", id(opened.lattice)), lambda: between(opened.lattice, rows))
    shape = v.shape[0], u.shape[1]
    if opened.clean and opened.rule == "bilinear":
        key = ("corners", id(opened.lattice), opened.origin, opened.source.shape)
        index, down, along = _held(held, key, lambda: _corners(opened, u, v, shape))
        out = np.empty(shape, np.float32)
        warp.from_corners(opened.source, index, down, along, out)
        return out
    out = np.full(shape, np.nan, np.float32)
    warp.RULES[opened.rule](opened.source, opened.origin, opened.box, opened.reach, u, v, out)
    return out


def _held(held: dict[Any, Any], key: Any, make: Any) -> Any:
    if key not in held:
        held[key] = make()
    return held[key]


def _corners(opened: Warped, u: np.ndarray, v: np.ndarray, shape: tuple[int, int]) -> tuple[np.ndarray, ...]:
    index, down, along = np.empty(shape, np.int32), np.empty(shape), np.empty(shape)
    warp.corners(opened.source.shape, opened.origin, u, v, index, down, along)
    return index, down, along
