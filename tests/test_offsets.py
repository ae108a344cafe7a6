"""What messages tell of clocks that are off: bounds that hold the truth, exactly."""

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import ceil, floor, inf, nextafter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.analysis.offsets import (
    MACHINES_BETWEEN_MAX,
    MACHINES_JOINTLY_MAX,
    Bounds,
    MachineOffset,
    OffsetAndSkew,
    Offsets,
    _nearest,
    clock_bounds,
    estimate_offsets,
    is_real_run,
    lower_hull,
)
from driftlab.api.history import History
from driftlab.cli import offsets as offsets_command
from driftlab.cli.main import main
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.model.columns import NOBODY, Arrivals, Columns
from tests.drawn_histories import present

Message = tuple[int, int, int, int]  # from, what its clock showed, to, what its clock showed

scenarios = st.integers(2, 4).flatmap(
    lambda machines: st.builds(
        driftlab.Scenario,
        rates=st.lists(st.sampled_from([2, 5, 9]), min_size=machines, max_size=machines),
        seconds=st.integers(3, 20),
        seed=st.integers(0, 9999),
        faces=st.just(4),
        latency=st.sampled_from(["none", "fixed:0.01", "exponential:0.1"]),
        offset_ms=st.lists(st.integers(-500, 500), min_size=machines, max_size=machines),
        skew_ppm=st.lists(st.integers(-90_000, 90_000), min_size=machines, max_size=machines),
    )
)


def history_of(scenario: driftlab.Scenario) -> History:
    run = driftlab.simulate(scenario, record="all")
    assert isinstance(run, driftlab.Run)
    return run.history


def trace_of(machines: int, messages: Sequence[Message]) -> tuple[Trace, Messages]:
    """Return a trace of these messages, each machine's events in the order of its clock."""
    ends = [(place, shown, number, at)
            for number, message in enumerate(messages)
            for at, (place, shown) in enumerate((message[:2], message[2:]))]  # fmt: skip
    ends.sort()
    rows = {(number, at): row for row, (_, _, number, at) in enumerate(ends)}
    process = np.array([place for place, *_ in ends], np.int64)
    starts = np.searchsorted(process, np.arange(machines + 1))
    source = np.full(len(ends), -1, np.int64)
    for number in range(len(messages)):
        source[rows[number, 1]] = rows[number, 0]
    kind = np.where(source >= 0, 2, 1).astype(np.uint8)
    times = np.array([shown for _, shown, *_ in ends], np.int64)
    none = np.zeros(0, np.int64)
    trace = Trace([f"P{at}" for at in range(machines)], starts, Columns(kind, time_ns=times))
    return trace, Messages(source, np.full(len(ends), NOBODY, np.int32), none, none)


def within(inner: Bounds, outer: Bounds) -> bool:
    low = outer.low is None or (inner.low is not None and inner.low >= outer.low)
    return low and (outer.high is None or (inner.high is not None and inner.high <= outer.high))


def holds(bounds: Bounds, value: float) -> bool:
    return within(Bounds(value, value, None), bounds)


def assert_true(offsets: Offsets) -> None:
    for each in offsets.machines:
        assert each.truth is not None
        assert not each.contradiction
        assert holds(each.offset_ns, each.truth.offset_ns)
        assert holds(each.skew_ppm, each.truth.skew_ppm)
        for bounds in (each.offset_ns, each.skew_ppm):
            assert bounds.estimate is None or holds(bounds, bounds.estimate)


@settings(max_examples=60)
@given(scenarios)
def test_the_truth_is_within_the_bounds(scenario: driftlab.Scenario) -> None:
    assert_true(history_of(scenario).offsets())


@settings(max_examples=40)
@given(scenarios, st.integers(2, 5))
def test_more_messages_never_widen_the_bounds(scenario: driftlab.Scenario, share: int) -> None:
    history = history_of(scenario)
    every = history.messages
    source = every.source.copy()
    source[np.flatnonzero(source >= 0)[::share]] = UNMATCHED
    fewer = estimate_offsets(history.trace, every._replace(source=source))
    for less, more in zip(fewer.machines, history.offsets().machines, strict=True):
        assert within(more.offset_ns, less.offset_ns)
        assert within(more.skew_ppm, less.skew_ppm)


