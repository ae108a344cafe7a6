"""Texts that say the kind of an event and the other process: `SEND to 2`, `received from b`.

Such a text is a word for a kind, `to` or `from` or an arrow, and the name of a process;
a send may name several, or all. Nothing is taken from texts that say more. Most must name
processes of the log, and none of these may have another word in the place of the kind:
whoever `hears from b` receives too, which is not understood.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from driftlab.arrays import IntArray
from driftlab.errors import counted
from driftlab.foreign.fields import TargetNames, is_empty, shorten
from driftlab.foreign.file_names import stem_of, words_of
from driftlab.foreign.kinds import OwnWords, kind_if_alone
from driftlab.foreign.packed import Values
from driftlab.model.columns import RECEIVE, SEND, UNKNOWN_KIND

TEXTS_LOOKED_AT: Final = 1_000  # first, to see whether any text is one of these
CHARS_MAX: Final = 200  # of a text
_PARTS: Final = re.compile(
    r"\s*(?P<said>[^\W\d][\w.]*(?:\s+[^\W\d]\w*)?)\s*[(:\[]?\s*"
    r"(?:\b(?P<to>to)\b\s*:?|(?P<arrow_to>->|=>|→)|\b(?P<from>from)\b\s*:?|(?P<arrow_from><-|<=|←))"
    r"\s*(?P<peer>[^\s:()\[\]](?:[^:()\[\]]*[^\s:()\[\]])?)\s*[)\]]?\s*",
    re.IGNORECASE,
)


_OTHER_NAMES: Final = frozenset({"sender", "targets", "peer", "stamp", "sent", "received"})


class PeersOfTexts(NamedTuple):
    """What texts say, each as long as the log.

    kind u1. sender, targets: names, None where a text has none. line: what was assumed.
    """

    kind: IntArray
    sender: Values
    targets: Values
    line: str


class _Said(NamedTuple):
    kind: int
    peer: str
    is_known: bool  # whether all that it names are processes of the log


def take_peers_of_texts(
    known: dict[str, Values],
    own_names: dict[str, str],
    hosts: Sequence[str],
    files: Sequence[str],
    kind: IntArray,
    words: OwnWords,
) -> tuple[IntArray, list[str]]:
    """Take kinds and peers from texts; return the kinds, and lines of what was assumed.

    Not where the log has peers or names of messages otherwise, nor where vector clocks show its
    messages. known, own_names: the fields of
    the log, and what it calls them; both are changed. hosts: the process of each record; a file
    may say it by a word in its name. kind, words: see `peers_of_texts`.
    """
    name = "kind" if "kind" in known else "event"
    if name not in known or not _OTHER_NAMES.isdisjoint(known) or _has_vectors(known):
        return kind, []
    names, stems = set(hosts), set(map(stem_of, files))
    if names <= stems:
        names.update(*map(words_of, stems))
    found = peers_of_texts(known[name], kind, names, words)
    if found is None:
        return kind, []
    for field, values in (("sender", found.sender), ("targets", found.targets)):
        if any(value is not None for value in values):
            known[field], own_names[field] = values, own_names[name]
    return found.kind, [found.line]


def _has_vectors(known: dict[str, Values]) -> bool:
    """Whether the first clock of a log is no number, so that its clocks are vector clocks."""
    clocks = (value for name in ("vector", "clock") for value in known.get(name, ()))
    first = next((value for value in clocks if not is_empty(value)), 0)
    return not isinstance(first, int | float) and not str(first).strip().lstrip("-").isdecimal()


def peers_of_texts(
    texts: Values, kind: IntArray, processes: Iterable[str], words: OwnWords
) -> PeersOfTexts | None:
    """Return kinds and peers as texts say them; None where they do not.

    texts: of each event. kind u1: of each, as far as it is known; what is known stays.
    processes: names of those of the log. words: the user's own for kinds.
    """
    first = [text for text in texts[:TEXTS_LOOKED_AT] if isinstance(text, str)]
    if not any(_PARTS.fullmatch(text) for text in first if len(text) <= CHARS_MAX):
        return None
    names = frozenset(processes)
    targets = TargetNames(names)
    said: dict[str, _Said | None] = {}
    rows: list[tuple[int, _Said]] = []
    for row, text in enumerate(texts):
        if not isinstance(text, str) or len(text) > CHARS_MAX:
            continue
        if text not in said:
            said[text] = _said(text, names, targets, words)
        found = said[text]
        if found is not None and found.kind == UNKNOWN_KIND:
            return None
        if found is not None and kind[row] in (found.kind, UNKNOWN_KIND):
            rows.append((row, found))
    known = sum(found.is_known for _, found in rows)
    if not rows or 2 * known <= len(rows):
        return None
    kinds = kind.copy()
    sender: list[str | None] = [None] * len(kind)
    sent_to: list[str | None] = [None] * len(kind)
    for row, found in rows:
        kinds[row] = found.kind
        (sent_to if found.kind == SEND else sender)[row] = found.peer
    example = shorten(str(texts[rows[0][0]]).strip())
    line = (
        f"texts say whom {counted(len(rows), 'event')} sent to or received from, as does "
        f"«{example}»"
    )
    return PeersOfTexts(kinds, sender, sent_to, line)


def _said(text: str, names: frozenset[str], targets: TargetNames, words: OwnWords) -> _Said | None:
    """Return the kind and the peer that a text says, None if it says something else.

    The kind is UNKNOWN_KIND where another word stands in its place.
    """
    parts = _PARTS.fullmatch(text)
    if parts is None:
        return None
    kind = words.kind_of(parts["said"])
    if kind == UNKNOWN_KIND:
        kind = kind_if_alone(parts["said"])
    peer, is_send = parts["peer"].strip(), bool(parts["to"] or parts["arrow_to"])
    to = targets.names(peer) if is_send else [targets.name(peer)]
    is_known = to is None or (bool(to) and names.issuperset(to))
    if kind != (SEND if is_send else RECEIVE):
        return _Said(UNKNOWN_KIND, peer, is_known) if is_known else None
    if " " in peer and not is_known:
        return None
    return _Said(kind, peer if to is None or is_send else to[0], is_known)
