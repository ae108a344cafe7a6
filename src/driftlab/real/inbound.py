"""Inbound connections: accepting them, the handshake, and reading messages.

A connection is unidentified until the handshake, its first frame, introduces the
dialling machine. From then on it is the connection of one peer. A connection that
violates the protocol is refused: it is closed, the reason is recorded, and the machine
goes on. So is one whose messages would take more than INBOX_BYTES_MAX of memory. Of too
many unidentified connections the oldest is closed, of the address that has most of them:
who opens many connections closes its own.

At a tick the sockets are read, each once: what has arrived is taken, at most
INBOUND_BYTES_MAX of each peer, so that a flooding peer cannot delay the tick;
reaching that limit is recorded. If the scenario's order is "peers", the
messages of the first peer come before those of the next. A machine with long
ticks also reads its sockets every DRAIN_EVERY_NS, into the same order, because
the buffers of the kernel would otherwise fill and hide a part of the queue. If
the order is "arrival", messages are read and queued as they arrive.
"""

import socket
from collections import Counter, deque
from collections.abc import Callable
from time import monotonic_ns
from typing import Final

from driftlab.clocks.catalogue import timestamp_decoder
from driftlab.clocks.clock import TimestampError
from driftlab.errors import counted
from driftlab.model.event import Message, PayloadError, canonical_payload
from driftlab.network import wire
from driftlab.network.handshake import INTRODUCTION_NS_MAX, Acceptor, Handshakes, Introduction
from driftlab.network.timestamp_bounds import CLOCK_LEAD_MAX, Own, require_stamp, require_timestamp
from driftlab.real.addresses import notice_lost_peer
from driftlab.real.event_loop import READ, EventLoop, make_poller
from driftlab.real.incidents import UNIDENTIFIED, Incidents
from driftlab.scenario.plan import MachinePlan

INBOUND_BYTES_MAX: Final = 32_768  # of one peer in one read
DRAIN_EVERY_NS: Final = 100_000_000
REPLACEMENT_NS_MAX: Final = 1_000_000_000  # a peer's second connection waits for the first to end
ACCEPT_PAUSE_NS: Final = 200_000_000  # after the system refused to accept a connection
UNIDENTIFIED_CLOSED: Final = "stranger-closed"  # what an incident of an unidentified connection is
UNIDENTIFIED_MAX: Final = 64  # unidentified connections, beyond one for each peer
# Memory that a peer's messages may take before they are received. A run of the model stays far
# below: some million messages.
INBOX_BYTES_MAX: Final = 1 << 28
MESSAGE_BYTES: Final = 200  # of a message in memory, besides its text
# Of a character of a timestamp's text once decoded: "999.", say, is an integer of 28 bytes and a
# pointer to it.
TIMESTAMP_BYTES: Final = 9
_ACCEPTED_AT_ONCE: Final = 16  # so that who has connected is heard before many others are accepted
_CLOSED: Final = "closed by the peer"
_new = tuple.__new__  # takes half the time of the generated constructor
_LOST_BEFORE: Final = "lost before it introduced itself"

DecodeMessage = Callable[[str, wire.Hello], Message]  # (name of the peer, what it sent)
ReadOwn = Callable[[], Own]


def message_decoder(plan: MachinePlan, read_own: ReadOwn) -> DecodeMessage:
    """Return the function that decodes the messages of a machine's peers.

    read_own: returns the machine's own clocks, which bound those of its peers.

    That function raises WireError, TimestampError or PayloadError if a message
    is not one of this run: if its timestamp is not of the run's clock, its
    payload is not JSON, or a clock leads the machine's own by more than it may.
    """
    positions = dict(zip(plan.peers, plan.peer_positions, strict=True))
    decode_timestamp = timestamp_decoder(plan.clock, positions, plan.size)

    def decode(peer: str, hello: wire.Hello) -> Message:
        _, stamp, text, payload = hello
        timestamp = None
        if text is not None and decode_timestamp is not None:
            timestamp = decode_timestamp(peer, text)
            require_timestamp(text, plan.clock, read_own)
        elif text is not None or decode_timestamp is not None:
            raise wire.WireError(
                f"a message {'with a' if text else 'without its'} timestamp; the "
                f"clock of this run is {plan.clock}"
            )
        if stamp > CLOCK_LEAD_MAX:
            require_stamp(stamp, read_own())
        payload = None if payload is None else canonical_payload(payload)
        return _new(Message, (peer, stamp, timestamp, payload))

    return decode


