"""Which descriptors are ready, asked of the kernel with a timeout exact to microseconds.

The timeout of epoll counts whole milliseconds, rounded up, which alone would
make a tick a millisecond late. `select` takes microseconds, but walks all it
watches. So on Linux the two are joined: epoll watches the sockets, and
`select` waits for the one descriptor of epoll. Elsewhere (macOS: kqueue) the
selector's own timeout is exact enough.

Waiting: one thread, many sockets, one next instant, and never a busy wait.

A waiter serves callbacks for sockets and for instants until an absolute time
of the monotonic clock. It returns as close after that time as the system
allows; what it does meanwhile is bounded by what each callback does.
"""

import select
import selectors
import sys
from bisect import insort
from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns
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


__all__ = ["READ", "WRITE", "Callback", "EventLoop"]

LONG_WAIT_NS: Final = 20_000_000
WAKE_EARLY_NS: Final = 500_000
_TURN_NS_MAX: Final = 3_600_000_000_000  # look again after an hour; no timeout overflows


class EventLoop:
    """Serves sockets and instants. `halt` makes it return at once, now and for ever."""

    def __init__(self) -> None:
        self.stopped = False
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

    def stop(self) -> None:
        """Return from serving, this time and every time."""
        self.stopped = True

    def run_until(self, instant_ns: int) -> int:
        """Serve until an instant, at least once even if that is past, or until halted.

        Returns the time at which the wait was over. A long wait is broken a
        little before its end: a process that has slept for long wakes slowly,
        its code and its memory being out of the processor's caches.
        """
        now_ns = monotonic_ns()
        while not self.stopped:
            left_ns = instant_ns - now_ns
            early_ns = WAKE_EARLY_NS if left_ns > LONG_WAIT_NS else 0
            now_ns = self._run_once(now_ns, instant_ns - early_ns)
            if now_ns >= instant_ns:
                break
        return now_ns

    def run_while(self, waiting: Callable[[], bool]) -> None:
        """Serve as long as `waiting` says so, or until halted."""
        while not self.stopped and waiting():
            now_ns = monotonic_ns()
            self._run_once(now_ns, now_ns + _TURN_NS_MAX)

    def _run_once(self, now_ns: int, instant_ns: int) -> int:
        """Wait for sockets or for the next instant, serve what is due, return the time."""
        instants = self._instants
        wake_ns = min(-instants[-1][0], instant_ns) if instants else instant_ns
        for callback in self._poller.ready(min(wake_ns - now_ns, _TURN_NS_MAX)):
            callback()
        now_ns = monotonic_ns()
        while instants and -instants[-1][0] <= now_ns:
            instants.pop()[2]()
        return now_ns
