"""What a process asks for, and what its machine then asks of the host: values, never deeds."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from driftlab.clocks.clock import Timestamp
from driftlab.event import Event


class Send(NamedTuple):
    """A process asks: send this to one peer, by name, or to several. `payload` is of JSON."""

    to: str | Sequence[str]
    payload: Any = None


class Record(NamedTuple):
    """A process asks: put this value, of JSON, on record with the event."""

    value: Any


Effect = Send | Record
Effects = Effect | Sequence[Effect] | None  # what a process may return; None asks for nothing


class Post(NamedTuple):
    """A machine asks its host: deliver a message to each target; they are in name order.

    `payload` is the text of JSON, None where there is nothing.
    """

    targets: tuple[str, ...]
    stamp: int
    timestamp: Timestamp | None = None
    payload: str | None = None


Step = tuple[Event, Sequence[Post]]  # one tick: first record the event, then post the messages
