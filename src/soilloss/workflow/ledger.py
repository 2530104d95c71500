"""Years that an earlier run has finished, so that another adds only what is new: after a crash, or when a year comes.

In ``.soilloss/years/<folder of the result>/`` lie the maps of single years, how far the years were summed up (a file
per block), and ``facts.json``: the key of what holds for all years (grid, methods, static sources, what is published),
a key per year (content of its files), and the numbers behind the tables. A run takes over the years from the first on
whose keys are its own. Years are finished some at a time, and the facts are written last; whatever a killed run leaves
beyond them is written again.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any, NamedTuple

import numpy as np

from soilloss.grid.blocks import Window
from soilloss.workflow.folders import alive

# cells times steps after which years are finished: about a minute of work
PART = 3e9
FACTS, LOCK = "facts.json", "lock"

Arrays = dict[str, np.ndarray]


class YearSums(NamedTuple):
    """What the first `done` years add up to, a file per block."""

    folder: Path
    done: int

    def load(self, window: Window) -> Arrays:
        """Return what the finished years of a block add up to."""
        with self._file(window, self.done).open("rb") as file:
            return {str(name): np.load(file) for name in np.load(file)}

    def save(self, window: Window, done: int, arrays: Arrays) -> None:
        """Keep what the first `done` years of a block add up to."""
        path = self._file(window, done)
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as file:
            np.save(file, np.array(list(arrays)))
            for array in arrays.values():
                np.save(file, array)

    def _file(self, window: Window, done: int) -> Path:
        return self.folder / str(done) / f"{window[0].start}-{window[1].start}.npy"


@contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """Open a file to write that has its name when it is whole; several may write the same."""
    draft = path.with_name(f"{path.name}.{uuid.uuid4().hex}")
    try:
        with draft.open("wb") as file:
            yield file
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)


class Ledger:
    """The years of a run: `done` of them are finished, with `facts` about them.

    Parameters
    ----------
    folder : Path
        Where they lie.
    base : str
        Key of what holds for all years.
    keys : mapping of str to str
        Key of each year, in order.
    """

    def __init__(self, folder: Path, base: str, keys: Mapping[str, str]) -> None:
        self.folder, self.base, self.keys = folder, base, dict(keys)
        self.facts = self._found()
        self.done = len(self.facts.get("years", {}))

    @property
    def years(self) -> list[str]:
        """The years that are finished."""
        return list(self.keys)[: self.done]

    def parts(self, cells: int, steps: int) -> Iterator[list[str]]:
        """Cut the years still to be done into parts that are finished together."""
        years = list(self.keys)[self.done :]
        count = max(1, int(PART // (cells * steps)))
        yield from (years[first : first + count] for first in range(0, len(years), count))

    @property
    def sums(self) -> YearSums:
        """What the finished years of each block add up to."""
        return YearSums(self.folder.absolute() / "state", self.done)

    def finish(self, done: int, maps: Sequence[str], facts: Mapping[str, Any]) -> None:
        """Write down that the first `done` years are finished; `maps` are the rasters made since the last time."""
        known = {**self.facts.get("maps", {}), **{path: self._seen(path) for path in maps}}
        years = dict(list(self.keys.items())[:done])
        facts = {"base": self.base, "years": years, "maps": known, **facts}
        draft = self.folder / f"{FACTS}.draft"
        draft.write_text(json.dumps(facts), encoding="utf-8")
        draft.replace(self.folder / FACTS)
        former, self.facts, self.done = self.done, facts, done
        if former != done:
            shutil.rmtree(self.folder / "state" / str(former), ignore_errors=True)

    def give(self, path: str, destination: Path) -> None:
        """Put a finished map where it is published: another name of the same file, where the disk can do that."""
        destination.parent.mkdir(parents=True, exist_ok=True)
        for name in (path, f"{path}.aux.xml"):
            if (self.folder / name).exists():
                source, target = self.folder / name, destination.with_name(Path(name).name)
                try:
                    os.link(source, target)
                except OSError:
                    shutil.copy2(source, target)

    def close(self) -> None:
        """Let others work on these years."""
        (self.folder / LOCK).unlink(missing_ok=True)

    def _found(self) -> dict[str, Any]:
        """Facts of an earlier run whose years are the first of this one; else nothing, and its files go."""
        facts: dict[str, Any] = {}
        with suppress(OSError, ValueError):
            facts = json.loads((self.folder / FACTS).read_text(encoding="utf-8"))
        years = facts.get("years", {})
        same = facts.get("base") == self.base and list(self.keys.items())[: len(years)] == list(years.items())
        if same and years and all(self._seen(path) == seen for path, seen in facts["maps"].items()):
            return facts
        for left in self.folder.iterdir():
            if left.name != LOCK:
                shutil.rmtree(left) if left.is_dir() else left.unlink()
        return {}

    def _seen(self, path: str) -> list[int] | None:
        """Size and time of change of a map: one that somebody has changed is not taken over."""
        try:
            state = (self.folder / path).stat()
        except OSError:
            return None
        return [state.st_size, state.st_mtime_ns]


def open_ledger(folder: Path, base: str, keys: Mapping[str, str]) -> Ledger | None:
    """Return the ledger in `folder`, to be closed again; None where another process works on it or nothing can lie."""
    lock = folder / LOCK
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if lock.exists() and alive(lock.read_text()):
            return None
        lock.write_text(str(os.getpid()))
    except OSError:
        return None
    return Ledger(folder, base, keys)
