"""Effects: what a process asks for, their validation, and what a machine asks of its host.

A process returns effects, the machine validates them and turns them into one
event and its outgoing messages, and the host performs those. All are values.

Invariant: one event sends at most one message to one peer, because the sender
and the Lamport clock of the event name the message. Several peers may get
different payloads.
"""

from collections.abc import Container, Sequence
from typing import Any, NamedTuple, NoReturn

from driftlab.clocks.clock import Timestamp
from driftlab.errors import name_list
from driftlab.model.event import Event, PayloadError, parse_payload, payload_text, quote


class Send(NamedTuple):
    """Effect: send a message to one peer, by name, or to several.

    `payload` is a JSON value; None means that there is none.
    """

    to: str | Sequence[str]
    payload: Any = None


class Record(NamedTuple):
    """Effect: write a JSON value into the journal, with the event."""

    value: Any


Effect = Send | Record
Effects = Effect | Sequence[Effect] | None  # what a process may return; None asks for nothing


class Outgoing(NamedTuple):
    """A message that a machine asks its host to deliver.

    targets: the names of its targets, in name order.
    stamp, timestamp: the sender's Lamport clock and that of its additional
        clock, if any.
    payload: JSON text, None if there is none.
    """

    targets: tuple[str, ...]
    stamp: int
    timestamp: Timestamp | None = None
    payload: str | None = None


Step = tuple[Event, Sequence[Outgoing]]  # one tick: the event to record first, then what to send


class InvalidEffectError(ValueError):
    """A process returned something that is not an effect; the message says what."""


# All targets of a tick, in name order; of each message its targets and its payload as JSON
# text; the values to record.
ValidatedEffects = tuple[
    tuple[str, ...], Sequence[tuple[tuple[str, ...], str | None]], tuple[Any, ...]
]


def validate_effects(
    answer: Any, peers: tuple[str, ...], known: Container[str] | None = None, own: str = ""
) -> ValidatedEffects:
    """Return what a process asks for with the value that it returned.

    Args:
        answer: the value returned: a Send, a Record, or a list or tuple of them.
        peers: the names of the process's peers, in name order.
        known: a container that finds names faster than `peers`; it may hold,
            besides the peers, the process's own name.
        own: the process's own name, if `known` holds it.

    Raise InvalidEffectError if the value, a target or a payload is invalid.
    """
    known = peers if known is None else known
    if isinstance(answer, Send | Record):
        answer = (answer,)
    if not isinstance(answer, list | tuple):
        raise InvalidEffectError(f"{quote(answer)}; allowed: None, Send, Record or a list of them")
    outgoing: list[tuple[tuple[str, ...], str | None]] = []
    recorded: list[Any] = []
    for effect in answer:
        if isinstance(effect, Send):
            outgoing.append(validate_send(effect, peers, known, own))
        elif isinstance(effect, Record):
            recorded.append(_validated_record(effect))
        else:
            raise InvalidEffectError(f"a list with {quote(effect)}; allowed: Send and Record")
    if len(recorded) > 1:
        _validated_record(Record(recorded))  # the limit holds for all values of an event together
    outgoing = [message for message in outgoing if message[0]]
    return _combined_targets(outgoing, peers), outgoing, tuple(recorded)


def validate_send(
    send: Send, peers: tuple[str, ...], known: Container[str], own: str
) -> tuple[tuple[str, ...], str | None]:
    """Return the targets of one Send, in name order, and its payload as JSON text.

    The parameters after `send` are those of `validate_effects`. Raise
    InvalidEffectError.
    """
    to, payload = send
    if to is peers:
        targets = peers
    elif isinstance(to, str):
        targets = (to,) if to in known and to != own else _reject_target(to, peers)
    elif isinstance(to, list | tuple | set | frozenset):
        for name in to:
            if name not in peers:
                _reject_target(name, peers)
        targets = _sorted_by_name(tuple(to), peers)
    else:
        raise InvalidEffectError(f"Send to {quote(to)}; allowed: the name of a peer, or several")
    if payload is None:
        return targets, None
    try:
        return targets, payload_text(payload)
    except PayloadError as error:
        raise InvalidEffectError(f"Send with an invalid payload: {error}") from None


def _reject_target(name: Any, peers: tuple[str, ...]) -> NoReturn:
    raise InvalidEffectError(f"Send to {quote(name)}; its peers are {name_list(peers)}")


def _sorted_by_name(targets: tuple[str, ...], peers: tuple[str, ...]) -> tuple[str, ...]:
    if len(targets) < 2:
        return targets
    if len(set(targets)) < len(targets):
        raise InvalidEffectError(f"Send to {name_list(targets)}: a name occurs twice")
    return tuple(name for name in peers if name in targets)


def _validated_record(effect: Record) -> Any:
    try:
        return parse_payload(payload_text(effect.value))
    except PayloadError as error:
        raise InvalidEffectError(f"Record of an invalid value: {error}") from None


def _combined_targets(
    outgoing: Sequence[tuple[tuple[str, ...], str | None]], peers: tuple[str, ...]
) -> tuple[str, ...]:
    if len(outgoing) == 1:
        return outgoing[0][0]
    together = tuple(name for targets, _ in outgoing for name in targets)
    if len(set(together)) < len(together):
        raise InvalidEffectError(
            "two Sends to one peer; a message is named by its sender and its clock, "
            "so one tick sends at most one message to each peer"
        )
    return _sorted_by_name(together, peers)
