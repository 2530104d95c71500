import threading
import time

import dask.array as da
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soilloss.grid import blocks
from soilloss.grid.blocks import grow, map_halo, run_blocks, windows, worker_count


@given(rows=st.integers(1, 40), columns=st.integers(1, 40), size=st.integers(1, 17))
def test_windows_cover_every_cell_once(rows, columns, size):
    seen = np.zeros((rows, columns), int)
    for window in windows((rows, columns), size):
        seen[window] += 1
        assert max(s.stop - s.start for s in window) <= size
    assert (seen == 1).all()


def test_windows_come_row_by_row_and_may_be_oblong():
    assert windows((4, 4), (2, 3))[:2] == [(slice(0, 2), slice(0, 3)), (slice(0, 2), slice(3, 4))]


@given(
    top=st.integers(0, 9),
    left=st.integers(0, 9),
    height=st.integers(1, 10),
    width=st.integers(1, 10),
    halo=st.integers(0, 12),
)
def test_a_grown_window_stays_inside_and_remembers_where_it_was(top, left, height, width, halo):
    data = np.arange(100).reshape(10, 10)
    window = slice(top, min(top + height, 10)), slice(left, min(left + width, 10))
    outer, inner = grow(window, halo, data.shape)
    np.testing.assert_array_equal(data[outer][inner], data[window])
    for grown, asked in zip(outer, window, strict=True):
        assert grown.start == max(asked.start - halo, 0)
        assert grown.stop == min(asked.stop + halo, 10)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_item_is_done_once(workers):
    assert sorted(run_blocks(lambda n: n * n, range(50), workers)) == [(n, n * n) for n in range(50)]


@pytest.mark.parametrize("workers", [1, 3])
def test_nothing_to_do(workers):
    assert list(run_blocks(str, [], workers)) == []


def test_items_are_drawn_as_they_are_needed():
    """An endless supply must not be read ahead of the work by more than a few items."""
    drawn = []

    def supply():
        for n in range(1000):
            drawn.append(n)
            yield n

    for _, done in run_blocks(lambda n: n, supply(), 2):
        if done >= 10:
            break
    assert len(drawn) < 30


@pytest.mark.parametrize("workers", [1, 2])
def test_the_first_error_ends_the_work(workers):
    started = []

    def work(n):
        started.append(n)
        if n == 3:
            raise ValueError("block 3 is bad")
        return n

    with pytest.raises(ValueError, match="block 3 is bad"):
        list(run_blocks(work, range(1000), workers))
    assert len(started) < 20


def test_leaving_early_waits_for_what_runs():
    """After the generator is closed no block may still be writing."""
    running, lock = set(), threading.Lock()

    def work(n):
        with lock:
            running.add(n)
        time.sleep(0.02)
        with lock:
            running.discard(n)

    results = run_blocks(work, range(100), 2)
    next(results)
    results.close()
    assert not running


def test_as_many_threads_as_asked():
    names = set()

    def work(_):
        names.add(threading.current_thread().name)
        time.sleep(0.01)

    list(run_blocks(work, range(20), 3))
    assert len(names) == 3


def test_worker_count():
    assert worker_count(7) == 7
    assert worker_count() >= 1


def west(values, widths=None):
    """Difference to the western and northern neighbours: shows any neighbour that is missing or wrong."""
    out = np.full_like(values, np.nan)
    out[1:, 1:] = values[1:, 1:] - values[1:, :-1] + values[1:, 1:] - values[:-1, 1:]
    return out if widths is None else out / widths


@pytest.fixture
def data():
    return np.random.default_rng(1).normal(size=(23, 17)).astype("f4")


@pytest.mark.parametrize("cells", [17, 40, 100, 1 << 21])
def test_strips_do_not_show(data, cells, monkeypatch):
    monkeypatch.setattr(blocks, "STRIP_CELLS", cells)
    widths = np.linspace(1, 2, 23, dtype="f4")[:, None]
    np.testing.assert_array_equal(map_halo(west, [data], 1), west(data))
    np.testing.assert_array_equal(map_halo(west, [data, widths], 1), west(data, widths))


@pytest.mark.parametrize("chunks", [(23, 17), (5, 6), (1, 17), (7, 3)])
def test_chunks_do_not_show(data, chunks):
    widths = np.linspace(1, 2, 23, dtype="f4")[:, None]
    lazy = da.from_array(data, chunks=chunks)
    np.testing.assert_array_equal(map_halo(west, [lazy], 1).compute(scheduler="synchronous"), west(data))
    out = map_halo(west, [lazy, widths], 1)
    np.testing.assert_array_equal(out.compute(scheduler="threads"), west(data, widths))


def test_several_neighbours_away(data, monkeypatch):
    monkeypatch.setattr(blocks, "STRIP_CELLS", 40)

    def five(values):
        padded = np.pad(values, 2, mode="edge")
        return sum(padded[i : i + len(values), 2:-2] for i in range(5))

    np.testing.assert_array_equal(map_halo(five, [data], 2)[2:-2], five(data)[2:-2])
