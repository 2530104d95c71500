"""Passes over tiles with a small central step between them: the way to grids larger than memory.

A pass is one task per tile, a plain list of `dask.delayed` calls: run by Dask's threads on one machine, or by a
`distributed` cluster that shares the scratch folder. Tasks leave arrays in the scratch store and return small arrays
only; what happens between passes is ordinary code of the caller.

The scratch store on disk is Zarr with one chunk per tile, so every chunk has one writer and needs no lock. Everything
is written under a temporary name, brought to disk and renamed. When a task has ended, a record is written with its key
(pass, tile, arguments and the store's identity), the checksums of its files and its answer: after a crash, tasks with a
valid record are not repeated. A task must be determined by its arguments, then a restart gives the same bits.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import hashlib
import io
import json
import math
import os
import shutil
import tempfile
import threading
import uuid
import weakref
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import google_crc32c
import numpy as np

from soilloss.errors import MissingExtraError, SourceError
from soilloss.grid.blocks import Window, worker_count
from soilloss.grid.rims import Tile, Tiles

Answer = dict[str, np.ndarray]
Progress = Callable[[str, int, int], None]
_MMAP_THRESHOLD = -3  # of mallopt(3)
# arrays begin where processors like them to, behind a line
_GAP, _LONGEST_LINE = bytes(64), 1 << 16


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

    def record(self, files: Files, key: str, answer: Answer) -> None:
        """Nothing is recorded."""

    def remove(self) -> None:
        """Forget everything."""
        self.kept.clear()


class _TileInMemory:
    def __init__(self, store: Memory, tile: Tile) -> None:
        self.store, self.tile = store, tile

    def put(self, name: str, core: np.ndarray) -> None:
        self.store.kept[name, self.tile] = np.ascontiguousarray(core)

    def get(self, name: str) -> np.ndarray:
        return self.store.kept[name, self.tile]

    def save(self, name: str, **arrays: np.ndarray) -> None:
        self.store.kept[name, self.tile] = arrays

    def load(self, name: str) -> Answer:
        return self.store.kept[name, self.tile]

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
                "codecs": [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}],
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
        try:
            with self._record(files, key).open("rb") as file, np.load(file) as found:
                written = json.loads(str(found["written"]))
                if all(google_crc32c.value(_content(self.folder / path)) == code for path, code in written.items()):
                    return {name: found[name] for name in found.files if name != "written"}
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
            pass
        return None

    def record(self, files: Any, key: str, answer: Answer) -> None:
        """Say that a task has ended."""
        content = io.BytesIO()
        np.savez(content, written=np.array(json.dumps(files.written)), **answer)  # type: ignore[arg-type]
        _write(self._record(files, key), [content.getvalue()])

    def remove(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _record(self, files: Any, key: str) -> Path:
        name = hashlib.sha256(f"{self.identity}|{files.tile}|{key}".encode()).hexdigest()[:32]
        return self.folder / "done" / f"{name}.npz"


class _TileOnDisk:
    def __init__(self, store: Scratch, tile: Tile) -> None:
        self.store, self.tile = store, tile
        self.written: dict[str, int] = {}

    def put(self, name: str, core: np.ndarray) -> None:
        """Write a chunk as Zarr does, in a quarter of its time: whole, padded at the end of the grid, checksum last."""
        chunk = np.ascontiguousarray(core)
        if chunk.shape != self.store.chunk:
            chunk = np.pad(core, [(0, n - m) for n, m in zip(self.store.chunk, core.shape, strict=True)])
        data = chunk.reshape(-1).view(np.uint8)
        self._write(self._chunk(name), [data, np.array([google_crc32c.value(data)], "<u4").view(np.uint8)])

    def get(self, name: str) -> np.ndarray:
        content = _content(self.store.folder / self._chunk(name))
        if content.size < 4 or google_crc32c.value(content[:-4]) != content[-4:].view("<u4")[0]:
            raise SourceError(f"{self._chunk(name)} has a wrong checksum; delete {self.store.folder} and run again")
        kind = json.loads((self.store.folder / name / "zarr.json").read_bytes())["data_type"]
        rows, columns = self.store.tiles.window(self.tile)
        chunk = content[:-4].view(kind).reshape(self.store.chunk)
        return chunk[: rows.stop - rows.start, : columns.stop - columns.start]

    def save(self, name: str, **arrays: np.ndarray) -> None:
        """Write arrays one after the other, after a line that says what they are."""
        head = json.dumps({key: [array.dtype.str, array.shape] for key, array in arrays.items()}).encode() + b"\n"
        pieces = [np.frombuffer(head, np.uint8)]
        pieces += [np.ascontiguousarray(array).reshape(-1).view(np.uint8) for array in arrays.values()]
        self._write(self._parts(name), [part for piece in pieces for part in (piece, _GAP[: -piece.size % len(_GAP)])])

    def load(self, name: str) -> Answer:
        content = _content(self.store.folder / self._parts(name))
        line = content[:_LONGEST_LINE].tobytes().partition(b"\n")[0]
        start, out = len(line) + 1, {}
        for key, (kind, shape) in json.loads(line).items():
            start += -start % len(_GAP)
            end = start + np.dtype(kind).itemsize * math.prod(shape)
            out[key] = content[start:end].view(kind).reshape(shape)
            start = end
        return out

    def of(self, tile: Tile) -> Files:
        return _TileOnDisk(self.store, tile)

    def _chunk(self, name: str) -> str:
        return f"{name}/c/{self.tile[0]}/{self.tile[1]}"

    def _parts(self, name: str) -> str:
        return f"{name}/{self.tile[0]}-{self.tile[1]}.parts"

    def _write(self, path: str, pieces: list[Any]) -> None:
        self.written[path] = _write(self.store.folder / path, pieces)


def _content(path: Path) -> np.ndarray:
    return np.fromfile(path, np.uint8)


def _write(path: Path, pieces: list[Any]) -> int:
    """Write a file whole or not at all, on disk when this returns; return its checksum."""
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.writelines(pieces)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
        return functools.reduce(google_crc32c.extend, pieces, 0)
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


class Passes(NamedTuple):
    """How passes are run: where they leave their arrays, by how many threads or which cluster, who is told."""

    store: Memory | Scratch
    workers: int | None = None
    cluster: str = ""
    progress: Progress = lambda name, done, total: None

    def run(
        self,
        name: str,
        function: Callable[..., Answer],
        arguments: Mapping[Tile, tuple[Any, ...]],
        arrays: Mapping[str, str] | None = None,
        parameters: Any = (),
    ) -> dict[Tile, Answer]:
        """Run one pass and return the answer of every tile.

        Parameters
        ----------
        name : str
            Of the pass, for records and progress; not used twice with the same store for different functions.
        function : callable
            Called as ``function(files, tile, *arguments[tile])``; returns small arrays by name.
        arguments : mapping
            From the tiles that take part to what they are told; arrays and what prints alike when it is alike.
        arrays : mapping, optional
            Arrays that the pass fills: name to type.
        parameters : Any
            What else decides the result, fixed in `function`: it becomes part of the records' keys.
        """
        self.store.prepare(arrays or {})
        work = {
            tile: functools.partial(_perform, self.store, (name, parameters), function, tile, given)
            for tile, given in arguments.items()
        }
        if self.cluster:
            return _on_cluster(self.cluster, work, functools.partial(self.progress, name))
        return _on_threads(worker_count(self.workers), work, functools.partial(self.progress, name))


def _perform(
    store: Memory | Scratch, name: Any, function: Callable[..., Answer], tile: Tile, arguments: tuple[Any, ...]
) -> Answer:
    """One task: look for its record, else work and leave one."""
    if isinstance(store, Scratch):
        _return_memory()
    files = store.files(tile)
    key = digest(name, *arguments)
    known = store.remember(files, key)
    if known is not None:
        return known
    answer = function(files, tile, *arguments)
    store.record(files, key, answer)
    return answer


@functools.cache
def _return_memory() -> None:
    """Let large arrays go back to the system when they are freed.

    The C library of Linux learns to keep them, by thread and in pieces, which trebles the memory of a worker.
    """
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_MMAP_THRESHOLD, 1 << 22)


def _on_threads(workers: int, work: dict[Tile, Callable[[], Answer]], told: Callable[..., None]) -> dict[Tile, Answer]:
    from dask.base import compute
    from dask.delayed import delayed

    lock, done = threading.Lock(), iter(range(1, len(work) + 1))

    def counted(one: Callable[[], Answer]) -> Answer:
        answer = one()
        with lock:
            told(next(done), len(work))
        return answer

    tasks = [delayed(counted, pure=False, traverse=False)(one) for one in work.values()]
    scheduler = "threads" if workers > 1 else "synchronous"
    return dict(zip(work, compute(*tasks, scheduler=scheduler, num_workers=workers), strict=True))


def _on_cluster(address: str, work: dict[Tile, Callable[[], Answer]], told: Callable[..., None]) -> dict[Tile, Answer]:
    """Lost workers are the scheduler's business: their tasks run again, with the same result."""
    from dask.delayed import delayed

    try:
        from distributed import Client, as_completed
    except ImportError:
        raise MissingExtraError("a cluster needs distributed: pip install 'soilloss[cluster]'") from None
    with Client(address, set_as_default=False) as client:
        tasks = [delayed(_called, pure=False, traverse=False)(one) for one in work.values()]
        futures = client.compute(tasks)
        for done, _ in enumerate(as_completed(futures, loop=client.loop), 1):
            told(done, len(work))
        answers: Any = client.gather(futures)
        return dict(zip(work, answers, strict=True))


def _called(one: Callable[[], Answer]) -> Answer:
    return one()


class LazyWindows(NamedTuple):
    """Reads windows of an array, also of a Dask array: each is computed by the thread that asks for it."""

    array: Any

    def __call__(self, window: Window) -> np.ndarray:
        """Return the cells of a window."""
        part = self.array[window]
        return np.asarray(part.compute(scheduler="synchronous") if hasattr(part, "dask") else part)


@contextlib.contextmanager
def temporary_folder() -> Iterator[tuple[Path, Callable[[Any], Any]]]:
    """Give a folder in Dask's temporary directory and a function: the folder lasts as long as what that is told."""
    import dask.config

    folder = Path(tempfile.mkdtemp(prefix="soilloss-", dir=dask.config.get("temporary-directory", None)))
    removal = functools.partial(shutil.rmtree, folder, ignore_errors=True)
    try:
        yield folder, lambda owner: weakref.finalize(owner, removal)
    except BaseException:
        removal()
        raise
