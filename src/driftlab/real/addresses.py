"""Addresses as people write them, HOST:PORT, and as sockets take them."""

import socket
from typing import NamedTuple

from driftlab.errors import DriftlabError


class AddressError(DriftlabError):
    """An address that cannot be used, and what one looks like."""


class Address(NamedTuple):
    """A host, by name or number, and a TCP port."""

    host: str
    port: int

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> "Address":
        """Read HOST:PORT, or [HOST]:PORT for IPv6. Raises AddressError."""
        host, colon, port = text.rpartition(":")
        if not (colon and host and port.isascii() and port.isdigit() and int(port) <= 65535):
            raise AddressError(f"{text!r} is not an address; allowed: HOST:PORT, port 0 to 65535")
        return cls(host.removeprefix("[").removesuffix("]"), int(port))

    def resolve(self) -> tuple[socket.AddressFamily, tuple[str, int]]:
        """Look the host up, once, blocking. Raises AddressError."""
        try:
            # As bytes, where ASCII does, lest the codec for international names be loaded.
            host = self.host.encode() if self.host.isascii() else self.host
            found = socket.getaddrinfo(host, self.port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise AddressError(f"{self}: {error.strerror}") from error
        found.sort(key=lambda one: one[0] != socket.AF_INET)  # a name may mean ::1 and 127.0.0.1
        family, _, _, _, address = found[0]
        return family, (str(address[0]), int(address[1]))


def listen(address: Address, backlog: int) -> socket.socket:
    """Return a non-blocking listening socket. Raises AddressError."""
    family, where = address.resolve()
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(backlog)
    except OSError as error:
        listener.close()
        raise AddressError(f"cannot listen on {address}: {error.strerror}") from error
    listener.setblocking(False)
    return listener
