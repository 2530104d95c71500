import importlib

import pytest

from soilloss.workflow import analyses
from soilloss.workflow.analyses.answer import Question
from soilloss.workflow.project import validate
from soilloss.workflow.project.analysis import ELSEWHERE, Analysis

NAMES = [name for name in Analysis.model_fields if name not in ELSEWHERE]


@pytest.mark.parametrize("name", NAMES)
def test_every_analysis_of_the_project_file_has_its_module(name):
    found = analyses.question(name)
    assert isinstance(found, Question)
    assert found.stages
    assert importlib.import_module(f"soilloss.workflow.analyses.{name}").__doc__


def test_what_is_optional_is_read_only_if_a_source_gives_it():
    sources = {"elevation": "dem.tif", "land_cover": "cover.tif"}
    for given, expected in ((sources, ["soil_loss", "land_cover"]), ({"elevation": "dem.tif"}, ["soil_loss"])):
        project = validate({"sources": given, "analysis": ["hot_spots"]})
        assert analyses.needs(project, "hot_spots") == expected
        assert set(analyses.wanted(project)) == set(expected)


def test_the_first_who_asks_is_named():
    project = validate(
        {"sources": {"elevation": "dem.tif"}, "analysis": ["trend", {"transitions": {"of": "severity"}}]}
    )
    assert analyses.wanted(project) == {"soil_loss": "analysis.trend"}
