"""A server in a thread of its own, on a socket that is bound before it starts."""

import atexit
import os
import socket
import sys
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from math import inf
from time import monotonic, sleep
from typing import Final

import uvicorn
from starlette.types import ASGIApp

from driftlab.errors import DriftlabError
from driftlab.view.guard import LOOPBACK, Guard, new_token

GRACE_S: Final = 1  # for answers under way when the server ends
POLL_S: Final = 0.02  # between two looks whether what is waited for is there
START_S_MAX: Final = 5
LEAVE_S: Final = 0.5  # for threads that still work when all is over
BACKLOG: Final = 64
_DISPLAYS: Final = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")
_EVERYWHERE: Final = ("0.0.0.0", "::")


class PortError(DriftlabError):
    """The server cannot listen where it should."""


class PageServer:
    """Serves pages from a thread until it is stopped.

    address: of the start page, with its token.
    """

    def __init__(
        self, make_app: Callable[[str], ASGIApp], host: str = LOOPBACK, port: int = 0
    ) -> None:
        """Listen, and serve.

        make_app: given the token, returns what answers. host, port: where to listen; 0 is a
        free port. Raise PortError if that is not possible.
        """
        self._threads_before = set(threading.enumerate())
        listener = _listen(host, port)
        at, self.port = listener.getsockname()[:2]
        self.token = new_token()
        shown = _shown_host(host, at)
        self._origin = f"http://{shown}:{self.port}"
        self.address = f"{self._origin}/{self.token}/"
        names = {shown, _bracketed(host), *(("localhost", LOOPBACK) if _is_loopback(at) else ())}
        names |= {socket.gethostname().lower()} if at in _EVERYWHERE else set()
        self._guard = guard = Guard(
            make_app(self.token),
            self.token,
            [f"{name.lower()}:{self.port}" for name in names],
            self.port if at in _EVERYWHERE else None,
        )
        config = uvicorn.Config(
            guard, log_config=None, access_log=False, lifespan="off", ws="none", http="h11",
            loop="asyncio", server_header=False, proxy_headers=False,
            timeout_graceful_shutdown=GRACE_S,
        )  # fmt: skip
        self._server = uvicorn.Server(config)
        self._has_ended = False
        threading.Thread(
            target=self._serve, args=(listener,), name="page server", daemon=True
        ).start()

    def _serve(self, listener: socket.socket) -> None:
        try:
            self._server.run([listener])
        finally:
            listener.close()
            self._has_ended = True

    @property
    def is_stopping(self) -> bool:
        """Whether the server is about to end: then no answer may go on for long."""
        return self._server.should_exit

    def ticket_address(self) -> str:
        """Return an address that leads to the start page once: others may see it meanwhile."""
        return self._origin + self._guard.new_ticket()

    def wait(self) -> None:
        """Wait until the server ends by itself; KeyboardInterrupt gets through."""
        self._wait_for(lambda: self._has_ended)

    def stop(self) -> None:
        """End the server and wait for it."""
        # A server that is stopped while it starts leaves its connections open.
        self._wait_for(lambda: self._server.started or self._has_ended, START_S_MAX)
        self._server.should_exit = True
        self._wait_for(lambda: self._has_ended, GRACE_S + 5)

    @staticmethod
    def _wait_for(is_reached: Callable[[], bool], seconds: float = inf) -> None:
        """Wait so long at most.

        By sleeping: an interrupt within `Thread.join` may leave the thread marked as ended though
        it is not (Python 3.11), or end in an error.
        """
        deadline = monotonic() + seconds
        while not is_reached() and monotonic() < deadline:
            sleep(POLL_S)

    def leave(self, status: int) -> int:
        """Return the exit status of a command that is done, once nothing of ours would disturb it.

        A thread that still reads or judges cannot be stopped, and what it calls may not survive
        the end of the interpreter. Then the process ends without one, with this status.
        """
        others = set(threading.enumerate()) - self._threads_before
        self._wait_for(lambda: not any(thread.is_alive() for thread in others), LEAVE_S)
        if any(thread.is_alive() for thread in others):
            atexit.register(_end_now, status, others)
        return status


def _end_now(status: int, threads: Iterable[threading.Thread]) -> None:
    """End the process at once if one of its threads still works."""
    if any(thread.is_alive() for thread in threads):
        for stream in (sys.stdout, sys.stderr):
            with suppress(OSError, ValueError, AttributeError):
                stream.flush()
        os._exit(status)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
        except OSError:
            listener.close()
            raise
    except (OSError, OverflowError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise PortError(
            f"cannot serve pages at {host}:{port}: {reason}; --port 0 takes a free port"
        ) from None
    return listener


def _shown_host(host: str, at: str) -> str:
    """Return the host of an address that a browser on this computer can open."""
    if at in _EVERYWHERE:
        return LOOPBACK
    return "localhost" if host == "localhost" else _bracketed(at)


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_loopback(at: str) -> bool:
    return at.startswith("127.") or at == "::1"


def open_browser(server: PageServer) -> bool:
    """Open the start page in the user's browser; whether there is one."""
    import webbrowser

    if sys.platform != "darwin" and not any(map(os.environ.get, _DISPLAYS)):
        return False  # a browser in the terminal would take it from us
    try:
        return webbrowser.open(server.ticket_address())
    except (webbrowser.Error, OSError):
        return False
