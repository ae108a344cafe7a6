"""Which words stand for sends and which for receives, as the names of messages show it.

A log may name its messages and call their two ends by words that mean nothing here, as
in `rpc out` and `rpc in`. A message is sent before it is received: so a word is that of
sends if nearly all messages that it names are named first by it, and that of receives if
nearly all are named before by another. What comes first is decided by the clocks (a Lamport
clock, or the sum of a vector clock, rises along a message), else by the order of the lines
of one file.

The limit: if a single word of those that name messages is neither, or all messages are
named by one word, nothing is taken, and the kinds stay unknown; nor if messages would have
several senders and one receiver, rather than one sender and several receivers.
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
    messages = message[rows].tolist()
    first, later = _counts(messages, words, order[rows].tolist(), hosts, rows)
    kinds = _kinds(words, first, later)
    if not kinds or _sends_fan_out(kinds, messages, words, hosts, rows):
        return None
    # Where clocks are written before their event, that of the next line is the event's own.
    by_next, by_line = _next_in_process(order, hosts), np.arange(len(order))
    if _is_told_otherwise(kinds, by_next, messages, words, hosts, rows):
        is_one_file = len(file) > 0 and bool((file == file[0]).all())
        is_told = _kinds(words, *_counts(messages, words, by_line[rows].tolist(), hosts, rows))
        if not is_one_file or is_told != kinds:
            return None
    shown = sum(count for word, count in first.items() if kinds[word] == SEND)
    return Roles(field, kinds, sum(first.values()), shown)


def _kinds(
    words: Sequence[str], first: Mapping[str, int], later: Mapping[str, int]
) -> dict[str, int]:
    """Return the kind of each word, none if one is neither a send nor a receive."""
    kinds: dict[str, int] = {}
    for word in dict.fromkeys(words):
        many = first.get(word, 0) + later.get(word, 0)
        if many < MESSAGES_MIN:
            return {}
        share = first.get(word, 0) / many
        if SHARE_MIN > share > 1 - SHARE_MIN:
            return {}
        kinds[word] = SEND if share >= SHARE_MIN else RECEIVE
    return kinds if set(kinds.values()) == {SEND, RECEIVE} else {}


def _sends_fan_out(
    kinds: Mapping[str, int],
    messages: Sequence[int],
    words: Sequence[str],
    hosts: Sequence[str],
    rows: IntArray,
) -> bool:
    """Whether more messages have one receiver and several senders than the other way round.

    A message goes from one process to several, so then the words are the other way round.
    """
    at: dict[int, dict[int, set[str]]] = {}
    for message, word, row in zip(messages, words, rows.tolist(), strict=True):
        at.setdefault(message, {}).setdefault(kinds[word], set()).add(hosts[row])
    ends = [(len(each[SEND]), len(each[RECEIVE])) for each in at.values() if len(each) > 1]
    odd = sum(senders > receivers == 1 for senders, receivers in ends)
    return odd > sum(receivers > senders == 1 for senders, receivers in ends)


def _is_told_otherwise(
    kinds: Mapping[str, int],
    order: IntArray,
    messages: Sequence[int],
    words: Sequence[str],
    hosts: Sequence[str],
    rows: IntArray,
) -> bool:
    """Whether another order of the records tells the opposite of some words."""
    is_known = order[rows] != MISSING
    known = rows[is_known]
    names = [message for message, is_there in zip(messages, is_known, strict=True) if is_there]
    of = [word for word, is_there in zip(words, is_known, strict=True) if is_there]
    then = _kinds(of, *_counts(names, of, order[known].tolist(), hosts, known))
    return any(kinds[word] != kind for word, kind in then.items())


def _next_in_process(order: IntArray, hosts: Sequence[str]) -> IntArray:
    """Return the number of the next record of each one's process, MISSING at the last."""
    last: dict[str, int] = {}
    following = np.full(len(order), MISSING)
    for row, host in enumerate(hosts):
        before = last.get(host)
        if before is not None:
            following[before] = order[row]
        last[host] = row
    return following


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
