"""Signals that interrupt, held back while they could do harm.

A signal's handler, such as that of Ctrl-C, may raise an exception between any two
instructions of the main thread. Where that thread has just acquired a lock of a pool of threads
or processes, the lock is never released, and the pool waits for it for ever
(https://github.com/python/cpython/issues/74174). So whoever works with a pool holds
signals back, and handles them where no lock is held.
"""

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

INTERRUPTS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
INTERRUPT_SECONDS: Final = 0.1  # at most, before a signal that was held back is handled


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], None]]:
    """Hold signals back; yield a function that calls the usual handlers of those that came.

    Signals that are ignored or end the process at once go on doing so, and only the main
    thread gets signals: in others nothing is held back. What came after the last call is
    handled at the end.
    """
    import threading  # slow to import

    if threading.current_thread() is not threading.main_thread():
        yield handle_nothing
        return
    handlers = {number: signal.getsignal(number) for number in INTERRUPTS}
    came: list[int] = []

    def hold_back(number: int, _: FrameType | None) -> None:
        came.append(number)

    def handle() -> None:
        while came:
            number = came.pop(0)
            handler = handlers[signal.Signals(number)]
            assert callable(handler)
            handler(number, None)

    held = [number for number, handler in handlers.items() if callable(handler)]
    for number in held:
        signal.signal(number, hold_back)
    try:
        yield handle
    finally:
        for number in held:
            signal.signal(number, handlers[number])
    handle()


def handle_nothing() -> None:
    """Handle no signals, where none are held back."""


@contextmanager
def terminated_like_interrupted() -> Iterator[None]:
    """Treat SIGTERM and SIGHUP like Ctrl-C, so that whatever was started is ended in order."""
    before = {}
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as under nohup
            before[number] = signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
