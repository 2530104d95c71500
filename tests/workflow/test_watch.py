from types import SimpleNamespace

import pytest

from soilloss.errors import ProjectError
from soilloss.workflow.watch import count, parse_settings, parse_size, watch


def test_a_line_for_each_stage_where_there_is_no_terminal(capsys):
    with watch(quiet=False) as tell:
        for done in range(3):
            tell("maps", done, 3)
        tell("report", 0, 1)
    assert capsys.readouterr() == ("", "maps ...\nreport ...\n")


def test_quiet_says_nothing(capsys):
    with watch(quiet=True) as tell:
        tell("maps", 0, 1)
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize(("text", "size"), [("500MB", 5e8), ("4GB", 4e9), ("1.5 g", 1.5e9), ("1000", 1000)])
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["much", "4 apples", "", "1.2.3GB"])
def test_words_for_what_is_no_size(text):
    with pytest.raises(ProjectError, match="expected a size such as 500MB or 4GB"):
        parse_size(text)


def test_settings_are_read_as_in_a_project_file():
    assert parse_settings(["a.b=2.5", " c =[1, 2]"]) == {"a.b": 2.5, "c": [1, 2]}
    with pytest.raises(ProjectError, match=r"--set 'nonsense': expected KEY=VALUE"):
        parse_settings(["nonsense"])


def test_findings_are_counted():
    assert count([SimpleNamespace(level="error")]) == "1 error, 0 warnings, 0 notes"