@settings(max_examples=10)
@given(scenario=scenarios)
def test_when_messages_were_found_tells_more_than_when_they_were_received(
    scenario: driftlab.Scenario, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("run")
    driftlab.simulate(scenario, out=folder / "run")
    by_arrival = driftlab.read(folder / "run").offsets()
    assert_true(by_arrival)
    by_receive = history_of(scenario).offsets()
    assert by_receive.messages <= by_arrival.messages
    for found, received in zip(by_arrival.machines, by_receive.machines, strict=True):
        assert within(found.offset_ns, received.offset_ns)
        assert within(found.skew_ppm, received.skew_ppm)


def test_a_message_that_waited_long_in_the_inbox_bounds_by_when_it_came(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(rates=[20, 20, 3], seconds=60, skew_ppm=[50, 0, -50])
    driftlab.simulate(scenario, out=tmp_path / "run")
    found = driftlab.read(tmp_path / "run").offsets().machines[2].skew_ppm.high
    received = history_of(scenario).offsets().machines[2].skew_ppm.high
    assert found is not None
    assert found < 1_000
    assert received is None or received > 100_000


def test_the_truth_is_what_the_clocks_showed_when_the_reference_showed_its_start() -> None:
    scenario = driftlab.Scenario(
        rates=[2, 9], seconds=20, offset_ms=[700, -300], skew_ppm=[90_000, -80_000]
    )
    first, second = (scenario.physical_clock(place) for place in (0, 1))
    offsets = history_of(scenario).offsets()
    truth = offsets.machines[1].truth
    assert truth is not None
    # True time when the first clock showed `start_ns`, found by trying.
    low, high = -(10**10), 10**10
    while low < high:
        middle = (low + high) // 2
        reached = first.reading_ns(middle, middle) >= offsets.start_ns
        low, high = (low, middle) if reached else (middle + 1, high)
    assert abs(second.reading_ns(low, low) - offsets.start_ns - truth.offset_ns) < 3
    later = 10**13
    gone = [clock.reading_ns(later, later) - clock.reading_ns(0, 0) for clock in (first, second)]
    assert truth.skew_ppm == pytest.approx((gone[1] / gone[0] - 1) * 1e6, rel=1e-9)


def test_the_truth_of_a_real_run_is_in_real_time_and_of_a_simulated_one_in_its_own() -> None:
    """Machines that run ten times faster show a tenth of the offset, in whole nanoseconds."""
    scenario = driftlab.Scenario(rates=[5, 4], seconds=9, offset_ms=[0, 50.0000001], speed=10)
    history = history_of(scenario)
    info = [each._replace(simulated=False) for each in history.trace.process_info]
    truths = [
        estimate_offsets(trace, history.messages).machines[1].truth
        for trace in (history.trace, history.trace.replace(process_info=info))
    ]
    assert truths == [OffsetAndSkew(50_000_000, 0), OffsetAndSkew(5_000_000, 0)]


# Two machines: the bounds are those of all lines that every message allows

readings = st.tuples(st.integers(0, 1000), st.integers(0, 1000))


def every_line(messages: Sequence[Message]) -> list[tuple[Fraction, Fraction]]:
    """Return the corners (a, b) of all P1 = a + b·P0 that the messages allow, found by trying."""
    lines = [
        (Fraction(-1), Fraction(-sent), Fraction(-found - 1)) if sender == 0
        else (Fraction(1), Fraction(found + 1), Fraction(sent))
        for sender, sent, _, found in messages
    ]  # fmt: skip
    lines.append((Fraction(0), Fraction(1), Fraction(0)))  # no clock runs backwards
    met = []
    for (a1, b1, c1), (a2, b2, c2) in combinations(lines, 2):
        det = a1 * b2 - a2 * b1
        if det:
            a, b = (c1 * b2 - c2 * b1) / det, (a1 * c2 - a2 * c1) / det
            if all(one * a + two * b >= least for one, two, least in lines):
                met.append((a, b))
    return met


@given(st.lists(readings, max_size=8), st.lists(readings, max_size=8), st.integers(-50, 50))
def test_two_machines_bounds_are_exact(
    there: list[tuple[int, int]], back: list[tuple[int, int]], offset: int
) -> None:
    """Each message takes any time; two of each way keep the bounds finite."""
    messages: list[Message] = [(0, 0, 1, 90 + offset), (0, 1000, 1, 1090 + offset)]
    messages += [(1, offset, 0, 90), (1, 1000 + offset, 0, 1090)]
    messages += [(0, at, 1, at + offset + took) for at, took in there]
    messages += [(1, at + offset, 0, at + took) for at, took in back]
    trace, matched = trace_of(2, messages)
    result = estimate_offsets(trace, matched)
    start, (_, machine) = result.start_ns, result.machines
    met = every_line(messages)
    shown = [a + b * start - start for a, b in met]
    assert machine.offset_ns[:2] == (floor(min(shown)), ceil(max(shown)))
    slow, fast = machine.skew_ppm[:2]
    assert slow == pytest.approx(float(min(b for _, b in met) - 1) * 1e6, rel=1e-12)
    assert fast == pytest.approx(float(max(b for _, b in met) - 1) * 1e6, rel=1e-12)


@given(
    st.lists(st.tuples(st.booleans(), readings), min_size=2, max_size=8),
)
def test_messages_contradict_each_other_if_no_line_allows_them(
    drawn: list[tuple[bool, tuple[int, int]]],
) -> None:
    messages: list[Message] = [
        (0, sent, 1, found) if forth else (1, sent, 0, found) for forth, (sent, found) in drawn
    ]
    forth = [message for message in messages if message[0] == 0]
    assume(0 < len(forth) < len(messages))
    trace, matched = trace_of(2, messages)
    machine = estimate_offsets(trace, matched).machines[1]
    possible = bool(every_line(messages))
    assert bool(machine.contradiction) == (not possible)
    if not possible:
        times = present(trace.columns.time_ns)
        rows = {trace.place(row): row for row in range(len(trace))}
        named: list[Message] = [
            (int(send[0][1]), int(times[rows[send]]), int(found[0][1]), int(times[rows[found]]))
            for send, found in machine.contradiction
        ]
        assert set(named) <= set(messages)
        assert not every_line(named)


@given(st.lists(readings, min_size=1, max_size=30), st.integers(0, 20), st.integers(1, 20))
def test_the_corners_say_all_that_a_channel_does(
    points: list[tuple[int, int]], rise: int, run: int
) -> None:
    sent, found = np.array(points, np.int64).T
    few = lower_hull(sent, found)
    height = run * found - rise * sent
    assert height[few].min() == height.min()
    assert len(few) <= 2 or len(set(sent[few])) == len(few)


# More machines


def test_messages_by_a_third_machine_bound_those_that_never_spoke() -> None:
    messages = [(0, 10, 1, 130), (1, 140, 0, 45), (0, 990, 1, 1100), (1, 1120, 0, 1015)]
    onward = [(1, 100 + at, 2, 520 + at) for at in (20, 900)]
    onward += [(2, 500 + at, 1, 110 + at) for at in (10, 910)]
    every = (messages, [*messages, *onward])
    none, some = (estimate_offsets(*trace_of(3, each)).machines[2].offset_ns for each in every)
    assert none == (None, None, None)
    assert some.low is not None
    assert some.high is not None
    assert some.low < 500 < some.high < some.low + 200


def test_two_messages_bound_the_offset_if_all_clocks_run_at_one_rate() -> None:
    """There in at most 5 of P1's clock, back in at most 3: an offset from 497 to 505."""
    messages: list[Message] = [(0, 10, 1, 515), (1, 520, 0, 23)]
    machine = estimate_offsets(*trace_of(2, messages)).machines[1]
    assert (machine.offset_ns.low, machine.offset_ns.estimate) == (None, None)
    even = machine.equal_rates_ns
    assert even is not None
    assert (even.low, even.high, even.estimate) == pytest.approx((497, 505, 501), abs=2)
    assert machine.to_dict()["equal_rates_ns"] == even._asdict()


def test_equal_rates_are_no_question_where_messages_bound_the_rates_or_one_side() -> None:
    several: list[Message] = [(0, 10, 1, 515), (1, 520, 0, 23)]
    several += [(0, 910, 1, 1415), (1, 1420, 0, 923)]
    for messages in (several, [several[0]]):
        machine = estimate_offsets(*trace_of(2, messages)).machines[1]
        assert machine.equal_rates_ns is None
        assert "equal_rates_ns" not in machine.to_dict()


def test_one_way_alone_bounds_one_side() -> None:
    machine = estimate_offsets(*trace_of(2, [(0, 10, 1, 130), (0, 500, 1, 610)])).machines[1]
    assert machine.offset_ns.low is None
    assert machine.offset_ns.high is not None
    assert machine.offset_ns.estimate is None
    assert machine.skew_ppm == (None, None, None)


def test_of_many_machines_the_nearest_bound_each() -> None:
    size = 32
    scenario = driftlab.Scenario(
        rates=[5] * size, seconds=20, topology="ring", faces=10, seed=4,
        offset_ms=[at * 7 % 13 for at in range(size)],
        skew_ppm=[at * 31 % 90 for at in range(size)],
    )  # fmt: skip
    offsets = history_of(scenario).offsets()
    assert_true(offsets)
    assert all(each.offset_ns.estimate is not None for each in offsets.machines)


def test_bounds_of_a_long_run_tell_the_skew_to_a_few_parts_in_a_million() -> None:
    scenario = driftlab.Scenario(
        rates=[20, 20], seconds=3600, latency="exponential:0.001",
        offset_ms=[0, 50], skew_ppm=[0, 100],
    )  # fmt: skip
    machine = history_of(scenario).offsets().machines[1]
    assert machine.error is not None
    assert abs(machine.error.skew_ppm) < 5
    assert abs(machine.error.offset_ns) < 25_000_000  # half a tick


def test_the_truth_of_a_real_run_is_within_the_bounds_and_close(tmp_path: Path) -> None:
    scenario = driftlab.Scenario(
        rates=[60, 50, 40], seconds=2.5, send_one=0.2, send_all=0.1, seed=7,
        offset_ms=[0, 250, -400], skew_ppm=[0, 20_000, -30_000],
    )  # fmt: skip
    driftlab.run(scenario, out=tmp_path / "run")
    offsets = driftlab.read(tmp_path / "run").offsets()
    assert offsets.by_arrival
    assert_true(offsets)
    for each in offsets.machines[1:]:
        assert each.error is not None
        assert abs(each.error.offset_ns) < 50_000_000  # two and a half ticks of the slowest


# Exact values of small histories

FOUR_MESSAGES: tuple[Message, ...] = (
    (1, 105, 0, 10), (0, 20, 1, 130), (0, 1000, 1, 1110), (1, 1120, 0, 1030),
)  # fmt: skip
# P1 showed at most 131 when P0 showed 20, and at least 120 + 1000 when P0 showed 1031, and so on.
SLOWEST, FASTEST = Fraction(1120 - 131, 1031 - 20), Fraction(1111 - 105, 1000 - 11)


def test_the_bounds_of_a_small_history_are_exact() -> None:
    plain = estimate_offsets(*trace_of(2, FOUR_MESSAGES)).to_dict()
    _, machine = plain["machines"]
    low, high = 105 - FASTEST - 10, 131 - 10 * SLOWEST - 10
    slow, fast = (float((each - 1) * 10**6) for each in (SLOWEST, FASTEST))
    assert machine["skew_ppm"].pop("estimate") == pytest.approx((slow + fast) / 2)
    nothing = {"low": 0, "high": 0, "estimate": 0}
    assert plain == {
        "reference": "P0",
        "start_ns": 10,
        "messages": 4,
        "corners": 4,
        "by_arrival": False,
        "looking_ns": 0,
        "machines": [
            {
                "name": "P0",
                "offset_ns": nothing,
                "skew_ppm": nothing,
                "truth": None,
                "error": None,
                "contradiction": [],
            },
            {
                "name": "P1",
                "offset_ns": {
                    "low": floor(low), "high": ceil(high), "estimate": round((low + high) / 2)
                },
                "skew_ppm": {"low": nextafter(slow, -inf), "high": nextafter(fast, inf)},
                "truth": None,
                "error": None,
                "contradiction": [],
            },
        ],
    }  # fmt: skip


def test_messages_that_decide_nothing_are_counted_but_are_no_corners() -> None:
    """The last two were slower than what the others allow; one message goes to its own sender."""
    slow: list[Message] = [(0, 510, 1, 700), (1, 600, 0, 900), (0, 30, 0, 40)]
    found = estimate_offsets(*trace_of(2, [*FOUR_MESSAGES, *slow]))
    assert (found.messages, found.corners) == (6, 4)
    assert found.machines == estimate_offsets(*trace_of(2, FOUR_MESSAGES)).machines


def test_a_message_received_twice_counts_once() -> None:
    trace, messages = trace_of(2, FOUR_MESSAGES)
    receive = messages.receives[:1]
    twice = messages._replace(extra_receives=receive, extra_sends=messages.source[receive])
    assert estimate_offsets(trace, twice).messages == 4


def test_the_reference_is_off_by_exactly_nothing() -> None:
    scenario = driftlab.Scenario(rates=[5, 4], seconds=9, offset_ms=[70, 0], skew_ppm=[900, 0])
    exact = Bounds(0, 0, 0)
    reference = history_of(scenario).offsets().machines[0]
    assert reference == MachineOffset("A", exact, exact, OffsetAndSkew(0, 0), ())
    assert reference.error == OffsetAndSkew(0, 0)


def test_the_reference_is_the_first_machine_that_has_events() -> None:
    moved: list[Message] = [
        (one + 1, sent, two + 1, found) for one, sent, two, found in FOUR_MESSAGES
    ]
    found = estimate_offsets(*trace_of(3, moved))
    assert (found.reference, found.start_ns) == ("P1", 10)
    unknown = Bounds(None, None, None)
    assert found.machines[0] == MachineOffset("P0", unknown, unknown, None, ())
    expected = estimate_offsets(*trace_of(2, FOUR_MESSAGES)).machines[1]
    assert found.machines[2] == expected._replace(name="P2")


def test_a_log_without_events_bounds_nothing() -> None:
    found = estimate_offsets(*trace_of(2, []))
    assert found[:6] == ("P0", 0, 0, 0, False, 0)
    assert found.machines[1].offset_ns == (None, None, None)


def test_estimates_without_a_truth_have_no_error() -> None:
    bounds = Bounds(1, 3, 2)
    truth = OffsetAndSkew(5, 0.5)
    unknown = MachineOffset("B", bounds, bounds, None, ())
    assert unknown.error is None
    assert unknown.to_dict()["error"] is None
    assert MachineOffset("B", Bounds(1, None, None), bounds, truth, ()).error is None
    assert MachineOffset("B", bounds, Bounds(1, None, None), truth, ()).error is None
    known = MachineOffset("B", bounds, bounds, truth, ((("A", 3), ("B", 4)),))
    assert known.error == OffsetAndSkew(-3, 1.5)
    assert known.to_dict() == {
        "name": "B",
        "offset_ns": {"low": 1, "high": 3, "estimate": 2},
        "skew_ppm": {"low": 1, "high": 3, "estimate": 2},
        "truth": {"offset_ns": 5, "skew_ppm": 0.5},
        "error": {"offset_ns": -3, "skew_ppm": 1.5},
        "contradiction": [{"send": ["A", 3], "found": ["B", 4]}],
    }


def test_offsets_count_from_the_start_where_ticks_have_due_times() -> None:
    """P0's first event was due 4 ns after the start, and 2 ns late."""
    trace, messages = trace_of(2, FOUR_MESSAGES)
    due, late = np.full((2, len(trace)), [[4], [2]])
    columns = trace.columns._replace(due_ns=due, late_ns=late)
    found = estimate_offsets(trace.replace(columns=columns), messages)
    assert found.start_ns == 10 - 6
    low = 105 - FASTEST * 7 - 4  # the line through (11, 105), back to P0's 4
    assert found.machines[1].offset_ns.low == floor(low)
    on_time = estimate_offsets(trace.replace(columns=columns._replace(late_ns=None)), messages)
    assert on_time.start_ns == 10 - 4


@pytest.mark.parametrize(
    ("has_arrivals", "simulated", "allowed"),
    [(True, False, 1_000_000), (True, True, 0), (False, False, 0), (None, False, 1_000_000)],
)
def test_only_where_a_real_machine_checks_its_sockets_later_is_time_allowed_for(
    has_arrivals: bool | None, simulated: bool, allowed: int
) -> None:
    """None: the log has the column, but nothing in it."""
    trace, messages = trace_of(2, FOUR_MESSAGES)
    none = np.zeros(0, np.int64)
    arrivals = None if has_arrivals is False else Arrivals(np.zeros(9, np.int64), none, none)
    if has_arrivals:
        starts = np.arange(9).clip(0, 1)
        arrivals = Arrivals(starts, np.array([1]), np.array([7]))
    found = estimate_offsets(
        trace.replace(arrivals=arrivals, process_info=[ProcessInfo(simulated=simulated)] * 2),
        messages,
    )
    assert found.looking_ns == allowed
    assert found.by_arrival == bool(has_arrivals)
    assert is_real_run(trace) is False
    bounds = clock_bounds(trace, messages, present(trace.columns.time_ns)).bounds
    assert [(each.sent_ns, each.arrived_ns) for each in bounds if each.sender == 0] == [
        (20, 131), (1000, 1111)
    ]  # fmt: skip


def chain(machines: int) -> list[Message]:
    """Return messages both ways between neighbours whose clocks agree; each takes 3 ns at most."""
    return [
        message
        for at in range(machines - 1)
        for message in (
            (at, 10, at + 1, 12), (at + 1, 20, at, 22),
            (at, 10_000, at + 1, 10_002), (at + 1, 10_010, at, 10_012),
        )
    ]  # fmt: skip


@pytest.mark.parametrize("machines", [MACHINES_BETWEEN_MAX, MACHINES_BETWEEN_MAX + 1])
def test_messages_by_way_of_others_bound_up_to_a_number_of_machines(machines: int) -> None:
    trace, messages = trace_of(machines, chain(machines))
    bounds = clock_bounds(trace, messages, present(trace.columns.time_ns)).bounds
    last = machines - 1
    within = machines <= MACHINES_BETWEEN_MAX
    assert set(_nearest(bounds, 0, last)) == (set(range(machines)) if within else {0, last})
    found = estimate_offsets(trace, messages).machines
    assert holds(found[last].offset_ns, 0)
    assert (found[last].offset_ns.low is not None) == within
    assert found[last - 1].offset_ns.low is not None


@pytest.mark.parametrize("machines", [MACHINES_JOINTLY_MAX, MACHINES_JOINTLY_MAX + 1])
def test_so_many_machines_are_bounded_jointly_and_no_more(machines: int) -> None:
    """All others are two hops from the reference and the machine by way of a hub, P2."""
    hub = [(2, at, each, at + 1) for at in (1, 2) for each in range(machines) if each != 2]
    trace, messages = trace_of(machines, hub)
    bounds = clock_bounds(trace, messages, present(trace.columns.time_ns)).bounds
    expected = [0, 1, 2, *range(3, machines)][:MACHINES_JOINTLY_MAX]
    assert _nearest(bounds, 0, 1) == expected
    assert _nearest(bounds, 0, machines - 1)[:3] == [0, machines - 1, 2]
    assert len(_nearest(bounds, 0, machines - 1)) == MACHINES_JOINTLY_MAX


def test_those_near_to_both_are_bounded_jointly_first() -> None:
    """P3 to P24 are two hops from P1: P3 to P10 by way of P2, the others by way of P0."""
    links = [(0, 1), (1, 2), *((2, each) for each in range(3, 11)),
             *((0, each) for each in range(11, 25))]  # fmt: skip
    trace, messages = trace_of(25, [(one, 1, other, 2) for one, other in links])
    bounds = clock_bounds(trace, messages, present(trace.columns.time_ns)).bounds
    assert _nearest(bounds, 0, 1) == [0, 1, 2, *range(11, 24)]


def test_machines_without_a_way_between_them_are_taken_alone() -> None:
    trace, messages = trace_of(5, [(0, 1, 1, 2), (2, 1, 3, 2)])
    bounds = clock_bounds(trace, messages, present(trace.columns.time_ns)).bounds
    assert _nearest(bounds, 0, 2) == [0, 2]
    assert _nearest(bounds, 0, 4) == [0, 4]


def test_the_lower_hull_is_where_the_least_line_bends() -> None:
    def hull(*points: tuple[int, int]) -> list[int]:
        sent, found = np.array(points, np.int64).T
        corners: list[int] = lower_hull(sent, found).tolist()
        return corners

    assert hull((5, 9)) == [0]
    assert hull((0, 0), (10, 10)) == [0, 1]
    assert hull((10, 10), (0, 0)) == [1, 0]  # from left to right
    assert hull((0, 0), (5, 5), (10, 10)) == [0, 2]  # on the line is no vertex
    assert hull((0, 0), (5, 4), (10, 10)) == [0, 1, 2]
    assert hull((0, 0), (5, 6), (10, 10)) == [0, 2]
    assert hull((0, 0), (0, 0)) == [0]
    assert hull((0, 3), (4, 3)) == [1]  # the later send says more
    assert hull((0, 0), (9, 5), (9, 3)) == [0, 2]
    assert hull((0, 0), (1, 9), (2, 1), (3, 7), (4, 4), (9, 20)) == [0, 2, 4, 5]


# The command

MESSAGES_IN_A_RING = [((f"A{at}", at), (f"B{at}", at + 1)) for at in range(6)]


@pytest.mark.parametrize(("count", "more"), [(4, ""), (5, " and 1 more")])
def test_some_contradicting_messages_are_shown(count: int, more: str) -> None:
    open_end = Bounds(None, None, None)
    machine = MachineOffset("B", open_end, open_end, None, tuple(MESSAGES_IN_A_RING[:count]))
    shown = ", ".join(f"A{at} {at} -> B{at} {at + 1}" for at in range(4))
    assert offsets_command._contradiction(machine) == (
        "B: no clocks that run evenly allow all of these messages "
        f"(the send -> the event that found it): {shown}{more}"
    )


def test_the_command_says_what_equal_rates_show(capsys: pytest.CaptureFixture[str]) -> None:
    found = estimate_offsets(*trace_of(2, [(0, 10, 1, 5_000_010), (1, 6_000_000, 0, 2_000_000)]))
    offsets_command._show(found)
    assert capsys.readouterr().out.splitlines()[-1] == (
        "P1: if all clocks run at one rate, its offset is between 4.000 and 5.000 ms "
        "(estimate 4.500)"
    )


def test_the_command_shows_open_ends(capsys: pytest.CaptureFixture[str]) -> None:
    one_way = estimate_offsets(*trace_of(3, [(0, 0, 1, 2_500_000)]))
    offsets_command._show(one_way)
    assert capsys.readouterr().out.splitlines()[2:] == [
        "─" * 62,
        "P0            0.000  0.000     0.000        0.0  0.0       0.0",
        "P1               -∞  2.500         -         -∞    ∞         -",
        "P2               -∞      ∞         -         -∞    ∞         -",
        "",
        "relative to P0's clock, offsets at its start",
        "from 1 message, by when they were received; 1 of them decides",
    ]
    allowed = one_way._replace(by_arrival=True, looking_ns=1_500_000, messages=3, corners=2)
    offsets_command._show(allowed)
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "from 3 messages, by when a tick found them; 2 of them decide",
        "allowed between reading the clock and checking the sockets: 1.5 ms",
    ]


def test_the_command_shows_bounds_beside_what_was_set(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scenario = driftlab.Scenario(rates=[9, 7, 1], seconds=30, offset_ms=[0, 50, -20], faces=20)
    driftlab.simulate(scenario, out=tmp_path / "run")
    assert main(["offsets", str(tmp_path / "run"), "--json"]) == 0
    plain = json.loads(capsys.readouterr().out)
    assert [each["truth"]["offset_ns"] for each in plain["machines"]] == [0, 50e6, -20e6]
    assert (
        plain["machines"][1]["offset_ns"]["low"] < 50e6 < plain["machines"][1]["offset_ns"]["high"]
    )
    assert main(["offsets", str(tmp_path / "run")]) == 0
    said = capsys.readouterr().out
    assert "50.000" in said
    assert "by when a tick found them; " in said
