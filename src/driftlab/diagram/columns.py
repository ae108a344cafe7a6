"""What a space-time diagram shows of a history, as columns.

Every event is a row, process after process as in `Trace`; a process is a lane. Nothing is
sampled and nothing is judged: a wrong log is shown as it is. Columns come from the arrays
of the trace by array operations alone, so ten million events take about a second.

Times are floats in nanoseconds after an origin; differences below 104 days are exact. A
real run at another speed than 1 has scenario time: real time times the speed.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import numpy as np

from driftlab.analysis.run_times import RunTimes, said_of
from driftlab.arrays import AnyArray, BoolArray, FloatArray, IntArray
from driftlab.diagram.intact_messages import processes_of_rising, sends_named
from driftlab.errors import counted
from driftlab.figures.palette import machine_colour, machine_dash
from driftlab.history.matching.arrivals import match_arrivals
from driftlab.history.matching.match import assumed_lines, unmatched_line
from driftlab.history.matching.messages import Messages, arrival_rows, arrivals_taken
from driftlab.history.trace import Trace
from driftlab.model.columns import MISSING, NO_TARGET, NOBODY

if TYPE_CHECKING:
    from driftlab.analysis.offsets import Offsets

NOT_FOUND: Final = -1  # in `m_found`: it is not known when the receiver found the message
FLOAT_EXACT_MAX: Final = 2**62  # beyond, differences of whole numbers may not fit 64 bits


class LaneOffset(NamedTuple):
    """How far a lane's own clock is ahead at the begin and the end of the time axis, ns."""

    at0_ns: float
    at1_ns: float


class Lane(NamedTuple):
    """One process of a diagram.

    start, end: its rows. rate: ticks a second that it was to keep, None if not known.
    offset: of its own clock, recovered from the messages; None if not known.
    """

    name: str
    colour: str
    dash: Sequence[int]
    start: int
    end: int
    rate: float | None = None
    offset: LaneOffset | None = None


class Diagram(NamedTuple):
    """A history as a diagram shows it.

    title: of the page. lanes: see `Lane`. columns: arrays by name, see
    `diagram.encoding`. origin_ns: what 0 of the time columns is, on the machines' own clocks.
    time_meaning: `scenario` (time after the start of a run), `own` (what the machines'
    own clocks showed), None without times. is_real: whether real machines made the run.
    sets: those that `target` refers to. peers: of each lane those that it can send to,
    None for all others. scenario: text of TOML. command: repeats the run.
    remarks: what a reader must know of how the log was read. verdict: the judge's, as
    `diagram.marks` writes it.
    """

    title: str
    lanes: Sequence[Lane]
    columns: Mapping[str, AnyArray]
    origin_ns: int = 0
    time_meaning: str | None = None
    is_real: bool = False
    sets: Sequence[Sequence[int]] = ()
    peers: Sequence[Sequence[int]] | None = None
    scenario: str | None = None
    command: str | None = None
    remarks: Sequence[str] = ()
    verdict: Mapping[str, Any] | None = None

    @property
    def events(self) -> int:
        """How many events there are."""
        return len(self.columns["kind"])

    @property
    def messages(self) -> int:
        """How many messages were matched."""
        return len(self.columns["m_send"])


def diagram_of(
    trace: Trace,
    messages: Messages,
    *,
    title: str = "",
    command: str | None = None,
    offsets: "Offsets | None" = None,
    verdict: Mapping[str, Any] | None = None,
) -> Diagram:
    """Return what a diagram shows of a history.

    trace, messages: of the history. title: of the page. command: a command line that
    repeats the run. offsets: of the machines' own clocks, where they are known. verdict: of
    the judge, as `diagram.marks` writes it.
    """
    times = _Times(trace)
    is_ours = len(trace.process_info) > 0
    columns = {
        "kind": trace.columns.kind.astype(np.uint8, copy=False),
        **times.columns(),
        **_values(trace),
        **_targets(trace),
        **message_columns(trace, messages),
    }
    if len(trace.gaps):
        columns["gap"] = trace.gaps.astype(np.int32)
    return Diagram(
        title,
        lanes_of(trace, lane_offsets(trace, offsets)),
        columns,
        times.origin_ns,
        times.meaning,
        is_ours and not said_of(trace, 0).simulated,
        trace.sets,
        trace.peers,
        trace.scenario,
        command,
        remarks_of(trace, messages),
        verdict,
    )


