"""The oracle and the clock condition over long histories, beside the same loops in C.

The histories are simulated; a longer one is the same run again and again, one
after the other. C (`order.c`, `gcc -O3 -march=native`) works in this process,
on the same columns in the same memory, and the benchmark fails where it finds
something else.
"""

import ctypes
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

import driftlab
from benchmarks.tables import NONE, Cell, Table, compare, progress
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import vectors
from driftlab.judge.clock_condition import Unordered, unordered
from driftlab.model.columns import Array, Columns

CONDITION_TARGET = 0.5  # of C's speed
MEMORY_TARGET = 2  # times the columns
VECTORS_TARGET = 0.5  # of C's speed
MS_TARGET = 50  # to answer a question about one event
PROCESSES = 16
SOURCE = Path(__file__).parent / "order.c"
STATUS = Path("/proc/self/status")
PEAK_FORGOTTEN = Path("/proc/self/clear_refs"), "5"  # what to write where; Linux


class Long(NamedTuple):
    """A history of 16 processes: kinds, Lamport clocks and messages."""

    trace: Trace
    messages: Messages

    def __len__(self) -> int:
        return len(self.trace)


def measure(quick: bool) -> list[Table]:
    """Measure the clock condition, all vectors, and questions about single events."""
    once = _simulated(1_000_000 if quick else 10_000_000)
    with _floor() as floor:
        tables = [_vectors_table(floor, once, 3 if quick else 7)]
        tables.append(_events_table(once, 20 if quick else 200))
        times, repetitions = (2, 3) if quick else (10, 7)
        tables.insert(0, _condition_table(floor, _repeated(once, times), repetitions))
    return tables


def _simulated(rows: int) -> Long:
    """Simulate 16 processes at 1 to 6 ticks a second until they have about so many events."""
    progress(f"history: {rows:,} events are simulated and matched")
    rates = tuple(float(place % 6 + 1) for place in range(PROCESSES))
    scenario = driftlab.Scenario(
        rates=rates, seconds=round(rows / sum(rates)), send_one=0.3, seed=1
    )
    run = driftlab.simulate(scenario, record="all")
    assert isinstance(run, driftlab.Run)
    history = run.history
    assert history is not None
    of = history.trace.columns
    columns = Columns(kind=of.kind, clock=of.clock)
    return Long(Trace(history.names, history.trace.starts, columns), history.messages)


def _repeated(once: Long, times: int) -> Long:
    """Return the same run again and again: each process goes on from its clock, each with all."""
    starts = once.trace.starts
    lengths = starts[1:] - starts[:-1]
    clock, source = once.trace.columns.clock, once.messages.source
    gain = int(clock.max())
    long_starts = starts * times
    clocks, sources, senders = (
        np.empty(len(once) * times, kind) for kind in (np.int64, np.int64, np.int32)
    )
    of_sender = once.messages.sender
    for process in range(PROCESSES):
        part = slice(int(starts[process]), int(starts[process + 1]))
        sent, sender = source[part], of_sender[part]
        moved = sent - starts[sender] + long_starts[sender]
        for number in range(times):
            begin = int(long_starts[process] + number * lengths[process])
            here = slice(begin, begin + int(lengths[process]))
            clocks[here] = clock[part] + number * gain
            sources[here] = np.where(sent >= 0, moved + number * lengths[sender], sent)
            senders[here] = sender
    kind = np.zeros(len(clocks), np.uint8)
    nothing = np.zeros(0, np.int64)
    trace = Trace(once.trace.names, long_starts, Columns(kind=kind, clock=clocks))
    return Long(trace, Messages(sources, senders, nothing, nothing, stamp_per_target=nothing))


