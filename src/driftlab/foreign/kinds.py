"""The kind of each event, by the words that its log has for it.

A plain word (`send`, `RECEIVED`) is looked up. Of any other text all words count,
however they are joined (`Events.MSG_RECV`, `sendMessage`): the kind is known if they
name exactly one. A record without a kind of its own may say it in its event's text.

Some words are a kind only beside their counterpart: `tx` may be a transaction, but not
where other events are `rx` (PAIRS). The user's own words come before all of these
(`OwnWords`).

The limit: nothing is guessed from any other word. The rows that are left are `unsaid`,
and `unsaid_words` names what they say.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from driftlab.arrays import IntArray
from driftlab.errors import counted
from driftlab.foreign.fields import is_empty, shorten
from driftlab.foreign.packed import Values
from driftlab.journal.files import UnreadableError
from driftlab.lazy import lazy_pattern
from driftlab.model.columns import INTERNAL, KINDS, RECEIVE, SEND, UNKNOWN_KIND

EVENT_CHARS_MAX: Final = 24  # of an event's own text, if it may be no more than its kind
WORDS_SHOWN_MAX: Final = 8  # in a message
VALUES_LOOKED_AT: Final = 100  # first, to see whether a column may hold kinds
KINDS_SHARE_MIN: Final = 0.9  # of the events of a log, of which a column says the kind
WORDS_MAX: Final = 30  # different texts of events from which on they are no words for kinds

_KIND_OF_WORD: Final = {
    **dict.fromkeys(("internal", "local", "int"), INTERNAL),
    **dict.fromkeys(
        ("send", "sent", "sending", "sends", "transmit", "transmits", "transmitted"), SEND
    ),
    **dict.fromkeys(
        ("receive", "received", "receiving", "receives", "recv", "recvd", "rcv", "rcvd",
         "recieve", "recieved", "got", "deliver", "delivered"), RECEIVE,
    ),
}  # fmt: skip
# A send and a receive, where the log has both.
PAIRS: Final = (
    ("tx", "rx"),
    ("outgoing", "incoming"),
    ("outbound", "inbound"),
    ("publish", "consume"),
    ("published", "consumed"),
    ("produce", "consume"),
    ("produced", "consumed"),
)
_BROADCAST: Final = "broadcast"  # a send, unless another word says that it was received
_NEUTRAL_WORDS: Final = frozenset(
    {"message", "messages", "msg", "msgs", "event", "events", "type", "kind"}
)
_KIND_OF_TEXT: Final = {
    form: kind
    for word, kind in {**_KIND_OF_WORD, _BROADCAST: SEND}.items()
    for form in (word, word.capitalize(), word.upper())
}
_FIRST_CODE: Final = 128  # of the words of PAIRS, in place of a kind until all words are seen
_CODE_OF_WORD: Final = {
    word: _FIRST_CODE + number
    for number, word in enumerate(dict.fromkeys(word for pair in PAIRS for word in pair))
}
_WORDS_ALONE: Final = frozenset(
    {*_KIND_OF_WORD, *_CODE_OF_WORD, *_NEUTRAL_WORDS, _BROADCAST}
)  # of a text that says no more than its kind
_LETTERS: Final = lazy_pattern(r"[A-Za-z]+")
_CAMEL_CASE: Final = lazy_pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+")
_ARROW_SIGNS: Final = "-<>=~|"  # of which a user's word may be made: --> is no part of <-->


class SavedKinds(dict[str, str]):
    """The kinds of words, of which only those that are given by hand must occur in a log.

    required: these. The others are a saved reading's, which is of many logs.
    """

    def __init__(self, kinds: Mapping[str, str], required: Iterable[str]) -> None:
        super().__init__(kinds)
        self.required = frozenset(required)


class OwnWords:
    """The words that the user says stand for kinds, and which of them a log has.

    kinds: the kind of each word, by its name. A word counts where it stands by itself, in
    any case of its letters: as a whole kind or text, or within it. Raises UnreadableError
    for a kind that there is none of.
    """

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self.given = {word.strip(): kind_named(word, kind) for word, kind in kinds.items()}
        required = kinds.required if isinstance(kinds, SavedKinds) else kinds
        self.required = frozenset(word.strip() for word in required)
        self.found: set[str] = set()
        self._of = {word.lower(): (word, kind) for word, kind in self.given.items()}
        words = sorted(self._of, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(_alone, words)), re.IGNORECASE) if words else None

    def kind_of(self, text: Any) -> int:
        """Return the one kind that a text says in these words, else UNKNOWN_KIND."""
        if self._pattern is None or is_empty(text):
            return UNKNOWN_KIND
        whole = str(text).strip()
        exact = self._of.get(whole.lower())
        if exact is not None:
            self.found.add(exact[0])
            return exact[1]
        said = {self._of[found[0].lower()] for found in self._pattern.finditer(whole)}
        self.found |= {word for word, _ in said}
        named = {kind for _, kind in said}
        return named.pop() if len(named) == 1 else UNKNOWN_KIND


def kind_named(word: str, kind: str) -> int:
    """Return the kind of this name, for a word of the user's. Raises UnreadableError."""
    found = _KIND_OF_WORD.get(kind.strip().lower())
    if found is None:
        names = ", ".join(KINDS[one] for one in (INTERNAL, SEND, RECEIVE))
        raise UnreadableError(f"--kind {word}={kind}: there is no kind {kind}; there are {names}")
    if not word.strip():
        raise UnreadableError(f"--kind {word}={kind}: names no word of the log")
    return found


