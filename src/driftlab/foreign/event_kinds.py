"""What kind an event is of, by the words that a log has for it.

A plain word (`send`, `RECEIVED`) is looked up as it stands. Of any other text
all words count, however they are put together (`Events.MSG_RECV`,
`sendMessage`): the kind is known if they name exactly one, else unsaid.
"""

import re
from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np

from driftlab.model.columns import INTERNAL, RECEIVE, SEND, UNKNOWN_KIND, Array

EVENT_CHARS_MAX: Final = 24  # of an event's own text, that it may be but its kind

_WORDS: Final = {
    **dict.fromkeys(("internal", "local", "int"), INTERNAL),
    **dict.fromkeys(("send", "sent", "sending", "sends"), SEND),
    **dict.fromkeys(
        ("receive", "received", "receiving", "receives", "recv", "recvd", "rcv", "rcvd",
         "recieve", "recieved", "got", "deliver", "delivered"), RECEIVE,
    ),
}  # fmt: skip
_BROADCAST: Final = "broadcast"  # sends, unless another word says that it was received
_ABOUT: Final = frozenset({"message", "messages", "msg", "msgs", "event", "events", "type", "kind"})
_PLAIN: Final = {
    form: kind
    for word, kind in {**_WORDS, _BROADCAST: SEND}.items()
    for form in (word, word.capitalize(), word.upper())
}
_LETTERS: Final = re.compile(r"[A-Za-z]+")
_HUMPS: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")


def kinds(known: dict[str, list[Any]], rows: int) -> Array:
    """Return the kind of every event, as far as fields say; u1."""
    column = np.full(rows, UNKNOWN_KIND, np.uint8)
    if "kind" in known:
        column[:] = _looked_up(known["kind"], _named_by)
    elif "event" in known:
        column[:] = _looked_up(known["event"], _named_alone_by)
    for name, kind in (("internal", INTERNAL), ("send", SEND), ("receive", RECEIVE)):
        if name in known:
            column[[value not in (None, "") for value in known[name]]] = kind
    return column


def _looked_up(texts: Sequence[Any], named_by: Callable[[str], int]) -> list[int]:
    """Return the kind of each text; what is no plain word is looked at once."""
    met = dict(_PLAIN)
    found = []
    for text in texts:
        kind = met.get(text) if isinstance(text, str) else UNKNOWN_KIND
        if kind is None:
            kind = named_by(text)
            if kind != UNKNOWN_KIND:  # of such there are few
                met[text] = kind
        found.append(kind)
    return found


def _named_by(text: str) -> int:
    """Return the one kind that a text's words name, else UNSAID."""
    words = _words(text)
    named = {_WORDS[word] for word in words if word in _WORDS}
    if not named and _BROADCAST in words:
        return SEND
    return named.pop() if len(named) == 1 else UNKNOWN_KIND


def _named_alone_by(text: str) -> int:
    """Return the kind that an event's own text names, if it tells nothing else."""
    if len(text) > EVENT_CHARS_MAX or text.count(" ") > 1 or not text[-1:].isalpha():
        return UNKNOWN_KIND
    is_alone = all(
        word in _WORDS or word in _ABOUT or word == _BROADCAST
        for run in _LETTERS.findall(text)
        for word in (_parts(run) if run.lower() not in _WORDS else ())
    )
    return _named_by(text) if is_alone else UNKNOWN_KIND


def _words(text: str) -> set[str]:
    """Return the runs of letters in a text, and what camelCase puts together; in small letters."""
    runs = _LETTERS.findall(text)
    return {run.lower() for run in runs} | {part for run in runs for part in _parts(run)}


def _parts(run: str) -> list[str]:
    return [part.lower() for part in _HUMPS.findall(run)]
