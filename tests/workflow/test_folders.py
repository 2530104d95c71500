import os

import pytest

from soilloss.errors import ProjectError, SourceError
from soilloss.workflow import folders

OWN = ("mark.json", "old.tif")


def made(folder, text="new"):
    with folders.drafted(folder, OWN) as draft:
        draft.mkdir(parents=True)
        (draft / "mark.json").write_text(text)


def test_a_result_takes_the_place_of_the_former_and_keeps_what_the_user_laid_there(tmp_path):
    out = tmp_path / "a/out"
    made(out, "first")
    (out / "old.tif").write_text("stale")
    (out / "notes.txt").write_text("mine")
    made(out, "second")
    assert {p.name for p in out.iterdir()} == {"mark.json", "notes.txt"}
    assert (out / "mark.json").read_text() == "second"
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_an_error_leaves_the_former_result(tmp_path):
    out = tmp_path / "out"
    made(out, "first")
    with pytest.raises(FileNotFoundError), folders.drafted(out, OWN) as draft:
        (draft / "deep/file").write_text("")
    assert (out / "mark.json").read_text() == "first"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_what_crashes_left_is_put_right(tmp_path):
    out = tmp_path / "out"
    made(out, "first")
    out.rename(tmp_path / ".out.former")
    (tmp_path / ".out.999999999.part").mkdir()
    running = tmp_path / f".out.{os.getpid()}.part"
    running.mkdir()
    folders.claim(out, OWN, mark="mark.json", key="--out")
    assert (out / "mark.json").read_text() == "first"
    assert {p.name for p in tmp_path.iterdir()} == {"out", running.name}


def test_a_swap_that_was_cut_off_at_its_end_is_finished(tmp_path):
    out, former = tmp_path / "out", tmp_path / ".out.former"
    made(former, "first")
    (former / "notes.txt").write_text("mine")
    made(out, "second")
    folders.claim(out, OWN, mark="mark.json", key="--out")
    assert {p.name for p in out.iterdir()} == {"mark.json", "notes.txt"}
    assert not former.exists()


def test_the_slower_of_two_runs_says_so(tmp_path):
    out, former = tmp_path / "out", tmp_path / ".out.former"
    made(out, "first")
    made(former, "the other run has just moved the former result aside")
    with pytest.raises(SourceError, match="another run at the same moment"):
        made(out, "second")
    assert (out / "mark.json").read_text() == "first"


def test_folders_of_others_are_refused(tmp_path):
    folders.claim(tmp_path / "new", OWN, mark="mark.json", key="--out")
    (tmp_path / "theirs").mkdir()
    folders.claim(tmp_path / "theirs", OWN, mark="mark.json", key="--out")
    (tmp_path / "theirs/thesis.doc").write_text("")
    with pytest.raises(ProjectError, match=r"--out .*theirs holds files that are no map of soilloss; name a new"):
        folders.claim(tmp_path / "theirs", OWN, mark="mark.json", key="--out", result="map")
    with pytest.raises(ProjectError, match=r"thesis.doc is a file; name a folder"):
        folders.claim(tmp_path / "theirs/thesis.doc", OWN, mark="mark.json", key="--out")
