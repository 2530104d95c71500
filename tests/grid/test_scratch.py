import errno
import os
import pickle
import threading
from functools import partial

import numpy as np
import pytest
import zarr

from soilloss.errors import SourceError
from soilloss.grid import scratch
from soilloss.grid.passes import Passes
from soilloss.grid.rims import Tiles
from soilloss.grid.scratch import Memory, Scratch

TILES = Tiles((5, 7), (2, 3))
GRID = np.arange(35.0).reshape(5, 7)


class Double:
    """A task that counts how often it runs."""

    def __init__(self):
        self.ran, self.lock = [], threading.Lock()

    def __call__(self, files, tile, add):
        with self.lock:
            self.ran.append(tile)
        core = 2 * GRID[TILES.window(tile)] + add
        files.put("double", core)
        files.save("parts", first=core[0], tile=np.array(tile))
        return {"sum": np.array(core.sum())}


def doubled(store, add=0, **how):
    task = Double()
    given = dict.fromkeys(TILES.names(), (add,))
    return task, Passes(store, 1, **how).run("double", task, given, {"double": "f8"})


@pytest.fixture(params=["memory", "disk"])
def store(request, tmp_path):
    return Memory(TILES) if request.param == "memory" else Scratch(tmp_path, TILES, "a test")


def test_finished_tasks_are_not_repeated(tmp_path):
    first, before = doubled(Scratch(tmp_path, TILES, "a"))
    again, after = doubled(Scratch(tmp_path, TILES, "a"))
    assert len(first.ran) == 9
    assert again.ran == []
    assert {t: a["sum"] for t, a in before.items()} == {t: a["sum"] for t, a in after.items()}
    assert len(doubled(Scratch(tmp_path, TILES, "a"), add=1)[0].ran) == 9  # other arguments
    assert len(doubled(Scratch(tmp_path, TILES, "b"))[0].ran) == 9  # other heights


class Chain:
    """Tasks of which each uses up what the former has left, and counts how often it runs."""

    def __init__(self, store):
        self.store, self.ran = store, []

    def __call__(self, number, files, tile):
        self.ran.append(number)
        before = files.load(f"step {number - 1}")["value"] if number else np.zeros(3)
        if number:
            files.use_up(f"step {number - 1}")
        files.save(f"step {number}", value=before + number)
        return {"value": before + number}

    def run(self, last=3):
        passes = Passes(self.store, 1)
        return [passes.run(f"step {n}", partial(self, n), {(0, 0): ()})[0, 0]["value"][0] for n in range(last + 1)]


def test_what_is_used_up_goes_and_nothing_is_repeated_for_that(tmp_path):
    chain = Chain(Scratch(tmp_path, TILES, "a"))
    assert chain.run() == [0, 1, 3, 6]
    sizes = [(chain.store.folder / f"step {n}/0-0.parts").stat().st_size for n in range(4)]
    assert sizes[0] == sizes[1] == sizes[2] < sizes[3]
    again = Chain(chain.store)
    assert again.run() == [0, 1, 3, 6]
    assert again.ran == []
    with pytest.raises(FileNotFoundError, match="used up"):
        chain.store.files((0, 0)).load("step 1")


def test_damage_goes_back_to_what_is_still_there(tmp_path):
    chain = Chain(Scratch(tmp_path, TILES, "a"))
    chain.run()
    path = chain.store.folder / "step 3/0-0.parts"
    path.write_bytes(path.read_bytes()[:-1])
    again = Chain(chain.store)
    assert again.run() == [0, 1, 3, 6]
    assert again.ran == [0, 1, 2, 3]


def test_what_a_kill_left_to_delete_is_deleted_by_the_next_run(tmp_path, monkeypatch):
    chain = Chain(Scratch(tmp_path, TILES, "a"))
    with monkeypatch.context() as patch:
        patch.setattr(Scratch, "_delete", lambda self, paths, record: None)
        chain.run()
    path = chain.store.folder / "step 1/0-0.parts"
    before = path.stat().st_size
    again = Chain(chain.store)
    assert again.run() == [0, 1, 3, 6]
    assert again.ran == []
    assert path.stat().st_size < before


def test_a_task_that_another_worker_has_finished_meanwhile_is_not_an_error(tmp_path):
    chain = Chain(Scratch(tmp_path, TILES, "a"))
    chain.run(0)

    def late(files, tile):
        chain.run(1)
        return chain(1, files, tile)

    assert Passes(chain.store, 1).run("step 1", late, {(0, 0): ()})[0, 0]["value"][0] == 1