def lanes_of(trace: Trace, offsets: Sequence[LaneOffset | None]) -> list[Lane]:
    """Return the lanes of a trace; offsets: of each process."""
    starts = trace.starts.tolist()
    return [
        Lane(
            name,
            machine_colour(place),
            machine_dash(place),
            starts[place],
            starts[place + 1],
            said_of(trace, place).rate,
            offsets[place],
        )
        for place, name in enumerate(trace.names)
    ]


def remarks_of(trace: Trace, messages: Messages) -> list[str]:
    """Return what a reader of the diagram must know of how the log was read."""
    lines = [*trace.assumed, *assumed_lines(messages), *trace.remarks]
    unmatched = unmatched_line(trace, messages)
    lines += [unmatched] if unmatched else []
    if len(trace.unread):
        first = trace.unread[0]
        lines.append(
            f"{counted(sum(each.lines for each in trace.unread), 'line')} could not be read, "
            f"first {first.file}:{first.line}"
        )
    if len(trace.gaps):
        lines.append(f"events are missing at {counted(len(trace.gaps), 'place')}")
    if len(trace.missing_processes):
        lines.append(f"there is no log of {', '.join(trace.missing_processes[:10])}")
    lines += [f"a clock that no event can have: {text}" for text in trace.invalid_clocks.texts[:3]]
    return lines


# Times.


class _Times:
    """The times of the events of a trace, and the readings of the machines' own clocks."""

    def __init__(self, trace: Trace) -> None:
        columns = trace.columns
        self._trace = trace
        self.speed = RunTimes(trace, None, None).speed
        self.meaning: str | None = None
        self.origin_ns = 0
        if columns.due_ns is not None:
            self.meaning = "scenario"
            self.origin_ns = self._start_on_own_clock()
        elif columns.time_ns is not None and bool((columns.time_ns != MISSING).any()):
            self.meaning = "own"
            self.origin_ns = int(columns.time_ns[columns.time_ns != MISSING].min())

    def _start_on_own_clock(self) -> int:
        """Return what the own clock of the first machine with events showed at the start."""
        own, due = self._trace.columns.time_ns, self._trace.columns.due_ns
        if own is None or due is None or not len(own):
            return 0
        begun = int(due[0]) + (0 if self._trace.columns.late_ns is None else self._late(0))
        return 0 if MISSING in (int(own[0]), int(due[0])) else int(own[0]) - begun

    def _late(self, row: int) -> int:
        late = self._trace.columns.late_ns
        return 0 if late is None or late[row] == MISSING else int(late[row])

    def columns(self) -> dict[str, AnyArray]:
        """Return the columns `time`, and `own` where the machines' clocks show another time."""
        columns = self._trace.columns
        if self.meaning is None:
            return {}
        if columns.due_ns is None:
            assert columns.time_ns is not None
            return {"time": _floats(columns.time_ns, self.origin_ns)}
        begun = _begun(columns.due_ns, columns.late_ns)
        own = columns.time_ns
        time = _scaled(_floats(begun, 0), self.speed)
        if own is None or np.array_equal(own, begun + self.origin_ns):
            return {"time": time}
        return {"time": time, "own": _scaled(_floats(own, self.origin_ns), self.speed)}


def _begun(due_ns: IntArray, late_ns: IntArray | None) -> IntArray:
    """Return when ticks began; MISSING where it is not known when they were due."""
    if late_ns is None:
        return due_ns
    late_ns = np.where(late_ns == MISSING, 0, late_ns)
    begun: IntArray = np.where(due_ns == MISSING, MISSING, due_ns + late_ns)
    return begun


