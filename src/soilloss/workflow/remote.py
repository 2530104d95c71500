"""Blocks of the pass on a Dask cluster: workers compute, this process writes.

All see the folder of the run: it holds the site, for every worker that comes, and the finished blocks of maps until
this process has taken them. So what travels is small, a lost worker costs its blocks, and memory is bounded by one
block of one map. Counts are whole numbers, so that the order of the blocks does not matter.
"""

from __future__ import annotations

import functools
import pickle
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

import soilloss
from soilloss.errors import ProjectError, SourceError
from soilloss.grid.blocks import Window
from soilloss.grid.passes import run_on_cluster
from soilloss.sources import files
from soilloss.workflow.ledger import whole_file

if TYPE_CHECKING:
    from soilloss.workflow.outputs import Map, Part, Pass

SITE = "site.pickle"


class Counted(NamedTuple):
    """What one block adds to the sums, gaps and clipped cells of a run."""

    sums: dict[str, Any]
    gaps: dict[str, list[int]]
    clips: dict[str, Any]


def run(whole: Pass, part: Part, maps: Sequence[Map], cluster: str) -> Iterator[Window]:
    """Do a part of a run block by block on the cluster at an address, and yield each block that is written.

    Parameters
    ----------
    whole : Pass
        Takes maps and counts.
    part : Part
        The years to do.
    maps : sequence of Map
        What is published of these years.
    cluster : str
        Address of the scheduler; the workers see the project's folders under the same paths.
    """
    whole.folder.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="blocks-", dir=whole.folder.absolute()))
    try:
        for one in maps:
            (folder / one.path).mkdir(parents=True)
        (folder / SITE).write_bytes(pickle.dumps((soilloss.__version__, whole.site, whole.zones)))
        for window, counted in run_on_cluster(functools.partial(_block, folder, part), whole.windows(), cluster):
            for one in maps:
                path = _path(folder, one, window)
                whole.keep(one, window, np.load(path))
                path.unlink()
            _count(whole, counted)
            yield window
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _count(whole: Pass, counted: Counted) -> None:
    for label, sums in counted.sums.items():
        whole.add(label, *sums)
    for variable, gap in counted.gaps.items():
        whole.add_gap(variable, *gap)
    for variable, count in counted.clips.items():
        whole.clips.add(variable, *count)


def _block(folder: Path, part: Part, window: Window) -> Counted:
    """One block by a worker."""
    from soilloss.workflow.outputs import Pass

    site, zones = _site(folder)
    own = Pass(site, folder, zones, functools.partial(_leave, folder))
    with files.environment():
        try:
            own.block(window, part)
        finally:
            files.close_mine()
    return Counted(own.sums, own.gaps, own.clips.counts)


@functools.lru_cache(maxsize=1)
def _site(folder: Path) -> tuple[Any, Any]:
    try:
        version, site, zones = pickle.loads((folder / SITE).read_bytes())
    except FileNotFoundError:
        raise SourceError(
            f"a worker of the cluster does not see {folder}; the workers need the folders of the project, its data and "
            "its result under the same paths"
        ) from None
    if version != soilloss.__version__:
        raise ProjectError(
            f"a worker of the cluster has soilloss {soilloss.__version__}, this run {version}; install the same there"
        )
    return site, zones


def _leave(folder: Path, one: Map, window: Window, cells: np.ndarray) -> None:
    with whole_file(_path(folder, one, window)) as file:
        np.save(file, cells)


def _path(folder: Path, one: Map, window: Window) -> Path:
    return folder / one.path / f"{window[0].start}-{window[1].start}.npy"
