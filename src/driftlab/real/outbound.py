"""An outgoing channel: one direction, to one peer, over one TCP connection at a time.

Messages leave in the order they were sent. What the kernel does not take at
once waits here, whole frames, up to OUTGOING_BYTES_MAX; more than that means a
peer that does not read, and the channel ends: what waits is counted as
undelivered and a new connection is tried. A lost connection is dialled again
with growing pauses; what still waits goes out on the new one, beginning with
the frame that was cut. What the kernel had already taken from us may or may
not have been read: TCP does not say, and neither does this room.
"""

import errno
import os
import socket
from collections import deque
from itertools import islice
from time import monotonic_ns
from typing import Final

from driftlab.real.addresses import Address
from driftlab.real.event_loop import READ, WRITE, EventLoop
from driftlab.real.incidents import Incidents

OUTGOING_BYTES_MAX: Final = 1 << 20  # waiting for one peer, in this process
REDIAL_FIRST_NS: Final = 20_000_000
REDIAL_LAST_NS: Final = 1_000_000_000
_FRAMES_AT_ONCE: Final = 64
_DIAL_GOES_ON: Final = (0, errno.EINPROGRESS, errno.EWOULDBLOCK)


class OutboundChannel:
    """The way to one peer. `is_open` once connected and introduced."""

    def __init__(
        self, peer: str, address: Address, greeting: bytes, waiter: EventLoop, incidents: Incidents
    ) -> None:
        self.peer = peer
        self.is_open = False
        self.undelivered = 0  # messages given up, for good
        self._family, self._where = address.resolve()
        self._greeting = greeting
        self._waiter = waiter
        self._incidents = incidents
        self._socket: socket.socket | None = None
        self._frames: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._cut = 0  # bytes of the first frame that this connection has taken
        self._pause_ns = REDIAL_FIRST_NS
        self._opened_ns = 0
        self._lost = False
        self._redial_waits = False
        self._closed = False

    @property
    def waiting(self) -> int:
        """How many messages wait for the kernel to take them."""
        return len(self._frames)

    def dial(self) -> None:
        """Begin to connect; the waiter does the rest."""
        self._redial_waits = False
        if self._closed or self._socket is not None:
            return
        try:
            self._socket = socket.socket(self._family, socket.SOCK_STREAM)
        except OSError as error:  # the system has no descriptor left
            self._incidents.record("dial-failed", self.peer, _reason(error))
            self._redial_later()
            return
        self._socket.setblocking(False)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        code = self._socket.connect_ex(self._where)
        if code == 0:
            self._dialled()
        elif code in _DIAL_GOES_ON:
            self._waiter.watch(self._socket.fileno(), WRITE, self._dialled)
        else:
            self._redial_later()

    def _dialled(self) -> None:
        """The connection stands, or failed: introduce ourselves, or try again later."""
        connection = self._connection
        try:
            code = connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
            # An unused port of loopback can connect to itself; that is nobody.
            if code or connection.getsockname() == connection.getpeername():
                raise ConnectionError
            if connection.send(self._greeting) < len(self._greeting):
                raise ConnectionError
        except OSError:
            self._redial_later()
            return
        if self._lost:
            self._incidents.record("channel-open", self.peer, "connected again")
        self.is_open = True
        self._opened_ns = monotonic_ns()
        self._flush()

    @property
    def _connection(self) -> socket.socket:
        assert self._socket is not None
        return self._socket

    def send(self, frame: bytes) -> None:
        """Send one frame, or keep it until it can go."""
        if self.is_open and not self._frames:
            taken = self._give(frame)
            if taken == len(frame):
                return
            self._cut = max(taken, 0)
        self._frames.append(frame)
        self._waiting_bytes += len(frame)
        if self._waiting_bytes > OUTGOING_BYTES_MAX:
            self._give_up()
        elif self.is_open:
            self._waiter.watch(self._connection.fileno(), READ | WRITE, self._serve)

    def _serve(self) -> None:
        self._flush()
        if self.is_open:
            self._peer_spoke()

    def _give(self, frames: bytes) -> int:
        """Offer bytes to the kernel; return how many it took. A lost connection took none."""
        try:
            return self._connection.send(frames)
        except BlockingIOError:
            return 0
        except OSError as error:
            self._lose(_reason(error))
            return 0

    def _flush(self) -> None:
        while self._frames and self.is_open:
            frames = list(islice(self._frames, _FRAMES_AT_ONCE))
            frames[0] = frames[0][self._cut :]
            taken = self._give(b"".join(frames))
            if taken == 0:
                break
            self._take_off(taken)
        if self.is_open:
            events = READ | WRITE if self._frames else READ
            callback = self._serve if self._frames else self._peer_spoke
            self._waiter.watch(self._connection.fileno(), events, callback)

    def _take_off(self, taken: int) -> None:
        taken += self._cut
        while self._frames and taken >= len(self._frames[0]):
            size = len(self._frames.popleft())
            self._waiting_bytes -= size
            taken -= size
        self._cut = taken

    def _peer_spoke(self) -> None:
        """Nobody writes on this channel but us: what can be read is its end, or an error."""
        try:
            said = self._connection.recv(1)
        except BlockingIOError:
            return
        except OSError as error:
            self._lose(_reason(error))
            return
        self._lose("wrote on a channel that is ours to write" if said else "closed by the peer")

    def _lose(self, reason: str) -> None:
        kept = f"; {self.waiting} messages are kept for the next connection" if self._frames else ""
        self._incidents.record("channel-lost", self.peer, reason + kept)
        self._end_connection()

    def _end_connection(self) -> None:
        """Dial again: soon if the connection had stood for a while, else with longer pauses."""
        self._lost = True
        if monotonic_ns() - self._opened_ns > REDIAL_LAST_NS:
            self._pause_ns = REDIAL_FIRST_NS
        self._redial_later()

    def _give_up(self) -> None:
        """End a channel whose peer does not read, and begin anew with nothing waiting."""
        self._incidents.record(
            "channel-full",
            self.peer,
            f"{self._waiting_bytes} bytes wait for a peer that is away or does not read, over the "
            f"limit of {OUTGOING_BYTES_MAX}; {self.waiting} messages are not delivered",
        )
        self.undelivered += self.waiting
        self._frames.clear()
        self._waiting_bytes = 0
        self._end_connection()

    def _redial_later(self) -> None:
        self._drop()
        if not self._closed and not self._redial_waits:
            self._redial_waits = True
            self._waiter.call_at(monotonic_ns() + self._pause_ns, self.dial)
            self._pause_ns = min(2 * self._pause_ns, REDIAL_LAST_NS)

    def _drop(self) -> None:
        self._cut = 0
        self.is_open = False
        if self._socket is not None:
            self._waiter.forget(self._socket.fileno())
            self._socket.close()
            self._socket = None

    def close(self) -> None:
        """Close the connection and dial no more; what still waits is undelivered."""
        self._closed = True
        self._drop()
        self.undelivered += self.waiting


def _reason(error: OSError) -> str:
    return os.strerror(error.errno) if error.errno else str(error)
