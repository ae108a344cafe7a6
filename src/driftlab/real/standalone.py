"""A machine run by hand: no launcher, its peers anywhere, started when all are connected.

Several terminals or hosts each run one machine of the same scenario. Each is
told every machine's address. Whoever has its mesh complete starts at once, or
at an instant that all were given.
"""

import os
import signal
import socket
from collections.abc import Callable
from time import monotonic_ns, time_ns
from types import FrameType
from typing import Final

from driftlab.machine.failure import ProcessError
from driftlab.real.event_loop import READ, EventLoop
from driftlab.real.tcp_host import TcpHost
from driftlab.real.worker_config import WorkerConfig

LINGER_NS: Final = 500_000_000  # after the end, so that peers who end a little later lose nothing
INTERRUPTED: Final = "interrupted"


def run_alone(
    assignment: WorkerConfig,
    listener: socket.socket,
    start_at_ns: int | None,
    on_start: Callable[[int], None],
    on_incident: Callable[[str], None],
) -> bool:
    """Run one machine until its ticks are taken or it is interrupted; say whether it was whole.

    `start_at_ns` is a system time (UTC, nanoseconds since 1970) or None for
    "as soon as all peers are connected". `on_start` is told how many real
    nanoseconds are left until the start; they are negative if that is past,
    and then the start is now. `on_incident` is told what goes wrong with the
    peers, which before the start is all there is to see. One that is
    interrupted before its start leaves no journal. Raises JournalFileError, and
    ProcessError where the process fails; the journal has the reason.
    """
    waiter = EventLoop()
    started = False
    with _Interrupts(waiter):
        host = TcpHost(assignment, listener, waiter, on_incident)
        host.tune_process()
        host.connect()
        waiter.run_while(lambda: not host.is_connected)
        if not waiter.stopped:
            started = True
            lead_ns = 0 if start_at_ns is None else start_at_ns - time_ns()
            on_start(lead_ns)
            try:
                _run_and_linger(host, waiter, monotonic_ns() + max(0, lead_ns))
            except ProcessError as error:
                host.close(str(error))
                raise
        host.close(INTERRUPTED)
        if not started:
            os.unlink(assignment.journal)
    return host.is_complete


def _run_and_linger(host: TcpHost, waiter: EventLoop, start_ns: int) -> None:
    host.run(start_ns)
    end_ns = start_ns + host.plan.schedule.real_ns(host.plan.end_ns)
    waiter.run_until(max(end_ns, monotonic_ns()) + LINGER_NS)


class _Interrupts:
    """Turns SIGINT and SIGTERM into a halt of the waiter, at once and between two ticks."""

    def __init__(self, waiter: EventLoop) -> None:
        self._waiter = waiter
        self._near, self._far = socket.socketpair()
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> None:
        for end in (self._near, self._far):
            end.setblocking(False)
        self._waiter.watch(self._near.fileno(), READ, self._waiter.stop)
        signal.set_wakeup_fd(self._far.fileno())  # first: no signal may fall in between
        for number in (signal.SIGINT, signal.SIGTERM):
            self._before[number] = signal.signal(number, lambda number, frame: None)

    def __exit__(self, *error: object) -> None:
        signal.set_wakeup_fd(-1)
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._waiter.forget(self._near.fileno())
        self._near.close()
        self._far.close()
