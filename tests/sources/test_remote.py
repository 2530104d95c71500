"""Bytes over HTTP, against a real server on loopback that fails on demand."""

import logging
import time
from base64 import b64decode
from email.utils import formatdate
from types import SimpleNamespace

import pytest
from loopback import FAULTS, Server

from soilloss.errors import SourceError
from soilloss.sources import remote
from soilloss.sources.remote import DamagedError, GoneError, Web, clean

DATA = bytes(range(256)) * 40


@pytest.fixture
def server(tmp_path):
    (tmp_path / "a.bin").write_bytes(DATA)
    with Server(tmp_path) as running:
        yield running


def web(server, **options):
    return Web([server.url], name="made-up", delay=0.001, **options)


def test_a_part_and_the_whole(server):
    assert web(server).get(f"{server.url}/a.bin", 10, 20) == (DATA[10:20], 10, len(DATA), server_tag(server))
    assert web(server).get(f"{server.url}/a.bin").data == DATA
    assert web(server).get(f"{server.url}/a.bin", 10_000, 99_999).data == DATA[10_000:]


def server_tag(server):
    return web(server).get(f"{server.url}/a.bin", 0, 1).tag


def test_a_server_without_ranges_gives_the_whole(server):
    server.ranges = False
    answer = web(server).get(f"{server.url}/a.bin", 10, 20)
    assert (answer.start, answer.data) == (0, DATA)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_changes_nothing(server, fault):
    server.faults = [fault] * 2
    assert web(server).get(f"{server.url}/a.bin", 100, 5000).data == DATA[100:5000]


@pytest.mark.parametrize("fault", ["429", "500", "503", "cut", "html", "short", "drop"])
def test_a_fault_that_stays_is_one_sentence(server, fault):
    server.faults = [fault] * 99
    with pytest.raises(SourceError, match="made-up: http.*5 times asked.*try again later") as caught:
        web(server).get(f"{server.url}/a.bin", 100, 5000)
    assert "\n" not in str(caught.value)
    assert len(server.log) == 5


def test_what_is_not_there(server):
    with pytest.raises(GoneError, match="there is no http://127.0.0.1:[0-9]+/b.bin"):
        web(server).get(f"{server.url}/b.bin?token=secret")
    with pytest.raises(DamagedError, match="shorter"):
        web(server).get(f"{server.url}/a.bin", len(DATA) + 5, len(DATA) + 9)


def test_hosts_outside_the_entry_are_not_contacted(server, tmp_path):
    with Server(tmp_path) as other:
        with pytest.raises(SourceError, match="refused to contact"):
            web(server).get(f"{other.url}/a.bin")
        server.moves = {"/a.bin": f"{other.url}/a.bin"}
        with pytest.raises(SourceError, match=r"refused to contact .*add it under 'hosts'"):
            web(server).get(f"{server.url}/a.bin")
        assert other.log == []
        both = Web([server.url, other.url], delay=0.001)
        assert both.get(f"{server.url}/a.bin", 0, 5).data == DATA[:5]


def test_hosts_by_pattern():
    one = Web(["*.blob.example.org"])
    one.permit("https://a.blob.example.org/x")
    for url in ("http://a.blob.example.org/x", "https://blob.example.org.evil.net/x", "https://ablob.example.org/x"):
        with pytest.raises(SourceError, match="refused"):
            one.permit(url)


def test_moves_without_end(server):
    server.moves = {"/a.bin": "/b.bin", "/b.bin": "/a.bin"}
    with pytest.raises(SourceError, match="moved on and on"):
        web(server).get(f"{server.url}/a.bin")


def test_a_token_goes_to_its_origin_only_and_into_no_message(server, tmp_path, caplog):
    caplog.set_level(logging.DEBUG)
    server.token = "s3cret"
    options = {"token": "s3cret", "token_origins": [server.url], "remedy": "set MADE_UP_TOKEN"}
    assert web(server, **options).get(f"{server.url}/a.bin", 0, 3).data == DATA[:3]
    with Server(tmp_path) as other:
        server.token, server.moves = "", {"/a.bin": f"{other.url}/a.bin"}
        Web([server.url, other.url], **options).get(f"{server.url}/a.bin", 0, 3)
        assert "Authorization" not in other.headers[-1]
        server.token, server.moves = "another", {}
        with pytest.raises(SourceError, match="401: the token was refused; set MADE_UP_TOKEN") as caught:
            web(server, **options).get(f"{server.url}/a.bin")
    with pytest.raises(SourceError, match="it wants a token; set MADE_UP_TOKEN"):
        web(server, remedy="set MADE_UP_TOKEN").get(f"{server.url}/a.bin")
    assert "s3cret" not in str(caught.value) + caplog.text


def test_a_token_as_a_password(server, monkeypatch):
    Web([server.url], token="s3cret", user="me", token_origins=[server.url]).get(f"{server.url}/a.bin", 0, 5)
    assert b64decode(server.headers[-1]["Authorization"].removeprefix("Basic ")) == b"me:s3cret"


def test_what_is_secret_is_not_shown():
    assert clean("http://u:p@host:80/a/b?sig=1#x") == "http://host:80/a/b"


def test_no_server_at_all(server):
    url = server.url
    server.__exit__()
    with pytest.raises(SourceError, match="no connection"):
        Web([url], attempts=2, delay=0.001).get(f"{url}/a.bin")
    server.thread.join()
    server.http.server_close()


def test_too_slow(server):
    server.faults = ["stalled"] * 9
    with pytest.raises(SourceError, match="no bytes in time"):
        web(server, timeout=0.1, attempts=2).get(f"{server.url}/a.bin")


def test_when_to_ask_again():
    assert remote._seconds("7") == 7
    assert remote._seconds("Wed, 21 Oct 2015 07:28:00 GMT") == 0
    assert 3000 < (remote._seconds(formatdate(time.time() + 3600, usegmt=True)) or 0) <= 3600
    assert remote._seconds("soon") is None
    assert remote._seconds(None) is None


def test_the_pause_that_a_service_asks_for_is_kept(server, monkeypatch):
    pauses = []
    monkeypatch.setattr(remote, "time", SimpleNamespace(sleep=pauses.append, time=time.time, monotonic=time.monotonic))
    server.faults = ["429", "500", "500"]
    web(server).get(f"{server.url}/a.bin", 0, 5)
    assert pauses == [0, pytest.approx(0.002), pytest.approx(0.004)]
