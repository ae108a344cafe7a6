"""Outbound channels: one direction, to one peer, over one TCP connection at a time.

Messages leave in the order in which they were sent. Frames that the kernel does
not take at once wait here, up to OUTBOUND_BYTES_MAX. If more wait, the peer is
away or does not read: the waiting messages are counted as undelivered and the
peer is dialled anew. A lost connection is dialled again with growing pauses,
and what still waits leaves on the new one, beginning with the whole of the
frame that was cut.

Limit: whether the peer has read what the kernel had taken before a connection
was lost is unknown, because TCP does not say.
"""

import errno
import os
import socket
from collections import deque
from itertools import islice
from time import monotonic_ns
from typing import Final

from driftlab.errors import counted
from driftlab.network import wire
from driftlab.network.handshake import INTRODUCTION_NS_MAX, Handshakes, is_challenge
from driftlab.real.addresses import Address, AddressError, notice_lost_peer
from driftlab.real.event_loop import READ, WRITE, EventLoop
from driftlab.real.incidents import Incidents

OUTBOUND_BYTES_MAX: Final = 1 << 20  # that wait for one peer in this process
REDIAL_FIRST_NS: Final = 20_000_000
REDIAL_LAST_NS: Final = 1_000_000_000
_FRAMES_AT_ONCE: Final = 64
_HANDSHAKE_BYTES_MAX: Final = 4_096  # read at once of what the peer writes
_CONNECT_PENDING: Final = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class OutboundChannel:
    """The channel to one peer.

    Args: the name and address of the peer, this machine's handshakes, the event loop,
    and where to record incidents. A host that is not found is looked up again, like a
    peer that does not listen yet: computers may start in any order.
    """

    def __init__(
        self,
        peer: str,
        address: Address,
        handshakes: Handshakes,
        loop: EventLoop,
        incidents: Incidents,
    ) -> None:
        self.peer = peer
        self.is_open = False  # whether it is connected and introduced
        self.undelivered = 0  # messages that were given up
        self._address = address
        self._resolved: tuple[socket.AddressFamily, tuple[str, int]] | None = None
        self._lookup_failed = False
        self._handshakes = handshakes
        self._is_sealing = handshakes.is_proven
        self._handshake = handshakes.dial(peer)
        self._decoder = wire.FrameDecoder()
        self._loop = loop
        self._incidents = incidents
        self._socket: socket.socket | None = None
        self._frames: deque[bytes] = deque()
        self._sealed: list[bytes] = []  # the first of the frames, as they travel on this connection
        self._waiting_bytes = 0
        self._cut = 0  # how many bytes of the first frame this connection has taken
        self._pause_ns = REDIAL_FIRST_NS
        self._opened_ns = 0
        self._was_lost = False
        self._lacks_key = False  # which the peer has
        self._redial_is_due = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """The number of messages that the kernel has not yet taken."""
        return len(self._frames)

    def dial(self) -> None:
        """Begin to connect; the event loop does the rest."""
        self._redial_is_due = False
        if self._closed or self._socket is not None:
            return
        try:
            self._resolved = self._resolved or self._address.resolve()
        except AddressError as error:
            if not self._lookup_failed:  # once: it is tried again every second
                self._incidents.record("dial-failed", self.peer, str(error))
            self._lookup_failed = True
            self._redial_later()
            return
        family, address = self._resolved
        try:
            self._socket = socket.socket(family, socket.SOCK_STREAM)
        except OSError as error:  # out of file descriptors
            self._incidents.record("dial-failed", self.peer, _error_text(error))
            self._redial_later()
            return
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        notice_lost_peer(self._socket)
        code = self._socket.connect_ex(address)
        if code == 0:
            self._finish_dialling()
        elif code in _CONNECT_PENDING:
            self._loop.watch(self._socket.fileno(), WRITE, self._finish_dialling)
        else:
            self._redial_later()

    def _finish_dialling(self) -> None:
        """Introduce this machine if the connection was made, else dial again later."""
        connection = self._connection
        try:
            code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            # Dialling an unused port of the loopback interface can connect the socket to itself.
            if code or connection.getsockname() == connection.getpeername():
                raise ConnectionError
            self._handshake = self._handshakes.dial(self.peer)
            self._decoder = wire.FrameDecoder()
            greeting = self._handshake.greeting
            if greeting and connection.send(greeting) < len(greeting):
                raise ConnectionError
        except OSError:
            self._redial_later()
            return
        if self._handshake.is_open:
            self._open()
            return
        self._loop.watch(connection.fileno(), READ, self._handle_readable)
        self._loop.call_at(
            monotonic_ns() + INTRODUCTION_NS_MAX, lambda: self._end_if_unanswered(connection)
        )

    def _end_if_unanswered(self, connection: socket.socket) -> None:
        if self._socket is connection and not self.is_open:
            self._lose("did not answer the handshake; has it the key of this run?")

    def _open(self) -> None:
        if self._was_lost and not self._lacks_key:
            self._incidents.record("channel-open", self.peer, "connected again")
        self.is_open = True
        self._opened_ns = monotonic_ns()
        self._flush()

    @property
    def _connection(self) -> socket.socket:
        assert self._socket is not None
        return self._socket

    def send(self, frame: bytes) -> None:
        """Send one frame, now or as soon as the kernel takes it."""
        if self.is_open and not self._frames:
            sealed = self._handshake.seal(frame) if self._is_sealing else frame
            taken = self._offer(sealed)
            if taken == len(sealed):
                return
            if self.is_open:
                self._cut, self._sealed = taken, [sealed]
        self._frames.append(frame)
        self._waiting_bytes += len(frame)
        if self._waiting_bytes > OUTBOUND_BYTES_MAX:
            self._discard_waiting()
        elif self.is_open:
            self._loop.watch(self._connection.fileno(), READ | WRITE, self._handle_ready)

    def _handle_ready(self) -> None:
        self._flush()
        if self.is_open:
            self._handle_readable()

    def _offer(self, frames: bytes) -> int:
        """Return how many bytes the kernel takes, 0 if the connection is lost."""
        try:
            return self._connection.send(frames)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._lose(_error_text(error))
            return 0

    def _flush(self) -> None:
        while self._frames and self.is_open:
            self._sealed += map(
                self._handshake.seal, islice(self._frames, len(self._sealed), _FRAMES_AT_ONCE)
            )
            taken = self._offer(b"".join(self._sealed)[self._cut :])
            if taken == 0:
                break
            self._remove(taken)
        if self.is_open:
            events = READ | WRITE if self._frames else READ
            callback = self._handle_ready if self._frames else self._handle_readable
            self._loop.watch(self._connection.fileno(), events, callback)

    def _remove(self, taken: int) -> None:
        """Remove from what waits the bytes that the kernel has taken."""
        taken += self._cut
        whole = 0
        while whole < len(self._sealed) and taken >= len(self._sealed[whole]):
            taken -= len(self._sealed[whole])
            whole += 1
            self._waiting_bytes -= len(self._frames.popleft())
        del self._sealed[:whole]
        self._cut = taken

    def _handle_readable(self) -> None:
        """Go on with the handshake; after it a peer never writes, so the connection ends."""
        try:
            received = self._connection.recv(_HANDSHAKE_BYTES_MAX)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(_error_text(error))
            return
        if not received:
            self._lose("closed by the peer")
        elif self.is_open and is_challenge(received):
            self._lack_key()
        elif self.is_open:
            self._lose("wrote on a channel that it only reads")
        else:
            self._go_on(received)

    def _go_on(self, received: bytes) -> None:
        """Answer what the peer wrote of the handshake, and open the channel at its end."""
        try:
            for text in self._decoder.feed(received):
                answer = self._handshake.hear(text)
                if answer and self._offer(answer) < len(answer):
                    return  # lost, or a peer that takes nothing: it is dialled again in time
        except wire.WireError as error:
            self._lose(str(error))
            return
        if self._decoder.broken:
            self._lose(self._decoder.broken)
        elif self._handshake.is_open and self._socket is not None:
            self._open()

    def _lose(self, reason: str) -> None:
        if self._frames:
            verb = "is" if self.waiting == 1 else "are"
            reason += f"; {counted(self.waiting, 'message')} {verb} kept for the next connection"
        self._incidents.record("channel-lost", self.peer, reason)
        self._close_and_redial()

    def _lack_key(self) -> None:
        """Record once that the peer asks for a key; it does so on every further connection."""
        if self._lacks_key:
            self._close_and_redial()
        else:
            self._lacks_key = True
            self._lose("asks for a key, and this machine was given none (--key FILE)")

    def _close_and_redial(self) -> None:
        """Close and dial again, resetting the backoff if the connection was open and had lasted."""
        self._was_lost = True
        if self.is_open and monotonic_ns() - self._opened_ns > REDIAL_LAST_NS:
            self._pause_ns = REDIAL_FIRST_NS
        self._redial_later()

    def _discard_waiting(self) -> None:
        """Discard the queued messages for a peer that does not read, and reconnect."""
        self._incidents.record(
            "channel-full",
            self.peer,
            f"{self._waiting_bytes} bytes wait for a peer that is away or does not read, over the "
            f"limit of {OUTBOUND_BYTES_MAX}; undelivered: {counted(self.waiting, 'message')}",
        )
        self.undelivered += self.waiting
        self._frames.clear()
        self._waiting_bytes = 0
        self._close_and_redial()

    def _redial_later(self) -> None:
        self._drop()
        if not self._closed and not self._redial_is_due:
            self._redial_is_due = True
            self._loop.call_at(monotonic_ns() + self._pause_ns, self.dial)
            self._pause_ns = min(2 * self._pause_ns, REDIAL_LAST_NS)

    def _drop(self) -> None:
        self._cut = 0
        self._sealed = []
        self.is_open = False
        if self._socket is not None:
            self._loop.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the connection for good; the messages that still wait are undelivered."""
        self._closed = True
        self._drop()
        self.undelivered += self.waiting


def _error_text(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
