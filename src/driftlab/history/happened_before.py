"""Happened-before (Lamport 1978), from program order and messages alone.

An event happened before another if it stands before it in the same process, or
if its message was received by it, or through a chain of these. No clock is
looked at. Two events are concurrent if neither happened before the other.

The past of an event is, of every process, all events up to some number: a
frontier. Its future is, of every process, all events from some row on. Neither
holds the event itself, unless the history goes in a circle through it: a log
may be wrong, and then an event may have happened before itself. Every question
has an answer then, too, but takes time linear in the rows.

Of a long history the vector timestamps of every so many events of each process
are kept once a question is asked (`Index`), and what remains is to look at the
rows between two of these. That takes as much time as all vectors, and memory
of N * P / step numbers of 4 bytes for N events of P processes.
"""

from collections.abc import Sequence
from functools import cached_property
from typing import Final, NamedTuple

import numpy as np

from driftlab.history.causal_paths import (
    links,
    processes_of,
    received,
    rounds,
    shortest_chain,
    shortest_cycle,
)
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import CycleError, Walk, vector_blocks, walk
from driftlab.jit import ROWS_COMPILED_MIN
from driftlab.model.columns import Array

INDEX_STEP_MIN: Final = 256  # events of one process between two vectors that are kept
INDEX_ENTRIES_MAX: Final = 4_000_000_000  # rows times processes: of more there is no index


