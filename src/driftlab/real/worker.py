"""A worker: the operating-system process of one machine, started by the launcher.

It inherits its listening socket, reads its assignment and its orders from
standard input and reports on standard output, a line each. If standard input
ends, the launcher is gone, and so is the worker: no orphan outlives a run.

Orders: `start NS` (of the monotonic clock, the same for all) and `stop REASON`.
Reports: `ready`, `done`, `stopped` (then it waits for the end of its orders),
and `failed` or `bug` with a text as JSON.
"""

import json
import os
import socket
from contextlib import suppress
from typing import Final

from driftlab.errors import DriftlabError
from driftlab.machine.failure import ProcessError
from driftlab.real.event_loop import READ, EventLoop
from driftlab.real.tcp_host import TcpHost
from driftlab.real.worker_config import WorkerConfig

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
    first, rest = _first_line()
    if first is None:
        return
    waiter = EventLoop()
    orders = _Orders(waiter, rest)
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


class _Orders:
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


def _first_line() -> tuple[str | None, bytes]:
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
