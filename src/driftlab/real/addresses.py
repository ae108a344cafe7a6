"""TCP addresses, written as HOST:PORT, and the sockets that listen at them."""

import socket
from typing import Final, NamedTuple

from driftlab.errors import DriftlabError

LOST_PEER_S: Final = 30  # after which a silent connection counts as lost
_PROBES: Final = 3  # of which none was answered when a connection counts as lost


class AddressError(DriftlabError):
    """An address is malformed or cannot be used; the message says why."""


class Address(NamedTuple):
    """A host, by name or IP address, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Return the address written as HOST:PORT, or [HOST]:PORT for IPv6.

        Raise AddressError if it is malformed.
        """
        host, colon, port = text.rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65535):
            raise AddressError(f"{text!r} is not an address; allowed: HOST:PORT, port 0 to 65535")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    @property
    def is_loopback(self) -> bool:
        """Whether only this computer can reach it: 127.x.x.x, ::1 or localhost."""
        if self.host == "localhost":
            return True
        try:
            packed = socket.inet_pton(socket.AF_INET, self.host)
        except OSError:
            return self.host == "::1"
        return packed[0] == 127

    def resolve(self) -> tuple[socket.AddressFamily, tuple[str, int]]:
        """Look the host up, blocking, and return the family and address for a socket.

        Raise AddressError if the host is not found.
        """
        try:
            # An ASCII host is passed as bytes, so that the slow IDNA codec is not loaded.
            host = self.host.encode() if self.host.isascii() else self.host
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise AddressError(f"{self}: {error.strerror}") from error
        found.sort(key=lambda one: one[0] != socket.AF_INET)  # prefer 127.0.0.1 to ::1
        family, _, _, _, address = found[0]
        return family, (str(address[0]), int(address[1]))


def notice_lost_peer(connection: socket.socket) -> None:
    """Have the kernel notice a peer that vanished without closing, within LOST_PEER_S.

    A computer that lost its power or its cable says nothing. So the kernel asks after
    some silence, and waits no longer than that for an answer to what was sent.
    """
    idle = LOST_PEER_S // 2
    options = {
        "TCP_KEEPIDLE": idle,
        "TCP_KEEPALIVE": idle,  # the same on macOS
        "TCP_KEEPINTVL": (LOST_PEER_S - idle) // _PROBES,
        "TCP_KEEPCNT": _PROBES,
        "TCP_USER_TIMEOUT": LOST_PEER_S * 1000,  # milliseconds
    }
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in options.items():
        option = getattr(socket, name, None)  # systems differ
        if option is not None:
            connection.setsockopt(socket.IPPROTO_TCP, option, value)


def listen(address: Address, backlog: int) -> socket.socket:
    """Return a non-blocking listening socket.

    `backlog` is the number of connections that may wait to be accepted. Raise
    AddressError if the address cannot be bound.
    """
    family, socket_address = address.resolve()
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(socket_address)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise AddressError(f"cannot listen on {address}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
