import sys

import dask
import numpy as np
import pytest

from soilloss.errors import MissingExtraError, SourceError
from soilloss.grid.passes import Passes
from soilloss.grid.rims import Tiles
from soilloss.grid.scratch import Memory, Scratch

TILES = Tiles((5, 7), (2, 3))
GRID = np.arange(35.0).reshape(5, 7)


def double(files, tile, add):
    core = 2 * GRID[TILES.window(tile)] + add
    files.put("double", core)
    files.save("parts", first=core[0], tile=np.array(tile))
    return {"sum": np.array(core.sum())}


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    return Memory(TILES) if request.param == "memory" else Scratch(tmp_path, TILES, "a test")


@pytest.mark.parametrize("workers", [1, 3])
def test_every_tile_answers_and_leaves_its_arrays(store, workers):
    told = []
    given = dict.fromkeys(TILES.names(), (1,))
    run = Passes(store, workers, progress=lambda *words: told.append(words))
    answers = run.run("double", double, given, {"double": "f8"})
    assert list(answers) == TILES.names()
    for tile in TILES.names():
        expected = 2 * GRID[TILES.window(tile)] + 1
        assert answers[tile]["sum"] == expected.sum()
        np.testing.assert_array_equal(store.files(tile).get("double"), expected)
        np.testing.assert_array_equal(store.files((0, 0)).of(tile).load("parts")["first"], expected[0])
    assert told == [("double", n, 9) for n in range(1, 10)]


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_error_ends_the_pass(store, workers):
    def task(files, tile):
        if tile == (1, 1):
            raise ValueError("no heights here")
        return {}

    with pytest.raises(ValueError, match="no heights here"):
        Passes(store, workers).run("fail", task, dict.fromkeys(TILES.names(), ()))


def test_a_cluster_needs_its_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(MissingExtraError, match=r"a cluster needs distributed: pip install 'soilloss\[cluster\]'"):
        Passes(Memory(TILES), cluster="tcp://127.0.0.1:1").run("double", double, {(0, 0): (1,)})


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "127.0.0.1:what"])
def test_a_cluster_that_does_not_answer_is_a_sentence(address):
    pytest.importorskip("distributed", reason="distributed is not installed")
    with (
        dask.config.set({"distributed.comm.timeouts.connect": "300ms"}),
        pytest.raises(SourceError, match=rf"no Dask scheduler answers at '{address}' .*check the address"),
    ):
        Passes(Memory(TILES), cluster=address).run("double", double, {(0, 0): (1,)})