class WaitingBytes:
    """How much memory the messages of one peer take that arrived and were not yet received.

    A receive costs nothing here: `bytes` counts what was received too, until `keep_last`
    gets the number of messages that still wait.
    """

    __slots__ = ("_parts", "bytes")

    def __init__(self) -> None:
        self.bytes = 0
        self._parts: deque[list[int]] = deque()  # messages and bytes of each, the oldest first

    def add(self, messages: int, size: int) -> None:
        """Count some messages more."""
        self.bytes += size
        if self._parts and self._parts[-1][1] < INBOX_BYTES_MAX >> 10:
            self._parts[-1][0] += messages
            self._parts[-1][1] += size
        else:
            self._parts.append([messages, size])

    def keep_last(self, messages: int) -> None:
        """Count no more what was received: a peer's messages stay in order, so the first."""
        counted_so_far = sum(part[0] for part in self._parts)
        while self._parts and counted_so_far - self._parts[0][0] >= messages:
            received, size = self._parts.popleft()
            counted_so_far -= received
            self.bytes -= size


class PeerConnection:
    """The connection of one peer, whose messages it appends to `inbox`.

    Args: the name of the peer, the socket, the decoder with the bytes read so
    far, the machine's own name, the list of received messages, the memory that the
    peer's messages take, what counts that again without those that were received, and
    the function that decodes a message.
    """

    def __init__(
        self,
        peer: str,
        connection: socket.socket,
        decoder: wire.FrameDecoder,
        own_name: str,
        inbox: list[Message],
        waiting: WaitingBytes,
        recount: Callable[[], None],
        decode_message: DecodeMessage,
    ) -> None:
        self.peer = peer
        self.connection = connection
        self.reached_limit = False  # whether a read has ever taken INBOUND_BYTES_MAX
        self.is_refused = False  # whether it ends because of what the peer wrote
        self._decoder = decoder
        self._own_name = own_name
        self._inbox = inbox
        self._waiting = waiting
        self._recount = recount
        self._decode_message = decode_message

    def read(self) -> str | None:
        """Read once what has arrived. Return the reason if the connection has to end."""
        try:
            chunk = self.connection.recv(INBOUND_BYTES_MAX)
        except BlockingIOError:
            return None
        except OSError as error:
            return f"lost: {error.strerror}"
        if not chunk:
            cut = self._decoder.pending_bytes
            return f"closed by the peer after {counted(cut, 'byte')} of a frame" if cut else _CLOSED
        self.reached_limit |= len(chunk) == INBOUND_BYTES_MAX
        return self.take_frames(self._decoder.feed(chunk))

    def take_frames(self, frames: list[str]) -> str | None:
        """Take the messages that frames carry. Return the reason if the connection has to end."""
        fitting = self._fitting(frames)
        reason = self._take_messages(frames[:fitting])
        if reason is None and fitting < len(frames):
            reason = f"its waiting messages would take more than {INBOX_BYTES_MAX} bytes"
        reason = reason or self._decoder.broken
        self.is_refused = reason is not None
        return reason

    def _fitting(self, frames: list[str]) -> int:
        """Return how many of the frames the memory for the peer's messages has room for."""
        waiting = self._waiting
        most = MESSAGE_BYTES * len(frames) + (1 + TIMESTAMP_BYTES) * sum(map(len, frames))
        if waiting.bytes + most <= INBOX_BYTES_MAX:
            return len(frames)
        self._recount()
        size = waiting.bytes
        for fitting, text in enumerate(frames):
            size += MESSAGE_BYTES + len(text)
            if size > INBOX_BYTES_MAX:
                return fitting
        return len(frames)

    def _take_messages(self, frames: list[str]) -> str | None:
        peer, own_name, decode_message = self.peer, self._own_name, self._decode_message
        inbox, parse_hello = self._inbox, wire.parse_hello
        before = len(inbox)
        try:
            for text in frames:
                hello = parse_hello(text)
                if own_name not in hello.targets:
                    return f"a message to {','.join(hello.targets)}, not to {own_name}"
                inbox.append(decode_message(peer, hello))
        except (wire.WireError, TimestampError, PayloadError) as error:
            return str(error)
        finally:
            self._count(frames, inbox[before:])
        return None

    def _count(self, frames: list[str], messages: list[Message]) -> None:
        """Count the memory of the messages that the first of the frames carried."""
        if not messages:
            return
        texts = sum(map(len, frames[: len(messages)]))
        size = MESSAGE_BYTES * len(messages) + texts
        if messages[0].timestamp is not None:
            payloads = sum(len(each.payload) for each in messages if each.payload is not None)
            size += TIMESTAMP_BYTES * (texts - payloads)
        self._waiting.add(len(messages), size)


