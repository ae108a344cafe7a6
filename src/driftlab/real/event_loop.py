"""The event loop of a machine: one thread that waits for sockets and for the next tick.

The loop runs callbacks of sockets and timers until an absolute time of the
monotonic clock. It never waits busily and returns as soon after that time as
the system allows.

A poller asks the kernel which sockets are ready, with a timeout exact to
microseconds. The timeout of epoll counts whole milliseconds, rounded up, which
would make every tick up to a millisecond late. `select` has an exact timeout,
but scans all the descriptors that it watches. So on Linux epoll watches the
sockets, and `select` waits for the single descriptor of epoll. On other
systems (macOS: kqueue) the timeout of the standard selector is exact enough.
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
    """Watches file descriptors and returns the callbacks of those that are ready."""

    def watch(self, fd: int, events: int, callback: Callback) -> None:
        """Watch `fd` for READ, WRITE or both, in place of what it was watched for before.

        fd: an open file descriptor. events: READ, WRITE or READ | WRITE. callback:
        what `ready` returns for it.
        """

    def forget(self, fd: int) -> None:
        """Stop watching `fd`, if it is watched. Call this before closing it."""

    def ready(self, timeout_ns: int) -> list[Callback]:
        """Return the callbacks of what is ready; wait for it for at most `timeout_ns`."""

    def close(self) -> None:
        """Close the poller, but not the sockets that it watches."""


def make_poller() -> Poller:
    """Return the most precise poller on this system."""
    return _Epoll() if sys.platform.startswith("linux") else _Selector()


def request_exact_timers() -> None:
    """Ask Linux not to delay wake-ups of this process, which by default it does by up to 50 µs."""
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
            self._own_fd = [self._epoll.fileno()]
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

        def ready(self, timeout_ns: int) -> list[Callback]:
            if timeout_ns > 0 and not select.select(self._own_fd, (), (), timeout_ns / 1e9)[0]:
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

    def ready(self, timeout_ns: int) -> list[Callback]:
        return [key.data for key, _ in self._selector.select(max(0, timeout_ns) / 1e9)]

    def close(self) -> None:
        self._selector.close()


LONG_WAIT_NS: Final = 20_000_000
WAKE_EARLY_NS: Final = 500_000
_WAIT_NS_MAX: Final = 3_600_000_000_000  # an hour, so that no timeout overflows


class EventLoop:
    """Runs the callbacks of sockets and timers. After `stop` it returns at once, for ever."""

    def __init__(self) -> None:
        self.stopped = False
        self._poller = make_poller()
        self._timers: list[tuple[int, int, Callback]] = []  # negated: the next one is last
        self._timer_count = 0  # timers of the same instant run in the order of their creation
        self.watch = self._poller.watch
        self.forget = self._poller.forget
        self.close = self._poller.close

    def call_at(self, instant_ns: int, callback: Callback) -> None:
        """Call back once, at or after an instant.

        instant_ns: nanoseconds of the monotonic clock. callback: called without
        arguments; of equal instants in the order of these calls.
        """
        self._timer_count += 1
        insort(self._timers, (-instant_ns, -self._timer_count, callback))

    def stop(self) -> None:
        """Return from the current and every later call of `run_until` and `run_while`."""
        self.stopped = True

    def run_until(self, instant_ns: int) -> int:
        """Run callbacks until an instant, at least once even if it is past, or until stopped.

        Return the time at which the wait ended, in nanoseconds of the monotonic
        clock. A long wait is split in two, the second one short, because a
        process that has slept for long wakes slowly: its code and memory are no
        longer in the processor's caches.
        """
        now_ns = monotonic_ns()
        while not self.stopped:
            left_ns = instant_ns - now_ns
            early_ns = WAKE_EARLY_NS if left_ns > LONG_WAIT_NS else 0
            now_ns = self._run_once(now_ns, instant_ns - early_ns)
            if now_ns >= instant_ns:
                break
        return now_ns

    def run_while(self, condition: Callable[[], bool]) -> None:
        """Run callbacks while `condition()` is true, or until stopped."""
        while not self.stopped and condition():
            now_ns = monotonic_ns()
            self._run_once(now_ns, now_ns + _WAIT_NS_MAX)

    def _run_once(self, now_ns: int, instant_ns: int) -> int:
        """Wait once, for sockets, the next timer or an instant; run callbacks; return the time."""
        timers = self._timers
        wake_ns = min(-timers[-1][0], instant_ns) if timers else instant_ns
        for callback in self._poller.ready(min(wake_ns - now_ns, _WAIT_NS_MAX)):
            callback()
        now_ns = monotonic_ns()
        while timers and -timers[-1][0] <= now_ns:
            timers.pop()[2]()
        return now_ns
