"""Everything that comes in: connections, introductions, messages.

A connection is a stranger until its first frame says who dials. From then on
it is the inflow of one peer. Anything that is not of the wire closes that
connection, with a recorded reason; the machine goes on.

At a tick the first peer's socket is emptied to the end, then the next one's.
"The end" is what was there when the tick began, and at most
INTAKE_BYTES_MAX a peer, so a flooding peer cannot hold the tick; meeting that
bound is recorded. A machine with long ticks also empties its sockets in
between, every INTAKE_EVERY_NS, into the same order: otherwise the kernel's
buffers would fill up and hide a part of the queue.
"""

import socket
from collections.abc import Callable
from time import monotonic_ns
from typing import Final, NamedTuple

from driftlab.clocks.catalogue import timestamp_decoder
from driftlab.clocks.clock import TimestampError
from driftlab.model.event import Message
from driftlab.model.payload import PayloadError, canonical_payload
from driftlab.network import wire
from driftlab.real.event_loop import READ, EventLoop, make_poller
from driftlab.real.incidents import Incidents
from driftlab.scenario.plan import MachinePlan

INBOUND_BYTES_MAX: Final = 32_768  # from one peer at one tick
DRAIN_EVERY_NS: Final = 100_000_000
INTRODUCTION_NS_MAX: Final = 5_000_000_000  # from connecting to `Iam`
REPLACEMENT_NS_MAX: Final = 1_000_000_000  # a second connection of a peer waits for the first's end
ACCEPT_PAUSE_NS: Final = 200_000_000  # after the system would not give us a connection
UNIDENTIFIED_MAX: Final = 64  # beyond one for each peer
_ACCEPTED_AT_ONCE: Final = 64
_UNIDENTIFIED = "?"


class PeerConnection:
    """The connection of one introduced peer, and what it has delivered since the last tick."""

    def __init__(
        self,
        peer: str,
        connection: socket.socket,
        decoder: wire.FrameDecoder,
        me: str,
        held: list[Message],
        open_letter: "DecodeMessage",
    ) -> None:
        self.peer = peer
        self.connection = connection
        self.met_bound = False  # whether a read has met INTAKE_BYTES_MAX
        self._decoder = decoder
        self._me = me
        self._held = held
        self._open = open_letter

    def read(self) -> str | None:
        """Take in what is there, once. Returns the reason if the connection has to end."""
        try:
            chunk = self.connection.recv(INBOUND_BYTES_MAX)
        except BlockingIOError:
            return None
        except OSError as error:
            return f"lost: {error.strerror}"
        if not chunk:
            cut = self._decoder.pending_bytes
            return f"closed by the peer after {cut} bytes of a frame" if cut else _CLOSED
        self.met_bound |= len(chunk) == INBOUND_BYTES_MAX
        return self.accept(self._decoder.feed(chunk))

    def accept(self, frames: list[str]) -> str | None:
        """Hold the messages that frames carry; the reason if one is none of ours."""
        try:
            for text in frames:
                hello = wire.parse_hello(text)
                if self._me not in hello.targets:
                    return f"a message to {','.join(hello.targets)}, not to {self._me}"
                self._held.append(self._open(self.peer, hello))
        except (wire.WireError, TimestampError, PayloadError) as error:
            return str(error)
        return self._decoder.broken


DecodeMessage = Callable[[str, wire.Hello], Message]


def message_decoder(plan: MachinePlan) -> DecodeMessage:
    """Return what reads a peer's message as one of this run, with its clock and its payload.

    It raises WireError, TimestampError or PayloadError.
    """
    decode = timestamp_decoder(
        plan.clock, dict(zip(plan.peers, plan.places, strict=True)), plan.size
    )

    def open_letter(peer: str, hello: wire.Hello) -> Message:
        _, stamp, text, payload = hello
        if (text is None) is not (decode is None):
            raise wire.WireError(
                f"a message {'with a' if text else 'without its'} timestamp; the "
                f"clock of this run is {plan.clock}"
            )
        timestamp = None if decode is None or text is None else decode(peer, text)
        return Message(
            peer, stamp, timestamp, None if payload is None else canonical_payload(payload)
        )

    return open_letter


