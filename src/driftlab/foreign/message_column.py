"""A column `message` or `msg`: names of messages, or what events say in words?

Values that are several words, or words for kinds, or few that come again and again are
texts of events. But if they stand where a name of a message stands, each at one send and
at receives of others, they are names, however few there are. So are those of a column `id`.
The limit: what stands where is known only where the kinds of events are.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from driftlab.arrays import IntArray
from driftlab.foreign.fields import field_of, is_empty, normalized_name
from driftlab.foreign.kinds import (
    VALUES_LOOKED_AT,
    WORDS_MAX,
    OwnWords,
    kind_if_alone,
    kinds,
)
from driftlab.foreign.packed import Values
from driftlab.model.columns import INTERNAL, SEND, UNKNOWN_KIND

MESSAGE_REPEATED_MIN: Final = 8  # times, on average, from which on texts are no names of messages


_NAMES_MESSAGES: Final = (
    "{} names messages: its values stand each at one send and at receives of others"
)


class MessageColumn(NamedTuple):
    """What a column called `message` is.

    field: as which it was taken by its name, `message` or `event`. moves_to: the other, if it
    is that; else "". line: what was assumed, "" if nothing.
    """

    field: str
    moves_to: str
    line: str


def take_column_of_messages(
    known: dict[str, Values],
    own_names: dict[str, str],
    others: dict[str, Values],
    paths: Mapping[str, str],
    process: Sequence[Any],
    words: OwnWords,
) -> list[str]:
    """Take a column called `message` or `msg` as what it is; return what was assumed, in lines.

    Beside a column `message_id` it is the text of events. known, own_names: the fields of the
    log, and what it calls them; others: its other columns; all are changed. paths: where a
    field stands that has another name here. process, words: see `column_of_messages`.
    """
    called = {field: paths.get(name, name) for field, name in own_names.items()}
    names = next(
        (own for own in others if field_of(own) == "message" and not is_called_message(own)), None
    )
    if names is not None and is_called_message(called.get("message", "")):
        text, own = known["message"], own_names["message"]
        known["message"], own_names["message"] = others.pop(names), names
        if "event" in known:
            others[own] = text
        else:
            known["event"], own_names["event"] = text, own
        return []
    if not {"message", "sent", "received"} & set(known):
        for own in [each for each in others if normalized_name(each) == "id"]:
            if names_messages(others[own], kinds(known, len(others[own]), words), process):
                known["message"], own_names["message"] = others.pop(own), own
                return [f"{_NAMES_MESSAGES.format(own)} (--match says otherwise)"]
    if "message" in known and "event" in known and is_called_message(called.get("message", "")):
        # A text beside the text: names only if they stand as such.
        values = known["message"]
        if says_what_happened(values, process) and not names_messages(
            values, kinds(known, len(values), words), process
        ):
            own = own_names.pop("message")
            others[own] = known.pop("message")
            return []
    found = column_of_messages(known, called, process, words)
    if found.moves_to:
        known[found.moves_to] = known.pop(found.field)
        own_names[found.moves_to] = own_names.pop(found.field)
    return [found.line] if found.line else []


def column_of_messages(
    known: Mapping[str, Values], called: Mapping[str, str], process: Sequence[Any], words: OwnWords
) -> MessageColumn:
    """Return what a column called `message` or `msg` is, if the log has one.

    known: the fields of the log. called: what the log calls each of them. process: of each
    record, whatever names it. words: the user's own for kinds.
    """
    if "message" in known and "event" in known:
        return MessageColumn("", "", "")
    field = "message" if "message" in known else "event"
    own = called.get(field, "")
    if field not in known or not is_called_message(own):
        return MessageColumn("", "", "")
    values = known[field]
    if field == "message" and not says_what_happened(values, process):
        return MessageColumn("", "", "")
    if not names_messages(values, kinds(known, len(values), words), process):
        return MessageColumn(field, "event" if field == "message" else "", "")
    line = f"{_NAMES_MESSAGES.format(own)} (--field event={own} says otherwise)"
    return MessageColumn(field, "message" if field == "event" else "", line)


def is_called_message(name: str) -> bool:
    """Whether a column's name, or the end of its path, may be that of texts or of messages."""
    return normalized_name(name.rpartition(".")[2]) in ("message", "msg")


def says_what_happened(values: Values, process: Sequence[Any]) -> bool:
    """Whether a column called `message` seems to have texts of events, and no names of messages.

    Most are several words, or words for kinds, or so few that each stands for many events, or
    none is of more than one process; then places may still show names (`names_messages`).

    process: of each record.
    """
    said = Counter(str(value).strip() for value in values if not is_empty(value))
    many = said.total()
    several_words = sum(count for text, count in said.items() if " " in text)
    kinds_said = sum(count for text, count in said.items() if kind_if_alone(text) != UNKNOWN_KIND)
    is_of_few = len(said) <= WORDS_MAX and many >= MESSAGE_REPEATED_MIN * len(said)
    return (
        2 * several_words > many
        or 2 * kinds_said > many
        or (many > 0 and is_of_few)
        or not _is_any_shared(values, process)
    )


def names_messages(values: Values, kind: IntArray, process: Sequence[Any]) -> bool:
    """Whether the values of a column are names of messages, as their places show.

    Most stand at a send of one process, once, and at receives of others, once each, and not at
    internal events; others may be lost, or repeated. Where kinds are not known, nothing is shown.

    kind u1: of each record. process: of each, whatever names it.
    """
    first = [str(value).strip() for value in values[:VALUES_LOOKED_AT] if not is_empty(value)]
    if 2 * sum(" " in text or kind_if_alone(text) != UNKNOWN_KIND for text in first) > len(first):
        return False
    ends: dict[str, list[tuple[int, str]]] = {}
    for row, value in enumerate(values):
        if not is_empty(value) and kind[row] != UNKNOWN_KIND:
            ends.setdefault(str(value).strip(), []).append((int(kind[row]), str(process[row])))
    pairs, named = 0, 0
    for held in ends.values():
        senders = [name for of, name in held if of == SEND]
        is_once = len({name for _, name in held}) == len(held) and len(senders) <= 1
        is_name = is_once and not any(of == INTERNAL for of, _ in held)
        named += is_name
        pairs += is_name and 0 < len(senders) < len(held)
    return pairs > 0 and 2 * named >= len(ends) and 2 * pairs >= named


def _is_any_shared(values: Values, process: Sequence[Any]) -> bool:
    """Whether records of two processes have the same value."""
    first: dict[str, Any] = {}
    for value, name in zip(values, process, strict=True):
        if not is_empty(value) and first.setdefault(str(value).strip(), name) != name:
            return True
    return False
