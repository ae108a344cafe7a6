"""The first frames of a connection, before any message: who dialled, and of which run.

Plain connections, which are here, have one frame, by which the dialling machine introduces
itself. Connections of a run with a key (`network/sealing.py`) prove themselves in both
directions. Both have the same steps, as values: what one side writes next.
"""

from typing import Final

from driftlab.network.wire import OpenFrame, WireError, iam, parse_iam

INTRODUCTION_NS_MAX: Final = 5_000_000_000  # from the connection to the end of its handshake
CHALLENGE: Final = "Nonce "  # how the first frame of who accepts begins, in a run with a key


def is_challenge(received: bytes) -> bool:
    """Whether what a peer wrote first is a challenge, which only a peer with a key sends."""
    return CHALLENGE.encode() in received


class Introduction:
    """A machine that introduced itself.

    incarnation: rises each time the machine is started; 0 if it is not proven. answer:
    what the accepting side writes then. open_frame: opens its later frames, None if
    they are plain.
    """

    __slots__ = ("answer", "incarnation", "name", "open_frame")

    def __init__(
        self,
        name: str,
        incarnation: int = 0,
        answer: bytes = b"",
        open_frame: OpenFrame | None = None,
    ) -> None:
        self.name = name
        self.incarnation = incarnation
        self.answer = answer
        self.open_frame = open_frame


class Acceptor:
    """The accepting side of one connection.

    greeting: what it writes first.
    """

    greeting = b""

    def __init__(self, run_id: str) -> None:
        self._run_id = run_id

    def introduce(self, text: str) -> Introduction:
        """Return who a first frame introduces. Raise WireError if it may not join."""
        name, run_id = parse_iam(text)
        require_run(name, run_id, self._run_id)
        return Introduction(name)


class Dialler:
    """The dialling side of one connection.

    greeting: what it writes first. is_open: whether it may send messages.
    """

    is_open = True

    def __init__(self, greeting: bytes) -> None:
        self.greeting = greeting

    def hear(self, text: str) -> bytes:
        """Return what to write after a frame of the other side. Raise WireError if it is wrong."""
        raise WireError("wrote on a channel that it only reads")

    def seal(self, plain: bytes) -> bytes:
        """Return the frame of the next message as it travels."""
        return plain


class Handshakes:
    """Begins the handshakes of one machine.

    Args: the machine's own name, and the id of the run. is_proven: whether they prove who
    takes part. frame_bytes_max: of a frame after them, 0 for that of the wire.
    """

    is_proven = False
    frame_bytes_max = 0

    def __init__(self, name: str, run_id: str) -> None:
        self._name = name
        self._run_id = run_id

    def accept(self) -> Acceptor:
        """Return the accepting side of a new connection."""
        return Acceptor(self._run_id)

    def dial(self, peer: str) -> Dialler:
        """Return the dialling side of a new connection to a peer."""
        return Dialler(iam(self._name, self._run_id))


def require_run(name: str, run_id: str, own_run_id: str) -> None:
    """Raise WireError if a machine is of another run.

    name, run_id: of the machine, and the run that it named. own_run_id: of this machine.
    """
    if run_id != own_run_id:
        raise WireError(f"{name} is of run {run_id}, this is run {own_run_id}")