def _scaled(times: FloatArray, factor: float) -> FloatArray:
    return times if factor == 1 else times * factor


def _floats(column: IntArray, origin: int) -> FloatArray:
    """Return a column of whole numbers less an origin as floats; NaN where it is MISSING."""
    is_missing = column == MISSING
    if is_missing.any():
        column = np.where(is_missing, origin, column)
    fits = (
        not len(column)
        or max(abs(int(column.max()) - origin), abs(int(column.min()) - origin)) < FLOAT_EXACT_MAX
    )
    floats: FloatArray = (
        (column - origin).astype(np.float64) if fits else column.astype(np.float64) - origin
    )
    if is_missing.any():
        floats[is_missing] = np.nan
    return floats


def lane_offsets(trace: Trace, offsets: "Offsets | None") -> list[LaneOffset | None]:
    """Return how far each process's own clock is ahead at both ends of the time axis."""
    own = trace.columns.time_ns
    if offsets is None or own is None:
        return [None] * trace.processes
    speed = RunTimes(trace, None, None).speed
    known = own[own != MISSING]
    span_ns = int(known.max()) - offsets.start_ns if len(known) else 0
    found: list[LaneOffset | None] = []
    for machine in offsets.machines:
        at0, skew = machine.offset_ns.estimate, machine.skew_ppm.estimate
        is_known = at0 is not None and skew is not None
        found.append(
            LaneOffset((at0 or 0) * speed, ((at0 or 0) + (skew or 0) * span_ns / 1e6) * speed)
            if is_known
            else None
        )
    return found


# Values and targets.


def _values(trace: Trace) -> dict[str, AnyArray]:
    """Return the columns of values that the log has: clock, queue, late and tick."""
    of, found = trace.columns, dict[str, AnyArray]()
    if _is_known(of.clock):
        assert of.clock is not None
        found["clock"] = _clock(of.clock)
    if _is_known(of.queue):
        assert of.queue is not None
        found["queue"] = _small(of.queue)
    if _is_known(of.late_ns) and bool(np.any(of.late_ns)):  # a simulated run is never late
        assert of.late_ns is not None
        found["late"] = _floats(of.late_ns, 0).astype(np.float32)
    if _is_known(of.tick) and not _is_index(trace):
        assert of.tick is not None
        found["tick"] = _small(of.tick)
    return found


def _clock(clock: IntArray) -> AnyArray:
    """Return Lamport clocks as i4, -1 where missing, if they fit, else as floats."""
    if int(clock.max()) < 2**31 and bool(((clock >= 0) | (clock == MISSING)).all()):
        return np.maximum(clock, -1).astype(np.int32)
    return _floats(clock, 0)


def _is_index(trace: Trace) -> bool:
    """Whether the tick of each event is its number within its process, as in a whole run."""
    of = trace.columns
    if of.tick is None:
        return False
    return all(
        bool((of.tick[rows] == np.arange(rows.stop - rows.start)).all())
        for rows in map(trace.rows_of, range(trace.processes))
    )


def _is_known(column: IntArray | None) -> bool:
    return column is not None and bool((column != MISSING).any())


def _small(column: IntArray) -> IntArray:
    """Return a column of counts as i4, -1 where there is none or it is no count of that width."""
    is_count = (column >= 0) & (column < 2**31)
    return np.where(is_count, column, -1).astype(np.int32)


def _targets(trace: Trace) -> dict[str, AnyArray]:
    target = trace.columns.target
    if target is None or not bool((target != NO_TARGET).any()):
        return {}
    return {"target": target.astype(np.int32, copy=False)}


# Messages.


