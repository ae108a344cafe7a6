"""A worker: the operating-system process of one machine.

A worker that the launcher started inherits its listening socket, reads its
configuration and its orders from standard input, and writes its reports to
standard output, one line each. When its standard input ends, the launcher is
gone and the worker ends too: no worker outlives its run.

Orders: `start NS` (an instant of the monotonic clock, the same for all) and
`stop REASON`. Reports: `ready`, `done`, `stopped` (after which the worker waits
for the end of its orders), and `failed` or `bug` with a text as JSON.

A machine that was started by hand has no launcher: `real/standalone.py`.
"""

import json
import os
import socket
from contextlib import suppress
from typing import Final

from driftlab.errors import DriftlabError
from driftlab.machine.machine import MachineEndError
from driftlab.machine.process_loader import DIE
from driftlab.real.event_loop import READ, EventLoop
from driftlab.real.tcp_host import TcpHost, WorkerConfig

ORDERS_FD: Final = 0
REPORTS_FD: Final = 1
ERRORS_FD: Final = 2
LAUNCHER_GONE: Final = "launcher gone"
_CHUNK_BYTES: Final = 65_536


def main(listener_fd: int) -> int:
    """Run one machine as the launcher orders, and return the exit status.

    `listener_fd` is the descriptor of the listening socket.
    """
    reports_fd = os.dup(REPORTS_FD)
    os.dup2(ERRORS_FD, REPORTS_FD)  # what the user's process prints must not mix with the reports
    reports = _Reports(reports_fd)
    try:
        _run_launched(socket.socket(fileno=listener_fd), reports)
    except DriftlabError as error:
        reports.send("failed", str(error))
        return 1
    except Exception:
        import traceback  # slow to import, and only needed here

        reports.send("bug", traceback.format_exc())
        return 1
    return 0


def _run_launched(listener: socket.socket, reports: "_Reports") -> None:
    config_line, rest = _read_config_line()
    if config_line is None:
        return
    loop = EventLoop()
    orders = _Orders(loop, rest)
    config = WorkerConfig.from_line(config_line)
    guard = None
    if config.plan.process != DIE:
        from driftlab.real.orphan_guard import OrphanGuard  # loads ctypes

        guard = OrphanGuard()
    host = TcpHost(config, listener, loop, guard=guard)
    host.connect()
    loop.run_while(lambda: not host.is_connected)
    if not loop.stopped:
        host.tune_process()
        reports.send("ready")
    loop.run_while(lambda: orders.start_ns is None)
    if orders.start_ns is not None:
        run_to_end(host, orders.start_ns)
    if host.is_complete:
        reports.send("done")
    loop.run_while(lambda: True)
    host.mute_incidents()
    reports.send("stopped")
    orders.wait_for_end()
    host.close(orders.stop_reason)


def run_to_end(host: TcpHost, start_ns: int) -> None:
    """Take every tick. If the machine cannot go on, end its journal, and raise the reason."""
    try:
        host.run(start_ns)
    except MachineEndError as error:
        host.close(str(error))
        raise


def _read_config_line() -> tuple[str | None, bytes]:
    """Return the first line of the orders and the bytes read after it, blocking.

    The line is None if the launcher is gone.
    """
    received = b""
    while b"\n" not in received:
        chunk = os.read(ORDERS_FD, _CHUNK_BYTES)
        if not chunk:
            return None, b""
        received += chunk
    line, _, rest = received.partition(b"\n")
    return line.decode(), rest


class _Orders:
    """The launcher's orders. A stop, or the end of the orders, stops the event loop."""

    def __init__(self, loop: EventLoop, received: bytes) -> None:
        self.start_ns: int | None = None
        self.stop_reason = LAUNCHER_GONE
        self._loop = loop
        self._unfinished = received  # the beginning of the next line
        os.set_blocking(ORDERS_FD, False)
        loop.watch(ORDERS_FD, READ, self._read)
        self._parse()

    def _read(self) -> None:
        chunk = os.read(ORDERS_FD, _CHUNK_BYTES)
        if not chunk:
            self._loop.stop()
        self._unfinished += chunk
        self._parse()

    def wait_for_end(self) -> None:
        """Block until the launcher closes the orders, once all workers have stopped."""
        os.set_blocking(ORDERS_FD, True)
        while os.read(ORDERS_FD, _CHUNK_BYTES):
            pass

    def _parse(self) -> None:
        *lines, self._unfinished = self._unfinished.split(b"\n")
        for line in lines:
            order, _, rest = line.decode().partition(" ")
            if order == "start":
                self.start_ns = int(rest)
            elif order == "stop":
                self.stop_reason = rest
                self._loop.stop()


class _Reports:
    """The reports to the launcher, one line each."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def send(self, topic: str, text: str = "") -> None:
        line = f"{topic} {json.dumps(text)}\n" if text else f"{topic}\n"
        with suppress(BrokenPipeError):  # the launcher is gone, which the orders will show
            os.write(self._fd, line.encode())
