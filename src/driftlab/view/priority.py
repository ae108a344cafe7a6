"""Threads that leave the processor to whoever needs it more: to machines, and to the page."""

import os
import sys
import threading
from contextlib import suppress
from typing import Final

LOW_NICE: Final = 10


def lower_priority() -> None:
    """Lower the priority of this thread, unless it is the main one.

    Only Linux has priorities of threads; elsewhere nothing happens.
    """
    is_main = threading.current_thread() is threading.main_thread()
    if sys.platform != "linux" or is_main:
        return
    thread = threading.get_native_id()
    with suppress(OSError):
        if os.getpriority(os.PRIO_PROCESS, thread) < LOW_NICE:
            os.setpriority(os.PRIO_PROCESS, thread, LOW_NICE)
