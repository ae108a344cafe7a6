"""What a process asks for, and what its machine then asks of the host: values, never deeds.

From what a process answered to what its machine posts and records; nonsense is refused.

A message is named by its sender and its stamp, so one event sends at most one
message to one peer; several peers may get different ones.
"""

from collections.abc import Container, Sequence
from typing import Any, NamedTuple, NoReturn

from driftlab.clocks.clock import Timestamp
from driftlab.model.event import Event
from driftlab.model.payload import PayloadError, parse_payload, payload_text, quote


class Send(NamedTuple):
    """A process asks: send this to one peer, by name, or to several. `payload` is of JSON."""

    to: str | Sequence[str]
    payload: Any = None


class Record(NamedTuple):
    """A process asks: put this value, of JSON, on record with the event."""

    value: Any


Effect = Send | Record
Effects = Effect | Sequence[Effect] | None  # what a process may return; None asks for nothing


class Outgoing(NamedTuple):
    """A machine asks its host: deliver a message to each target; they are in name order.

    `payload` is the text of JSON, None where there is nothing.
    """

    targets: tuple[str, ...]
    stamp: int
    timestamp: Timestamp | None = None
    payload: str | None = None


Step = tuple[Event, Sequence[Outgoing]]  # one tick: first record the event, then post the messages


class InvalidEffectError(ValueError):
    """A process returned what is no effect; the message says what it was."""


class ValidatedEffects(NamedTuple):
    """What one answer comes to: all targets in name order, what each gets, what is on record."""

    targets: tuple[str, ...]
    outgoing: Sequence[tuple[tuple[str, ...], str | None]]
    recorded: tuple[Any, ...]


def validate_effects(
    answer: Any, peers: tuple[str, ...], known: Container[str] | None = None, own: str = ""
) -> ValidatedEffects:
    """Read what a process returned. Raises NonsenseError.

    `known` finds a peer's name sooner than the peers do; it may have, besides,
    the process's own name, which is then `own`.
    """
    known = peers if known is None else known
    if isinstance(answer, Send | Record):
        answer = (answer,)
    if not isinstance(answer, list | tuple):
        raise InvalidEffectError(f"{quote(answer)}; allowed: None, Send, Record or a list of them")
    letters: list[tuple[tuple[str, ...], str | None]] = []
    recorded: list[Any] = []
    for effect in answer:
        if isinstance(effect, Send):
            letters.append(validate_send(effect, peers, known, own))
        elif isinstance(effect, Record):
            recorded.append(_validated_record(effect))
        else:
            raise InvalidEffectError(f"a list with {quote(effect)}; allowed: Send and Record")
    if len(recorded) > 1:
        _validated_record(Record(recorded))  # together they are no longer than one may be
    letters = [letter for letter in letters if letter[0]]
    return ValidatedEffects(_combined_targets(letters, peers), letters, tuple(recorded))


def validate_send(
    send: Send, peers: tuple[str, ...], known: Container[str], own: str
) -> tuple[tuple[str, ...], str | None]:
    """Read one Send: whom it goes to, and its payload as text. Raises NonsenseError."""
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
        raise InvalidEffectError(f"Send with a payload that cannot travel: {error}") from None


def _reject_target(name: Any, peers: tuple[str, ...]) -> NoReturn:
    raise InvalidEffectError(f"Send to {quote(name)}; its peers are {_name_list(peers)}")


def _sorted_by_name(targets: tuple[str, ...], peers: tuple[str, ...]) -> tuple[str, ...]:
    if len(targets) < 2:
        return targets
    if len(set(targets)) < len(targets):
        raise InvalidEffectError(f"Send to {_name_list(targets)}: one of them twice")
    return tuple(name for name in peers if name in targets)


def _validated_record(effect: Record) -> Any:
    try:
        return parse_payload(payload_text(effect.value))
    except PayloadError as error:
        raise InvalidEffectError(f"Record of a value that cannot be written: {error}") from None


def _combined_targets(
    letters: Sequence[tuple[tuple[str, ...], str | None]], peers: tuple[str, ...]
) -> tuple[str, ...]:
    if len(letters) == 1:
        return letters[0][0]
    together = tuple(name for targets, _ in letters for name in targets)
    if len(set(together)) < len(together):
        raise InvalidEffectError(
            "two Sends to one peer; a message is named by its sender and its clock, "
            "so one tick sends at most one to each"
        )
    return _sorted_by_name(together, peers)


def _name_list(names: tuple[str, ...]) -> str:
    return ", ".join(map(str, names if len(names) <= 12 else (*names[:11], "…")))
