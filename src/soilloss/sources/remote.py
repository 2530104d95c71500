"""Bytes over HTTP: only from the hosts of a product, tried again when a service falters, never half an answer.

``Web(origins, ...)`` asks; ``Web.get(url, start, stop) -> Answer``; ``Web.post(url, data) -> bytes``; ``clean(url)`` is
an address as it may be shown and recorded. What is returned is what was asked for, byte for byte, or a `SourceError`
says in a sentence why not and whether trying again helps.
"""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode
from collections.abc import Iterable
from email.utils import parsedate_to_datetime
from typing import Any, NamedTuple
from urllib.parse import urljoin, urlsplit, urlunsplit

from soilloss.errors import MissingExtraError, SourceError

AGAIN = frozenset({408, 425, 429, 500, 502, 503, 504})
MOVED = frozenset({301, 302, 303, 307, 308})
HOPS = 5
ATTEMPTS = 5
TIMEOUT = 20.0
DELAY = 0.5
LONGEST_WAIT = 60.0
# a key holds for an hour or so; it is fetched anew well before
KEY_SECONDS = 1200.0
# an answer slower than this, in bytes a second, after the timeout has passed once, counts as none
SLOWEST = 1000.0
CHUNK = 1 << 16
LARGEST = 1 << 30
PAGES = (b"<!doctype html", b"<html", b'<?xml version="1.0" encoding="utf-8"?><html')


class GoneError(SourceError):
    """The service says that there is no such file."""


class DamagedError(SourceError):
    """What came is not what a whole file would have given; fetching it from the start may help."""


class Answer(NamedTuple):
    """Bytes from `start` of a file of `total` bytes; `tag` tells one version of the file from another."""

    data: bytes
    start: int
    total: int
    tag: str


