import numpy as np
import pytest
import rasterio

from soilloss.errors import SourceError
from soilloss.sources import synthetic
from soilloss.workflow.store import Store, key_of, write_raster

ROWS = (slice(0, 40), slice(0, 50))


def test_keys_tell_parts_apart():
    assert key_of("a", 1) == key_of("a", 1)
    assert len({key_of("a", 1), key_of("a", 1.5), key_of("b", 1), key_of(["a", 1])}) == 4


def test_hashes_follow_the_content(tmp_path):
    store, file = Store(tmp_path / ".soilloss"), tmp_path / "a.txt"
    file.write_text("one")
    first = store.file_hash(file)
    assert store.file_hash(file) == first
    file.write_text("two!")
    assert store.file_hash(file) != first


def test_a_folder_has_a_hash(tmp_path):
    store, folder = Store(tmp_path / ".soilloss"), tmp_path / "cube.zarr"
    folder.mkdir()
    (folder / "a").write_text("1")
    (folder / "b").write_text("2")
    first = store.file_hash(folder)
    (folder / "b").write_text("33")
    assert store.file_hash(folder) != first


def test_damaged_memory_of_hashes_is_made_again(tmp_path):
    store, file = Store(tmp_path / ".soilloss"), tmp_path / "a.txt"
    file.write_text("one")
    first = store.file_hash(file)
    (store.folder / "hashes.json").write_text("{")
    assert store.file_hash(file) == first


def test_missing_file_is_a_sentence(tmp_path):
    with pytest.raises(SourceError, match="cannot be read"):
        Store(tmp_path).file_hash(tmp_path / "absent")


def test_raster_gets_its_name_when_whole(tmp_path):
    grid, path = synthetic.small_grid(), tmp_path / "s" / "a.tif"
    write_raster(path, grid, "float64", 2, [(ROWS, np.ones((40, 50, 2)))])
    with rasterio.open(path) as data:
        assert (data.count, data.dtypes[0], data.shape) == (2, "float64", (40, 50))
        assert data.read().min() == 1


def test_a_cut_off_raster_leaves_nothing(tmp_path):
    def parts():
        yield ROWS, np.ones((40, 50))
        raise SourceError("gone")

    with pytest.raises(SourceError):
        write_raster(tmp_path / "a.tif", synthetic.small_grid(), "float32", 1, parts())
    assert list(tmp_path.iterdir()) == []


def test_hashes_where_nothing_can_be_written(tmp_path):
    (tmp_path / "a.bin").write_bytes(b"a")
    (tmp_path / "file").write_text("")
    store = Store(tmp_path / "file" / ".soilloss")
    assert store.file_hash(tmp_path / "a.bin") == Store(tmp_path / ".soilloss").file_hash(tmp_path / "a.bin")
