"""Windows of TIFF files far away, with the bytes of their blocks and no others.

``fetch_window(web, url, bounds, path, ...) -> Fetched | None``. The file's directory is read first; the blocks that the
window needs are then fetched whole into a local file with holes, from which the raster library decodes the window. So
every byte that is decoded was asked for and came complete, and nothing is left to a library's own ideas of retries.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import rasterio
from rasterio.errors import RasterioError
from rasterio.warp import transform_bounds
from rasterio.windows import Window

from soilloss.errors import GridError
from soilloss.sources.remote import Answer, DamagedError, Web, clean

HEAD = 1 << 15
# neighbouring blocks are fetched together if no more than this lies between them, and no more than this at once
GAP, MOST = 1 << 14, 1 << 24
TRIES = 3
_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8"}
_WIDTH, _LENGTH, _BANDS, _PLANAR = 256, 257, 277, 284
_TILES, _STRIPS = (322, 323, 324, 325), (0, 278, 273, 279)

Bounds = tuple[float, float, float, float]


class Fetched(NamedTuple):
    """What a window took: bytes received, and the version of the file they are of."""

    received: int
    tag: str


class _Layout(NamedTuple):
    """Where the blocks of the first image lie."""

    shape: tuple[int, int]
    block: tuple[int, int]
    bands: int
    planar: bool
    offsets: tuple[int, ...]
    sizes: tuple[int, ...]
    next_at: int
    next_size: int


def fetch_window(
    web: Web, url: str, bounds: Bounds, path: Path, *, bands: tuple[int, ...] = (), margin: int = 2
) -> Fetched | None:
    """Write the part of a remote TIFF below `bounds` to `path`, on the file's own grid.

    Parameters
    ----------
    web : Web
        Whom may be asked.
    url : str
        Address of the file.
    bounds : (west, south, east, north)
        Longitudes and latitudes.
    path : Path
        File to write; the caller gives it its name when it is whole.
    bands : tuple of int
        Bands, counted from 1; default all.
    margin : int
        Cells around.

    Returns
    -------
    Fetched or None
        None if the file does not reach into `bounds`.

    Raises
    ------
    SourceError
        If the service does not give it.
    DamagedError
        If the file is no TIFF or cut short, however often it is fetched.
    """
    draft = path.with_name(f"{path.name}.bytes")

    def once() -> Fetched | None:
        try:
            with draft.open("w+b") as file:
                return _window(Remote(web, url, file), bounds, path, bands, margin)
        finally:
            draft.unlink(missing_ok=True)

    return tried(once)


def tried(once: Callable[[], Fetched | None]) -> Fetched | None:
    """Do something again from the start if what came was damaged."""
    for _ in range(TRIES - 1):
        with suppress(DamagedError):
            return once()
    return once()


class Remote:
    """A file far away, of which a local one holds the parts that were needed."""

    def __init__(self, web: Web, url: str, file: BinaryIO) -> None:
        self.web, self.url, self.file = web, url, file
        self.known: list[tuple[int, int]] = []
        self.received = 0
        first = self._get(0, HEAD)
        self.total, self.tag = first.total, first.tag
        file.truncate(self.total)
        self._put(first)

    def read(self, start: int, stop: int) -> bytes:
        """Bytes from `start` to `stop`, fetched if they are not here."""
        self.need([(start, stop)])
        self.file.seek(start)
        return self.file.read(stop - start)

    def need(self, spans: list[tuple[int, int]]) -> None:
        """Fetch what of the spans is not here, neighbours together."""
        for _, stop in spans:
            if stop > self.total:
                raise self.damaged(f"it has {self.total} bytes, its blocks reach to {stop}")
        for start, stop in _merged([span for span in spans if not self._has(span)]):
            answer = self._get(start, stop)
            if (answer.total, answer.tag) != (self.total, self.tag):
                raise self.damaged("it changed while it was read")
            self._put(answer)

    def damaged(self, reason: str) -> DamagedError:
        """An error that says what is wrong with the file."""
        return DamagedError(
            f"{self.web.name}: {clean(self.url)} is damaged or cut short ({reason}); try again later or tell its keeper"
        )

    def _has(self, span: tuple[int, int]) -> bool:
        return any(start <= span[0] and span[1] <= stop for start, stop in self.known)

    def _get(self, start: int, stop: int) -> Answer:
        answer = self.web.get(self.url, start, stop)
        self.received += len(answer.data)
        return answer

    def _put(self, answer: Answer) -> None:
        self.file.seek(answer.start)
        self.file.write(answer.data)
        self.known.append((answer.start, answer.start + len(answer.data)))


def _merged(spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans in order, those close together joined."""
    joined: list[tuple[int, int]] = []
    for start, stop in sorted(spans):
        if joined and start - joined[-1][1] <= GAP and stop - joined[-1][0] <= MOST:
            joined[-1] = (joined[-1][0], max(stop, joined[-1][1]))
        else:
            joined.append((start, stop))
    return joined


