"""A real server on loopback, for tests of fetching: ranges, a STAC API with pages, and faults on demand.

``Server(folder)`` serves files below `folder` and, at ``/stac/search``, the items in `server.items`. `server.faults` is
a list of names taken from the front, one for each request; `server.log` is what was asked.
"""

from __future__ import annotations

import gc
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

FAULTS = ("429", "500", "503", "cut", "html", "short", "drop", "slow", "moved")
PAGE = b"<!DOCTYPE html><html><body>We are down for maintenance.</body></html>"


class Server:
    """A server in a thread of its own; a context manager."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.items: list[dict] = []
        self.faults: list[str] = []
        self.log: list[tuple[str, str, str]] = []
        self.headers: list[dict[str, str]] = []
        self.sent = 0
        self.token = ""
        self.key = ""
        self.ranges = True
        self.dead = False
        self.moves: dict[str, str] = {}
        self.lock = threading.Lock()
        handler = type("Bound", (_Handler,), {"owner": self})
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.http.daemon_threads = True
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.http.server_address[1]}"

    def __enter__(self) -> Server:
        # HDF5 holds its lock while it waits for us; a thread of ours that collected one of its objects would wait for
        # that lock: the two would wait for each other until the request is given up
        gc.disable()
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        gc.enable()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    def next_fault(self) -> str:
        with self.lock:
            return self.faults.pop(0) if self.faults else ""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    owner: Server

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        self._serve(b"")

    def do_POST(self) -> None:
        self._serve(self.rfile.read(int(self.headers.get("Content-Length", 0))))

    def _serve(self, body: bytes) -> None:
        server, parts = self.owner, urlsplit(self.path)
        with server.lock:
            server.log.append((self.command, self.path, self.headers.get("Range", "")))
            server.headers.append(dict(self.headers))
        if server.dead:
            self.close_connection = True
            self.connection.close()
            return
        if server.token and self.headers.get("Authorization") != f"Bearer {server.token}":
            self._send(401, b"{}")
            return
        if parts.path in server.moves:
            self._send(301, b"", {"Location": server.moves[parts.path]})
            return
        fault = server.next_fault()
        if fault in ("429", "500", "503"):
            self._send(int(fault), b"later", {"Retry-After": "0"} if fault != "500" else {})
        elif fault == "html":
            self._send(200, PAGE, {"Content-Type": "text/html"})
        elif fault == "drop":
            self.close_connection = True
            self.connection.close()
        elif fault == "moved":
            self._send(301, b"", {"Location": server.url + self.path})
        else:
            time.sleep({"slow": 0.02, "stalled": 0.6}.get(fault, 0))
            self._content(parts.path, body, fault)

    def _content(self, path: str, body: bytes, fault: str) -> None:
        server = self.owner
        if path == "/stac/search":
            query = json.loads(body) if body else {k: v[0] for k, v in parse_qs(urlsplit(self.path).query).items()}
            self._send(200, json.dumps(search(server, query)).encode(), {"Content-Type": "application/geo+json"}, fault)
            return
        if path.startswith("/sign/"):
            self._send(200, json.dumps({"token": server.key, "msft:expiry": "2999-01-01T00:00:00Z"}).encode())
            return
        if server.key and server.key not in self.path:
            self._send(403, b"locked")
            return
        file = server.folder / path.lstrip("/")
        if not file.is_file():
            self._send(404, b"no")
            return
        data, asked = file.read_bytes(), self.headers.get("Range", "")
        if not asked or not server.ranges:
            self._send(200, data, {}, fault)
            return
        first, _, last = asked.removeprefix("bytes=").partition("-")
        start, stop = int(first), min(int(last or len(data) - 1) + 1, len(data))
        if start >= len(data):
            self._send(416, b"", {"Content-Range": f"bytes */{len(data)}"})
            return
        stated = {
            "Content-Range": f"bytes {start}-{stop - 1}/{len(data)}",
            "ETag": f'"{len(data)}-{hash(data) % 9999}"',
        }
        self._send(206, data[start:stop], stated, fault)

    def _send(self, status: int, data: bytes, headers: dict[str, str] | None = None, fault: str = "") -> None:
        kept = len(data) // 2 if fault in ("cut", "short") else len(data)
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(kept if fault == "short" else len(data)))
        self.end_headers()
        with self.owner.lock:
            self.owner.sent += kept
        try:
            self.wfile.write(data[:kept])
        except OSError:
            return
        if fault == "cut":
            self.close_connection = True
            self.connection.close()


def search(server: Server, query: dict) -> dict:
    """Item Search: collections, bbox, datetime, `query` with lt and eq, and pages by a token."""
    west, south, east, north = query.get("bbox") or _bounds(query["intersects"])
    begin, _, end = str(query.get("datetime", "/")).partition("/")
    found = [
        item
        for item in server.items
        if item["collection"] in query["collections"]
        and item["bbox"][0] < east
        and item["bbox"][2] > west
        and item["bbox"][1] < north
        and item["bbox"][3] > south
        and (begin in ("", "..") or item["properties"]["datetime"] >= begin)
        and (end in ("", "..") or item["properties"]["datetime"] <= end)
        and all(_holds(item["properties"].get(name), rule) for name, rule in (query.get("query") or {}).items())
    ]
    first, limit = int(query.get("token", 0)), int(query.get("limit", 10))
    page = {"type": "FeatureCollection", "features": found[first : first + limit], "links": []}
    if first + limit < len(found):
        link = {"rel": "next", "method": "POST", "href": f"{server.url}/stac/search"}
        page["links"].append({**link, "body": {**query, "token": first + limit}})
    return page


def _bounds(geometry: dict) -> tuple[float, float, float, float]:
    points = [point for ring in geometry["coordinates"] for point in ring]
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _holds(value: object, rule: dict) -> bool:
    checks = {
        "lt": lambda a, b: a is not None and a < b,
        "lte": lambda a, b: a is not None and a <= b,
        "eq": lambda a, b: a == b,
        "in": lambda a, b: a in b,
    }
    return all(checks[name](value, wanted) for name, wanted in rule.items())
