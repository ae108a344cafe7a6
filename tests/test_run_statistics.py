"""Statistics of a run are those of a loop over its events, and what a log lacks is said."""

import math
import statistics
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import driftlab
from driftlab.analysis import distribution
from driftlab.analysis import run_statistics as module
from driftlab.analysis.distribution import SHARES, Tally
from driftlab.analysis.drift import PAIRED_MAX, drift_over_time, drift_slopes
from driftlab.analysis.metrics import is_rate_missed, late_line, pace, slow_line
from driftlab.analysis.run_statistics import (
    STATISTICS_COLUMNS,
    count_process,
    run_statistics,
    statistics_of,
    statistics_schema,
)
from driftlab.analysis.statistics import student_95
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import MISSING, Columns, starts_of

SIMULATED = driftlab.Scenario(rates=[6, 3, 1], seed=1)
OURS = ProcessInfo(rate=1.0, from_start=True)


def column(values: Sequence[int | None]) -> "np.ndarray[Any, np.dtype[np.int64]]":
    return np.array([MISSING if value is None else value for value in values], np.int64)


def trace_of(
    *machines: Sequence[tuple[int, int | None, int | None, int | None]], **more: Any
) -> Trace:
    """Return a trace of machines, each a list of (kind, clock, queue, due in ms)."""
    rows = [row for machine in machines for row in machine]
    columns = Columns(
        kind=np.array([row[0] for row in rows], np.uint8),
        clock=column([row[1] for row in rows]),
        queue=column([row[2] for row in rows]),
        due_ns=column([None if row[3] is None else row[3] * 1_000_000 for row in rows]),
    )
    given = {"process_info": [OURS] * len(machines)} | more
    return Trace("ABCDEF"[: len(machines)], starts_of(list(map(len, machines))), columns, **given)


def plain_quantile(values: Sequence[int], share: float) -> int:
    return sorted(values)[max(1, math.ceil(share * len(values))) - 1]


values = st.one_of(st.integers(0, 9), st.integers(-(2**62), 2**62), st.integers(98, 102))


@given(st.lists(st.lists(values, max_size=8), max_size=4))
def test_a_distribution_is_that_of_the_sorted_values(parts: list[list[int]]) -> None:
    tally = Tally()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distribution, "COUNTED_MAX", 100)  # in the middle of them
        for part in parts:
            tally.add(np.array(part, np.int64))
    every = [value for part in parts for value in part]
    found = tally.distribution()
    if not every:
        assert found is None
        return
    assert found is not None
    assert (found.events, found.min, found.max) == (len(every), min(every), max(every))
    assert found.mean == pytest.approx(statistics.fmean(every), rel=1e-9, abs=1e-6)
    for name, share in SHARES.items():
        assert getattr(found, name) == plain_quantile(every, share)
    if len(every) > 1:
        exact = statistics.stdev(map(float, every))
        assert found.sd == pytest.approx(exact, rel=1e-6, abs=1e-6)
    else:
        assert found.sd is None


known_or_not = st.one_of(st.none(), st.integers(0, 50))
events = st.lists(st.tuples(st.integers(0, 3), known_or_not, known_or_not, st.just(0)), max_size=12)


@given(events, events, st.sets(st.integers(0, 24)), st.integers(1, 5))
def test_what_is_counted_is_what_a_loop_over_the_events_counts(
    one: list[Any], two: list[Any], gaps: set[int], at_once: int
) -> None:
    """Whatever is missing, and however many rows are taken together."""
    trace = trace_of(one, two, gaps=np.array(sorted(gaps), np.int64))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ROWS_AT_ONCE", at_once)
        for process, (rows, first) in enumerate([(one, 0), (two, len(one))]):
            found = count_process(trace, process)
            assert found.kinds == tuple([row[0] for row in rows].count(kind) for kind in range(4))
            clocks = [row[1] for row in rows]
            jumps = [
                after - before
                for row, (before, after) in enumerate(pairwise(clocks), first + 1)
                if None not in (before, after) and row not in gaps
            ]
            queues = [row[2] for row in rows if row[2] is not None]
            for values, spread in ((jumps, found.jumps), (queues, found.queues)):
                assert (spread is None) == (not values)
                if spread is not None:
                    assert spread.mean == statistics.fmean(values)
                    assert (spread.p50, spread.max) == (plain_quantile(values, 0.5), max(values))
            given = [clock for clock in clocks if clock is not None]
            edges = (found.first_clock, found.clock)
            assert edges == ((given[0], given[-1]) if given else (None, None))
            assert found.queue_last == (queues[-1] if queues else None)


