"""What a machine asks of its host: values that are returned, never performed."""

from typing import NamedTuple

from driftlab.event import Event


class Record(NamedTuple):
    """Write this event into the journal."""

    event: Event


class Send(NamedTuple):
    """Send one message, carrying `stamp`, to each target; `targets` are in name order."""

    targets: tuple[str, ...]
    stamp: int


Effect = Record | Send
