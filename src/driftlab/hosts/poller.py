"""Which descriptors are ready, asked of the kernel with a timeout exact to microseconds.

The timeout of epoll counts whole milliseconds, rounded up, which alone would
make a tick a millisecond late. `select` takes microseconds, but walks all it
watches. So on Linux the two are joined: epoll watches the sockets, and
`select` waits for the one descriptor of epoll. Elsewhere (macOS: kqueue) the
selector's own timeout is exact enough.
"""

import select
import selectors
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Protocol

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE

Callback = Callable[[], None]


class Poller(Protocol):
    """Watches descriptors, each with what to call when it is ready."""

    def watch(self, fd: int, events: int, callback: Callback) -> None:
        """Watch `fd` for READ, WRITE or both; replaces what was watched before."""

    def forget(self, fd: int) -> None:
        """Watch `fd` no longer, if it was watched at all; do so before closing it."""

    def ready(self, left_ns: int) -> list[Callback]:
        """Wait at most so long, not at all for 0 or less; return the callbacks of what is ready."""

    def close(self) -> None:
        """Close the poller; the sockets belong to those who watch them."""


def make_poller() -> Poller:
    """Return the best poller of this system."""
    return _Epoll() if sys.platform.startswith("linux") else _Selector()


def ask_for_exact_timers() -> None:
    """Ask Linux not to delay this process's wake-ups to save power, by 50 µs if not told so."""
    with suppress(OSError), open("/proc/self/timerslack_ns", "w") as slack:
        slack.write("1")


if sys.platform.startswith("linux"):
    _EPOLL: Final = {
        READ: select.EPOLLIN,
        WRITE: select.EPOLLOUT,
        READ | WRITE: select.EPOLLIN | select.EPOLLOUT,
    }

    class _Epoll:
        def __init__(self) -> None:
            self._epoll = select.epoll()
            self._itself = [self._epoll.fileno()]
            self._callbacks: dict[int, Callback] = {}

        def watch(self, fd: int, events: int, callback: Callback) -> None:
            if fd in self._callbacks:
                self._epoll.modify(fd, _EPOLL[events])
            else:
                self._epoll.register(fd, _EPOLL[events])
            self._callbacks[fd] = callback

        def forget(self, fd: int) -> None:
            if self._callbacks.pop(fd, None) is not None:
                self._epoll.unregister(fd)

        def ready(self, left_ns: int) -> list[Callback]:
            if left_ns > 0 and not select.select(self._itself, (), (), left_ns / 1e9)[0]:
                return []
            ready = self._epoll.poll(0)
            return [self._callbacks[fd] for fd, _ in ready] if ready else []

        def close(self) -> None:
            self._epoll.close()


class _Selector:
    def __init__(self) -> None:
        self._selector = selectors.DefaultSelector()

    def watch(self, fd: int, events: int, callback: Callback) -> None:
        if fd in self._selector.get_map():
            self._selector.modify(fd, events, callback)
        else:
            self._selector.register(fd, events, callback)

    def forget(self, fd: int) -> None:
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def ready(self, left_ns: int) -> list[Callback]:
        return [key.data for key, _ in self._selector.select(max(0, left_ns) / 1e9)]

    def close(self) -> None:
        self._selector.close()
