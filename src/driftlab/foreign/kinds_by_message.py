"""Which words stand for sends and which for receives, as the names of messages show it.

A log may name its messages and call their two ends by words that mean nothing here, as
in `rpc out` and `rpc in`. A message is sent before it is received: so a word is that of
sends if nearly all messages that it names are named first by it, and that of receives if
nearly all are named before by another. What comes first is decided by the clocks (a Lamport
clock, or the sum of a vector clock, rises along a message), else by the order of the lines
of one file.

The limit: if a single word of those that name messages is neither, or all messages are
named by one word, nothing is taken, and the kinds stay unknown.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.foreign.clock_values import read_clocks
from driftlab.foreign.fields import is_empty, message_numbers, numbers
from driftlab.foreign.packed import Values
from driftlab.model.columns import MISSING, RECEIVE, SEND, UNKNOWN_KIND

WORDS_MAX: Final = 8  # that name messages
MESSAGES_MIN: Final = 2
SHARE_MIN: Final = 0.9  # of the messages of a word that must be named first by it, or before it
_CLOCKS: Final = ("lamport", "clock", "vector")


class Roles(NamedTuple):
    """Which words stand for sends and receives.

    field: that holds them, `kind` or `event`. kinds: the kind of each word. messages: how many
    are named by both. shown: how many of these show it.
    """

    field: str
    kinds: Mapping[str, int]
    messages: int
    shown: int

    def __str__(self) -> str:
        """Say what is assumed, as a verdict does."""
        words = {
            kind: " and ".join(word for word, of in self.kinds.items() if of == kind)
            for kind in (SEND, RECEIVE)
        }
        return (
            f"{words[SEND]} is a send and {words[RECEIVE]} a receive: of {self.messages} messages "
            f"that both name {self.shown} are named first by {words[SEND]} (--kind)"
        )


def roles_of(
    known: Mapping[str, Values], kind: IntArray, hosts: Sequence[str], file: IntArray
) -> Roles | None:
    """Return the words for sends and receives, None if the log does not show them.

    known: the fields of the log. kind u1: of its records, as far as it is known. hosts,
    file: the process and the file of each.
    """
    field = next((name for name in ("kind", "event") if name in known), None)
    if field is None or "message" not in known:
        return None
    (message,) = message_numbers([known["message"]]).columns
    rows = np.flatnonzero((kind == UNKNOWN_KIND) & (message != MISSING))
    held = list(known[field])
    words = ["" if is_empty(held[row]) else str(held[row]).strip() for row in rows.tolist()]
    if not 2 <= len(set(words)) <= WORDS_MAX or "" in words:
        return None
    order = _order(known, hosts, file)
    if order is None:
        return None
    first, later = _counts(message[rows].tolist(), words, order[rows].tolist(), hosts, rows)
    kinds: dict[str, int] = {}
    for word in dict.fromkeys(words):
        many = first.get(word, 0) + later.get(word, 0)
        if many < MESSAGES_MIN:
            return None
        share = first.get(word, 0) / many
        if SHARE_MIN > share > 1 - SHARE_MIN:
            return None
        kinds[word] = SEND if share >= SHARE_MIN else RECEIVE
    if set(kinds.values()) != {SEND, RECEIVE}:
        return None
    shown = sum(count for word, count in first.items() if kinds[word] == SEND)
    return Roles(field, kinds, sum(first.values()), shown)


def _counts(
    messages: Sequence[int],
    words: Sequence[str],
    order: Sequence[int],
    hosts: Sequence[str],
    rows: IntArray,
) -> tuple[dict[str, int], dict[str, int]]:
    """Return how many messages each word names first, and how many after another process."""
    places: dict[int, list[int]] = {}
    for place, message in enumerate(messages):
        places.setdefault(message, []).append(place)
    first: dict[str, int] = {}
    later: dict[str, int] = {}
    for ends in places.values():
        of = {hosts[int(rows[place])] for place in ends}
        if len(of) < 2 or len({words[place] for place in ends}) < 2:
            continue
        least = min(order[place] for place in ends)
        begins = {words[place] for place in ends if order[place] == least}
        if len(begins) > 1:
            continue
        word = begins.pop()
        first[word] = first.get(word, 0) + 1
        for other in {words[place] for place in ends} - {word}:
            later[other] = later.get(other, 0) + 1
    return first, later


def _order(known: Mapping[str, Values], hosts: Sequence[str], file: IntArray) -> IntArray | None:
    """Return a number for each record that rises along messages; None if the log has none."""
    for name in _CLOCKS:
        if name in known:
            found = _clock_sums(name, known[name], hosts)
            if bool((found != MISSING).mean() > SHARE_MIN):
                return found
    if len(file) and bool((file == file[0]).all()):
        return np.arange(len(file))
    return None


def _clock_sums(name: str, values: Sequence[Any], hosts: Sequence[str]) -> IntArray:
    if name == "lamport":
        return numbers(name, values, {})
    clocks = read_clocks(values, hosts, {}, {})
    if clocks.lamport is not None:
        return clocks.lamport
    row = np.repeat(np.arange(len(clocks.lengths)), clocks.lengths)
    sums: IntArray = np.zeros(len(clocks.lengths), np.int64)
    np.add.at(sums, row, clocks.values)
    return np.where(clocks.lengths > 0, sums, MISSING)
