"""A standalone worker: the machine that a person started (`driftlab machine`), without a launcher.

It starts when all its peers are connected, or at a given instant, and SIGINT, SIGTERM or
SIGHUP stops it. Workers of a launcher load nothing of this.
"""

import os
import signal
import socket
from collections.abc import Callable
from time import monotonic_ns, time_ns
from types import FrameType
from typing import Final

from driftlab.real.event_loop import READ, EventLoop
from driftlab.real.tcp_host import TcpHost, WorkerConfig
from driftlab.real.worker import run_to_end

INTERRUPTED: Final = "interrupted"
LINGER_NS: Final = 500_000_000  # after the last tick, for slower peers


def run_standalone(
    config: WorkerConfig,
    listener: socket.socket,
    start_at_ns: int | None,
    on_start: Callable[[int], None],
    on_incident: Callable[[str], None],
) -> bool:
    """Run one machine without a launcher until its last tick, or until it is interrupted.

    Args:
        config: the worker's configuration.
        listener: the socket at which its peers dial it.
        start_at_ns: the start as system time (nanoseconds since 1970, UTC), None
            to start as soon as all peers are connected. If it is past by then,
            the machine starts at once.
        on_start: called with the real nanoseconds left until the start, negative
            if `start_at_ns` is past.
        on_incident: called with each incident as one line of text.

    Return whether every tick was taken. A machine interrupted before its start
    leaves no journal. Raise JournalFileError if the journal cannot be written,
    and MachineEndError, after it has ended the journal, if the machine cannot go on.
    """
    loop = EventLoop()
    has_started = False
    with _StopSignals(loop):
        host = TcpHost(config, listener, loop, on_incident)
        host.tune_process()
        host.connect()
        loop.run_while(lambda: not host.is_connected)
        if not loop.stopped:
            has_started = True
            lead_ns = 0 if start_at_ns is None else start_at_ns - time_ns()
            on_start(lead_ns)
            start_ns = monotonic_ns() + max(0, lead_ns)
            run_to_end(host, start_ns)
            end_ns = start_ns + host.plan.schedule.real_ns(host.plan.end_ns)
            loop.run_until(max(end_ns, monotonic_ns()) + LINGER_NS)
        host.close(INTERRUPTED)
        if not has_started:
            os.unlink(config.journal)
    return host.is_complete


class _StopSignals:
    """Stops the event loop at SIGINT, SIGTERM and SIGHUP: at once, but never within a tick.

    SIGHUP is left alone where it is ignored, as under nohup.
    """

    def __init__(self, loop: EventLoop) -> None:
        self._loop = loop
        self._read_end, self._write_end = socket.socketpair()
        self._old_handlers: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> None:
        for end in (self._read_end, self._write_end):
            end.setblocking(False)
        self._loop.watch(self._read_end.fileno(), READ, self._loop.stop)
        signal.set_wakeup_fd(self._write_end.fileno())  # before the handlers: no signal gets lost
        ignored = signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        hang_up = () if ignored else (signal.SIGHUP,)
        for number in (signal.SIGINT, signal.SIGTERM, *hang_up):
            self._old_handlers[number] = signal.signal(number, lambda number, frame: None)

    def __exit__(self, *error: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._old_handlers.items():
            signal.signal(number, handler)
        self._loop.forget(self._read_end.fileno())
        self._read_end.close()
        self._write_end.close()
