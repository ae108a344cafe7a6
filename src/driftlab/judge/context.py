"""What the judge has before it: a trace, its messages, and what several rules ask of them.

What a rule is, and what it finds.
"""

from collections.abc import Callable
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np

from driftlab.history.matching.arrivals import MatchedArrivals, match_arrivals
from driftlab.history.matching.keys import arrival_names, arrival_rows, receive_names
from driftlab.history.matching.messages import Messages
from driftlab.history.matching.repair import RepairedTrace
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import MISSING, NO_TARGET, RECEIVE, UNKNOWN_KIND, Array, Timestamps

NOT_KNOWN = ProcessInfo()


class Context:
    """A history before the judge. Masks and columns have a place a row.

    trace: with its names mended (see `mended`); original: as its log has it.
    messages: those of the former.
    """

    def __init__(self, mended: RepairedTrace, messages: Messages, original: Trace) -> None:
        self.repaired = mended
        self.original = original
        self.trace = trace = mended.trace
        self.messages = messages
        self.columns = trace.columns
        self._kept: dict[str, Any] = {}

    def cached(self, name: str, work: "Callable[[Context], Any]") -> Any:
        """Return what `work` gives for this history, worked out once under that name."""
        if name not in self._kept:
            self._kept[name] = work(self)
        return self._kept[name]

    def __len__(self) -> int:
        return len(self.trace)

    @cached_property
    def process(self) -> Array:
        """The position of each row's process, i4."""
        return self.trace.process_column()

    @cached_property
    def is_first(self) -> Array:
        """Whether a row is the first of its process."""
        first = np.zeros(len(self), bool)
        starts = self.trace.starts[:-1]
        first[starts[starts < len(self)]] = True
        return first

    @cached_property
    def after_gap(self) -> Array:
        """Whether something of the same process is missing right before a row."""
        mask = np.zeros(len(self), bool)
        mask[self.trace.gaps] = True
        return mask

    @cached_property
    def has_before(self) -> Array:
        """Whether the event before, of the same process, stands in the row before."""
        return ~(self.is_first | self.after_gap)

    @cached_property
    def may_lack_first(self) -> Array:
        """Of each process whether events may be missing before the first of its log.

        A clock of 1 is that of a first event, whatever else is known of the log.
        """
        lacks = self.may_begin_anywhere.copy()
        first = np.flatnonzero(self.is_first)
        process, held, clock = self.process[first], self.trace.timestamps, self.columns.clock
        if held is not None and held.clock == "vector":
            lacks[process[own_entries(held, first, process) == 1]] = False
        if clock is not None:
            lacks[process[(clock[first] != MISSING) & (clock[first] <= 1)]] = False
        return lacks

    def before(self, column: Array, start: int) -> Array:
        """Return a column's value at the event before; at the first of a process, `start`."""
        shifted = np.empty_like(column)
        shifted[1:] = column[:-1]
        shifted[self.is_first] = start
        return shifted

    @cached_property
    def is_receive(self) -> Array:
        """Whether an event received a message, as its log says."""
        mask: Array = self.columns.kind == RECEIVE
        return mask if self.columns.sender is None else mask | (self.columns.sender >= 0)

    @cached_property
    def may_receive(self) -> Array:
        """The same, and where the log says nothing of it."""
        of = self.columns
        if of.sender is not None or of.received is not None:
            return self.is_receive
        mask: Array = self.is_receive | (of.kind == UNKNOWN_KIND)
        return mask

    @cached_property
    def has_unnamed_messages(self) -> Array:
        """Of each process whether it received a message of which the log says not which it was."""
        of, mask = self.columns, np.zeros(self.trace.processes, bool)
        nameless = self.is_receive & (self.messages.source < 0)
        for name in (of.stamp, of.received):
            if name is not None:
                nameless &= name == MISSING
        mask[self.process[nameless]] = True
        return mask

    @cached_property
    def matched(self) -> Array:
        """Rows of the receives whose send is there."""
        return self.messages.receives

    @cached_property
    def pairs(self) -> tuple[Array, Array]:
        """All messages whose send and receive are there: rows of the receives, of the sends."""
        receives = self.matched
        to = np.concatenate([receives, self.messages.extra_receives])
        came_from = np.concatenate([self.messages.source[receives], self.messages.extra_sends])
        keep = came_from >= 0
        return to[keep], came_from[keep]

    @cached_property
    def by_receive(self) -> tuple[Array, Array]:
        """The same, in the order of the receives."""
        to, came_from = self.pairs
        order = np.argsort(to, kind="stable")
        return to[order], came_from[order]

    @cached_property
    def by_send(self) -> tuple[Array, Array]:
        """The same, in the order of the sends: rows of the sends, of the receives."""
        to, came_from = self.pairs
        order = np.argsort(came_from, kind="stable")
        return came_from[order], to[order]

    def sources_of(self, row: int) -> list[int]:
        """Return the rows of the sends of all messages that an event received."""
        return _same(self.by_receive, row)

    def receives_of(self, row: int) -> list[int]:
        """Return the rows of the receives of all messages that an event sent."""
        return _same(self.by_send, row)

    def author(self, process: int) -> ProcessInfo:
        """Return what the log tells about a process."""
        return self.trace.process_info[process] if len(self.trace.process_info) else NOT_KNOWN

    @cached_property
    def may_begin_anywhere(self) -> Array:
        """Of each process whether its log may begin in the middle."""
        unknown = np.ones(self.trace.processes, bool)
        unknown[: len(self.trace.process_info)] = [
            not each.from_start for each in self.trace.process_info
        ]
        return unknown

    @cached_property
    def begins_anywhere(self) -> Array:
        """Whether a row is the first of a process whose log may begin in the middle."""
        return self.is_first & self.may_begin_anywhere[self.process]

    @cached_property
    def is_open(self) -> Array:
        """Of each process whether there may have been more events than its log holds."""
        if not len(self.trace.process_info):
            return np.ones(self.trace.processes, bool)
        return np.array([not author.ended for author in self.trace.process_info], bool)

    @cached_property
    def is_absent(self) -> Array:
        """Of each process whether there is no log of it at all."""
        counts = np.diff(self.trace.starts)
        absent = set(self.trace.missing_processes)
        named = np.array([name in absent for name in self.trace.names], bool)
        return named | (self.is_open & (counts == 0))

    @cached_property
    def has_gaps(self) -> Array:
        """Of each process whether its log has holes."""
        mask = np.zeros(self.trace.processes, bool)
        mask[self.process[self.trace.gaps]] = True
        return mask | self.is_absent

    @cached_property
    def arrival_rows(self) -> Array:
        """Of each arrival the row of the tick that found it."""
        return arrival_rows(self.trace)

    @cached_property
    def arrival_sources(self) -> Array:
        """Of each arrival the row of its send, negative where there is none."""
        return self._arrived.source

    @cached_property
    def arrivals_by_place(self) -> Array:
        """Numbers of the arrivals whose name no send has, matched by their place on a channel."""
        return self._arrived.by_place

    @cached_property
    def _arrived(self) -> MatchedArrivals:
        return match_arrivals(self.trace, self.messages)

    @cached_property
    def arrivals_or_receives(self) -> tuple[Array, Array]:
        """How messages came in: (row where each was first there, row of its send), as logged.

        By arrivals where the log has them, else by receives; in the order of the rows.
        """
        if self.trace.arrivals is not None:
            return self.arrival_rows, self.arrival_sources
        return self.by_receive

    @cached_property
    def sent(self) -> tuple[Array, Array]:
        """Every message that was sent, as (row of the send, position of the target).

        Only where the log says to whom events sent.
        """
        target = self.columns.target
        single = np.flatnonzero(target >= 0)
        several = np.flatnonzero((target < 0) & (target != NO_TARGET))
        rows, to = [single], [target[single].astype(np.int64)]
        # Few processes send to few sets: each is spread out once.
        codes = target[several].astype(np.int64) * self.trace.processes + self.process[several]
        order = np.argsort(codes, kind="stable")
        for group in np.split(several[order], np.flatnonzero(np.diff(codes[order])) + 1):
            if len(group):
                members = self.trace.targets_of(int(group[0]))
                rows.append(np.repeat(group, len(members)))
                to.append(np.tile(np.array(members, np.int64), len(group)))
        return np.concatenate(rows), np.concatenate(to)

    def clock_of(self, row: int) -> int | None:
        """Return an event's Lamport clock, None where it has none."""
        clock = None if self.columns.clock is None else int(self.columns.clock[row])
        return None if clock == MISSING else clock

    def name(self, row: int) -> str:
        """Name an event: A:17, from 0 within its process."""
        name, index = self.trace.place(row)
        return f"{name}:{index}"