def _alone(word: str) -> str:
    """Return the pattern of a word where it is no part of a longer one."""
    sides = []
    for letter, looks in ((word[0], "(?<!{})"), (word[-1], "(?!{})")):
        is_arrow = letter in _ARROW_SIGNS
        around = rf"[{re.escape(_ARROW_SIGNS)}]" if is_arrow else r"[^\W_]"
        sides.append(looks.format(around) if is_arrow or letter.isalnum() else "")
    return f"{sides[0]}{re.escape(word)}{sides[1]}"


def require_found(words: Iterable[OwnWords], texts: Mapping[str, int]) -> None:
    """Raise UnreadableError if a word of the user's occurs in no part of a log.

    words: of each part. texts: what its events say instead, and how often.
    """
    every = list(words)
    found = set().union(*(each.found for each in every))
    for each in every:
        for word, kind in each.given.items():
            if word in each.required and word not in found:
                said = _listed(texts)
                there = f"they say {said}" if said else "it has no kinds, and no texts of events"
                raise UnreadableError(
                    f"--kind {word}={KINDS[kind]}: no kind or text of an event has the word "
                    f"{word}; {there}"
                )


def kinds(known: Mapping[str, Values], rows: int, words: OwnWords | None = None) -> IntArray:
    """Return the kind of each event as far as the known fields say, u1.

    rows: their number. words: the user's own.
    """
    column = np.full(rows, UNKNOWN_KIND, np.uint8)
    if "kind" in known:
        column[:] = _kinds_of(known["kind"], _kind_of_words)
        if "event" in known and bool((column == UNKNOWN_KIND).any()):
            absent = _rows_without(known["kind"], np.flatnonzero(column == UNKNOWN_KIND))
            texts = [known["event"][row] for row in absent]
            column[absent] = _kinds_of(texts, kind_if_alone)
    elif "event" in known:
        column[:] = _kinds_of(known["event"], kind_if_alone)
    for name, kind in (("internal", INTERNAL), ("send", SEND), ("receive", RECEIVE)):
        if name in known:
            column[[value not in (None, "") for value in known[name]]] = kind
    if words is not None and words.given:
        for name in ("event", "kind"):  # what the kind says counts for more
            if name in known:
                said = _by_own_words(known[name], words)
                column[said != UNKNOWN_KIND] = said[said != UNKNOWN_KIND]
    return column


def _by_own_words(texts: Values, words: OwnWords) -> IntArray:
    known: dict[Any, int] = {}
    found = []
    for text in texts:
        key = text if isinstance(text, str) else str(text)
        kind = known.get(key)
        if kind is None:
            kind = known[key] = words.kind_of(text)
        found.append(kind)
    return np.array(found, np.uint8)


def is_of_kinds(values: Values) -> bool:
    """Whether a column holds kinds of events, whatever it is called, as its values show.

    Nearly all are no more than words for kinds, and they tell sends from receives, or
    either from internal events.
    """
    first = [value for value in values[:VALUES_LOOKED_AT] if not is_empty(value)]
    if not all(isinstance(value, str) for value in first):
        return False
    if len(set(first)) > WORDS_MAX or 2 * _of_kinds(first) < len(first):
        return False
    said = [value.strip() if isinstance(value, str) else "" for value in values]
    found = set(_kinds_of(said, kind_if_alone).tolist()) - {UNKNOWN_KIND}
    return len(found) > 1 and _of_kinds(said) >= KINDS_SHARE_MIN * len(said)


def _of_kinds(texts: Sequence[str]) -> int:
    """Return how many texts are no more than a word for a kind."""
    return int((_kinds_of(texts, kind_if_alone) != UNKNOWN_KIND).sum())


