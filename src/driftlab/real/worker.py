"""A worker: the operating-system process of one machine, started by the launcher.

It inherits its listening socket, reads its assignment and its orders from
standard input and reports on standard output, a line each. If standard input
ends, the launcher is gone, and so is the worker: no orphan outlives a run.

Orders: `start NS` (of the monotonic clock, the same for all) and `stop REASON`.
Reports: `ready`, `done`, `stopped` (then it waits for the end of its orders),
and `failed` or `bug` with a text as JSON.

A machine run by hand: no launcher, its peers anywhere, started when all are connected.

Several terminals or hosts each run one machine of the same scenario. Each is
told every machine's address. Whoever has its mesh complete starts at once, or
at an instant that all were given.
"""

import json
import os
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from time import monotonic_ns, time_ns
from types import FrameType
from typing import Final

from driftlab.errors import DriftlabError
from driftlab.machine.machine import ProcessError
from driftlab.real.event_loop import READ, EventLoop
from driftlab.real.tcp_host import TcpHost, WorkerConfig

ORDERS_FD: Final = 0
REPORTS_FD: Final = 1
ERRORS_FD: Final = 2
LAUNCHER_GONE: Final = "launcher gone"
_CHUNK_BYTES: Final = 65_536


def main(listener: int) -> int:
    """Run one machine as the launcher orders; `listener` is its listening socket's number."""
    reports = os.dup(REPORTS_FD)
    os.dup2(ERRORS_FD, REPORTS_FD)  # what a process of the user prints is no report
    report = _Report(reports)
    try:
        _work(socket.socket(fileno=listener), report)
    except DriftlabError as error:
        report("failed", str(error))
        return 1
    except Exception:
        import traceback  # heavy, and only needed here

        report("bug", traceback.format_exc())
        return 1
    return 0


def _work(listener: socket.socket, report: "_Report") -> None:
    first, rest = _read_config_line()
    if first is None:
        return
    waiter = EventLoop()
    orders = _LauncherOrders(waiter, rest)
    host = TcpHost(WorkerConfig.from_line(first), listener, waiter)
    host.connect()
    waiter.run_while(lambda: not host.is_connected)
    if not waiter.stopped:
        host.tune_process()
        report("ready")
    waiter.run_while(lambda: orders.start_ns is None)
    if orders.start_ns is not None:
        _run(host, orders.start_ns)
    if host.is_complete:
        report("done")
    waiter.run_while(lambda: True)
    host.mute_incidents()
    report("stopped")
    orders.wait_for_the_end()
    host.close(orders.stop_reason)


def _run(host: TcpHost, start_ns: int) -> None:
    """Take every tick; if the process fails the journal says so, and the machine is lost."""
    try:
        host.run(start_ns)
    except ProcessError as error:
        host.close(str(error))
        raise


class _LauncherOrders:
    """What the launcher has said so far. A stop, or its end, halts the waiter."""

    def __init__(self, waiter: EventLoop, said: bytes) -> None:
        self.start_ns: int | None = None
        self.stop_reason = LAUNCHER_GONE
        self._waiter = waiter
        self._said = said
        os.set_blocking(ORDERS_FD, False)
        waiter.watch(ORDERS_FD, READ, self._listen)
        self._apply()

    def _listen(self) -> None:
        chunk = os.read(ORDERS_FD, _CHUNK_BYTES)
        if not chunk:
            self._waiter.stop()
        self._said += chunk
        self._apply()

    def wait_for_the_end(self) -> None:
        """Keep the connections until the launcher has heard that all have stopped."""
        os.set_blocking(ORDERS_FD, True)
        while os.read(ORDERS_FD, _CHUNK_BYTES):
            pass

    def _apply(self) -> None:
        *lines, self._said = self._said.split(b"\n")
        for line in lines:
            order, _, rest = line.decode().partition(" ")
            if order == "start":
                self.start_ns = int(rest)
            elif order == "stop":
                self.stop_reason = rest
                self._waiter.stop()


def _read_config_line() -> tuple[str | None, bytes]:
    """Read the assignment, blocking; also return what came after it. None: the launcher is gone."""
    said = b""
    while b"\n" not in said:
        chunk = os.read(ORDERS_FD, _CHUNK_BYTES)
        if not chunk:
            return None, b""
        said += chunk
    line, _, rest = said.partition(b"\n")
    return line.decode(), rest


class _Report:
    """Tells the launcher, a line each."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def __call__(self, topic: str, text: str = "") -> None:
        line = f"{topic} {json.dumps(text)}\n" if text else f"{topic}\n"
        with suppress(BrokenPipeError):  # the launcher is gone; standard input says so too
            os.write(self._fd, line.encode())


LINGER_NS: Final = 500_000_000  # after the end, so that peers who end a little later lose nothing
INTERRUPTED: Final = "interrupted"


def run_standalone(
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
    with _StopSignals(waiter):
        host = TcpHost(assignment, listener, waiter, on_incident)
        host.tune_process()
        host.connect()
        waiter.run_while(lambda: not host.is_connected)
        if not waiter.stopped:
            started = True
            lead_ns = 0 if start_at_ns is None else start_at_ns - time_ns()
            on_start(lead_ns)
            try:
                _run_then_linger(host, waiter, monotonic_ns() + max(0, lead_ns))
            except ProcessError as error:
                host.close(str(error))
                raise
        host.close(INTERRUPTED)
        if not started:
            os.unlink(assignment.journal)
    return host.is_complete


def _run_then_linger(host: TcpHost, waiter: EventLoop, start_ns: int) -> None:
    host.run(start_ns)
    end_ns = start_ns + host.plan.schedule.real_ns(host.plan.end_ns)
    waiter.run_until(max(end_ns, monotonic_ns()) + LINGER_NS)


class _StopSignals:
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