def _same(pairs: tuple[Array, Array], row: int) -> list[int]:
    """Return the partners of a row in pairs that are in the order of their first."""
    begin, end = np.searchsorted(pairs[0], [row, row + 1]).tolist()
    partners: list[int] = pairs[1][begin:end].tolist()
    return partners


def own_entries(held: Timestamps, rows: Array, process: Array) -> Array:
    """Return the entries of some events' timestamps for these processes, 0 where there is none."""
    found = np.zeros(len(rows), np.int64)
    for number, (row, own) in enumerate(zip(rows.tolist(), process.tolist(), strict=True)):
        begin, end = held.starts[row : row + 2].tolist()
        here = np.flatnonzero(held.entries[begin:end] == own)
        found[number] = held.values[begin + here[0]] if len(here) else 0
    return found


def received_keys(case: Context) -> tuple[Array, Array]:
    """Return the rows that received, and a number for each message at its receiver.

    Messages are told apart by their sends, where these are there, else by their names.
    """
    of = case.columns
    if of.received is not None:
        rows = np.flatnonzero(of.received != MISSING)
        names = np.unique(of.received[rows], return_inverse=True)[1]
        names = names * case.trace.processes + case.process[rows]
    elif of.stamp is None or of.sender is None:
        return NO_ROWS, NO_ROWS
    else:
        rows, names = receive_names(case.trace)
    return rows, _keys(case, names, case.messages.source[rows], case.process[rows])


