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