def message_columns(trace: Trace, messages: Messages) -> dict[str, AnyArray]:
    """Return the messages, in the order of their receives, and those found but not received.

    `m_send`, `m_receive`, `m_found` i4: rows of matched messages. `w_send`, `w_found` i4: rows
    of messages that a tick found and that still wait in the inbox; absent if none do.
    """
    receives = messages.receives
    sends = messages.source[receives]
    found, waiting = _found_at(trace, messages)
    found = found[receives] if len(found) else np.full(len(receives), NOT_FOUND, np.int32)
    if len(messages.extra_receives):
        receives = np.concatenate([receives, messages.extra_receives])
        sends = np.concatenate([sends, messages.extra_sends])
        found = np.concatenate([found, np.full(len(messages.extra_receives), NOT_FOUND, np.int32)])
        order = np.argsort(receives, kind="stable")
        receives, sends, found = receives[order], sends[order], found[order]
    columns: dict[str, AnyArray] = {
        "m_send": sends.astype(np.int32),
        "m_receive": receives.astype(np.int32),
        "m_found": found,
    }
    if len(waiting[0]):
        columns["w_send"], columns["w_found"] = waiting
    return columns


def _found_at(trace: Trace, messages: Messages) -> tuple[IntArray, tuple[IntArray, IntArray]]:
    """Return for each event the row at which the message that it received was found.

    i4, NOT_FOUND where that is not known; empty if the log has no arrivals. Also the rows
    of the sends, and of the events that found them, of messages that nobody received.
    """
    arrivals, nothing = trace.arrivals, np.zeros(0, np.int32)
    if arrivals is None or not len(arrivals.sender) or trace.columns.sender is None:
        return nothing, (nothing, nothing)
    if trace.columns.stamp is None:
        return nothing, (nothing, nothing)
    at = arrival_rows(trace).astype(np.int32)
    found = np.full(len(trace), NOT_FOUND, np.int32)
    rows, taken = _taken_in_order(trace) or arrivals_taken(trace)
    is_taken = taken >= 0
    found[rows[is_taken]] = at[taken[is_taken]]
    is_waiting = np.ones(len(at), bool)
    is_waiting[taken[is_taken]] = False
    return found, _waiting(trace, messages, at, is_waiting)


def _waiting(
    trace: Trace, messages: Messages, at: IntArray, is_waiting: BoolArray
) -> tuple[IntArray, IntArray]:
    """Return the sends of arrivals that nobody received, and the rows that found them."""
    nothing = np.zeros(0, np.int32)
    arrivals = trace.arrivals
    if arrivals is None or not is_waiting.any():
        return nothing, nothing
    waiting = np.flatnonzero(is_waiting)
    to = processes_of_rising(trace, at[waiting])
    sends = sends_named(trace, arrivals.sender[waiting], arrivals.stamp[waiting], to)
    if sends is None:
        sends = match_arrivals(trace, messages).source[waiting]
    known = sends >= 0
    return sends[known].astype(np.int32), at[waiting[known]]


def _taken_in_order(trace: Trace) -> tuple[IntArray, IntArray] | None:
    """Return the events that received a message, and which arrival each took, if in order.

    An inbox is first in, first out: the k-th receive of a process takes the k-th message
    that its ticks found. None if a name says otherwise, or a message came after its receive:
    then names decide (`arrivals_taken`).
    """
    of, arrivals = trace.columns, trace.arrivals
    assert arrivals is not None
    assert of.sender is not None
    assert of.stamp is not None
    rows = np.flatnonzero((of.sender != NOBODY) & (of.stamp != MISSING))
    if not len(rows):
        return rows, np.zeros(0, np.int64)
    process = trace.starts[1:].searchsorted(rows, side="right")
    before = np.searchsorted(rows, trace.starts[:-1])  # receives of the processes before
    taken = np.arange(len(rows)) - before[process] + arrivals.starts[trace.starts[:-1]][process]
    ends = arrivals.starts[rows + 1]  # what came until then, that tick's own included
    if bool((taken >= ends).any()):
        return None
    is_same = (arrivals.sender[taken] == of.sender[rows]) & (
        arrivals.stamp[taken] == of.stamp[rows]
    )
    return (rows, taken) if bool(is_same.all()) else None