class _Fault(Exception):
    """A reason to ask again; `wait` is what the service asks for, in seconds."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.reason, self.wait = reason, wait


def clean(url: str) -> str:
    """Return an address without what may be secret: user, password, query.

    Examples
    --------
    >>> clean("https://me:word@host.org/a.tif?token=abc")
    'https://host.org/a.tif'
    """
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def origin(url: str) -> str:
    """Return scheme, host and port of an address.

    Examples
    --------
    >>> origin("https://host.org/a/b.tif"), origin("http://127.0.0.1:8000/x")
    ('https://host.org:443', 'http://127.0.0.1:8000')
    """
    parts = urlsplit(url)
    port = parts.port or {"http": 80, "https": 443}.get(parts.scheme, 0)
    return f"{parts.scheme}://{parts.hostname or ''}:{port}"


class Web:
    """A way to the outside world that knows who may be asked.

    Parameters
    ----------
    origins : iterable of str
        Addresses (or hosts, taken as https) that may be contacted; ``*.host.org`` stands for the hosts below it.
    name : str
        What is fetched, for messages.
    token : str
        Sent as a bearer token, or as the password of `user`, to `token_origins` and to nobody else; it appears in no
        message.
    token_origins : iterable of str
        Addresses that may see the token.
    remedy : str
        How a token is got, for the message of a service that wants one.
    key_url : str
        Gives a short-lived key (JSON with ``token``), which is added to addresses at `key_origins` and shown nowhere.
    attempts, timeout, delay : number
        How often to ask, how long to wait for bytes, and the first pause, in seconds; each further pause is doubled.
    """

    def __init__(
        self,
        origins: Iterable[str],
        *,
        name: str = "",
        token: str = "",
        user: str = "",
        token_origins: Iterable[str] = (),
        remedy: str = "",
        key_url: str = "",
        key_origins: Iterable[str] = (),
        attempts: int = ATTEMPTS,
        timeout: float = TIMEOUT,
        delay: float | None = None,
    ) -> None:
        self.allowed = _origins(origins)
        self.name, self.remedy = name, remedy
        self.attempts, self.timeout = attempts, timeout
        self.delay = DELAY if delay is None else delay
        self.received = 0
        self._token, self._user, self._token_origins = token, user, _origins(token_origins)
        self._key_url, self._key_origins = key_url, _origins(key_origins)
        self._key, self._key_until = "", 0.0
        self._lock = threading.RLock()
        self._local = threading.local()

    def get(self, url: str, start: int = 0, stop: int | None = None) -> Answer:
        """Return the bytes from `start` to `stop` of a file (all of it when `stop` is None).

        A server that knows no ranges gives the whole file, which then is the answer.

        Raises
        ------
        SourceError
            If the host may not be contacted, wants a token, or does not give whole data however often it is asked.
        """
        span = {} if stop is None else {"Range": f"bytes={start}-{stop - 1}"}
        return self._ask("GET", url, span, None, (start, stop))

    def post(self, url: str, data: bytes) -> bytes:
        """Return the answer to a JSON body."""
        return self._ask("POST", url, {"Content-Type": "application/json"}, data, (0, None)).data

    def permit(self, url: str) -> None:
        """Refuse an address outside the hosts of the product."""
        wanted = origin(url)
        if not any(_fits(wanted, known) for known in self.allowed):
            raise SourceError(
                f"{self.name}: refused to contact {wanted}, which the product's entry does not name; if it is meant, "
                f"add it under 'hosts' of the entry (known: {', '.join(self.allowed)})"
            )

    def _ask(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, span: tuple[int, int | None]
    ) -> Answer:
        fault = _Fault("was not asked")
        for attempt in range(self.attempts):
            try:
                return self._once(method, url, headers, body, span)
            except _Fault as found:
                fault = found
                if attempt + 1 < self.attempts:
                    pause = self.delay * 2**attempt if found.wait is None else found.wait
                    time.sleep(min(pause, LONGEST_WAIT))
        raise SourceError(
            f"{self.name}: {clean(url)} {fault.reason} ({self.attempts} times asked); try again later: what is "
            "already fetched is kept"
        )

    def _once(
        self, method: str, url: str, headers: dict[str, str], body: bytes | None, span: tuple[int, int | None]
    ) -> Answer:
        import requests

        for _ in range(HOPS):
            self.permit(url)
            try:
                with self._session().request(
                    method,
                    self._unlocked(url),
                    headers={"Accept-Encoding": "identity", **headers, **self._authorization(url)},
                    data=body,
                    stream=True,
                    allow_redirects=False,
                    timeout=self.timeout,
                    proxies=requests.utils.get_environ_proxies(url),
                ) as response:
                    if response.status_code in MOVED:
                        url = urljoin(url, response.headers.get("Location", url))
                        continue
                    return self._answer(response, url, span)
            except (requests.RequestException, OSError) as error:
                if isinstance(error, SourceError):
                    raise
                raise _Fault(f"gave no whole answer ({_kind(error)})") from None
        raise SourceError(f"{self.name}: {clean(url)} is moved on and on; tell who keeps the catalogue")

    def _unlocked(self, url: str) -> str:
        """The address with the key of a service that locks its files to it."""
        if url == self._key_url or not self._key_url or not any(_fits(origin(url), k) for k in self._key_origins):
            return url
        with self._lock:
            if time.time() > self._key_until:
                given = json.loads(self.get(self._key_url).data)
                self._key, self._key_until = given["token"], time.time() + KEY_SECONDS
        return f"{url}{'&' if '?' in url else '?'}{self._key}"

    def _session(self) -> Any:
        """One session for each thread: connections are kept, and nothing is taken from the user's files."""
        if not hasattr(self._local, "session"):
            try:
                import requests
            except ModuleNotFoundError:
                raise MissingExtraError("fetching needs requests: pip install 'soilloss[fetch]'") from None
            self._local.session = requests.Session()
            self._local.session.trust_env = False
        return self._local.session

    def _authorization(self, url: str) -> dict[str, str]:
        if not self._token or origin(url) not in self._token_origins:
            return {}
        if self._user:
            return {"Authorization": f"Basic {b64encode(f'{self._user}:{self._token}'.encode()).decode()}"}
        return {"Authorization": f"Bearer {self._token}"}

    def _answer(self, response: Any, url: str, span: tuple[int, int | None]) -> Answer:
        status = response.status_code
        if status in AGAIN:
            raise _Fault(f"answered {status}", _seconds(response.headers.get("Retry-After")))
        if status in (404, 410):
            raise GoneError(f"{self.name}: there is no {clean(url)} ({status}); check dates and the product's entry")
        if status in (401, 403):
            raise SourceError(self._refused(url, status))
        if status == 416:
            raise DamagedError(f"{self.name}: {clean(url)} is shorter than its own contents say; it is cut short")
        if status not in (200, 206):
            raise SourceError(f"{self.name}: {clean(url)} answered {status}; check the product's entry")
        data = self._body(response, url)
        if response.headers.get("Content-Type", "").lower().startswith("text/html") or _is_page(data):
            raise _Fault("answered with a web page in place of data")
        tag = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
        if status == 200:
            return Answer(data, 0, len(data), tag)
        return self._part(response.headers.get("Content-Range", ""), data, span, tag)

    def _part(self, stated: str, data: bytes, span: tuple[int, int | None], tag: str) -> Answer:
        """A part of a file, if it is the part that was asked for."""
        try:
            where, total = stated.removeprefix("bytes ").split("/")
            first, last = map(int, where.split("-"))
            whole = int(total)
        except ValueError:
            raise _Fault(f"gave a part without saying which ({stated!r})") from None
        start, stop = span
        if first != start or last + 1 != min(whole if stop is None else stop, whole) or len(data) != last + 1 - first:
            raise _Fault(f"gave {len(data)} bytes of {stated!r}, not the part asked for")
        return Answer(data, start, whole, tag)

    def _body(self, response: Any, url: str) -> bytes:
        """All bytes of an answer: as many as it says, not slower than can be waited for."""
        stated = response.headers.get("Content-Length")
        started, parts, size = time.monotonic(), [], 0
        for part in response.iter_content(CHUNK):
            parts.append(part)
            size += len(part)
            passed = time.monotonic() - started
            if passed > self.timeout and size < SLOWEST * passed:
                raise _Fault(f"is too slow ({size} bytes in {passed:.0f} s)")
            if size > LARGEST:
                raise SourceError(f"{self.name}: {clean(url)} gives over {LARGEST >> 20} MiB; expected a part of it")
        with self._lock:
            self.received += size
        if stated is not None and size != int(stated):
            raise _Fault(f"was cut after {size} of {stated} bytes")
        return b"".join(parts)

    def _refused(self, url: str, status: int) -> str:
        what = f"{self.name}: {clean(url)} answered {status}: "
        if not self.remedy:
            return f"{what}it is not open to everybody; check the product's entry"
        return f"{what}{'the token was refused' if self._token else 'it wants a token'}; {self.remedy}"