def test_memory_lets_go_of_what_is_used_up():
    chain = Chain(Memory(TILES))
    assert chain.run() == [0, 1, 3, 6]
    assert list(chain.store.kept) == [("step 3", (0, 0))]


def test_in_memory_nothing_is_remembered():
    store = Memory(TILES)
    assert [len(doubled(store)[0].ran) for _ in range(2)] == [9, 9]
    store.remove()
    with pytest.raises(KeyError):
        store.files((0, 0)).get("double")


@pytest.mark.parametrize("harm", ["truncate", "delete", "change"])
@pytest.mark.parametrize("what", ["double/c/1/2", "parts/1-2.parts"])
def test_a_damaged_file_is_made_again(tmp_path, harm, what):
    store = Scratch(tmp_path, TILES, "a")
    doubled(store)
    path = store.folder / what
    content = path.read_bytes()
    if harm == "delete":
        path.unlink()
    else:
        path.write_bytes(content[:-3] if harm == "truncate" else content[:-1] + bytes([content[-1] ^ 1]))
    assert doubled(store)[0].ran == [(1, 2)]
    assert path.read_bytes() == content


def test_a_damaged_chunk_is_not_read_as_data(tmp_path):
    store = Scratch(tmp_path, TILES, "a")
    doubled(store)
    path = store.folder / "double/c/0/0"
    path.write_bytes(path.read_bytes()[:-6] + b"\0\0\0\0\0\0")
    with pytest.raises(Exception, match="checksum"):
        store.files((0, 0)).get("double")


def test_a_damaged_record_does_not_count(tmp_path):
    store = Scratch(tmp_path, TILES, "a")
    doubled(store)
    for path in (store.folder / "done").iterdir():
        path.write_bytes(path.read_bytes()[:-40])
    assert len(doubled(store)[0].ran) == 9


def test_the_scratch_is_a_zarr_array_with_a_chunk_per_tile(tmp_path):
    store = Scratch(tmp_path, TILES, "a")
    doubled(store)
    array = zarr.open_array(store.folder / "double", mode="r")
    assert array.chunks == TILES.size
    np.testing.assert_array_equal(array[:], 2 * GRID)
    assert not list(tmp_path.rglob("*.partial"))
    store.remove()
    assert not store.folder.exists()


def test_a_full_disk_is_a_sentence_and_leaves_nothing_half_written(tmp_path, monkeypatch):
    store = Scratch(tmp_path, TILES, "a")
    sync, calls = os.fsync, iter(range(100))

    def full(number):
        if next(calls) > 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        sync(number)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(SourceError, match=r"the disk of .* is full; make room and run again, finished tiles are"):
            doubled(store)
    assert not list(tmp_path.rglob("*.partial"))
    task, _ = doubled(store)
    assert 0 < len(task.ran) < 9
    fresh = doubled(Scratch(tmp_path / "fresh", TILES, "a"))[1]
    assert {t: a["sum"] for t, a in doubled(store)[1].items()} == {t: a["sum"] for t, a in fresh.items()}


def test_other_errors_of_the_disk_are_not_hidden(tmp_path, monkeypatch):
    def broken(number):
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        doubled(Scratch(tmp_path, TILES, "a"))


def test_digests_tell_arrays_apart():
    a = np.arange(6)
    different = [a, a.reshape(2, 3), a.astype(np.int32), a + 1, [a], "0", 0, (0,), None]
    assert len({scratch.digest(value) for value in different}) == len(different)
    assert scratch.digest(a[::2]) == scratch.digest(a[::2].copy())
    assert scratch.code_version(scratch) == scratch.code_version(scratch) != scratch.code_version(np)


def test_stores_travel_to_other_processes(tmp_path):
    store = Scratch(tmp_path, TILES, "a")
    doubled(store)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(store)).files((0, 0)).get("double"), 2 * GRID[:2, :3])


def test_lists_come_back_as_they_were(store):
    parts = {
        "none": np.empty(0, np.int32),
        "flags": np.ones((2, 3), bool),
        "shares": np.arange(8, dtype="u2").reshape(2, 4),
    }
    store.files((1, 1)).save("lists", **parts)
    found = store.files((1, 1)).load("lists")
    assert {key: array.dtype for key, array in found.items()} == {key: array.dtype for key, array in parts.items()}
    for key, array in parts.items():
        np.testing.assert_array_equal(found[key], array)
