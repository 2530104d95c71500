"""The made-up area: complete, the same each time, never over somebody's project."""

import numpy as np
import pandas as pd
import pytest
import rasterio

from soilloss.errors import ProjectError
from soilloss.landcover.demo import WORLDCOVER, write_demo
from soilloss.workflow.project import load


def test_everything_a_project_needs_is_there(area):
    project = load(area / "project.yml")
    assert project.landcover is not None
    assert project.steps[0] == "2020-Q1"
    for step in project.steps:
        year, quarter = step.split("-Q")
        assert (area / f"images/{year}_q{quarter}.tif").exists()
    points = pd.read_csv(area / "points.csv")
    assert set(points["date"]) == set(project.steps)
    with rasterio.open(area / "labels_2021.tif") as labels:
        assert set(np.unique(labels.read(1))) <= set(WORLDCOVER)


def test_the_same_seed_gives_the_same_area_and_nothing_is_overwritten(tmp_path, area):
    write_demo(tmp_path, shape=(320, 384), years=2, seed=3)
    for name in ("images/2020_q2.tif", "labels_2021.tif", "elevation.tif"):
        with rasterio.open(tmp_path / name) as one, rasterio.open(area / name) as other:
            np.testing.assert_array_equal(one.read(), other.read())
    with pytest.raises(ProjectError, match="exists already"):
        write_demo(tmp_path)
