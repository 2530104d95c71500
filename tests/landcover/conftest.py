"""What the tests of land cover share."""

import os
import subprocess
import sys

import pytest


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
        done = subprocess.run(list(map(str, command)), env=env, capture_output=True, text=True, timeout=240)
        assert done.returncode == 0, done.stderr

    return run
