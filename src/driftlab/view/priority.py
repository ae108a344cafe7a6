"""Threads that leave the processor to whoever needs it more: to machines, and to the page."""

import os
import sys
import threading
from contextlib import suppress
from typing import Final

LOW_NICE: Final = 10


def lower_priority() -> None:
    """Lower the priority of this thread for good, unless it is the main one.

    For threads of our own, which end. Only Linux has priorities of threads; elsewhere nothing
    happens.
    """
    if not _is_of_its_own():
        return
    thread = threading.get_native_id()
    with suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, thread) < LOW_NICE:
            os.setpriority(os.PRIO_PROCESS, thread, LOW_NICE)


def work_when_idle() -> None:
    """Have this thread work when no other wants its processor, unless it is the main one.

    For good, and for threads of our own, which end: a thread that wakes up takes the processor
    from it at once, as it does not from one of a low priority. Linux only; elsewhere nothing
    happens.
    """
    if sys.platform == "linux" and _is_of_its_own():
        with suppress(OSError):
            os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))


def _is_of_its_own() -> bool:
    is_main = threading.current_thread() is threading.main_thread()
    return sys.platform == "linux" and not is_main


class IdleTime:
    """How much of their time the processors had nothing to do."""

    def __init__(self) -> None:
        self._idle, self._all = _processor_times()
        self._last = 1.0

    def share(self) -> float:
        """Return the idle share of all processors since the last call; 1 where it is not known."""
        idle, every = _processor_times()
        passed, unused = every - self._all, idle - self._idle
        if passed <= 0:
            return self._last
        self._idle, self._all, self._last = idle, every, unused / passed
        return self._last


def _processor_times() -> tuple[int, int]:
    """Return how long the processors of this computer were idle, and both idle and busy."""
    try:
        with open("/proc/stat", encoding="ascii") as file:
            times = [int(each) for each in file.readline().split()[1:9]]
    except (OSError, ValueError):
        return 0, 0
    return sum(times[3:5]), sum(times)
