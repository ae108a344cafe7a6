"""Events, and the messages that connect them.

An event is what a process did at one tick. Invariant: a message is named by its
sender and the Lamport clock that it carries (`stamp`), because a Lamport clock
rises with every event of a process. A run may keep an additional clock, whose
timestamp the message then carries too.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from driftlab.clocks.clock import Timestamp


class Kind(StrEnum):
    """The three kinds of event in Lamport's model. A receive may also send."""

    INTERNAL = "internal"
    SEND = "send"
    RECEIVE = "receive"


class Message(NamedTuple):
    """A message in transit or in an inbox.

    sender: the name of the process that sent it.
    stamp: the Lamport clock of the send event.
    timestamp: that event's timestamp of the run's additional clock, if any.
    payload: what the sending process put in, None if nothing: canonical JSON
        text in transit, the value when a process receives it.
    """

    sender: str
    stamp: int
    timestamp: Timestamp | None = None
    payload: Any = None


class Event(NamedTuple):
    """One event of one process.

    process, tick, kind: whose event it is, at which tick, and of which kind.
    sender, stamp: the sender of the message received and the Lamport clock
        that it carried, None if nothing was received.
    targets: the names of the processes that the event sends to, in name order.
    clock, queue: the Lamport clock and the length of the inbox after the event.
    timestamp: the event's timestamp of the run's additional clock, if any.
    recorded: the JSON values that the process recorded.
    """

    process: str
    tick: int
    kind: Kind
    sender: str | None
    stamp: int | None
    targets: tuple[str, ...]
    clock: int
    queue: int
    timestamp: Timestamp | None = None
    recorded: tuple[Any, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values, the timestamp as text."""
        timestamp = None if self.timestamp is None else self.timestamp.encode()
        return self._replace(timestamp=None)._asdict() | {"timestamp": timestamp}
