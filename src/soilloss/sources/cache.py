"""What was fetched, kept under a key and proved by its hash, within a limit.

``Cache(folder, limit)``; ``find(key)``, ``keep(key, draft, about)``, ``listing()``, ``clear()``. A file counts as whole
only with its note beside it, which is written last and holds the file's SHA-256; what does not agree is fetched again.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from soilloss.errors import ProjectError, SourceError

LIMIT = 20e9
_UNITS = {"K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}


def folder_of() -> Path:
    """Where fetched pieces are kept: ``SOILLOSS_CACHE``, else a folder of the user's cache."""
    given = os.environ.get("SOILLOSS_CACHE")
    return Path(given) if given else Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "soilloss"


def limit_of() -> float:
    """How many bytes may be kept: ``SOILLOSS_CACHE_SIZE`` (20GB unless it says otherwise)."""
    text = os.environ.get("SOILLOSS_CACHE_SIZE", "").strip().upper().removesuffix("B")
    if not text:
        return LIMIT
    try:
        return float(text[:-1]) * _UNITS[text[-1]] if text[-1] in _UNITS else float(text)
    except ValueError:
        raise ProjectError(f"SOILLOSS_CACHE_SIZE is {text!r}, expected a size such as 500MB or 20GB") from None


class Cache:
    """Files under keys; the longest unused go first when the limit is reached, those of this process stay."""

    def __init__(self, folder: Path | None = None, limit: float | None = None) -> None:
        self.folder = folder_of() if folder is None else folder
        self.limit = limit_of() if limit is None else limit
        self._size = -1.0  # not yet counted
        self._mine: set[str] = set()
        self._lock = threading.Lock()

    def path(self, key: str) -> Path:
        """Where the file of a key lies."""
        return self.folder / key[:2] / f"{key}.data"

    def draft(self, key: str) -> Path:
        """A name beside it to write to, of this process and thread alone."""
        path = self.path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.with_name(f"{path.stem}.{os.getpid()}.{threading.get_ident()}.draft")

    def find(self, key: str) -> tuple[Path, dict[str, Any]] | None:
        """Return the file of a key and its note, if both are here and agree; else forget what there is."""
        path, note = self.path(key), self.path(key).with_suffix(".json")
        try:
            about = json.loads(note.read_text(encoding="utf-8"))
            if about["sha256"] and hash_of(path) != about["sha256"]:
                raise ValueError(key)
            os.utime(note)
        except (OSError, ValueError, KeyError, TypeError):
            path.unlink(missing_ok=True)
            note.unlink(missing_ok=True)
            return None
        self._mine.add(key)
        return path, about

    def keep(self, key: str, draft: Path | None, about: dict[str, Any]) -> tuple[Path, dict[str, Any]]:
        """Give a finished draft its place and its note; no draft notes that there is nothing to be had.

        Raises
        ------
        SourceError
            If the limit is reached by what this process itself needs, or the disk is full.
        """
        path = self.path(key)
        size = draft.stat().st_size if draft else 0
        with self._lock:
            self._mine.add(key)
            self._make_room(size)
        about = {
            "sha256": hash_of(draft) if draft else "",
            "bytes": size,
            "fetched": datetime.now(UTC).isoformat(timespec="seconds"),
            **about,
        }
        note = path.with_suffix(".json")
        try:
            if draft:
                draft.replace(path)
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
            partial = note.with_name(f"{note.name}.{os.getpid()}.{threading.get_ident()}")
            partial.write_text(json.dumps(about, indent=1), encoding="utf-8")
            partial.replace(note)
        except OSError as error:
            raise disk_error(error, self.folder) from None
        return path, about

    def listing(self) -> list[dict[str, Any]]:
        """What is kept, one record each, the longest unused first."""
        found = []
        for note in self.folder.glob("??/*.json"):
            try:
                about = json.loads(note.read_text(encoding="utf-8"))
                found.append({"key": note.stem, "used": note.stat().st_mtime, **about})
            except (OSError, ValueError):
                continue
        return sorted(found, key=lambda one: one["used"])

    def clear(self, product: str = "") -> tuple[int, int]:
        """Delete what is kept, of one product or all; return how many files and bytes."""
        chosen = [one for one in self.listing() if not product or one.get("product") == product]
        for one in chosen:
            self._drop(one["key"])
        if not product:
            for stray in self.folder.glob("??/*.draft*"):
                stray.unlink(missing_ok=True)
        return len(chosen), sum(int(one.get("bytes", 0)) for one in chosen)

    def _drop(self, key: str) -> None:
        self.path(key).with_suffix(".json").unlink(missing_ok=True)
        self.path(key).unlink(missing_ok=True)

    def _make_room(self, size: int) -> None:
        if self._size < 0:
            self._size = float(sum(one.get("bytes", 0) for one in self.listing()))
        if self._size + size > self.limit:
            for one in self.listing():
                if one["key"] not in self._mine:
                    self._drop(one["key"])
                    self._size -= one.get("bytes", 0)
                if self._size + size <= self.limit:
                    break
        if self._size + size > self.limit:
            raise SourceError(
                f"the cache {self.folder} has reached its limit of {self.limit / 1e6:.0f} MB with what is fetched now; "
                "set SOILLOSS_CACHE_SIZE higher (SOILLOSS_CACHE to another disk), or take a smaller area"
            )
        self._size += size


def hash_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def disk_error(error: OSError, folder: Path) -> SourceError:
    """A sentence for a disk that is full or may not be written."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return SourceError(f"the disk of {folder} is full; free some of it or set SOILLOSS_CACHE to another disk")
    return SourceError(f"{folder} cannot be written ({error.strerror}); check permissions or set SOILLOSS_CACHE")
