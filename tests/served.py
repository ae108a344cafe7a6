"""Asking a page server over a real socket, as a browser or an intruder would."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from driftlab.view.bench import RunBench
from driftlab.view.page_server import PageServer
from driftlab.view.served_history import ServedHistory
from driftlab.view.server import Site


class Answer(NamedTuple):
    """An answer: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Client:
    """Asks a server; paths are relative to the start page, with its token."""

    def __init__(self, address: str) -> None:
        parts = urlsplit(address)
        assert parts.hostname is not None
        assert parts.port is not None
        self.host, self.port, self.base = parts.hostname, parts.port, parts.path

    def ask(
        self,
        path: str = "",
        method: str = "GET",
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        absolute: bool = False,
    ) -> Answer:
        """Ask once; `body` is sent as JSON unless it is bytes; absolute: without the token."""
        with self.open(path, method, body, headers, absolute=absolute) as answer:
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())

    @contextmanager
    def open(
        self,
        path: str = "",
        method: str = "GET",
        body: Any = None,
        headers: dict[str, str] | None = None,
        *,
        absolute: bool = False,
        wait: bool = True,
    ) -> Iterator[HTTPResponse]:
        """Ask, and yield the answer, which may go on for long, or not wait for its beginning."""
        connection = HTTPConnection(self.host, self.port, timeout=60)
        given = {"Host": f"{self.host}:{self.port}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            given.setdefault("Content-Type", "application/json")
        try:
            target = path if absolute else self.base + path
            connection.putrequest(method, target, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            connection.putheader("Content-Length", str(len(body or b"")))
            connection.endheaders(body or None)
            yield connection.getresponse() if wait else HTTPResponse(connection.sock)
        finally:
            connection.close()


@contextmanager
def served(
    shown: dict[str, ServedHistory], bench: RunBench | None = None, **options: Any
) -> Iterator[Client]:
    """Serve some diagrams, and perhaps a bench, and yield a client of them."""
    site = Site(shown, bench)
    server = PageServer(site.app, **options)
    site.is_stopping = lambda: server.is_stopping
    try:
        yield Client(server.address)
    finally:
        server.stop()
        if bench is not None:
            bench.close()


def frames(answer: HTTPResponse) -> Iterator[bytes]:
    """Yield the frames of a live answer until it ends."""
    while True:
        head = _exactly(answer.read, 4)
        if len(head) < 4:
            return
        frame = _exactly(answer.read, int.from_bytes(head, "little"))
        yield frame


def _exactly(read: Callable[[int], bytes], count: int) -> bytes:
    found = b""
    while len(found) < count:
        part = read(count - len(found))
        if not part:
            break
        found += part
    return found
