"""Vector timestamps of all events, from program order and messages alone.

The entry of an event for a process counts that process's events among the
event and its past (Fidge 1988, Mattern 1989). No clock is looked at.

The events are walked process after process, each as far as it can go: where one
received a message that is not sent yet, its sender goes first, up to the send.
So every row is met once, and the walk is kept as stretches of rows, each of
which may happen when those before it have: a causal order of all rows. If a
process that waits is waited for, the events between happened before
themselves, and there is no such order. All vectors take a number for every
event and process: where that is more than the memory, take a few processes at
a time (`vector_blocks`).
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final, NamedTuple

import numpy as np

from driftlab.errors import DriftlabError
from driftlab.history.causal_paths import shortest_cycle
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.jit import Loop
from driftlab.model.columns import Array

BLOCK_BYTES_MAX: Final = 256 * 2**20  # of vectors that are held only to be looked through


class CycleError(DriftlabError):
    """Events that happened before themselves. `rows`: of a cycle, each before the next."""

    def __init__(self, trace: Trace, rows: Sequence[int]) -> None:
        self.rows = list(rows)
        told = " -> ".join("{}:{}".format(*trace.place(row)) for row in rows)
        super().__init__(f"events happened before themselves, so no order fits: {told}")


class Walk(NamedTuple):
    """A causal order of rows, in stretches: `begins[k]` to `ends[k]` of process `process[k]`.

    begins, ends i8, process i4. waiting i8: rows, each of which received what
    the process of the next one (of the last: the first) had yet to send when the
    walk ended there; empty where the stretches hold every row.
    """

    begins: Array
    ends: Array
    process: Array
    waiting: Array

    def rows(self) -> Array:
        """Return the rows one by one, i8, every one after all that happened before it."""
        lengths = self.ends - self.begins
        before = np.cumsum(lengths) - lengths
        rows = np.arange(int(lengths.sum()), dtype=np.int64)
        rows += np.repeat(self.begins - before, lengths)
        return rows


def walk(trace: Trace, messages: Messages) -> Walk:
    """Walk all events in causal order, as far as there is one. Takes time linear in rows."""
    processes, rows = trace.processes, len(trace)
    # Pages of these that no stretch is written to never become memory.
    begins, ends = np.empty(rows, np.int64), np.empty(rows, np.int64)
    process = np.empty(rows, np.int32)
    done = trace.starts[:-1].astype(np.int64)
    scratch = [np.zeros(processes, np.int64) for _ in range(2)]
    on_way = np.zeros(processes, np.uint8)
    more_to, more_from, place = further(trace, messages)
    inputs = (messages.source, messages.sender, trace.starts, more_to, more_from)
    count, first, depth = _walk(
        rows, inputs, (begins, ends, process, done, place, *scratch, on_way)
    )
    waiting = done[scratch[0][first:depth]]
    return Walk(begins[:count].copy(), ends[:count].copy(), process[:count].copy(), waiting)


def further(trace: Trace, messages: Messages) -> tuple[Array, Array, Array]:
    """Return further messages, closed by one to no row, and where those of each process begin."""
    more_to = np.append(messages.extra_receives, len(trace))
    place = np.searchsorted(more_to, trace.starts[:-1]).astype(np.int64)
    return more_to, np.append(messages.extra_sends, -1), place


@Loop
def _walk(  # noqa: C901 - one loop: what is compiled as a whole cannot be parted
    source: Any,
    sender: Any,
    starts: Any,
    more_to: Any,
    more_from: Any,
    begins: Any,
    ends: Any,
    process: Any,
    done: Any,
    place: Any,
    stack: Any,
    goals: Any,
    on_way: Any,
) -> Any:
    """Write the stretches; return their number, and which part of the stack waits in a circle.

    `done`: the first row of each process that is not placed. `stack`: whom the
    walk is at, and below it who waits for that; `goals`: how far each must come.
    """
    count = 0
    for first in range(len(done)):
        depth = 0
        stack[0] = first
        goals[0] = starts[first + 1]
        on_way[first] = 1
        while depth >= 0:
            mine = stack[depth]
            goal = goals[depth]
            begin = done[mine]
            row = begin
            more = place[mine]
            wanted = -1
            other = mine
            end = starts[mine + 1]
            while row < end:
                sent = source[row]
                further = more
                while True:
                    if sent >= 0:
                        other = sender[row]
                        if other < 0 or sent < starts[other] or sent >= starts[other + 1]:
                            other = 0  # a further message, or the log names somebody else
                            while sent >= starts[other + 1]:
                                other += 1
                        if sent >= done[other] and (other != mine or sent >= row):
                            wanted = sent
                            break
                    if more_to[further] != row:
                        break
                    sent = more_from[further]
                    further += 1
                if wanted >= 0:
                    break
                more = further
                row += 1
            done[mine] = row
            place[mine] = more
            if row > begin:
                begins[count] = begin
                ends[count] = row
                process[count] = mine
                count += 1
            if row >= goal:  # further than that is as far as it can go
                on_way[mine] = 0
                depth -= 1
            elif on_way[other] > 0:
                below = depth
                while stack[below] != other:
                    below -= 1
                return count, below, depth + 1
            else:
                depth += 1
                stack[depth] = other
                goals[depth] = wanted + 1
                on_way[other] = 1
    return count, 0, 0


class Vectors:
    """The vector timestamps of a trace, worked out for some processes at a time.

    Raises CycleError where there is no causal order.
    """

    def __init__(self, trace: Trace, messages: Messages, path: Walk | None = None) -> None:
        self._trace = trace
        self._messages = messages
        self._path = walk(trace, messages) if path is None else path
        if len(self._path.waiting):
            raise CycleError(trace, shortest_cycle(trace, messages, self._path.waiting))

    @cached_property
    def _further(self) -> tuple[Array, Array, Array]:
        return further(self._trace, self._messages)

    def write(self, out: Array, first: int = 0) -> Array:
        """Write the entries for processes `first` and on into `out`, i4 (rows, processes)."""
        rows, width = out.shape
        path, trace = self._path, self._trace
        more_to, more_from, place = self._further
        inputs = (path.begins, path.ends, path.process, trace.starts, self._messages.source)
        numbers = (more_to, more_from, first, width)
        if rows:  # an empty list has no columns
            _write(rows * width, (*inputs, *numbers), (out, place.copy()))
        return out


@Loop
def _write(  # noqa: C901 - one loop: what is compiled as a whole cannot be parted
    begins: Any,
    ends: Any,
    process: Any,
    starts: Any,
    source: Any,
    more_to: Any,
    more_from: Any,
    first: Any,
    width: Any,
    out: Any,
    place: Any,
) -> Any:
    """Write the vectors of the rows, in causal order: the greater of each entry, and its own."""
    fours = width // 4  # four at a time: a loop of unknown length is not made abreast
    for stretch in range(len(begins)):
        mine = process[stretch]
        start = starts[mine]
        more = place[mine]
        own = mine - first
        is_own = 0 <= own < width
        begin = begins[stretch]
        before = out[max(begin - 1, 0)]
        for row in range(begin, ends[stretch]):
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
            while more_to[more] == row:
                sent = more_from[more]
                if sent >= 0:
                    there = out[sent]
                    for each in range(width):
                        here[each] = max(here[each], there[each])
                more += 1
            if is_own:
                here[own] = row - start + 1
            before = here
        place[mine] = more


def vectors(trace: Trace, messages: Messages, out: Array = None) -> Array:
    """Return the vector timestamp of every event, i4 (rows, processes).

    Entry [e, p]: how many events of p are e or happened before it. `out`: an
    array in C order to write into. Raises CycleError.
    """
    known = Vectors(trace, messages)
    return known.write(np.empty((len(trace), trace.processes), np.int32) if out is None else out)


def vector_blocks(
    trace: Trace, messages: Messages, width: int | None = None, path: Walk | None = None
) -> Iterator[tuple[int, Array]]:
    """Give all vectors, a few processes at a time: the first of them, and i4 (rows, width).

    The array is written over by the next. `width`: as many as fit into
    BLOCK_BYTES_MAX, one at least, if it is not given. Raises CycleError.
    """
    known, rows = Vectors(trace, messages, path), len(trace)
    width = max(1, BLOCK_BYTES_MAX // (4 * max(rows, 1))) if width is None else width
    held = np.empty(rows * min(width, trace.processes), np.int32)
    for first in range(0, trace.processes, width):
        some = min(width, trace.processes - first)
        yield first, known.write(held[: rows * some].reshape(rows, some), first)