def _window(remote: Remote, bounds: Bounds, path: Path, bands: tuple[int, ...], margin: int) -> Fetched | None:
    layout = _layout(remote)
    remote.file.seek(layout.next_at)
    remote.file.write(bytes(layout.next_size))  # further images (overviews) are not here: end after the first
    remote.file.flush()
    try:
        with rasterio.open(str(remote.file.name), sharing=False) as dataset:
            window = window_of(dataset, bounds, margin)
            if window is None:
                return None
            chosen = bands or tuple(range(1, dataset.count + 1))
            remote.need(_blocks(layout, window, chosen))
            remote.file.flush()
        # opened anew: nothing of the holes may be remembered
        with rasterio.open(str(remote.file.name), sharing=False) as dataset:
            _copy(dataset, window, chosen, path)
    except RasterioError as error:
        raise remote.damaged(" ".join(str(error.__cause__ or error).split())[:120]) from None
    return Fetched(remote.received, remote.tag)


def window_of(dataset: Any, bounds: Bounds, margin: int) -> Window | None:
    """Return the cells of a raster that cover `bounds` (longitude, latitude), with a margin; None if there are none."""
    if dataset.crs is None or dataset.transform.b or dataset.transform.d:
        raise GridError(f"{Path(dataset.name).name} has no coordinate reference system or is rotated")
    left, bottom, right, top = bounds_in(dataset.crs, bounds)
    a = dataset.transform
    columns = (left - a.c) / a.a, (right - a.c) / a.a
    rows = sorted(((top - a.f) / a.e, (bottom - a.f) / a.e))
    if not all(map(math.isfinite, (*columns, *rows))):
        return None
    if columns[1] <= 0 or columns[0] >= dataset.width or rows[1] <= 0 or rows[0] >= dataset.height:
        return None
    west, east = max(math.floor(columns[0]) - margin, 0), min(math.ceil(columns[1]) + margin, dataset.width)
    north, south = max(math.floor(rows[0]) - margin, 0), min(math.ceil(rows[1]) + margin, dataset.height)
    return Window(west, north, east - west, south - north)  # pyright: ignore[reportCallIssue]


def bounds_in(crs: Any, bounds: Bounds) -> Bounds:
    """Return longitudes and latitudes as bounds in another CRS that hold all of them."""
    return transform_bounds("EPSG:4326", crs, *bounds, densify_pts=21)


def _copy(dataset: Any, window: Window, bands: tuple[int, ...], path: Path) -> None:
    profile = {
        "driver": "GTiff",
        "width": window.width,
        "height": window.height,
        "count": len(bands),
        "dtype": dataset.dtypes[bands[0] - 1],
        "crs": dataset.crs,
        "transform": dataset.window_transform(window),
        "nodata": dataset.nodatavals[bands[0] - 1],
        "compress": "deflate",
        "tiled": window.width > 256 and window.height > 256,
        "bigtiff": "if_safer",
    }
    with rasterio.open(path, "w", **profile) as out:
        for number, band in enumerate(bands, start=1):
            out.write(dataset.read(band, window=window), number)
        out.scales = [dataset.scales[band - 1] for band in bands]
        out.offsets = [dataset.offsets[band - 1] for band in bands]


