"""Overviews for a GeoTIFF, and the order of bytes that makes it a Cloud-Optimized one.

A Cloud-Optimized GeoTIFF is a tiled TIFF with its directories first, then the tiles of the coarsest overview and so on
to the full image. The overviews are made as small files of their own and compressed once; here the compressed tiles of
all files are then copied, as they are, into that order. Recompressing the full image would cost four times as much.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
import rasterio
from affine import Affine
from rasterio.enums import ColorInterp
from rasterio.windows import Window as RasterWindow

from soilloss.grid.blocks import Window, run_blocks, windows

TILE = 512
LARGEST_CLASSIC = 4_000_000_000

SUBFILE, TILE_OFFSETS, TILE_SIZES = 254, 324, 325
# what an overview's directory needs: sizes, types, compression, predictor, colours, tiles, missing value
OVERVIEW_TAGS = {256, 257, 258, 259, 262, 277, 284, 317, 320, 322, 323, TILE_OFFSETS, TILE_SIZES, 338, 339, 42113}
TYPE_SIZE = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
LONG, LONG8 = 4, 16


class Directory(NamedTuple):
    """The tags of an image (number -> type, count, bytes) and where its tiles are in `path`."""

    path: Path
    tags: dict[int, tuple[int, int, bytes]]
    offsets: list[int]
    sizes: list[int]


class Layout(NamedTuple):
    """How the two kinds of TIFF write a header, an entry and a number of their own width."""

    header: bytes
    entries: str
    number: str
    offset_type: int

    @property
    def width(self) -> int:
        """Bytes of an offset."""
        return struct.calcsize(self.number)


CLASSIC = Layout(b"II*\0" + struct.pack("<I", 8), "<H", "<I", LONG)
BIG = Layout(b"II+\0" + struct.pack("<HHQ", 8, 0, 16), "<Q", "<Q", LONG8)


def add_overviews(path: Path) -> None:
    """Rewrite the tiled GeoTIFF at `path` with overviews: averages of floats, the most frequent of classes."""
    levels = [path]
    whole = path.with_name(path.name + ".whole")
    try:
        while max(_shape(levels[-1])) > TILE:
            levels.append(path.with_name(f"{path.name}.{len(levels)}"))
            _write_half(levels[-2], levels[-1])
        assemble(levels, whole)
        whole.replace(path)
    finally:
        for part in [*levels[1:], whole]:
            part.unlink(missing_ok=True)


def halve(cells: np.ndarray) -> np.ndarray:
    """Merge 2 x 2 cells of ``(bands, rows, columns)``: the mean of floats, the first most frequent of classes.

    Missing cells (NaN, 0 for classes) do not count; at an odd edge one or two cells stand for four.

    Examples
    --------
    >>> halve(np.array([[[1, 3, np.nan], [5, 7, np.nan]]], "f4"))
    array([[[ 4., nan]]], dtype=float32)
    >>> halve(np.array([[[1, 0], [2, 2]]], "u1"))
    array([[[2]]], dtype=uint8)
    """
    floating = cells.dtype.kind == "f"
    odd = [(0, 0), (0, cells.shape[1] % 2), (0, cells.shape[2] % 2)]
    if any(after for _, after in odd):
        cells = np.pad(cells, odd, constant_values=np.nan if floating else 0)
    quarters = [cells[:, i::2, j::2] for i in (0, 1) for j in (0, 1)]
    return _mean(quarters) if floating else _most_frequent(quarters)


def _mean(quarters: list[np.ndarray]) -> np.ndarray:
    a, b, c, d = quarters
    mean = a + b
    mean += c
    mean += d
    mean *= 0.25
    gaps = np.isnan(mean)
    if gaps.any():
        four = np.stack([quarter[gaps] for quarter in quarters])
        valid = ~np.isnan(four)
        count = valid.sum(axis=0, dtype=mean.dtype)
        count[count == 0] = np.nan
        mean[gaps] = np.where(valid, four, 0).sum(axis=0) / count
    return mean


def _most_frequent(quarters: list[np.ndarray]) -> np.ndarray:
    a, b, c, d = quarters
    best = np.where(a > 0, a, np.where(b > 0, b, np.where(c > 0, c, d)))
    # an equal pair wins; the later in this list overrule the earlier, so that a tie goes to the first cell's class
    for one, other in ((c, d), (b, d), (b, c), (a, d), (a, c), (a, b)):
        np.copyto(best, one, where=(one == other) & (one > 0))
    return best


def _shape(path: Path) -> tuple[int, int]:
    with rasterio.open(path) as dataset:
        return dataset.shape


def _write_half(source: Path, destination: Path) -> None:
    with rasterio.open(source) as full:
        shape, profile = full.shape, _half_profile(full)
        colours = full.colormap(1) if full.colorinterp[0] == ColorInterp.palette else None

    def half(window: Window) -> np.ndarray:
        with rasterio.open(source) as own:  # a dataset must not be shared by threads
            return halve(own.read(window=_twice(window, shape)))

    with rasterio.open(destination, "w", **profile) as out:
        if colours:
            out.write_colormap(1, colours)
        for window, cells in run_blocks(half, windows(out.shape, (TILE, 8 * TILE))):
            out.write(cells, window=RasterWindow.from_slices(*window))


def _half_profile(full: Any) -> dict[str, Any]:
    height, width = (-(-n // 2) for n in full.shape)
    t = full.transform
    profile = dict(full.profile) | {"height": height, "width": width, "zstd_level": 1, "bigtiff": "IF_SAFER"}
    profile["transform"] = Affine(2 * t.a, t.b, t.c, t.d, 2 * t.e, t.f)
    return profile | ({"predictor": 3} if np.dtype(full.dtypes[0]).kind == "f" else {})


def _twice(window: Window, shape: tuple[int, int]) -> RasterWindow:
    """The window of the finer image, of `shape`, that the cells of the coarser one stand for."""
    fine = [slice(2 * cut.start, min(2 * cut.stop, n)) for cut, n in zip(window, shape, strict=True)]
    return RasterWindow.from_slices(fine[0], fine[1])


def assemble(images: Sequence[Path], destination: Path) -> None:
    """Write one TIFF from the first image of each file, tiles copied as they are: `images` from full to coarsest."""
    directories = [_read_directory(images[0]), *(_as_overview(_read_directory(path)) for path in images[1:])]
    data = sum(sum(directory.sizes) for directory in directories)
    layout = CLASSIC if data < LARGEST_CLASSIC else BIG
    starts = np.cumsum([len(layout.header), *(_directory_size(d, layout) for d in directories)]).tolist()
    position = starts[-1]
    moved: list[Directory] = []
    for directory in reversed(directories):
        ends = position + np.cumsum([0, *directory.sizes])
        # a tile of no bytes stays a hole, at offset 0
        offsets = [int(end) if size else 0 for end, size in zip(ends, directory.sizes, strict=False)]
        moved.insert(0, directory._replace(offsets=offsets))
        position = int(ends[-1])
    with destination.open("wb", buffering=0) as out:
        out.write(layout.header)
        for directory, start, following in zip(moved, starts[:-1], [*starts[1:-1], 0], strict=True):
            out.write(_directory_bytes(directory, layout, start, following))
        for directory in reversed(directories):
            _copy_tiles(directory, out)


def _copy_tiles(directory: Directory, out: BinaryIO) -> None:
    buffer = memoryview(bytearray(max(directory.sizes)))
    with directory.path.open("rb", buffering=0) as source:
        for offset, size in zip(directory.offsets, directory.sizes, strict=True):
            source.seek(offset)
            out.write(buffer[: source.readinto(buffer[:size])])


def _as_overview(directory: Directory) -> Directory:
    tags = {number: tag for number, tag in directory.tags.items() if number in OVERVIEW_TAGS}
    return directory._replace(tags=tags | {SUBFILE: (LONG, 1, struct.pack("<I", 1))})


def _read_directory(path: Path) -> Directory:
    with path.open("rb") as file:
        layout = BIG if file.read(4) == BIG.header[:4] else CLASSIC
        file.seek(len(layout.header) - layout.width)
        (start,) = struct.unpack(layout.number, file.read(layout.width))
        file.seek(start)
        (count,) = struct.unpack(layout.entries, file.read(struct.calcsize(layout.entries)))
        entry = struct.Struct(f"<HH{layout.number[1]}{layout.width}s")
        tags: dict[int, tuple[int, int, bytes]] = {}
        for number, kind, length, value in list(entry.iter_unpack(file.read(count * entry.size))):
            size = TYPE_SIZE[kind] * length
            if size > layout.width:
                file.seek(struct.unpack(layout.number, value)[0])
                value = file.read(size)
            tags[number] = (kind, length, value[:size])
    return Directory(path, tags, _numbers(tags[TILE_OFFSETS]), _numbers(tags[TILE_SIZES]))


def _numbers(tag: tuple[int, int, bytes]) -> list[int]:
    kind, _, payload = tag
    return np.frombuffer(payload, f"<u{TYPE_SIZE[kind]}").tolist()


def _final_tags(directory: Directory, layout: Layout) -> list[tuple[int, int, int, bytes]]:
    """Tags in rising order, with the tiles' places in the width of `layout`."""
    tags = dict(directory.tags)
    for number, values, kind in (
        (TILE_OFFSETS, directory.offsets, layout.offset_type),
        (TILE_SIZES, directory.sizes, LONG),
    ):
        tags[number] = (kind, len(values), np.array(values, f"<u{TYPE_SIZE[kind]}").tobytes())
    return [(number, *tags[number]) for number in sorted(tags)]


def _directory_size(directory: Directory, layout: Layout) -> int:
    # the offsets are not known yet; zeros take as much room
    tags = _final_tags(directory._replace(offsets=[0] * len(directory.offsets)), layout)
    table = struct.calcsize(layout.entries) + len(tags) * (4 + 2 * layout.width) + layout.width
    return table + sum(_padded(payload) for *_, payload in tags if len(payload) > layout.width)


def _padded(payload: bytes) -> int:
    return len(payload) + len(payload) % 2


def _directory_bytes(directory: Directory, layout: Layout, start: int, following: int) -> bytes:
    tags = _final_tags(directory, layout)
    width = layout.width
    free = start + struct.calcsize(layout.entries) + len(tags) * (4 + 2 * width) + width
    table, payloads = struct.pack(layout.entries, len(tags)), b""
    for number, kind, count, payload in tags:
        inline = payload.ljust(width, b"\0")
        if len(payload) > width:
            inline = struct.pack(layout.number, free + len(payloads))
            payloads += payload.ljust(_padded(payload), b"\0")
        table += struct.pack(f"<HH{layout.number[1]}", number, kind, count) + inline
    return table + struct.pack(layout.number, following) + payloads
