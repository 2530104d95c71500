"""Folders of results: never half-written, never over somebody's files.

Everything is written to a neighbour of the output folder and swapped in when complete, so a crash, Ctrl-C or kill
leaves the former result as it was.
"""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from soilloss.errors import ProjectError, SourceError


def claim(folder: Path, own: Collection[str], *, mark: str, key: str, result: str = "result") -> None:
    """Make ready a folder to write to: undo what a crash left, refuse a folder that holds something else.

    Parameters
    ----------
    folder : Path
        Where the result will be.
    own : collection of str
        Names of what a result consists of; anything else belongs to the user.
    mark : str
        Name of the file by which a former result is known.
    key : str
        How the user names the folder, for the message.
    result : str
        What is written there, for the message.

    Raises
    ------
    ProjectError
        If the folder is a file, or holds files but no former result.
    """
    _recover(folder, own)
    if folder.exists() and not folder.is_dir():
        raise ProjectError(f"{key} {folder} is a file; name a folder")
    if folder.exists() and any(folder.iterdir()) and not (folder / mark).exists():
        raise ProjectError(
            f"{key} {folder} holds files that are no {result} of soilloss; name a new folder to keep them"
        )


@contextmanager
def drafted(folder: Path, own: Collection[str]) -> Iterator[Path]:
    """Give a draft of `folder` to write to; at the end it takes its place, without an end it vanishes.

    What the user laid into the former folder, every entry whose name is not in `own`, is taken along.
    """
    draft = folder.with_name(f".{folder.name}.{os.getpid()}.part")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        yield draft
        _swap(draft, folder, own)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _swap(draft: Path, folder: Path, own: Collection[str]) -> None:
    former = folder.with_name(f".{folder.name}.former")
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        if folder.exists():
            folder.rename(former)
        draft.rename(folder)
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY):
            raise
        raise SourceError(
            f"{folder} was written by another run at the same moment, whose result stands; run again for this one"
        ) from error
    if former.exists():
        _clear(former, folder, own)


def _clear(former: Path, folder: Path, own: Collection[str]) -> None:
    """Take what the user laid into the former result along to the new one, and remove the rest."""
    for entry in former.iterdir():
        if entry.name not in own and not (folder / entry.name).exists():
            entry.rename(folder / entry.name)
    shutil.rmtree(former, ignore_errors=True)


def _recover(folder: Path, own: Collection[str]) -> None:
    """Undo or finish a swap that was cut off, and sweep up drafts of runs that were killed."""
    former = folder.with_name(f".{folder.name}.former")
    if former.exists() and not folder.exists():
        former.rename(folder)
    elif former.exists():
        _clear(former, folder, own)
    if folder.parent.exists():
        for left in folder.parent.glob(f".{folder.name}.*.part"):
            if not alive(left.name.split(".")[-2]):
                shutil.rmtree(left, ignore_errors=True)


def alive(process: str) -> bool:
    """Whether a process of this number (as text) runs."""
    try:
        os.kill(int(process), 0)
    except (OSError, ValueError):
        return False
    return True
