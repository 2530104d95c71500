"""What is kept is whole, proved by its hash, and within the limit."""

import pytest

from soilloss.errors import ProjectError, SourceError
from soilloss.sources import cache
from soilloss.sources.cache import Cache


def keep(store, key, size=100, **about):
    draft = store.draft(key)
    draft.write_bytes(key.encode() * (size // len(key)))
    return store.keep(key, draft, about)


def test_kept_and_found_again(tmp_path):
    store = Cache(tmp_path, 1000)
    path, about = keep(store, "abcd", product="made-up")
    assert Cache(tmp_path).find("abcd") == (path, about)
    assert about["bytes"] == 100
    assert about["sha256"] == cache.hash_of(path)
    assert Cache(tmp_path).find("none") is None


def test_what_does_not_agree_is_forgotten(tmp_path):
    store = Cache(tmp_path, 1000)
    path, _ = keep(store, "abcd")
    path.write_bytes(path.read_bytes()[:50])
    assert store.find("abcd") is None
    assert not path.exists()
    keep(store, "abcd")
    path.with_suffix(".json").unlink()
    assert store.find("abcd") is None


def test_that_there_is_nothing_is_kept_too(tmp_path):
    store = Cache(tmp_path, 1000)
    store.keep("abcd", None, {"url": "x"})
    found = store.find("abcd")
    assert found is not None
    assert found[1]["sha256"] == ""


def test_the_longest_unused_go_first(tmp_path):
    for name in ("aaaa", "bbbb", "cccc"):
        keep(Cache(tmp_path, 1000), name)
    store = Cache(tmp_path, 350)
    assert store.find("aaaa")
    keep(store, "dddd")
    assert [one["key"] for one in store.listing()] != []
    assert {one["key"] for one in store.listing()} == {"aaaa", "cccc", "dddd"}
    keep(store, "eeee")
    with pytest.raises(SourceError, match="limit of 0 MB .* SOILLOSS_CACHE_SIZE"):
        keep(store, "ffff")


def test_clear(tmp_path):
    store = Cache(tmp_path)
    keep(store, "aaaa", product="one")
    keep(store, "bbbb", product="two")
    store.draft("cccc").write_bytes(b"half")
    assert store.clear("one") == (1, 100)
    assert [one["product"] for one in store.listing()] == ["two"]
    assert store.clear() == (1, 100)
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


def test_where_and_how_much(tmp_path, monkeypatch):
    monkeypatch.setenv("SOILLOSS_CACHE", str(tmp_path))
    monkeypatch.setenv("SOILLOSS_CACHE_SIZE", "500MB")
    assert (Cache().folder, Cache().limit) == (tmp_path, 5e8)
    monkeypatch.setenv("SOILLOSS_CACHE_SIZE", "much")
    with pytest.raises(ProjectError, match="MUCH.*500MB"):
        Cache()
    monkeypatch.delenv("SOILLOSS_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", "/x")
    assert str(cache.folder_of()) == "/x/soilloss"


def test_a_full_disk_is_said_so(tmp_path):
    assert "is full" in str(cache.disk_error(OSError(28, "No space left on device"), tmp_path))
    assert "permissions" in str(cache.disk_error(OSError(13, "Permission denied"), tmp_path))
