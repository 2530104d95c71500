"""Passes over tiles with a small central step between them: the way to grids larger than memory.

A pass is one task per tile, a plain list of `dask.delayed` calls: run by Dask's threads on one machine, or by a
`distributed` cluster that shares the scratch folder. Tasks leave arrays in a store, see `soilloss.grid.scratch`, and
return small arrays only; what happens between passes is ordinary code of the caller.
"""

from __future__ import annotations

import contextlib
import ctypes
import functools
import itertools
import shutil
import tempfile
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import numpy as np

from soilloss.errors import MissingExtraError, SoilLossError, SourceError
from soilloss.grid.blocks import Window, worker_count
from soilloss.grid.rims import Tile
from soilloss.grid.scratch import Answer, Memory, Scratch, digest

Progress = Callable[[str, int, int], None]
Item = TypeVar("Item")
Result = TypeVar("Result")
_MMAP_THRESHOLD = -3  # of mallopt(3)


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
    try:
        answer = function(files, tile, *arguments)
    except FileNotFoundError:
        # a worker that a cluster had given up may have finished the same task meanwhile
        known = store.remember(files, key)
        if known is None:
            raise
        return known
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


@contextlib.contextmanager
def _client(address: str) -> Iterator[Any]:
    try:
        from distributed import Client
    except ImportError:
        raise MissingExtraError("a cluster needs distributed: pip install 'soilloss[cluster]'") from None
    try:
        client = Client(address, set_as_default=False)
    except (OSError, ValueError) as error:
        raise SourceError(
            f"no Dask scheduler answers at {address!r} ({' '.join(str(error).split())}); check the address, which "
            "reads like tcp://host:8786, and that it runs"
        ) from None
    with client:
        yield client


def _on_cluster(address: str, work: dict[Tile, Callable[[], Answer]], told: Callable[..., None]) -> dict[Tile, Answer]:
    """Lost workers are the scheduler's business: their tasks run again, with the same result."""
    from dask.delayed import delayed

    with _client(address) as client:
        from distributed import as_completed

        tasks = [delayed(_called, pure=False, traverse=False)(one) for one in work.values()]
        futures = client.compute(tasks)
        for done, _ in enumerate(as_completed(futures, loop=client.loop), 1):
            told(done, len(work))
        answers: Any = client.gather(futures)
        return dict(zip(work, map(_answer, answers), strict=True))


def run_on_cluster(
    function: Callable[[Item], Result], items: Iterable[Item], address: str
) -> Iterator[tuple[Item, Result]]:
    """Yield ``(item, function(item))`` as each finishes on a cluster, as `grid.blocks.run_blocks` does with threads.

    Two tasks per thread of the cluster are in flight, so that what nobody has taken yet stays small.
    """
    with _client(address) as client:
        from distributed import as_completed

        todo, running = iter(items), {}
        finished = as_completed(loop=client.loop)
        while True:
            most = 2 * max(1, sum(client.ncores().values()))
            for item in itertools.islice(todo, max(0, most - len(running))):
                future = client.submit(_called, function, item, pure=False)
                running[future.key] = item
                finished.add(future)
            if not running:
                return
            future = next(finished)
            yield running.pop(future.key), _answer(future.result())


class _Failure(NamedTuple):
    """An error of a worker as it travels: what lies behind an error of a library cannot."""

    kind: type[SoilLossError]
    sentence: str


def _called(function: Callable[..., Any], *given: Any) -> Any:
    try:
        return function(*given)
    except SoilLossError as error:
        return _Failure(type(error), str(error))


def _answer(answer: Any) -> Any:
    if isinstance(answer, _Failure):
        raise answer.kind(answer.sentence)
    return answer


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
