"""The store of a project: results of whole-grid steps under keys, in ``.soilloss/`` beside the project file.

A key is made of the package version, the function, its coefficients and the keys of its inputs, down to the content of
the files; so what is found under a key is what would be computed again. Deleting the folder costs time only.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from rasterio.windows import Window as RasterWindow

from soilloss.errors import SourceError

_HASHES = threading.Lock()


def key_of(*parts: Any) -> str:
    """Return a short key for JSON-like parts.

    Examples
    --------
    >>> key_of("a", {"b": 1}) == key_of("a", {"b": 1}) != key_of("a", {"b": 2})
    True
    """
    text = json.dumps(_in_order(parts), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:20]


def _in_order(part: Any) -> Any:
    """Mappings as sorted pairs: a table may have words and numbers for keys."""
    if isinstance(part, dict):
        return sorted(([str(key), _in_order(value)] for key, value in part.items()), key=lambda pair: pair[0])
    return [_in_order(item) for item in part] if isinstance(part, list | tuple) else part


class Store:
    """Rasters and file hashes kept beside the project file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, variable: str, key: str, label: str = "") -> Path:
        """Where the raster of a variable lies under its key."""
        tail = f"-{label}" if label else ""
        return self.folder / "steps" / f"{variable}-{key}{tail}.tif"

    def number(self, path: Path) -> float:
        """A number that was kept, NaN if it was not."""
        try:
            return float(json.loads(path.read_text(encoding="utf-8"))["value"])
        except FileNotFoundError:
            return float("nan")

    def keep_number(self, path: Path, value: float, **about: Any) -> None:
        """Keep a number, and what is to be known of it, in a small JSON file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
        draft.write_text(json.dumps({"value": value, **about}, indent=1), encoding="utf-8")
        draft.replace(path)

    def file_hash(self, path: Path) -> str:
        """SHA-256 of a file's (or a folder's) content, remembered by path, size and time of change."""
        files = sorted(p for p in path.rglob("*") if p.is_file()) if path.is_dir() else [path]
        if len(files) == 1:
            return self._one_hash(files[0])
        joined = "".join(f"{p.relative_to(path)}:{self._one_hash(p)}" for p in files)
        return hashlib.sha256(joined.encode()).hexdigest()

    def _one_hash(self, path: Path) -> str:
        try:
            state = path.stat()
        except OSError as error:
            raise SourceError(f"{path} cannot be read ({error.strerror}); check that it exists") from None
        name = f"{path.resolve()}|{state.st_size}|{state.st_mtime_ns}"
        known = self._hashes().get(name)
        if known is None:
            with path.open("rb") as file:
                known = hashlib.file_digest(file, "sha256").hexdigest()
            with _HASHES:
                self._write_hashes({**self._hashes(), name: known})
        return known

    def _hashes(self) -> dict[str, str]:
        try:
            return json.loads((self.folder / "hashes.json").read_text())
        except (OSError, ValueError):
            return {}

    def _write_hashes(self, known: dict[str, str]) -> None:
        """Remember hashes; where nothing can be written, `check` and `plan` do without."""
        draft = self.folder / f"hashes.json.{os.getpid()}"
        with suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
            draft.write_text(json.dumps(known))
            draft.replace(self.folder / "hashes.json")


def write_raster(
    path: Path,
    grid: Any,
    dtype: str,
    bands: int,
    parts: Iterable[tuple[tuple[slice, slice], np.ndarray]],
    done: Callable[[], None] = lambda: None,
) -> None:
    """Write windows of a stored raster to a draft and give it its name when it is whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.draft")
    rows, columns = grid.shape
    profile = {
        "driver": "GTiff",
        "height": rows,
        "width": columns,
        "count": bands,
        "dtype": dtype,
        "crs": grid.crs.to_wkt(),
        "transform": grid.affine,
        "nodata": np.nan,
        "tiled": True,
        "blockxsize": 512,
        "blockysize": 512,
        "compress": "zstd",
        "zstd_level": 1,
        "interleave": "band",
        "BIGTIFF": "IF_SAFER",
    }
    try:
        with rasterio.open(draft, "w", **profile) as target:
            for (row, column), values in parts:
                window = RasterWindow.from_slices(row, column)
                layers = np.moveaxis(values.reshape(*values.shape[:2], bands), -1, 0)
                target.write(layers.astype(dtype, copy=False), window=window)
                done()
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
