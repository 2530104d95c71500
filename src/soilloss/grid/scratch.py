"""What passes over tiles leave behind for each other: in memory, or in a folder that outlives the process.

The store on disk is Zarr with one chunk per tile, so every chunk has one writer and needs no lock. Everything is
written under a temporary name, brought to disk and renamed. When a task has ended, a record is written with its key
(pass, tile, arguments and the store's identity), the checksums of its files and its answer: after a crash, tasks with a
valid record are not repeated. A task must be determined by its arguments, then a restart gives the same bits.

What a task has used up is deleted when the task is recorded: in its place stands the name of that record. A record
whose files were used up is as valid as the one that is named there, so after damage enough is repeated.
"""

from __future__ import annotations

import errno
import hashlib
import io
import json
import os
import shutil
import uuid
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import google_crc32c
import numpy as np
from numcodecs import Blosc

from soilloss.errors import SourceError
from soilloss.grid.rims import Tile, Tiles

Answer = dict[str, np.ndarray]
_LONGEST_LINE, _SLAB = 1 << 16, 1 << 20
_PACK = Blosc(cname="lz4", clevel=1, shuffle=Blosc.BITSHUFFLE)
_USED_UP = b"used up for "


class Files(Protocol):
    """What a task sees of the scratch store: the arrays of one tile."""

    def put(self, name: str, core: np.ndarray) -> None:
        """Keep the cells of the tile as part of the array `name`."""
        ...

    def get(self, name: str) -> np.ndarray:
        """Return the cells of the tile from the array `name`."""
        ...

    def save(self, name: str, **arrays: np.ndarray) -> None:
        """Keep arrays of any shape under a name."""
        ...

    def load(self, name: str) -> Answer:
        """Return what was saved."""
        ...

    def use_up(self, name: str) -> None:
        """Delete what was saved under a name as soon as this task is recorded: no other task of the tile wants it."""
        ...

    def of(self, tile: Tile) -> Files:
        """Return the same for another tile, to be read only."""
        ...


class Memory:
    """A scratch store in memory."""

    def __init__(self, tiles: Tiles) -> None:
        self.tiles, self.kept = tiles, {}

    def prepare(self, arrays: Mapping[str, str]) -> None:
        """Nothing has to be made ready."""

    def files(self, tile: Tile) -> Files:
        """Return the arrays of one tile."""
        return _TileInMemory(self, tile)

    def remember(self, files: Files, key: str) -> Answer | None:
        """Nothing outlives the process, so nothing is remembered."""
        return None

    def record(self, files: Any, key: str, answer: Answer) -> None:
        """Nothing is recorded, but what the task has used up goes."""
        for name in files.used_up:
            self.kept.pop((name, files.tile), None)

    def remove(self) -> None:
        """Forget everything."""
        self.kept.clear()


class _TileInMemory:
    def __init__(self, store: Memory, tile: Tile) -> None:
        self.store, self.tile = store, tile
        self.used_up: list[str] = []

    def put(self, name: str, core: np.ndarray) -> None:
        self.store.kept[name, self.tile] = np.ascontiguousarray(core)

    def get(self, name: str) -> np.ndarray:
        return self.store.kept[name, self.tile]

    def save(self, name: str, **arrays: np.ndarray) -> None:
        self.store.kept[name, self.tile] = arrays

    def load(self, name: str) -> Answer:
        return self.store.kept[name, self.tile]

    def use_up(self, name: str) -> None:
        self.used_up.append(name)

    def of(self, tile: Tile) -> Files:
        return _TileInMemory(self.store, tile)


