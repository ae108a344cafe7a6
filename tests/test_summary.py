"""The metrics of a run, against values worked out by hand."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from driftlab.analysis.metrics import (
    Counters,
    Lateness,
    MachineMetrics,
    count_events,
    fastest,
    lateness_of,
)
from driftlab.analysis.run_statistics import metrics_of_trace
from driftlab.api.simulate_one import EventCounter
from driftlab.history.trace import ProcessInfo, Trace
from driftlab.journal.journal_columns import columns_of_entries, concatenate
from driftlab.journal.parser import Entry, Instant
from driftlab.model.columns import starts_of
from driftlab.model.event import Event, EventBatch, Kind

KINDS = {"i": Kind.INTERNAL, "s": Kind.SEND, "r": Kind.RECEIVE}


class Machine:
    """What a machine did, tick by tick, at speed 5."""

    def __init__(
        self,
        kinds: str,
        clocks: Sequence[int],
        queues: Sequence[int],
        late_us: Sequence[int],
        rate: float = 2,
    ) -> None:
        self.rate = rate
        self.entries = [
            Entry(
                Event("A", tick, KINDS[kind], None, None, (), clock, queue),
                Instant(0, tick * 100_000_000, late * 1000),
                (),
            )
            for tick, (kind, clock, queue, late) in enumerate(
                zip(kinds, clocks, queues, late_us, strict=True)
            )
        ]


def metrics(*machines: Machine, simulated: bool = False) -> tuple[MachineMetrics, ...]:
    """Return the metrics of machines that were to run for 60 s."""
    rows = concatenate(
        columns_of_entries(one.entries, range(len(one.entries)), {"A": 0}, "lamport")
        for one in machines
    )
    trace = Trace(
        ["A", "B", "C"][: len(machines)],
        starts_of([len(one.entries) for one in machines]),
        rows.columns,
        process_info=[ProcessInfo(rate=one.rate, simulated=simulated) for one in machines],
    )
    return metrics_of_trace(trace, range(len(machines)), seconds=60, speed=5)


def summary(
    kinds: str, clocks: list[int], queues: list[int], late_us: list[int], rate: float = 2
) -> MachineMetrics:
    """Return the metrics of one machine of rate 2 at speed 5: a tick every 0.1 s of real time."""
    (one,) = metrics(Machine(kinds, clocks, queues, late_us, rate))
    return one


def test_events_clocks_jumps_and_queues_are_those_of_the_entries() -> None:
    figures = summary("iisrr", [1, 2, 3, 9, 10], [0, 0, 0, 3, 1], [5] * 5)
    assert figures.events == {"internal": 2, "send": 1, "receive": 2}
    assert (figures.ticks, figures.clock) == (5, 10)
    assert figures.jump == (9 / 4, 6)
    assert figures.queue == (4 / 5, 3, 1)


def test_the_achieved_rate_is_that_of_the_ticks_as_they_began_in_scenario_time() -> None:
    assert summary("iiiii", [1, 2, 3, 4, 5], [0] * 5, [0] * 5).achieved_rate == 2
    late = summary("iiiii", [1, 2, 3, 4, 5], [0] * 5, [0, 0, 0, 0, 400_000])
    assert late.achieved_rate == 1  # four periods took 0.8 s instead of 0.4 s


def test_two_ticks_have_the_rate_of_the_time_between_them() -> None:
    assert summary("", [], [], []).achieved_rate == 0
    assert summary("i", [1], [0], [0]).achieved_rate == 1 / 60
    assert summary("ii", [1, 2], [0] * 2, [0] * 2).achieved_rate == 2
    at_once = summary("ii", [1, 2], [0] * 2, [100_000, 0])  # both began at the same instant
    assert at_once.achieved_rate == 1e9 / 5
    assert summary("iii", [1, 3, 5], [1, 0, 1], [0] * 3).queue == (2 / 3, 1, 1)


def test_lateness_is_by_nearest_rank_in_microseconds() -> None:
    figures = summary("i" * 200, list(range(200)), [0] * 200, list(range(1, 201)))
    assert figures.lateness_us == Lateness(100, 198, 200)
    one = summary("i", [1], [0], [7])
    assert one.lateness_us == Lateness(7, 7, 7)


def test_drift_is_counted_from_the_fastest_machine() -> None:
    slow = Machine("ii", [1, 5], [0, 0], [0, 0], rate=1)
    fast = Machine("ii", [1, 9], [0, 0], [0, 0], rate=3)
    also = Machine("ii", [1, 12], [0, 0], [0, 0], rate=3)
    assert [machine.drift for machine in metrics(slow, fast, also)] == [-4, 0, 3]
    assert [machine.drift for machine in metrics(slow)] == [0]
    assert fastest([1, 3, 3, 2]) == 1
    trace = Trace([], starts_of([]), columns_of_entries([], [], {}, "lamport").columns)
    assert metrics_of_trace(trace, [], seconds=60, speed=5) == ()


def test_simulated_time_passes_at_its_own_speed_and_nothing_is_late() -> None:
    machine = Machine("iiiii", [1, 2, 3, 4, 5], [0] * 5, [7] * 5)
    (real,), (simulated,) = metrics(machine), metrics(machine, simulated=True)
    assert (real.achieved_rate, simulated.achieved_rate) == (2, 10)
    assert (real.lateness_us, simulated.lateness_us) == (Lateness(7, 7, 7), None)
    assert real.name == "A"


def test_a_machine_without_ticks_has_figures_of_nothing() -> None:
    figures = summary("", [], [], [])
    assert (figures.ticks, figures.clock, figures.achieved_rate) == (0, 0, 0)
    assert figures.lateness_us is None
    assert "lateness_us" not in figures.to_dict()
    one = summary("s", [1], [0], [0])
    assert (one.jump, one.achieved_rate) == ((0.0, 0), 1 / 60)


@pytest.mark.parametrize("count", [1, 2, 3, 99, 100, 101, 199, 200, 201])
def test_percentiles_are_the_smallest_values_that_cover_their_share(count: int) -> None:
    late = list(range(0, 1000 * count, 1000))
    found = lateness_of(late)
    assert found is not None
    for share, value in ((0.5, found.p50), (0.99, found.p99), (1, found.max)):
        covered = sum(each <= value * 1000 for each in late)
        assert covered >= share * count > covered - 1


columns = st.lists(st.tuples(st.sampled_from("isr"), st.integers(0, 99), st.integers(0, 9)))


def counted(rows: Sequence[tuple[str, int, int]]) -> Counters:
    return count_events(
        [kind for kind, _, _ in rows], [clock for _, clock, _ in rows],
        [queue for _, _, queue in rows], send="s", receive="r",
    )  # fmt: skip


def values_of(counters: Counters) -> list[int]:
    return [getattr(counters, name) for name in Counters.__slots__]


@given(columns)
def test_counters_are_those_of_a_loop_over_the_events(rows: list[tuple[str, int, int]]) -> None:
    jumps = [after[1] - before[1] for before, after in pairwise(rows)]
    queues = [queue for _, _, queue in rows]
    kinds = [kind for kind, _, _ in rows]
    found = counted(rows)
    assert found.ticks == len(rows)
    assert (found.internal, found.send, found.receive) == tuple(map(kinds.count, "isr"))
    assert found.jump_max == max([0, *jumps])
    assert (found.queue_sum, found.queue_max) == (sum(queues), max([0, *queues]))
    if rows:
        assert (found.first_clock, found.clock) == (rows[0][1], rows[-1][1])
        assert found.queue_last == queues[-1]


@given(columns, columns, columns)
def test_parts_that_are_counted_one_by_one_count_as_the_whole(
    one: list[tuple[str, int, int]],
    two: list[tuple[str, int, int]],
    three: list[tuple[str, int, int]],
) -> None:
    parts = counted(one).then(counted(two)).then(counted(three))
    assert values_of(parts) == values_of(counted([*one, *two, *three]))


@given(columns, st.integers(1, 4))
def test_events_are_counted_the_same_however_many_are_held(
    rows: list[tuple[str, int, int]], held: int
) -> None:
    counter = EventCounter(2)
    counter._room = counter._size = held
    for tick, (kind, clock, queue) in enumerate(rows):
        event = Event("A", tick, KINDS[kind], None, None, (), clock, queue)
        counter.add(EventBatch([1], [0], [event], [()]))
        assert sum(map(len, counter._held)) < held
    assert list(map(values_of, counter.counters())) == [[0] * 9, values_of(counted(rows))]