def test_statistics_of_a_simulated_run_have_its_metrics() -> None:
    run = driftlab.simulate_run(SIMULATED, record="all")
    frame = run.stats()
    assert frame.schema == pl.Schema(statistics_schema())
    shared = [name for name in driftlab.simulate_runs(SIMULATED).frame.columns
              if name in STATISTICS_COLUMNS]  # fmt: skip
    assert len(shared) >= 15
    kept = driftlab.simulate_runs(SIMULATED).frame.select(shared)
    for mine, theirs in zip(frame.select(shared).rows(), kept.rows(), strict=True):
        assert mine == tuple(
            pytest.approx(value, rel=1e-9) if isinstance(value, float) else value
            for value in theirs
        )
    assert frame["utilisation"].to_list() == [
        machine.events["receive"] / machine.ticks for machine in run.machines
    ]
    assert run.history.stats_reasons == []


def test_a_run_that_kept_its_metrics_alone_has_these() -> None:
    whole = driftlab.simulate_run(SIMULATED, record="all").stats()
    kept = driftlab.simulate_run(SIMULATED).stats()
    assert kept.schema == whole.schema
    known = [name for name in kept.columns if kept[name].null_count() == 0]
    assert {"clock", "jump_max", "queue_last", "utilisation", "rank"} <= set(known)
    exact = [name for name in known if name != "achieved_rate"]
    assert kept.select(exact).equals(whole.select(exact))
    assert kept["jump_sd"].null_count() == 3


