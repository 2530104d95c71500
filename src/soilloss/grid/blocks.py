"""Run a function over blocks, with or without a halo; the only place that decides how many run at once.

Kernels release the interpreter lock and use one thread; a strip or block is the unit of work. The answer does not
depend on the cut, bit for bit: a halo gives every cell the neighbours it has in the whole array.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait
from typing import Any, TypeVar

import numpy as np

Window = tuple[slice, slice]
Result = TypeVar("Result")

STRIP_CELLS = 1 << 21
_THREAD = threading.local()


def worker_count(workers: int | None = None) -> int:
    """Return the number of threads to use: as asked, else the processors this process may use."""
    if workers:
        return workers
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def windows(shape: tuple[int, int], size: int | tuple[int, int]) -> list[Window]:
    """Cut `shape` into windows of at most `size` cells a side, row by row.

    Examples
    --------
    >>> len(windows((5, 7), 4))
    4
    """
    height, width = (size, size) if isinstance(size, int) else size
    rows, columns = shape
    return [
        (slice(top, min(top + height, rows)), slice(left, min(left + width, columns)))
        for top in range(0, rows, height)
        for left in range(0, columns, width)
    ]


def grow(window: Window, halo: int, shape: tuple[int, int]) -> tuple[Window, Window]:
    """Return `window` grown by `halo` inside `shape`, and where the original lies in the grown one."""
    outer = tuple(slice(max(s.start - halo, 0), min(s.stop + halo, n)) for s, n in zip(window, shape, strict=True))
    inner = tuple(slice(s.start - o.start, s.stop - o.start) for s, o in zip(window, outer, strict=True))
    return (outer[0], outer[1]), (inner[0], inner[1])


def run_blocks(
    function: Callable[[Any], Result], items: Iterable[Any], workers: int | None = None
) -> Iterator[tuple[Any, Result]]:
    """Yield ``(item, function(item))`` as each finishes, with a bounded number in flight.

    The first error, or an interrupt of the consumer, cancels what has not started and waits for what has. A function
    that cuts its own block again, in one of the threads, does so without further ones.
    """
    count = 1 if getattr(_THREAD, "at_work", False) else worker_count(workers)
    todo = iter(items)
    if count == 1:
        for item in todo:
            yield item, function(item)
        return
    running: dict[Any, Any] = {}
    with ThreadPoolExecutor(count, initializer=_start_work) as pool:
        try:
            while True:
                for item in todo:
                    running[pool.submit(function, item)] = item
                    if len(running) > count:
                        break
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            for future in running:
                future.cancel()


def _start_work() -> None:
    _THREAD.at_work = True


def map_halo(function: Callable[..., Any], arrays: Sequence[Any], halo: int) -> Any:
    """Apply a neighbourhood function to 2-D arrays: NumPy in strips over threads, Dask in overlapping chunks.

    Arrays of shape ``(rows, 1)`` (the metres of each row) are cut along with the rest.
    """
    if all(isinstance(a, np.ndarray) for a in arrays):
        return _in_strips(function, arrays, halo)
    import dask.array as da

    first = next(a for a in arrays if not isinstance(a, np.ndarray))
    chunked = [da.asarray(a).rechunk((first.chunks[0], 1 if a.shape[1] == 1 else first.chunks[1])) for a in arrays]
    return da.map_overlap(
        function,
        *chunked,
        depth=[{0: halo, 1: 0 if a.shape[1] == 1 else halo} for a in chunked],
        boundary="none",
        dtype=first.dtype,
        meta=np.empty((0, 0), first.dtype),
    )


def _in_strips(function: Callable[..., Any], arrays: Sequence[np.ndarray], halo: int) -> np.ndarray:
    shape = max((a.shape for a in arrays), key=np.prod)
    rows = max(1, STRIP_CELLS // max(1, shape[1]))
    if rows >= shape[0]:
        return function(*arrays)

    def strip(window: Window) -> np.ndarray:
        (outer, _), (inner, _) = grow(window, halo, shape)
        return function(*(a[outer] for a in arrays))[inner]

    out: np.ndarray | None = None
    for (where, _), part in run_blocks(strip, windows(shape, (rows, shape[1]))):
        if out is None:
            out = np.empty(shape, part.dtype)
        out[where] = part
    assert out is not None
    return out
