import pytest

from soilloss.errors import ProjectError
from soilloss.workflow import project as projects
from soilloss.workflow.site import plan_of
from soilloss.workflow.start import advice, new_project, presets, write_demo


def test_presets_are_there():
    assert {"minimal", "rodopi", "poyang", "jiuyuangou", "loess-plateau", "mee2021"} <= set(presets())


@pytest.mark.parametrize("like", ["minimal", "rodopi", "poyang"])
def test_presets_have_a_plan(tmp_path, like):
    project = projects.load(new_project(tmp_path, like))
    assert plan_of(project)[-1].variable in ("soil_loss", "land_cover")


FETCHED = {"poyang", "loess-plateau"}


@pytest.mark.parametrize("like", presets())
def test_a_new_project_says_which_files_it_wants_or_that_it_fetches(tmp_path, like):
    said = advice(new_project(tmp_path, like))
    assert said.startswith("everything is fetched: soilloss plan" if like in FETCHED else f"put into {tmp_path}: data/")
    assert "\n" not in said


def test_files_that_are_there_are_not_asked_for(tmp_path):
    file = new_project(tmp_path, "jiuyuangou")
    assert "data/land_cover_{year}.tif (land_cover)" in advice(file)
    assert "data/area.geojson (area)" in advice(file)
    (tmp_path / "data").mkdir()
    for name in ("land_cover_2010.tif", "area.geojson"):
        (tmp_path / "data" / name).touch()
    assert "land_cover_" not in advice(file)
    assert "(area)" not in advice(file)


def test_an_existing_project_is_not_overwritten(tmp_path):
    new_project(tmp_path, "minimal")
    with pytest.raises(ProjectError, match="exists already"):
        new_project(tmp_path, "poyang")


def test_unknown_preset(tmp_path):
    with pytest.raises(ProjectError, match="'poyan' is not a preset; did you mean 'poyang'"):
        new_project(tmp_path, "poyan")


def test_demo_keeps_what_the_user_changed(tmp_path):
    file = write_demo(tmp_path)
    file.write_text("name: mine")
    assert write_demo(tmp_path).read_text() == "name: mine"