def _origins(given: Iterable[str]) -> tuple[str, ...]:
    """Origins of addresses; a bare host is taken as https."""
    return tuple(origin(one if "://" in one else f"https://{one}") for one in given)


def _fits(wanted: str, known: str) -> bool:
    """Whether an origin is a known one; http may go on to https on the same host, never back."""
    scheme, _, place = known.partition("://")
    if place.startswith("*."):
        host = place[1:].rpartition(":")[0]
        return wanted.startswith(f"{scheme}://") and wanted.rpartition(":")[0].endswith(host)
    return wanted == known or (scheme == "http" and wanted == f"https://{place.rpartition(':')[0]}:443")


def _is_page(data: bytes) -> bool:
    return data[:200].lstrip().lower().startswith(PAGES)


def _seconds(text: str | None) -> float | None:
    """What Retry-After says: seconds, or a date."""
    if not text:
        return None
    try:
        seconds = float(text) if text.strip().isdigit() else parsedate_to_datetime(text).timestamp() - time.time()
        return max(0.0, seconds)
    except (TypeError, ValueError):
        return None


def _kind(error: BaseException) -> str:
    """What went wrong, without the address: it may hold a token."""
    names = {"ConnectTimeout": "no connection in time", "ReadTimeout": "no bytes in time"}
    kind = type(error).__name__
    return names.get(kind, {"ConnectionError": "no connection", "ChunkedEncodingError": "it was cut"}.get(kind, kind))
