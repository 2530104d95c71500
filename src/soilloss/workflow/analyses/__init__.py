"""Questions put to the finished maps, after the pass, streamed tile by tile.

Every analysis is a module of this folder with the name it has in the project file, holding ``QUESTION``, and a model
of its options in ``workflow/project/analysis.py``; nothing lists them. `trend` is the one to read first. To add
``floods``:

1. ``class Floods(Strict)`` in ``workflow/project/analysis.py`` and ``floods: Floods | None = None`` in ``Analysis``;
2. ``workflow/analyses/floods.py`` with ``QUESTION = Question(title, needs, check, layers, stages, finish)``:

   * ``needs(options)``: the variables it reads, which the planner then makes (``land_cover?``: only where a
     source gives it);
   * ``check(site, options)``: findings of the doctor, before anything is computed;
   * ``layers(site, options)``: rasters it writes (``trend.tif``, or anything below ``analyses/``);
   * ``stages``: functions ``gather(place, options, before)``. A ``Place`` is one tile: ``place.years("soil_loss")``,
     ``place.steps(...)``, ``place.static("slope")``, ``place.inside``, ``place.area``, ``place.zones``,
     ``place.tally(classes, count, values)``, ``place.write(path, cells)``. What it returns is summed tile by tile in a
     fixed order; what needs a statistic of the whole first (a threshold) takes two stages;
   * ``finish(study, totals, options)``: an ``Answer`` of words, tables and figure data;

3. a drawing function for each new kind of figure, entered in ``publish.answers.KINDS``;
4. a section in ``docs/how-to/analyses.md``.

Tables, rasters and figure data go into the record under ``analyses``, `verify` compares them, and the report draws a
section for each from what lies in the folder.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from soilloss.workflow.analyses.answer import Question
    from soilloss.workflow.project import Project

# what an analysis may need besides variables, and the variable that brings it: the grades, all factors of the model
PART_OF = {"severity": "soil_loss", "factors": "soil_loss"}


def question(name: str) -> Question:
    """Return the analysis of that name."""
    return importlib.import_module(f"soilloss.workflow.analyses.{name}").QUESTION


def needs(project: Project, name: str) -> list[str]:
    """Return what an analysis of a project reads; what it marks as optional (``ndvi?``) only if a source gives it."""
    asked = question(name).needs(project.analysis.asked[name])
    wanted = [one for one in asked if not one.endswith("?") or one[:-1] in project.sources]
    return list(dict.fromkeys(one.removesuffix("?") for one in wanted))


def wanted(project: Project) -> dict[str, str]:
    """Return the variables that the analyses of a project ask for, and who asks for each first."""
    out: dict[str, str] = {}
    for name in project.analysis.asked:
        for variable in needs(project, name):
            out.setdefault(PART_OF.get(variable, variable), f"analysis.{name}")
    return out
