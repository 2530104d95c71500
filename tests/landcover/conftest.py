"""A small made-up area on disk: two years of quarterly images of 320 x 384 cells, labels of the second."""

import os
import subprocess
import sys

import pytest

from soilloss.landcover.cut import Labels
from soilloss.landcover.demo import write_demo
from soilloss.landcover.images import image_series
from soilloss.sources import files

STEPS = tuple(f"{year}-Q{quarter}" for year in (2020, 2021) for quarter in (1, 2, 3, 4))


@pytest.fixture(scope="session")
def area(tmp_path_factory):
    folder = tmp_path_factory.mktemp("area")
    write_demo(folder, shape=(320, 384), years=2, seed=3)
    yield folder
    files.close_all()


@pytest.fixture(scope="session")
def images(area):
    return image_series("images/{year}_q{quarter}.tif", STEPS, folder=area)


@pytest.fixture(scope="session")
def labels(area):
    source = files.raster_source("land_cover", "labels_2021.tif", [], folder=area, legend="worldcover")
    return Labels(source, 2021)


@pytest.fixture
def torchrun(tmp_path):
    """Run the text of a script in two processes that know of each other."""

    def run(script, *arguments):
        path = tmp_path / "job.py"
        path.write_text(script)
        command = [
            sys.executable,
            "-m",
            "torch.distributed.run",
            "--standalone",
            "--nproc-per-node=2",
            path,
            *arguments,
        ]
        env = {**os.environ, "OMP_NUM_THREADS": "1"}
        done = subprocess.run(
            [str(part) for part in (*command, *arguments)], env=env, capture_output=True, text=True, timeout=240
        )
        assert done.returncode == 0, done.stderr

    return run
