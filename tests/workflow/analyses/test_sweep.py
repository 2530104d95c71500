import numpy as np

from soilloss.publish.bibliography import bibtex
from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.analyses import sweep
from soilloss.workflow.estimate import describe
from soilloss.workflow.run import execute
from soilloss.workflow.site import open_site


def test_no_bit_depends_on_the_threads(tmp_path, write_landscape, write_project):
    shape = (600, 1100)
    grid = synthetic.small_grid(shape)
    write_landscape(tmp_path, grid, shape)
    file = write_project(tmp_path, analysis=[{"trend": {"method": "linear", "of": ["soil_loss", "ndvi"]}}])
    found = []
    for workers in (1, 3):
        execute(open_site(file), workers=workers)
        answer = record.read(tmp_path / "out")["analyses"][0]
        found.append([one["hash"] for one in [*answer["rasters"], *answer["tables"]]])
    assert found[0] == found[1]


def test_figures_become_plain_numbers():
    made = sweep._plain({"a": np.float32(1.5), "b": [np.nan, np.arange(2)], 3: ("x", True)})
    assert made == {"a": 1.5, "b": [None, [0, 1]], "3": ["x", True]}


def test_the_plan_lists_what_is_asked(decade):
    described = describe(open_site(decade("trend", {"change": {"by": ["slope", "aspect"]}})))
    trend, change = described["analyses"]
    assert trend == {"name": "trend", "reads": ["soil_loss"], "rasters": ["trend.tif", "analyses/trend_class.tif"]}
    assert change["reads"] == ["soil_loss", "land_cover", "slope", "aspect"]


def test_methods_of_the_analyses_are_cited_and_known(decade):
    keys = sweep.citations(open_site(decade("trend", "hot_spots", "attribution", "change", "drivers")))
    assert {"mann1945", "getis1992"} <= set(keys)
    assert "@article{mann1945" in bibtex(keys)
