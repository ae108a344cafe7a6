"""Who may ask the server anything: only a page that it has served itself.

A request must name the server as its host (so that another site cannot reach it by a name
that it has pointed at this computer), must not come from another origin, and must have the
token in its path. Every answer says that nothing may be loaded from elsewhere.
"""

import ipaddress
import secrets
from collections.abc import Iterable
from time import monotonic
from typing import Final

from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

TOKEN_BYTES: Final = 16
LOOPBACK: Final = "127.0.0.1"
NOT_FOUND: Final = 404
TICKET_S: Final = 60.0
_HEADERS: Final = (
    (
        b"content-security-policy",
        b"default-src 'self'; img-src 'self' data: blob:; base-uri 'none'; form-action 'self'; "
        b"frame-ancestors 'none'; object-src 'none'",
    ),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
)
_NOT_KEPT: Final = (b"cache-control", b"no-store")  # unless the answer says otherwise


def new_token() -> str:
    """Return a token that nobody guesses."""
    return secrets.token_urlsafe(TOKEN_BYTES)


class Guard:
    """Passes on the requests of our own pages, and refuses all others.

    token: the first part of every path. hosts: what the server may be called, `NAME:PORT`;
    any_address: whether every address of this computer is allowed besides, on that port.
    """

    def __init__(
        self, app: ASGIApp, token: str, hosts: Iterable[str], any_address_port: int | None = None
    ) -> None:
        self._app = app
        self._token = token
        self._hosts = frozenset(hosts)
        self._any_address_port = any_address_port
        self._tickets: dict[str, float] = {}  # until when each leads to the token

    def new_ticket(self) -> str:
        """Return the path of an address that leads to the start page once, within a minute."""
        ticket = new_token()
        self._tickets[ticket] = monotonic() + TICKET_S
        return f"/{ticket}"

    def _is_ticket(self, path: str) -> bool:
        """Whether a path is a ticket that is still good, which it then is no more."""
        until = self._tickets.pop(path.removeprefix("/"), 0.0)
        return monotonic() < until

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or refuse it."""
        if scope["type"] != "http":
            return
        refusal = self._refusal(scope)
        app = self._app if refusal is None else PlainTextResponse(*refusal)
        if scope["path"] == "/favicon.ico" and refusal is not None and refusal[1] == NOT_FOUND:
            app = Response(status_code=204)  # which a browser asks for by itself
        elif refusal is not None and refusal[1] == NOT_FOUND and self._is_ticket(scope["path"]):
            app = RedirectResponse(f"/{self._token}/", 303)
        await app(scope, receive, _with_headers(send))

    def _refusal(self, scope: Scope) -> tuple[str, int] | None:
        """Return why a request is refused, and the status; None if it is not."""
        given = [(name, value.decode("latin-1")) for name, value in scope["headers"]]
        hosts = [value for name, value in given if name == b"host"]
        origins = [value for name, value in given if name == b"origin"]
        if len(hosts) != 1 or not self._is_ours(hosts[0]):
            return "this server is called otherwise", 421
        if any(origin != f"http://{hosts[0]}" for origin in origins):
            return "this server answers its own pages alone", 403
        if any(name == b"sec-fetch-site" and value == "cross-site" for name, value in given):
            return "this server answers its own pages alone", 403
        first = str(scope["path"]).split("/")[1:2]
        if not first or not secrets.compare_digest(first[0].encode(), self._token.encode()):
            return "no such page; the address has a token, which driftlab printed", NOT_FOUND
        return None

    def _is_ours(self, host: str) -> bool:
        if host.lower() in self._hosts:
            return True
        name, _, port = host.rpartition(":")
        if self._any_address_port is None or port != str(self._any_address_port):
            return False
        try:
            ipaddress.ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def _with_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            given = list(message.get("headers", ()))
            is_said = any(name == _NOT_KEPT[0] for name, _ in given)
            message["headers"] = [*given, *_HEADERS, *(() if is_said else (_NOT_KEPT,))]
        await send(message)

    return send_with_headers