def unsaid_words(known: Mapping[str, Values], unsaid: IntArray) -> dict[str, int]:
    """Return what events without a known kind say in its place, the most frequent first.

    known: the fields of the log. unsaid: rows of these events. Empty where they say too
    many different things to be words for kinds.
    """
    for name in ("kind", "event"):
        if name in known:
            column = list(known[name])
            held = [column[row] for row in unsaid.tolist()]
            said = Counter(str(value).strip() for value in held if not is_empty(value))
            is_repeated = name == "kind" or len(said) < len(held)
            if said and len(said) <= WORDS_MAX and is_repeated:
                return dict(said.most_common())
    return {}


def texts_of(known: Mapping[str, Values]) -> Counter[str]:
    """Return the kinds that events have in the log's own words; without kinds, their texts."""
    name = "kind" if "kind" in known else "event"
    return Counter(str(value).strip() for value in known.get(name, ()) if not is_empty(value))


def hint(said: Mapping[str, int]) -> str:
    """Return a remark that kinds are not known, with the words for them and the flag."""
    return (
        f"the kind of {counted(sum(said.values()), 'event')} is not known: {_listed(said)}; say "
        "which are sent and received: --kind WORD=send --kind WORD=receive"
    )


def _listed(said: Mapping[str, int]) -> str:
    most = sorted(said, key=lambda word: -said[word])
    shown = ", ".join(f"{shorten(word)} ({said[word]})" for word in most[:WORDS_SHOWN_MAX])
    more = len(most) - WORDS_SHOWN_MAX
    return f"{shown} and {more} more" if more > 0 else shown


def _rows_without(values: Sequence[Any], rows: IntArray) -> list[int]:
    """Return those of some rows whose record has no value: its pattern has no such group.

    A value that stands for none, such as `-`, says that there is none.
    """
    return [row for row in rows.tolist() if values[row] is None or values[row] == ""]


def _kinds_of(texts: Sequence[Any], kind_of: Callable[[str], int]) -> IntArray:
    """Return the kind of each text; `kind_of` is asked once for a text that is not one word."""
    known = dict(_KIND_OF_TEXT)
    if set(map(type, texts)) == {str}:
        found = list(map(known.get, texts))  # most logs have nothing but such words
        if None not in found:
            return _pairs_decided(np.array(found, np.uint8))
    found = []
    for text in texts:
        kind = known.get(text) if isinstance(text, str) else UNKNOWN_KIND
        if kind is None:
            kind = kind_of(text)
            if kind != UNKNOWN_KIND:  # there are few such texts, and many others
                known[text] = kind
        found.append(kind)
    return _pairs_decided(np.array(found, np.uint8))


def _pairs_decided(column: IntArray) -> IntArray:
    """Return kinds with those of words that count in pairs, unknown where one is alone."""
    if not bool((column >= _FIRST_CODE).any()):
        return column
    decided = np.where(column >= _FIRST_CODE, UNKNOWN_KIND, column).astype(np.uint8)
    for send, receive in PAIRS:
        of_send, of_receive = column == _CODE_OF_WORD[send], column == _CODE_OF_WORD[receive]
        if bool(of_send.any()) and bool(of_receive.any()):
            decided[of_send] = SEND
            decided[of_receive] = RECEIVE
    return decided


def _kind_of_words(text: str) -> int:
    """Return the one kind that the words of a text name, else UNKNOWN_KIND.

    Of a word of PAIRS the code, if no other word names a kind.
    """
    words = _words(text)
    named = {_KIND_OF_WORD[word] for word in words if word in _KIND_OF_WORD}
    if not named and _BROADCAST in words:
        return SEND
    named = named or {_CODE_OF_WORD[word] for word in words if word in _CODE_OF_WORD}
    return named.pop() if len(named) == 1 else UNKNOWN_KIND


def kind_if_alone(text: str) -> int:
    """Return the kind that an event's own text names, if it says nothing else."""
    if len(text) > EVENT_CHARS_MAX or text.count(" ") > 1 or not text[-1:].isalpha():
        return UNKNOWN_KIND
    is_alone = all(
        word in _WORDS_ALONE
        for run in _LETTERS.findall(text)
        for word in (_camel_case_words(run) if run.lower() not in _KIND_OF_WORD else ())
    )
    return _kind_of_words(text) if is_alone else UNKNOWN_KIND


def _words(text: str) -> set[str]:
    """Return the runs of letters in a text, and the words that camelCase joins, in lower case."""
    runs = _LETTERS.findall(text)
    return {run.lower() for run in runs} | {word for run in runs for word in _camel_case_words(run)}


def _camel_case_words(run: str) -> list[str]:
    return [word.lower() for word in _CAMEL_CASE.findall(run)]
