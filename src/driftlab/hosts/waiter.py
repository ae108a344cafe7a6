"""Waiting: one thread, many sockets, one next instant, and never a busy wait.

A waiter serves callbacks for sockets and for instants until an absolute time
of the monotonic clock. It returns as close after that time as the system
allows; what it does meanwhile is bounded by what each callback does.
"""

from bisect import insort
from collections.abc import Callable
from time import monotonic_ns
from typing import Final

from driftlab.hosts.poller import READ, WRITE, Callback, make_poller

__all__ = ["READ", "WRITE", "Callback", "Waiter"]

LONG_WAIT_NS: Final = 20_000_000
WAKE_EARLY_NS: Final = 500_000
_TURN_NS_MAX: Final = 3_600_000_000_000  # look again after an hour; no timeout overflows


class Waiter:
    """Serves sockets and instants. `halt` makes it return at once, now and for ever."""

    def __init__(self) -> None:
        self.halted = False
        self._poller = make_poller()
        self._instants: list[tuple[int, int, Callback]] = []  # negated, so the soonest is last
        self._order = 0  # ties between instants are served in the order they were asked for
        self.watch = self._poller.watch
        self.forget = self._poller.forget
        self.close = self._poller.close

    def call_at(self, instant_ns: int, callback: Callback) -> None:
        """Call back once, at or after an instant of the monotonic clock."""
        self._order += 1
        insort(self._instants, (-instant_ns, -self._order, callback))

    def halt(self) -> None:
        """Return from serving, this time and every time."""
        self.halted = True

    def serve_until(self, instant_ns: int) -> int:
        """Serve until an instant, at least once even if that is past, or until halted.

        Returns the time at which the wait was over. A long wait is broken a
        little before its end: a process that has slept for long wakes slowly,
        its code and its memory being out of the processor's caches.
        """
        now_ns = monotonic_ns()
        while not self.halted:
            left_ns = instant_ns - now_ns
            early_ns = WAKE_EARLY_NS if left_ns > LONG_WAIT_NS else 0
            now_ns = self._serve_once(now_ns, instant_ns - early_ns)
            if now_ns >= instant_ns:
                break
        return now_ns

    def serve_while(self, waiting: Callable[[], bool]) -> None:
        """Serve as long as `waiting` says so, or until halted."""
        while not self.halted and waiting():
            now_ns = monotonic_ns()
            self._serve_once(now_ns, now_ns + _TURN_NS_MAX)

    def _serve_once(self, now_ns: int, instant_ns: int) -> int:
        """Wait for sockets or for the next instant, serve what is due, return the time."""
        instants = self._instants
        wake_ns = min(-instants[-1][0], instant_ns) if instants else instant_ns
        for callback in self._poller.ready(min(wake_ns - now_ns, _TURN_NS_MAX)):
            callback()
        now_ns = monotonic_ns()
        while instants and -instants[-1][0] <= now_ns:
            instants.pop()[2]()
        return now_ns
