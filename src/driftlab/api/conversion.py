"""What a log becomes in another format: its arrows, its clocks, and what is lost of it.

A log names its messages, or they were matched by what implies them. What is written
reads back with the same messages: where it would not, and in tables, each matched message
gets a name, in the columns `sent` and `received` or as a flow. What was assumed stays so:
such a name is marked, in `matched_by`, and is none when it is read back. Vector clocks
that a format needs and a log does not have are computed from its messages.

Everything of the events that the format cannot hold is counted, a line each: nothing
is left out in silence. A vector clock that implies several messages into one event
keeps them; names, of which an event has one, do not, so such a log keeps its clocks
and gets no names.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from driftlab.api.history import History
from driftlab.arrays import IntArray
from driftlab.errors import counted, name_list
from driftlab.foreign.assumed_names import MATCHED_BY, unmarked
from driftlab.foreign.text_columns import can_be_group
from driftlab.history.matching.messages import NOTHING, UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, NO_TARGET, NOBODY, RECEIVE, UNKNOWN_KIND, Columns

NEED_VECTORS: Final = ("shiviz", "tsviz", "govector", "tracing")
TABLES: Final = ("csv", "parquet", "json")
HOLD_GROUPS: Final = ("shiviz", "tsviz")
NAME_MAX: Final = 2**62  # of a message, beyond which names are numbered anew
NAMED_BY_LOG: Final = ("id", "stamp")  # strategies of matching that go by the log's own names


class Prepared(NamedTuple):
    """The trace to write, and what of the log the format cannot hold, a line each."""

    trace: Trace
    lost: list[str]


def prepare(history: History, to: str) -> Prepared:
    """Return what to write of a history in a format, one of `driftlab.foreign.FORMATS`."""
    held = history.trace.timestamps
    is_computed = to in NEED_VECTORS and (held is None or held.clock != "vector")
    whole = history.restamp("vector").trace if is_computed else history.trace
    trace = _named_as_needed(whole, history.messages, to)
    lost = [
        *_lost_messages(history, trace, to, is_computed=is_computed),
        *_lost_columns(history.trace, to, is_computed=is_computed),
        *_lost_places(history.trace, to),
    ]
    return Prepared(trace, lost)


# Messages.


def _named_as_needed(trace: Trace, messages: Messages, to: str) -> Trace:
    """Return the trace with names of its messages, if these make arrows or keep them."""
    if to == "chrome":
        return _with_flows(trace, messages)
    if to == "govector":
        return trace
    is_implied = any(name not in NAMED_BY_LOG for name in messages.matched_by)
    differing = _differing(_as_read(trace, to), messages)
    if not differing and not (to in TABLES and is_implied):
        return trace
    if to in TABLES and len(messages.extra_receives) and not differing:
        return trace
    named = _marked(_with_names(trace, messages), messages)
    differing_named = _differing(_as_read(named, to), messages)
    is_better = differing_named < differing or (to in TABLES and differing_named == differing)
    return named if is_better else trace


def _marked(trace: Trace, messages: Messages) -> Trace:
    """Return the trace with a mark at each receive whose message is assumed."""
    marks: list[str | None] = [None] * len(trace)
    for strategy, rows in messages.assumed_by.items():
        for row in rows.tolist():
            marks[row] = strategy
    return trace.replace(texts={**trace.texts, MATCHED_BY: marks}) if any(marks) else trace


def _as_read(trace: Trace, to: str) -> Messages:
    """Return the messages that are matched where what is written of a trace is read."""
    trace = unmarked(trace)
    columns = trace.columns
    if to == "govector":
        columns = Columns(np.full(len(trace), UNKNOWN_KIND, np.uint8))
    return History(trace.replace(columns=columns, strategies=())).messages


def _differing(back: Messages, messages: Messages) -> int:
    """Return in how many events or messages two matchings of the same events differ.

    A receive that brought nothing new, by its vector clock, may be one without a message
    where messages have names: what the judge could decide is then open, and not wrong.
    """
    told_nothing = (messages.source == NOTHING) & (back.source == UNMATCHED)
    events = int(np.count_nonzero((back.source != messages.source) & ~told_nothing))
    return events + len(_extra_pairs(back) ^ _extra_pairs(messages))


def _extra_pairs(messages: Messages) -> frozenset[tuple[int, int]]:
    pairs = zip(messages.extra_sends.tolist(), messages.extra_receives.tolist(), strict=True)
    return frozenset(pairs)


def _with_flows(trace: Trace, messages: Messages) -> Trace:
    """Return the trace with its messages named by the row of the send, and no other names."""
    receives = messages.receives
    if not len(receives):
        columns = trace.columns._replace(sent=None, received=None)
        return trace.replace(columns=columns, message_names=())
    sent = np.full(len(trace), MISSING, np.int64)
    received = np.full(len(trace), MISSING, np.int64)
    received[receives] = messages.source[receives]
    sent[messages.source[receives]] = messages.source[receives]
    return _marked(
        trace.replace(
            columns=trace.columns._replace(sent=sent, received=received), message_names=()
        ),
        messages,
    )


def _with_names(trace: Trace, messages: Messages) -> Trace:
    """Return the trace with a name for every matched message, and the names that it has."""
    receives = messages.receives
    if not len(receives):
        return trace
    sent, received = _names(trace)
    sends = np.unique(messages.source[receives])
    first = int(max(sent.max(), received.max(), -1)) + 1
    firsts = np.unique(sent, return_index=True)[1]
    is_own = np.zeros(len(trace), bool)
    is_own[firsts] = sent[firsts] != MISSING  # of several of one name the first has it
    new = sends[~is_own[sends]]
    sent[new] = first + np.arange(len(new))
    received[receives] = sent[messages.source[receives]]
    columns = trace.columns._replace(sent=sent, received=received)
    return trace.replace(columns=columns, message_names=())


def _names(trace: Trace) -> tuple[IntArray, IntArray]:
    """Return copies of the columns `sent` and `received`, whose names leave room for others."""
    empty = np.full(len(trace), MISSING, np.int64)
    columns = [trace.columns.sent, trace.columns.received]
    sent, received = (empty.copy() if each is None else each.copy() for each in columns)
    both = np.concatenate([sent, received])
    if both.max() < NAME_MAX:
        return sent, received
    names, number = np.unique(both, return_inverse=True)
    numbers = np.where(names == MISSING, MISSING, np.arange(len(names)))[number]
    return numbers[: len(trace)], numbers[len(trace) :]


def _lost_messages(history: History, trace: Trace, to: str, *, is_computed: bool) -> Iterator[str]:
    messages = history.messages
    told_nothing = (messages.source == NOTHING) & (trace.columns.kind == RECEIVE)
    unmatched = int(np.count_nonzero((messages.source == UNMATCHED) | told_nothing))
    if unmatched:
        verb, arrows = ("names", "its arrow is") if unmatched == 1 else ("name", "their arrows are")
        clocks = ", and vector clocks are computed as if nothing had been received"
        yield (
            f"{counted(unmatched, 'receive')} {verb} no message that was found; {arrows} missing"
            f"{clocks if is_computed else ''}"
        )
    back = _as_read(trace, to)
    extra = len(_extra_pairs(messages) - _extra_pairs(back))
    if extra:
        into = "an event" if extra == 1 else "events"
        yield f"{counted(extra, 'message')} into {into} that received another one too"
    elif to in TABLES and len(messages.extra_receives) and trace is history.trace:
        yield "names of messages: one event received several, which only the vector clocks hold"
    elif to == "chrome" and len(messages.extra_receives):
        arrows = "the arrow" if len(messages.extra_receives) == 1 else "the arrows"
        yield (
            f"{arrows} of {counted(len(messages.extra_receives), 'message')} into an event that "
            "received another one too; the vector clocks hold them"
        )
    if to == "chrome":
        yield from _lost_names(history.trace, trace)
    ordered = np.setdiff1d(messages.assumed_order, back.assumed_order)
    ordered = ordered[back.source[ordered] >= 0]
    if len(ordered):
        yield (
            f"that {counted(len(ordered), 'receive was', 'receives were')} matched by the order on "
            "the channel, which is judged once this is read back"
        )
    is_matched = (back.source >= 0) | (messages.source >= 0)
    otherwise = int(np.count_nonzero((back.source != messages.source) & is_matched))
    if otherwise:
        yield f"the send of {counted(otherwise, 'receive')}: read again, it is matched otherwise"


def _lost_names(logged: Trace, trace: Trace) -> Iterator[str]:
    """Yield how many events lose the name of their message, since a flow needs both ends."""
    pairs = (
        (logged.columns.sent, trace.columns.sent),
        (logged.columns.received, trace.columns.received),
    )
    lost = sum(
        int(np.count_nonzero((own != MISSING) & (True if new is None else new == MISSING)))
        for own, new in pairs
        if own is not None
    )
    if lost:
        yield f"the message's name of {counted(lost, 'event')}: its other end was not found"


# Columns.


def _lost_columns(trace: Trace, to: str, *, is_computed: bool) -> Iterator[str]:
    if is_computed and trace.timestamps is not None:
        yield f"the {trace.timestamps.clock} timestamps; vector ones are computed"
    missing = _columns_not_held(trace, to)
    if missing:
        what = "column" if len(missing) == 1 else "columns"
        yield f"{len(missing)} {what} that {to} cannot hold: {name_list(missing)}"
    invalid = len(trace.invalid_clocks.rows)
    if invalid:
        yield f"{counted(invalid, 'clock')} that no event can have"
    if to in HOLD_GROUPS or to == "govector":
        held = [key for key in trace.texts if key == "event" or key not in missing]
        texts = [text for key in held for text in trace.texts[key] if text]
        broken = sum("\n" in text or "\r" in text for text in texts)
        if broken:
            yield f"the line ends in {counted(broken, 'text')}, written as \\n"
        tabs = sum(
            "\t" in text for key in held if key != "event" for text in trace.texts[key] if text
        )
        if tabs:
            yield f"the tabs in {counted(tabs, 'text')}, written as \\t"


def _columns_not_held(trace: Trace, to: str) -> list[str]:
    """Return the names of the columns that a format does not hold."""
    if to in HOLD_GROUPS:
        return [name for name in trace.texts if name != "event" and not can_be_group(name)]
    if to != "govector":
        return []
    of = trace.columns
    numbers = {
        "lamport": of.clock, "stamp": of.stamp, "queue": of.queue, "tick": of.tick,
        "due_ns": of.due_ns, "late_ns": of.late_ns, "sent": of.sent, "received": of.received,
    }  # fmt: skip
    names = [] if bool((of.kind == UNKNOWN_KIND).all()) else ["kind"]
    names += [name for name, column in numbers.items() if _has(column, MISSING)]
    names += ["sender"] if _has(of.sender, NOBODY) else []
    names += ["targets"] if _has(of.target, NO_TARGET) else []
    return names + [name for name in trace.texts if name != "event"]


def _has(column: IntArray | None, nothing: int) -> bool:
    return column is not None and bool((column != nothing).any())


# What is not of events.


def _lost_places(trace: Trace, to: str) -> Iterator[str]:
    unread = sum(each.lines for each in trace.unread)
    if unread:
        yield counted(unread, "unread line")
    if len(trace.gaps) and to != "govector":
        yield f"{counted(len(trace.gaps), 'place')} where events may be missing"
    if len(trace.process_info) or trace.arrivals is not None:
        yield (
            "what journals say besides events: rates, speed, incidents, arrivals (driftlab pack "
            "keeps it)"
        )