def ramp(per_second: int, machines_rate: int = 10, seconds: int = 60) -> list[Any]:
    ticks = range(machines_rate * seconds)
    return [(2, per_second * tick // machines_rate + 1, 2 * tick, 1000 * tick // machines_rate)
            for tick in ticks]  # fmt: skip


def test_growths_and_drifts_are_per_second_of_scenario_time() -> None:
    trace = trace_of(ramp(30), ramp(10), process_info=[ProcessInfo(10.0, from_start=True)] * 2)
    for speed in (1.0, 60.0):  # the same ticks at 60 times the speed last 60 times as long
        fast, slow = run_statistics(trace, seconds=60 * speed, speed=speed).machines
        assert fast["clock_per_second"] == pytest.approx(30 / speed, rel=0.01)
        assert fast["clock_per_second_low"] == pytest.approx(30 / speed, rel=0.02)
        assert slow["queue_per_second"] == pytest.approx(20 / speed, rel=0.01)
        assert fast["achieved_rate"] == pytest.approx(10 / speed)
        slopes = drift_slopes(trace, seconds=60 * speed, speed=speed).to_dicts()
        (slope,) = slopes
        assert (slope["machine"], slope["reference"]) == ("B", "A")
        assert slope["drift_per_second"] == pytest.approx(-20 / speed, rel=0.01)
        assert slow["drift_per_second"] == slope["drift_per_second"]


def test_drift_over_time_is_the_difference_of_the_clocks_at_each_instant() -> None:
    trace = driftlab.simulate_run(SIMULATED, record="all").history.trace
    frame = drift_over_time(trace, instants=61)
    assert frame.select("machine", "reference").unique(maintain_order=True).rows() == [
        ("B", "A"), ("C", "A"), ("C", "B"),
    ]  # fmt: skip

    def clock_at(name: str, time: float) -> int:
        rows = trace.rows_of(list(trace.names).index(name))
        assert trace.columns.due_ns is not None
        assert trace.columns.clock is not None
        before = trace.columns.due_ns[rows] <= round(time * 1e9)
        return int(trace.columns.clock[rows][before][-1]) if before.any() else 0

    assert frame.height > 170
    for row in frame.rows(named=True):
        drift = clock_at(row["machine"], row["time"]) - clock_at(row["reference"], row["time"])
        assert row["drift"] == drift


def test_of_very_many_machines_the_drifts_are_those_from_the_fastest() -> None:
    rates = [2.0] * PAIRED_MAX + [3.0]
    run = driftlab.simulate_run(driftlab.Scenario(rates=rates, seconds=5), record="all")
    slopes = run.history.drift_slopes()
    assert slopes.height == PAIRED_MAX
    assert slopes["reference"].unique().to_list() == [run.history.names[-1]]


def test_a_drift_ends_where_the_first_of_both_machines_did() -> None:
    trace = trace_of(ramp(30), ramp(10, seconds=20))
    frame = drift_over_time(trace, instants=61)
    assert frame["time"].max() == 20
    (slope,) = drift_slopes(trace)["drift_per_second"].to_list()
    assert slope == pytest.approx(-20, rel=0.02)


Change = Callable[[Columns], Columns]


@pytest.mark.parametrize(
    ("change", "absent", "reason"),
    [
        (lambda c: c._replace(clock=None), ["clock", "jump_mean", "drift"], "no Lamport clocks"),
        (lambda c: c._replace(queue=None), ["queue_max", "queue_per_second"], "no queue lengths"),
        (lambda c: c._replace(due_ns=None), ["achieved_rate", "clock_per_second"], "has no times"),
        (lambda c: c._replace(kind=c.kind * 0 + 3), ["events_send", "utilisation"], "of 1200"),
    ],
)
def test_what_a_log_lacks_is_null_and_said(change: Change, absent: list[str], reason: str) -> None:
    whole = trace_of(ramp(30), ramp(10))
    trace = whole.replace(columns=change(whole.columns))
    found = run_statistics(trace)
    frame = found.frame()
    assert all(frame[name].null_count() == 2 for name in absent)
    assert any(reason in line for line in found.reasons)
    before = statistics_of(whole)
    there = [name for name in frame.columns if frame[name].null_count() < before[name].null_count()]
    assert there == []


def test_one_event_or_none_is_no_jump_and_no_growth() -> None:
    found = run_statistics(trace_of(ramp(30), [(0, 5, 1, 100)], []), seconds=60)
    _, one, none = found.machines
    assert (one["clock"], one["queue_max"], one["achieved_rate"]) == (5, 1, 1 / 60)
    assert one["jump_max"] is one["queue_sd"] is one["clock_per_second"] is None
    assert none["clock"] is none["queue_mean"] is none["utilisation"] is None
    assert "C: no event, so nothing is known" in found.reasons
    assert "B: 1 event, so no jump and no growth" in found.reasons


def test_few_events_grow_without_an_interval() -> None:
    trace = trace_of([(0, 1, 0, 0), (0, 2, 0, 1000), (0, 3, 0, 2000)])
    (machine,) = run_statistics(trace).machines
    assert machine["clock_per_second"] == 1
    assert machine["clock_per_second_low"] is None


def test_times_of_own_clocks_give_rates_and_are_said_to_be_own() -> None:
    whole = trace_of(ramp(30), ramp(10), process_info=())
    times = whole.columns.due_ns
    assert times is not None
    columns = whole.columns._replace(due_ns=None, time_ns=times + 10**18)
    found = run_statistics(whole.replace(columns=columns))
    assert found.machines[0]["achieved_rate"] == pytest.approx(10)
    assert found.machines[0]["clock_per_second"] == pytest.approx(30, rel=0.02)
    assert any("own clocks" in line for line in found.reasons)


def test_a_clock_that_was_set_back_does_not_take_time_back() -> None:
    whole = trace_of(ramp(10), process_info=())
    times = whole.columns.due_ns
    assert times is not None
    times[300] = 0
    times[400] = MISSING
    found = run_statistics(whole)
    assert found.machines[0]["clock_per_second"] == pytest.approx(10, rel=0.02)


def test_student_is_that_of_scipy() -> None:
    from scipy.special import stdtrit

    for freedom in [1, 2, 3, 4, 5, 9, 10, 99, 199, 200, 201, 399, 10**6]:
        assert student_95(freedom) == pytest.approx(stdtrit(freedom, 0.975), rel=1e-9)


def test_lateness_and_missed_rates_are_said() -> None:
    assert late_line(0) is late_line(None) is None
    assert late_line(49) == (
        "late: 49 ticks began more than a period late; lower --speed or the number of machines"
    )
    assert late_line(1) is not None
    assert "1 tick began" in str(late_line(1))
    assert slow_line("A", 6, 5.7, 342) == (
        "slow: A took 5.7 ticks per second where 6 were asked, 5.0 % too few"
    )
    assert slow_line("A", 6, 5.99, 360) is None
    assert slow_line("A", 6, 5.7, 10) is None  # half a tick: chance


@pytest.mark.parametrize("late_periods", [0.4, 1.5, 5.4, 20.2])
def test_a_late_first_tick_makes_no_machine_fast(late_periods: float) -> None:
    """Later ticks are late, too, until the machine is in time again."""
    rate, ticks = 6.0, 360
    late_ticks = sum(late_periods - tick > 1 for tick in range(ticks))
    achieved = (ticks - 1) / ((ticks - 1 - late_periods) / rate)
    assert pace(rate, achieved, ticks, late_ticks) == 1
    assert slow_line("A", rate, achieved, ticks, late_ticks) is None
    assert not is_rate_missed(rate, achieved, ticks, late_ticks)


def test_a_machine_that_ticks_too_fast_is_named() -> None:
    assert slow_line("A", 6, 6.3, 378, 0) == (
        "fast: A took 6.3 ticks per second where 6 were asked, 4.5 % too many"
    )
    assert pace(6, 5.7, 342) == pytest.approx(0.95)
    assert pace(0, 5, 9) == pace(6, 5, 1) == pace(6, 0, 9) == 1
