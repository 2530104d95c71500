"""What an analysis is (`Question`), what it says (`Answer`) and what it writes (`Layer`): records, nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

if TYPE_CHECKING:
    from soilloss.workflow.analyses.place import Place, Study
    from soilloss.workflow.check.findings import Finding
    from soilloss.workflow.site import Site

Sums = dict[str, Any]
Figure = dict[str, Any]


class Layer(NamedTuple):
    """A raster that an analysis writes tile by tile; one with `names` holds classes 1, 2, ... as uint8."""

    path: str
    variable: str
    meaning: str
    unit: str = ""
    method: str = ""
    cite: str = ""
    bands: tuple[str, ...] = ("",)
    names: tuple[str, ...] = ()
    colours: tuple[str, ...] = ()


class Answer(NamedTuple):
    """What an analysis found.

    `words` are plain sentences for the head of its section. The caption of a table is ``frame.attrs["caption"]``. A
    figure has ``kind`` (a key of ``publish.answers.KINDS``), ``name`` (of its file), ``caption``, ``alt`` and plain
    numbers.
    """

    words: list[str]
    tables: dict[str, pd.DataFrame]
    figures: list[Figure]
    findings: list[Finding] = []  # noqa: RUF012  never changed


class Question(NamedTuple):
    """An analysis as the sweep runs it.

    title : heading of its section in the report
    needs : variables it asks the planner for
    check : what is to be said before anything is computed
    layers : rasters it writes
    stages : one function per sweep over the tiles, ``gather(place, options, before)``; it returns sums of one tile
        (numbers or arrays by name), which are added up tile by tile; `before` are the totals of the stages before
    finish : ``finish(study, totals, options)``, with the totals of each stage
    """

    title: str
    needs: Callable[[Any], Iterable[str]]
    check: Callable[[Site, Any], Iterable[Finding]]
    layers: Callable[[Site, Any], list[Layer]]
    stages: tuple[Callable[[Place, Any, list[Sums]], Sums], ...]
    finish: Callable[[Study, list[Sums], Any], Answer]
