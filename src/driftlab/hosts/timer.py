"""A timer that a selector can wait for, exact to the kernel's own resolution.

The timeout of epoll counts whole milliseconds, rounded up, which alone makes a
tick a millisecond late. On Linux a timerfd on CLOCK_MONOTONIC, set to the
absolute due time, has no such step. Python has it from 3.13; before, three
calls of the C library are declared here. Elsewhere (macOS: kqueue) the
selector's own timeout is fine and there is no timer.
"""

import os
import sys
from typing import Protocol


class Timer(Protocol):
    """A file descriptor that becomes readable at an instant."""

    fd: int

    def set(self, instant_ns: int) -> None:
        """Become readable at `instant_ns` of the monotonic clock, and not before."""


def make_timer() -> Timer | None:
    """Return the best timer of this system, or None where it has none."""
    if not sys.platform.startswith("linux"):
        return None
    if sys.version_info >= (3, 13):
        return _PythonTimer()
    return _libc_timer()


if sys.platform.startswith("linux") and sys.version_info >= (3, 13):

    class _PythonTimer:
        def __init__(self) -> None:
            import time

            flags = os.TFD_NONBLOCK | os.TFD_CLOEXEC
            self.fd = os.timerfd_create(time.CLOCK_MONOTONIC, flags=flags)

        def set(self, instant_ns: int) -> None:
            os.timerfd_settime_ns(self.fd, flags=os.TFD_TIMER_ABSTIME, initial=max(1, instant_ns))


def _libc_timer() -> Timer | None:
    import ctypes

    class Spec(ctypes.Structure):  # struct itimerspec: interval, then first expiry
        _fields_ = (
            ("interval_s", ctypes.c_long),
            ("interval_ns", ctypes.c_long),
            ("s", ctypes.c_long),
            ("ns", ctypes.c_long),
        )

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "timerfd_create"):
        return None
    clock_monotonic, absolute = 1, 1
    descriptor = libc.timerfd_create(clock_monotonic, os.O_NONBLOCK | os.O_CLOEXEC)
    if descriptor < 0:
        return None
    spec = Spec()
    settime, at = libc.timerfd_settime, ctypes.byref(spec)

    class LibcTimer:
        fd: int = descriptor

        def set(self, instant_ns: int) -> None:
            spec.s, spec.ns = divmod(max(1, instant_ns), 1_000_000_000)
            if settime(descriptor, absolute, at, None) != 0:
                raise OSError(ctypes.get_errno(), "timerfd_settime")

    return LibcTimer()