def arrived_keys(case: Context) -> Array:
    """Return the number of the message of every arrival, as `received_keys` numbers them."""
    to = case.process[case.arrival_rows]
    return _keys(case, arrival_names(case.trace), case.arrival_sources, to)


def _keys(case: Context, names: Array, sources: Array, to: Array) -> Array:
    known = sources >= 0
    keys: Array = np.where(known, sources * case.trace.processes + to, -1 - names)
    return keys


class Explanation(NamedTuple):
    """One violation in words: what was expected, what stands there, and the chain that proves it.

    witness: rows of events, in the order in which they are to be read.
    """

    expected: str
    found: str
    witness: tuple[int, ...]


class Findings(NamedTuple):
    """What one rule finds in one history.

    rows i8: the events that violate it, rising. tell: puts the violation
    with a number (from 0, in the order of the rows) into words.
    unknown i8: rows of events about which the rule cannot decide, because of
    holes in the log, and why.
    """

    rows: Array
    explain: Callable[[int], Explanation]
    unknown: Array
    reason: str = ""


class Rule(NamedTuple):
    """A rule: its name, what it says, to which histories it applies, and how it judges."""

    name: str
    says: str
    applies: Callable[[Context], bool]
    judge: Callable[[Context], Findings]


NO_ROWS: Array = np.zeros(0, np.int64)


def findings(
    rows: Array, tell: Callable[[int], Explanation], unknown: Array = NO_ROWS, reason: str = ""
) -> Findings:
    """Return what was found, in the order of the rows; `rows` and `unknown` may be masks."""
    rows = _row_numbers(rows)
    order = np.argsort(rows, kind="stable")
    return Findings(
        rows[order], lambda number: tell(int(order[number])), np.sort(_row_numbers(unknown)), reason
    )


def _row_numbers(mask: Array) -> Array:
    return np.flatnonzero(mask) if mask.dtype == bool else mask
