"""Happened-before (Lamport 1978), from program order and messages alone.

An event happened before another if it precedes it in the same process, if it
sent a message that the other received, or if a chain of such steps leads from
one to the other. Two events are concurrent if neither happened before the
other. Clocks are not consulted, so the answers can be used to check them.

The past of an event is a frontier: in each process, all events up to some
number. Its future is, in each process, all events from some row on. Neither
contains the event itself, unless the history has a cycle through it: a log may
be wrong, and then an event may have happened before itself. Questions about
such a history have answers too, but each takes time linear in its rows.

For a long history the first question builds an index: the vector times
(Mattern 1989, Fidge 1988) of every step-th event of each process. A question
then examines only the rows between two indexed events. The index takes the time
of computing all vector times once, and 4 * N * P / step bytes for N events of
P processes.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from driftlab.arrays import BoolArray, IntArray
from driftlab.history.causal_paths import (
    links_received_in,
    messages_received_in,
    reach_by_rounds,
    shortest_chain,
    shortest_cycle,
)
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace, processes_of
from driftlab.history.vector_times import (
    CycleError,
    LinearExtension,
    linear_extension,
    vector_blocks,
)
from driftlab.jit import ROWS_COMPILED_MIN
from driftlab.model.columns import starts_of

INDEX_STEP_MIN: Final = 256  # events of one process from one indexed event to the next
INDEX_ENTRIES_MAX: Final = 4_000_000_000  # rows times processes; a larger trace gets no index


class VectorIndex(NamedTuple):
    """The vector times of events 0, step, 2 * step … of each process.

    step: events from one indexed event to the next. starts i8: where the columns
    of each process begin, and the end. table i4 (processes, indexed events): a
    column is the vector time of one event, itself included.
    """

    step: int
    starts: IntArray
    table: IntArray

    def past_of_prefixes(self, processes: IntArray, counts: IntArray) -> IntArray:
        """Return a causally closed part of the past of the first events of some processes, i8.

        It is the union of the vector times of each one's last indexed event.

        processes: positions. counts: how many first events of each, 1 or more.
        """
        last = self.starts[processes] + (counts - 1) // self.step
        frontier: IntArray = self.table[:, last].max(axis=1)
        return frontier

    def count_before(self, process: int, number: int) -> IntArray:
        """Return how many indexed events of each process do not have an event in their past.

        process, number: the event, by its process's position and its number there.
        Entries for one process never decrease along another, so the count is a prefix.
        """
        row = self.table[process]
        parts = zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)
        return np.array([row[low:high].searchsorted(number, side="right") for low, high in parts])


class HappenedBefore:
    """The happened-before relation among the events of a trace. Rows name events.

    trace, messages: program order and the matched messages, all that it is made from.
    step: events of one process from one indexed event to the next; 0 for no
    index; None to choose it by the size of the trace.
    """

    def __init__(self, trace: Trace, messages: Messages, step: int | None = None) -> None:
        self.trace = trace
        self.messages = messages
        self._step = _index_step(trace) if step is None else step

    @cached_property
    def linear_extension(self) -> LinearExtension:
        """A causal order of all rows; where there is a cycle, of those that no cycle blocks."""
        return linear_extension(self.trace, self.messages)

    @property
    def is_acyclic(self) -> bool:
        """Whether no event happened before itself."""
        return not len(self.linear_extension.blocked)

    def cycle(self) -> list[int]:
        """Return a cycle: rows, each before the next, the first again as the last; else [].

        Among the cycles through the events that block the causal order it has
        the fewest messages.
        """
        return shortest_cycle(self.trace, self.messages, self.linear_extension.blocked)

    def causal_order(self) -> IntArray:
        """Return all rows in a causal order, i8. Raise CycleError where there is none."""
        if not self.is_acyclic:
            raise CycleError(self.trace, self.cycle())
        return self.linear_extension.rows()

    @cached_property
    def index(self) -> VectorIndex | None:
        """The index; None for a short history and for one with a cycle."""
        if not self._step or not self.is_acyclic:
            return None
        return _build_index(self.trace, self.messages, self.linear_extension, self._step)

    def past(self, row: int) -> IntArray:
        """Return how many events of each process happened before an event, i8.

        row: of the event.
        """
        process = self.trace.process_of(row)
        counts = np.zeros(self.trace.processes, np.int64)
        counts[process] = row - self.trace.starts[process]
        _, sent = messages_received_in(self.messages, row, row + 1)
        self._extend_to(counts, sent)
        return self._causal_closure(counts)

    def _extend_to(self, frontier: IntArray, rows: IntArray) -> None:
        """Raise a frontier, in place, so that it contains some rows."""
        process = processes_of(self.trace, rows)
        np.maximum.at(frontier, process, rows - self.trace.starts[process] + 1)

    def _causal_closure(self, frontier: IntArray) -> IntArray:
        """Return the smallest frontier that contains this one and its past; overwrite this one."""
        starts, closed = self.trace.starts, np.zeros_like(frontier)
        while len(open_processes := np.flatnonzero(frontier > closed)):
            if self.index is not None:
                known = self.index.past_of_prefixes(open_processes, frontier[open_processes])
                np.maximum(closed, known, out=closed)
                np.maximum(frontier, closed, out=frontier)
            for process in open_processes.tolist():
                begin = int(starts[process])
                _, sent = messages_received_in(
                    self.messages, begin + int(closed[process]), begin + int(frontier[process])
                )
                closed[process] = frontier[process]
                self._extend_to(frontier, sent)
        return closed

    def future(self, row: int) -> IntArray:
        """Return the first row of each process that an event happened before, i8.

        row: of the event. For a process without one it is the row after its last.
        """
        process = self.trace.process_of(row)
        low, high = self._first_effect_bounds(process, row - int(self.trace.starts[process]))
        low[process] = row + 1 if self.index is not None else self.trace.starts[process]
        high[process] = row + 1
        links = links_received_in(self.trace, self.messages, low, high)
        *_, reach = reach_by_rounds(self.trace, row, links, high)
        return reach

    def _first_effect_bounds(self, process: int, number: int) -> tuple[IntArray, IntArray]:
        """Return rows of each process between which lies the first that an event happened before.

        The first effect is at `low` or after it and at `high` at the latest, where
        `high` may be the row after the process's last.
        """
        begin, end = self.trace.starts[:-1].astype(np.int64), self.trace.starts[1:]
        if self.index is None:
            return begin, end.astype(np.int64)
        count = self.index.count_before(process, number)
        low = begin + np.maximum(0, (count - 1) * self.index.step + 1)
        return low, np.minimum(begin + count * self.index.step, end)

    def happened_before(self, first: int, second: int) -> bool:
        """Whether one event happened before another. first, second: their rows."""
        return bool(self.each_happened_before([first], [second])[0])

    def each_happened_before(
        self, first: Sequence[int] | IntArray, second: Sequence[int] | IntArray
    ) -> BoolArray:
        """Whether each event of `first` happened before the one at its place in `second`.

        first, second: rows, as many of one as of the other.
        """
        first, second = np.asarray(first, np.int64), np.asarray(second, np.int64)
        process = processes_of(self.trace, first)
        number = first - self.trace.starts[process]
        answer, is_open = self._decide_by_index(process, number, first, second)
        for place in np.flatnonzero(is_open).tolist():
            answer[place] = self.past(int(second[place]))[process[place]] > number[place]
        return answer

    def _decide_by_index(
        self, process: IntArray, number: IntArray, first: IntArray, second: IntArray
    ) -> tuple[BoolArray, BoolArray]:
        """Return for pairs what program order and the index say, and which pairs they leave open.

        process, number: of each event of `first`.
        """
        other = processes_of(self.trace, second)
        answer = (process == other) & (first < second)
        if not self.is_acyclic:
            return answer, ~answer
        is_open = process != other
        if self.index is not None:
            step, starts, table = self.index
            below = starts[other] + (second - self.trace.starts[other]) // step
            answer |= is_open & (table[process, below] > number)
            above = np.minimum(below + 1, len(table[0]) - 1)
            has_above = below + 1 < starts[other + 1]
            is_open &= ~answer & ~(has_above & (table[process, above] <= number))
        return answer, is_open

    def concurrent(self, first: int, second: int) -> bool:
        """Whether neither event happened before the other. No event is concurrent with itself.

        first, second: their rows.
        """
        return first != second and not (
            self.happened_before(first, second) or self.happened_before(second, first)
        )

    def concurrent_ranges(self, row: int) -> tuple[IntArray, IntArray]:
        """Return the rows of each process, from and to (excluded), concurrent with an event.

        row: of the event.
        """
        begins = self.trace.starts[:-1] + self.past(row)
        ends = self.future(row)
        process = self.trace.process_of(row)
        begins[process] = ends[process]
        return begins, np.maximum(begins, ends)

    def causal_chain(self, first: int, second: int) -> list[int]:
        """Return a chain with the fewest messages from one event to another, as rows.

        The chain holds the first event, each send and its receive, and the second;
        an event that is two of these stands once. It is empty if the first event
        did not happen before the second.

        first, second: their rows.
        """
        if not self.happened_before(first, second):
            return []
        ends = self.trace.starts[:-1] + self.past(second)
        process = self.trace.process_of(second)
        ends[process] = max(int(ends[process]), second + 1)
        begins = self.future(first)
        return shortest_chain(self.trace, self.messages, first, second, begins, ends)


def _index_step(trace: Trace) -> int:
    """Return the step of the index, 0 where the trace is too short or too large for one."""
    rows, processes = len(trace), trace.processes
    if rows < ROWS_COMPILED_MIN or rows * processes > INDEX_ENTRIES_MAX:
        return 0
    return max(INDEX_STEP_MIN, processes)


def _build_index(
    trace: Trace, messages: Messages, extension: LinearExtension, step: int
) -> VectorIndex:
    counts = (trace.starts[1:] - trace.starts[:-1] + step - 1) // step
    starts = starts_of(counts)
    numbers = np.arange(int(starts[-1])) - np.repeat(starts[:-1], counts)
    rows = np.repeat(trace.starts[:-1], counts) + numbers * step
    table = np.empty((trace.processes, len(rows)), np.int32)
    for first, block in vector_blocks(trace, messages, extension=extension):
        table[first : first + block.shape[1]] = block[rows].T
    return VectorIndex(step, starts, table)
