"""What a rule is, what it is given, and what it returns.

A rule looks at one `Context`: a trace, its matched messages, and facts about
both that several rules need, each computed once. It returns `Findings`: rows of
events, with an explanation of each that is written only when somebody reads it.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from driftlab.arrays import AnyArray, BoolArray, IntArray
from driftlab.history.matching.arrivals import MatchedArrivals, match_arrivals
from driftlab.history.matching.messages import (
    NOTHING,
    Messages,
    arrival_names,
    arrival_rows,
    receive_names,
)
from driftlab.history.matching.repair import RepairedTrace
from driftlab.history.matching.send_index import sent_messages
from driftlab.history.missing_fields import is_receive, may_be_receive
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import MISSING, NOBODY, Timestamps

NO_ROWS: IntArray = np.zeros(0, np.int64)
_UNDESCRIBED = ProcessInfo()


class Explanation(NamedTuple):
    """One violation in words.

    expected: what the rule requires. found: what the log says instead.
    witness: rows of the events that prove it, in reading order.
    """

    expected: str
    found: str
    witness: tuple[int, ...]


class Findings(NamedTuple):
    """What one rule finds in one history.

    rows i8: the events that violate it, rising.
    explain: returns the explanation of the violation number k, the event rows[k].
    unknown i8: rows, rising, of events that the rule cannot decide, because the
    log has gaps or does not say enough. reason: why, for all of these.
    """

    rows: IntArray
    explain: Callable[[int], Explanation]
    unknown: IntArray
    reason: str = ""


class Rule(NamedTuple):
    """A rule: its name, what it requires, how many questions it asks, how it judges.

    questions: how many things a history has for the rule to judge: events, steps,
    messages or processes, as the rule says. 0: the rule does not apply. Every
    violation and every undecided row is the answer to one of them.
    """

    name: str
    says: str
    questions: "Callable[[Context], int]"
    judge: "Callable[[Context], Findings]"


def findings(
    rows: IntArray | BoolArray,
    explain: Callable[[int], Explanation],
    unknown: IntArray | BoolArray = NO_ROWS,
    reason: str = "",
) -> Findings:
    """Return findings in the order of their rows.

    rows: of the violations, in any order, or a mask over all rows.
    explain: takes a place in `rows` as they were given.
    unknown: rows of undecided events, in any order, or a mask. reason: why.
    """
    rows = _row_numbers(rows)
    order = np.argsort(rows, kind="stable")
    return Findings(
        rows[order],
        lambda number: explain(int(order[number])),
        np.sort(_row_numbers(unknown)),
        reason,
    )


def findings_by_kind(
    *kinds: tuple[IntArray, Callable[[int, int], Explanation]],
    unknown: IntArray | BoolArray = NO_ROWS,
    reason: str = "",
) -> Findings:
    """Return findings of several kinds together, in the order of their rows.

    kinds: of each the rows of its violations, and what explains one, given its
    row and its place among these rows. unknown, reason: as in `findings`.
    """
    rows = np.concatenate([rows for rows, _ in kinds])
    begins = np.cumsum([0, *(len(rows) for rows, _ in kinds)])

    def explain(place: int) -> Explanation:
        kind = int(np.searchsorted(begins, place, side="right")) - 1
        return kinds[kind][1](int(rows[place]), place - int(begins[kind]))

    return findings(rows, explain, unknown, reason)


def _row_numbers(rows: IntArray | BoolArray) -> IntArray:
    any_rows: AnyArray = rows
    return np.flatnonzero(any_rows) if any_rows.dtype == bool else any_rows


class Context:
    """A history being checked. A mask or column has one entry a row.

    trace: with the names of its messages repaired (see `repaired`).
    original: the trace as it was logged. messages: those of `trace`.
    is_whole: whether the log is taken to hold every event of every process, so
    that nothing is explained by an event that is absent.
    """

    def __init__(
        self,
        repaired: RepairedTrace,
        messages: Messages,
        original: Trace,
        *,
        is_whole: bool = False,
    ) -> None:
        self.repaired = repaired
        self.original = original
        self.trace = trace = repaired.trace
        self.messages = messages
        self.columns = trace.columns
        self.is_whole = is_whole
        self._results: dict[str, Any] = {}

    def cached(self, name: str, compute: "Callable[[Context], Any]") -> Any:
        """Return `compute(self)`, computed once and kept under `name`."""
        if name not in self._results:
            self._results[name] = compute(self)
        return self._results[name]

    def __len__(self) -> int:
        return len(self.trace)

    # Neighbours in a process.

    @cached_property
    def process(self) -> IntArray:
        """The position of each row's process, i4."""
        return self.trace.process_column()

    @cached_property
    def is_first(self) -> BoolArray:
        """Whether a row is the first of its process."""
        first = np.zeros(len(self), bool)
        starts = self.trace.starts[:-1]
        first[starts[starts < len(self)]] = True
        return first

    @cached_property
    def after_gap(self) -> BoolArray:
        """Whether something of the same process is missing right before a row."""
        mask = np.zeros(len(self), bool)
        mask[self.trace.gaps] = True
        return mask

    @cached_property
    def has_before(self) -> BoolArray:
        """Whether the row before is the preceding event of the same process."""
        mask: BoolArray = ~(self.is_first | self.after_gap)
        return mask

    def before(self, column: IntArray, start: int) -> IntArray:
        """Return the value of a column at the row before, `start` at the first of a process."""
        shifted = np.empty_like(column)
        shifted[1:] = column[:-1]
        shifted[self.is_first] = start
        return shifted

    @cached_property
    def begins_ns(self) -> IntArray:
        """When each tick began, nanoseconds after the common start; only with due times."""
        due, late = required(self.columns.due_ns), self.columns.late_ns
        return due if late is None else due + late

    # Where a log begins and ends, and what it lacks.

    def description_of(self, process: int) -> ProcessInfo:
        """Return what the log says about a process."""
        return self.trace.process_info[process] if len(self.trace.process_info) else _UNDESCRIBED

    @cached_property
    def may_start_late(self) -> BoolArray:
        """Of each process whether its log may begin after its first event."""
        if self.is_whole:
            return np.zeros(self.trace.processes, bool)
        unknown = np.ones(self.trace.processes, bool)
        unknown[: len(self.trace.process_info)] = [
            not each.from_start for each in self.trace.process_info
        ]
        return unknown

    @cached_property
    def starts_late(self) -> BoolArray:
        """Whether a row is the first of a process whose log may begin late."""
        mask: BoolArray = self.is_first & self.may_start_late[self.process]
        return mask

    @cached_property
    def may_lack_first(self) -> BoolArray:
        """Of each process whether events may be missing before the first of its log.

        An event with a Lamport clock of at most 1, or an own entry of 1, is a first
        event, whatever else is known of the log. But where own entries were written before
        their event, and Lamport clocks are read as they stand, these may be written so too.
        """
        lacks = self.may_start_late.copy()
        first = np.flatnonzero(self.is_first)
        process, held, clock = self.process[first], self.trace.timestamps, self.columns.clock
        if held is not None and held.clock == "vector":
            lacks[process[own_entries(held, first, process) == 1]] = False
        if clock is not None and not self._are_own_entries_moved:
            lacks[process[(clock[first] != MISSING) & (clock[first] <= 1)]] = False
        return lacks

    @property
    def _are_own_entries_moved(self) -> bool:
        """Whether own entries are read otherwise than they are written, and no Lamport clock is."""
        written, clock, held = self.original.written, self.columns.clock, self.trace.timestamps
        if written is None or held is None or written.timestamps is None or clock is None:
            return False
        is_clock_as_written = written.clock is not None and np.array_equal(clock, written.clock)
        return is_clock_as_written and not np.array_equal(held.values, written.timestamps.values)

    @cached_property
    def may_go_on(self) -> BoolArray:
        """Of each process whether there may have been events after the last of its log."""
        if self.is_whole:
            return np.zeros(self.trace.processes, bool)
        if not len(self.trace.process_info):
            return np.ones(self.trace.processes, bool)
        return np.array([not description.ended for description in self.trace.process_info], bool)

    @cached_property
    def is_missing(self) -> BoolArray:
        """Of each process whether it may have events, though there is no log of it at all."""
        if self.is_whole:
            return np.zeros(self.trace.processes, bool)
        counts = np.diff(self.trace.starts)
        missing = set(self.trace.missing_processes)
        named = np.array([name in missing for name in self.trace.names], bool)
        mask: BoolArray = named | (self.may_go_on & (counts == 0))
        return mask

    @cached_property
    def has_gaps(self) -> BoolArray:
        """Of each process whether its log has gaps, or is missing."""
        mask = np.zeros(self.trace.processes, bool)
        mask[self.process[self.trace.gaps]] = True
        mask |= self.is_missing
        return mask

    # Messages that were received.

    @cached_property
    def is_receive(self) -> BoolArray:
        """Whether an event received a message, as its log says."""
        return is_receive(self.trace)

    @cached_property
    def may_receive(self) -> BoolArray:
        """Whether an event received a message, or may have, since the log does not say."""
        return may_be_receive(self.trace)

    @cached_property
    def names_no_message(self) -> BoolArray:
        """Whether an event received a message that its log does not name, and no send has.

        A name that may not be used to match messages (`--match`) names none.
        """
        of = self.columns
        unmatched = self.is_receive & (self.messages.source < 0)
        mask = unmatched.copy()
        if of.stamp is not None:  # which names a message together with its sender
            mask &= (of.stamp == MISSING) | (self.messages.sender == NOBODY)
        if of.received is not None:
            mask &= of.received == MISSING
        return mask | (unmatched & self.is_not_to_match)

    @cached_property
    def is_not_to_match(self) -> BoolArray:
        """Whether a receive was left out of the matching, by the strategies that were chosen.

        A receive that has names is left out if no chosen strategy goes by any of them; one
        without, if a strategy that could have matched it was not chosen. That no send
        matches it says nothing then. Nor does it where an id is that of several senders.
        """
        of, chosen = self.columns, self.trace.strategies
        ambiguous = np.zeros(len(self), bool)
        ambiguous[self.messages.ambiguous] = True
        if not chosen:
            return ambiguous
        has_name, is_used = np.zeros(len(self), bool), np.zeros(len(self), bool)
        if of.received is not None:
            has_id = of.received != MISSING
            has_name |= has_id
            is_used |= has_id & ("id" in chosen)
        if of.stamp is not None:
            has_stamp = of.stamp != MISSING
            has_name |= has_stamp
            has_sender = np.zeros(len(self), bool) if of.sender is None else of.sender != NOBODY
            by_stamp = (has_sender & ("stamp" in chosen)) | (
                ~has_sender & ("unique-stamp" in chosen)
            )
            is_used |= has_stamp & by_stamp
        needed = {"position"} if self.trace.timestamps is None else {"position", "vector-clock"}
        left_out: BoolArray = np.where(has_name, ~is_used, not needed <= set(chosen))
        return ambiguous | (self.is_receive & left_out)

    @cached_property
    def has_unnamed_messages(self) -> BoolArray:
        """Of each process whether it received a message that its log does not name."""
        mask = np.zeros(self.trace.processes, bool)
        mask[self.process[self.names_no_message]] = True
        return mask

    @cached_property
    def has_invalid_clock(self) -> BoolArray:
        """Whether an event's clock, as it is logged, is one that no event can have."""
        mask = np.zeros(len(self), bool)
        mask[self.trace.invalid_clocks.rows] = True
        return mask

    @cached_property
    def pairs(self) -> tuple[IntArray, IntArray]:
        """All messages whose send and receive are logged: rows of the receives, of the sends."""
        receives = self.messages.receives
        to = np.concatenate([receives, self.messages.extra_receives])
        sends = np.concatenate([self.messages.source[receives], self.messages.extra_sends])
        keep = sends >= 0
        return to[keep], sends[keep]

    @cached_property
    def by_receive(self) -> tuple[IntArray, IntArray]:
        """The pairs in the order of the receives: rows of the receives, of the sends."""
        receives, sends = self.pairs
        order = np.argsort(receives, kind="stable")
        return receives[order], sends[order]

    @cached_property
    def by_send(self) -> tuple[IntArray, IntArray]:
        """The pairs in the order of the sends: rows of the sends, of the receives."""
        receives, sends = self.pairs
        order = np.argsort(sends, kind="stable")
        return sends[order], receives[order]

    def sends_of(self, row: int) -> list[int]:
        """Return the rows of the sends of all messages that an event received."""
        return _partners(self.by_receive, row)

    def receives_of(self, row: int) -> list[int]:
        """Return the rows of the receives of all messages that an event sent."""
        return _partners(self.by_send, row)

    # Messages that ticks found in their sockets (only in our journals).

    @cached_property
    def arrival_rows(self) -> IntArray:
        """Of each arrival the row of the tick that found it."""
        return arrival_rows(self.trace)

    @cached_property
    def arrival_sources(self) -> IntArray:
        """Of each arrival the row of its send, negative where there is none."""
        return self._arrivals.source

    @cached_property
    def arrivals_by_position(self) -> IntArray:
        """Numbers of arrivals whose name no send has, matched by their position on a channel."""
        return self._arrivals.by_place

    @cached_property
    def _arrivals(self) -> MatchedArrivals:
        return match_arrivals(self.trace, self.messages)

    @cached_property
    def deliveries(self) -> tuple[IntArray, IntArray]:
        """The row where each message first appeared at its receiver, and the row of its send.

        By arrivals where the log has them, else by receives; in the order of the rows.
        """
        if self.trace.arrivals is not None:
            return self.arrival_rows, self.arrival_sources
        return self.by_receive

    # Messages that were sent.

    @cached_property
    def sent_messages(self) -> tuple[IntArray, IntArray]:
        """Every message that was sent: rows of the sends, positions of the targets.

        Only where the log says which processes events sent to.
        """
        return sent_messages(self.trace)

    # Words.

    def clock_of(self, row: int) -> int | None:
        """Return an event's Lamport clock, None where it has none."""
        clock = None if self.columns.clock is None else int(self.columns.clock[row])
        return None if clock == MISSING else clock

    def event_name(self, row: int) -> str:
        """Return the name of an event, `A:17`: its process, and its number there from 0."""
        name, index = self.trace.place(row)
        return f"{name}:{index}"

    def step_proof(self, row: int, *sends: int) -> tuple[int, ...]:
        """Return the witness of a wrong step: the event before, if any, the sends, and the row."""
        own = () if self.is_first[row] else (row - 1,)
        return (*own, *sends, row)

    def target_names(self, row: int) -> str:
        """Return the names of the processes to which an event sent: `B and C`."""
        return " and ".join(self.trace.names[place] for place in self.trace.targets_of(row))


