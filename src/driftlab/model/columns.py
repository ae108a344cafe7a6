"""Events as columns: one array per field, one row per event.

The columns are the same whether a journal, another tool's log or an engine
filled them. A value that a log does not have is MISSING, or the whole column
is None. Timestamps of an additional clock are ragged columns, convertible to the
text in which their clock writes them and back.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from driftlab.arrays import IntArray
from driftlab.clocks.catalogue import CLOCKS
from driftlab.lazy import np

KINDS: Final = ("internal", "send", "receive", "unsaid")  # the numbers of the column `kind`
INTERNAL: Final = 0
SEND: Final = 1
RECEIVE: Final = 2
UNKNOWN_KIND: Final = 3  # the log has no kind

MISSING: Final = -(2**63)  # in a column of 64 bits
NOBODY: Final = -1  # in `sender`: nothing was received
EVERY_PEER: Final = -1  # in `target`: every process that it can send to
NO_TARGET: Final = -2  # in `target`: nothing was sent
SET_FIRST: Final = -3  # in `target`: SET_FIRST - k is set number k of several targets


class Columns(NamedTuple):
    """The columns, each an array with one row per event, or None if the log has no such values.

    kind u1: its position in KINDS.
    clock i8: the Lamport clock after the event.
    sender i4: the position of the process that sent the message received; NOBODY if none was.
    stamp i8: the Lamport clock that this message carried.
    target i4: the processes that the event sent to: a position, EVERY_PEER, NO_TARGET or a set.
    queue i8: the length of the inbox after the event.
    tick i8: its number, from 0.
    due_ns i8, late_ns i8: when the tick was due after the start, and how much later it began.
    time_ns i8: the machine's own time, nanoseconds since 1970 or since any other instant.
    line i8: the number of its line in the file, from 1.
    file i4: the position of this file among those of the trace; None if file p is of process p.
    sent i8, received i8: explicit identifiers of messages, as whole numbers, MISSING if none.
    """

    kind: IntArray
    clock: IntArray | None = None
    sender: IntArray | None = None
    stamp: IntArray | None = None
    target: IntArray | None = None
    queue: IntArray | None = None
    tick: IntArray | None = None
    due_ns: IntArray | None = None
    late_ns: IntArray | None = None
    time_ns: IntArray | None = None
    line: IntArray | None = None
    file: IntArray | None = None
    sent: IntArray | None = None
    received: IntArray | None = None


class Timestamps(NamedTuple):
    """The timestamps of one additional clock; row i has the entries starts[i]:starts[i + 1].

    clock: its name in the catalogue. Entries are the numbers of its text from left to
    right: of `vector` one per process, of `matrix` entry row * processes + column, of
    `hybrid` entry 0 physical nanoseconds and entry 1 the counter.
    starts i8, entries i4 (rising within a row), values i8. An event without
    entries has no timestamp; an absent entry is 0.
    """

    clock: str
    starts: IntArray
    entries: IntArray
    values: IntArray


class Arrivals(NamedTuple):
    """The messages that each tick found in its sockets; row i has starts[i]:starts[i + 1].

    starts i8; sender i4, positions; stamp i8.
    """

    starts: IntArray
    sender: IntArray
    stamp: IntArray


def process_major(process: IntArray, processes: int) -> tuple[IntArray, IntArray | None]:
    """Return where each process's rows begin, and the order that groups rows by process.

    process: the position of each row's process. processes: how many there are.
    The sort is stable; the order is None if the rows are grouped already.
    """
    counts = np.bincount(process, minlength=processes) if len(process) else np.zeros(processes, int)
    starts = np.zeros(processes + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    if len(process) < 2 or bool((process[1:] >= process[:-1]).all()):
        return starts, None
    return starts, np.argsort(process, kind="stable")


def starts_of(counts: Sequence[int] | IntArray) -> IntArray:
    """Return where each row of ragged columns begins, and the end, from their lengths; i8."""
    starts = np.zeros(len(counts) + 1, np.int64)
    np.cumsum(counts, out=starts[1:])
    return starts


def timestamp_texts(held: Timestamps, processes: int) -> list[str | None]:
    """Return each event's timestamp as its clock writes it, None if it has none.

    held: the timestamps of a run. processes: how many the run has.
    """
    rows, width = CLOCKS[held.clock].shape(processes)
    starts, entries, values = (each.tolist() for each in held[1:])
    texts: list[str | None] = []
    for begin, end in pairwise(starts):
        if begin == end:
            texts.append(None)
            continue
        numbers = [0] * (rows * width)
        for place in range(begin, end):
            numbers[entries[place]] = values[place]
        texts.append(_text(numbers, width))
    return texts


def text_at(held: Timestamps, row: int, processes: int) -> str | None:
    """Return the timestamp of row `row` as its clock writes it, None if it has none.

    held: the timestamps of a run. processes: how many the run has.
    """
    begin, end = int(held.starts[row]), int(held.starts[row + 1])
    if begin == end:
        return None
    rows, width = CLOCKS[held.clock].shape(processes)
    numbers = [0] * (rows * width)
    for entry, value in zip(held.entries[begin:end], held.values[begin:end], strict=True):
        numbers[entry] = int(value)
    return _text(numbers, width)


def _text(numbers: Sequence[int], width: int) -> str:
    """Return numbers as the text of a timestamp with `width` of them in a row."""
    if len(numbers) == width:
        return ".".join(map(str, numbers))
    rows = (numbers[begin : begin + width] for begin in range(0, len(numbers), width))
    return "/".join(".".join(map(str, row)) for row in rows)


def from_texts(clock: str, texts: Iterable[str | None]) -> Timestamps:
    """Parse timestamps: whole numbers separated by dots, rows of a matrix by slashes.

    clock: whose they are. texts: of each event, None if it has none. Raise
    ValueError if one is not of this form.
    """
    rows = [
        None if text is None else [int(part) for part in text.replace("/", ".").split(".")]
        for text in texts
    ]
    return from_rows(clock, [None if row is None else dict(enumerate(row)) for row in rows])


def from_rows(clock: str, rows: Sequence[dict[int, int] | None]) -> Timestamps:
    """Return timestamps as columns.

    clock: its name. rows: of each event its values by entry, None for no timestamp.
    """
    starts = np.zeros(len(rows) + 1, np.int64)
    np.cumsum([len(row or ()) for row in rows], out=starts[1:])
    ordered = [sorted((row or {}).items()) for row in rows]
    entries = np.array([entry for row in ordered for entry, _ in row], np.int32)
    values = np.array([value for row in ordered for _, value in row], np.int64)
    return Timestamps(clock, starts, entries, values)