def _blocks(layout: _Layout, window: Window, bands: tuple[int, ...]) -> list[tuple[int, int]]:
    """Bytes of the blocks that a window needs; a block without bytes holds nothing but missing cells."""
    height, width = layout.block
    across, down = math.ceil(layout.shape[1] / width), math.ceil(layout.shape[0] / height)
    rows = range(window.row_off // height, (window.row_off + window.height - 1) // height + 1)
    columns = range(window.col_off // width, (window.col_off + window.width - 1) // width + 1)
    layers = [band - 1 for band in bands] if layout.planar else [0]
    numbers = np.array([layer * across * down + row * across + c for layer in layers for row in rows for c in columns])
    spans = [(layout.offsets[n], layout.offsets[n] + layout.sizes[n]) for n in numbers.tolist()]
    return [(start, stop) for start, stop in spans if stop > start]


def _layout(remote: Remote) -> _Layout:
    """Read the first directory of a TIFF, and all values it points to."""
    head = remote.read(0, min(16, remote.total))
    order = {b"II": "<", b"MM": ">"}.get(head[:2], "")
    kind = struct.unpack(f"{order}H", head[2:4])[0] if order and len(head) == 16 else 0
    if kind not in (42, 43):
        raise remote.damaged(f"it begins with {head[:8]!r}, which is no TIFF")
    big = kind == 43
    at = struct.unpack(f"{order}Q", head[8:16])[0] if big else struct.unpack(f"{order}I", head[4:8])[0]
    count_form, entry_form, word = (f"{order}Q", f"{order}HHQ", 8) if big else (f"{order}H", f"{order}HHI", 4)
    counted = struct.calcsize(count_form)
    entries = struct.unpack(count_form, remote.read(at, at + counted))[0]
    if entries > 4096:
        raise remote.damaged(f"its directory has {entries} entries")
    size = struct.calcsize(entry_form) + word
    raw = remote.read(at + counted, at + counted + entries * size)
    values: dict[int, tuple[int, ...]] = {}
    for number in range(entries):
        entry = raw[number * size : (number + 1) * size]
        tag, form, count = struct.unpack(entry_form, entry[:-word])
        length = _SIZES.get(form, 1) * count
        start = struct.unpack(f"{order}{'Q' if big else 'I'}", entry[-word:])[0]
        held = entry[-word:][:length] if length <= word else remote.read(start, start + length)
        if form in _INTEGERS and len(held) == length:
            values[tag] = tuple(np.frombuffer(held, order + _INTEGERS[form]).tolist())
    return _described(remote, values, at + counted + entries * size, word)


def _described(remote: Remote, values: dict[int, tuple[int, ...]], next_at: int, next_size: int) -> _Layout:
    names = _TILES if _TILES[2] in values else _STRIPS
    try:
        (width,), (length,) = values[_WIDTH], values[_LENGTH]
        across = values[names[0]][0] if names[0] else width
        down = min(values.get(names[1], (length,))[0], length) if names is _STRIPS else values[names[1]][0]
        offsets, sizes = values[names[2]], values[names[3]]
    except (KeyError, ValueError):
        raise remote.damaged("its directory does not say where its blocks lie") from None
    bands = values.get(_BANDS, (1,))[0]
    planar = values.get(_PLANAR, (1,))[0] == 2
    expected = math.ceil(length / down) * math.ceil(width / across) * (bands if planar else 1)
    if len(offsets) != expected or len(sizes) != expected:
        raise remote.damaged(f"its directory names {len(offsets)} blocks, expected {expected}")
    return _Layout((length, width), (down, across), bands, planar, offsets, sizes, next_at, next_size)
