"""Waiting: one thread, many sockets, one next instant, and never a busy wait.

A waiter serves callbacks for sockets and for instants until an absolute time
of the monotonic clock. It returns as close after that time as the system
allows; what it does meanwhile is bounded by what each callback does.
"""

import heapq
import selectors
from collections.abc import Callable
from time import monotonic_ns
from typing import Final

from driftlab.hosts.timer import make_timer

READ: Final = selectors.EVENT_READ
WRITE: Final = selectors.EVENT_WRITE
_NEVER_NS: Final = 1 << 62

Callback = Callable[[], None]


class Waiter:
    """Serves sockets and instants. `halt` makes it return at once, now and for ever."""

    def __init__(self) -> None:
        self.halted = False
        self._selector = selectors.DefaultSelector()
        self._instants: list[tuple[int, int, Callback]] = []
        self._order = 0  # ties between instants are served in the order they were asked for
        self._timer = make_timer()
        if self._timer is not None:
            self._selector.register(self._timer.fd, READ, None)

    def watch(self, fd: int, events: int, callback: Callback) -> None:
        """Call back whenever `fd` is ready for `events`; replaces what was watched before."""
        if fd in self._selector.get_map():
            self._selector.modify(fd, events, callback)
        else:
            self._selector.register(fd, events, callback)

    def forget(self, fd: int) -> None:
        """Watch `fd` no longer, if it was watched at all; do so before closing it."""
        if fd in self._selector.get_map():
            self._selector.unregister(fd)

    def call_at(self, instant_ns: int, callback: Callback) -> None:
        """Call back once, at or after an instant of the monotonic clock."""
        self._order += 1
        heapq.heappush(self._instants, (instant_ns, self._order, callback))

    def halt(self) -> None:
        """Return from serving, this time and every time."""
        self.halted = True

    def serve_until(self, instant_ns: int) -> None:
        """Serve until an instant, at least once even if that is past, or until halted."""
        while not self.halted:
            self._serve_once(instant_ns)
            if monotonic_ns() >= instant_ns:
                return

    def serve_while(self, waiting: Callable[[], bool]) -> None:
        """Serve as long as `waiting` says so, or until halted."""
        while not self.halted and waiting():
            self._serve_once(_NEVER_NS)

    def _serve_once(self, instant_ns: int) -> None:
        wake = min(instant_ns, self._instants[0][0]) if self._instants else instant_ns
        for callback in self._ready(wake):
            callback()
        if self._instants:
            now = monotonic_ns()
            while self._instants and self._instants[0][0] <= now:
                heapq.heappop(self._instants)[2]()

    def _ready(self, wake_ns: int) -> list[Callback]:
        """Wait until something is ready or it is time; a descriptor gone meanwhile is left out."""
        return [
            key.data
            for key, _ in self._selector.select(self._timeout(wake_ns))
            if key.data is not None
        ]

    def _timeout(self, wake_ns: int) -> float | None:
        left_ns = wake_ns - monotonic_ns()
        if left_ns <= 0:
            return 0
        if self._timer is None:
            return left_ns / 1e9
        self._timer.set(wake_ns)
        return None

    def close(self) -> None:
        """Close the selector; the sockets belong to those who watch them."""
        self._selector.close()