_CLOSED: Final = "closed by the peer"


class ReplacementConnection(NamedTuple):
    """A connection introduced as a peer that still has one, and what it has said beyond that."""

    fd: int
    connection: socket.socket
    frames: list[str]


class Inbound:
    """The listening socket and all incoming connections of one machine."""

    def __init__(
        self,
        plan: MachinePlan,
        run_id: str,
        order: str,
        listener: socket.socket,
        waiter: EventLoop,
        incidents: Incidents,
    ) -> None:
        self._me = plan.name
        self._open_letter = message_decoder(plan)
        self._run_id = run_id
        self._listener = listener
        self._waiter = waiter
        self._incidents = incidents
        self._strangers: dict[int, tuple[socket.socket, wire.FrameDecoder]] = {}
        self._inflows: dict[str, PeerConnection] = {}
        self._successors: dict[str, ReplacementConnection] = {}
        self._peers = make_poller()  # the inflows, where order is by peer
        shared: list[Message] = []
        by_arrival = order == "arrival"
        self._watched_by = waiter if by_arrival else self._peers
        self._held = {peer: shared if by_arrival else [] for peer in plan.peers}
        self._queues = [shared] if by_arrival else list(self._held.values())
        waiter.watch(listener.fileno(), READ, self._accept)
        if not by_arrival:
            self._drain_again()

    @property
    def introduced(self) -> int:
        """How many peers have a connection to us."""
        return len(self._inflows)

    def collect(self) -> list[Message]:
        """Empty the sockets and return what came since the last time, in queue order."""
        self._drain()
        found: list[Message] = []
        for held in self._queues:
            if held:
                found += held
                held.clear()
        return found

    def _drain(self) -> None:
        for read in self._peers.ready(0):
            read()

    def _drain_again(self) -> None:
        self._drain()
        self._waiter.call_at(monotonic_ns() + DRAIN_EVERY_NS, self._drain_again)

    def _read(self, inflow: PeerConnection) -> None:
        if self._inflows.get(inflow.peer) is not inflow:
            return  # ended a moment ago, while this call was on its way
        before = inflow.met_bound
        reason = inflow.read()
        if inflow.met_bound and not before:
            limit = f"over {INBOUND_BYTES_MAX} bytes at once; the rest waits for the next time"
            self._incidents.record("intake-bound", inflow.peer, limit)
        if reason is not None:
            self._end(inflow, reason)

    def _end(self, inflow: PeerConnection, reason: str) -> None:
        self._incidents.record("peer-closed", inflow.peer, reason)
        del self._inflows[inflow.peer]
        self._watched_by.forget(inflow.connection.fileno())
        inflow.connection.close()
        if inflow.peer in self._successors:
            successor = self._successors.pop(inflow.peer)
            self._promote(successor.fd, inflow.peer, successor.frames)

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, _ = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._incidents.record("accept-failed", _UNIDENTIFIED, str(error.strerror))
                self._pause_accepting()
                return
            self._meet(connection)

    def _pause_accepting(self) -> None:
        """Leave who dials waiting for a while: asking again at once would be a busy wait."""
        fd = self._listener.fileno()
        self._waiter.forget(fd)
        self._waiter.call_at(
            monotonic_ns() + ACCEPT_PAUSE_NS, lambda: self._waiter.watch(fd, READ, self._accept)
        )

    def _meet(self, connection: socket.socket) -> None:
        connection.setblocking(False)
        if len(self._strangers) >= UNIDENTIFIED_MAX + len(self._held):
            self._refuse(
                connection, _UNIDENTIFIED, f"more than {UNIDENTIFIED_MAX} strangers at once"
            )
            return
        fd = connection.fileno()
        self._strangers[fd] = (connection, wire.FrameDecoder())
        self._waiter.watch(fd, READ, lambda: self._read_introduction(fd))
        self._waiter.call_at(
            monotonic_ns() + INTRODUCTION_NS_MAX,
            lambda: self._time_out_introduction(fd, connection),
        )

    def _time_out_introduction(self, fd: int, connection: socket.socket) -> None:
        if fd in self._strangers and self._strangers[fd][0] is connection:
            self._reject(fd, _UNIDENTIFIED, f"no introduction in {INTRODUCTION_NS_MAX / 1e9:g} s")

    def _read_introduction(self, fd: int) -> None:
        """Read a stranger's first bytes; adopt the connection once it has said who it is."""
        if fd not in self._strangers:
            return  # dismissed a moment ago
        connection, decoder = self._strangers[fd]
        try:
            chunk = connection.recv(INBOUND_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            self._reject(fd, _UNIDENTIFIED, f"lost: {error.strerror}")
            return
        frames = decoder.feed(chunk)
        if frames:
            self._introduce(fd, frames)
        elif decoder.broken or not chunk:
            self._reject(fd, _UNIDENTIFIED, decoder.broken or "closed before it introduced itself")

    def _introduce(self, fd: int, frames: list[str]) -> None:
        try:
            name, run_id = wire.parse_iam(frames[0])
        except wire.WireError as error:
            self._reject(fd, _UNIDENTIFIED, str(error))
            return
        if run_id != self._run_id:
            self._reject(
                fd, _UNIDENTIFIED, f"{name} is of run {run_id}, this is run {self._run_id}"
            )
        elif name not in self._held:
            self._reject(fd, _UNIDENTIFIED, f"{name} is not a peer of {self._me}")
        elif name in self._successors:
            self._reject(fd, _UNIDENTIFIED, f"a third introduction as {name}")
        elif name in self._inflows:
            self._queue_replacement(fd, name, frames[1:])
        else:
            self._promote(fd, name, frames[1:])

    def _queue_replacement(self, fd: int, name: str, frames: list[str]) -> None:
        """Keep a newcomer waiting for its predecessor's end, which may be on its way to us.

        What the predecessor still holds is read first, as bounded as ever.
        """
        self._waiter.forget(fd)
        successor = ReplacementConnection(fd, self._strangers[fd][0], frames)
        self._successors[name] = successor
        self._waiter.call_at(
            monotonic_ns() + REPLACEMENT_NS_MAX, lambda: self._drop_replacement(name, successor)
        )

    def _drop_replacement(self, name: str, successor: "ReplacementConnection") -> None:
        if self._successors.get(name) is successor:
            del self._successors[name]
            reason = f"a second introduction as {name}, who is connected"
            self._reject(successor.fd, _UNIDENTIFIED, reason)

    def _promote(self, fd: int, name: str, frames: list[str]) -> None:
        self._waiter.forget(fd)
        connection, decoder = self._strangers.pop(fd)
        inflow = PeerConnection(
            name, connection, decoder, self._me, self._held[name], self._open_letter
        )
        self._inflows[name] = inflow
        self._watched_by.watch(fd, READ, lambda: self._read(inflow))
        reason = inflow.accept(frames)
        if reason:
            self._end(inflow, reason)

    def _reject(self, fd: int, peer: str, reason: str) -> None:
        self._waiter.forget(fd)
        connection, _ = self._strangers.pop(fd)
        self._refuse(connection, peer, reason)

    def _refuse(self, connection: socket.socket, peer: str, reason: str) -> None:
        self._incidents.record("stranger-closed", peer, reason)
        connection.close()

    def close(self) -> None:
        """Close every connection and the listening socket."""
        self._waiter.forget(self._listener.fileno())
        self._listener.close()
        for fd, (connection, _) in self._strangers.items():
            self._waiter.forget(fd)
            connection.close()
        for inflow in self._inflows.values():
            self._watched_by.forget(inflow.connection.fileno())
            inflow.connection.close()
        self._peers.close()
