"""Events, the messages that connect them, and the payloads that these carry.

An event is what a process did at one tick. Invariant: a message is named by its
sender and the Lamport clock that it carries (`stamp`), because a Lamport clock
rises with every event of a process. A run may keep an additional clock, whose
timestamp the message then carries too.

A payload is a JSON value that a process sends or records. Two processes never share
an object: a payload travels as text both in a real run and in a simulation, so that
a receiver gets its own copy. A tuple arrives as a list.
"""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any, Final, NamedTuple, NoReturn

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


EventRow = tuple[Any, ...]  # the fields of an Event, in their order: made in a third of the time


class EventBatch(NamedTuple):
    """Consecutive events of a simulated run, in the order of time.

    positions: of their machines. dues_ns: when their ticks were due, in ns.
    rows: the fields of each event. found: the messages that each tick found; empty if they
        are not kept.
    """

    positions: Sequence[int]
    dues_ns: Sequence[int]
    rows: Sequence[EventRow]
    found: Sequence[Sequence[Message]]


PAYLOAD_BYTES_MAX: Final = 16_384  # of JSON text in one message, or on record in one event


class PayloadError(ValueError):
    """A value cannot be written as JSON, or a text is not JSON; the message says why."""


def payload_text(value: Any) -> str:
    """Return a value as canonical JSON text: ASCII, without blanks.

    Raise PayloadError if it is not a JSON value or longer than PAYLOAD_BYTES_MAX.
    """
    import json  # imported here: it is slow to import, and most runs have no payloads

    try:
        text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise PayloadError(f"{quote(value)} is not a value of JSON: {error}") from None
    if len(text) > PAYLOAD_BYTES_MAX:
        raise PayloadError(f"{len(text)} bytes of JSON; the limit is {PAYLOAD_BYTES_MAX}")
    return text


def parse_payload(text: str) -> Any:
    """Return the value that a JSON text holds.

    Raise PayloadError if it is not JSON or longer than PAYLOAD_BYTES_MAX.
    """
    if len(text) > PAYLOAD_BYTES_MAX:
        raise PayloadError(f"{len(text)} bytes of JSON; the limit is {PAYLOAD_BYTES_MAX}")
    import json

    try:
        return json.loads(text, parse_constant=_reject_constant)
    except (ValueError, RecursionError) as error:
        raise PayloadError(f"{quote(text)} is not JSON: {error}") from None


def canonical_payload(text: str) -> str:
    """Return any JSON text in the canonical form of `payload_text`. Raise PayloadError."""
    return payload_text(parse_payload(text))


def _reject_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def quote(value: Any) -> str:
    """Return any value as a literal on one line, shortened to 60 characters."""
    try:
        text = ascii(value)
    except Exception:  # nested too deep, a number too long, or a __repr__ that raises
        text = f"a {type(value).__name__}"
    return text if len(text) <= 60 else text[:57] + "..."