class Scratch:
    """A scratch store in a folder; `identity` says what its contents depend on besides the arguments of tasks."""

    def __init__(self, folder: Path | str, tiles: Tiles, identity: str) -> None:
        self.tiles, self.identity = tiles, identity
        self.folder = Path(folder) / hashlib.sha256(f"{identity}|{tiles}".encode()).hexdigest()[:16]

    def prepare(self, arrays: Mapping[str, str]) -> None:
        """Make the Zarr arrays that a pass will fill: name to type."""
        for name, dtype in arrays.items():
            if (self.folder / name / "zarr.json").exists():
                continue
            about = {
                "zarr_format": 3,
                "node_type": "array",
                "shape": self.tiles.shape,
                "data_type": np.dtype(dtype).name,
                "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": self.chunk}},
                "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
                "fill_value": 0,
                "codecs": [
                    {"name": "bytes", "configuration": {"endian": "little"}},
                    *_packing(dtype),
                    {"name": "crc32c"},
                ],
            }
            _write(self.folder / name / "zarr.json", [json.dumps(about).encode()])

    @property
    def chunk(self) -> tuple[int, int]:
        """Rows and columns of a chunk."""
        rows, columns = (min(s, n) for s, n in zip(self.tiles.size, self.tiles.shape, strict=True))
        return rows, columns

    def files(self, tile: Tile) -> Files:
        """Return the arrays of one tile."""
        return _TileOnDisk(self, tile)

    def remember(self, files: Any, key: str) -> Answer | None:
        """Return the recorded answer of a finished task whose files are whole, or none: then it must run."""
        record = self._record(files, key)
        found = self._found(record)
        if found is None:
            return None
        self._delete(json.loads(str(found.pop("used_up"))), record)
        return found

    def record(self, files: Any, key: str, answer: Answer) -> None:
        """Say that a task has ended, and delete what it has used up."""
        content, record = io.BytesIO(), self._record(files, key)
        lists = {"written": np.array(json.dumps(files.written)), "used_up": np.array(json.dumps(files.used_up))}
        np.savez(content, **lists, **answer)  # type: ignore[arg-type]
        _write(self.folder / record, [content.getvalue()])
        self._delete(files.used_up, record)

    def _found(self, record: str) -> Answer | None:
        try:
            with (self.folder / record).open("rb") as file, np.load(file) as found:
                written = json.loads(str(found["written"]))
                if all(self._whole(path, code) for path, code in written.items()):
                    return {name: found[name] for name in found.files if name != "written"}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass
        return None

    def _whole(self, path: str, code: int) -> bool:
        """Whether a file is as it was written, or was used up by a task that need not run again."""
        content = _content(self.folder / path)
        if google_crc32c.value(content) == code:
            return True
        later = content.tobytes() if content.size < _LONGEST_LINE else b""
        return later.startswith(_USED_UP) and self._found(later[len(_USED_UP) :].decode()) is not None

    def _delete(self, paths: list[str], record: str) -> None:
        instead = _USED_UP + record.encode()
        for path in paths:
            if (self.folder / path).stat().st_size != len(instead):
                _write(self.folder / path, [instead])

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _record(self, files: Any, key: str) -> str:
        name = hashlib.sha256(f"{self.identity}|{files.tile}|{key}".encode()).hexdigest()[:32]
        return f"done/{name}.npz"