class UnidentifiedConnection:
    """A connection that has not introduced itself.

    address: of the computer that dialled. until_ns: when its time is over, in nanoseconds
    of the monotonic clock.
    """

    __slots__ = ("address", "connection", "decoder", "handshake", "until_ns")

    def __init__(
        self, connection: socket.socket, handshake: Acceptor, address: str, until_ns: int
    ) -> None:
        self.connection = connection
        self.decoder = wire.FrameDecoder()
        self.handshake = handshake
        self.address = address
        self.until_ns = until_ns


# A connection that has introduced itself, and its frames so far. If it is a peer's second one,
# it waits for the first to end.
IntroducedConnection = tuple[socket.socket, wire.FrameDecoder, Introduction, list[str]]


class Inbound:
    """The listening socket and all inbound connections of one machine.

    Args: the machine's plan, its handshakes, the scenario's `order`, the listening
    socket, the event loop, where to record incidents, what returns the machine's own
    clocks, and what returns how many messages of a peer wait in its inbox.
    """

    def __init__(
        self,
        plan: MachinePlan,
        handshakes: Handshakes,
        order: str,
        listener: socket.socket,
        loop: EventLoop,
        incidents: Incidents,
        read_own: ReadOwn,
        count_in_inbox: Callable[[str], int],
    ) -> None:
        self.refused: dict[str, int] = {}  # how often each peer's connection was refused
        self._own_name = plan.name
        self._decode_message = message_decoder(plan, read_own)
        self._waiting = {peer: WaitingBytes() for peer in plan.peers}
        self._count_in_inbox = count_in_inbox
        self._handshakes = handshakes
        self._incarnations: dict[str, int] = {}  # of each peer, the latest that joined
        self._listener = listener
        self._loop = loop
        self._incidents = incidents
        self._unidentified: dict[int, UnidentifiedConnection] = {}  # the oldest first
        self._is_watching_time = False  # whether a timer is set for the oldest
        self._connections: dict[str, PeerConnection] = {}
        self._replacements: dict[str, IntroducedConnection] = {}
        self._tick_poller = make_poller()  # asked at ticks only
        shared: list[Message] = []
        by_arrival = order == "arrival"
        self._peer_poller = loop if by_arrival else self._tick_poller
        self._inboxes = {peer: shared if by_arrival else [] for peer in plan.peers}
        self._queues = [shared] if by_arrival else list(self._inboxes.values())
        loop.watch(listener.fileno(), READ, self._accept)
        if not by_arrival:
            self._drain_regularly()

    @property
    def connected_peers(self) -> int:
        """The number of peers that are connected to this machine."""
        return len(self._connections)

    def collect(self) -> list[Message]:
        """Read the sockets; return the messages since the last call, in queue order."""
        self._drain()
        found: list[Message] = []
        for inbox in self._queues:
            if inbox:
                found += inbox
                inbox.clear()
        return found

    def _recount(self, peer: str) -> None:
        """Count the memory of a peer's waiting messages without those that were received."""
        not_collected = sum(message.sender == peer for message in self._inboxes[peer])
        self._waiting[peer].keep_last(not_collected + self._count_in_inbox(peer))

    def _drain(self) -> None:
        for read in self._tick_poller.ready(0):
            read()

    def _drain_regularly(self) -> None:
        self._drain()
        self._loop.call_at(monotonic_ns() + DRAIN_EVERY_NS, self._drain_regularly)

    def _read(self, connection: PeerConnection) -> None:
        if self._connections.get(connection.peer) is not connection:
            return  # it ended after the poller had returned this callback
        had_reached_limit = connection.reached_limit
        reason = connection.read()
        if connection.reached_limit and not had_reached_limit:
            limit = f"over {INBOUND_BYTES_MAX} bytes at once; the rest waits for the next read"
            self._incidents.record("intake-bound", connection.peer, limit)
        if reason is not None:
            self._end(connection, reason)

    def _end(self, connection: PeerConnection, reason: str) -> None:
        self._incidents.record("peer-closed", connection.peer, reason)
        if connection.is_refused:
            self.refused[connection.peer] = self.refused.get(connection.peer, 0) + 1
        del self._connections[connection.peer]
        self._peer_poller.forget(connection.connection.fileno())
        connection.connection.close()
        if connection.peer in self._replacements:
            self._promote(self._replacements.pop(connection.peer))

    def _accept(self) -> None:
        for _ in range(_ACCEPTED_AT_ONCE):
            try:
                connection, address = self._listener.accept()
            except BlockingIOError:
                return
            except OSError as error:
                self._incidents.record("accept-failed", UNIDENTIFIED, str(error.strerror))
                if self._unidentified:  # of which the descriptor may be missing
                    self._evict("the system takes no more connections")
                self._pause_accepting()
                return
            self._watch_unidentified(connection, str(address[0]))

    def _pause_accepting(self) -> None:
        """Stop accepting for a while: to try again at once would be a busy wait."""
        fd = self._listener.fileno()
        self._loop.forget(fd)
        self._loop.call_at(
            monotonic_ns() + ACCEPT_PAUSE_NS, lambda: self._loop.watch(fd, READ, self._accept)
        )

    def _watch_unidentified(self, connection: socket.socket, address: str) -> None:
        try:
            connection.setblocking(False)
            notice_lost_peer(connection)
        except OSError:  # some systems refuse options of a connection that has ended already
            self._close_unidentified(connection, _LOST_BEFORE)
            return
        if len(self._unidentified) >= UNIDENTIFIED_MAX + len(self._inboxes):
            self._evict(f"more than {UNIDENTIFIED_MAX} unidentified connections at once")
        fd, handshake = connection.fileno(), self._handshakes.accept()
        until_ns = monotonic_ns() + INTRODUCTION_NS_MAX
        self._unidentified[fd] = UnidentifiedConnection(connection, handshake, address, until_ns)
        if handshake.greeting and not _write(connection, handshake.greeting):
            self._reject(fd, _LOST_BEFORE)
            return
        self._loop.watch(fd, READ, lambda: self._read_introduction(fd))
        self._watch_time()
        self._read_introduction(fd)  # mostly there already, and then it cannot be evicted

    def _evict(self, reason: str) -> None:
        """Close an unidentified connection: idle ones must not keep peers out.

        It is the oldest of the address that has most, so that no computer can have those
        of another one closed.
        """
        counts = Counter(one.address for one in self._unidentified.values())
        ((address, _),) = counts.most_common(1)
        oldest = next(fd for fd, one in self._unidentified.items() if one.address == address)
        self._reject(oldest, reason)

    def _watch_time(self) -> None:
        """Have a timer for the oldest unidentified connection: one for all, however many come."""
        if self._unidentified and not self._is_watching_time:
            self._is_watching_time = True
            oldest = next(iter(self._unidentified.values()))
            self._loop.call_at(oldest.until_ns, self._time_out_introductions)

    def _time_out_introductions(self) -> None:
        self._is_watching_time = False
        now_ns = monotonic_ns()
        for fd, unidentified in list(self._unidentified.items()):
            if unidentified.until_ns > now_ns:
                break
            self._reject(fd, f"no introduction in {INTRODUCTION_NS_MAX / 1e9:g} s")
        self._watch_time()

    def _read_introduction(self, fd: int) -> None:
        """Read the first bytes of an unidentified connection; promote it once introduced."""
        if fd not in self._unidentified:
            return  # it was rejected after the poller had returned this callback
        decoder = self._unidentified[fd].decoder
        try:
            chunk = self._unidentified[fd].connection.recv(INBOUND_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            self._reject(fd, f"lost: {error.strerror}")
            return
        frames = decoder.feed(chunk)
        if frames:
            self._introduce(fd, frames)
        elif decoder.broken or not chunk:
            self._reject(fd, decoder.broken or "closed before it introduced itself")

    def _introduce(self, fd: int, frames: list[str]) -> None:
        unidentified = self._unidentified[fd]
        decoder = unidentified.decoder
        try:
            introduction = unidentified.handshake.introduce(frames[0])
        except wire.WireError as error:
            self._reject(fd, str(error))
            return
        name, proven = introduction.name, self._handshakes.is_proven
        if name not in self._inboxes:
            self._reject(fd, f"{name} is not a peer of {self._own_name}")
        elif proven and (len(frames) > 1 or decoder.pending_bytes):
            self._reject(fd, f"{name} wrote before it was answered")
        elif introduction.incarnation < self._incarnations.get(name, 0):
            self._reject(fd, f"an earlier incarnation of {name} than the one that joined")
        elif name in self._replacements and not proven:
            self._reject(fd, f"a third introduction as {name}")
        else:
            del self._unidentified[fd]
            self._loop.forget(fd)
            self._incarnations[name] = introduction.incarnation
            introduced = (unidentified.connection, decoder, introduction, frames[1:])
            if name in self._connections:
                self._queue_replacement(introduced)
            else:
                self._promote(introduced)

    def _queue_replacement(self, replacement: IntroducedConnection) -> None:
        """Let a peer's second connection wait for the end of the first.

        That end may still be on its way, and what the first connection still
        holds must be read before.
        """
        name = replacement[2].name
        if name in self._replacements:  # a proven peer: its newest connection counts
            earlier, *_ = self._replacements.pop(name)
            self._close_unidentified(earlier, f"{name} has connected once more")
        self._replacements[name] = replacement
        self._loop.call_at(
            monotonic_ns() + REPLACEMENT_NS_MAX, lambda: self._end_waiting(name, replacement)
        )

    def _end_waiting(self, name: str, replacement: IntroducedConnection) -> None:
        """Drop a replacement whose first connection did not end, unless it is proven.

        A proven one is of the same machine, so the first connection is dead.
        """
        if self._replacements.get(name) is not replacement:
            return
        if self._handshakes.is_proven:
            self._end(self._connections[name], f"{name} has connected again")
            return
        del self._replacements[name]
        reason = f"a second introduction as {name}, which is already connected"
        self._close_unidentified(replacement[0], reason)

    def _promote(self, introduced: IntroducedConnection) -> None:
        """Make a connection that introduced itself the connection of a peer."""
        connection, decoder, introduction, frames = introduced
        name, answer, open_frame = introduction.name, introduction.answer, introduction.open_frame
        if answer and not _write(connection, answer):
            self._close_unidentified(connection, _LOST_BEFORE)
            return
        if open_frame is not None:
            decoder.open_with(open_frame, self._handshakes.frame_bytes_max)
        promoted = PeerConnection(
            name, connection, decoder, self._own_name, self._inboxes[name], self._waiting[name],
            lambda: self._recount(name), self._decode_message,
        )  # fmt: skip
        self._connections[name] = promoted
        self._peer_poller.watch(connection.fileno(), READ, lambda: self._read(promoted))
        reason = promoted.take_frames(frames)
        if reason:
            self._end(promoted, reason)

    def _reject(self, fd: int, reason: str) -> None:
        """Close an unidentified connection."""
        self._loop.forget(fd)
        self._close_unidentified(self._unidentified.pop(fd).connection, reason)

    def _close_unidentified(self, connection: socket.socket, reason: str) -> None:
        self._incidents.record(UNIDENTIFIED_CLOSED, UNIDENTIFIED, reason)
        connection.close()

    def close(self) -> None:
        """Close every connection and the listening socket."""
        self._loop.forget(self._listener.fileno())
        self._listener.close()
        for fd, unidentified in self._unidentified.items():
            self._loop.forget(fd)
            unidentified.connection.close()
        for connection, *_ in self._replacements.values():
            connection.close()
        for peer_connection in self._connections.values():
            self._peer_poller.forget(peer_connection.connection.fileno())
            peer_connection.connection.close()
        self._tick_poller.close()


def _write(connection: socket.socket, text: bytes) -> bool:
    """Write a few bytes of a handshake; return whether the kernel took them all."""
    try:
        return connection.send(text) == len(text)
    except OSError:
        return False
