import numpy as np

from soilloss.sources import synthetic
from soilloss.workflow import record
from soilloss.workflow.analyses import sweep
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
