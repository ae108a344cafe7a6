"""Vector times of all events, from program order and messages alone.

The entry of an event for a process counts the events of that process among the
event and its past (Mattern 1989, Fidge 1988). Clocks are not consulted.

The events are first put into a causal order, a linear extension of
happened-before. The walk takes each process as far as it can go: where an event
received a message whose send has not been placed yet, the sender is advanced to
that send first. Each row is placed once, and the order is kept as segments of
consecutive rows. If a process waits for one that waits for it, the events in
between happened before themselves and there is no such order. The vector times
then follow in one pass. They need a number for each event and process: where that
is more than the memory holds, compute a few entries at a time (`vector_blocks`).
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.arrays import IntArray
from driftlab.errors import DriftlabError
from driftlab.history.causal_paths import shortest_cycle
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.jit import Loop

BLOCK_BYTES_MAX: Final = 256 * 2**20  # of vector times that are held only to be read once


class CycleError(DriftlabError):
    """Events happened before themselves. `rows`: a cycle of them, each before the next."""

    def __init__(self, trace: Trace, rows: Sequence[int]) -> None:
        self.rows = list(rows)
        cycle = " -> ".join("{}:{}".format(*trace.place(row)) for row in rows)
        super().__init__(f"events happened before themselves, so there is no causal order: {cycle}")


class LinearExtension(NamedTuple):
    """A causal order of rows, in segments: rows `begins[k]` to `ends[k]` of `process[k]`.

    begins, ends i8, process i4. blocked i8: the rows that no order can place,
    each of which received a message that the process of the next one (of the
    last: of the first) had not sent yet; empty where the segments hold every row.
    """

    begins: IntArray
    ends: IntArray
    process: IntArray
    blocked: IntArray

    def rows(self) -> IntArray:
        """Return the rows one by one, i8, each after all that happened before it."""
        lengths = self.ends - self.begins
        before = np.cumsum(lengths) - lengths
        rows = np.arange(int(lengths.sum()), dtype=np.int64)
        rows += np.repeat(self.begins - before, lengths)
        return rows


def linear_extension(trace: Trace, messages: Messages) -> LinearExtension:
    """Return a causal order of all rows, as far as there is one. Takes time linear in the rows."""
    processes, rows = trace.processes, len(trace)
    # Pages of these that no segment is written to never become memory.
    begins, ends = np.empty(rows, np.int64), np.empty(rows, np.int64)
    process = np.empty(rows, np.int32)
    done = trace.starts[:-1].astype(np.int64)
    stack, goals = np.zeros(processes, np.int64), np.zeros(processes, np.int64)
    on_stack = np.zeros(processes, np.uint8)
    extra_to, extra_from, extra = extra_messages(trace, messages)
    inputs = (messages.source, messages.sender, trace.starts, extra_to, extra_from)
    outputs = (begins, ends, process, done, extra, stack, goals, on_stack)
    count, low, high = _linear_extension(rows, inputs, outputs)
    blocked = done[stack[low:high]]
    return LinearExtension(
        begins[:count].copy(), ends[:count].copy(), process[:count].copy(), blocked
    )


def extra_messages(trace: Trace, messages: Messages) -> tuple[IntArray, IntArray, IntArray]:
    """Return the extra receives and sends of `messages`, and where each process's begin.

    Both columns end with one entry more, of no row, so that a loop need not check for the end.
    """
    extra_to = np.append(messages.extra_receives, len(trace))
    place = np.searchsorted(extra_to, trace.starts[:-1]).astype(np.int64)
    return extra_to, np.append(messages.extra_sends, -1), place


@Loop
def _linear_extension(  # noqa: C901 - one loop: a compiled loop cannot be split
    source: Any,
    sender: Any,
    starts: Any,
    extra_to: Any,
    extra_from: Any,
    begins: Any,
    ends: Any,
    process: Any,
    done: Any,
    extra: Any,
    stack: Any,
    goals: Any,
    on_stack: Any,
) -> Any:
    """Write the segments; return their number, and from where to where the stack is a cycle.

    done: the first row of each process that is not placed yet. extra: the first
    extra message of each process that is not passed. stack: on top the process
    that advances, below it those that wait, each for the one above. goals: the
    row that each must pass. on_stack: whether each process is on the stack.
    """
    count = 0
    for first in range(len(done)):
        depth = 0
        stack[0] = first
        goals[0] = starts[first + 1]
        on_stack[first] = 1
        while depth >= 0:
            mine = stack[depth]
            goal = goals[depth]
            begin = done[mine]
            row = begin
            next_extra = extra[mine]
            wanted = -1
            other = mine
            end = starts[mine + 1]
            while row < end:
                sent = source[row]
                following = next_extra
                while True:
                    if sent >= 0:
                        other = sender[row]
                        if other < 0 or sent < starts[other] or sent >= starts[other + 1]:
                            other = 0  # an extra message, or the log names another sender
                            while sent >= starts[other + 1]:
                                other += 1
                        if sent >= done[other] and (other != mine or sent >= row):
                            wanted = sent
                            break
                    if extra_to[following] != row:
                        break
                    sent = extra_from[following]
                    following += 1
                if wanted >= 0:
                    break
                next_extra = following
                row += 1
            done[mine] = row
            extra[mine] = next_extra
            if row > begin:
                begins[count] = begin
                ends[count] = row
                process[count] = mine
                count += 1
            if row >= goal:  # it has gone as far as it can, and far enough
                on_stack[mine] = 0
                depth -= 1
            elif on_stack[other] > 0:
                below = depth
                while stack[below] != other:
                    below -= 1
                return count, below, depth + 1
            else:
                depth += 1
                stack[depth] = other
                goals[depth] = wanted + 1
                on_stack[other] = 1
    return count, 0, 0


class VectorTimes:
    """The vector times of a trace, computed for some entries at a time.

    extension: a causal order of the trace, if one is known. Raises CycleError
    where there is none.
    """

    def __init__(
        self, trace: Trace, messages: Messages, extension: LinearExtension | None = None
    ) -> None:
        self._trace = trace
        self._messages = messages
        self._extension = linear_extension(trace, messages) if extension is None else extension
        if len(self._extension.blocked):
            raise CycleError(trace, shortest_cycle(trace, messages, self._extension.blocked))

    @cached_property
    def _extra(self) -> tuple[IntArray, IntArray, IntArray]:
        return extra_messages(self._trace, self._messages)

    def write(self, out: IntArray, first: int = 0) -> IntArray:
        """Write the entries for the processes from `first` on into `out`, i4 (rows, entries)."""
        rows, width = out.shape
        order = self._extension
        extra_to, extra_from, extra = self._extra
        inputs = (order.begins, order.ends, order.process, self._trace.starts)
        if rows:  # an empty list has no columns
            _write(
                rows * width,
                (*inputs, self._messages.source, extra_to, extra_from, first, width),
                (out, extra.copy()),
            )
        return out


@Loop
def _write(  # noqa: C901 - one loop: a compiled loop cannot be split
    begins: Any,
    ends: Any,
    process: Any,
    starts: Any,
    source: Any,
    extra_to: Any,
    extra_from: Any,
    first: Any,
    width: Any,
    out: Any,
    extra: Any,
) -> Any:
    """Write vector times in causal order: the maximum entry by entry, then the event's own."""
    fours = width // 4  # unrolled by four: a loop of unknown length is not vectorized
    for segment in range(len(begins)):
        mine = process[segment]
        start = starts[mine]
        next_extra = extra[mine]
        own = mine - first
        is_own = 0 <= own < width
        begin = begins[segment]
        before = out[max(begin - 1, 0)]
        for row in range(begin, ends[segment]):
            here = out[row]
            if row == start:
                for entry in range(width):
                    here[entry] = 0
                before = here
            sent = source[row]
            there = out[sent] if sent >= 0 else before
            entry = 0
            for _ in range(fours):
                one = max(before[entry], there[entry])
                two = max(before[entry + 1], there[entry + 1])
                three = max(before[entry + 2], there[entry + 2])
                four = max(before[entry + 3], there[entry + 3])
                here[entry] = one
                here[entry + 1] = two
                here[entry + 2] = three
                here[entry + 3] = four
                entry += 4
            for left in range(entry, width):
                here[left] = max(before[left], there[left])
            while extra_to[next_extra] == row:
                sent = extra_from[next_extra]
                if sent >= 0:
                    there = out[sent]
                    for each in range(width):
                        here[each] = max(here[each], there[each])
                next_extra += 1
            if is_own:
                here[own] = row - start + 1
            before = here
        extra[mine] = next_extra


