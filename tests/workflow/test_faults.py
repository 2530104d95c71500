"""A server that fails at random: the result is the one without faults, or one sentence and a resume that gives it.

20 seeds for each product; `make test-faults` takes 200 (SOILLOSS_FAULTS).
"""

import os
import random

import pytest
import world
from loopback import FAULTS, Server

from soilloss.errors import SourceError
from soilloss.sources import remote
from soilloss.workflow.fetch import fetch

SEEDS = int(os.environ.get("SOILLOSS_FAULTS", "20"))
SHARE = 0.35
PRODUCTS = {
    "copernicus-dem-30": ("elevation", {}),
    "esa-worldcover-2021": ("land_cover", {}),
    "chirps-v2-monthly": ("annual_precipitation", {"period": {"start": 2001, "end": 2001}}),
    "soilgrids-2": ("sand", {}),
}


@pytest.fixture(scope="module")
def far(tmp_path_factory):
    folder = tmp_path_factory.mktemp("far")
    world.build(folder, years=(2001,))
    return folder


@pytest.fixture(scope="module")
def server(far):
    with Server(far) as running:
        yield running


def cells(folder):
    """The bytes of all fetched rasters."""
    return {path.name: path.read_bytes() for path in folder.glob(".soilloss/fetched/*/*.tif")}


@pytest.mark.parametrize("product", PRODUCTS)
def test_faults_end_in_the_same_cells_or_in_a_sentence(product, server, tmp_path, monkeypatch):
    variable, changes = PRODUCTS[product]
    monkeypatch.setattr(remote, "DELAY", 0.0005)

    def prepared(name):
        monkeypatch.setenv("SOILLOSS_CACHE", str(tmp_path / f"{name}-cache"))
        return world.project(tmp_path / name, server.url, sources={variable: {"product": product}}, **changes)

    steady = prepared("steady")
    fetch(steady)
    expected = cells(steady.parent)
    assert expected
    stopped = 0
    for seed in range(SEEDS):
        file = prepared(str(seed))
        draw = random.Random(seed)
        server.faults = [draw.choice(FAULTS) if draw.random() < SHARE else "" for _ in range(60)]
        if seed % 5 == 4:  # and one in five is unplugged for a while
            at = draw.randrange(2)
            server.faults[at:at] = ["drop"] * 60
        sentence = ""
        try:
            fetch(file)
        except SourceError as error:
            stopped, sentence = stopped + 1, str(error)
            assert not list(file.parent.glob(".soilloss/fetched/*/*.json"))
            server.faults = []
            fetch(file)
        assert "\n" not in sentence
        assert cells(file.parent) == expected, f"seed {seed}"
        assert not [path for path in tmp_path.rglob("*draft*") if path.is_file()]
    server.faults = []
    assert stopped >= SEEDS // 10
