import importlib

import pytest

from soilloss.workflow import analyses
from soilloss.workflow.analyses.answer import Question
from soilloss.workflow.project.analysis import ELSEWHERE, Analysis

NAMES = [name for name in Analysis.model_fields if name not in ELSEWHERE]


@pytest.mark.parametrize("name", NAMES)
def test_every_analysis_of_the_project_file_has_its_module(name):
    found = analyses.question(name)
    assert isinstance(found, Question)
    assert found.stages
    assert importlib.import_module(f"soilloss.workflow.analyses.{name}").__doc__