class _Floor:
    """The loops in C, over columns of ours."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.vectors.restype = ctypes.c_int64

    def unordered(self, long: Long, room: tuple[Array, Array]) -> Unordered:
        counts = np.zeros(2, np.int64)
        clock, source = long.trace.columns.clock, long.messages.source
        self._library.unordered(
            *map(_place, (clock, source, long.trace.starts)), ctypes.c_int64(PROCESSES),
            *map(_place, room), _place(counts),
        )  # fmt: skip
        return Unordered(room[0][: counts[0]], room[1][: counts[1]])

    def vectors(self, long: Long, out: Array) -> Array:
        columns = long.messages.source, long.messages.sender, long.trace.starts
        if not self._library.vectors(*map(_place, columns), ctypes.c_int64(PROCESSES), _place(out)):
            raise RuntimeError("C found a circle")
        return out


def _place(column: Array) -> ctypes.c_void_p:
    assert column.flags.c_contiguous
    return ctypes.c_void_p(column.ctypes.data)


@contextmanager
def _floor() -> Iterator[_Floor]:
    with TemporaryDirectory() as folder:
        library = str(Path(folder) / "order.so")
        flags = ["-O3", "-march=native", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run(["gcc", *flags, "-o", library, str(SOURCE)], check=True)
        yield _Floor(ctypes.CDLL(library))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    begun = perf_counter()
    found = work()
    return found, perf_counter() - begun


# The clock condition.


def _condition_table(floor: _Floor, long: Long, repetitions: int) -> Table:
    rows = [_condition_row(floor, long, repetitions, "all clocks right")]
    spoilt = Random(2).sample(range(len(long)), len(long) // 1000)
    long.trace.columns.clock[spoilt] -= 50
    rows.append(_condition_row(floor, long, repetitions, "every thousandth clock 50 less"))
    how = (
        f"{len(long):,} events of {PROCESSES} simulated processes in memory, of which "
        f"{int((long.messages.source >= 0).mean() * 100)} % received a message; every event is "
        "looked at, with the one before it and with the send of its message. C does the same "
        f"over the same columns and finds the same rows. Medians of {repetitions}, in turn, "
        "after one that is not counted. Memory: the columns (clock and source, 16 bytes an "
        "event) and the most that is held beside them, to the columns."
    )
    heads = (
        "history", "found", "million events a second", "C", "ratio", "of single repetitions",
        "target", "memory", "target ",
    )  # fmt: skip
    return Table("The clock condition", how, heads, rows)


def _condition_row(floor: _Floor, long: Long, repetitions: int, words: str) -> tuple[Cell, ...]:
    progress(f"history: the clock condition, {words}")
    most = int(1000 + len(long) // 100)
    room = np.zeros(most, np.int64), np.zeros(most, np.int64)
    ours, bare, weights = [], [], []
    for _ in range(repetitions + 1):
        before = _forget_peak()
        found, seconds = _timed(lambda: unordered(long.trace, long.messages))
        weights.append(_peak() - before)
        ours.append(len(long) / seconds / 1e6)
        expected, seconds = _timed(lambda: floor.unordered(long, room))
        bare.append(len(long) / seconds / 1e6)
        _require_equal(found, expected)
    known = compare(ours[1:], bare[1:])
    columns = long.trace.columns.clock.nbytes + long.messages.source.nbytes
    return (
        words, sum(map(len, found)), known.ours, known.bare, known.ratio, known.spread,
        f"at least {CONDITION_TARGET}", 1 + max(weights[1:]) / columns, f"below {MEMORY_TARGET}",
    )  # fmt: skip


def _require_equal(ours: Any, theirs: Any) -> None:
    if not all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True)):
        raise RuntimeError("C found something else")


def _forget_peak() -> int:
    """Let the peak of resident memory begin anew; return what is resident, in bytes."""
    path, text = PEAK_FORGOTTEN
    path.write_text(text)
    return _resident("VmRSS")


def _peak() -> int:
    return _resident("VmHWM")


def _resident(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


# Vector timestamps.


def _vectors_table(floor: _Floor, long: Long, repetitions: int) -> Table:
    how = (
        f"All of {len(long):,} events of {PROCESSES} simulated processes, "
        f"{len(long) * PROCESSES * 4 / 1e6:,.0f} MB, the causal order found on the way, one core; "
        "into memory that nobody has touched, and into memory that was written before. C gives "
        f"the same bytes. Medians of {repetitions}, in turn, after one that is not counted."
    )
    heads = ("into", "million events a second", "C", "ratio", "of single repetitions", "target")
    rows = [_vectors_row(floor, long, repetitions, fresh) for fresh in (True, False)]
    return Table("Vector timestamps", how, heads, rows)


def _vectors_row(floor: _Floor, long: Long, repetitions: int, fresh: bool) -> tuple[Cell, ...]:
    words = "new memory" if fresh else "memory that is there"
    progress(f"history: vector timestamps, {words}")
    shape = len(long), PROCESSES
    held = None if fresh else np.zeros(shape, np.int32)
    ours, bare = [], []
    for number in range(repetitions + 1):
        found, seconds = _timed(lambda: vectors(long.trace, long.messages, held))
        ours.append(len(long) / seconds / 1e6)
        expected = found.copy() if number == 0 else None
        del found
        known, seconds = _timed(
            lambda: floor.vectors(long, np.empty(shape, np.int32) if held is None else held)
        )
        bare.append(len(long) / seconds / 1e6)
        if expected is not None:
            _require_equal([expected], [known])
        del known, expected
    told = compare(ours[1:], bare[1:])
    return words, told.ours, told.bare, told.ratio, told.spread, f"at least {VECTORS_TARGET}"


# One event.


def _events_table(long: Long, events: int) -> Table:
    progress("history: questions about single events")
    order = HappenedBefore(long.trace, long.messages)
    _, seconds = _timed(lambda: order.index)
    held = 0 if order.index is None else order.index.table.nbytes
    some = Random(3).sample(range(len(long)), events)
    others = Random(4).sample(range(len(long)), events)
    asked: dict[str, Callable[[int, int], Any]] = {
        "past": lambda one, _: order.past(one),
        "future": lambda one, _: order.future(one),
        "all concurrent with it": lambda one, _: order.concurrent_ranges(one),
        "happened_before, of two": order.happened_before,
        "why, of two": order.causal_chain,
    }
    rows: list[tuple[Cell, ...]] = []
    for words, ask in asked.items():
        times = [_timed(lambda: ask(*pair))[1] * 1e3 for pair in zip(some, others, strict=True)]  # noqa: B023
        rows.append((words, median(times), max(times), _target(words)))
    how = (
        f"Of {events} random events of a history of {len(long):,} events of {PROCESSES} processes, "
        "each asked once. The first question of all builds an index, which is not counted here: "
        f"it took {seconds:.2f} s and holds {held / 1e6:.1f} MB."
    )
    return Table("One event", how, ("question", "median, ms", "worst, ms", "target, ms"), rows)


def _target(words: str) -> Cell:
    return f"below {MS_TARGET}" if words in ("past", "future", "all concurrent with it") else NONE
