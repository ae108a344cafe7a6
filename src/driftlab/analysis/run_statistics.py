"""The statistics of one run, machine by machine, from the columns of its history.

One code for every engine and every log: what a log lacks gives no value, and a reason.
Rates, growths and drifts are per second of scenario time. The limit: events that a log
does not have are not there, so no jump is counted across a gap.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from driftlab.analysis.distribution import SHARES, Distribution, Tally, quantiles
from driftlab.analysis.drift import pair_slopes, pairs_of, slopes_frame
from driftlab.analysis.metrics import (
    Counters,
    Jumps,
    MachineMetrics,
    fastest,
    lateness_of,
    machine_metrics,
)
from driftlab.analysis.run_times import (
    NO_GROWTH,
    Growth,
    RunTimes,
    events_spanned,
    known,
    said_of,
    speed_order,
)
from driftlab.arrays import IntArray
from driftlab.errors import name_list
from driftlab.history.trace import Trace, processes_with_gaps
from driftlab.lazy import np, pl
from driftlab.model.columns import INTERNAL, MISSING, RECEIVE, SEND, UNKNOWN_KIND
from driftlab.model.schedule import NS_PER_SECOND

ROWS_AT_ONCE: Final = 1 << 18  # that are counted together: their copies stay in the caches
NS_PER_US: Final = 1e3
ENDS_APART: Final = 0.05  # share of a run by which the ends of logs may differ in silence
STANDS_STILL: Final = (0.0, 0.0, 0.0)  # how fast a machine drifts from itself

_QUANTILES: Final = tuple(SHARES)
_ESTIMATED: Final = ("", "_low", "_high")
_INTEGERS: Final = (
    "rank", "events_internal", "events_send", "events_receive", "events_unsaid", "clock",
    *(f"{figure}_{name}" for figure in ("jump", "queue") for name in (*_QUANTILES, "max")),
    "queue_last", "drift", "late_ticks",
)  # fmt: skip
# The columns of `statistics_of`: the keys of the JSON interface, with `_` for `.`. Of many
# columns Polars prints the first four and the last four: these say what a run did.
STATISTICS_COLUMNS: Final = (
    "name", "clock", "jump_mean", "jump_max", "rank", "rate", "achieved_rate",
    "events_internal", "events_send", "events_receive", "events_unsaid", "utilisation",
    *(f"clock_per_second{part}" for part in _ESTIMATED),
    "jump_sd", *(f"jump_{name}" for name in _QUANTILES),
    "queue_sd", *(f"queue_{name}" for name in _QUANTILES),
    *(f"queue_per_second{part}" for part in _ESTIMATED),
    *(f"drift_per_second{part}" for part in _ESTIMATED),
    *(f"lateness_us_{name}" for name in (*_QUANTILES, "max")), "late_ticks",
    "queue_mean", "queue_max", "queue_last", "drift",
)  # fmt: skip


class Counted(NamedTuple):
    """What is counted of the events of one machine, without looking at times.

    kinds: how many events are internal, send, receive, and of no kind that the log says.
    first_clock, clock: of the first and the last event that has one. jumps, queues: their
    distributions. queue_last: the last known. Each is None if there is none.
    """

    kinds: tuple[int, int, int, int]
    first_clock: int | None
    clock: int | None
    jumps: Distribution | None
    queues: Distribution | None
    queue_last: int | None

    @property
    def events(self) -> int:
        """How many events there are."""
        return sum(self.kinds)


class RunStatistics(NamedTuple):
    """The statistics of the machines of a run.

    machines: a dictionary each, with the keys STATISTICS_COLUMNS. reasons: why there are
    no values of some, and what limits others, a line each. slopes: how fast every pair of
    machines drifts apart, see `drift.drift_slopes`.
    """

    machines: list[dict[str, Any]]
    reasons: list[str]
    slopes: "pl.DataFrame"

    def frame(self) -> "pl.DataFrame":
        """Return them as a frame, a row a machine."""
        return pl.DataFrame(self.machines, schema=statistics_schema())


def statistics_schema() -> "dict[str, pl.DataType]":
    """Return the columns of `statistics_of` and their types."""
    kinds = {"name": pl.String(), **dict.fromkeys(_INTEGERS, pl.Int64())}
    return {name: kinds.get(name, pl.Float64()) for name in STATISTICS_COLUMNS}


def statistics_of(
    trace: Trace, *, seconds: float | None = None, speed: float | None = None
) -> "pl.DataFrame":
    """Return the statistics of a run, a row a machine; see docs/figures.md for the columns.

    seconds: scenario time that the run takes; by default as its scenario says, else up to
    the last event. speed: scenario time per real time; by default as the log says. A value
    that the log does not give is null; `run_statistics` says why.
    """
    return run_statistics(trace, seconds=seconds, speed=speed).frame()


def run_statistics(
    trace: Trace,
    *,
    seconds: float | None = None,
    speed: float | None = None,
    counted: Mapping[int, Counted] | None = None,
) -> RunStatistics:
    """Return the statistics of a run, and the reasons why some are not there.

    counted: of processes whose events are counted already, by position. The other
    parameters are those of `statistics_of`.
    """
    times = RunTimes(trace, seconds, speed)
    machines, known = range(trace.processes), counted or {}
    counts = [known.get(place) or count_process(trace, place) for place in machines]
    rows = [_machine_row(trace, times, place, counts[place]) for place in machines]
    order = speed_order([row["rate"] for row in rows], [row["achieved_rate"] for row in rows])
    pairs = pairs_of(order or [])
    slopes = dict(zip(pairs, pair_slopes(times, pairs), strict=True))
    for place, row in enumerate(rows):
        slope: Growth = NO_GROWTH
        if order:
            row["rank"] = order.index(place) + 1
            row["drift"] = _difference(counts[place].clock, counts[order[0]].clock)
            is_first = place == order[0] and row["clock_per_second"] is not None
            slope = STANDS_STILL if is_first else slopes.get((place, order[0]), NO_GROWTH)
        row |= _estimate("drift_per_second", slope)
    reasons = _reasons(trace, times, counts, order)
    return RunStatistics(rows, reasons, slopes_frame(trace, pairs, list(slopes.values())))


def _difference(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else one - other


def _estimate(name: str, estimate: Growth) -> dict[str, float | None]:
    return dict(zip((f"{name}{part}" for part in _ESTIMATED), estimate, strict=True))


def _spread(name: str, found: Distribution | None) -> dict[str, Any]:
    """Return the columns of a distribution, None if there is none."""
    keys = ("mean", "sd", *_QUANTILES, "max")
    return {f"{name}_{key}": None if found is None else getattr(found, key) for key in keys}


def _machine_row(trace: Trace, times: RunTimes, process: int, counted: Counted) -> dict[str, Any]:
    rate = said_of(trace, process).rate
    internal, send, receive, unsaid = counted.kinds
    events = counted.events
    is_said = not events or unsaid < events
    return {
        "name": trace.names[process],
        "rank": None,
        "rate": rate,
        "achieved_rate": times.achieved_rate(process),
        "events_internal": internal if is_said else None,
        "events_send": send if is_said else None,
        "events_receive": receive if is_said else None,
        "events_unsaid": unsaid,
        "utilisation": receive / events if events and not unsaid else None,
        "clock": counted.clock,
        **_estimate("clock_per_second", times.growth(process, trace.columns.clock)),
        **_spread("jump", counted.jumps),
        **_spread("queue", counted.queues),
        "queue_last": counted.queue_last,
        **_estimate("queue_per_second", times.growth(process, trace.columns.queue)),
        "drift": None,
        **_lateness(trace, process),
        "late_ticks": late_ticks(trace, process, (rate or 0.0) * times.speed),
    }


# Counting.


def count_process(trace: Trace, process: int) -> Counted:
    """Count the events of one process, ROWS_AT_ONCE at a time."""
    rows, columns = trace.rows_of(process), trace.columns
    kinds = [0, 0, 0, 0]
    jumps, queues = Tally(), Tally()
    gaps = trace.gaps[(trace.gaps > rows.start) & (trace.gaps < rows.stop)]
    for begin in range(rows.start, rows.stop, ROWS_AT_ONCE):
        part = slice(begin, min(begin + ROWS_AT_ONCE, rows.stop))
        for kind in (INTERNAL, SEND, RECEIVE):
            kinds[kind] += int(np.count_nonzero(columns.kind[part] == kind))
        if columns.clock is not None:
            jumps.add(_jumps(columns.clock, max(part.start, rows.start + 1), part.stop, gaps))
        if columns.queue is not None:
            queues.add(known(columns.queue[part]))
    kinds[UNKNOWN_KIND] = rows.stop - rows.start - sum(kinds)
    return Counted(
        (kinds[INTERNAL], kinds[SEND], kinds[RECEIVE], kinds[UNKNOWN_KIND]),
        _edge_value(columns.clock, rows, 0),
        _edge_value(columns.clock, rows, -1),
        jumps.distribution(),
        queues.distribution(),
        _edge_value(columns.queue, rows, -1),
    )


def _jumps(clock: IntArray, begin: int, end: int, gaps: IntArray) -> IntArray:
    """Return the jumps to rows `begin` to `end` of one process, but for those that are not known.

    gaps: rows, rising, before which events are missing.
    """
    if begin >= end:
        return clock[:0]
    before, after = clock[begin - 1 : end - 1], clock[begin:end]
    first, last = np.searchsorted(gaps, [begin, end])
    is_known = None
    if first < last:
        is_known = np.ones(end - begin, bool)
        is_known[gaps[first:last] - begin] = False
    if int(before.min()) == MISSING or int(after[-1]) == MISSING:
        both = (before != MISSING) & (after != MISSING)
        is_known = both if is_known is None else both & is_known
    return after - before if is_known is None else after[is_known] - before[is_known]


def _edge_value(column: IntArray | None, rows: slice, edge: int) -> int | None:
    """Return the first (edge 0) or the last (-1) value of a column that is known."""
    if column is None or rows.start == rows.stop:
        return None
    values = column[rows]
    if values[edge] == MISSING:
        values = known(values)
    return int(values[edge]) if len(values) else None


# Lateness.


def _is_simulated(trace: Trace, process: int) -> bool:
    return said_of(trace, process).simulated


def _late_ns(trace: Trace, process: int) -> IntArray | None:
    """Return how late each tick of a real machine began, None if the log does not say."""
    late_ns = trace.columns.late_ns
    if late_ns is None or _is_simulated(trace, process):
        return None
    return known(late_ns[trace.rows_of(process)])


def _lateness(trace: Trace, process: int) -> dict[str, float | None]:
    late_ns = _late_ns(trace, process)
    names = (*_QUANTILES, "max")
    if late_ns is None or not len(late_ns):
        return {f"lateness_us_{name}": None for name in names}
    values = quantiles(late_ns, [*SHARES.values(), 1.0])
    return {
        f"lateness_us_{name}": value / NS_PER_US for name, value in zip(names, values, strict=True)
    }


def late_ticks(trace: Trace, process: int, rate: float) -> int | None:
    """Return how many ticks began more than a period late, None if the log does not say.

    process: its position. rate: ticks per second of real time.
    """
    late_ns = _late_ns(trace, process)
    if late_ns is None:
        return None
    return int(np.count_nonzero(late_ns * rate > NS_PER_SECOND)) if rate else 0


# Reasons.


def _reasons(
    trace: Trace, times: RunTimes, counted: Sequence[Counted], order: Sequence[int] | None
) -> list[str]:
    """Return why some statistics are not there, and what limits others, a line each."""
    columns = trace.columns
    lines: list[str] = []
    if not len(trace):
        return _few_events(trace, counted)
    if any(each.kinds[UNKNOWN_KIND] for each in counted):
        unsaid = sum(each.kinds[UNKNOWN_KIND] for each in counted)
        lines.append(f"events: the log does not say the kind of {unsaid} of {len(trace)}")
    if columns.clock is None or bool((columns.clock == MISSING).all()):
        lines.append("clock, jump, drift: the log has no Lamport clocks")
    if columns.queue is None or bool((columns.queue == MISSING).all()):
        lines.append("queue: the log has no queue lengths")
    elif len(trace.unsure_queue):
        lines.append(
            f"queue: of {len(trace.unsure_queue)} receives the log does not say whether the "
            "length counts the message that they took"
        )
    if not times.are_known:
        lines.append("rate, growth, drift: the log has no times")
    elif times.own_clocks:
        lines.append(
            "rate, growth, drift: the times are those of the machines' own clocks, whose "
            "offsets change the drift"
        )
    if order is None and times.are_known:
        lines.append("drift: the log does not say which machine is the fastest")
    if columns.late_ns is None and not all(map(_simulated_each(trace), range(trace.processes))):
        lines.append("lateness: the log does not say when events were due")
    lines += _missing_events(trace)
    lines += _unequal_ends(trace, times, order)
    lines += _few_events(trace, counted)
    return lines


def _missing_events(trace: Trace) -> list[str]:
    """Return whose events are missing in the log, if any are known to be."""
    names = [trace.names[process] for process in processes_with_gaps(trace).tolist()]
    if not names:
        return []
    return [f"gaps: events of {name_list(names)} are missing in the log; counts are of the others"]


def _unequal_ends(trace: Trace, times: RunTimes, order: Sequence[int] | None) -> list[str]:
    """Return that the last clocks are not of one instant, if the logs end at different times."""
    if not order or not times.are_known or trace.columns.clock is None:
        return []
    ends = {place: times.span_s(place)[1] for place in order if times.events(place) > 1}
    if len(ends) < 2:
        return []
    early, late = min(ends, key=lambda place: ends[place]), max(ends.values())
    rate = said_of(trace, early).rate or times.achieved_rate(early) or 0.0
    if late - ends[early] <= max(ENDS_APART * late, 2 / rate if rate else 0.0):
        return []
    return [
        f"drift: the log of {trace.names[early]} ends at {ends[early]:.4g} s and the last at "
        f"{late:.4g} s, so the last clocks are not of one instant; the drift a second is of the "
        "time that both recorded"
    ]


def _simulated_each(trace: Trace) -> Any:
    return lambda process: _is_simulated(trace, process)


def _few_events(trace: Trace, counted: Sequence[Counted]) -> list[str]:
    """Return what machines with no event, or one, do not have."""
    none = [name for name, each in zip(trace.names, counted, strict=True) if not each.events]
    one = [name for name, each in zip(trace.names, counted, strict=True) if each.events == 1]
    return [
        *([f"{name_list(none)}: no event, so nothing is known"] if none else []),
        *([f"{name_list(one)}: 1 event, so no jump and no growth"] if one else []),
    ]


# Metrics.


def statistics_of_metrics(machines: Iterable[MachineMetrics]) -> "pl.DataFrame":
    """Return what the metrics of a run say of its statistics, the others null."""
    kept = list(machines)
    order = speed_order([machine.rate for machine in kept], ()) or []
    rows = []
    for place, machine in enumerate(kept):
        document = machine.to_dict()
        late = document.pop("lateness_us", {})
        rows.append({
            **{key: value for key, value in document.items() if not isinstance(value, dict)},
            **{f"events_{kind}": count for kind, count in machine.events.items()},
            **{f"jump_{key}": value for key, value in machine.jump._asdict().items()},
            **{f"queue_{key}": value for key, value in machine.queue._asdict().items()},
            **{f"lateness_us_{key}": value for key, value in late.items()},
            "events_unsaid": 0,
            "rank": order.index(place) + 1,
            "utilisation": machine.events["receive"] / machine.ticks if machine.ticks else None,
        })  # fmt: skip
    return pl.DataFrame(rows, schema=statistics_schema())


def metrics_of_trace(
    trace: Trace,
    processes: Sequence[int],
    *,
    seconds: float,
    speed: float,
    counted: Mapping[int, Counted] | None = None,
) -> tuple[MachineMetrics, ...]:
    """Return the metrics of recorded machines; the trace must have all columns of a journal.

    processes: positions of the machines wanted; the fastest of them is that of
    their drift. seconds: scenario time that the run takes. speed: scenario time
    per real time, of those that were not simulated. counted: of processes whose events
    are counted already.
    """
    if not processes:
        return ()
    known = counted or {}
    rates = [float(said_of(trace, process).rate or 0) for process in processes]
    counts = [known.get(process) or count_process(trace, process) for process in processes]
    fastest_clock = counts[fastest(rates)].clock or 0
    return tuple(
        _metrics(trace, process, rate, each, fastest_clock, seconds, speed)
        for process, rate, each in zip(processes, rates, counts, strict=True)
    )


def _metrics(
    trace: Trace,
    process: int,
    rate: float,
    counted: Counted,
    fastest_clock: int,
    seconds: float,
    speed: float,
) -> MachineMetrics:
    speed = 1.0 if _is_simulated(trace, process) else speed
    late_ns = _late_ns(trace, process)
    jumps, queues = counted.jumps, counted.queues
    metrics = machine_metrics(
        trace.names[process],
        rate,
        Counters(
            *counted.kinds[:3],
            counted.first_clock or 0,
            counted.clock or 0,
            queue_sum=0 if queues is None else round(queues.mean * queues.events),
            queue_max=0 if queues is None else queues.max,
            queue_last=counted.queue_last or 0,
        ),
        between_ns=_between_ns(trace, process),
        seconds=seconds,
        fastest_clock=fastest_clock,
        speed=speed,
        ticks_between=events_spanned(trace, process, speed),
        lateness_us=None if late_ns is None else lateness_of(np.sort(late_ns).tolist()),
        late_ticks=late_ticks(trace, process, rate * speed),
    )
    # Not the rise of the clock over the events: there is no jump across a gap.
    known = Jumps(0.0, 0) if jumps is None else Jumps(jumps.mean, max(0, jumps.max))
    return metrics._replace(jump=known)


def _between_ns(trace: Trace, process: int) -> int:
    """Return the real time between the starts of a process's first and last tick."""
    rows, columns = trace.rows_of(process), trace.columns
    assert columns.due_ns is not None
    assert columns.late_ns is not None
    if rows.start == rows.stop:
        return 0
    first, last = (
        int(columns.due_ns[row]) + int(columns.late_ns[row]) for row in (rows.start, rows.stop - 1)
    )
    return last - first