class _TileOnDisk:
    def __init__(self, store: Scratch, tile: Tile) -> None:
        self.store, self.tile = store, tile
        self.written: dict[str, int] = {}
        self.used_up: list[str] = []

    def put(self, name: str, core: np.ndarray) -> None:
        """Write a chunk as Zarr does, in a quarter of its time: whole, padded at the end of the grid, checksum last."""
        chunk = core
        if chunk.shape != self.store.chunk:
            chunk = np.pad(core, [(0, n - m) for n, m in zip(self.store.chunk, core.shape, strict=True)])
        self._write(self._chunk(name), _checked([_packed(chunk)] if _packing(chunk.dtype) else _slabs(chunk)))

    def get(self, name: str) -> np.ndarray:
        content = _content(self.store.folder / self._chunk(name))
        if content.size < 4 or google_crc32c.value(content[:-4]) != content[-4:].view("<u4")[0]:
            raise SourceError(f"{self._chunk(name)} has a wrong checksum; delete {self.store.folder} and run again")
        kind = json.loads((self.store.folder / name / "zarr.json").read_bytes())["data_type"]
        rows, columns = self.store.tiles.window(self.tile)
        chunk = (
            np.empty(self.store.chunk, kind) if _packing(kind) else content[:-4].view(kind).reshape(self.store.chunk)
        )
        if _packing(kind):
            _PACK.decode(content[:-4], chunk)
        return chunk[: rows.stop - rows.start, : columns.stop - columns.start]

    def save(self, name: str, **arrays: np.ndarray) -> None:
        """Write arrays packed one after the other, behind a line that says what they are and how long."""
        packed = {key: _packed(array) for key, array in arrays.items()}
        about = {key: [array.dtype.str, array.shape, packed[key].size] for key, array in arrays.items()}
        self._write(self._parts(name), [json.dumps(about).encode() + b"\n", *packed.values()])

    def load(self, name: str) -> Answer:
        content = _content(self.store.folder / self._parts(name))
        if content[: len(_USED_UP)].tobytes() == _USED_UP:
            raise FileNotFoundError(f"{self._parts(name)} was used up")
        line = content[:_LONGEST_LINE].tobytes().partition(b"\n")[0]
        start, out = len(line) + 1, {}
        for key, (kind, shape, size) in json.loads(line).items():
            out[key] = np.empty(shape, kind)
            if out[key].size:
                _PACK.decode(content[start : start + size], out[key])
            start += size
        return out

    def use_up(self, name: str) -> None:
        self.used_up.append(self._parts(name))

    def of(self, tile: Tile) -> Files:
        return _TileOnDisk(self.store, tile)

    def _chunk(self, name: str) -> str:
        return f"{name}/c/{self.tile[0]}/{self.tile[1]}"

    def _parts(self, name: str) -> str:
        return f"{name}/{self.tile[0]}-{self.tile[1]}.parts"

    def _write(self, path: str, pieces: Iterable[Any]) -> None:
        self.written[path] = _write(self.store.folder / path, pieces)


def _packing(kind: Any) -> list[Any]:
    """Return how chunks of a type are packed, as Zarr says it: codes and numbers shrink much, heights do not."""
    if np.dtype(kind).kind == "f":
        return []
    how = {"cname": "lz4", "clevel": 1, "shuffle": "bitshuffle", "typesize": np.dtype(kind).itemsize, "blocksize": 0}
    return [{"name": "blosc", "configuration": how}]


def _packed(array: np.ndarray) -> np.ndarray:
    return np.frombuffer(_PACK.encode(np.ascontiguousarray(array)), np.uint8)


def _slabs(chunk: np.ndarray) -> Iterator[np.ndarray]:
    """Yield the bytes of an array by some rows: what lies apart in memory is not copied as a whole."""
    rows = max(1, _SLAB // max(1, chunk.shape[1] * chunk.itemsize))
    for top in range(0, chunk.shape[0], rows):
        yield np.ascontiguousarray(chunk[top : top + rows]).reshape(-1).view(np.uint8)


def _checked(pieces: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yield the pieces and, last, their checksum."""
    code = 0
    for piece in pieces:
        code = google_crc32c.extend(code, piece)
        yield piece
    yield np.array([code], "<u4").view(np.uint8)


def _content(path: Path) -> np.ndarray:
    return np.fromfile(path, np.uint8)


def _write(path: Path, pieces: Iterable[Any]) -> int:
    """Write a file whole or not at all, on disk when this returns; return its checksum."""
    draft, code = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial"), 0
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            for piece in pieces:
                file.write(piece)
                code = google_crc32c.extend(code, piece)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return code
    except OSError as error:
        draft.unlink(missing_ok=True)
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise SourceError(
                f"the disk of {path.parent} is full; make room and run again, finished tiles are kept"
            ) from None
        raise


def digest(*values: Any) -> str:
    """Return a hash of arrays and of whatever prints alike when it is alike."""
    found = hashlib.sha256()
    for value in values:
        if isinstance(value, np.ndarray):
            found.update(f"{value.dtype}{value.shape}".encode())
            found.update(np.ascontiguousarray(value).data)
        else:
            found.update(repr(value).encode())
        found.update(b"|")
    return found.hexdigest()


def code_version(*modules: Any) -> str:
    """Return a hash of the modules' source: records made by other code do not count."""
    return digest(*(Path(module.__file__).read_bytes() for module in modules))