class Index(NamedTuple):
    """The vectors of events 0, step, 2 * step … of each process.

    table i4 (processes, vectors): a column a vector. starts i8: where the
    columns of each process begin, and the end.
    """

    step: int
    starts: Array
    table: Array

    def below(self, processes: Array, counts: Array) -> Array:
        """Return the union of the last vectors among the first so many events of some processes.

        Counts are 1 or more. The union is a frontier that holds its own past.
        """
        return self.table[:, self.starts[processes] + (counts - 1) // self.step].max(axis=1)

    def heard(self, process: int, number: int) -> Array:
        """Return of each process how many of its vectors lack event `number` of one process."""
        row = self.table[process]
        pieces = zip(self.starts[:-1].tolist(), self.starts[1:].tolist(), strict=True)
        return np.array([row[low:high].searchsorted(number, side="right") for low, high in pieces])


class HappenedBefore:
    """Happened-before among the events of a trace. Rows name events.

    step: how many events of one process lie between two vectors of the index;
    0: no index. By default it is chosen by the size of the trace.
    """

    def __init__(self, trace: Trace, messages: Messages, step: int | None = None) -> None:
        self.trace = trace
        self.messages = messages
        self._step = _step_for(trace) if step is None else step

    @cached_property
    def walk(self) -> Walk:
        """A causal order of all rows, as far as there is one."""
        return walk(self.trace, self.messages)

    @property
    def is_acyclic(self) -> bool:
        """Whether no event happened before itself."""
        return not len(self.walk.waiting)

    def cycle(self) -> list[int]:
        """Return a cycle, each row before the next and the last the first again; or nothing.

        It has the fewest messages among those through the events at which the
        walk in causal order ends.
        """
        return shortest_cycle(self.trace, self.messages, self.walk.waiting)

    def linear(self) -> Array:
        """Return all rows in a causal order, i8. Raises CycleError where there is none."""
        if not self.is_acyclic:
            raise CycleError(self.trace, self.cycle())
        return self.walk.rows()

    @cached_property
    def index(self) -> Index | None:
        """The vectors that are kept; None of a short history, and where there is a cycle."""
        if not self._step or not self.is_acyclic:
            return None
        return _index(self.trace, self.messages, self.walk, self._step)

    def past(self, row: int) -> Array:
        """Return of every process how many of its events happened before this one, i8."""
        process = self.trace.process_of(row)
        counts = np.zeros(self.trace.processes, np.int64)
        counts[process] = row - self.trace.starts[process]
        _, sent = received(self.messages, row, row + 1)
        self._raise_to(counts, sent)
        return self._closed(counts)

    def _raise_to(self, counts: Array, rows: Array) -> None:
        """Raise counts of events so that they hold these rows."""
        process = processes_of(self.trace, rows)
        np.maximum.at(counts, process, rows - self.trace.starts[process] + 1)

    def _closed(self, wanted: Array) -> Array:
        """Return the smallest frontier that holds as many events, and their past."""
        starts, closed = self.trace.starts, np.zeros_like(wanted)
        while len(todo := np.flatnonzero(wanted > closed)):
            if self.index is not None:
                np.maximum(closed, self.index.below(todo, wanted[todo]), out=closed)
                np.maximum(wanted, closed, out=wanted)
            for process in todo.tolist():
                begin = starts[process]
                _, sent = received(self.messages, begin + closed[process], begin + wanted[process])
                closed[process] = wanted[process]
                self._raise_to(wanted, sent)
        return closed

    def future(self, row: int) -> Array:
        """Return of every process the first row that this event happened before, i8.

        Of a process without one it is the row after its last.
        """
        process = self.trace.process_of(row)
        low, high = self._window(process, row - int(self.trace.starts[process]))
        low[process] = row + 1 if self.index is not None else self.trace.starts[process]
        high[process] = row + 1
        known = links(self.trace, self.messages, low, high)
        reach = high
        for found in rounds(self.trace, row, known, high):
            reach = found
        return reach

    def _window(self, process: int, number: int) -> tuple[Array, Array]:
        """Return between which rows each process first heard of an event: the second did."""
        begin, end = self.trace.starts[:-1].astype(np.int64), self.trace.starts[1:]
        if self.index is None:
            return begin, end.astype(np.int64)
        count = self.index.heard(process, number)
        low = begin + np.maximum(0, (count - 1) * self.index.step + 1)
        return low, np.minimum(begin + count * self.index.step, end)

    def happened_before(self, first: int, second: int) -> bool:
        """Whether one event happened before another."""
        return bool(self.each_happened_before([first], [second])[0])

    def each_happened_before(self, first: Sequence[int] | Array, second: Array) -> Array:
        """Whether each of some events happened before its partner: two columns of rows."""
        first, second = np.asarray(first, np.int64), np.asarray(second, np.int64)
        process = processes_of(self.trace, first)
        number = first - self.trace.starts[process]
        answer, open_ = self._at_once(process, number, first, second)
        for place in np.flatnonzero(open_).tolist():
            answer[place] = self.past(int(second[place]))[process[place]] > number[place]
        return answer

    def _at_once(
        self, process: Array, number: Array, first: Array, second: Array
    ) -> tuple[Array, Array]:
        """Return what program order and the index tell of pairs, and which they leave open."""
        other = processes_of(self.trace, second)
        answer = (process == other) & (first < second)
        if not self.is_acyclic:
            return answer, ~answer
        open_ = process != other
        if self.index is not None:
            step, starts, table = self.index
            below = starts[other] + (second - self.trace.starts[other]) // step
            answer |= open_ & (table[process, below] > number)
            above = np.minimum(below + 1, len(table[0]) - 1)
            is_there = below + 1 < starts[other + 1]
            open_ &= ~answer & ~(is_there & (table[process, above] <= number))
        return answer, open_

    def concurrent(self, first: int, second: int) -> bool:
        """Whether neither event happened before the other. No event is concurrent with itself."""
        return first != second and not (
            self.happened_before(first, second) or self.happened_before(second, first)
        )

    def concurrent_ranges(self, row: int) -> tuple[Array, Array]:
        """Return between which rows of each process the events lie that are concurrent with one."""
        begins = self.trace.starts[:-1] + self.past(row)
        ends = self.future(row)
        mine = self.trace.process_of(row)
        begins[mine] = ends[mine]
        return begins, np.maximum(begins, ends)

    def why(self, first: int, second: int) -> list[int]:
        """Return a chain with the fewest messages from one event to another, as rows.

        The first, each send and its receive, the second; an event that is two of
        these stands once. Nothing if the first did not happen before the second.
        """
        if not self.happened_before(first, second):
            return []
        ends = self.trace.starts[:-1] + self.past(second)
        mine = self.trace.process_of(second)
        ends[mine] = max(ends[mine], second + 1)
        begins = self.future(first)
        return shortest_chain(self.trace, self.messages, first, second, begins, ends)


def _step_for(trace: Trace) -> int:
    """Return how far the vectors of the index lie apart: few where an index costs too much."""
    rows, processes = len(trace), trace.processes
    if rows < ROWS_COMPILED_MIN or rows * processes > INDEX_ENTRIES_MAX:
        return 0
    return max(INDEX_STEP_MIN, processes)


def _index(trace: Trace, messages: Messages, path: Walk, step: int) -> Index:
    counts = (trace.starts[1:] - trace.starts[:-1] + step - 1) // step
    starts = np.zeros(trace.processes + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    numbers = np.arange(int(starts[-1])) - np.repeat(starts[:-1], counts)
    rows = np.repeat(trace.starts[:-1], counts) + numbers * step
    table = np.empty((trace.processes, len(rows)), np.int32)
    for first, block in vector_blocks(trace, messages, path=path):
        table[first : first + block.shape[1]] = block[rows].T
    return Index(step, starts, table)