def required(column: IntArray | None) -> IntArray:
    """Return a required column; `applies`, or the caller, has checked that it exists."""
    assert column is not None
    return column


def count_of(mask: BoolArray) -> int:
    """Return how many entries of a mask are true."""
    return int(np.count_nonzero(mask))


def messages_received(context: Context) -> int:
    """Return how many messages were received, matched or not."""
    received = (context.messages.source != NOTHING) | context.is_receive
    return count_of(received) + len(context.messages.extra_receives)


def received_keys(context: Context) -> tuple[IntArray, IntArray]:
    """Return the rows that received, and a number for each message at its receiver.

    A message is identified by its send where that is logged, else by its name, if that
    may be used (`--match`).
    """
    keys: tuple[IntArray, IntArray] = context.cached("received keys", _received_keys)
    return keys


def _received_keys(context: Context) -> tuple[IntArray, IntArray]:
    of = context.columns
    rows: IntArray
    names: IntArray
    if of.received is not None:
        rows = np.flatnonzero(of.received != MISSING)
        names = np.unique(of.received[rows], return_inverse=True)[1]
        names = names * context.trace.processes + context.process[rows]
    elif of.stamp is None or of.sender is None:
        return _keys_of_vectors(context)
    else:
        rows, names = receive_names(context.trace)
    known = ~(context.is_not_to_match[rows] & (context.messages.source[rows] < 0))
    rows, names = rows[known], names[known]
    return rows, _keys(context, names, context.messages.source[rows], context.process[rows])


