"""What messages tell of clocks that are off: bounds that hold the truth, exactly."""

import json
from collections.abc import Sequence
from fractions import Fraction
from itertools import combinations
from math import ceil, floor
from pathlib import Path

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import driftlab
from driftlab.analysis.offsets import Bounds, Offsets, estimate_offsets, lower_hull
from driftlab.api.history import History
from driftlab.cli.main import main
from driftlab.history.matching.messages import UNMATCHED, Messages
from driftlab.history.trace import Trace
from driftlab.model.columns import NOBODY, Columns
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
    assert not isinstance(run, list)
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


# The command


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
