"""A year of a variable in NetCDF and Zarr far away, with the bytes that a window needs and no others.

``fetch_cube(web, url, bounds, path) -> Fetched | None``. A Zarr store (version 2 or 3, with consolidated metadata) is
asked for the chunks below the window; of a NetCDF 4 file, which is HDF5, the parts that its library reads are fetched
into a local file with holes; an older NetCDF file is fetched whole. What is meant in the cube is said after ``#`` in
the address, ``https://host.org/era5.zarr#tp/2001/12``: variable, year, and how many layers the year must have.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urldefrag

import numpy as np
import xarray as xr
from affine import Affine

from soilloss.errors import SoilLossError, SourceError
from soilloss.sources.cubes import Cube, as_cube, check_order, write_layers
from soilloss.sources.products import Bounds, is_own
from soilloss.sources.remote import Answer, DamagedError, GoneError, Web, clean
from soilloss.sources.tiff import Fetched, Remote, tried, window_of

BLOCK = 1 << 14
# no file is longer: who asks for so much is told the length of the whole, so an answer that was cut shows
WHOLE = 1 << 50
MARGIN = 2

Opened = Iterator[tuple[xr.Dataset, Callable[[], Fetched]]]


def fetch_cube(web: Web, url: str, bounds: Bounds, path: Path) -> Fetched | None:
    """Write the layers of one year of a remote cube below `bounds` to `path`, a band for each, on the cube's own grid.

    Parameters
    ----------
    web : Web
        Whom may be asked.
    url : str
        Address of the cube, with variable, year and number of layers after ``#``.
    bounds : (west, south, east, north)
        Longitudes and latitudes.
    path : Path
        GeoTIFF to write; the caller gives it its name when it is whole.

    Returns
    -------
    Fetched or None
        None if the cube does not reach into `bounds`.

    Raises
    ------
    SourceError
        If the service does not give it, or the cube has not all of that year.
    DamagedError
        If it cannot be decoded, however often it is fetched.
    """
    place, part = urldefrag(url)
    name, year, layers = part.split("/")
    return tried(lambda: _fetched(web, place, name, int(year), int(layers), bounds, path))


def _fetched(web: Web, url: str, name: str, year: int, layers: int, bounds: Bounds, path: Path) -> Fetched | None:
    opened = _local if is_own(url) else _zarr if clean(url).endswith(".zarr") else _netcdf
    try:
        with opened(web, url, path) as (dataset, took):
            cube = _below(as_cube(dataset, name, Path(clean(url))), bounds)
            if cube is None:
                return None
            cube = _of_year(cube, year, layers)
            write_layers(cube._replace(array=cube.array.load()), list(range(layers)), path)
            return took()
    except SoilLossError:
        raise
    except Exception as error:  # whatever the libraries of either format make of bytes that are not whole
        reason = " ".join(str(error).split())[:120]
        raise DamagedError(
            f"{web.name}: {clean(url)} cannot be decoded ({type(error).__name__}: {reason}); try again later or tell "
            "its keeper"
        ) from None


def _below(cube: Cube, bounds: Bounds) -> Cube | None:
    """The part of a cube below `bounds`, its rows as stored, its columns eastwards."""
    rows, columns = cube.array.shape[-2:]
    grid = SimpleNamespace(crs=cube.crs.to_wkt(), transform=cube.transform, height=rows, width=columns, name=cube.label)
    window = window_of(grid, bounds, MARGIN)
    if window is None:
        return None
    left, top = int(window.col_off), int(window.row_off)
    chosen = cube.order[left : left + int(window.width)]
    if (np.diff(chosen) == 1).all():
        chosen = slice(int(chosen[0]), int(chosen[-1]) + 1)
    first, last = top, top + int(window.height)
    across = slice(first, last) if cube.north_up else slice(rows - last, rows - first)
    array = cube.array[..., across, chosen]
    corner = cube.transform @ Affine.translation(left, top)
    return cube._replace(array=array, transform=corner, order=np.arange(array.shape[-1]))


def _of_year(cube: Cube, year: int, expected: int) -> Cube:
    """The layers of a year."""
    check_order(cube)
    years = cube.array[cube.array.dims[0]].dt.year.values
    found = np.flatnonzero(years == year)
    if len(found) != expected:
        raise SourceError(
            f"{cube.label} has {len(found)} of {expected} layers of {year} (it spans {years.min()} to {years.max()}); "
            "change the period"
        )
    return cube._replace(array=cube.array[found[0] : found[-1] + 1])


def _open(source: Any, **how: Any) -> xr.Dataset:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about the age of the format, which is not the reader's concern
        return xr.open_dataset(source, mask_and_scale=False, decode_timedelta=False, cache=False, **how)


@contextmanager
def _local(web: Web, url: str, _: Path) -> Opened:
    with _open(url, **({"engine": "zarr"} if Path(url).is_dir() else {})) as dataset:
        yield dataset, lambda: Fetched(0, "")


@contextmanager
def _netcdf(web: Web, url: str, path: Path) -> Opened:
    draft = path.with_name(f"{path.name}.bytes")
    try:
        with draft.open("w+b") as file:
            remote = Remote(web, url, file)
            if remote.read(0, 3) == b"CDF":
                remote.need(_blocks(0, remote.total, remote.total))
                file.seek(0)
                source = _open(file, engine="scipy")
            else:
                source = _open(_Far(remote), engine="h5netcdf")
            with source as dataset:
                yield dataset, lambda: Fetched(remote.received, remote.tag)
    finally:
        draft.unlink(missing_ok=True)


def _blocks(start: int, stop: int, total: int) -> list[tuple[int, int]]:
    """The blocks of a file of `total` bytes that hold those from `start` to `stop`."""
    return [(at, min(at + BLOCK, total)) for at in range(start // BLOCK * BLOCK, stop, BLOCK)]


class _Far(io.RawIOBase):
    """A remote file as the library of HDF5 wants to read it: any bytes, in any order."""

    def __init__(self, remote: Remote) -> None:
        self.remote, self.at = remote, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self.at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self.at = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self.at, io.SEEK_END: self.remote.total}[whence]
        return self.at

    def readinto(self, buffer: Any) -> int:
        stop = min(self.at + len(buffer), self.remote.total)
        if stop <= self.at:
            return 0
        self.remote.need(_blocks(self.at, stop, self.remote.total))
        self.remote.file.seek(self.at)
        data = self.remote.file.read(stop - self.at)
        buffer[: len(data)] = data
        self.at = stop
        return len(data)


@contextmanager
def _zarr(web: Web, url: str, _: Path) -> Opened:
    store = _store(web, url)
    try:
        with _open(store, engine="zarr", consolidated=True) as dataset:
            yield dataset, lambda: Fetched(store.received, store.tag)
    except FileNotFoundError:
        raise GoneError(
            f"{web.name}: there is no Zarr store with consolidated metadata at {clean(url)}; check the product's entry"
        ) from None


def _store(web: Web, url: str) -> Any:
    """A Zarr store that has its objects, or parts of them, by our own way out."""
    import asyncio

    from zarr.core.buffer import default_buffer_prototype
    from zarr.storage import MemoryStore

    class Far(MemoryStore):
        """What is not there is None: the format leaves out chunks without values."""

        def __init__(self) -> None:
            super().__init__(read_only=True)
            self.received, self.tag = 0, ""

        def __eq__(self, other: object) -> bool:
            return self is other

        async def get(self, key: str, prototype: Any = None, byte_range: Any = None) -> Any:
            try:
                answer, data = await asyncio.to_thread(_part, web, f"{url}/{key}", byte_range)
            except GoneError:
                return None
            self.received += len(answer.data)
            if key.endswith(("zarr.json", ".zmetadata")):
                self.tag = answer.tag
            return (prototype or default_buffer_prototype()).buffer.from_bytes(data)

        async def exists(self, key: str) -> bool:
            return await self.get(key) is not None

    return Far()


def _part(web: Web, place: str, part: Any) -> tuple[Answer, bytes]:
    """An answer about an object, and of its bytes those that were asked for."""
    start, stop = _span(web, place, part)
    answer = web.get(place, start, stop)
    return answer, answer.data[start - answer.start : stop - answer.start]


def _span(web: Web, place: str, part: Any) -> tuple[int, int]:
    """The bytes of an object that are asked for: a range, all from somewhere, the last ones, or all."""
    from zarr.abc.store import OffsetByteRequest, RangeByteRequest, SuffixByteRequest

    if isinstance(part, RangeByteRequest):
        return part.start, part.end
    if isinstance(part, OffsetByteRequest):
        return part.offset, WHOLE
    if isinstance(part, SuffixByteRequest):
        total = web.get(place, 0, 1).total
        return max(total - part.suffix, 0), total
    return 0, WHOLE
