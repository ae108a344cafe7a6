"""The one currency of the house: events, and the messages that connect them.

An event is what a process did at one tick. A message is named by its sender
and its stamp: a Lamport clock rises strictly within one process, so no other
identity is needed.
"""

from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """The three kinds of event of Lamport's model."""

    INTERNAL = "internal"
    SEND = "send"
    RECEIVE = "receive"


class Message(NamedTuple):
    """A message as it lies in an inbox: who sent it, and the clock it carries."""

    sender: str
    stamp: int


class Event(NamedTuple):
    """One event of one process.

    `sender` and `stamp` are of the message received: who sent it, and the
    clock it carried; None where nothing was received. `targets` are whom the
    event sends to, in name order. `clock` and `queue` (inbox length) are the
    values after the event.
    """

    process: str
    tick: int
    kind: Kind
    sender: str | None
    stamp: int | None
    targets: tuple[str, ...]
    clock: int
    queue: int
