"""Rasters for people: a draft is written block by block from many threads and becomes a Cloud-Optimized GeoTIFF.

The cells are compressed once, on their way into the file (zstd level 1; floats with the floating-point predictor), so
that the draft already *is* the finished raster: `Draft.finish` renames it. Only overviews cost a second reading.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any
from xml.sax.saxutils import escape

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio.windows import Window as RasterWindow

from soilloss.errors import GridError
from soilloss.grid.blocks import Window, windows
from soilloss.publish.cog import add_overviews

TILE = 512


class Draft:
    """A raster that is being written: `write` windows from any thread, then `finish` or `discard`.

    It lies under a temporary name beside `path` until `finish`; as a context manager it discards what was not finished.

    Parameters
    ----------
    path : Path
        Where the finished raster will be.
    grid : GeoBox
        Shape, transform and CRS.
    dtype : str
        ``float32`` for quantities, ``uint8`` for classes.
    nodata : float
        Missing value: NaN for floats, 0 for classes.
    tags : mapping of str to str
        Kept in the file, e.g. ``method`` and ``citation``; ``unit`` and ``long_name`` also as the bands' unit and
        description.
    bands : int or sequence of str
        Number of bands, or their names.
    colours, categories : sequence of str, optional
        Colour (``#rrggbb``) and name of class 1, 2, ...

    Examples
    --------
    >>> import tempfile
    >>> from soilloss.grid.target import make_grid
    >>> grid = make_grid((0, 0, 600, 600), "EPSG:32635", 1)
    >>> path = Path(tempfile.mkdtemp()) / "soil_loss.tif"
    >>> with Draft(path, grid, dtype="float32", nodata=np.nan, tags={"unit": "t ha-1 yr-1"}) as draft:
    ...     for window in windows(grid.shape, 512):
    ...         draft.write(window, np.ones([s.stop - s.start for s in window], "f4"))
    ...     draft.finish(overviews=False)
    >>> draft.hash == raster_hash(path)
    True
    """

    def __init__(
        self,
        path: Path,
        grid: GeoBox,
        *,
        dtype: str,
        nodata: float,
        tags: Mapping[str, str],
        bands: int | Sequence[str] = 1,
        colours: Sequence[str] | None = None,
        categories: Sequence[str] | None = None,
    ):
        self.path = Path(path)
        self.hash = ""
        self._shape = (grid.shape[0], grid.shape[1])
        self._categories = categories
        self._digests: dict[tuple[int, int], bytes] = {}
        self._lock = threading.Lock()
        self._temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.part")
        self.path.parent.mkdir(parents=True, exist_ok=True)
        names = [str(tags.get("long_name", ""))] * bands if isinstance(bands, int) else list(bands)
        self._dataset = rasterio.open(self._temporary, "w", **_profile(grid, dtype, nodata, len(names)))
        # all words go in before the first cell: the directory then stays at the head of the file
        self._dataset.update_tags(**{key: str(value) for key, value in tags.items()})
        self._dataset.descriptions = names
        self._dataset.units = [str(tags.get("unit", ""))] * len(names)
        if colours:
            self._dataset.write_colormap(1, _colour_table(colours))

    def write(self, window: Window, array: np.ndarray) -> None:
        """Write the cells of `window`: shape ``(rows, columns)`` or ``(bands, rows, columns)``; NaN is missing.

        Raises
        ------
        GridError
            If the window does not consist of whole tiles of 512 cells (cut off by the raster's edge only).
        """
        self._check(window)
        cells = self._as_stored(array)
        digests = _tile_digests(window, cells)
        where = RasterWindow.from_slices(*window)
        with self._lock:
            self._dataset.write(cells, window=where)
            self._digests.update(digests)

    def finish(self, overviews: bool) -> None:
        """Make the raster whole under its final name; `overviews` average quantities and take the mode of classes."""
        self._dataset.close()
        if overviews:
            add_overviews(self._temporary)
        with rasterio.open(self._temporary) as dataset:
            combined = _combine(dataset, self._digests)
        self._temporary.replace(self.path)
        self._write_category_names()
        self.hash = combined

    def discard(self) -> None:
        """Leave nothing behind; a former raster of that name stays as it was."""
        self._dataset.close()
        self._temporary.unlink(missing_ok=True)

    def __enter__(self) -> Draft:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.hash:
            self.discard()

    def _check(self, window: Window) -> None:
        for cut, size in zip(window, self._shape, strict=True):
            if cut.start % TILE or (cut.stop % TILE and cut.stop != size):
                raise GridError(
                    f"{self.path.name}: the window {window} cuts a tile; its edges must be multiples of {TILE} cells"
                )

    def _as_stored(self, array: np.ndarray) -> np.ndarray:
        cells = array[None] if array.ndim == 2 else array
        dtype = np.dtype(self._dataset.dtypes[0])
        if cells.dtype.kind == "f" and dtype.kind != "f":
            cells = np.where(np.isnan(cells), self._dataset.nodata, cells)
        return np.ascontiguousarray(cells, dtype)

    def _write_category_names(self) -> None:
        # GeoTIFF has no room for the names of classes; GDAL and QGIS read them from this neighbour
        if self._categories:
            names = "".join(f"<Category>{escape(name)}</Category>" for name in ["", *self._categories])
            band = f'<PAMRasterBand band="1"><CategoryNames>{names}</CategoryNames></PAMRasterBand>'
            text = f"<PAMDataset>{band}</PAMDataset>"
            self.path.with_name(self.path.name + ".aux.xml").write_text(text, encoding="utf-8")


def raster_hash(path: Path) -> str:
    """Return the SHA-256 of a raster's decoded cells and grid, the same for any compression and any block cut.

    Notes
    -----
    The raster is cut into tiles of 512 cells. The hash is taken over shape, data type, missing value, transform and CRS
    and then over the SHA-256 of each tile, row by row; every NaN counts as the same, and so do 0 and -0.
    """
    with rasterio.open(path) as dataset:
        digests: dict[tuple[int, int], bytes] = {}
        for window in windows(dataset.shape, (TILE, TILE * 16)):
            digests |= _tile_digests(window, dataset.read(window=RasterWindow.from_slices(*window)))
        return _combine(dataset, digests)


def _tile_digests(window: Window, cells: np.ndarray) -> dict[tuple[int, int], bytes]:
    top, left = window[0].start, window[1].start
    return {
        (top + rows.start, left + columns.start): _digest(cells[:, rows, columns])
        for rows, columns in windows((cells.shape[1], cells.shape[2]), TILE)
    }


def _digest(tile: np.ndarray) -> bytes:
    tile = tile + tile.dtype.type(0)  # a copy in C order, without negative zeros
    if tile.dtype.kind == "f":
        tile[np.isnan(tile)] = np.nan
    return hashlib.sha256(tile.astype(tile.dtype.newbyteorder("<"), copy=False).data).digest()


def _combine(dataset: Any, digests: Mapping[tuple[int, int], bytes]) -> str:
    dtype = np.dtype(dataset.dtypes[0])
    epsg = dataset.crs.to_epsg() if dataset.crs else None
    head = {
        "shape": [dataset.count, *dataset.shape],
        "dtype": dtype.name,
        "nodata": str(dataset.nodata),
        "transform": list(dataset.transform)[:6],
        "crs": f"EPSG:{epsg}" if epsg else dataset.crs.to_wkt() if dataset.crs else "",
    }
    total = hashlib.sha256(json.dumps(head, sort_keys=True).encode())
    for rows, columns in windows(dataset.shape, TILE):
        key = (rows.start, columns.start)
        shape = (dataset.count, rows.stop - rows.start, columns.stop - columns.start)
        # a tile nobody wrote holds the missing value
        total.update(digests[key] if key in digests else _digest(np.full(shape, dataset.nodata, dtype)))
    return total.hexdigest()


def _profile(grid: GeoBox, dtype: str, nodata: float, bands: int) -> dict[str, Any]:
    profile: dict[str, Any] = {
        "driver": "GTiff",
        "height": grid.shape[0],
        "width": grid.shape[1],
        "count": bands,
        "dtype": dtype,
        "nodata": nodata,
        "crs": None if grid.crs is None else rasterio.CRS.from_wkt(grid.crs.to_wkt()),
        "transform": grid.affine,
        "tiled": True,
        "blockxsize": TILE,
        "blockysize": TILE,
        "interleave": "band",
        "compress": "zstd",
        "zstd_level": 1,
        "num_threads": "ALL_CPUS",
        "bigtiff": "IF_SAFER",
    }
    return profile | ({"predictor": 3} if np.dtype(dtype).kind == "f" else {})


def _colour_table(colours: Sequence[str]) -> dict[int, tuple[int, int, int, int]]:
    table: dict[int, tuple[int, int, int, int]] = {0: (0, 0, 0, 0)}
    for code, colour in enumerate(colours, 1):
        red, green, blue = bytes.fromhex(colour.lstrip("#"))
        table[code] = (red, green, blue, 255)
    return table
