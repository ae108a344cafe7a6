"""The one currency of the house: events, and the messages that connect them.

An event is what a process did at one tick. A message is named by its sender
and its stamp: a Lamport clock rises strictly within one process, so no other
identity is needed. Whatever further clock a run keeps rides beside it.
"""

from enum import StrEnum
from typing import Any, NamedTuple

from driftlab.clocks.clock import Timestamp


class Kind(StrEnum):
    """The three kinds of event of Lamport's model. A receive may send as well."""

    INTERNAL = "internal"
    SEND = "send"
    RECEIVE = "receive"


class Message(NamedTuple):
    """A message as it lies in an inbox.

    Who sent it, the Lamport clock it carries (`stamp`), the timestamp of the
    run's further clock, if it keeps one, and what a process of the user put
    in, None where there is nothing. That is canonical text of JSON while the
    message is on its way, and its value when a process receives it.
    """

    sender: str
    stamp: int
    timestamp: Timestamp | None = None
    payload: Any = None


class Event(NamedTuple):
    """One event of one process.

    `sender` and `stamp` are of the message received: who sent it, and the
    clock it carried; None where nothing was received. `targets` are whom the
    event sends to, in name order. `clock` and `queue` (inbox length) are the
    values after the event, `timestamp` that of the run's further clock, None
    if it keeps none. `recorded` are the values, of JSON, that a process of the
    user put on record.
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
        """Return the event as plain values, its timestamp as text."""
        timestamp = None if self.timestamp is None else self.timestamp.encode()
        return self._replace(timestamp=None)._asdict() | {"timestamp": timestamp}