def vectors(trace: Trace, messages: Messages, out: IntArray | None = None) -> IntArray:
    """Return the vector time of every event, i4 (rows, processes).

    Entry [e, p] counts the events of p that are e or happened before it.

    trace, messages: the history. out: an array in C order to write into. Raises CycleError.
    """
    times = VectorTimes(trace, messages)
    return times.write(np.empty((len(trace), trace.processes), np.int32) if out is None else out)


def vector_blocks(
    trace: Trace,
    messages: Messages,
    width: int | None = None,
    extension: LinearExtension | None = None,
) -> Iterator[tuple[int, IntArray]]:
    """Yield all vector times, a block of entries at a time.

    A block is its first process and i4 (rows, width). It overwrites the one before.

    width: entries of a block; by default as many as fit into BLOCK_BYTES_MAX, at
    least 1. extension: a causal order of the trace, if one is known. Raises CycleError.
    """
    times, rows = VectorTimes(trace, messages, extension), len(trace)
    width = max(1, BLOCK_BYTES_MAX // (4 * max(rows, 1))) if width is None else width
    buffer = np.empty(rows * min(width, trace.processes), np.int32)
    for first in range(0, trace.processes, width):
        entries = min(width, trace.processes - first)
        yield first, times.write(buffer[: rows * entries].reshape(rows, entries), first)
