"""Happened-before and the clock condition over long histories, next to the same loops in C.

The histories are simulated; a longer one repeats the same run several times in
sequence. C (`order.c`, `gcc -O3 -march=native`) works in this process, on the
same columns in the same memory, and the benchmark fails if its results differ.
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
from driftlab.arrays import AnyArray, IntArray
from driftlab.history.happened_before import HappenedBefore
from driftlab.history.matching.messages import Messages
from driftlab.history.trace import Trace
from driftlab.history.vector_times import vectors
from driftlab.judge.clock_condition import Unordered, unordered
from driftlab.model.columns import Columns

CONDITION_TARGET = 0.5  # of C's speed
MEMORY_TARGET = 2  # times the columns
VECTORS_TARGET = 0.5  # of C's speed
MS_TARGET = 50  # to answer a question about one event
PROCESSES = 16
SOURCE = Path(__file__).parent / "order.c"
STATUS = Path("/proc/self/status")
PEAK_RESET = Path("/proc/self/clear_refs"), "5"  # the file and what to write there; Linux


class LongHistory(NamedTuple):
    """A history of 16 processes: Lamport clocks and messages."""

    trace: Trace
    messages: Messages

    @property
    def clock(self) -> IntArray:
        assert self.trace.columns.clock is not None
        return self.trace.columns.clock

    def __len__(self) -> int:
        return len(self.trace)


def measure(quick: bool) -> list[Table]:
    """Measure the clock condition, all vectors, and questions about single events."""
    once = _simulated(1_000_000 if quick else 10_000_000)
    with _compiled_c() as c_loops:
        tables = [_vectors_table(c_loops, once, 3 if quick else 7)]
        tables.append(_events_table(once, 20 if quick else 200))
        times, repetitions = (2, 3) if quick else (10, 7)
        tables.insert(0, _condition_table(c_loops, _repeated(once, times), repetitions))
    return tables


def _simulated(rows: int) -> LongHistory:
    """Simulate 16 processes at 1 to 6 ticks a second until they have about `rows` events."""
    progress(f"history: simulating and matching {rows:,} events")
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
    return LongHistory(Trace(history.names, history.trace.starts, columns), history.messages)


def _repeated(once: LongHistory, times: int) -> LongHistory:
    """Return the run repeated in sequence: each process goes on from its last clock."""
    starts = once.trace.starts
    lengths = starts[1:] - starts[:-1]
    clock, source = once.clock, once.messages.source
    gain = int(clock.max())
    long_starts = starts * times
    clocks = np.empty(len(once) * times, np.int64)
    sources = np.empty(len(once) * times, np.int64)
    senders = np.empty(len(once) * times, np.int32)
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
    return LongHistory(
        trace, Messages(sources, senders, nothing, nothing, stamp_per_target=nothing)
    )


class _CLoops:
    """The loops in C, over the same columns."""

    def __init__(self, library: ctypes.CDLL) -> None:
        self._library = library
        library.vectors.restype = ctypes.c_int64

    def unordered(self, long: LongHistory, rows: tuple[IntArray, IntArray]) -> Unordered:
        counts = np.zeros(2, np.int64)
        clock, source = long.clock, long.messages.source
        self._library.unordered(
            *map(_address, (clock, source, long.trace.starts)), ctypes.c_int64(PROCESSES),
            *map(_address, rows), _address(counts),
        )  # fmt: skip
        return Unordered(rows[0][: counts[0]], rows[1][: counts[1]])

    def vectors(self, long: LongHistory, out: IntArray) -> IntArray:
        columns = long.messages.source, long.messages.sender, long.trace.starts
        count = ctypes.c_int64(PROCESSES)
        if not self._library.vectors(*map(_address, columns), count, _address(out)):
            raise RuntimeError("C found a cycle")
        return out


def _address(column: AnyArray) -> ctypes.c_void_p:
    assert column.flags.c_contiguous
    return ctypes.c_void_p(column.ctypes.data)


@contextmanager
def _compiled_c() -> Iterator[_CLoops]:
    with TemporaryDirectory() as folder:
        library = str(Path(folder) / "order.so")
        flags = ["-O3", "-march=native", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
        subprocess.run(["gcc", *flags, "-o", library, str(SOURCE)], check=True)
        yield _CLoops(ctypes.CDLL(library))


def _timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call returns, and the seconds that it took."""
    begin = perf_counter()
    result = work()
    return result, perf_counter() - begin


# The clock condition.


