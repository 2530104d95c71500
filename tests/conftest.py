"""What all tests share: small landscapes, the folder of real data, and no network."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import settings

from soilloss.sources import synthetic

# kernels are compiled at their first call, which takes longer than an example may
settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")

LOOPBACK = {"127.0.0.1", "::1", "localhost"}


@pytest.fixture(autouse=True, scope="session")
def _no_network():
    """Refuse every connection that leaves this machine."""
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in LOOPBACK:
            raise RuntimeError(f"a test tried to reach {address[0]}: tests run without network")
        return connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


@pytest.fixture(scope="session")
def small_grid():
    """40 x 50 cells of 30 m in UTM zone 35 N."""
    return synthetic.small_grid()


@pytest.fixture(scope="session")
def hills():
    """Rough terrain on `small_grid`, read-only."""
    height = synthetic.fractal(seed=7)
    height.flags.writeable = False
    return height


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real observations; tests that need it are skipped where it is absent."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SOILLOSS_SHARED_DATA", beside))
    if not folder.is_dir():
        pytest.skip("real observations are absent; set SOILLOSS_SHARED_DATA to their folder")
    return folder


@pytest.fixture
def cluster(tmp_path):
    """A real scheduler and two worker processes on this machine: address and workers."""
    pytest.importorskip("distributed", reason="distributed is not installed")
    quick = {"DASK_DISTRIBUTED__COMM__TIMEOUTS__TCP": "12s", "DASK_DISTRIBUTED__COMM__TIMEOUTS__CONNECT": "5s"}
    place = tmp_path / "scheduler.json"
    words = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0"]
    words += ["--dashboard-address", "127.0.0.1:0", "--scheduler-file", str(place)]
    log = (tmp_path / "cluster.log").open("w")
    how = {"env": {**os.environ, **quick}, "stdout": log, "stderr": log, "cwd": tmp_path}
    running = [subprocess.Popen(words, **how)]
    try:
        _waiting(place.exists)
        address = json.loads(place.read_text())["address"]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1", "--no-nanny"]
        worker += ["--no-dashboard", "--host", "127.0.0.1", "--local-directory", str(tmp_path)]
        running += [subprocess.Popen(worker, **how) for _ in range(2)]
        yield address, running[1:]
    finally:
        for one in running[::-1]:
            one.kill()
            one.wait()
        log.close()


def _waiting(condition, seconds=30):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "the cluster does not start"
        time.sleep(0.05)
