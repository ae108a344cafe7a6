"""The two ends of a stream of small frames, of driftlab and of plain sockets.

`python -m benchmarks.message_ends receive WHAT FRAMES` prints its port, and
`… send WHAT FRAMES PORT` sends to it. WHAT is `ours` or `bare`, and how the
receiver reads: `ours-tick` asks its socket once a millisecond, as a machine of
1,000 Hz does at its ticks; `ours-ready` is woken whenever there is something.
Both ends print, when all is over, an instant of the monotonic clock and the
processor time they took, in nanoseconds.
"""

import gc
import select
import socket
import sys
import time
from collections.abc import Callable
from functools import partial
from time import monotonic_ns, process_time_ns

from driftlab.network import wire
from driftlab.network.handshake import Handshakes
from driftlab.network.timestamp_bounds import Own
from driftlab.real.addresses import Address, listen
from driftlab.real.event_loop import EventLoop
from driftlab.real.inbound import INBOUND_BYTES_MAX, Inbound
from driftlab.real.incidents import Incidents
from driftlab.real.outbound import OutboundChannel
from driftlab.scenario.plan import plan_run
from driftlab.scenario.scenario import Scenario

LOOPBACK = "127.0.0.1"
RUN_ID = "benchmark"
TICK_NS = 1_000_000
WAITING_FRAMES_MAX = 4_096  # the sender paces itself: far less than a channel gives up at


def main() -> None:
    """Run the end that the arguments name, without garbage collection, as in a worker."""
    role, what, frames, *port = sys.argv[1:]
    gc.freeze()
    gc.disable()
    if role == "receive":
        listener = listen(Address(LOOPBACK, 0), 8)
        print(listener.getsockname()[1], flush=True)
        RECEIVERS[what](listener, int(frames))
    else:
        SENDERS[what.partition("-")[0]](int(port[0]), int(frames))


def _say(instant_ns: int, cpu_ns: int) -> None:
    print(instant_ns, process_time_ns() - cpu_ns, flush=True)


def _send_ours(port: int, frames: int) -> None:
    loop = EventLoop()
    incidents = Incidents(lambda topic, fields: None)
    channel = OutboundChannel(
        "B", Address(LOOPBACK, port), Handshakes("A", RUN_ID), loop, incidents
    )
    channel.dial()
    loop.run_while(lambda: not channel.is_open)
    began_ns, cpu_ns = monotonic_ns(), process_time_ns()
    for stamp in range(1, frames + 1):
        channel.send(wire.hello(("B",), stamp))
        if channel.waiting > WAITING_FRAMES_MAX:
            loop.run_while(lambda: channel.waiting > WAITING_FRAMES_MAX // 2)
    loop.run_while(lambda: channel.waiting > 0)
    _say(began_ns, cpu_ns)
    sys.stdin.read()  # hold the connection until the benchmark has its figures


def _inbound(listener: socket.socket, loop: EventLoop, order: str) -> tuple[Inbound, int]:
    """Return the inbound side with its one peer connected, and the processor time until then."""
    incidents = Incidents(lambda topic, fields: None)
    _, plan = plan_run(Scenario(machines=2), 1)
    handshakes, own = Handshakes("B", RUN_ID), Own(0, 0, 0)
    inbound = Inbound(
        plan, handshakes, order, listener, loop, incidents, lambda: own, lambda peer: 0
    )
    loop.run_while(lambda: not inbound.connected_peers)
    return inbound, process_time_ns()


def _receive_ours(listener: socket.socket, frames: int, order: str) -> None:
    """Serve for a tick, then collect: by peers it reads then, by arrival it has read meanwhile."""
    loop = EventLoop()
    inbound, cpu_ns = _inbound(listener, loop, order)
    count = 0
    while count < frames:
        loop.run_until(monotonic_ns() + TICK_NS)
        count += len(inbound.collect())
    _say(monotonic_ns(), cpu_ns)


def _send_bare(port: int, frames: int) -> None:
    connection = socket.create_connection((LOOPBACK, port))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    connection.setblocking(False)
    began_ns, cpu_ns = monotonic_ns(), process_time_ns()
    for clock in range(1, frames + 1):
        payload = f"Hello B {clock}".encode()
        rest = len(payload).to_bytes(4, "big") + payload
        while rest:
            try:
                rest = rest[connection.send(rest) :]
            except BlockingIOError:
                select.select([], [connection], [])
    _say(began_ns, cpu_ns)
    sys.stdin.read()


def _receive_bare(listener: socket.socket, frames: int, by_ticks: bool) -> None:
    listener.setblocking(True)
    connection, _ = listener.accept()
    connection.setblocking(False)
    cpu_ns = process_time_ns()
    rest = b""
    count = 0
    while count < frames:
        if by_ticks:
            time.sleep(TICK_NS / 1e9)
        else:
            select.select([connection], [], [])
        try:
            rest += connection.recv(INBOUND_BYTES_MAX)
        except BlockingIOError:
            continue
        clocks, rest = _cut(rest)
        count += len(clocks)
    _say(monotonic_ns(), cpu_ns)


def _cut(stream: bytes) -> tuple[list[int], bytes]:
    """Decode frames; return their clocks and the bytes that are left."""
    clocks, at, end = [], 0, len(stream)
    while end - at >= 4:
        stop = at + 4 + int.from_bytes(stream[at : at + 4], "big")
        if stop > end:
            break
        clocks.append(int(stream[at + 4 : stop].decode().split()[2]))
        at = stop
    return clocks, stream[at:]


SENDERS: dict[str, Callable[[int, int], None]] = {"ours": _send_ours, "bare": _send_bare}
RECEIVERS: dict[str, Callable[[socket.socket, int], None]] = {
    "ours-tick": partial(_receive_ours, order="peers"),
    "ours-ready": partial(_receive_ours, order="arrival"),
    "bare-tick": partial(_receive_bare, by_ticks=True),
    "bare-ready": partial(_receive_bare, by_ticks=False),
}

if __name__ == "__main__":
    main()