def _keys_of_vectors(context: Context) -> tuple[IntArray, IntArray]:
    """Return the receives that vector clocks matched, on channels that the log names."""
    rows = context.messages.assumed_by.get("vector-clock", NO_ROWS)
    if context.messages.implied or context.columns.target is None:
        return NO_ROWS, NO_ROWS
    return rows, _keys(context, rows, context.messages.source[rows], context.process[rows])


def arrived_keys(context: Context) -> IntArray:
    """Return the number of the message of every arrival, as `received_keys` numbers them."""
    to = context.process[context.arrival_rows]
    return _keys(context, arrival_names(context.trace), context.arrival_sources, to)


def _keys(context: Context, names: IntArray, sources: IntArray, to: IntArray) -> IntArray:
    return np.where(sources >= 0, sources * context.trace.processes + to, -1 - names)


def _partners(pairs: tuple[IntArray, IntArray], row: int) -> list[int]:
    """Return the second rows of the pairs whose first is `row`; pairs are in order of the first."""
    begin, end = np.searchsorted(pairs[0], [row, row + 1]).tolist()
    partners: list[int] = pairs[1][begin:end].tolist()
    return partners


# Timestamps, which are kept entry by entry, as tables of numbers.


def own_entries(held: Timestamps, rows: IntArray, process: IntArray) -> IntArray:
    """Return one entry of each event's timestamp, i8; 0 where there is none.

    rows: the events. process: of each event, the position of the process whose entry to take.
    """
    found = np.zeros(len(rows), np.int64)
    for number, (row, own) in enumerate(zip(rows.tolist(), process.tolist(), strict=True)):
        begin, end = held.starts[row : row + 2].tolist()
        here = np.flatnonzero(held.entries[begin:end] == own)
        found[number] = held.values[begin + here[0]] if len(here) else 0
    return found


def timestamp_table(held: Timestamps, rows: IntArray, width: int) -> IntArray:
    """Return the entries of some rows, i8, as many rows by `width`; 0 where there is none."""
    numbers = np.zeros((len(rows), width), np.int64)
    begin = held.starts[rows]
    counts = held.starts[rows + 1] - begin
    ends = np.cumsum(counts)
    place = np.arange(ends[-1] if len(ends) else 0) + np.repeat(begin - ends + counts, counts)
    entry = held.entries[place]
    inside = (entry >= 0) & (entry < width)
    row = np.repeat(np.arange(len(rows)), counts)
    numbers[row[inside], entry[inside]] = held.values[place[inside]]
    return numbers


def is_stamped(held: Timestamps) -> BoolArray:
    """Return whether each event has a timestamp."""
    stamped: BoolArray = held.starts[1:] > held.starts[:-1]
    return stamped