def _condition_table(c_loops: _CLoops, long: LongHistory, repetitions: int) -> Table:
    rows = [_condition_row(c_loops, long, repetitions, "all clocks correct")]
    wrong = Random(2).sample(range(len(long)), len(long) // 1000)
    long.clock[wrong] -= 50
    rows.append(_condition_row(c_loops, long, repetitions, "every thousandth clock 50 less"))
    how = (
        f"{len(long):,} events of {PROCESSES} simulated processes in memory, of which "
        f"{int((long.messages.source >= 0).mean() * 100)} % received a message; every event is "
        "compared with the one before it and with the send of its message. C does the same "
        f"over the same columns and finds the same rows. Medians of {repetitions} interleaved "
        "repetitions after a warm-up. Memory: the columns (clock and source, 16 bytes an "
        "event) and the peak of what is held besides, relative to the columns."
    )
    heads = (
        "history", "found", "million events a second", "C", "ratio", "of single repetitions",
        "target", "memory", "target ",
    )  # fmt: skip
    return Table("The clock condition", how, heads, rows)


def _condition_row(
    c_loops: _CLoops, long: LongHistory, repetitions: int, words: str
) -> tuple[Cell, ...]:
    progress(f"history: the clock condition, {words}")
    rows_max = int(1000 + len(long) // 100)
    rows = np.zeros(rows_max, np.int64), np.zeros(rows_max, np.int64)
    ours, bare, held = [], [], []
    for _ in range(repetitions + 1):
        before = _reset_peak()
        found, seconds = _timed(lambda: unordered(long.trace, long.messages))
        held.append(_peak() - before)
        ours.append(len(long) / seconds / 1e6)
        expected, seconds = _timed(lambda: c_loops.unordered(long, rows))
        bare.append(len(long) / seconds / 1e6)
        _require_equal(found, expected)
    known = compare(ours[1:], bare[1:])
    columns = long.clock.nbytes + long.messages.source.nbytes
    return (
        words, sum(map(len, found)), known.ours, known.bare, known.ratio, known.spread,
        f"at least {CONDITION_TARGET}", 1 + max(held[1:]) / columns, f"below {MEMORY_TARGET}",
    )  # fmt: skip


def _require_equal(ours: Any, theirs: Any) -> None:
    if not all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True)):
        raise RuntimeError("the results of C differ")


def _reset_peak() -> int:
    """Reset the peak of resident memory; return what is resident now, in bytes."""
    path, text = PEAK_RESET
    path.write_text(text)
    return _resident("VmRSS")


def _peak() -> int:
    return _resident("VmHWM")


def _resident(key: str) -> int:
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(f"{key}:"))
    return int(line.split()[1]) * 1024


# Vector timestamps.


def _vectors_table(c_loops: _CLoops, long: LongHistory, repetitions: int) -> Table:
    how = (
        f"All of {len(long):,} events of {PROCESSES} simulated processes, "
        f"{len(long) * PROCESSES * 4 / 1e6:,.0f} MB, the causal order included, one core; "
        "into new memory, and into memory that was written before. C gives "
        f"the same bytes. Medians of {repetitions} interleaved repetitions after a warm-up."
    )
    heads = ("into", "million events a second", "C", "ratio", "of single repetitions", "target")
    rows = [_vectors_row(c_loops, long, repetitions, fresh) for fresh in (True, False)]
    return Table("Vector timestamps", how, heads, rows)


def _vectors_row(
    c_loops: _CLoops, long: LongHistory, repetitions: int, fresh: bool
) -> tuple[Cell, ...]:
    words = "new memory" if fresh else "memory that was written before"
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
            lambda: c_loops.vectors(long, np.empty(shape, np.int32) if held is None else held)
        )
        bare.append(len(long) / seconds / 1e6)
        if expected is not None:
            _require_equal([expected], [known])
        del known, expected
    figures = compare(ours[1:], bare[1:])
    return (
        words,
        figures.ours,
        figures.bare,
        figures.ratio,
        figures.spread,
        f"at least {VECTORS_TARGET}",
    )


# One event.


def _events_table(long: LongHistory, events: int) -> Table:
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
        "causal chain, of two": order.causal_chain,
    }
    rows: list[tuple[Cell, ...]] = []
    for words, ask in asked.items():
        times = [_timed(lambda: ask(*pair))[1] * 1e3 for pair in zip(some, others, strict=True)]  # noqa: B023
        rows.append((words, median(times), max(times), _target(words)))
    how = (
        f"Of {events} random events of a history of {len(long):,} events of {PROCESSES} processes, "
        "each asked once. The first question builds an index, which is not included: "
        f"it took {seconds:.2f} s and holds {held / 1e6:.1f} MB."
    )
    return Table("One event", how, ("question", "median, ms", "worst, ms", "target, ms"), rows)


def _target(words: str) -> Cell:
    return f"below {MS_TARGET}" if words in ("past", "future", "all concurrent with it") else NONE
