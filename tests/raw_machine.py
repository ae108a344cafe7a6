"""A machine that knows nothing but `docs/wire.md`, on plain blocking sockets."""

import socket
import struct
from types import TracebackType

PATIENCE_S = 20.0


def framed(text: str) -> bytes:
    payload = text.encode()
    return struct.pack(">I", len(payload)) + payload


class RawMachine:
    """Listens at a free port of loopback; dials, introduces itself, sends, reads frames."""

    def __init__(self, name: str, backlog: int = 8) -> None:
        self.name = name
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.listener.settimeout(PATIENCE_S)
        self.port: int = self.listener.getsockname()[1]
        self.outgoing: socket.socket | None = None
        self.incoming: socket.socket | None = None
        self.received = b""

    def __enter__(self) -> "RawMachine":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for one in (self.listener, self.outgoing, self.incoming):
            if one is not None:
                one.close()

    def connect(self, port: int) -> socket.socket:
        """Dial without an introduction."""
        dialled = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.outgoing = dialled
        return dialled

    def join(self, port: int, run_id: str) -> str:
        """Dial, introduce ourselves, accept the other's connection; return its introduction."""
        self.connect(port)
        self.say(f"Iam {self.name} {run_id}")
        return self.take_call()

    def take_call(self) -> str:
        self.incoming, _ = self.listener.accept()
        self.incoming.settimeout(PATIENCE_S)
        self.received = b""
        return self.hear() or ""

    def say(self, text: str) -> None:
        self.write(framed(text))

    def write(self, raw: bytes) -> None:
        assert self.outgoing is not None
        self.outgoing.sendall(raw)

    def hang_up(self) -> None:
        """Close the writing half of the dialled connection."""
        assert self.outgoing is not None
        self.outgoing.shutdown(socket.SHUT_WR)

    def hear(self) -> str | None:
        """Return the next frame, or None at the end of the connection."""
        assert self.incoming is not None
        while True:
            if len(self.received) >= 4:
                (length,) = struct.unpack(">I", self.received[:4])
                if len(self.received) >= 4 + length:
                    text = self.received[4 : 4 + length].decode()
                    self.received = self.received[4 + length :]
                    return text
            chunk = self.incoming.recv(65536)
            if not chunk:
                return None
            self.received += chunk

    def hear_all(self) -> list[str]:
        """Return every frame up to the end of the connection."""
        frames = []
        while (text := self.hear()) is not None:
            frames.append(text)
        return frames

    def was_closed(self) -> bool:
        """Wait until the other side closes the connection that we dialled."""
        assert self.outgoing is not None
        try:
            return self.outgoing.recv(1) == b""
        except ConnectionError:
            return True
